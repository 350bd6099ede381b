"""Each scheduler is started once for all tests, and always stopped at the end."""

import fcntl
import os
import subprocess
import sys

import pytest

from tests.real_clusters.scheduler import HERE, NAMES, ROOT, scheduler_of
from tests.support.tiny_recipe import copy_recipe, shrink


def pytest_collection_modifyitems(config, items):
    """These tests install and start daemons, so they run only with `-m cluster`."""
    here = [item for item in items if HERE in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.cluster)
    if "cluster" not in config.getoption("markexpr"):
        items[:] = [item for item in items if item not in here]
        config.hook.pytest_deselected(items=here)


@pytest.fixture(scope="session", params=NAMES)
def scheduler(request):
    brought_up = scheduler_of(request.param)
    with open(f"/tmp/sidewinder-tests-{request.param}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a host has one; another session's tests wait
        try:
            brought_up.up()
            yield brought_up
        finally:
            brought_up.down()


def start_recipe(folder, *options, environment=None):
    """A run of a reduced egs/mini in `folder`, with its output in `folder`/said."""
    copy_recipe(ROOT / "egs/mini", folder, shrink)
    command = [sys.executable, "-m", "snakemake", "--directory", folder, *options, "--", "all"]
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        stdout=(folder / "said").open("w"),
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )


@pytest.fixture(scope="session")
def local_recipe(tmp_path_factory):
    """The recipe run without a scheduler, behind the tests' back: (folder, process)."""
    folder = tmp_path_factory.mktemp("local") / "mini"
    process = start_recipe(folder, "--cores", "2")
    yield folder, process
    process.kill()


@pytest.fixture(scope="session", autouse=True)
def recipe(scheduler, local_recipe, tmp_path_factory):
    """The recipe run through the scheduler, behind the tests' back, faults or not."""
    folder = tmp_path_factory.mktemp("recipe") / f"mini on {scheduler.name}"
    options = ["--profile", scheduler.name, *scheduler.options]
    process = start_recipe(folder, *options, environment=scheduler.environment)
    yield folder, process
    process.kill()
