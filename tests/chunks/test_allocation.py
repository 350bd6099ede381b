"""Selection of training and held-out utterances."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.chunks.allocation import Chunks, Utterances, allocate_chunks, read_utterances
from steps_py.chunks.config import ChunksConfig
from steps_py.errors import ConfigError, DataDirError, TableError
from steps_py.settings.build import replaced
from steps_py.stages.allocate_chunks import main
from tests.support.small_features import draw_utts, write_data_dir, write_lines

CONFIG = ChunksConfig(min_frames=10, max_frames=20, num_valid_utts=0)


def utterances(table):
    """From {utt: (spk, source, num_voiced)}."""
    utts = sorted(table)
    spks, sources, num_voiced = zip(*(table[utt] for utt in utts), strict=True)
    return Utterances(
        utts=utts,
        spks=list(spks),
        sources=list(sources),
        feats=[f"f.ark:{i}" for i in range(len(utts))],
        vad=[f"v.ark:{i}" for i in range(len(utts))],
        num_voiced_U=np.array(num_voiced),
    )


def allocate(table, **fields):
    messages = []
    config = dataclasses.replace(CONFIG, **fields)
    chosen = allocate_chunks(utterances(table), config, messages.append)
    utts = sorted(table)
    train, valid = ([utts[u] for u in rows] for rows in (chosen.train_rows, chosen.valid_rows))
    return train, valid, chosen.spk2id, messages


def test_short_utterances_are_dropped_before_speakers_with_too_few():
    """Speaker a has two utterances, one of them short, and is dropped for having one left."""
    table = {
        "a-1": ("a", "a-1", 30),
        "a-2": ("a", "a-2", 19),
        **{f"{spk}-{i}": (spk, f"{spk}-{i}", 20 + i) for spk in "bc" for i in range(2)},
    }
    train, valid, spk2id, messages = allocate(table, min_utts_per_speaker=2)
    assert train == ["b-0", "b-1", "c-0", "c-1"] and valid == []
    assert spk2id == {"b": 0, "c": 1}
    assert messages == [
        "chunks: dropped 1 of 6 utterances (fewer than 20 voiced frames)",
        "chunks: dropped 1 of 3 speakers (fewer than 2 utterances) and their 1 utterances",
        "chunks: 4 utterances of 2 speakers to train on, 82 voiced frames",
    ]


def test_tiling_keeps_utterances_shorter_than_the_chunk():
    table = {f"{spk}-{n}": (spk, f"{spk}-{n}", n) for spk in "ab" for n in (4, 5, 25)}
    assert allocate(table)[0] == ["a-25", "b-25"]
    tiled = allocate(table, short_utts="tile", min_utt_frames=5)[0]
    assert tiled == ["a-25", "a-5", "b-25", "b-5"]


def test_silent_utterances_are_reported_and_dropped():
    table = {f"{spk}-{n}": (spk, f"{spk}-{n}", n) for spk in "ab" for n in (0, 25)}
    train, _, _, messages = allocate(table, short_utts="tile")
    assert train == ["a-25", "b-25"]
    assert messages[0] == "chunks: no voiced frames in 2 of 4 utterances (a-0, b-0)"


def test_copies_of_held_out_utterances_are_held_out_and_not_validated_on():
    table = {}
    for spk in "abc":
        for i in range(4):
            utt = f"{spk}-{i}"
            table |= {copy: (spk, utt, 50) for copy in (utt, f"{utt}-music", f"{utt}-noise")}
    train, valid, _, messages = allocate(table, num_valid_utts=5)
    assert len(valid) == 5 and all(len(utt) == 3 for utt in valid)
    assert len(train) == 36 - 15
    assert not {utt[:3] for utt in train} & set(valid)
    assert "chunks: held out 5 utterances and 10 copies of them" in messages


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_properties_of_any_allocation(data):
    num_speakers = data.draw(st.integers(2, 6))
    table = {}
    for s in range(num_speakers):
        for i in range(data.draw(st.integers(1, 5))):
            frames = data.draw(st.integers(0, 40))
            for copy in ["", *data.draw(st.sets(st.sampled_from(["-babble", "-reverb"])))]:
                table[f"{s}-{i}{copy}"] = (str(s), f"{s}-{i}", frames)
    least, num_valid = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 4))
    fields = {
        "min_utts_per_speaker": least,
        "num_valid_utts": num_valid,
        "short_utts": data.draw(st.sampled_from(["drop", "tile"])),
        "min_utt_frames": data.draw(st.integers(1, 30)),
        "seed": data.draw(st.integers(0, 3)),
    }
    needed = fields["min_utt_frames"]
    if fields["short_utts"] == "drop":
        needed = max(needed, CONFIG.max_frames)
    long_enough = [utt for utt, (_, _, n) in table.items() if n >= needed]
    counts = Counter(table[utt][0] for utt in long_enough)
    wanted = {utt for utt in long_enough if counts[table[utt][0]] >= least}
    speakers = {table[utt][0] for utt in wanted}
    groups = {table[utt][1] for utt in wanted}
    if len(speakers) < 2 or len(groups) - len(speakers) < num_valid:
        with pytest.raises((DataDirError, ConfigError)):
            allocate(table, **fields)
        return
    train, valid, spk2id, _ = allocate(table, **fields)
    assert (train, valid, spk2id) == allocate(table, **fields)[:3]  # same seed, same result
    assert set(train) | set(valid) <= wanted and len(valid) == num_valid
    assert {table[utt][0] for utt in train} == speakers == set(spk2id)
    assert sorted(spk2id.values()) == list(range(len(speakers)))
    held = {table[utt][1] for utt in valid}
    assert set(train) == {utt for utt in wanted if table[utt][1] not in held}


def test_held_out_utterances_depend_on_the_seed():
    table = {f"{s}-{i}": (str(s), f"{s}-{i}", 50) for s in range(5) for i in range(20)}
    first, again, other = (allocate(table, num_valid_utts=30, seed=s)[1] for s in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    "table, fields, messages",
    [
        ({"a-1": 5, "b-1": 9}, {}, "0 of 2 speakers have 1 utterances of 20 voiced frames"),
        ({"a-1": 5, "b-1": 9}, {}, "or set chunks.short_utts to tile"),
        ({"a-1": 50, "b-1": 9}, {}, "1 of 2 speakers (a) have"),
        ({"a-1": 50, "b-1": 50}, {"min_utts_per_speaker": 2}, "Lower chunks.min_utts_per_speaker"),
        ({"a-1": 50, "a-2": 50}, {}, "all utterances are of one speaker (a)"),
        ({"a-1": 50, "b-1": 50}, {"num_valid_utts": 1}, "only 0 utterances can be held out"),
        ({"a-1": 50, "b-1": 50}, {"num_valid_speakers": 1}, "but there are 2 speakers, and"),
    ],
)
def test_too_little_data_is_an_error(table, fields, messages):
    table = {utt: (utt[0], utt, frames) for utt, frames in table.items()}
    if "min_utts_per_speaker" in fields:
        fields = {**fields, "min_utt_frames": 20}
    with pytest.raises((DataDirError, ConfigError)) as error:
        allocate(table, **fields)
    assert messages in str(error.value)


@pytest.mark.parametrize(
    "fields, messages",
    [
        ({"min_frames": 30}, "'chunks.min_frames' is 30, more than"),
        ({"min_frames": 0}, "'chunks.min_frames': 0 is less than"),
        ({"short_utts": "tiled"}, "Did you mean 'tile'?"),
    ],
)
def test_mistakes_in_the_section_are_errors(fields, messages):
    with pytest.raises(ConfigError) as error:
        replaced(CONFIG, "chunks", **fields)
    assert messages in str(error.value)


@pytest.fixture
def folders(tmp_path):
    """data/train, and data/train_augmented with a copy of every second utterance."""
    utts = draw_utts(num_speakers=3, utts_per_speaker=4)
    copies = {f"{utt}-noise": utts[utt] for utt in sorted(utts)[::2]}
    return [
        write_data_dir(tmp_path / "train", utts),
        write_data_dir(
            tmp_path / "train_augmented",
            copies,
            utt2uniq={utt: utt.removesuffix("-noise") for utt in copies},
        ),
    ]


def run_stage(
    folders, out, capsys, config='{"min_frames": 5, "max_frames": 20, "num_valid_utts": 3}'
):
    main(["--config", config, "--data", *map(str, folders), "--out", str(out)])
    return capsys.readouterr().out


def test_the_stage_writes_what_training_reads(folders, tmp_path, capsys):
    messages = run_stage(folders, tmp_path / "chunks", capsys)
    train, valid = (Chunks(tmp_path / "chunks" / f"{name}.tsv") for name in ("train", "valid"))
    assert "chunks: held out 3 utterances" in messages
    assert len(valid) == 3
    assert train.utts == sorted(train.utts)
    assert not {utt.removesuffix("-noise") for utt in train.utts} & set(valid.utts)
    spk2id = (tmp_path / "chunks" / "spk2id").read_text()
    assert spk2id == "spk00 0\nspk01 1\nspk02 2\n"
    utts = draw_utts(num_speakers=3, utts_per_speaker=4)
    for chunks in (train, valid):
        for row, utt in enumerate(chunks.utts):
            spk, _, voiced_T = utts[utt.removesuffix("-noise")]
            assert chunks.num_frames_U[row] == voiced_T.sum()
            assert f"{spk} {chunks.spk_id_U[row]}\n" in spk2id
            where = "train_augmented" if utt.endswith("-noise") else "train"
            assert chunks.feats[row][0] == str(tmp_path / where / "feats.ark")


def test_the_order_of_the_directories_does_not_matter(folders, tmp_path, capsys):
    for name, order in (("one", folders), ("two", folders[::-1])):
        run_stage(order, tmp_path / name, capsys)
    for file in ("train.tsv", "valid.tsv", "spk2id"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_features_and_decisions_of_other_lengths_are_an_error(folders):
    lengths = (folders[0] / "utt2num_frames").read_text().split("\n")
    lengths[0] = "spk00-utt00 7"
    (folders[0] / "utt2num_frames").write_text("\n".join(lengths))
    with pytest.raises(DataDirError, match=r"for 1 of 18 utterances \(spk00-utt00: 7 and \d+\)"):
        read_utterances(folders)


def test_an_utterance_in_two_directories_is_an_error(folders):
    with pytest.raises(DataDirError, match="12 utterances .* are also in another"):
        read_utterances([folders[0], folders[0]])


def test_missing_decisions_are_an_error(folders):
    vad = dict(line.split() for line in (folders[0] / "vad.scp").read_text().splitlines())
    del vad["spk01-utt02"]
    write_lines(folders[0] / "vad.scp", vad)
    with pytest.raises(DataDirError, match=r"vad\.scp: 1 missing \(spk01-utt02\) of the 12 keys"):
        read_utterances(folders)


def test_a_file_that_is_not_a_table_of_chunks_is_refused(tmp_path):
    (tmp_path / "x.tsv").write_text("utt\tspk\n")
    with pytest.raises(TableError, match="not a table of utt, spk_id, num_frames, feats, vad"):
        Chunks(tmp_path / "x.tsv")
