"""Training: it learns, and its result does not depend on how batches are read."""

import pytest
import torch

from steps_py.feats.config import CmvnConfig
from steps_py.model.extractor import load_extractor
from steps_py.model.registries import LOSSES, OPTIMIZERS, SCHEDULES
from steps_py.training.trainer import COLUMNS
from tests.support.small_training import SECTIONS, assert_same, result, run


def test_epochs_tsv_has_one_row_per_epoch(expected):
    header, *rows = expected[1]
    assert header == list(COLUMNS[:-2])
    assert [row[:2] for row in rows] == [["1", "1"], ["1", "2"], ["1", "3"]]
    assert float(rows[-1][2]) < 0.01 * 0.05  # a cosine ends near 0


def test_separable_speakers_are_learned(chunks_dir, tmp_path):
    run(chunks_dir, tmp_path, num_epochs=6, steps_per_epoch=10)
    header, *_, last = result(tmp_path)[1]
    row = dict(zip(header, last, strict=True))
    assert float(row["train_accuracy"]) > 0.9 and float(row["valid_accuracy"]) > 0.7


@pytest.mark.parametrize("num_workers", [1, 2])
def test_the_result_does_not_depend_on_the_number_of_loader_processes(
    chunks_dir, tmp_path, expected, num_workers
):
    run(chunks_dir, tmp_path, num_workers=num_workers)
    assert_same(tmp_path, expected)


@pytest.mark.parametrize("decode", ["device", "resident"])
def test_decoding_on_the_device_changes_only_rounding(chunks_dir, tmp_path, expected, decode):
    run(chunks_dir, tmp_path, decode=decode, num_workers=1)
    weights, _ = result(tmp_path)
    for name, weight in weights.items():
        torch.testing.assert_close(weight, expected[0][name], atol=1e-3, rtol=1e-3)


def test_batches_sent_through_pipes_equal_those_in_shared_memory(
    chunks_dir, tmp_path, expected, monkeypatch
):
    monkeypatch.setattr("steps_py.chunks.batches._free_shared_memory", lambda: 0)
    run(chunks_dir, tmp_path, num_workers=1)
    assert_same(tmp_path, expected)


@pytest.mark.parametrize(
    "kind, name",
    [("loss", n) for n in LOSSES.names()]
    + [("optimizer", n) for n in OPTIMIZERS.names()]
    + [("schedule", n) for n in SCHEDULES.names()],
)
def test_every_registered_class_trains(chunks_dir, tmp_path, kind, name):
    sampler = {"name": "speaker_groups", "utts_per_speaker": 2 if kind == "loss" else 1}
    changed = {kind: {"name": name}, "num_epochs": 1, "grad_clip": 1.0, "batch_size": 4}
    run(chunks_dir, tmp_path, sampler=sampler, **changed)
    assert (tmp_path / "final.pt").exists()


def test_a_metric_loss_has_neither_accuracy_nor_validation_loss(chunks_dir, tmp_path):
    groups = {"name": "speaker_groups", "utts_per_speaker": 4}
    messages = run(chunks_dir, tmp_path, loss={"name": "ge2e"}, sampler=groups, num_epochs=1)
    header, row = result(tmp_path)[1]
    assert [name for name, value in zip(header, row, strict=True) if not value] == [
        "train_accuracy",
        "valid_loss",
        "valid_accuracy",
        "valid_eer",
    ]
    assert not any("accuracy" in line for line in messages)


def test_without_held_out_utterances_their_columns_are_empty(chunks_dir, tmp_path):
    (tmp_path / "train.tsv").write_bytes((chunks_dir / "train.tsv").read_bytes())
    header = (chunks_dir / "valid.tsv").read_text().splitlines()[0]
    (tmp_path / "valid.tsv").write_text(header + "\n")
    run(tmp_path, tmp_path / "model", num_epochs=1)
    assert result(tmp_path / "model")[1][1][5:8] == ["", "", ""]


def test_final_pt_holds_what_extraction_needs(chunks_dir, tmp_path):
    run(chunks_dir, tmp_path, num_epochs=1)
    extractor = load_extractor(tmp_path / "final.pt")
    assert (extractor.feat_dim, extractor.cmvn) == (4, CmvnConfig())
    assert extractor.config == SECTIONS["model"]
    assert not extractor.model.training
    saved = torch.load(tmp_path / "final.pt", weights_only=True)
    keys = {"format", "model", "config", "feat_dim", "cmvn", "front_end", "version"}
    assert set(saved) == keys
    assert not any("weight_SE" in name for name in saved["model"])
