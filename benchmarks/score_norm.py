"""AS-norm of 580,000 trials, as a chain runs it, beside a loop over trials."""

import shlex
import sys

from benchmarks import inputs
from benchmarks.harness import Case

NUM_VECTORS, NUM_TRIALS, DIM, NUM_COHORT, TOP_N = 4708, 580_000, 256, 5994, 300


def make_inputs(folder, scale=1.0):
    cohort = [f"spk{number:04d}-mean" for number in range(max(int(NUM_COHORT * scale), TOP_N + 1))]
    inputs.write_speaker_vectors(folder / "cohort.ark", cohort, DIM, text=False)
    inputs.write_lines(folder / "cohort", [f"{name} {name}" for name in cohort])
    utts = [f"id{n % 40:02d}-{n:05d}" for n in range(max(int(NUM_VECTORS * scale), 4))]
    inputs.write_speaker_vectors(folder / "test.ark", utts, DIM, text=False)
    rng = inputs.rng_of("trials")
    num_trials = int(NUM_TRIALS * scale)
    pairs_L2 = rng.integers(0, len(utts), (num_trials, 2))
    score_L = rng.uniform(-1, 1, num_trials)
    lines = [
        f"{utts[a]} {utts[b]} {score:.7g}"
        for (a, b), score in zip(pairs_L2.tolist(), score_L.tolist(), strict=True)
    ]
    inputs.write_lines(folder / "scores", lines)


def cases():
    return [
        _case("own", at_most_sec=3, rival="benchmarks.score_norm_by_trial"),
        _case("cross"),
    ]


def _case(select, at_most_sec=None, rival=None):
    step = f'{{"name": "as_norm", "cohort": "c", "top_n": {TOP_N}, "select": "{select}"}}'
    run = (sys.executable, "-m", "benchmarks.peak_memory", "steps_py.stages.run_step")
    words = ("list", "ark:test.ark", "ark:test.ark", "", "cohort", "cohort.ark")
    command = shlex.join([*run, "--step", step, "rescore_lines", *words, '{"name": "cosine"}'])
    return Case(
        name=f"AS-norm ({select}), 580,000 trials, cohort of 5,994, top 300",
        argv=("sh", "-c", f"{command} < scores > normalised"),
        at_most_sec=at_most_sec,
        at_most_mb=2000,
        rival=(sys.executable, "-m", rival) if rival else None,
        rival_name="loop over trials",
    )
