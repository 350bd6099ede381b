"""DER and JER: the figures of dscore, cases by hand, and what must not change them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.diarization.error_rate import Errors, ScoringConfig, best_pairs, score, total
from steps_py.diarization.rttm import read_rttm
from steps_py.diarization.turns import Region, Turn
from steps_py.diarization.uem import read_uem
from steps_py.errors import ScoreError

GOLDEN = Path(__file__).parent.parent / "golden" / "diarization" / "der"
CASES = [line.split() for line in (GOLDEN / "dscore.txt").read_text().splitlines()[1:]]

times = st.integers(0, 40).map(lambda tick: tick / 4)
turns = st.lists(
    st.tuples(times, times, st.sampled_from("abc")).map(
        lambda t: Turn("r", min(t[0], t[1]), max(t[0], t[1]), t[2])
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("case", "collar", "overlap", "der", "jer"), CASES, ids=lambda part: part or None
)
def test_errors_are_those_of_dscore(case, collar, overlap, der, jer):
    uem = GOLDEN / f"{case}.uem"
    errors = total(
        score(
            read_rttm(GOLDEN / f"{case}.ref.rttm"),
            read_rttm(GOLDEN / f"{case}.sys.rttm"),
            read_uem(uem) if uem.exists() else None,
            ScoringConfig(collar_sec=float(collar), score_overlap=overlap == "scored"),
        ).values()
    )
    assert errors.der == pytest.approx(float(der), abs=1e-4)
    assert errors.jer == pytest.approx(float(jer), abs=1e-4)


def test_parts_are_counted_by_hand():
    reference = [Turn("r", 0, 10, "ann"), Turn("r", 8, 12, "bob")]
    hypothesis = [Turn("r", 1, 9, "1"), Turn("r", 9, 14, "2")]
    errors = score(reference, hypothesis)["r"]
    assert errors.speech_sec == 14
    assert errors.miss_sec == 1 + 2  # 0-1, and one of two speakers in 8-10
    assert errors.false_alarm_sec == 2  # 12-14
    assert errors.confusion_sec == 0  # 9-10 is bob's in the overlap
    assert errors.jaccard_sum == pytest.approx((1 - 8 / 10) + (1 - 3 / 6))


def test_overlaps_and_collars_can_be_left_out():
    reference = [Turn("r", 0, 10, "ann"), Turn("r", 8, 12, "bob")]
    hypothesis = [Turn("r", 0, 12, "1")]
    alone = ScoringConfig(score_overlap=False)
    assert score(reference, hypothesis, config=alone)["r"].confusion_sec == 2
    assert score(reference, hypothesis, config=alone)["r"].speech_sec == 10
    collar = ScoringConfig(collar_sec=0.5)
    assert score(reference, hypothesis, config=collar)["r"].speech_sec == 7 + 2 + 1


def test_only_regions_are_scored():
    reference, hypothesis = [Turn("r", 0, 10, "ann")], [Turn("r", 0, 5, "1")]
    regions = [Region("r", 4, 6), Region("r", 8, 9)]
    errors = score(reference, hypothesis, regions)["r"]
    assert (errors.speech_sec, errors.miss_sec) == (3, 2)


def test_a_recording_without_any_turn_has_no_errors():
    assert score([], [], [Region("r", 0, 10)]) == {"r": Errors()}
    assert total([Errors()]).der == 0


def test_a_missing_recording_is_missed():
    errors = score([Turn("a", 0, 1, "x"), Turn("b", 0, 1, "x")], [Turn("a", 0, 1, "1")])
    assert errors["b"].miss_sec == 1
    assert total(errors.values()).der == 50


def test_false_alarms_in_silent_recordings_count_on_demand():
    regions = [Region("a", 0, 10), Region("b", 0, 10)]
    errors = score([Turn("a", 0, 4, "x")], [Turn("a", 0, 4, "1"), Turn("b", 0, 2, "1")], regions)
    assert errors["b"].der == 100
    assert total(errors.values()).der == 0
    assert total(errors.values(), count_silent=True).der == 50


def test_numbers_of_speakers_are_compared_by_recording():
    reference = [Turn("a", 0, 1, "x"), Turn("b", 0, 1, "x"), Turn("b", 1, 2, "y")]
    hypothesis = [Turn("a", 0, 1, "1"), Turn("a", 1, 2, "2"), Turn("b", 0, 2, "1")]
    assert total(score(reference, hypothesis).values()).speaker_number_error == 2


def test_an_unknown_recording_in_the_hypothesis_is_an_error():
    with pytest.raises(ScoreError, match="'meetimg', which.*Did you mean 'meeting'"):
        score([Turn("meeting", 0, 1, "x")], [Turn("meetimg", 0, 1, "1")])


def test_nothing_to_score_is_an_error():
    with pytest.raises(ScoreError, match="no turns"):
        score([], [])


@given(turns, turns, st.permutations("xyz"))
def test_names_and_order_do_not_matter(reference, hypothesis, names):
    regions = [Region("r", 0, 10)]
    renamed = [t._replace(speaker=names["abc".index(t.speaker)]) for t in hypothesis[::-1]]
    errors, others = (score(reference, found, regions)["r"] for found in (hypothesis, renamed))
    assert errors == pytest.approx(others)


@given(turns, turns)
def test_times_equal_a_count_of_ticks(reference, hypothesis):
    """The parts of DER that do not need a mapping, on a grid, by loops."""
    errors = score(reference, hypothesis, [Region("r", 0, 10)])["r"]
    speech = miss = false_alarm = 0.0
    for tick in np.arange(0.125, 10, 0.25):
        there = len({t.speaker for t in reference if t.start_sec <= tick < t.end_sec})
        found = len({t.speaker for t in hypothesis if t.start_sec <= tick < t.end_sec})
        speech += there / 4
        miss += max(0, there - found) / 4
        false_alarm += max(0, found - there) / 4
    assert errors[:3] == pytest.approx((speech, miss, false_alarm))


@given(turns)
def test_a_copy_has_no_errors(reference):
    errors = score(reference, reference, [Region("r", 0, 10)])["r"]
    assert errors.der == errors.jer == errors.speaker_number_error == 0


def test_pairs_without_common_time_are_none():
    assert best_pairs(np.zeros((2, 3))) == []
    assert best_pairs(np.zeros((0, 3))) == []
