"""Systems on a trial list: their table, its text, their intervals, comparisons and conditions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from steps_py.errors import ScoreError
from steps_py.scoring.evaluation import SideTables, evaluate
from steps_py.scoring.measures import metrics_of
from steps_py.scoring.metrics import METRICS
from steps_py.scoring.metrics.base import Metric
from steps_py.scoring.results_text import results_text


@pytest.fixture
def lists(tmp_path):
    """A trial list, and the scores of two systems."""
    trials = tmp_path / "dev"
    trials.write_text("a b target\na c nontarget\nb c nontarget\nc d target\n")
    scores = {"plda": "a b 1\na c 2\nb c 3\nc d 4\n", "cosine_2": "a b 4\na c 1\nb c 0\nc d 5\n"}
    paths = []
    for system, text in scores.items():
        (tmp_path / system).mkdir()
        paths.append(tmp_path / system / "dev")
        paths[-1].write_text(text)
    return trials, paths


def table_file(path, values):
    path.write_text("".join(f"{key} {value}\n" for key, value in sorted(values.items())))
    return SideTables(str(path), str(path))


@pytest.fixture
def many(tmp_path):
    """All pairs of two halves of 20 speakers; a system, one like it, and a bad one."""
    rng = np.random.default_rng(0)
    utts = [f"s{spk:02d}-{n}" for spk in range(20) for n in range(4)]
    trials = [(a, b) for a in utts for b in utts if a[-1] in "01" and b[-1] in "23"]
    (tmp_path / "dev").write_text(
        "".join(f"{a} {b} {'' if a[:3] == b[:3] else 'non'}target\n" for a, b in trials)
    )
    same = np.array([a[:3] == b[:3] for a, b in trials])
    good = 3 * same + rng.normal(size=len(trials))
    paths = []
    for system, score in {
        "good": good,
        "like": good + 0.05 * rng.normal(size=len(trials)),
        "bad": 0.5 * same + rng.normal(size=len(trials)),
    }.items():
        (tmp_path / system).mkdir()
        paths.append(tmp_path / system / "dev")
        rows = zip(trials, score, strict=True)
        paths[-1].write_text("".join(f"{a} {b} {s:.9g}\n" for (a, b), s in rows))
    speakers = table_file(tmp_path / "utt2spk", {utt: utt[:3] for utt in utts})
    return tmp_path / "dev", paths, speakers


def test_metrics_of_a_system_by_hand(lists):
    trials, (path, _) = lists
    # targets score 1 and 4, nontargets 2 and 3: one of two wrong on each side at any threshold
    table = evaluate(trials, [path], metrics_of(["eer", "min_dcf"], [0.5])).measures
    assert list(table.metric) == ["eer_percent", "min_dcf_0.5"]
    # accepting only the 4: misses half the targets, no false alarm: 0.5 * 0.5 / 0.5
    assert list(table.value) == pytest.approx([50, 0.5])
    row = table.iloc[0]
    assert (row.system, row["list"], row.condition) == ("plda", "dev", "")
    assert (row.num_trials, row.num_targets) == (4, 2)


def test_a_metric_of_ones_own_is_one_class(many):
    @METRICS.register("right_at")
    class RightAt(Metric):
        """The mean over both kinds of the share on the right side of a threshold."""

        title, decimals, min_width, name = "right %", 1, 0, "right_percent"
        higher_is_better = True

        @dataclass(frozen=True, kw_only=True)
        class Config:
            threshold: float

        def compute(self, trials):
            hit_D, fa_D = trials.target_mean(self._accepts), trials.nontarget_mean(self._accepts)
            return 50 * (1 + hit_D - fa_D)

        def _accepts(self, scores):
            return scores >= self.config.threshold

    try:
        trials, paths, speakers = many
        metrics = metrics_of(["eer", {"right_at": {"threshold": 1.5}}], [0.01])
        evaluation = evaluate(trials, paths, metrics, speakers=speakers, num_draws=50)
        text = results_text(evaluation, metrics, "built-in", "95 %")
    finally:
        METRICS._classes.pop("right_at")
    lines = text.splitlines()
    assert lines[4].split() == ["system", "EER", "%", "right", "%"]
    assert {lines[5][-1], lines[6][-1]} == {"*", "="}
    own = evaluation.measures[evaluation.measures.metric == "right_percent"]
    assert (own.low < own.value).all() and (own.value < own.high).all()


def test_the_text_of_the_default_metrics_is_aligned_under_its_titles(lists):
    trials, paths = lists
    metrics = metrics_of(["eer", "min_dcf"], [0.01, 0.001])
    lines = results_text(evaluate(trials, paths, metrics), metrics, "built-in").splitlines()
    assert lines[0].startswith("list      dev: 4 trials, 2 of them target, sha256 ")
    assert lines[1:] == [
        "commands  built-in",
        "",
        "system     EER %   minDCF 0.01  minDCF 0.001",
        "plda      50.000        0.5000        0.5000",
        "cosine_2   0.000        0.0000        0.0000",
    ]


def test_the_text_marks_the_best_and_what_a_paired_test_does_not_tell_from_it(many):
    trials, paths, speakers = many
    metrics = metrics_of(["eer"], [0.01])
    evaluation = evaluate(trials, paths, metrics, speakers=speakers, num_draws=200)
    lines = results_text(evaluation, metrics, "built-in", "95 %").splitlines()
    marks = {line.split()[0]: line[-1] for line in lines[5:8]}
    assert sorted([marks["good"], marks["like"]]) == ["*", "="] and marks["bad"] == "]"
    assert lines[9].startswith("* best system of the column   = not significantly different")


def test_a_metric_of_some_systems_leaves_the_others_out(lists):
    trials, paths = lists
    metrics = metrics_of([{"cllr": {"systems": ["plda"]}}], [0.01])
    evaluation = evaluate(trials, paths, metrics)
    assert list(evaluation.measures.system) == ["plda"]


# Intervals


def test_intervals_are_drawn_by_seed_whatever_the_order_of_trials(many):
    trials, paths, speakers = many
    metrics = metrics_of(["eer", "min_dcf", "min_cllr"], [0.01])
    first = evaluate(trials, paths, metrics, speakers=speakers, num_draws=30)
    for path in (trials, *paths):
        path.write_text("".join(sorted(path.read_text().splitlines(True), key=lambda x: x[::-1])))
    again = evaluate(trials, paths, metrics, speakers=speakers, num_draws=30)
    columns = ["system", "metric", "value", "low", "high"]
    for column in columns:
        assert list(again.measures[column]) == pytest.approx(list(first.measures[column]))
    assert list(again.comparisons.p_value) == list(first.comparisons.p_value)
    other = evaluate(trials, paths, metrics, speakers=speakers, num_draws=30, seed=1)
    assert list(other.measures.low) != list(first.measures.low)


def test_an_interval_is_that_of_lists_of_drawn_speakers(many):
    trials, (path, *_), speakers = many
    metrics = metrics_of(["eer", "auc"], [0.01])
    row, auc = evaluate(
        trials, [path], metrics, speakers=speakers, num_draws=400
    ).measures.itertuples()
    rows = [line.split() for line in path.read_text().splitlines()]
    scores = {(a, b): float(s) for a, b, s in rows}
    rng = np.random.default_rng(7)
    values = []
    for _ in range(60):  # naively: the trials of each two speakers that were drawn
        drawn = [f"s{n:02d}" for n in rng.integers(20, size=20)]
        target, nontarget = [], []
        for i, first in enumerate(drawn):
            target += [s for (a, b), s in scores.items() if a[:3] == b[:3] == first]
            for second in drawn[:i] + drawn[i + 1 :]:
                if first != second:
                    pair = {(first, x) for x in [second]}
                    nontarget += [s for (a, b), s in scores.items() if (a[:3], b[:3]) in pair]
        target, nontarget = np.array(target), np.array(nontarget)
        values.append(np.mean(target[:, None] > nontarget))
    low, high = np.quantile(values, [0.025, 0.975])
    assert auc.low == pytest.approx(low, abs=0.3 * (high - low))
    assert auc.high == pytest.approx(high, abs=0.3 * (high - low))
    assert row.low < row.value < row.high


def test_systems_are_compared_on_the_same_draws(many):
    trials, paths, speakers = many
    metrics = metrics_of(["eer"], [0.01])
    rows = evaluate(trials, paths, metrics, speakers=speakers, num_draws=200).comparisons
    like, bad, other = rows.itertuples()
    assert (like.system, like.other) == ("good", "like")
    assert like.low <= 0 <= like.high and like.p_value > 0.05
    # the difference is far more certain than either rate
    assert like.high - like.low < 3
    assert bad.high < 0 and bad.difference < 0 and bad.p_value == pytest.approx(2 / 201)
    assert other.other == "bad"


def test_one_system_on_two_paths_does_not_differ_from_itself(many):
    trials, (path, *_), speakers = many
    twin = path.parent.with_name("twin") / "dev"
    twin.parent.mkdir()
    twin.write_text(path.read_text())
    metrics = metrics_of(["eer"], [0.01])
    rows = evaluate(trials, [path, twin], metrics, speakers=speakers, num_draws=50).comparisons
    assert (rows.difference[0], rows.low[0], rows.high[0], rows.p_value[0]) == (0, 0, 0, 1)


def test_an_utterance_without_a_speaker_is_refused(many):
    trials, paths, speakers = many
    path = Path(speakers.enroll)
    path.write_text("".join(x for x in path.read_text().splitlines(True) if x[:3] != "s07"))
    with pytest.raises(ScoreError, match=r"utt2spk: 2 of 40 utterances .*\(s07-0, s07-1\)"):
        evaluate(trials, paths, metrics_of(["eer"], [0.01]), speakers=speakers, num_draws=5)


@pytest.mark.parametrize("kind", ["target", "nontarget"])
def test_a_list_of_one_kind_is_refused(lists, kind):
    trials, paths = lists
    trials.write_text("".join(f"{pair} {kind}\n" for pair in ("a b", "a c", "b c", "c d")))
    with pytest.raises(ScoreError, match=f"dev: all 4 trials are {kind} trials. Metrics need both"):
        evaluate(trials, paths, metrics_of(["eer"], [0.01]))


# Conditions


def test_systems_are_compared_in_each_condition_as_on_a_list_of_its_own(many, tmp_path):
    trials, paths, speakers = many
    utts = [line.split()[0] for line in Path(speakers.enroll).read_text().splitlines()]
    sex_of = {utt: "m" if utt < "s05" else "f" for utt in utts}
    conditions = {"sex": table_file(tmp_path / "utt2sex", sex_of)}
    options = {"speakers": speakers, "num_draws": 20}
    metrics = metrics_of(["eer"], [0.01])
    found = evaluate(trials, paths, metrics, conditions=conditions, **options).comparisons
    for path in (trials, *paths):
        lines = [line.split() for line in path.read_text().splitlines()]
        same = [words for words in lines if sex_of[words[0]] == sex_of[words[1]]]
        path.write_text("".join(f"{' '.join(words)}\n" for words in same))
    alone = evaluate(trials, paths, metrics, **options).comparisons
    columns = ["system", "other", "difference", "low", "high", "p_value"]
    in_it = found[found.condition == "sex=same"][columns].to_numpy().tolist()
    assert in_it == alone[columns].to_numpy().tolist()
    assert set(found.condition) == {"", "sex=f-f", "sex=m-m", "sex=same", "sex=equalised"}


def test_conditions_part_the_trials_by_the_values_of_both_sides(many, tmp_path):
    trials, paths, speakers = many
    utts = [line.split()[0] for line in Path(speakers.enroll).read_text().splitlines()]
    gender = table_file(tmp_path / "utt2gender", {u: "m" if u < "s05" else "f" for u in utts})
    duration = table_file(tmp_path / "utt2dur", {u: 1 + int(u[-1]) for u in utts})
    duration = SideTables(duration.enroll, duration.test, bins=[2.0, 4])
    evaluation = evaluate(
        *(trials, paths[:1], metrics_of(["eer"], [0.01])),
        speakers=speakers,
        num_draws=20,
        conditions={"gender": gender, "duration_sec": duration},
    )
    rows = evaluation.measures.set_index("condition")
    assert list(rows.index) == [
        *(
            "",
            "gender=f-f",
            "gender=f-m",
            "gender=m-f",
            "gender=m-m",
            "gender=same",
            "gender=cross",
            "gender=equalised",
        ),
        *("duration_sec=2..4-2..4", "duration_sec=2..4->=4"),
        *("duration_sec=<2-2..4", "duration_sec=<2->=4", "duration_sec=same", "duration_sec=cross"),
        "duration_sec=equalised",
    ]
    # 5 of 20 speakers are m, with two utterances on each side
    assert rows.num_trials["gender=m-m"] == 100 and rows.num_targets["gender=m-m"] == 20
    assert rows.num_trials["gender=same"] == 100 + 900
    assert rows.num_trials["gender=cross"] == 600 and rows.num_targets["gender=cross"] == 0
    assert np.isnan(rows.value["gender=cross"])  # there are no targets
    assert rows.low["gender=f-f"] < rows.value["gender=f-f"] < rows.high["gender=f-f"]
    assert rows.num_trials["duration_sec=same"] == 400
    text = results_text(evaluation, metrics_of(["eer"], [0.01]), "built-in", "95 %")
    assert " -" in next(line for line in text.splitlines() if line.startswith("gender=cross"))


def test_equalised_parts_count_alike_at_one_threshold(many, tmp_path):
    trials, (path, *_), speakers = many
    utts = [line.split()[0] for line in Path(speakers.enroll).read_text().splitlines()]
    gender = table_file(tmp_path / "utt2gender", {u: "m" if u < "s05" else "f" for u in utts})
    at_3 = [{"act_dcf": {"p_target": 0.05}}, "cllr", {"min_dcf": {"p_target": 0.05}}]
    rows = evaluate(
        *(trials, [path], metrics_of(at_3, [0.5])),
        speakers=speakers,
        num_draws=20,
        conditions={"gender": gender},
    ).measures
    value = rows.set_index(["metric", "condition"]).value
    for metric in ("act_dcf_0.05", "cllr_bits"):  # one threshold anyway: the mean of both parts
        mean = (value[metric, "gender=f-f"] + value[metric, "gender=m-m"]) / 2
        assert value[metric, "gender=equalised"] == pytest.approx(mean)
    both = value["min_dcf_0.05", "gender=f-f"], value["min_dcf_0.05", "gender=m-m"]
    assert value["min_dcf_0.05", "gender=equalised"] >= np.mean(both) - 1e-12
    equalised = rows[rows.condition == "gender=equalised"]
    assert list(equalised.num_trials) == [1000] * 3
    assert (equalised.low < equalised.value).all() and (equalised.value < equalised.high).all()


def test_values_of_speakers_are_those_of_their_utterances(many, tmp_path):
    trials, paths, speakers = many
    table = table_file(tmp_path / "spk2sex", {f"s{n:02d}": "mf"[n % 2] for n in range(20)})
    by_speaker = SideTables(table.enroll, table.test, by_speaker=True)
    rows = evaluate(
        *(trials, paths[:1], metrics_of(["eer"], [0.01])),
        speakers=speakers,
        conditions={"sex": by_speaker},
    ).measures
    assert rows.num_trials[rows.condition == "sex=m-m"].item() == 400


def test_many_values_are_the_same_or_not(many):
    trials, paths, speakers = many
    rows = evaluate(
        trials, paths[:1], metrics_of(["eer"], [0.01]), conditions={"speaker": speakers}
    ).measures
    assert list(rows.condition) == ["", "speaker=same", "speaker=cross"]


def test_a_table_without_some_utterances_is_refused(many, tmp_path):
    trials, paths, _ = many
    table = table_file(tmp_path / "utt2gender", {"s00-0": "m"})
    with pytest.raises(
        ScoreError, match=r"utt2gender: 39 of 40 .*\(s00-1, s01-0, s01-1 and 36 more"
    ):
        evaluate(trials, paths, metrics_of(["eer"], [0.01]), conditions={"gender": table})


def test_a_value_that_is_no_number_has_no_bin(many, tmp_path):
    trials, paths, speakers = many
    binned = SideTables(speakers.enroll, speakers.test, bins=[1.0])
    with pytest.raises(ScoreError, match="the value of s00-0 is 's00'"):
        evaluate(trials, paths, metrics_of(["eer"], [0.01]), conditions={"x": binned})
