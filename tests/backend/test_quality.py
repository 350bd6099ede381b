"""Quality measures and the calibration with them."""

import csv
import io
import json
import types
from pathlib import Path

import numpy as np
import pytest

from steps_py.backend.calibration import fit_logistic
from steps_py.backend.score_lines import ScoredPairs
from steps_py.backend.steps import STEPS
from steps_py.backend.steps.quality import MEASURES
from steps_py.backend.steps.quality.snr_db import snr_db
from steps_py.backend.systems import Systems, check_systems
from steps_py.errors import BackendError, ConfigError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import TableWriter
from steps_py.stages import run_step

GOLDEN = Path(__file__).parents[1] / "golden/scores"
TRIALS = {
    "dev": {"enroll": "dev_set", "test": "dev_set"},
    "test": {"enroll": "test_enroll", "test": "test_test"},
}
BACKEND = {"train_sets": ["train"], "adapt_set": None}
NORM = {"as_norm": {"cohort": "train", "top_n": 5}}


def qmf(**options):
    return {"qmf": {"calibrate_on": "dev"} | options}


# -- against wespeaker's features and other solvers


def read_tsv(name):
    with open(GOLDEN / name) as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """Tables of the golden vectors of system 1, and their trials."""
    folder = tmp_path_factory.mktemp("golden")
    data = np.load(GOLDEN / "embeddings.npz")
    mean = data["cohort1"].astype(float).mean(axis=0)
    sets = {"enroll": "enroll{:02d}", "test": "test{:03d}"}
    with TableWriter(f"ark:{folder}/vectors.ark", FLOAT_VECTOR) as writer:
        for side, form in sets.items():
            for number, x_D in enumerate(data[f"{side}1"]):
                writer.write(form.format(number), (x_D - mean).astype(np.float32))
    with TableWriter(f"ark:{folder}/cohort.ark", FLOAT_VECTOR) as writer:
        for number, x_D in enumerate(data["cohort1"]):
            writer.write(f"c{number:03d}", (x_D - mean).astype(np.float32))
    lines = [
        f"{form.format(number)} {duration}\n"
        for side, form in sets.items()
        for number, duration in enumerate(data[f"{side}_dur"])
    ]
    (folder / "utt2dur").write_text("".join(lines))
    speakers = data["cohort_spk"].tolist()
    (folder / "cohort").write_text("".join(f"c{n:03d} s{s}\n" for n, s in enumerate(speakers)))
    rows = read_tsv("calibrated_trials.tsv")
    names = sorted({row[side] for row in rows for side in sets})
    place = {name: number for number, name in enumerate(names)}
    pairs = ScoredPairs(
        names,
        np.array([place[row["enroll"]] for row in rows]),
        np.array([place[row["test"]] for row in rows]),
        np.array([float(row["sys1.asnorm_wespeaker_top50"]) for row in rows]),
    )
    words = {
        "duration_sec": [f"{folder}/utt2dur"],
        "embedding_norm": [f"ark:{folder}/vectors.ark"],
        "cohort_mean": [
            *(f"ark:{folder}/vectors.ark", "50", f"{folder}/cohort", f"{folder}/cohort.ark"),
            '{"name": "cosine"}',
        ],
    }
    return types.SimpleNamespace(rows=rows, pairs=pairs, words=words)


def features_of(trials, *measures, **options):
    section = {"name": "qmf", "calibrate_on": "dev", "measures": list(measures)} | options
    names = [m if isinstance(m, str) else next(iter(m)) for m in measures]
    words = [[trials.words[name] for name in names]] * 2
    return STEPS.build(section).features(trials.pairs, words)


@pytest.mark.parametrize(
    "measure, column",
    [
        ({"duration_sec": {"max_sec": 20}}, "dur"),
        ("embedding_norm", "mag"),
        ("cohort_mean", "cohortmean"),
    ],
)
def test_measures_are_those_of_wespeaker(trials, measure, column):
    sides = ["min", "max", "diff", "ratio"]
    got = features_of(trials, measure, sides=sides)
    rows = read_tsv("quality_measures.tsv")
    wanted = [[float(row[f"{column}_{side}"]) for side in sides] for row in rows]
    np.testing.assert_allclose(got[:, 1:], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "measures, name, tolerance",
    [
        ([{"duration_sec": {"max_sec": 20}}], "optimum_asnorm_durmin_durmax", 1e-3),
        ([{"duration_sec": {"max_sec": 20, "log": True}}], "optimum_asnorm_logdur", 1e-3),
        (["embedding_norm", "cohort_mean"], "optimum_asnorm_mag_cohort", 2e-2),
    ],
)
def test_weights_are_those_that_other_solvers_find_of_rounded_measures(
    trials, measures, name, tolerance
):
    wanted = json.loads((GOLDEN / "calibration_weights.json").read_text())["quality"][name]
    dev = np.array([row["part"] == "dev" for row in trials.rows])
    target = np.array([row["label"] == "target" for row in trials.rows])
    fit = fit_logistic(features_of(trials, *measures)[dev], target[dev])
    np.testing.assert_allclose(fit.weights_F, wanted["weights"], rtol=tolerance)
    assert fit.objective_bits == pytest.approx(wanted["dev_cllr"], rel=1e-3)


@pytest.mark.parametrize(
    "columns, name",
    [
        (["dur_min", "dur_max"], "optimum_asnorm_durmin_durmax"),
        (["mag_min", "mag_max", "cohortmean_min", "cohortmean_max"], "optimum_asnorm_mag_cohort"),
    ],
)
def test_weights_of_rounded_measures_are_those_that_other_solvers_find(columns, name):
    wanted = json.loads((GOLDEN / "calibration_weights.json").read_text())["quality"][name]
    rows = [row for row in read_tsv("quality_measures.tsv") if row["part"] == "dev"]
    features = [[float(row[column]) for column in ("asnorm", *columns)] for row in rows]
    fit = fit_logistic(features, [row["label"] == "1" for row in rows])
    np.testing.assert_allclose(fit.weights_F, wanted["weights"], rtol=1e-5)
    assert fit.offset == pytest.approx(wanted["bias"], rel=1e-5)


# -- each measure


def test_speech_ten_times_as_strong_is_ten_decibels_louder_whatever_the_level():
    energy = np.log(np.array([10.0, 10.0, 1.0, 1.0]))
    voiced = np.array([True, True, False, False])
    assert snr_db(energy, voiced, "a") == pytest.approx(10)
    assert snr_db(energy + 7, voiced, "a") == pytest.approx(10)
    assert snr_db(energy, np.ones(4, bool), "a") == pytest.approx(20 / 3)  # against the quietest
    assert snr_db(energy[:1], np.ones(1, bool), "a") == 0.0


def test_snr_is_read_from_features_and_decisions(tmp_path):
    feats, vad = tmp_path / "feats.scp", tmp_path / "vad.scp"
    with TableWriter(f"ark,scp:{tmp_path}/f.ark,{feats}", FLOAT_MATRIX) as writer:
        writer.write("a", np.array([[np.log(1000), 0], [0, 0]], np.float32))
    with TableWriter(f"ark,scp:{tmp_path}/v.ark,{vad}", FLOAT_VECTOR) as writer:
        writer.write("a", np.array([1, 0], np.float32))
    measure = MEASURES.build({"name": "snr_db"})
    np.testing.assert_allclose(measure.values(["a"], str(feats), str(vad)), [30], rtol=1e-6)
    with pytest.raises(BackendError, match=r"no value for 1 utterances of the trials \(b\)"):
        measure.values(["a", "b"], str(feats), str(vad))


# -- in a chain


def test_a_chain_names_the_tables_of_both_sides_and_the_cohort():
    measures = ["duration_sec", "snr_db", "embedding_norm", "cohort_mean"]
    systems = Systems(
        {"systems": {"norm": ["centre", "cosine", NORM], "mine": ["norm", qmf(measures=measures)]}},
        BACKEND,
        TRIALS,
        dim=4,
    )
    inputs = set(systems.score("mine", "test").inputs)
    assert {f"data/test_{side}/utt2dur" for side in ("enroll", "test")} <= inputs
    assert {f"data/test_{side}/vad.scp" for side in ("enroll", "test")} <= inputs
    assert {f"exp/xvectors/test_{side}/xvector.scp" for side in ("enroll", "test")} <= inputs
    assert "exp/scores/norm/test" in inputs
    (weights,) = [path for path in inputs if path.endswith("weights.json")]
    (cohort,) = [path for path in inputs if path.endswith("cohort.ark")]
    estimate = systems.estimate(weights.removeprefix("exp/backend/"))
    assert {cohort, "data/dev_set/utt2dur", "exp/scores/norm/dev"} <= set(estimate.inputs)
    assert not [path for path in estimate.inputs if "test_" in path]


@pytest.mark.parametrize(
    "chain, words",
    [
        (["cosine", qmf()], "cohort_mean needs the cohort of a score normalisation"),
        (["cosine", qmf(measures=["duraton_sec"])], "unknown name 'duraton_sec'. Did you mean"),
        (
            ["cosine", qmf(measures=[{"duration_sec": {"max": 2}}])],
            "unknown key 'duration_sec.max'",
        ),
        (["cosine", qmf(measures=[{"a": {}, "b": {}}])], "a measure is a name or"),
        (["cosine", qmf(measures=["duration_sec"], sides=["mean"])], "sides"),
    ],
)
def test_measures_that_cannot_be_are_refused(chain, words):
    with pytest.raises(ConfigError) as caught:
        check_systems({"systems": {"mine": chain}}, BACKEND, list(TRIALS), ["train"])
    assert words in str(caught.value)


def test_scores_of_short_recordings_count_less(tmp_path, monkeypatch, capsysbinary):
    """Targets of long recordings score 2, of short ones 1; nontargets 0 with the same noise."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    durations = {f"u{n:03d}": 2.0 if n % 2 else 20.0 for n in range(200)}
    Path("utt2dur").write_text("".join(f"{utt} {sec}\n" for utt, sec in durations.items()))
    utts, lines, labels = list(durations), [], []
    for _ in range(2000):
        e, t = utts[rng.integers(200)], utts[rng.integers(200)]
        target = rng.random() < 0.3
        short = min(durations[e], durations[t]) == 2.0
        score = rng.normal() + target * (1 if short else 2)
        lines.append(f"{e} {t} {score:.6f}\n")
        labels.append(f"{e} {t} {'target' if target else 'nontarget'}\n")
    unique = {line.rpartition(" ")[0]: place for place, line in enumerate(lines)}
    lines, labels = ([rows[place] for place in unique.values()] for rows in (lines, labels))
    Path("dev").write_text("".join(labels))
    step = '{"name": "qmf", "calibrate_on": "dev", "measures": ["duration_sec"], "sides": ["min"]}'
    words = json.dumps([[["utt2dur"]]] * 2)

    def feed():
        data = io.BytesIO("".join(lines).encode())
        monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=data))

    feed()
    run_step.main(["--step", step, "write_fit", "dev", "weights.json", words])
    weights = json.loads(Path("weights.json").read_text())["weights"]
    assert list(weights) == ["score", "min duration_sec"]
    assert weights["min duration_sec"] < 0  # a long one must score higher for the same ratio
    feed()
    run_step.main(["--step", step, "rescore_lines", "weights.json", "test", words])
    got = [float(line.split()[2]) for line in capsysbinary.readouterr().out.splitlines()]
    assert len(got) == len(lines)
