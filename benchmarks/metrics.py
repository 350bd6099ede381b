"""Metrics of 580,000 trials, without and with intervals, beside scikit-learn on the same files."""

import sys

from benchmarks import inputs
from benchmarks.harness import Case

NUM_TRIALS, NUM_SPEAKERS, UTTS_PER_SPEAKER = 580_000, 1251, 100  # as many as VoxCeleb1 has
NUM_DRAWS, NUM_NAIVE_DRAWS = 1000, 3


def make_inputs(folder, scale=1.0):
    """A trial list, half of it targets, with an EER of some 7 %; tables of speakers."""
    num_trials = max(int(NUM_TRIALS * scale), 100)
    spks = [f"id{10001 + number}" for number in range(NUM_SPEAKERS)]
    utts = [f"{spk}-{number:05d}" for spk in spks for number in range(UTTS_PER_SPEAKER)]
    inputs.write_lines(folder / "utt2spk", [f"{utt} {utt[:7]}" for utt in utts])
    rng = inputs.rng_of("metrics")
    enroll = rng.integers(0, len(utts), num_trials)
    of_speaker = enroll - enroll % UTTS_PER_SPEAKER
    test = rng.integers(0, len(utts), num_trials)
    test[::2] = (of_speaker + test % UTTS_PER_SPEAKER)[::2]
    of_list = sorted(set(zip(enroll.tolist(), test.tolist(), strict=True)))
    noise = rng.normal(size=len(of_list))
    trials, scores = [], []
    for (first, second), score in zip(of_list, noise.tolist(), strict=True):
        is_target = utts[first][:7] == utts[second][:7]
        pair = f"{utts[first]} {utts[second]}"
        trials.append(f"{pair} {'target' if is_target else 'nontarget'}")
        scores.append(f"{pair} {score + 3 * is_target:.6g}")
    inputs.write_lines(folder / "trials", trials)
    inputs.write_lines(folder / "scores", scores)


def cases():
    return [
        _case("580,000 trials, EER and minDCF", 0, "scikit-learn, line by line"),
        _case(
            *("580,000 trials, a draw of 1,000", NUM_DRAWS, "naive bootstrap, of 3 draws"),
            at_most_sec=15 / NUM_DRAWS,
        ),
    ]


def _case(name, num_draws, rival_name, at_most_sec=None):
    stage = (sys.executable, "-m", "benchmarks.peak_memory", "steps_py.stages.compute_metrics")
    rival = [sys.executable, "-m", "benchmarks.metrics_by_sklearn", "trials", "scores"]
    if num_draws:
        rival += ["utt2spk", str(NUM_NAIVE_DRAWS)]
    return Case(
        name=name,
        argv=(
            *(*stage, "--trials", "trials", "--scores", "scores", "--p-target", "0.01", "0.001"),
            *("--utt2spk", "utt2spk", "utt2spk", "--draws", str(num_draws)),
            *("--commands", "built-in", "--out-text", "text", "--out-table", "table"),
            *("--out-comparisons", "comparisons"),
        ),
        at_most_sec=at_most_sec,
        at_most_mb=2000,
        units=num_draws or 1,
        rival=tuple(rival),
        rival_name=rival_name,
        rival_units=NUM_NAIVE_DRAWS if num_draws else 1,
    )
