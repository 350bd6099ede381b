"""A system file of a small network that is not trained, with what it is made of."""

import json

import numpy as np

from steps_py.backend.plda import Plda
from steps_py.backend.plda_io import write_plda
from steps_py.embeddings.config import XvectorsConfig
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import TableWriter, write_object
from steps_py.system.config import SystemConfig
from steps_py.system.make import Material, make_system

DIM = 6
CALIBRATED = {"weights": {"score": 2.0}, "offset": -1.0, "cross_entropy_bits": 0.5}


def back_end_files(folder):
    """Files of scoring steps for vectors of DIM dimensions: {name of the step: its files}."""
    rng = np.random.default_rng(4)
    folder.mkdir(parents=True, exist_ok=True)
    mean, matrix, plda = (f"{folder}/{name}" for name in ("mean.vec", "transform.mat", "plda"))
    write_object(mean, FLOAT_VECTOR, rng.normal(size=DIM).astype(np.float32))
    write_object(matrix, FLOAT_MATRIX, rng.normal(size=(4, DIM)).astype(np.float32))
    write_plda(plda, Plda(rng.normal(size=4), np.eye(4), [4.0, 3.0, 2.0, 1.0]))
    cohort = {f"c{n}": rng.normal(size=4).astype(np.float32) for n in range(8)}
    with TableWriter(f"ark:{folder}/cohort.ark", FLOAT_VECTOR) as writer:
        for name, x_D in cohort.items():
            writer.write(name, x_D)
    (folder / "cohort").write_text("".join(f"{name} s{name}\n" for name in cohort))
    (folder / "weights.json").write_text(json.dumps({**CALIBRATED, "separable": False}))
    return {
        "centre": [mean],
        "lda": [matrix],
        "length_norm": [],
        "plda": [plda],
        "cosine": [],
        "s_norm": [f"{folder}/cohort", f"{folder}/cohort.ark"],
        "logistic": [f"{folder}/weights.json"],
    }


OPTIONS = {"s_norm": {"cohort": "train"}, "logistic": {"calibrate_on": "dev"}}


def write_system(
    out,
    model,
    steps=("centre", "lda", "length_norm", "plda", "logistic"),
    *,
    lists=None,
    own_files=(),
    xvectors=None,
    config=None,
):
    """The system file of a final.pt and of a chain of steps by name; its path."""
    folder = out.parent / "back_end"
    files = back_end_files(folder)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"commit": "abc", "config": {}, "machine": "here"}))
    material = Material(
        model=str(model),
        manifest=str(manifest),
        scored_by="mine" if steps else None,
        chain=[
            {"step": {"name": name, **OPTIONS.get(name, {})}, "files": files[name]}
            for name in steps
        ],
        is_calibrated="logistic" in steps,
        lists=lists or {},
        corpora=[{"name": "c", "type": "folder", "licence": "unknown"}],
        own_files=list(own_files),
    )
    make_system(out, material, config or SystemConfig(), xvectors or XvectorsConfig())
    return out
