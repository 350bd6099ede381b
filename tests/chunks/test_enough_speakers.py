"""Batches that need more speakers than the training list has are refused before features."""

import json

import pytest

from steps_py.chunks.enough_speakers import check_enough_speakers
from steps_py.data.data_dir import write_table
from steps_py.errors import ConfigError
from steps_py.stages import check_sets

GROUPS = {"name": "speaker_groups", "utts_per_speaker": 2}


@pytest.mark.parametrize(
    "train, num_speakers",
    [
        ({"batch_size": 64}, 2),  # balanced repeats speakers
        ({"batch_size": 8, "sampler": GROUPS}, 4),
        ({"batch_size": 64, "sampler": {"name": "all_utts", "num_speakers": 3}}, 3),
        ({"batch_size": 64, "sampler": GROUPS, "stages": [{"batch_size": 6}]}, 3),
        ({"batch_size": 64, "sampler": GROUPS, "stages": [{"sampler": {"name": "uniform"}}]}, 2),
    ],
)
def test_enough_speakers_are_accepted(train, num_speakers):
    check_enough_speakers(train, num_speakers)


@pytest.mark.parametrize(
    "train, num_speakers, message",
    [
        ({"batch_size": 8, "sampler": GROUPS}, 3, r"^train: sampler 'speaker_groups': .* 4 speak"),
        ({"batch_size": 64, "sampler": {"name": "all_utts"}}, 9, r"^train: .*needs 10 .* only 9"),
        (
            {"batch_size": 6, "sampler": GROUPS, "stages": [{}, {"batch_size": 64}]},
            7,
            r"^train\.stages, stage 2: .* needs 32 speakers, .* only 7\.",
        ),
    ],
)
def test_too_few_speakers_are_an_error_of_the_stage(train, num_speakers, message):
    with pytest.raises(ConfigError, match=message):
        check_enough_speakers(train, num_speakers)


@pytest.mark.parametrize("held_out, speeds, accepted", [(0, 1, True), (1, 1, False), (1, 3, True)])
def test_the_stage_counts_held_out_speakers_and_speeds(tmp_path, held_out, speeds, accepted):
    folder, out = tmp_path / "train", tmp_path / "sets.tsv"
    utts = {f"s{i}-u{j}": f"s{i}" for i in range(4) for j in range(2)}
    write_table(folder / "utt2spk", utts.items())
    write_table(folder / "wav.scp", [(utt, f"{utt}.wav") for utt in utts])
    write_table(folder / "utt2dur", [(utt, "1.0") for utt in utts])
    spk2utt = {f"s{i}": f"s{i}-u0 s{i}-u1" for i in range(4)}
    write_table(folder / "spk2utt", spk2utt.items())
    arguments = ["--train", str(folder), "--out", str(out), "--batches-of", str(folder)]
    arguments += ["--batches", json.dumps({"batch_size": 8, "sampler": GROUPS})]
    arguments += ["--held-out", str(held_out), "--speeds", str(speeds)]
    if accepted:
        check_sets.main(arguments)
    else:
        with pytest.raises(ConfigError, match="needs 4 speakers, but the training list has only 3"):
            check_sets.main(arguments)
    assert out.exists() == accepted
