"""Checkpoints: whole, checked, and of one training only."""

import pytest
import torch

from steps_py.training.checkpoint import Checkpoints

SETTINGS = {"train.batch_size": 64, "model.embedding_dim": 128, "encoder.dilations": (1, 2)}


@pytest.fixture
def said():
    return []


def checkpoints(folder, said, keep=2, **changed):
    return Checkpoints(folder, SETTINGS | changed, keep=keep, say=said.append)


def test_the_newest_state_comes_back(tmp_path, said):
    for step in (9, 10, 100):
        checkpoints(tmp_path, said).save(step, {"step": step, "weight": torch.full((2,), step)})
    state = checkpoints(tmp_path, said).load()
    assert state["step"] == 100 and state["weight"].tolist() == [100, 100]
    assert len(said) == 1 and said[0].startswith("train: resumes from")


def test_only_the_last_ones_are_kept(tmp_path, said):
    kept = checkpoints(tmp_path, said, keep=3)
    for step in range(1, 8):
        kept.save(step, {})
    assert [path.name for path in kept.paths()] == [f"step-00000000{i}.pt" for i in (7, 6, 5)]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_file_is_passed_over_for_the_one_before(tmp_path, said, damage):
    kept = checkpoints(tmp_path, said)
    for step in (1, 2):
        kept.save(step, {"step": step, "weight": torch.zeros(1000)})
    content = bytearray(kept.paths()[0].read_bytes())
    content[len(content) // 2] ^= 1  # within the weights: nothing else would notice
    kept.paths()[0].write_bytes({"cut": content[:500], "flip": content, "empty": b""}[damage])
    assert kept.load()["step"] == 1
    assert said[0].endswith("step-000000002.pt is damaged and not used")


def test_without_a_sound_file_training_starts_anew(tmp_path, said):
    kept = checkpoints(tmp_path, said)
    kept.save(1, {})
    kept.paths()[0].write_bytes(b"x")
    assert kept.load() is None
    assert said[-1] == "train: no checkpoint can be used; training starts anew"


def test_other_settings_are_named_and_not_resumed_but_kept(tmp_path, said):
    checkpoints(tmp_path, said).save(5, {"step": 5})
    assert checkpoints(tmp_path, said, **{"train.batch_size": 32}).load() is None
    assert "of other settings (train.batch_size was 64, is 32)" in said[0]
    assert checkpoints(tmp_path, said).load()["step"] == 5


def test_nothing_is_said_at_the_first_start(tmp_path, said):
    assert checkpoints(tmp_path, said).load() is None
    assert said == []


def test_clear_removes_all(tmp_path, said):
    folder = tmp_path / "checkpoints"
    for batch_size in (1, 2):
        checkpoints(folder, said, **{"train.batch_size": batch_size}).save(1, {})
    checkpoints(folder, said).clear()
    assert not folder.exists()


def test_a_failed_write_leaves_the_previous_file(tmp_path, said, monkeypatch):
    kept = checkpoints(tmp_path, said)
    kept.save(1, {"step": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        kept.save(2, {"step": 2})
    assert kept.load()["step"] == 1
    assert [path.suffix for path in kept.paths()[0].parent.iterdir()].count(".tmp") == 0


def test_the_newest_epoch_start_is_kept_and_gone_back_to(tmp_path, said):
    kept = Checkpoints(tmp_path, SETTINGS, keep=2, steps_per_epoch=4, say=said.append)
    for step in (0, 4, 5, 6, 7):
        kept.save(step, {"step": step})
    assert [int(path.stem[5:]) for path in kept.paths()] == [7, 6, 4]
    assert kept.load_epoch_start()["step"] == 4
    assert [int(path.stem[5:]) for path in kept.paths()] == [4]


def test_a_damaged_epoch_start_leads_to_the_one_before(tmp_path, said):
    kept = Checkpoints(tmp_path, SETTINGS, keep=5, steps_per_epoch=4, say=said.append)
    for step in (0, 4, 8, 9):
        kept.save(step, {"step": step})
    kept.paths()[1].write_bytes(b"x")
    assert kept.load_epoch_start()["step"] == 4
    assert said == [f"train: {kept._folder}/step-000000008.pt is damaged and not used"]
