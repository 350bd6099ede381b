"""A recipe that has run, for all tests of the workflow."""

import pytest

from tests.support.tiny_recipe import ROOT, copy_recipe, shrink, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A recipe that ran through undisturbed. Tests copy it, or read it only."""
    folder = copy_recipe(ROOT / "egs/mini", tmp_path_factory.mktemp("mini"), shrink)
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder
