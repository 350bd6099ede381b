"""Steps of two passes over a batch (sam)."""

import pytest

from steps_py.model.config import ModelConfig
from tests.support.small_training import (
    SECTIONS,
    assert_same,
    result,
    small_run,
    small_sections,
    write_small_chunks,
)

SGD = {"name": "sgd", "lr": 0.05}


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("two_passes"))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_with_a_radius_of_nearly_0_sam_is_its_inner_optimizer_to_the_bit(
    chunks_dir, tmp_path, precision
):
    """So the second pass has the dropout masks of the first, and leaves batch norm alone."""
    dropout = ModelConfig(**vars(SECTIONS["model"]) | {"pooling_dropout": 0.2})
    for name, optimizer in (("one", SGD), ("two", {"name": "sam", "radius": 1e-20, "inner": SGD})):
        sections = small_sections(model=dropout, optimizer=optimizer, precision=precision)
        small_run(chunks_dir, tmp_path / name, sections)
    assert_same(tmp_path / "two", result(tmp_path / "one"))


def test_sam_takes_other_steps_than_its_inner_optimizer(chunks_dir, tmp_path):
    for name, radius in (("small", 1e-20), ("large", 0.5)):
        optimizer = {"name": "sam", "radius": radius, "inner": SGD}
        small_run(chunks_dir, tmp_path / name, small_sections(optimizer=optimizer, num_epochs=1))
    (one, _), (other, _) = (result(tmp_path / name) for name in ("small", "large"))
    assert not one["embedding.weight"].equal(other["embedding.weight"])
