"""Every registered metric: by hand, and what holds for all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.errors import ConfigError, ScoreError
from steps_py.scoring.measures import metrics_of
from steps_py.scoring.metrics import METRICS
from steps_py.scoring.sorted_trials import SortedTrials

OPTIONS = {"min_c_primary": {"plan": "sre16"}, "act_c_primary": {"plan": "sre18_vast"}}
ALL = metrics_of([{n: OPTIONS[n]} if n in OPTIONS else n for n in METRICS.names()], [0.01, 0.5])
OF_CURVE = [metric for metric in ALL if not metric.identifies]


def measure(element, target, nontarget):
    (metric,) = metrics_of([element], [0.5])
    scores, labels = [*target, *nontarget], [True] * len(target) + [False] * len(nontarget)
    return metric.compute(SortedTrials(scores, labels).once())[0]


@pytest.mark.parametrize(
    "element, target, nontarget, expected",
    [
        ("eer", [1, 2, 3, 4], [0, 0, 0, 1.5], 25),
        # the hull goes from (0 misses, 1/2 false alarms) to (1/2, 0), equal at 1/4; the ROC at 1/2
        ("eer", [1, 3], [0, 2], 50),
        ("eer_rocch", [1, 3], [0, 2], 25),
        ("eer_rocch", [0, 1], [2, 3], 50),  # reversed: no better than tossing a coin
        ("min_dcf", [1, 3], [0, 2], 0.5),
        # accepting from log(0.5/0.5) = 0 on: one of two targets missed, one of four false alarms
        ("act_dcf", [0, -1], [-1, -2, -3, 5], 0.5 + 0.25),
        # from log(0.99/0.01) = 4.6 on: no target passes, one of four nontargets: 1 + 99/4
        ({"act_dcf": {"p_target": 0.01}}, [0, -1], [-1, -2, -3, 5], 25.75),
        # misses ten times as dear: from log(1/10) on: no miss of 0 and -1, one false alarm over 1
        ({"act_dcf": {"p_target": 0.5, "c_miss": 10}}, [0, -1], [-3, -3, -3, 5], 0.25),
        ({"act_c_primary": {"plan": "sre10"}}, [9, 0], [-1], 0.5),
        # cost at 0.01 is 1/2 (reject below 3), at 0.005 too
        ({"min_c_primary": {"plan": "sre18_cmn2"}}, [1, 3], [0, 2], 0.5),
        # SRE 2008 accepts from log(99/10) = 2.3 on
        ({"act_c_primary": {"plan": "sre08"}}, [2, 3], [0, 2], 0.5),
        ("cllr", [0.0], [0.0], 1),
        ("cllr", [np.log(3)], [-np.log(3)], np.log2(4 / 3)),
        ("min_cllr", [1, 2], [-1, 0], 0),
        ("min_cllr", [0, 0], [0], 1),
        # two blocks of odds 1/3 and 3: three of four trials cost log2(4/3), the fourth 2
        ("min_cllr", [0, 1, 1, 1], [0, 0, 0, 1], 0.75 * np.log2(4 / 3) + 0.25 * 2),
        ("accuracy", [1, 3], [0, 2], 75),
        ("accuracy", [0], [1] * 9, 90),  # rejecting all
        # accepted from 1 on: two targets and a nontarget, F = 2 * 2 / (2 + 1 + 2)
        ("f_measure", [1, 3], [0, 2], 80),
        ("tpr_at_best_f", [1, 3], [0, 2], 100),
        # from 3 on: 2 * 1 / (1 + 0 + 2); from 1 on: 2 * 2 / (2 + 3 + 2)
        ("f_measure", [1, 3], [0, 2, 2, 2], 100 * 2 / 3),
        ("tpr_at_best_f", [1, 3], [0, 2, 2, 2], 50),
        # from 2 on and from 0 on, both 2/3: that with more targets
        ("tpr_at_best_f", [0, 2], [1, 1], 100),
        ("auc", [1, 3], [0, 2], 0.75),
        ("auc", [1], [1, 0], 0.75),  # a tie is half
        ({"fnr_at_fpr": {"fpr": 0.25}}, [0.5, 2], [0, 0, 1, 3], 50),
        ({"fnr_at_fpr": {"fpr": 0}}, [0.5, 2], [0, 0, 1, 3], 100),
        ({"fpr_at_fnr": {"fnr": 0.5}}, [0.5, 2], [0, 0, 1, 3], 25),
        ({"fpr_at_fnr": {"fnr": 0.1}}, [0.5, 2], [0, 0, 1, 3], 50),
    ],
)
def test_a_metric_by_hand(element, target, nontarget, expected):
    assert measure(element, target, nontarget) == pytest.approx(expected)


BEST = {"auc": 1} | dict.fromkeys(
    ["accuracy_percent", "f_measure_percent", "tpr_percent_at_best_f"], 100
)  # of other metrics 0

# four speakers with two test utterances each at most, two of the speakers equal or near in score
few = st.lists(
    st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 3), st.integers(0, 3)),
    min_size=2,
    max_size=30,
)


@settings(max_examples=60)
@given(few, st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_a_weighting_is_worth_as_much_as_repeated_trials(trials, times):
    scores, labels, *speakers = map(np.array, zip(*trials, strict=True))
    speakers = np.stack(speakers, axis=1)
    times = np.array(times)
    often = np.where(
        speakers[:, 0] == speakers[:, 1],
        times[speakers[:, 0]],
        times[speakers[:, 0]] * times[speakers[:, 1]],
    )
    repeated, kinds = np.repeat(scores, often), np.repeat(labels, often)
    if not 0 < labels.sum() < len(labels):
        return
    blocks = list(SortedTrials(scores, labels, speakers).blocks(times[:, None]))
    if not 0 < kinds.sum() < len(kinds):
        assert not blocks
        return
    ((draws, weighted),) = blocks
    assert list(draws) == [0]
    once = SortedTrials(repeated, kinds).once()
    for metric in OF_CURVE:
        assert metric.compute(weighted) == pytest.approx(metric.compute(once), abs=1e-9), (
            metric.name
        )


@given(few, st.randoms())
def test_the_order_of_trials_does_not_matter(trials, random):
    if len({label for _, label, *_ in trials}) < 2:
        return
    values = []
    for _ in range(2):
        scores, labels, *_ = zip(*trials, strict=True)
        once = SortedTrials(scores, labels).once()
        values.append([metric.compute(once)[0] for metric in OF_CURVE])
        random.shuffle(trials)
    assert values[0] == pytest.approx(values[1], abs=1e-12)


@pytest.mark.parametrize("metric", OF_CURVE, ids=lambda metric: metric.name)
def test_a_perfect_system_is_the_best_there_is(metric):
    perfect = SortedTrials([50.0, 60, -50, -60], [True, True, False, False]).once()
    worse = SortedTrials([50.0, -60, 60, -70, *[40] * 5], [True, True, *[False] * 7]).once()
    assert metric.compute(perfect)[0] == pytest.approx(BEST.get(metric.name, 0))
    better = metric.compute(perfect) - metric.compute(worse)
    assert (better > 0) == metric.higher_is_better and better != 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(wrong):
    with pytest.raises(ScoreError, match="1 of 2 target scores are (nan|infinite)"):
        SortedTrials([1.0, wrong, 0], [True, True, False])


@pytest.mark.parametrize(
    "element, words",
    [
        ({"act_dcf": {"p_target": 1}}, "act_dcf: p_target is 1. Give a value between 0 and 1."),
        ({"min_dcf": {"p_target": 0.1, "c_miss": -1}}, "c_miss is -1. Give a value above 0."),
        ({"fnr_at_fpr": {"fpr": 1}}, "fpr is 1. Give a rate from 0 and below 1."),
        ({"top_k": {"k": 0}}, "k is 0. Give 1 or more."),
        ({"dir_at_far": {"far": 2}}, "dir_at_far: far is 2. Give a rate from 0 to 1."),
        ({"dir_at_far": {"k": 0}}, "dir_at_far: k is 0. Give 1 or more."),
        ({"identification_far": {"p_target": 0}}, "p_target is 0. Give a value between 0 and 1."),
        ({"min_c_primary": {"plan": "sre17"}}, "sre16"),
    ],
)
def test_options_that_make_no_sense_are_refused(element, words):
    with pytest.raises(ConfigError, match=words):
        metrics_of([element], [0.01])
