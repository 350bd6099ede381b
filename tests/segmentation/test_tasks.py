"""Classes of frames and their losses, against what a reader can count."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ConfigError
from steps_py.segmentation.config import FrameModelConfig
from steps_py.segmentation.model import FrameModel, nearest
from steps_py.segmentation.tasks import TASKS
from steps_py.segmentation.tasks.powerset import Powerset, powerset
from steps_py.segmentation.tasks.speaker_count import SpeakerCount


def powerset_loss(logits_TK, target_TS, sets):
    """The lowest mean of -log p over all orders of the speakers, written out with loops."""
    lowest = math.inf
    for order in itertools.permutations(range(len(target_TS[0]))):
        total = 0.0
        for logits_K, target_S in zip(logits_TK, target_TS, strict=True):
            chosen = frozenset(order[s] for s, speaks in enumerate(target_S) if speaks)
            normaliser = sum(math.exp(x) for x in logits_K)
            total -= math.log(math.exp(logits_K[sets.index(chosen)]) / normaliser)
        lowest = min(lowest, total / len(target_TS))
    return lowest


@pytest.mark.parametrize("num_speakers", [1, 2, 3, 4])
def test_the_loss_is_that_of_the_best_order_of_speakers(num_speakers):
    task = Powerset(Powerset.Config(max_speakers=num_speakers, max_overlap=min(2, num_speakers)))
    sets = [frozenset(np.flatnonzero(row).tolist()) for row in task.active_KS]
    rng = np.random.default_rng(num_speakers)
    logits_BTK = rng.normal(size=(3, 5, len(sets)))
    target_BTS = task.active_KS[rng.integers(len(sets), size=(3, 5))]
    loss, _ = task(torch.from_numpy(logits_BTK), torch.from_numpy(target_BTS.astype(np.uint8)))
    windows = zip(logits_BTK.tolist(), target_BTS.tolist(), strict=True)
    expected = np.mean([powerset_loss(*window, sets) for window in windows])
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@given(st.permutations(range(3)), st.integers(0, 100))
def test_the_order_of_the_speakers_of_the_reference_does_not_matter(order, seed):
    task = Powerset(Powerset.Config())
    rng = np.random.default_rng(seed)
    logits_BTK = torch.from_numpy(rng.normal(size=(2, 6, 7)))
    target_BTS = torch.from_numpy(task.active_KS[rng.integers(7, size=(2, 6))].astype(np.uint8))
    loss, correct = task(logits_BTK, target_BTS)
    again, correct_again = task(logits_BTK, target_BTS[:, :, list(order)])
    assert loss.item() == pytest.approx(again.item())
    assert correct.item() == pytest.approx(correct_again.item())


def test_three_speakers_of_whom_two_overlap_have_seven_classes():
    assert powerset(3, 2).sum(axis=1).tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert len(powerset(4, 4)) == 16


def test_of_three_at_once_the_two_who_speak_most_count():
    task = Powerset(Powerset.Config())
    target_TS = task.target(np.array([[1, 1, 1], [0, 1, 1], [0, 1, 0]], bool))
    assert target_TS.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]
    logits_BTK = torch.full((1, 3, 7), -20.0)
    logits_BTK[0, range(3), [4, 4, 1]] = 20.0  # {1, 2}, {1, 2}, {1}
    loss, correct = task(logits_BTK, torch.from_numpy(target_TS)[None])
    assert loss.item() == pytest.approx(0, abs=1e-6) and correct.item() == 1


@pytest.mark.parametrize("name", sorted(TASKS.names()))
@pytest.mark.parametrize("num_speakers", [0, 1, 5])
def test_a_target_has_one_shape_whatever_the_number_of_speakers(name, num_speakers):
    task = TASKS.build({"name": name})
    two = task.target(np.zeros((4, 2), bool))
    assert task.target(np.ones((4, num_speakers), bool)).shape == two.shape


def test_sets_of_speakers_become_counts():
    task = Powerset(Powerset.Config(max_speakers=2))
    probability_TK = np.array([[0.1, 0.2, 0.3, 0.4]])
    assert task.count_probabilities(probability_TK)[0].tolist() == pytest.approx([0.1, 0.5, 0.4])


def test_the_loss_of_equal_chances_is_the_logarithm_of_their_number():
    for task in (SpeakerCount(SpeakerCount.Config()), Powerset(Powerset.Config())):
        target = torch.from_numpy(task.target(np.ones((4, 1), bool)))[None]
        loss, _ = task(torch.zeros(1, 4, task.num_classes), target)
        assert loss.item() == pytest.approx(math.log(task.num_classes), rel=1e-6)


def test_more_overlapping_speakers_than_speakers_are_refused():
    with pytest.raises(ConfigError, match="max_overlap is 3, more than max_speakers, 2"):
        Powerset.Config(max_speakers=2, max_overlap=3)


ENCODERS = [
    {"name": "tdnn", "hidden_dim": 8, "out_dim": 8},
    {"name": "lstm", "hidden_dim": 8},
    {"name": "transformer", "hidden_dim": 8, "feed_forward_dim": 8, "num_blocks": 1},
    {"name": "transformer", "hidden_dim": 8, "feed_forward_dim": 8, "subsampling": 2},
]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_frame_has_classes_also_where_the_encoder_has_fewer_frames(encoder):
    model = FrameModel(FrameModelConfig(encoder=encoder), 20, 3).eval()
    for num_frames in (model.min_frames, 50, 101):
        assert model(torch.randn(2, num_frames, 20)).shape == (2, num_frames, 3)


def test_the_output_of_a_frame_is_that_of_the_middle_nearest_to_it():
    # outputs of a context of 7 frames, every 4th: middles at 3, 7 and 11
    assert nearest(15, 3, 7).tolist() == [0] * 6 + [1] * 4 + [2] * 5
