"""The search for a learning rate: a rising rate, the losses, and nothing else."""

import types

import numpy as np
import pytest

from steps_py.chunks.allocation import Chunks
from steps_py.errors import StepsError
from steps_py.report.sections.lr_search import LrSearch
from steps_py.training.lr_curve import LrCurve
from steps_py.training.lr_search import find_lr, search_sections
from steps_py.training.trainer import Trainer
from tests.support.small_training import small_sections, write_small_chunks


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("lr_search"))


def search(chunks_dir, min_lr, max_lr, **changed):
    sections = search_sections(small_sections(**changed), num_steps=8)
    chunks = [Chunks(chunks_dir / f"{n}.tsv") for n in ("train", "valid", "valid_speakers")]
    return find_lr(Trainer(sections, *chunks), min_lr, max_lr, log=str)


def test_the_rate_rises_by_the_same_factor_from_the_lowest_to_the_highest(chunks_dir):
    stages = [{"num_epochs": 1, "optimizer": {"name": "adam"}}, {"num_epochs": 1}]
    curve = search(chunks_dir, 1e-4, 10, stages=stages)
    assert curve.lr_N == pytest.approx(np.logspace(-4, 1, 8))
    assert np.isfinite(curve.loss_N).all()


def test_the_search_does_not_depend_on_lr_schedule_or_average(chunks_dir):
    schedule = {"name": "halve_and_reset_to_best", "metric": "valid_eer"}
    curves = [
        search(chunks_dir, 1e-3, 1, optimizer={"name": "sgd", "lr": 7.0}, schedule=schedule),
        search(chunks_dir, 1e-3, 1, average={"name": "ema"}, num_epochs=9),
    ]
    assert curves[0].loss_N == pytest.approx(curves[1].loss_N, rel=1e-5)


def test_the_search_ends_where_the_loss_is_not_finite(chunks_dir):
    curve = search(chunks_dir, 1e-3, 1e38, loss={"name": "softmax", "hidden_dim": 8})
    assert 0 < len(curve.lr_N) < 8
    with pytest.raises(StepsError, match="is not finite at the lowest learning rate, 1e\\+37"):
        search(chunks_dir, 1e37, 1e38, optimizer={"name": "sam", "radius": 1e38})


def test_a_curve_that_is_written_and_read_is_the_same(tmp_path):
    lr_N = np.logspace(-3, 0, 20)
    curve = LrCurve(lr_N, -np.tanh(np.log(lr_N) + 3))
    curve.write(tmp_path / "curve.tsv")
    again = LrCurve.read(tmp_path / "curve.tsv")
    assert again.lr_N == pytest.approx(curve.lr_N, rel=1e-5)
    assert again.suggestion() == pytest.approx(curve.suggestion(), rel=1e-5)


def test_no_rate_is_suggested_where_the_loss_only_rises():
    curve = LrCurve(np.logspace(-3, 0, 20), np.linspace(1, 5, 20))
    assert curve.suggestion() is None
    assert curve.describe() == "the loss does not fall at any learning rate"


def test_the_report_shows_the_curve_if_there_is_one():
    curve = LrCurve(np.logspace(-3, 0, 20), np.linspace(5, 1, 20))
    text, figures = LrSearch(None, types.SimpleNamespace(lr_curve=curve)).blocks()
    assert text.text.startswith("snakemake find_lr: the loss falls fastest at lr 0.")
    assert len(figures.figures) == 1
    assert LrSearch(None, types.SimpleNamespace(lr_curve=None)).blocks() == []
