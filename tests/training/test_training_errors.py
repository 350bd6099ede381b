"""Errors of a training: wrong settings, damaged archives, killed loader processes, divergence."""

import dataclasses
import os
import signal

import pytest

from steps_py.chunks.allocation import allocate_chunks, read_utterances, write_chunks
from steps_py.errors import ConfigError, StepsError
from steps_py.model.extractor import load_extractor
from steps_py.settings.build import replaced
from steps_py.stages.train_model import main
from tests.support.small_features import draw_utts, write_data_dir
from tests.support.small_training import (
    CHUNKS,
    SECTIONS,
    json_of,
    run,
    run_trainer,
    trainer_of,
)


def test_a_number_that_yaml_reads_as_text_is_an_error(chunks_dir, tmp_path):
    sections = SECTIONS | {
        "train": replaced(SECTIONS["train"], "train", optimizer={"name": "sgd", "lr": "1e-3"})
    }
    names = {"config": "train", "model": "model", "cmvn": "cmvn", "chunks-config": "chunks"}
    arguments = [f"--{name}={json_of(sections[key])}" for name, key in names.items()]
    with pytest.raises(ConfigError, match=r"1e-3 is text in YAML; write 1\.0e-03"):
        main([*arguments, f"--chunks={chunks_dir}", f"--out={tmp_path}"])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_archive_truncated_during_training_is_an_error_with_the_utterance(tmp_path, num_workers):
    write_data_dir(tmp_path / "data", draw_utts(5, 10))
    utterances = read_utterances([tmp_path / "data"])
    allocation = allocate_chunks(utterances, CHUNKS, log=lambda line: None)
    write_chunks(utterances, allocation, tmp_path / "chunks")
    cut_off = trainer_of(tmp_path / "chunks", num_workers=num_workers)
    os.truncate(tmp_path / "data/feats.ark", 10_000)
    with pytest.raises(StepsError, match=r"^spk\d+-utt\d+: .*feats\.ark: ends at byte 10000"):
        run_trainer(cut_off, tmp_path)


def test_a_killed_loader_process_is_an_error(chunks_dir, tmp_path):
    broken = trainer_of(chunks_dir, num_workers=2)
    read, main = broken.read_batch, os.getpid()

    def read_or_die(step):
        if step == 9 and os.getpid() != main:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(step)

    broken.read_batch = read_or_die
    with pytest.raises(StepsError, match=r"loader process died .* Run the same"):
        run_trainer(broken, tmp_path)


def test_the_error_of_a_diverged_training_has_epoch_step_and_lr(chunks_dir, tmp_path):
    changed = {"optimizer": {"name": "sgd", "lr": 1e38}, "schedule": {"name": "constant"}}
    with pytest.raises(StepsError) as error:
        run(chunks_dir, tmp_path, loss={"name": "softmax", "hidden_dim": 0}, **changed)
    assert "train: loss is nan at epoch 1, step 2 (last finite loss" in str(error.value)
    assert "lr 2.5e+37). 2 restarts of an epoch with half the lr did not help." in str(error.value)
    assert "A lower train.optimizer.lr or a train.grad_clip usually helps." in str(error.value)
    assert not (tmp_path / "final.pt").exists()


def test_features_of_two_dimensions_are_refused_by_name(tmp_path):
    utts = draw_utts(5, 10)
    spk, x_TD, voiced_T = utts["spk03-utt04"]
    write_data_dir(tmp_path / "data", utts | {"spk03-utt04": (spk, x_TD[:, :3], voiced_T)})
    utterances = read_utterances([tmp_path / "data"])
    allocation = allocate_chunks(utterances, CHUNKS, log=lambda line: None)
    write_chunks(utterances, allocation, tmp_path / "chunks")
    with pytest.raises(
        StepsError, match=r"spk03-utt04: its features have 3 dimensions, but those of spk\d+"
    ):
        trainer_of(tmp_path / "chunks")


def test_a_metric_loss_needs_speaker_groups(chunks_dir):
    with pytest.raises(
        ConfigError, match=r"Set train\.sampler to \{name: speaker_groups, utts_per"
    ):
        trainer_of(chunks_dir, loss={"name": "ge2e"})


def test_a_file_that_is_not_a_model_is_refused(tmp_path):
    (tmp_path / "final.pt").write_bytes(b"PK not a model")
    with pytest.raises(StepsError, match=r"final\.pt: is damaged or not a model of sidewinder"):
        load_extractor(tmp_path / "final.pt")


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"batch_size": 1}, "'train.batch_size': 1 is less than the minimum of 2"),
        ({"accumulate_steps": 3}, "batch_size is 8, not a multiple of accumulate_steps, 3."),
        ({"average_epochs": 4}, "average_epochs is 4, more than num_epochs, 3."),
        ({"init": {"modle": "x"}}, "unknown key 'train.init.modle'. Did you mean 'model'?"),
        ({"init": {}}, "'train.init.model' is missing."),
        ({"sampler": {"name": "balance"}}, "Did you mean 'balanced'?"),
        ({"device": "gpu"}, "'train.device' is 'gpu'. Did you mean 'cpu'? Known: auto, cpu, cuda."),
        ({"precision": "fp16", "device": "cpu"}, "precision fp16 needs a GPU"),
        ({"precision": "float16"}, "'train.precision' is 'float16'. Did you mean"),
        ({"loss": {"name": "arcface"}}, "loss: unknown name 'arcface'"),
        ({"schedule": {"name": "cosin"}}, "Did you mean 'cosine'?"),
        ({"optimizer": {"name": "sgd", "momentun": 1}}, "Did you mean 'momentum'?"),
    ],
)
def test_mistakes_in_section_train_are_errors(chunks_dir, changed, message):
    with pytest.raises(ConfigError) as error:
        trainer_of(chunks_dir, **changed)
    assert message in str(error.value)


def test_chunks_shorter_than_the_receptive_field_are_refused(chunks_dir, monkeypatch):
    short = dataclasses.replace(CHUNKS, min_frames=10)
    monkeypatch.setitem(SECTIONS, "chunks", short)
    with pytest.raises(
        ConfigError, match=r"min_frames is 10, but the receptive field .* is 15 frames"
    ):
        trainer_of(chunks_dir)


def test_a_missing_gpu_is_an_error(chunks_dir, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="no GPU is offered to this job"):
        trainer_of(chunks_dir, device="cuda")


def test_a_schedule_on_the_loss_of_held_out_speakers_needs_a_loss_that_classifies(chunks_dir):
    changed = {"loss": {"name": "dplda"}, "sampler": {"name": "speaker_groups"}}
    for schedule in ({"name": "halve_and_reset_to_best"}, {"name": "plateau"}):
        with pytest.raises(ConfigError, match="valid_loss, which loss 'dplda' has none of"):
            trainer_of(chunks_dir, schedule=schedule, **changed)
