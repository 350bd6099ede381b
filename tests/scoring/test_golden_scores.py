"""Metrics beside those of public implementations: tests/golden/scores/README.md."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steps_py.scoring.error_rates import error_rates
from steps_py.scoring.hull import hull_of
from steps_py.scoring.measures import metrics_of
from steps_py.scoring.sorted_trials import SortedTrials

FOLDER = Path(__file__).parents[1] / "golden/scores"
EXPECTED = json.loads((FOLDER / "metrics.json").read_text())
PRIORS = [0.001, 0.005, 0.01, 0.05, 0.5]
MEASURES = [
    *("eer", "eer_rocch", "cllr", "min_cllr", "min_dcf", "act_dcf"),
    *({name: {"plan": "sre16"}} for name in ("min_c_primary", "act_c_primary")),
    {"min_dcf": {"p_target": 0.01, "c_miss": 10}},
]


def scored(name):
    """Scores, and which are of targets."""
    if name in EXPECTED["cases"]:
        table = pd.read_csv(FOLDER / f"case_{name}.tsv", sep="\t")
        return table.score.to_numpy(), (table.label == "target").to_numpy()
    table = pd.read_csv(FOLDER / "scores.tsv", sep="\t")
    return table[name].to_numpy(), (table.label == "target").to_numpy()


def expected_of(values):
    """{name of our metric: value}."""
    expected = {
        "eer_percent": 100 * values["eer_linear_interpolation_on_roc"],
        "eer_rocch_percent": 100 * values["eer_rocch_pybosaris"],
        "cllr_bits": values["cllr_pybosaris"],
        "min_cllr_bits": values["mincllr_pybosaris"],
        "min_dcf_0.01_10_1": values["mindcf_norm_pybosaris_p0.01_cmiss10_cfa1"],
    }
    for name, key in (("min", "mindcf"), ("act", "actdcf")):
        of_prior = {p: values[f"{key}_norm_pybosaris_p{p}"] for p in PRIORS}
        expected |= {f"{name}_dcf_{p:g}": value for p, value in of_prior.items()}
        expected[f"{name}_c_primary_sre16"] = (of_prior[0.01] + of_prior[0.005]) / 2
    return expected


@pytest.mark.parametrize("name", [*EXPECTED["scores"], *EXPECTED["cases"]])
def test_metrics_are_those_of_other_implementations(name):
    trials = SortedTrials(*scored(name)).once()
    got = {m.name: m.compute(trials)[0] for m in metrics_of(MEASURES, PRIORS)}
    values = (EXPECTED["scores"] | EXPECTED["cases"])[name]
    assert got == pytest.approx(expected_of(values), rel=1e-6, abs=1e-12)
    assert got["eer_rocch_percent"] / 100 == pytest.approx(values["eer_rocch_pyllr"], abs=1e-7)


@pytest.mark.parametrize("column", ["sys1.cosine", "sys1.asnorm_wespeaker_top50"])
def test_the_roc_is_that_of_scikit_learn_and_its_hull_that_of_bosaris(column):
    scores, target = scored(column)
    det = pd.read_csv(FOLDER / f"det_{column}.tsv", sep="\t")
    p_miss_K, p_fa_K = error_rates(scores[target], scores[~target])
    # there a trial is accepted from the threshold on, here above it: the point before
    place = np.searchsorted(np.unique(scores), det.threshold * (1 - 1e-9 * np.sign(det.threshold)))
    np.testing.assert_allclose(p_miss_K[place], det.p_miss, atol=1e-8)
    np.testing.assert_allclose(p_fa_K[place], det.p_fa, atol=1e-8)
    ((targets_E, nontargets_E),) = SortedTrials(scores, target).once().one_by_one()
    hull = pd.read_csv(FOLDER / f"rocch_{column}.tsv", sep="\t")
    np.testing.assert_allclose(
        hull_of(targets_E, nontargets_E), hull[["p_miss", "p_fa"]].T, atol=1e-8
    )
