"""A recipe's folder as a run leaves it, with scores drawn by seed: 12 speakers, two systems."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import TableWriter
from steps_py.recipe.config import fill_defaults
from steps_py.report.run_folder import RunFolder
from steps_py.scoring.evaluation import SideTables, evaluate
from steps_py.scoring.measures import metrics_of

CONFIG = {
    "data": {
        "synthetic": {"name": "mini"},
        "sets": {"train": ["voxceleb1.dev"], "test": ["voxceleb1.test"]},
        "trials": {"short": {"enroll": "test", "test": "test"}},
    },
    "scores": {"systems": ["plda", "cosine"]},
    "metrics": {"bootstrap": {"draws": 50}},
}
HOSTILE = "utt<script>alert(1)</script>&\"'"


def write_run(folder, seed=0, shift=0.0, draws=50):
    """Write the products that a report reads; `shift` moves the target scores of plda."""
    rng = np.random.default_rng(seed)
    utts = {f"spk{s:02d}-{u}": f"spk{s:02d}" for s in range(12) for u in range(4)}
    utts[HOSTILE] = "spk99"
    utts[HOSTILE + "2"] = "spk99"
    folder.mkdir()
    for dset in ("train", "test"):
        data = folder / "data" / dset
        data.mkdir(parents=True)
        (data / "utt2spk").write_text("".join(f"{u} {s}\n" for u, s in sorted(utts.items())))
        (data / "utt2dur").write_text("".join(f"{u} 1.5\n" for u in sorted(utts)))
        (data / "wav.scp").write_text(
            "".join(f"{u} wav/{n}.wav\n" for n, u in enumerate(sorted(utts)))
        )
        (data / "utt2gender").write_text(
            "".join(f"{u} {'fm'[n % 2]}\n" for n, u in enumerate(sorted(utts)))
        )
    for name, holder, shape in (("feats", FLOAT_MATRIX, (20, 5)), ("vad", FLOAT_VECTOR, (20,))):
        tables = f"ark,scp:{folder}/data/train/{name}.ark,{folder}/data/train/{name}.scp"
        with TableWriter(tables, holder) as writer:
            for utt in sorted(utts):
                drawn = np.random.default_rng(len(utt)).normal(size=shape)
                writer.write(utt, np.float32(drawn if name == "feats" else drawn > -1))
    (folder / "data/sets.tsv").write_text("set\tspeakers\tutterances\thours\n")
    (folder / "wav").mkdir()
    for n in range(len(utts) // 2):  # the other half is not there
        soundfile.write(folder / f"wav/{n}.wav", rng.normal(0, 0.1, 16000), 16000)
    names = sorted(utts)
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    target = np.array([utts[a] == utts[b] for a, b in pairs])
    (folder / "data/trials").mkdir()
    list_path = folder / "data/trials/short"
    list_path.write_text(
        "".join(
            f"{a} {b} {'target' if t else 'nontarget'}\n"
            for (a, b), t in zip(pairs, target, strict=True)
        )
    )
    paths = []
    for number, system in enumerate(["plda", "cosine"]):
        score = rng.normal(0, 1, len(pairs)) + target * (2.5 - number + shift * (number == 0))
        path = folder / f"exp/scores/{system}/short"
        path.parent.mkdir(parents=True)
        path.write_text(
            "".join(f"{a} {b} {s:.5f}\n" for (a, b), s in zip(pairs, score, strict=True))
        )
        paths.append(path)
    metrics = metrics_of(["eer", "min_dcf"], [0.01])
    utt2spk = str(folder / "data/test/utt2spk")
    gender = str(folder / "data/test/utt2gender")
    found = evaluate(
        list_path, paths, metrics, speakers=SideTables(utt2spk, utt2spk), num_draws=draws,
        conditions={"gender": SideTables(gender, gender)},
    )  # fmt: skip
    (folder / "results").mkdir()
    found.measures.to_csv(
        folder / "results/metrics.tsv", sep="\t", index=False, float_format="%.6g"
    )
    found.comparisons.to_csv(folder / "results/comparisons.tsv", sep="\t", index=False)
    (folder / "results/short_eer.txt").write_text("EER\n\ntrained on this list: cosine\n")
    (folder / "exp/xvectors/test").mkdir(parents=True)
    table = f"ark,scp:{folder}/exp/xvectors/test/x.ark,{folder}/exp/xvectors/test/xvector.scp"
    centre = {spk: rng.normal(0, 1, 8) for spk in sorted(set(utts.values()))}
    with TableWriter(table, FLOAT_VECTOR) as writer:
        for utt in names:
            writer.write(utt, (centre[utts[utt]] + rng.normal(0, 0.3, 8)).astype(np.float32))
    epochs = {"stage": [1, 1, 2], "epoch": [1, 2, 1], "lr": [0.1, 0.05, 0.01]}
    epochs |= {
        "train_loss": [3.0, 2, 1],
        "valid_loss": [3.1, 2.2, 1.5],
        "valid_eer": [None, 0.2, 0.1],
    }
    (folder / "exp/model").mkdir()
    pd.DataFrame(epochs).to_csv(folder / "exp/model/epochs.tsv", sep="\t", index=False)
    (folder / "exp/benchmark/make_feats").mkdir(parents=True)
    for part in (1, 2):
        (folder / f"exp/benchmark/make_feats/train.{part}-of-2.tsv").write_text(
            "s\th:m:s\tmax_rss\tcpu_time\n1800\t0:30:00\t512.5\t900\n"
        )
    config = json.loads(json.dumps(CONFIG))
    config["metrics"]["p_target"] = [0.01]
    manifest = {
        "commit": "abc123", "commands": "built-in", "emulated_programs": [], "python": "3.11",
        "packages": {"torch": "2"}, "machine": "a machine", "config": config, "sha256": {},
    }  # fmt: skip
    (folder / "results/manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def run_path(tmp_path_factory):
    """The folder of a finished recipe; read only."""
    return write_run(tmp_path_factory.mktemp("run") / "recipe")


@pytest.fixture(scope="session")
def finished_run(run_path):
    manifest = json.loads((run_path / "results/manifest.json").read_text())
    return RunFolder(run_path, fill_defaults(manifest["config"]))
