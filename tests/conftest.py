"""What all tests share."""

import collections
import os

import hypothesis

# kaldi-io gives KALDI_ROOT and PATH its author's values where they are not set; the
# processes that other tests start are not to see them.
environment = dict(os.environ)
import kaldi_io  # noqa: E402, F401

os.environ.clear()
os.environ.update(environment)

# The same examples in every run, however slow the machine: a failure is a change's doing.
hypothesis.settings.register_profile("sidewinder", deadline=None, derandomize=True)
hypothesis.settings.load_profile("sidewinder")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first, those with most before the others.

    The tests of a file run in one process; a slow file at the end would run alone.
    """
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
