"""What all tests share."""

import collections
import os
import pathlib

import hypothesis
import pytest

# kaldi-io gives KALDI_ROOT and PATH its author's values where they are not set; the
# processes that other tests start are not to see them.
environment = dict(os.environ)
import kaldi_io  # noqa: E402, F401

os.environ.clear()
os.environ.update(environment)

from steps_py import own_parts  # noqa: E402
from steps_py.registry import Registry  # noqa: E402

# The same examples in every run, however slow the machine: a failure is a change's doing.
hypothesis.settings.register_profile("sidewinder", deadline=None, derandomize=True)
hypothesis.settings.load_profile("sidewinder")


# Files that take longest, in this order: a long one that begins last would run alone. The second
# needs no finished recipe, which one process makes meanwhile.
LONGEST = [
    "workflow/test_edits.py",
    "training/test_processes.py",
    "workflow/test_mini_recipe.py",
    "workflow/test_search.py",
    "workflow/test_command_lines.py",
    "workflow/test_pseudo_labels.py",
    "training/objectives/test_resume_objectives.py",
    "workflow/test_score_chains.py",
    "model/test_model.py",
    "workflow/test_waveform_recipe.py",
    "workflow/test_workflow.py",
    "training/test_interruptions.py",
    "plan/test_plan.py",
    "benchmarks/test_benchmarks.py",
    "kaldi/test_reference.py",
]


def pytest_collection_modifyitems(items):
    """The tests of a file run in one process: long files first, then those with slow tests."""
    here = pathlib.Path(__file__).parent
    place = {here / name: number for number, name in enumerate(LONGEST)}
    if gone := [str(path) for path in place if not path.exists()]:
        raise pytest.UsageError(f"{gone[0]}: not there. Correct LONGEST in {__file__}.")
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (place.get(item.path, len(LONGEST)), -slow[item.path]))


@pytest.fixture(autouse=True)
def classes_of_recipes_stay_in_their_test(monkeypatch):
    """Classes that a recipe's own files register in this process are removed after the test.

    Pages and tables list what is registered; no test sees what another one loaded.
    """
    loaded = []
    register = Registry.register

    def noted(registry, name):
        def add(cls):
            before = registry._classes.get(name)
            register(registry, name)(cls)
            if cls.__module__.startswith(f"{own_parts.PACKAGE}."):
                loaded.append((registry, name, before))
            return cls

        return add

    monkeypatch.setattr(Registry, "register", noted)
    yield
    for registry, name, before in reversed(loaded):
        del registry._classes[name]
        if before is not None:
            registry._classes[name] = before
    if loaded:
        own_parts.load.cache_clear()
