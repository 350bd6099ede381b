"""A recipe that has run, for all tests of the workflow."""

import fcntl

import pytest

from tests.support.tiny_recipe import ROOT, copy_recipe, shrink, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """A recipe that ran through undisturbed. Tests copy it, or read it only.

    The processes of a test run share it: the first one that needs it makes it.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "finished"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "results/report.html").exists():
            copy_recipe(ROOT / "egs/mini", folder, shrink)
            done = snakemake(folder, "all")
            assert done.returncode == 0, done.stderr[-3000:]
    return folder
