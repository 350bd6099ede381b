"""Single steps: gradient accumulation, clipping, chunk lengths, compilation, memory layout."""

import dataclasses
import functools

import pytest
import torch

from steps_py.model.config import ModelConfig
from tests.support.small_training import (
    CHUNKS,
    SECTIONS,
    assert_same,
    result,
    run,
    trainer_of,
)

NO_NORM = ModelConfig(
    encoder={"name": "resnet20", "base_dim": 2}, pooling={"name": "mean"}, embedding_dim=8
)


@pytest.mark.parametrize("num_micro_batches", [2, 4])
def test_gradient_accumulation_equals_the_whole_batch(
    chunks_dir, tmp_path, monkeypatch, num_micro_batches
):
    """For a network without batch norm; clipping included."""
    monkeypatch.setitem(SECTIONS, "model", NO_NORM)
    run(chunks_dir, tmp_path / "whole", grad_clip=0.5)
    run(chunks_dir, tmp_path / "accumulated", grad_clip=0.5, accumulate_steps=num_micro_batches)
    (weights, rows), (expected, expected_rows) = (
        result(tmp_path / name) for name in ("accumulated", "whole")
    )
    assert all(torch.allclose(weights[name], expected[name], atol=1e-5) for name in expected)
    losses = [[float(row[3]) for row in table[1:]] for table in (rows, expected_rows)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_gradients_are_clipped_before_the_step(chunks_dir):
    """Plain SGD with lr 1 moves the weights by the gradient: by its largest norm at most."""
    sgd = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    clipped = trainer_of(
        chunks_dir, optimizer=sgd, schedule={"name": "constant"}, grad_clip=0.01, num_workers=0
    )
    before = [p.detach().clone() for p in clipped.network.parameters]
    clipped.take_step(*map(torch.from_numpy, clipped.read_batch(0)))
    moved = [p - b for p, b in zip(clipped.network.parameters, before, strict=True)]
    norm = sum(x.double().square().sum() for x in moved).sqrt().item()
    assert norm == pytest.approx(0.01, rel=1e-3)


def test_chunks_of_several_lengths_are_padded_and_masked(chunks_dir, tmp_path, monkeypatch):
    """The x-vector of a padded chunk equals that of the chunk alone."""
    varied = dataclasses.replace(CHUNKS, vary_within_batch=True)
    monkeypatch.setitem(SECTIONS, "chunks", varied)
    drawn = trainer_of(chunks_dir)
    x_BTD, _, num_frames_B = map(torch.from_numpy, drawn.read_batch(3))
    assert x_BTD.shape[1] == num_frames_B.max() > num_frames_B.min()
    assert all((x_BTD[b, n:] == 0).all() for b, n in enumerate(num_frames_B))
    drawn.network.set_eval_mode(0)
    together = drawn.network.embed(x_BTD, num_frames_B)
    for b, num_frames in enumerate(num_frames_B):
        alone = drawn.network.embed(x_BTD[b : b + 1, :num_frames])
        assert torch.allclose(together[b], alone[0], atol=1e-5)
    run(chunks_dir, tmp_path, num_epochs=1)
    assert (tmp_path / "final.pt").exists()


def test_a_compiled_network_gives_the_same_weights(chunks_dir, tmp_path):
    """With torch's "eager" backend, which traces the model but keeps the arithmetic."""
    compile_eager = functools.partial(torch.compile, backend="eager")
    run(chunks_dir, tmp_path / "plain", num_epochs=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("torch.compile", compile_eager)
        run(chunks_dir, tmp_path / "compiled", num_epochs=1, compile=True)
    assert_same(tmp_path / "compiled", result(tmp_path / "plain"))


def test_channels_last_changes_only_the_memory_layout(chunks_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(SECTIONS, "model", NO_NORM)
    last = trainer_of(chunks_dir, channels_last=True).network.model.encoder.stages[1].first.weight
    assert last.is_contiguous(memory_format=torch.channels_last) and not last.is_contiguous()
    for name, wanted in (("first", False), ("last", True)):
        run(chunks_dir, tmp_path / name, channels_last=wanted, num_epochs=1)
    weights, expected = (result(tmp_path / name)[0] for name in ("last", "first"))
    assert all(torch.allclose(weights[n], expected[n], atol=1e-4) for n in expected)


def test_bf16_trains_on_a_cpu(chunks_dir, tmp_path):
    run(chunks_dir, tmp_path, precision="bf16", num_epochs=1)
    weights = result(tmp_path)[0]
    assert weights["embedding.weight"].dtype == torch.float32
