"""AS-norm of 580,000 trials, as a chain runs it, beside a loop over trials.

Of 4,708 utterances, as many as VoxCeleb1's test list has, and of 145,160, as VoxCeleb1-E has.
"""

import shlex
import sys

from benchmarks import inputs
from benchmarks.harness import Case

NUM_TRIALS, DIM, NUM_COHORT, TOP_N = 580_000, 256, 5994, 300
NUM_VECTORS = {"few": 4708, "many": 145_160}


def make_inputs(folder, scale=1.0):
    cohort = [f"spk{number:04d}-mean" for number in range(max(int(NUM_COHORT * scale), TOP_N + 1))]
    inputs.write_speaker_vectors(folder / "cohort.ark", cohort, DIM, text=False)
    inputs.write_lines(folder / "cohort", [f"{name} {name}" for name in cohort])
    rng = inputs.rng_of("trials")
    num_trials = int(NUM_TRIALS * scale)
    score_L = rng.uniform(-1, 1, num_trials)
    for name, num_vectors in NUM_VECTORS.items():
        utts = [f"id{n % 40:02d}-{n:05d}" for n in range(max(int(num_vectors * scale), 4))]
        inputs.write_speaker_vectors(folder / f"{name}.ark", utts, DIM, text=False)
        pairs_L2 = rng.integers(0, len(utts), (num_trials, 2))
        lines = [
            f"{utts[a]} {utts[b]} {score:.7g}"
            for (a, b), score in zip(pairs_L2.tolist(), score_L.tolist(), strict=True)
        ]
        inputs.write_lines(folder / f"{name}.scores", lines)


def cases():
    rival = "benchmarks.score_norm_by_trial"
    return [
        _case("few", "own", at_most_sec=3, rival=rival),
        _case("few", "cross"),
        _case("many", "own"),
    ]


def _case(vectors, select, at_most_sec=None, rival=None):
    step = f'{{"name": "as_norm", "cohort": "c", "top_n": {TOP_N}, "select": "{select}"}}'
    run = (sys.executable, "-m", "benchmarks.peak_memory", "steps_py.stages.run_step")
    tables = (f"ark:{vectors}.ark",) * 2
    words = ("list", *tables, "", "cohort", "cohort.ark")
    command = shlex.join([*run, "--step", step, "rescore_lines", *words, '{"name": "cosine"}'])
    return Case(
        name=f"AS-norm ({select}), 580,000 trials of {NUM_VECTORS[vectors]:,} utterances, cohort of"
        " 5,994, top 300",
        argv=("sh", "-c", f"{command} < {vectors}.scores > normalised"),
        at_most_sec=at_most_sec,
        at_most_mb=2000,
        rival=(sys.executable, "-m", rival) if rival else None,
        rival_name="loop over trials",
    )
