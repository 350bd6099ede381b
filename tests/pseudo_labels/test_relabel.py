"""Pseudo-labels in the training list."""

import pytest

from steps_py.errors import DataDirError
from steps_py.pseudo_labels.relabel import relabel
from tests.chunks.test_allocation import utterances

TABLE = {
    "anna-1": ("anna", "anna-1", 30),
    "x-1": ("unknown", "x-1", 31),
    "x-1-noise": ("unknown", "x-1", 32),
    "x-2": ("unknown", "x-2", 33),
    "x-2-noise": ("unknown", "x-2", 34),
}


def relabelled(labels, unlabelled=frozenset({"x-1", "x-2"})):
    said = []
    return relabel(utterances(TABLE), unlabelled, labels, said.append), said


def test_copies_have_the_label_of_their_original_and_known_speakers_stay():
    found, _ = relabelled({"x-1": "pseudo-1", "x-2": "pseudo-2"})
    assert dict(zip(found.utts, found.spks, strict=True)) == {
        "anna-1": "anna",
        "x-1": "pseudo-1",
        "x-1-noise": "pseudo-1",
        "x-2": "pseudo-2",
        "x-2-noise": "pseudo-2",
    }


def test_unlabelled_utterances_without_a_label_are_dropped_with_their_copies_and_counted():
    found, said = relabelled({"x-2": "pseudo-1"})
    assert found.utts == ["anna-1", "x-2", "x-2-noise"]
    assert found.sources == ["anna-1", "x-2", "x-2"]
    assert found.feats == ["f.ark:0", "f.ark:3", "f.ark:4"]
    assert found.num_voiced_U.tolist() == [30, 33, 34]
    assert said == [
        "pseudo_labels: 1 of 2 unlabelled utterances have labels, of 1 clusters; dropped 2"
        " utterances, copies included, that have none"
    ]


def test_a_cluster_with_the_name_of_a_known_speaker_is_refused():
    with pytest.raises(DataDirError, match="anna is the name of a cluster and of a known speaker"):
        relabelled({"x-1": "anna"})


def test_labels_of_other_utterances_are_refused():
    with pytest.raises(DataDirError, match=r"1 utterances \(anna-1\) that are not in the"):
        relabelled({"anna-1": "pseudo-1"})
