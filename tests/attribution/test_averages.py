"""Averages of maps over trials."""

import numpy as np
import pytest

from steps_py.attribution.averages import Averages
from steps_py.recipe.checks.attribution import check_trials

DATA = {
    "trials": {"one": {"enroll": "dev", "test": "dev"}, "many": {"enroll": "spk", "test": "dev"}},
    "models": {"spk": {"of": "dev"}},
}


def test_every_map_counts_the_same_whatever_its_scale():
    averages = Averages(np.array([100.0, 200.0]))
    averages.add("target", np.array([[1.0, 3.0]]), None)
    averages.add("target", np.array([[1000.0, 0.0]]), None)
    first, second = averages.rows()
    assert (first.share, second.share) == (0.625, 0.375)
    assert (first.frequency_hz, second.frequency_hz, first.num_maps) == (100.0, 200.0, 2)


def test_labels_of_frames_have_their_share_of_frames_and_of_the_map():
    averages = Averages(None)
    averages.add("target", np.array([[1.0], [-2.0], [1.0]]), np.array([5, 7, 7]))
    rows = {row.index: row for row in averages.rows() if row.part == "label"}
    assert rows[5].frames_share == pytest.approx(1 / 3)
    assert (rows[5].share, rows[5].signed_share) == (0.25, 0.25)
    assert (rows[7].share, rows[7].signed_share) == (0.75, -0.25)


def test_a_map_of_zeros_does_not_count():
    averages = Averages(None)
    averages.add("target", np.zeros((2, 2)), None)
    assert [*averages.rows()] == []


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        (None, None),
        ({"trials": "one"}, None),
        ({"trials": "two"}, "'attribution.trials'"),
        ({"trials": "many"}, "several utterances"),
    ],
)
def test_the_list_is_one_of_single_utterances(section, fault):
    faults = [*check_trials({"attribution": section, "data": DATA}, {})]
    assert len(faults) == (fault is not None)
    assert fault is None or fault in faults[0]
