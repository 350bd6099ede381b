"""A recipe's folder with x-vectors and a trial list, as the rules before the back-end leave it."""

import os
import subprocess
from pathlib import Path

import numpy as np

from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import TableWriter
from tests.support import forked_python

ROOT = Path(__file__).parents[2]
TRIALS = {"test": {"enroll": "test_set", "test": "test_set"}}
DIM = 4


def make_vector_recipe(seed=0):
    """Five training speakers, two test speakers and an unlabelled set `near`, in the cwd."""
    rng = np.random.default_rng(seed)
    for dset, spks in {"train": "abcde", "test_set": "xy", "near": "pqrs"}.items():
        for folder in (f"data/{dset}", f"exp/xvectors/{dset}"):
            Path(folder).mkdir(parents=True)
        utts = {f"{spk}{n}": spk for spk in spks for n in range(3)}
        Path(f"data/{dset}/utt2spk").write_text("".join(f"{u} {s}\n" for u, s in utts.items()))
        spk2utt = "".join(f"{s} {s}0 {s}1 {s}2\n" for s in spks)
        Path(f"data/{dset}/spk2utt").write_text(spk2utt)
        files = f"exp/xvectors/{dset}/xvector"
        mean_D = {spk: 2 * rng.normal(size=DIM) for spk in spks}
        with TableWriter(f"ark,scp:{files}.ark,{files}.scp", FLOAT_VECTOR) as writer:
            for utt, spk in utts.items():
                x_D = (mean_D[spk] + rng.normal(size=DIM)) * (3 if dset == "near" else 1)
                writer.write(utt, x_D.astype(np.float32))
    Path("data/trials").mkdir()
    Path("data/trials/test").write_text("x0 x1 target\nx0 y1 nontarget\ny2 x1 nontarget\n")
    Path("exp/backend").mkdir()
    for name, source in {
        "xvector.scp": "exp/xvectors/train/xvector.scp",
        "utt2spk": "data/train/utt2spk",
        "spk2utt": "data/train/spk2utt",
    }.items():
        Path("exp/backend", name).write_text(Path(source).read_text())


def run(command):
    """A rule's command, in the working directory."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; . '{ROOT}/path.sh' --strict; {command.text}"],
        env={**os.environ, **forked_python.environment(), "KALDI_ROOT": ""},
        capture_output=True,
        text=True,
    )


def estimate_all(systems):
    """Make every file that the scores of the recipe's lists read, in the order needed."""
    files = {f"exp/backend/{file}": file for file in [*systems.early(), *systems.estimates()]}
    wanted = systems.inputs() & set(files)
    while wanted:
        ready = [
            path
            for path in sorted(wanted)
            if not wanted & set(systems.estimate(files[path]).inputs)
        ]
        for path in ready:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            done = run(systems.estimate(files[path]))
            assert done.returncode == 0, done.stderr
        wanted -= set(ready)


def scores_of(systems, system="mine", trials="test"):
    """The scores of a system, its files estimated first."""
    estimate_all(systems)
    done = run(systems.score(system, trials))
    assert done.returncode == 0, done.stderr
    return [float(line.split()[2]) for line in done.stdout.splitlines()]
