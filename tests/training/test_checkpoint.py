"""Checkpoints are atomic, verified, and resumed only with the same settings."""

import pytest
import torch

from steps_py.training.checkpoint import Checkpoints

SETTINGS = {"train.batch_size": 64, "model.embedding_dim": 128, "encoder.dilations": (1, 2)}


@pytest.fixture
def messages():
    return []


def checkpoints(folder, messages, keep=2, **changed):
    return Checkpoints(folder, SETTINGS | changed, keep=keep, log=messages.append)


def test_the_newest_state_is_loaded(tmp_path, messages):
    for step in (9, 10, 100):
        checkpoints(tmp_path, messages).save(step, {"step": step, "weight": torch.full((2,), step)})
    state = checkpoints(tmp_path, messages).load()
    assert state["step"] == 100 and state["weight"].tolist() == [100, 100]
    assert len(messages) == 1 and messages[0].startswith("train: resuming from")


def test_only_the_newest_files_are_kept(tmp_path, messages):
    kept = checkpoints(tmp_path, messages, keep=3)
    for step in range(1, 8):
        kept.save(step, {})
    assert [path.name for path in kept.paths()] == [f"step-00000000{i}.pt" for i in (7, 6, 5)]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_file_is_ignored_in_favour_of_the_one_before(tmp_path, messages, damage):
    kept = checkpoints(tmp_path, messages)
    for step in (1, 2):
        kept.save(step, {"step": step, "weight": torch.zeros(1000)})
    content = bytearray(kept.paths()[0].read_bytes())
    content[len(content) // 2] ^= 1  # within the weights: nothing else would notice
    kept.paths()[0].write_bytes({"cut": content[:500], "flip": content, "empty": b""}[damage])
    assert kept.load()["step"] == 1
    assert messages[0].endswith("step-000000002.pt is damaged; it is ignored")


def test_without_an_undamaged_file_training_starts_from_the_beginning(tmp_path, messages):
    kept = checkpoints(tmp_path, messages)
    kept.save(1, {})
    kept.paths()[0].write_bytes(b"x")
    assert kept.load() is None
    assert messages[-1] == "train: no checkpoint can be used; training starts from the beginning"


def test_checkpoints_of_other_settings_are_reported_and_kept(tmp_path, messages):
    checkpoints(tmp_path, messages).save(5, {"step": 5})
    assert checkpoints(tmp_path, messages, **{"train.batch_size": 32}).load() is None
    assert "have other settings (train.batch_size was 64, is 32)" in messages[0]
    assert checkpoints(tmp_path, messages).load()["step"] == 5


def test_the_first_start_logs_nothing(tmp_path, messages):
    assert checkpoints(tmp_path, messages).load() is None
    assert messages == []


def test_a_failed_write_leaves_the_previous_file(tmp_path, messages, monkeypatch):
    kept = checkpoints(tmp_path, messages)
    kept.save(1, {"step": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        kept.save(2, {"step": 2})
    assert kept.load()["step"] == 1
    assert [path.suffix for path in kept.paths()[0].parent.iterdir()].count(".tmp") == 0


def test_the_newest_epoch_start_is_kept_and_loaded(tmp_path, messages):
    kept = Checkpoints(tmp_path, SETTINGS, keep=2, steps_per_epoch=4, log=messages.append)
    for step in (0, 4, 5, 6, 7):
        kept.save(step, {"step": step})
    assert [int(path.stem[5:]) for path in kept.paths()] == [7, 6, 4]
    assert kept.load_epoch_start()["step"] == 4
    assert [int(path.stem[5:]) for path in kept.paths()] == [4]


def test_a_damaged_epoch_start_is_ignored_in_favour_of_the_one_before(tmp_path, messages):
    kept = Checkpoints(tmp_path, SETTINGS, keep=5, steps_per_epoch=4, log=messages.append)
    for step in (0, 4, 8, 9):
        kept.save(step, {"step": step})
    kept.paths()[1].write_bytes(b"x")
    assert kept.load_epoch_start()["step"] == 4
    assert messages == [f"train: {kept._folder}/step-000000008.pt is damaged; it is ignored"]
