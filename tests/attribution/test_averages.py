"""Averages of maps over trials."""

import numpy as np
import pytest

from steps_py.attribution.averages import Averages
from steps_py.attribution.config import AttributionConfig
from steps_py.attribution.frame_labels import FrameLabels
from steps_py.errors import ConfigError, StepsError
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
    rows = {row.name: row for row in averages.rows() if row.part == "label"}
    assert rows["5"].frames_share == pytest.approx(1 / 3)
    assert (rows["5"].share, rows["5"].signed_share) == (0.25, 0.25)
    assert (rows["7"].share, rows["7"].signed_share) == (0.75, -0.25)


def test_labels_of_one_name_count_as_one(tmp_path):
    (tmp_path / "names").write_text("vowel 12\nstop 3\nvowel 14\n")
    (tmp_path / "labels").write_text("a 3 12 14 12\n")
    labels = FrameLabels(f"{tmp_path}/labels", f"{tmp_path}/names")
    label_T = labels.of("a", np.array([0, 1, 2]))
    averages = Averages(None, labels.names)
    averages.add("target", np.array([[1.0], [2.0], [1.0]]), label_T)
    rows = {row.name: row.share for row in averages.rows() if row.part == "label"}
    assert rows == {"vowel": 0.75, "stop": 0.25}


@pytest.mark.parametrize(
    ("utt", "names", "fault"),
    [
        ("b", "x 1\nx 2\n", "has no labels of b"),
        ("a", "x 1\n", "has no name of label 2, which a has"),
        ("a", "x 1\ny 1\n", "label 1 has two names"),
        ("a", "1\n", "'1' is no line `name label`"),
        ("short", "x 1\n", "has 1 labels, but frame 1, from 0, is voiced"),
    ],
)
def test_labels_that_do_not_fit_are_named(tmp_path, utt, names, fault):
    (tmp_path / "names").write_text(names)
    (tmp_path / "labels").write_text("a 1 2\nshort 1\n")
    with pytest.raises(StepsError, match=fault):
        FrameLabels(f"{tmp_path}/labels", f"{tmp_path}/names").of(utt, np.array([0, 1]))


def test_names_without_labels_are_refused():
    with pytest.raises(ConfigError, match="'attribution.label_names' is given without"):
        AttributionConfig(trials="t", method={"name": "gradient"}, label_names="names")


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
