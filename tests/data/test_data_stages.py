"""The stages of the data hop: parts, sets, trials, and tables cut and joined."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.data.corpora import load_corpus
from steps_py.data.data_dir import check_data_dir, read_table, write_table
from steps_py.data.sets import combine_parts, gather_tables, split_table
from steps_py.data.trial_checks import check_trials
from steps_py.data.trials import Trial, Trials
from steps_py.errors import DataDirError
from steps_py.stages import check_sets as check_sets_stage
from steps_py.stages import combine_parts as combine_parts_stage
from steps_py.stages import prepare_part as prepare_part_stage
from steps_py.stages import prepare_trials as prepare_trials_stage
from tests.support.tiny_corpora import write_lines, write_wav


def part(root, name, utt2spk):
    """A part data/parts/<name> as prepare_part writes it."""
    write_table(root / name / "utt2spk", utt2spk)
    write_table(root / name / "wav.scp", {utt: f"{utt}.wav" for utt in utt2spk})
    write_table(root / name / "utt2dur", dict.fromkeys(utt2spk, "1800.0000"))
    return root / name


def speakers_of(*utts):
    return {utt: utt.partition("-")[0] for utt in utts}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A corpus of three speakers, and the recipe's folder as the place to work in."""
    for path in ("anna/s1/a", "anna/s2/b", "ben/s1/a", "carl/s1/a"):
        write_wav(tmp_path / f"corpus/{path}.wav", num_samples=8000)
    write_lines(tmp_path / "train.lst", "carl/s1/a.wav")
    write_lines(tmp_path / "dev.lst", "anna/s1/a.wav", "anna/s2/b.wav", "ben/s1/a.wav")
    monkeypatch.chdir(tmp_path)
    return tmp_path


OPTIONS = {
    "type": "folder",
    "root": "corpus",
    "lists": {"train": "train.lst", "dev": "dev.lst"},
    "trials": {"dev": {"file": "dev_trials"}},
}


def prepare(*parts):
    for name in parts:
        prepare_part_stage.main(["--name", "speech", "--part", name, "--threads", "2",
                                 "--options", json.dumps(OPTIONS),
                                 "--out", f"data/parts/speech.{name}"])  # fmt: skip
        combine_parts_stage.main(["--parts", f"data/parts/speech.{name}", "--out", f"data/{name}"])


def prepare_trials(*lines, **options):
    write_lines("dev_trials", *lines)
    # fmt: off
    prepare_trials_stage.main(["--name", "speech", "--list", "dev", "--out", "data/trials/dev",
                               "--options", json.dumps(OPTIONS | options),
                               "--enroll", "data/dev/utt2spk", "--test", "data/dev/utt2spk"])
    # fmt: on
    with open("data/trials/dev") as trials:
        return trials.read().splitlines()


def test_from_a_folder_to_checked_sets_and_trials(recipe, capsys):
    prepare("train", "dev")
    assert read_table("data/dev/wav.scp") == {
        "anna-s1-a": "corpus/anna/s1/a.wav",
        "anna-s2-b": "corpus/anna/s2/b.wav",
        "ben-s1-a": "corpus/ben/s1/a.wav",
    }
    assert read_table("data/dev/utt2dur")["ben-s1-a"] == "0.5000"
    assert read_table("data/dev/spk2utt") == {"anna": "anna-s1-a anna-s2-b", "ben": "ben-s1-a"}
    check_sets_stage.main(["--train", "data/train", "--test", "data/dev", "--out", "data/sets.tsv"])
    with open("data/sets.tsv") as table:
        assert (
            table.read() == "set\tspeakers\tutterances\thours\ntrain\t1\t1\t0.00\ndev\t2\t3\t0.00\n"
        )
    lines = ["1 anna/s1/a.wav anna/s2/b.wav", "0 anna/s1/a.wav ben/s1/a.wav"]
    assert prepare_trials(*lines) == [
        "anna-s1-a anna-s2-b target", "anna-s1-a ben-s1-a nontarget"
    ]  # fmt: skip
    said = capsys.readouterr().out.splitlines()
    assert "speech.dev: 3 utterances of 2 speakers, 0.00 hours" in said
    assert "data/dev: 3 utterances of 2 speakers" in said
    assert "dev\t2\t3\t0.00" in said
    assert said[-1] == "speech.dev: 1 target and 1 nontarget trials"


def test_a_damaged_recording_stops_the_first_stage_and_writes_nothing(recipe):
    (recipe / "corpus/carl/s1/a.wav").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "steps_py.stages.prepare_part", "--name", "speech",
         "--part", "train", "--options", json.dumps(OPTIONS), "--out", "data/parts/speech.train"],
        capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("prepare_part: speech.train: 1 of 1 recordings cannot be read:")
    assert "corpus/carl/s1/a.wav (empty" in line
    assert not (recipe / "data").exists()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["1 anna/s1/a.wav anna/s2/b.wav"], "none of the 1 trials is a nontarget trial"),
        (["0 anna/s1/a.wav ben/s1/a.wav"], "none of the 1 trials is a target trial"),
        (["1 anna/s1/a.wav anna/s2/b.wav", "0 anna/s1/a.wav anna/s2/b.wav"],
         "1 trials are both target and nontarget (anna-s1-a anna-s2-b)"),
        (["1 anna/s1/a.wav anna/s2/b.wav", "0 anna/s1/a.wav ben/s1/a.wav",
          "0 anna/s1/a.wav ben/s1/a.wav"],
         "1 of 3 trials repeat another (anna-s1-a ben-s1-a)"),
        (["1 anna/s1/a.wav anna/s2/c.wav", "0 anna/s1/a.wav carl/s1/a.wav"],
         "2 of 2 trials name utterances that are in no set: 2 utterances (anna-s2-c, carl-s1-a)."
         " Add their corpus part in data.sets, or set data.corpora.speech.partial: true."),
    ],
)  # fmt: skip
def test_trials_that_cannot_be_trusted_are_an_error_and_not_written(recipe, lines, said):
    prepare("dev")
    with pytest.raises(DataDirError) as error:
        prepare_trials(*lines)
    assert str(error.value).startswith("speech.dev: ")
    assert said in str(error.value)
    assert not (recipe / "data/trials").exists()


def test_partial_keeps_the_trials_whose_utterances_are_there(recipe, capsys):
    prepare("dev")
    lines = ["1 anna/s1/a.wav anna/s2/b.wav", "0 anna/s1/a.wav ben/s1/a.wav",
             "1 anna/s1/a.wav anna/s2/c.wav"]  # fmt: skip
    assert len(prepare_trials(*lines, partial=True)) == 2
    assert "speech.dev: kept 2 of 3 trials" in capsys.readouterr().out


def test_labels_that_disagree_with_the_speakers_stop_the_run_unless_they_are_to_count(
    recipe, capsys
):
    prepare("dev")
    inverted = ["1 anna/s1/a.wav ben/s1/a.wav", "0 anna/s1/a.wav anna/s2/b.wav"]
    said = "the labels of 2 of 2 trials disagree with utt2spk"
    with pytest.raises(DataDirError, match=rf"{said} .*All are inverted"):
        prepare_trials(*inverted)
    one = ["1 anna/s1/a.wav ben/s1/a.wav", "1 anna/s1/a.wav anna/s2/b.wav",
           "0 ben/s1/a.wav anna/s2/b.wav"]  # fmt: skip
    with pytest.raises(DataDirError, match=r"labels of 1 of 3 .*\). Mend the labels"):
        prepare_trials(*one)
    capsys.readouterr()
    trusted = {"dev": {"file": "dev_trials", "labels": "list"}}
    assert len(prepare_trials(*inverted, trials=trusted)) == 2
    assert f"WARNING: speech.dev: {said}" in capsys.readouterr().out


def test_all_lines_of_a_list_that_are_no_trials_are_told_with_their_numbers(recipe):
    prepare("dev")
    with pytest.raises(DataDirError) as error:
        prepare_trials("1 a b", "2 a b", "0 anna/s1/a.wav ben/s1/a.wav", "same a b", "x", "y", "z")
    lines = str(error.value).splitlines()
    assert [line.split(": ")[0][-2:] for line in lines[:3]] == [":2", ":4", ":5"]
    assert lines[3].endswith("2 more lines like these.")


def test_trials_keep_their_order_and_the_faulty_ones_are_named_in_it(tmp_path):
    """Sides of a list are numbered as they come; messages follow the list, not the numbers."""
    corpus = load_corpus("folder", {"root": str(tmp_path), "partial": True})
    utt2spk = speakers_of("a-1", "a-2", "b-1", "b-2")
    rows = [
        ("b-1", "a-1", False), ("x-1", "a-1", False), ("a-1", "b-1", False), ("b-2", "b-1", True),
        ("a-1", "a-2", True), ("b-1", "a-1", True), ("a-1", "b-1", True), ("a-1", "a-2", True),
    ]  # fmt: skip
    trials = Trials.of(rows)
    assert list(trials) == rows
    with pytest.raises(DataDirError, match=r"2 trials are both .* \(b-1 a-1, a-1 b-1\)\."):
        check_trials(trials, utt2spk, utt2spk, "speech.x", corpus)
    kept = Trials.of([row for row in rows if row[2] or row[0] == "x-1"])
    with pytest.raises(DataDirError, match=r"none of the 5 trials is a nontarget"):
        check_trials(kept, utt2spk, utt2spk, "speech.x", corpus)
    kept = Trials.of([*rows[:5], rows[4], rows[2], rows[4]])
    with pytest.raises(DataDirError, match=r"3 of 7 .* repeat another \(a-1 b-1, a-1 a-2\)\."):
        check_trials(kept, utt2spk, utt2spk, "speech.x", corpus)
    kept, notes = check_trials(Trials.of(rows[:5]), utt2spk, utt2spk, "speech.x", corpus)
    assert list(kept) == [rows[0], *rows[2:5]]
    assert notes == ["speech.x: kept 4 of 5 trials"]


def test_two_names_of_one_utterance_make_one_trial_of_two(tmp_path):
    trials = Trials.of([("a/1", "b-1", False), ("a-1", "b-1", False)])
    utts = trials.renamed({"a/1": "a-1", "a-1": "a-1", "b-1": "b-1"})
    assert list(utts) == [("a-1", "b-1", False)] * 2
    assert utts.sides == ["a-1", "b-1"]


def test_a_published_list_may_repeat_itself_but_not_be_about_other_people(tmp_path):
    """Published results count a repeated trial twice; a wrong label means another release."""
    corpus = load_corpus("voxceleb1", {"root": str(tmp_path)})
    utt2spk = speakers_of("anna-1", "anna-2", "ben-1")
    trials = [Trial("anna-1", "anna-2", True), *[Trial("anna-1", "ben-1", False)] * 2]
    kept, notes = check_trials(trials, utt2spk, utt2spk, "voxceleb1.vox1_e", corpus)
    assert kept == trials
    assert notes == ["voxceleb1.vox1_e: 1 of 3 trials repeat another, as published"]
    trials.append(Trial("anna-2", "ben-1", True))
    with pytest.raises(DataDirError, match=r"labels of 1 of 4 trials disagree .*another version"):
        check_trials(trials, utt2spk, utt2spk, "voxceleb1.vox1_e", corpus)


def test_parts_join_to_a_sound_data_directory(tmp_path):
    parts = [part(tmp_path, "a.dev", speakers_of("ben-1", "ben-2")),
             part(tmp_path, "a.test", speakers_of("anna-1", "ben-3"))]  # fmt: skip
    assert combine_parts(parts, tmp_path / "train") == (4, 2)
    found = check_data_dir(tmp_path / "train")
    assert list(read_table(tmp_path / "train/utt2spk")) == ["anna-1", "ben-1", "ben-2", "ben-3"]
    assert found.hours == 2


def test_an_utterance_of_two_parts_is_an_error(tmp_path):
    parts = [part(tmp_path, "a.dev", speakers_of("ben-1", "ben-2")),
             part(tmp_path, "a.test", speakers_of("anna-1", "ben-2"))]  # fmt: skip
    with pytest.raises(DataDirError) as error:
        combine_parts(parts, tmp_path / "train")
    assert "a.test/utt2spk: 1 utterances are in another part of the set too (ben-2)" in str(
        error.value
    )
    assert not (tmp_path / "train").exists()


def test_a_speaker_of_two_corpora_is_an_error(tmp_path):
    parts = [
        part(tmp_path, "a.dev", speakers_of("01-1")),
        part(tmp_path, "b.dev", speakers_of("01-2")),
    ]
    with pytest.raises(
        DataDirError, match=r"speaker '01' is in a too.*set data.corpora.b.id_prefix"
    ):
        combine_parts(parts, tmp_path / "train")


def test_a_part_whose_tables_differ_is_an_error(tmp_path):
    path = part(tmp_path, "a.dev", speakers_of("ben-1", "ben-2"))
    write_table(path / "utt2dur", {"ben-1": "1"})
    with pytest.raises(DataDirError, match=r"utt2dur: 1 missing \(ben-2\) of the 2 keys"):
        combine_parts([path], tmp_path / "train")


def data_set(tmp_path, name, *utts):
    combine_parts([part(tmp_path, f"{name}.all", speakers_of(*utts))], tmp_path / name)
    return str(tmp_path / name)


def test_a_speaker_trained_on_and_tested_is_an_error_and_no_table_is_written(tmp_path):
    train = data_set(tmp_path, "train", "anna-1", "ben-1", "carl-1")
    test = data_set(tmp_path, "test", "ben-2", "dora-1")
    out = tmp_path / "sets.tsv"
    with pytest.raises(DataDirError) as error:
        check_sets_stage.main(["--train", train, "--test", test, "--out", str(out)])
    assert str(error.value) == (
        f"{train}: 1 of 3 speakers are also in {test} (ben). Train and test on different speakers:"
        " edit the lists of files, or name their utterances in exclude; where whole corpus parts"
        " overlap, choose others in data.sets."
    )
    assert not out.exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_closed_set_shares_speakers_and_no_utterance(tmp_path, again):
    train = data_set(tmp_path, "train", "anna-1", "ben-1")
    test = data_set(tmp_path, "test", "anna-1" if again else "anna-2", "ben-2")
    out = tmp_path / "sets.tsv"
    options = ["--train", train, "--test", test, "--closed-set", "--out", str(out)]
    if not again:
        check_sets_stage.main(options)
        assert [row.split("\t")[1] for row in out.read_text().splitlines()[1:]] == ["2", "2"]
        return
    with pytest.raises(DataDirError, match=r"1 of 2 utterances are also in .*test \(anna-1\)"):
        check_sets_stage.main(options)
    assert not out.exists()


def test_sets_that_are_both_trained_on_may_share_speakers(tmp_path):
    one, two = data_set(tmp_path, "one", "anna-1"), data_set(tmp_path, "two", "anna-2")
    check_sets_stage.main(["--train", one, two, "--test", "--out", str(tmp_path / "sets.tsv")])
    assert (tmp_path / "sets.tsv").read_text().splitlines()[1:] == [
        "one\t1\t1\t0.50",
        "two\t1\t1\t0.50",
    ]


def test_the_faults_of_all_sets_are_reported_together(tmp_path):
    one, two = data_set(tmp_path, "one", "anna-1"), data_set(tmp_path, "two", "ben-2")
    os.unlink(f"{one}/wav.scp")
    write_lines(f"{two}/spk2utt", "ben ben-1")
    with pytest.raises(DataDirError) as error:
        check_sets_stage.main(["--train", one, "--test", two, "--out", str(tmp_path / "sets.tsv")])
    first, second = str(error.value).splitlines()
    assert "one: wav.scp missing" in first
    assert "spk2utt: is not the inverse of" in second


@given(num_lines=st.integers(0, 40), num_parts=st.integers(1, 12))
def test_cut_and_joined_is_the_same_table(tmp_path_factory, num_lines, num_parts):
    folder = tmp_path_factory.mktemp("split")
    write_table(
        folder / "wav.scp", {f"utt{i:03d}": f"sox '{i}  x.wav' |" for i in range(num_lines)}
    )
    outs = [folder / f"part{i}" for i in range(num_parts)]
    split_table(folder / "wav.scp", outs)
    sizes = [len(read_table(out)) for out in outs]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    gather_tables(outs, folder / "wav.scp", folder / "feats.scp")
    assert (folder / "feats.scp").read_bytes() == (folder / "wav.scp").read_bytes()


def test_a_lost_key_is_named_and_the_old_table_stays(tmp_path):
    keys = write_lines(tmp_path / "wav.scp", *(f"u{i} {i}" for i in range(7)))
    parts = [write_lines(tmp_path / "p1", "u0 0", "u1 1"), write_lines(tmp_path / "p2", "u3 3")]
    out = write_lines(tmp_path / "feats.scp", "old table")
    with pytest.raises(DataDirError) as error:
        gather_tables(parts, keys, out)
    assert str(error.value) == (
        f"{out}: 4 missing (u2, u4, u5 and 1 more) of the 7 keys of {keys}."
        " The logs of the parts say why."
    )
    assert out.read_text() == "old table\n"


def test_parts_in_another_order_are_an_error(tmp_path):
    keys = write_lines(tmp_path / "wav.scp", "a 1", "b 2")
    one, two = write_lines(tmp_path / "p1", "a 1"), write_lines(tmp_path / "p2", "b 2")
    with pytest.raises(
        DataDirError, match="p1: begins with 'a', but the part before it ends with 'b'"
    ):
        gather_tables([two, one], keys, tmp_path / "out")
    with pytest.raises(DataDirError, match="begins with 'a', but the part before it ends with 'a'"):
        gather_tables([one, one], keys, tmp_path / "out")
    gather_tables([one, write_lines(tmp_path / "p0"), two], keys, tmp_path / "out")


def test_an_unsorted_table_is_not_cut(tmp_path):
    path = write_lines(tmp_path / "wav.scp", "b 1", "a 2")
    with pytest.raises(DataDirError, match="wav.scp:2: 'a' comes after 'b'"):
        split_table(path, [tmp_path / "p1"])
    assert not (tmp_path / "p1").exists()


WITH_TRIAL_LISTS = ("prepare_part", "prepare_trials")  # a corpus may read one, by numpy


@pytest.mark.parametrize("stage", ["prepare_part", "combine_parts", "prepare_trials", "check_sets",
                                   "split_table", "gather_tables"])  # fmt: skip
def test_a_stage_starts_without_the_heavy_packages(stage):
    """A job of a second should not wait for packages that it does not use."""
    code = (
        f"import sys, steps_py.stages.{stage}\n"
        "heavy = {'torch', 'scipy', 'pandas', 'soundfile', 'yaml', 'jsonschema'}\n"
        f"heavy |= {set() if stage in WITH_TRIAL_LISTS else {'numpy'}}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.stdout == "[]\n", done.stderr
