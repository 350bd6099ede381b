"""Augmented copies: their pipes, the random subset, and the order of tables."""

import collections
import json
import os
import re
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.augment.config import AugmentConfig
from steps_py.augment.copies import augment_data_dir, draw_copies, reverberate
from steps_py.augment.kinds import KINDS, Babble, Background, Noise, Reverb, Sound
from steps_py.data.data_dir import check_data_dir, read_table
from steps_py.draws import Draws
from steps_py.errors import ConfigError, DataDirError
from steps_py.stages import augment_data

TABLES = ("wav.scp", "utt2spk", "spk2utt", "utt2dur", "utt2uniq")


def write_tables(folder, **tables):
    folder.mkdir(parents=True)
    for name, table in tables.items():
        text = "".join(f"{key} {table[key]}\n" for key in sorted(table))
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def write_data(folder, utts):
    """`utts`: name -> (speaker, wav, duration as text)."""
    return write_tables(
        folder,
        wav_scp={utt: wav for utt, (_, wav, _) in utts.items()},
        utt2spk={utt: spk for utt, (spk, _, _) in utts.items()},
        utt2dur={utt: duration for utt, (_, _, duration) in utts.items()},
    )


def write_part(folder, sounds):
    """`sounds`: name -> (wav, duration as text)."""
    return write_tables(
        folder,
        wav_scp={name: wav for name, (wav, _) in sounds.items()},
        utt2dur={name: duration for name, (_, duration) in sounds.items()},
    )


ANNA = {
    "anna-1": ("anna", "/c/anna-1.wav", "10.0"),
    "anna-2": ("anna", "flac -c -d -s /c/anna-2.flac |", "4.25"),
}


@pytest.fixture
def parts(tmp_path):
    return {
        "musan.noise": write_part(tmp_path / "noise", {"n1": ("/m/n1.wav", "2.5")}),
        "musan.speech": write_part(tmp_path / "speech", {"s1": ("/m/s1.wav", "60")}),
        "rirs": write_part(tmp_path / "rirs", {"r1": ("/r/r1.wav", "0.5")}),
    }


def augment(tmp_path, parts, copies, utts=None, **config):
    data = write_data(tmp_path / f"data{len(list(tmp_path.iterdir()))}", utts or ANNA)
    out = tmp_path / f"{data.name}_augmented"
    augment_data_dir(data, parts, AugmentConfig(copies=copies, **config), out)
    return out


def test_noises_follow_each_other_one_second_apart(tmp_path, parts):
    # 10 s of speech, noises of 2.5 s, 1 s between: they start at 0, 3.5 and 7 s, and the next
    # one would start at 10.5 s.
    out = augment(tmp_path, parts, {"noise": {"parts": ["musan.noise"], "snr_db": [5]}})
    assert read_table(out / "wav.scp") == {
        "anna-1-noise": "wav-reverberate --shift-output=true"
        " --additive-signals='/m/n1.wav,/m/n1.wav,/m/n1.wav' --start-times='0,3.5,7'"
        " --snrs='5,5,5' /c/anna-1.wav - |",
        "anna-2-noise": "flac -c -d -s /c/anna-2.flac | wav-reverberate --shift-output=true"
        " --additive-signals='/m/n1.wav,/m/n1.wav' --start-times='0,3.5' --snrs='5,5' - - |",
    }


def test_babble_is_cut_or_repeated_to_the_length_of_the_utterance(tmp_path, parts):
    section = {"parts": ["musan.speech"], "snr_db": [17], "num_signals": [2]}
    out = augment(tmp_path, parts, {"babble": section})
    signal = 'wav-reverberate --duration=10.0 "/m/s1.wav" - |'
    assert read_table(out / "wav.scp")["anna-1-babble"] == (
        f"wav-reverberate --shift-output=true --additive-signals='{signal},{signal}'"
        " --start-times='0,0' --snrs='17,17' /c/anna-1.wav - |"
    )


def test_reverberation_takes_one_response(tmp_path, parts):
    out = augment(tmp_path, parts, {"reverb": {"parts": {"rirs": 1}}})
    assert read_table(out / "wav.scp")["anna-1-reverb"] == (
        'wav-reverberate --shift-output=true --impulse-response="/r/r1.wav" /c/anna-1.wav - |'
    )


def test_the_name_of_a_section_selects_its_kind(tmp_path, parts):
    street = {"name": "noise", "parts": ["musan.noise"], "snr_db": [0]}
    out = augment(tmp_path, parts, {"street": street})
    assert "--snrs='0,0,0'" in read_table(out / "wav.scp")["anna-1-street"]


def test_the_copy_is_a_whole_data_directory(tmp_path, parts):
    copies = {"noise": {"parts": ["musan.noise"]}, "reverb": {"parts": ["rirs"]}}
    out = augment(tmp_path, parts, copies)
    check_data_dir(out)
    assert sorted(path.name for path in out.iterdir()) == sorted(TABLES)
    assert (out / "utt2uniq").read_text() == (
        "anna-1-noise anna-1\nanna-1-reverb anna-1\nanna-2-noise anna-2\nanna-2-reverb anna-2\n"
    )
    assert read_table(out / "spk2utt") == {
        "anna": "anna-1-noise anna-1-reverb anna-2-noise anna-2-reverb"
    }
    assert read_table(out / "utt2dur")["anna-2-noise"] == "4.25"


def test_suffixes_change_the_order_and_the_tables_follow(tmp_path, parts):
    utts = {utt: ("a", f"/c/{utt}.wav", "3") for utt in ("a-1", "a-1-b", "a-1.x", "a-10")}
    out = augment(tmp_path, parts, {"noise": {"parts": ["musan.noise"]}}, utts)
    for name in ("wav.scp", "utt2spk", "utt2dur", "utt2uniq"):
        keys = [line.split()[0] for line in (out / name).read_text().splitlines()]
        assert keys == ["a-1-b-noise", "a-1-noise", "a-1.x-noise", "a-10-noise"]


SIX = [f"/m/{n}.wav" for n in range(6)]


def many(kind, config, sounds, num_utts=3000, duration="8"):
    made = kind(config, sounds)
    drawn = (made.draw(Draws(1, "k", f"utt{n}"), duration) for n in range(num_utts))
    return [each.options(duration) for each in drawn]


def even(counts, num_values, tolerance=0.15):
    mean = sum(counts.values()) / num_values
    assert len(counts) == num_values
    assert all(abs(count - mean) < tolerance * mean for count in counts.values()), counts


def test_music_snr_and_file_are_drawn_evenly_from_the_lists():
    config = Background.Config(parts=["m"])
    lines = many(Background, config, {"m": [Sound(wav, 60.0) for wav in SIX]})
    even(collections.Counter(re.search(r"--snrs='(\d+)'", line)[1] for line in lines), 4)
    even(collections.Counter(re.search(r'"(.*?)"', line)[1] for line in lines), 6)
    assert all("--duration=8 " in line and "--start-times='0'" in line for line in lines)


def test_babble_has_three_to_seven_voices_each_with_an_snr():
    config = Babble.Config(parts=["s"])
    lines = many(Babble, config, {"s": [Sound(wav, 60.0) for wav in SIX]})
    numbers = collections.Counter()
    for line in lines:
        snrs = re.search(r"--snrs='(.*?)'", line)[1].split(",")
        assert line.count("wav-reverberate --duration=8") == len(snrs)
        assert set(snrs) <= {"20", "17", "15", "13"}
        numbers[len(snrs)] += 1
    even(numbers, 5)
    assert set(numbers) == {3, 4, 5, 6, 7}


def test_rooms_are_drawn_by_the_weights_of_their_parts():
    sounds = {
        "small": [Sound(f"/r/s{n}.wav", 0.3) for n in range(3)],
        "medium": [Sound("/r/m0.wav", 0.3)],
        "large": [Sound("/r/l0.wav", 0.3)],
    }
    config = Reverb.Config(parts={"small": 3, "medium": 1, "large": 0})
    drawn = collections.Counter(
        re.search(r'/r/(\w+).wav"', line)[1] for line in many(Reverb, config, sounds, num_utts=8000)
    )
    even(drawn, 4)  # three small rooms share a weight of 3, the medium one has 1


@given(
    durations_sec=st.lists(st.floats(0.05, 60), min_size=1, max_size=5),
    interval_sec=st.floats(0, 5),
    utt_sec=st.floats(0.1, 120),
    name=st.text("abc-0", min_size=1),
)
def test_noises_cover_any_utterance_without_overlap(durations_sec, interval_sec, utt_sec, name):
    sounds = {"n": [Sound(f"/m/{n}.wav", sec) for n, sec in enumerate(durations_sec)]}
    config = Noise.Config(parts=["n"], interval_sec=interval_sec)
    drawn = Noise(config, sounds).draw(Draws(1, "n", name), str(utt_sec))
    options = shlex.split(drawn.options(str(utt_sec)))
    signals, starts, snrs = (option.partition("=")[2].split(",") for option in options)
    assert len(signals) == len(starts) == len(snrs)
    lengths = [durations_sec[int(signal[3:-4])] + interval_sec for signal in signals]
    ends = [float(start) + length for start, length in zip(starts, lengths, strict=True)]
    assert float(starts[0]) == 0
    assert [float(start) for start in starts[1:]] == pytest.approx(ends[:-1])
    assert float(starts[-1]) < utt_sec * (1 + 1e-9)
    assert ends[-1] >= utt_sec * (1 - 1e-9)


TWELVE = {f"s{n % 3}-{n:02d}": (f"s{n % 3}", f"/c/{n}.wav", "6.5") for n in range(12)}
KINDS_OF_TWO = {
    "noise": {"parts": ["musan.noise"]},
    "babble": {"parts": ["musan.speech"], "num_signals": [1, 2]},
}


def test_a_subset_of_the_data_gives_the_same_lines(tmp_path, parts):
    whole = read_table(augment(tmp_path, parts, KINDS_OF_TWO, TWELVE) / "wav.scp")
    some = dict(list(TWELVE.items())[4:9])
    subset = read_table(augment(tmp_path, parts, KINDS_OF_TWO, some) / "wav.scp")
    assert len(subset) == 10
    assert subset.items() <= whole.items()


def test_lines_do_not_depend_on_other_kinds(tmp_path, parts):
    both = read_table(augment(tmp_path, parts, KINDS_OF_TWO, TWELVE) / "wav.scp")
    noise = {"noise": KINDS_OF_TWO["noise"]}
    assert read_table(augment(tmp_path, parts, noise, TWELVE) / "wav.scp").items() <= both.items()


def test_results_are_reproducible_and_depend_on_the_seed(tmp_path, parts):
    first, again, other = (
        augment(tmp_path, parts, KINDS_OF_TWO, TWELVE, num_utts=15, seed=seed) for seed in (1, 1, 2)
    )
    for name in TABLES:
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert read_table(first / "wav.scp") != read_table(other / "wav.scp")


def test_num_utts_copies_are_made_with_consistent_tables(tmp_path, parts):
    out = augment(tmp_path, parts, KINDS_OF_TWO, TWELVE, num_utts=7)
    assert check_data_dir(out).num_utts == 7
    everything = read_table(augment(tmp_path, parts, KINDS_OF_TWO, TWELVE) / "wav.scp")
    assert len(everything) == 24
    assert read_table(out / "wav.scp").items() <= everything.items()


@settings(max_examples=30)
@given(st.sets(st.text("ab-01", min_size=1), min_size=1, max_size=30), st.data())
def test_a_larger_subset_contains_the_smaller_one(utts, data):
    utts = sorted(utts)
    more = data.draw(st.integers(1, 2 * len(utts)))
    fewer = data.draw(st.integers(1, more))
    big, small = (
        draw_copies(utts, ["music", "noise"], AugmentConfig(copies={}, num_utts=number))
        for number in (more, fewer)
    )
    assert (len(big), len(small)) == (more, fewer)
    assert set(small) <= set(big)
    assert big == sorted(big)


def test_the_subset_takes_all_kinds_and_utterances_evenly():
    utts = [f"u{n:05d}" for n in range(20000)]
    config = AugmentConfig(copies={}, num_utts=20000)
    copies = draw_copies(utts, ["babble", "music", "noise", "reverb"], config)
    even(collections.Counter(copy.suffix for copy in copies), 4, tolerance=0.05)
    even(collections.Counter(copy.clean[1] for copy in copies), 2, tolerance=0.05)


def shell_arguments(tmp_path, line):
    """What a shell makes of a wav.scp pipe: the arguments that wav-reverberate gets."""
    fake = tmp_path / "bin/wav-reverberate"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text('#!/bin/sh\nfor a in "$@"; do printf "%s\\n" "$a"; done\n')
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        line.removesuffix("|"), shell=True, env={"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("wav", ["/c/a b's (1).wav", "/c/$HOME.wav", "/c/плюс.wav"])
def test_any_path_survives_shell_quoting(tmp_path, wav):
    line = reverberate(wav, "--impulse-response=h.wav")
    read = shell_arguments(tmp_path, line)
    assert read == ["--shift-output=true", "--impulse-response=h.wav", wav, "-"]


SOUND_WAVS = ["/m/a b.wav", "/m/it's (1).wav", "flac -c -d -s '/m/a b.flac' |"]


@pytest.mark.parametrize("wav", SOUND_WAVS)
@pytest.mark.parametrize("kind", ["noise", "babble", "reverb"])
def test_any_sound_survives_shell_quoting(tmp_path, kind, wav):
    cls, config = KINDS.configure({"name": kind, "parts": ["p"]})
    drawn = cls(config, {"p": [Sound(wav, 90.0)]}).draw(Draws(1, kind, "u"), "4.25")
    options = drawn.options("4.25")
    option = shell_arguments(tmp_path, reverberate("/c/a.wav", options))[1]
    if kind == "babble":  # the signals are shell commands themselves
        nested = option.removeprefix("--additive-signals=").split(",")
        assert 3 <= len(nested) <= 7
        assert {tuple(shell_arguments(tmp_path, command)) for command in nested} == {
            ("--duration=4.25", wav, "-")
        }
    elif kind == "noise":
        assert option == f"--additive-signals={wav}"
    else:
        assert option == f"--impulse-response={wav}"


def test_every_kind_is_documented_and_has_parts():
    for name in KINDS.names():
        cls, config = KINDS.configure({"name": name, "parts": ["p"]})
        assert cls.__doc__
        assert config.parts == ["p"]
    assert KINDS.names() == ["babble", "music", "noise", "reverb"]


NOISE = {"noise": {"parts": ["musan.noise"]}}


@pytest.mark.parametrize(
    "copies, config, words",
    [
        (
            {"noise": {"parts": ["musan.nose"]}},
            {},
            "augment.copies.noise: unknown part 'musan.nose'. Did you mean 'musan.noise'?",
        ),
        ({"noise": {"parts": []}}, {}, "'augment.copies.noise.parts' is empty"),
        ({"noice": {"parts": ["musan.noise"]}}, {}, "unknown name 'noice'. Did you mean 'noise'?"),
        (
            {"noise": {"parts": ["musan.noise"], "snr": [5]}},
            {},
            "unknown key 'augment.copies.noise.snr'. Did you mean",
        ),
        (
            {"noise": {"parts": ["musan.noise"], "snr_db": []}},
            {},
            "'augment.copies.noise.snr_db' is empty",
        ),
        (
            {"noise": {"parts": ["musan.noise"], "snr_db": ["x"]}},
            {},
            "snr_db.0' is 'x'; it must be a number",
        ),
        (
            {"noise": {"parts": ["musan.noise"], "interval_sec": -1}},
            {},
            "interval_sec': -1 is less than the minimum of 0",
        ),
        (
            {"babble": {"parts": ["rirs"], "num_signals": [0]}},
            {},
            "num_signals.0': 0 is less than the minimum of 1",
        ),
        ({"reverb": {"parts": {"rirs": 0}}}, {}, "all weights of the parts {'rirs': 0} are 0"),
        ({"reverb": 3}, {}, "augment.copies.reverb: is 3; it must be a section"),
        ({}, {}, "copies is empty"),
        ({"a b": NOISE["noise"]}, {}, "has no blanks"),
    ],
)
def test_config_errors_say_what_and_where(tmp_path, parts, copies, config, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        augment(tmp_path, parts, copies, **config)


def test_more_copies_than_there_are_means_all_of_them():
    config = AugmentConfig(copies={}, num_utts=1_000_000)
    drawn = [copy.utt for copy in draw_copies(["a-1", "a-2"], ["music", "noise"], config)]
    assert drawn == ["a-1-music", "a-1-noise", "a-2-music", "a-2-noise"]


def test_an_empty_part_is_an_error(tmp_path, parts):
    parts["musan.noise"] = write_part(tmp_path / "nothing", {})
    with pytest.raises(DataDirError, match="nothing/wav.scp: is empty"):
        augment(tmp_path, parts, NOISE)


def test_missing_durations_are_errors(tmp_path, parts):
    (parts["musan.noise"] / "utt2dur").unlink()
    with pytest.raises(DataDirError, match="noise/utt2dur: missing"):
        augment(tmp_path, parts, NOISE)


def test_an_utterance_without_a_duration_is_an_error(tmp_path, parts):
    data = write_data(tmp_path / "train", ANNA)
    (data / "utt2dur").write_text("anna-1 10.0\n")
    with pytest.raises(DataDirError, match=r"utt2dur: 1 missing \(anna-2\)"):
        augment_data_dir(data, parts, AugmentConfig(copies=NOISE), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "ten"])
def test_an_invalid_duration_is_an_error(tmp_path, parts, text):
    utts = {**ANNA, "anna-3": ("anna", "/c/x.wav", text)}
    with pytest.raises(DataDirError, match=f"'anna-3' lasts '{text}' s"):
        augment(tmp_path, parts, NOISE, utts)


def test_a_noise_that_cannot_be_quoted_is_an_error(tmp_path, parts):
    parts["musan.noise"] = write_part(tmp_path / "odd", {"n1": ("/m/a,b.wav", "2")})
    with pytest.raises(DataDirError, match=r"odd/wav.scp: n1: a comma"):
        augment(tmp_path, parts, NOISE)


def test_copies_must_not_have_the_name_of_an_utterance(tmp_path, parts):
    utts = {**ANNA, "anna-1-noise": ("anna", "/c/x.wav", "3")}
    with pytest.raises(DataDirError, match="anna-1-noise: a copy of another utterance"):
        augment(tmp_path, parts, NOISE, utts)


def test_the_stage_takes_parts_by_name(tmp_path, parts, capsys):
    data = write_data(tmp_path / "train", ANNA)
    pairs = [f"{name}={folder}" for name, folder in parts.items()]
    config = json.dumps({"copies": NOISE, "num_utts": 1})
    out = tmp_path / "out"
    arguments = ["--config", config, "--data", str(data), "--part", *pairs, "--out", str(out)]
    augment_data.main(arguments)
    assert len(read_table(out / "wav.scp")) == 1
    assert "1 copies" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="write it as NAME=FOLDER"):
        augment_data.main([*arguments, "--part", "musan.noise"])
