"""Each scheduler is brought up once for all tests, and taken down whatever happens."""

import pytest

from tests.cluster.scheduler import HERE, NAMES, scheduler_of


def pytest_collection_modifyitems(config, items):
    """These tests install and start daemons: only who says `-m cluster` gets them."""
    here = [item for item in items if HERE in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.cluster)
    if "cluster" not in config.getoption("markexpr"):
        items[:] = [item for item in items if item not in here]
        config.hook.pytest_deselected(items=here)


@pytest.fixture(scope="session", params=NAMES)
def scheduler(request):
    brought_up = scheduler_of(request.param)
    try:
        brought_up.up()
        yield brought_up
    finally:
        brought_up.down()
