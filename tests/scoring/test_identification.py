"""Identification: test utterances among several models, of a closed and of an open set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.errors import ScoreError
from steps_py.scoring.evaluation import SideTables, evaluate
from steps_py.scoring.measures import metrics_of
from steps_py.scoring.metrics import METRICS
from steps_py.scoring.sorted_trials import SortedTrials

# Models of the speakers a, b, c. Utterances a1, a2 and b1 are of a and b; x1 ... x4 of nobody.
OPEN = {
    "a1": {"a": 5, "b": 1, "c": 2},  # found
    "a2": {"a": 3, "b": 4, "c": 0},  # b is better: second of three
    "b1": {"a": -1, "b": 1.5, "c": 0},  # found, if the threshold is low
    "x1": {"a": 2, "b": 1, "c": 0},
    "x2": {"a": 0, "b": 1, "c": 0},
    "x3": {"a": -5, "b": -2, "c": -3},
    "x4": {"a": -9, "b": -9, "c": 0.5},
}
CLOSED = {utt: OPEN[utt] for utt in ("a1", "a2", "b1")}


def trials_of(scores):
    """Trials of {utterance: {model: score}}; the first letter of a name is its speaker."""
    utts = list(scores)
    rows = [(utt, model, score) for utt in utts for model, score in scores[utt].items()]
    target = [utt[0] == model[0] for utt, model, _ in rows]
    test = [utts.index(utt) for utt, *_ in rows]
    letters = sorted({name[0] for utt, model, _ in rows for name in (utt, model)})
    speakers = [[letters.index(model[0]), letters.index(utt[0])] for utt, model, _ in rows]
    values = [score for *_, score in rows]
    return SortedTrials(values, target, np.array(speakers), np.array(test), utts)


def measure(element, scores):
    (metric,) = metrics_of([element], [0.5])
    return metric.compute(trials_of(scores).once())[0]


@pytest.mark.parametrize(
    "element, scores, expected",
    [
        ({"top_k": {"k": 1}}, CLOSED, 2 / 3),
        ({"top_k": {"k": 2}}, CLOSED, 1),
        # a tie with another speaker's model is no identification
        ({"top_k": {"k": 1}}, {"a1": {"a": 2, "b": 2}, "b1": {"a": 0, "b": 1}}, 1 / 2),
        # of two models of a speaker the better one counts
        ({"top_k": {"k": 1}}, {"a1": {"a": 0, "a'": 3, "b": 2}, "b1": {"a": 0, "b": 1}}, 1),
        # at p_target 0.5 from 0 on: x1, x2, x4 are accepted by some model
        ("identification_far", OPEN, 3 / 4),
        # a2 is named b
        ("identification_frr", OPEN, 1 / 3),
        # from log(0.8 / 0.2) = 1.39 on: x1 of the four, and still a1 and b1 of the three
        ({"identification_far": {"p_target": 0.2}}, OPEN, 1 / 4),
        ({"identification_frr": {"p_target": 0.2}}, OPEN, 1 / 3),
        # from log(4) + log(2) = 2.08 on
        ({"identification_frr": {"p_target": 0.2, "c_fa": 2}}, OPEN, 2 / 3),
        # no unknown one above: the threshold is above 2
        ({"dir_at_far": {"far": 0}}, OPEN, 1 / 3),
        ({"dir_at_far": {"far": 0, "k": 2}}, OPEN, 2 / 3),
        # x1 may be accepted: the threshold is above 1
        ({"dir_at_far": {"far": 0.25}}, OPEN, 2 / 3),
        ({"dir_at_far": {"far": 0.49}}, OPEN, 2 / 3),
        ({"dir_at_far": {"far": 1}}, OPEN, 2 / 3),
        ({"dir_at_far": {"far": 1, "k": 2}}, OPEN, 1),
    ],
)
def test_identification_by_hand(element, scores, expected):
    assert measure(element, scores) == pytest.approx(100 * expected)


def test_unknown_utterances_of_one_score_are_accepted_together():
    scores = {"a1": {"a": 1, "b": 0}, "x1": {"a": 1, "b": 0}, "x2": {"a": 1, "b": 0}}
    assert measure({"dir_at_far": {"far": 0.5}}, scores) == 0
    scores["a1"]["a"] = 1.5
    assert measure({"dir_at_far": {"far": 0}}, scores) == 100


@pytest.mark.parametrize(
    "element, scores, words",
    [
        (
            {"top_k": {}},
            OPEN,
            r"4 of 7 test utterances have no target trial \(x1, x2, x3 and 1 more\)",
        ),
        ("dir_at_far", CLOSED, "each of the 3 test utterances has a target trial"),
        ("identification_far", CLOSED, "each of the 3 test utterances has a target trial"),
        (
            "identification_frr",
            OPEN | {"c1": {"c": 1}},
            r"1 of 8 test utterances are not compared with several models.*\(c1\)",
        ),
        ("dir_at_far", OPEN | {"c1": {"c": 1, "c'": 2}}, "some of other speakers"),
        ("top_k", CLOSED | {"x": {"a": 1}}, r"\(x\)"),
    ],
)
def test_a_list_of_another_shape_is_refused(element, scores, words):
    with pytest.raises(ScoreError, match=words) as caught:
        measure(element, scores)
    assert "\n" not in str(caught.value)


def of_all():
    names = [name for name in METRICS.names() if METRICS.find(name).identifies]
    return metrics_of([name for name in names if name != "top_k"], [0.3])


scores_of_all = st.lists(st.integers(-2, 2), min_size=3, max_size=3)


@settings(max_examples=40)
@given(
    st.lists(scores_of_all, min_size=5, max_size=5),
    st.lists(st.integers(0, 2), min_size=5, max_size=5),
)
def test_an_utterance_counts_as_often_as_its_speaker_is_drawn(values, times):
    utts = ["a1", "b1", "b2", "x1", "y1"]
    scores = {u: dict(zip("abc", row, strict=True)) for u, row in zip(utts, values, strict=True)}
    often = dict(zip("abcxy", times, strict=True))  # speakers in the order of their numbers
    blocks = list(trials_of(scores).blocks(np.array(times)[:, None]))
    if not (often["a"] + often["b"] and often["x"] + often["y"]):
        # draws without known utterances are left out, those without unknown ones have no value
        got = [metric.compute(block)[0] for _, block in blocks for metric in of_all()]
        assert all(
            np.isnan(value) or "frr" in metric.name
            for value, metric in zip(got, of_all() * len(blocks), strict=True)
        )
        return
    if not blocks:
        return
    repeated = {
        f"{utt} {time}": row for utt, row in scores.items() for time in range(often[utt[0]])
    }
    ((_, weighted),) = blocks
    for metric in of_all():
        once = trials_of(repeated).once()
        assert metric.compute(weighted)[0] == pytest.approx(metric.compute(once)[0]), metric.name


@given(st.randoms())
def test_the_order_of_trials_does_not_matter(random):
    utts = list(OPEN)
    random.shuffle(utts)
    shuffled = {utt: dict(random.sample(sorted(OPEN[utt].items()), 3)) for utt in utts}
    for metric in of_all():
        values = [metric.compute(trials_of(scores).once())[0] for scores in (OPEN, shuffled)]
        assert values[0] == pytest.approx(values[1])


def write_list(folder, scores):
    rows = [(model, utt, score) for utt in scores for model, score in scores[utt].items()]
    kinds = ["target" if utt[0] == model[0] else "nontarget" for model, utt, _ in rows]
    (folder / "system").mkdir()
    (folder / "list").write_text(
        "".join(f"{m} {u} {kind}\n" for (m, u, _), kind in zip(rows, kinds, strict=True))
    )
    (folder / "system/list").write_text("".join(f"{m} {u} {s}\n" for m, u, s in rows))
    names = sorted({name for model, utt, _ in rows for name in (model, utt)})
    (folder / "utt2spk").write_text("".join(f"{name} {name[0]}\n" for name in names))
    return names


def test_intervals_are_over_speakers_and_parts_of_another_shape_have_no_value(tmp_path):
    names = write_list(tmp_path, OPEN)
    sex = {"a": "f", "b": "m", "c": "m", "x": "f"}
    (tmp_path / "utt2sex").write_text("".join(f"{name} {sex[name[0]]}\n" for name in names))
    tables = [SideTables(*[str(tmp_path / table)] * 2) for table in ("utt2spk", "utt2sex")]
    found = evaluate(
        tmp_path / "list",
        [tmp_path / "system/list"],
        metrics_of(["eer", {"dir_at_far": {"far": 0.25}}], [0.5]),
        speakers=tables[0],
        num_draws=50,
        conditions={"sex": tables[1]},
    ).measures.set_index(["condition", "metric"])
    name = "dir_percent_at_far_0.25"
    assert found.value["", name] == pytest.approx(200 / 3)
    assert 0 <= found.low["", name] <= found.high["", name] <= 100
    assert np.isnan(found.value["sex=m-m", name])  # no unknown man
    assert np.isfinite(found.value["sex=m-m", "eer_percent"])
