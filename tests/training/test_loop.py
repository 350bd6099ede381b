"""Training: learns, stops and resumes to the bit, says what is wrong."""

import dataclasses
import functools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from steps_py.chunks.allocation import Chunks, allocate_chunks, read_utterances, write_chunks
from steps_py.chunks.config import ChunksConfig
from steps_py.errors import ConfigError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import load_extractor
from steps_py.model.registries import LOSSES, OPTIMIZERS, SCHEDULES
from steps_py.settings.build import replaced
from steps_py.stages.train_model import main
from steps_py.training.config import TrainConfig
from steps_py.training.loop import train
from steps_py.training.trainer import COLUMNS, Trainer
from tests.support.small_features import draw_utts, write_data_dir

torch.set_num_threads(1)

CHUNKS = ChunksConfig(min_frames=20, max_frames=30, short_utts="tile", num_valid_utts=5)
SECTIONS = {
    "train": TrainConfig(
        loss={"name": "aam_softmax", "scale": 15, "margin_warmup_epochs": 1},
        optimizer={"name": "sgd", "lr": 0.05},
        schedule={"name": "cosine"},
        num_epochs=3,
        batch_size=8,
        steps_per_epoch=6,
        num_threads=1,
        num_workers=0,
    ),
    "model": ModelConfig(
        encoder={"name": "tdnn", "hidden_dim": 16, "out_dim": 24},
        embedding_dim=8,
        pooling={"name": "stats"},
    ),
    "cmvn": CmvnConfig(),
    "chunks": CHUNKS,
}


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    """Chunks of five speakers with ten compressed utterances each."""
    folder = tmp_path_factory.mktemp("train")
    write_data_dir(folder / "data", draw_utts(5, 10), kind="CM")
    utterances = read_utterances([folder / "data"])
    allocation = allocate_chunks(utterances, CHUNKS, say=lambda line: None)
    write_chunks(utterances, allocation, folder / "chunks")
    return folder / "chunks"


def trainer(chunks_dir, **changed):
    """A Trainer whose train section is changed."""
    torch.set_num_threads(1)
    sections = SECTIONS | {"train": replaced(SECTIONS["train"], "train", **changed)}
    return Trainer(sections, *(Chunks(chunks_dir / f"{name}.tsv") for name in ("train", "valid")))


def run_trainer(trainer, out_dir):
    """Train to the end; what is said."""
    said = []
    train([lambda previous: trainer], out_dir, say=said.append)
    return said


def run(chunks_dir, out_dir, **changed):
    return run_trainer(trainer(chunks_dir, **changed), out_dir)


def result(out_dir):
    """Weights, and the rows of epochs.tsv without the two columns of time."""
    lines = (out_dir / "epochs.tsv").read_text().splitlines()
    weights = torch.load(out_dir / "final.pt", weights_only=True)["model"]
    return weights, [line.split("\t")[:-2] for line in lines]


def assert_same(out_dir, expected):
    weights, rows = result(out_dir)
    assert rows == expected[1]
    assert weights.keys() == expected[0].keys()
    assert all(torch.equal(weights[name], expected[0][name]) for name in weights)


@pytest.fixture(scope="module")
def expected(chunks_dir, tmp_path_factory):
    """What a training that nothing disturbs comes to."""
    out_dir = tmp_path_factory.mktemp("undisturbed")
    run(chunks_dir, out_dir)
    return result(out_dir)


def test_the_table_of_epochs_has_a_row_an_epoch(expected):
    header, *rows = expected[1]
    assert header == list(COLUMNS[:-2])
    assert [row[:2] for row in rows] == [["1", "1"], ["1", "2"], ["1", "3"]]
    assert float(rows[-1][2]) < 0.01 * 0.05  # a cosine ends near 0


def test_it_learns_speakers_that_are_easy_to_tell(chunks_dir, tmp_path):
    run(chunks_dir, tmp_path, num_epochs=6, steps_per_epoch=10)
    header, *_, last = result(tmp_path)[1]
    row = dict(zip(header, last, strict=True))
    assert float(row["train_accuracy"]) > 0.9 and float(row["valid_accuracy"]) > 0.7


@pytest.mark.parametrize("num_workers", [1, 2])
def test_the_number_of_readers_changes_nothing(chunks_dir, tmp_path, expected, num_workers):
    run(chunks_dir, tmp_path, num_workers=num_workers)
    assert_same(tmp_path, expected)


@pytest.mark.parametrize("decode", ["device", "resident"])
def test_where_bytes_become_features_changes_rounding_alone(chunks_dir, tmp_path, expected, decode):
    run(chunks_dir, tmp_path, decode=decode, num_workers=1)
    weights, _ = result(tmp_path)
    for name, weight in weights.items():
        torch.testing.assert_close(weight, expected[0][name], atol=1e-3, rtol=1e-3)


def test_batches_through_pipes_are_those_through_shared_memory(
    chunks_dir, tmp_path, expected, monkeypatch
):
    monkeypatch.setattr("steps_py.chunks.batches._free_shared_memory", lambda: 0)
    run(chunks_dir, tmp_path, num_workers=1)
    assert_same(tmp_path, expected)


def run_without_end(chunks_dir, out_dir, **changed):
    """A training that waits before its last step, so that no machine is too fast to kill it."""
    endless = trainer(chunks_dir, **changed)
    take_step = endless.take_step

    def wait_or_take_step(*batch):
        if endless.step == endless.num_steps - 1:
            time.sleep(3600)
        take_step(*batch)

    endless.take_step = wait_or_take_step
    run_trainer(endless, out_dir)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_killed_again_and_again_it_comes_to_the_same_bits(chunks_dir, tmp_path, num_workers):
    """A checkpoint after each step; SIGKILL at 20 random moments, in the midst of writing too."""
    changed = {"steps_per_epoch": 50, "num_workers": num_workers, "checkpoint_minutes": 1e-9}
    run(chunks_dir, tmp_path / "undisturbed", **changed)
    out_dir, waits = tmp_path / "killed", random.Random(num_workers)
    for patience in range(20):
        process = multiprocessing.get_context("fork").Process(
            target=run_without_end, args=(chunks_dir, out_dir), kwargs=changed
        )
        process.start()
        process.join(waits.uniform(0.05, 0.4) * (1 + patience / 10))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    run(chunks_dir, out_dir, **changed)
    assert_same(out_dir, result(tmp_path / "undisturbed"))
    finals = [path.read_bytes() for path in tmp_path.glob("*/final.pt")]
    assert len(finals) == 2 and finals[0] == finals[1]
    assert sorted(path.name for path in out_dir.iterdir()) == [
        "epochs.tsv",
        "final.pt",
        "head.pt",
        "tensorboard",
    ]


def signal_at(trainer, number, step):
    """Send ourselves a signal just before a step."""
    take_step = trainer.take_step

    def take_step_and_signal(*batch):
        if trainer.step == step:
            os.kill(os.getpid(), number)
        take_step(*batch)

    trainer.take_step = take_step_and_signal


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_a_checkpoint_and_the_rest_follows(
    chunks_dir, tmp_path, expected, number, status
):
    before = signal.getsignal(number)
    stopped, said = trainer(chunks_dir), []
    signal_at(stopped, number, step=8)
    with pytest.raises(SystemExit) as end:
        train([lambda previous: stopped], tmp_path, say=said.append)
    assert end.value.code == status
    assert said[-1].startswith(f"train: stopped by {number.name} after step 9 of 18")
    assert signal.getsignal(number) == before
    (tmp_path / "epochs.tsv").unlink()  # Snakemake removes what a failed job made
    said = run(chunks_dir, tmp_path)
    assert "step-000000009.pt" in said[0]
    assert_same(tmp_path, expected)


def test_the_command_exits_143_on_sigterm_and_0_when_called_again(chunks_dir, tmp_path):
    changed = {"steps_per_epoch": 150, "checkpoint_minutes": 1e-9}
    run(chunks_dir, tmp_path / "undisturbed", **changed)
    sections = {key: json_of(SECTIONS[key]) for key in SECTIONS}
    sections["train"] = json_of(replaced(SECTIONS["train"], "train", **changed))
    command = [sys.executable, "-m", "steps_py.stages.train_model", "--out", tmp_path / "out"]
    command += ["--config", sections["train"], "--model", sections["model"]]
    command += ["--cmvn", sections["cmvn"], "--chunks-config", sections["chunks"]]
    command += ["--chunks", chunks_dir]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    for line in process.stdout:
        if "epoch 1 of 3" in line:
            process.send_signal(signal.SIGTERM)
    assert process.wait() == 143
    subprocess.run(command, check=True, capture_output=True, env=environment)
    assert_same(tmp_path / "out", result(tmp_path / "undisturbed"))


def test_a_number_that_yaml_took_for_text_is_answered_in_words(chunks_dir, tmp_path):
    sections = SECTIONS | {
        "train": replaced(SECTIONS["train"], "train", optimizer={"name": "sgd", "lr": "1e-3"})
    }
    names = {"config": "train", "model": "model", "cmvn": "cmvn", "chunks-config": "chunks"}
    arguments = [f"--{name}={json_of(sections[key])}" for name, key in names.items()]
    with pytest.raises(ConfigError, match=r"YAML takes 1e-3 for text; write 1\.0e-03"):
        main([*arguments, f"--chunks={chunks_dir}", f"--out={tmp_path}"])


def json_of(section):
    return json.dumps(dataclasses.asdict(section))


def test_other_settings_start_anew_and_say_so(chunks_dir, tmp_path, expected):
    stopped = trainer(chunks_dir, batch_size=4)
    signal_at(stopped, signal.SIGTERM, step=2)
    with pytest.raises(SystemExit):
        run_trainer(stopped, tmp_path)
    said = run(chunks_dir, tmp_path)
    assert "(train.batch_size was 4, is 8)" in said[0]
    assert_same(tmp_path, expected)


def test_other_chunks_start_anew(chunks_dir, tmp_path):
    stopped = trainer(chunks_dir)
    stopped.settings["chunks"] = "of another table"
    signal_at(stopped, signal.SIGTERM, step=2)
    with pytest.raises(SystemExit):
        run_trainer(stopped, tmp_path)
    assert "chunks was of another table" in run(chunks_dir, tmp_path)[0]


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(
    chunks_dir, tmp_path, expected
):
    stopped = trainer(chunks_dir, checkpoint_minutes=1e-9)
    signal_at(stopped, signal.SIGTERM, step=8)
    with pytest.raises(SystemExit):
        run_trainer(stopped, tmp_path)
    newest = max(tmp_path.glob("checkpoints/*/*/step-*.pt"))
    newest.write_bytes(newest.read_bytes()[:-100])
    said = run(chunks_dir, tmp_path)
    assert "damaged" in said[0] and "step-000000008.pt" in said[1]
    assert_same(tmp_path, expected)


def test_a_finished_training_called_again_trains_anew(chunks_dir, tmp_path, expected):
    for _ in range(2):
        said = run(chunks_dir, tmp_path)
        assert not any("resumes" in line for line in said)
    assert_same(tmp_path, expected)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_archive_that_is_cut_off_while_it_trains_ends_it_by_name(tmp_path, num_workers):
    write_data_dir(tmp_path / "data", draw_utts(5, 10))
    utterances = read_utterances([tmp_path / "data"])
    allocation = allocate_chunks(utterances, CHUNKS, say=lambda line: None)
    write_chunks(utterances, allocation, tmp_path / "chunks")
    cut_off = trainer(tmp_path / "chunks", num_workers=num_workers)
    os.truncate(tmp_path / "data/feats.ark", 10_000)
    with pytest.raises(StepsError, match=r"^spk\d+-utt\d+: .*feats\.ark: ends at byte 10000"):
        run_trainer(cut_off, tmp_path)


def test_a_killed_reader_ends_training_in_words(chunks_dir, tmp_path):
    broken = trainer(chunks_dir, num_workers=2)
    read, main = broken.read_batch, os.getpid()

    def read_or_die(step):
        if step == 9 and os.getpid() != main:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(step)

    broken.read_batch = read_or_die
    with pytest.raises(StepsError, match=r"that reads batches died .* Start the same"):
        run_trainer(broken, tmp_path)


def test_a_loss_that_stays_infinite_stops_with_its_place(chunks_dir, tmp_path):
    changed = {"optimizer": {"name": "sgd", "lr": 1e38}, "schedule": {"name": "constant"}}
    with pytest.raises(StepsError) as error:
        run(chunks_dir, tmp_path, loss={"name": "softmax", "hidden_dim": 0}, **changed)
    assert "train: loss is nan at epoch 1, step 2 (last finite loss" in str(error.value)
    assert "lr 2.5e+37). 2 times the epoch was begun again with half the lr." in str(error.value)
    assert "A lower train.optimizer.lr or a train.grad_clip usually helps." in str(error.value)
    assert not (tmp_path / "final.pt").exists()


def test_features_of_two_dimensions_are_refused_by_name(tmp_path):
    utts = draw_utts(5, 10)
    spk, x_TD, voiced_T = utts["spk03-utt04"]
    write_data_dir(tmp_path / "data", utts | {"spk03-utt04": (spk, x_TD[:, :3], voiced_T)})
    utterances = read_utterances([tmp_path / "data"])
    allocation = allocate_chunks(utterances, CHUNKS, say=lambda line: None)
    write_chunks(utterances, allocation, tmp_path / "chunks")
    with pytest.raises(StepsError, match=r"spk03-utt04: features of 3 dimensions, spk\d+-utt\d+"):
        trainer(tmp_path / "chunks")


@pytest.mark.parametrize(
    "kind, name",
    [("loss", n) for n in LOSSES.names()]
    + [("optimizer", n) for n in OPTIMIZERS.names()]
    + [("schedule", n) for n in SCHEDULES.names()],
)
def test_every_registered_part_trains(chunks_dir, tmp_path, kind, name):
    sampler = {"name": "speaker_groups", "utts_per_speaker": 2 if kind == "loss" else 1}
    changed = {kind: {"name": name}, "num_epochs": 1, "grad_clip": 1.0, "batch_size": 4}
    run(chunks_dir, tmp_path, sampler=sampler, **changed)
    assert (tmp_path / "final.pt").exists()


NO_NORM = ModelConfig(
    encoder={"name": "resnet20", "base_dim": 2}, pooling={"name": "mean"}, embedding_dim=8
)


@pytest.mark.parametrize("num_parts", [2, 4])
def test_accumulated_parts_are_the_whole_batch(chunks_dir, tmp_path, monkeypatch, num_parts):
    """Of a network without batch norm, clipping included: the parts' losses are divided."""
    monkeypatch.setitem(SECTIONS, "model", NO_NORM)
    run(chunks_dir, tmp_path / "whole", grad_clip=0.5)
    run(chunks_dir, tmp_path / "parts", grad_clip=0.5, accumulate_steps=num_parts)
    (weights, rows), (expected, expected_rows) = (
        result(tmp_path / name) for name in ("parts", "whole")
    )
    assert all(torch.allclose(weights[name], expected[name], atol=1e-5) for name in expected)
    losses = [[float(row[3]) for row in table[1:]] for table in (rows, expected_rows)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_gradients_are_clipped_before_the_step(chunks_dir):
    """Plain SGD with lr 1 moves the weights by the gradient: by its largest norm at most."""
    sgd = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    clipped = trainer(
        chunks_dir, optimizer=sgd, schedule={"name": "constant"}, grad_clip=0.01, num_workers=0
    )
    before = [p.detach().clone() for p in clipped.network.parameters]
    clipped.take_step(*map(torch.from_numpy, clipped.read_batch(0)))
    moved = [p - b for p, b in zip(clipped.network.parameters, before, strict=True)]
    norm = sum(x.double().square().sum() for x in moved).sqrt().item()
    assert norm == pytest.approx(0.01, rel=1e-3)


def test_chunks_of_several_lengths_are_padded_and_masked(chunks_dir, tmp_path, monkeypatch):
    """A chunk's x-vector is that of the chunk alone, whatever pads stand behind it."""
    varied = dataclasses.replace(CHUNKS, vary_within_batch=True)
    monkeypatch.setitem(SECTIONS, "chunks", varied)
    drawn = trainer(chunks_dir)
    x_BTD, _, num_frames_B = map(torch.from_numpy, drawn.read_batch(3))
    assert x_BTD.shape[1] == num_frames_B.max() > num_frames_B.min()
    assert all((x_BTD[b, n:] == 0).all() for b, n in enumerate(num_frames_B))
    drawn.network.evaluate(0)
    together = drawn.network.embed(x_BTD, num_frames_B)
    for b, num_frames in enumerate(num_frames_B):
        alone = drawn.network.embed(x_BTD[b : b + 1, :num_frames])
        assert torch.allclose(together[b], alone[0], atol=1e-5)
    run(chunks_dir, tmp_path, num_epochs=1)
    assert (tmp_path / "final.pt").exists()


def test_a_metric_loss_asks_for_groups(chunks_dir):
    with pytest.raises(
        ConfigError, match=r"Set train\.sampler to \{name: speaker_groups, utts_per"
    ):
        trainer(chunks_dir, loss={"name": "ge2e"})


def test_a_metric_loss_has_neither_accuracy_nor_validation_loss(chunks_dir, tmp_path):
    groups = {"name": "speaker_groups", "utts_per_speaker": 4}
    said = run(chunks_dir, tmp_path, loss={"name": "ge2e"}, sampler=groups, num_epochs=1)
    header, row = result(tmp_path)[1]
    assert [name for name, value in zip(header, row, strict=True) if not value] == [
        "train_accuracy",
        "valid_loss",
        "valid_accuracy",
        "valid_eer",
    ]
    assert not any("accuracy" in line for line in said)


def test_a_compiled_network_learns_the_same(chunks_dir, tmp_path):
    """torch's "eager" backend: the calls are those of a compiler, the arithmetic is not."""
    compile_eager = functools.partial(torch.compile, backend="eager")
    run(chunks_dir, tmp_path / "plain", num_epochs=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("torch.compile", compile_eager)
        run(chunks_dir, tmp_path / "compiled", num_epochs=1, compile=True)
    assert_same(tmp_path / "compiled", result(tmp_path / "plain"))


def test_channels_last_changes_the_layout_alone(chunks_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(SECTIONS, "model", NO_NORM)
    last = trainer(chunks_dir, channels_last=True).network.model.encoder.stages[1].first.weight
    assert last.is_contiguous(memory_format=torch.channels_last) and not last.is_contiguous()
    for name, wanted in (("first", False), ("last", True)):
        run(chunks_dir, tmp_path / name, channels_last=wanted, num_epochs=1)
    weights, expected = (result(tmp_path / name)[0] for name in ("last", "first"))
    assert all(torch.allclose(weights[n], expected[n], atol=1e-4) for n in expected)


def test_bf16_trains_on_a_cpu(chunks_dir, tmp_path):
    run(chunks_dir, tmp_path, precision="bf16", num_epochs=1)
    weights = result(tmp_path)[0]
    assert weights["embedding.weight"].dtype == torch.float32


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


def test_another_file_is_no_model(tmp_path):
    (tmp_path / "final.pt").write_bytes(b"PK not a model")
    with pytest.raises(StepsError, match=r"final\.pt: is damaged or not a model of sidewinder"):
        load_extractor(tmp_path / "final.pt")


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"batch_size": 1}, "'train.batch_size': 1 is less than the minimum of 2"),
        ({"accumulate_steps": 3}, "batch_size, 8, is no multiple of accumulate_steps, 3."),
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
def test_a_wrong_train_section_is_answered_in_words(chunks_dir, changed, said):
    with pytest.raises(ConfigError) as error:
        trainer(chunks_dir, **changed)
    assert said in str(error.value)


def test_chunks_shorter_than_the_network_spans_are_refused(chunks_dir, monkeypatch):
    short = dataclasses.replace(CHUNKS, min_frames=10)
    monkeypatch.setitem(SECTIONS, "chunks", short)
    with pytest.raises(ConfigError, match=r"min_frames is 10, but a frame .* spans 15"):
        trainer(chunks_dir)


def test_asking_for_a_gpu_that_is_not_there_is_an_error(chunks_dir, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="no GPU is offered to this job"):
        trainer(chunks_dir, device="cuda")
