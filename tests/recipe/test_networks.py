"""docs/networks.md equals what the registries generate."""

import pytest

from steps_py.model.registries import ENCODERS
from steps_py.recipe.networks import PAGE, page, reference


@pytest.mark.slow
def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run python -m steps_py.recipe.networks --write"


def test_the_source_of_an_encoder_is_that_of_its_docstring():
    assert reference(ENCODERS.find("tdnn")).startswith("D. Snyder et al., ")
