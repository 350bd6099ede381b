"""Names of clusters, doubtful utterances, agreement of two rounds, and settled labels."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.errors import ConfigError, DataDirError
from steps_py.pseudo_labels.config import PseudoLabelsConfig
from steps_py.pseudo_labels.rounds import (
    agreement,
    end_round,
    find_clusters,
    is_settled,
    repeat_round,
)
from tests.pseudo_labels.test_clusterers import at_degrees

FILES = ("clusters.tsv", "rounds.tsv", "utt2spk", "settled")


def config(num_clusters=2, **changed):
    settings = {
        "unlabelled": "crawled",
        "clusterer": {"name": "agglomerative", "num_clusters": num_clusters},
        "settled_nmi": 0.9,
    }
    return PseudoLabelsConfig(**settings | changed)


def find(degrees, **changed):
    utts = [f"utt{i}" for i in range(len(degrees))]
    return find_clusters(utts, at_degrees(np.array(degrees)), config(**changed))


def test_clusters_are_numbered_by_their_first_utterances():
    assert find([180, 0, 3, 183]).names == ["pseudo-1", "pseudo-2", "pseudo-2", "pseudo-1"]


def test_the_distance_is_one_minus_the_cosine_with_the_mean_of_the_cluster():
    """0, 60, 180 and 240 degrees have the mean zero; the means of the clusters are 30 and 210."""
    found = find([0, 60, 180, 240])
    assert found.distance_N == pytest.approx([1 - math.cos(math.pi / 6)] * 4)
    assert set(found.uses) == {"kept"}
    assert set(find([0, 60, 180, 240], max_distance=0.1).uses) == {"far"}


# four clusters around 0, 90, 180 and 270 degrees, whose mean is zero; 1 - cos(20 degrees) = 0.0603
CROSS = [-20, 20, 0, 160, 200, 180, 90, 90, 90, 270, 270, 270]
PURE = {"num_clusters": 4, "max_distance": 0.05}


def test_a_cluster_that_is_small_without_its_distant_utterances_is_dropped():
    assert find(CROSS, **PURE).uses == [*["far", "far", "kept"] * 2, *["kept"] * 6]
    uses = find(CROSS, **PURE, min_cluster_utts=2).uses
    assert uses == [*["far", "far", "small_cluster"] * 2, *["kept"] * 6]


def test_labels_are_those_of_the_kept_utterances():
    labels = find(CROSS, **PURE).labels()
    assert list(labels) == [f"utt{i}" for i in (2, 5, *range(6, 12))]
    assert list(labels.values()) == [f"pseudo-{k}" for k in (1, 2, 3, 3, 3, 4, 4, 4)]


def nmi_by_counting(first, second):
    """Of the definition: entropies of the counts, in nats."""

    def entropy(names):
        counts = Counter(names).values()
        return -sum(n / len(first) * math.log(n / len(first)) for n in counts)

    both = entropy(list(zip(first, second, strict=True)))
    sides = entropy(first) + entropy(second)
    return 1.0 if sides == 0 else 2 * (sides - both) / sides


def test_the_agreement_of_halves_with_quarters_is_two_thirds():
    """I = ln 2, H = ln 2 and ln 4: 2 ln 2 / (3 ln 2)."""
    assert agreement(list("aabb"), list("1234")) == pytest.approx(2 / 3)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=2))
@settings(max_examples=50, deadline=None)
def test_the_agreement_is_the_normalised_mutual_information(pairs):
    first, second = map(list, zip(*pairs, strict=True))
    assert agreement(first, second) == pytest.approx(nmi_by_counting(first, second), abs=1e-9)
    assert agreement(first, second) == pytest.approx(agreement(second, first), abs=1e-12)


def test_a_round_with_the_clusters_of_the_one_before_is_settled(tmp_path):
    said = []
    first, same = find([0, 3, 180, 183]), find([180, 183, 0, 3])
    end_round(first, None, config(), tmp_path / "1", said.append)
    end_round(same, tmp_path / "1", config(), tmp_path / "2", said.append)
    assert not is_settled(tmp_path / "1")
    assert (tmp_path / "2/settled").read_text() == "labels settled in round 2: NMI 1.0000\n"
    assert (tmp_path / "2/rounds.tsv").read_text().splitlines() == [
        "round\tclusters\tutts\tspeakers\tkept_utts\tfar\tsmall_cluster\tnmi\tsettled",
        "1\t2\t4\t2\t4\t0\t0\t-\tno",
        "2\t2\t4\t2\t4\t0\t0\t1.0000\tyes",
    ]
    assert said[1] == (
        "pseudo_labels: round 2: 4 of 4 utterances of 2 speakers are kept; dropped 0 as too far"
        " from the mean of their cluster and 0 in too small clusters; normalised mutual information"
        " with the round before: 1.0000, settled"
    )


def test_a_round_with_other_clusters_is_not_settled(tmp_path):
    end_round(find([0, 3, 180, 183]), None, config(), tmp_path / "1", str)
    end_round(find([0, 180, 3, 183]), tmp_path / "1", config(), tmp_path / "2", str)
    assert not is_settled(tmp_path / "2")
    assert (tmp_path / "2/rounds.tsv").read_text().endswith("\t0.0000\tno\n")


def test_a_round_after_settled_labels_has_the_same_files(tmp_path):
    end_round(find([0, 3, 180, 183]), None, config(), tmp_path / "1", str)
    end_round(find([0, 3, 180, 183]), tmp_path / "1", config(), tmp_path / "2", str)
    repeat_round(tmp_path / "2", tmp_path / "3", str)
    for name in FILES:
        assert (tmp_path / "3" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_every_utterance_is_in_clusters_tsv_with_its_use(tmp_path):
    found = find(CROSS, **PURE, min_cluster_utts=2)
    end_round(found, None, config(), tmp_path, str)
    assert (tmp_path / "clusters.tsv").read_text().splitlines()[:4] == [
        "utt\tcluster\tdistance\tuse",
        "utt0\tpseudo-1\t0.0603\tfar",
        "utt1\tpseudo-1\t0.0603\tfar",
        "utt2\tpseudo-1\t0.0000\tsmall_cluster",
    ]
    assert (tmp_path / "utt2spk").read_text().splitlines()[::5] == [
        "utt6 pseudo-3",
        "utt11 pseudo-4",
    ]
    assert (tmp_path / "rounds.tsv").read_text().splitlines()[1] == "1\t4\t12\t2\t6\t4\t2\t-\tno"


def test_rounds_of_other_utterances_are_refused(tmp_path):
    end_round(find([0, 3, 180, 183]), None, config(), tmp_path / "1", str)
    with pytest.raises(DataDirError, match="its 4 utterances are not the 3 of this round"):
        end_round(find([0, 3, 180]), tmp_path / "1", config(), tmp_path / "2", str)
    assert not (tmp_path / "2").exists()


def test_without_any_speakers_a_start_is_needed():
    with pytest.raises(ConfigError, match="Give start.model"):
        config(unlabelled="train")
