"""X-vectors from a feature archive on one core, beside onnxruntime on the exported network.

The networks are those of systems of egs/voxceleb, with random weights.  Ours runs with both
engines, `eager` and, where its packages are installed, `onnxruntime`.  The other side is a loop
of onnxruntime over the same ONNX file, which takes the same way to the features.

Shape suffixes (scope: this module):
    T = frames   D = dimension
"""

import json

import numpy as np
import torch

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.embeddings.config import check_engine
from steps_py.errors import ConfigError
from steps_py.feats.config import CmvnConfig
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import TableWriter
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.recipe.networks import system_config
from steps_py.stages import export_network

SYSTEMS = {  # -> mel bands, utterances
    "xvector_aam": (80, 150),
    "ecapa_c512": (80, 80),
    "resnet34": (80, 20),
    "campplus": (80, 60),
    "redimnet_b2": (72, 30),
}
NUM_FRAMES = 600  # of all utterances
ENGINE = {"engine": "onnxruntime"}


def has_rival():
    try:
        check_engine(ENGINE["engine"])
    except ConfigError:
        return False
    return True


def make_inputs(folder, scale=1.0):
    for system, (feat_dim, num_utts) in SYSTEMS.items():
        num_frames = max(int(NUM_FRAMES * scale), 30)
        write_features(folder, system, feat_dim, max(int(num_utts * scale), 1), num_frames)
        config = ModelConfig(**system_config(system)["model"])
        torch.manual_seed(1)
        model = build_model(config, feat_dim).eval()
        extractor = Extractor(model=model, config=config, feat_dim=feat_dim, cmvn=CmvnConfig())
        save_extractor(folder / f"{system}.pt", extractor)
        if has_rival():
            files = "--model", str(folder / f"{system}.pt"), "--out", str(folder / f"{system}.onnx")
            export_network.main(["--config", json.dumps(ENGINE), *files])


def write_features(folder, name, feat_dim, num_utts, num_frames):
    rng = inputs.rng_of(name)
    with (
        TableWriter(f"ark,scp:{folder}/{name}.ark,{folder}/{name}.scp", FLOAT_MATRIX) as feats,
        TableWriter(f"ark,scp:{folder}/{name}.vad,{folder}/{name}.vad.scp", FLOAT_VECTOR) as vad,
    ):
        for number in range(num_utts):
            x_TD = rng.standard_normal((num_frames, feat_dim), np.float32)
            feats.write(f"utt{number:03d}", x_TD)
            vad.write(f"utt{number:03d}", np.ones(num_frames, np.float32))


def cases():
    """Ours with the default engine, and then with the other one, which has the target."""
    if not has_rival():
        return [_case(system, {}) for system in SYSTEMS]
    made = []
    for system in SYSTEMS:
        rival = {
            "rival": ("python3", "-m", "benchmarks.extract_by_onnxruntime", system),
            "rival_name": "onnxruntime",
            "ratio_to": "onnxruntime",
        }
        made.append(_case(system, {}, **rival))
        made.append(_case(system, ENGINE, at_most_ratio=1.0, **rival))
    return made


def _case(system, config, **fields):
    _, num_utts = SYSTEMS[system]
    engine = config.get("engine", "eager")
    return Case(
        name=f"x-vectors of {num_utts} utterances of 6 s, {system}, {engine}",
        argv=(
            *("python3", "-m", "steps_py.stages.extract_xvectors", "--model", f"{system}.pt"),
            *("--config", json.dumps(config), "--exported", f"{system}.onnx"),
            *("--feats", f"{system}.scp", "--vad", f"{system}.vad.scp"),
            *("--out-ark", "xvectors.ark", "--out-scp", "xvectors.scp"),
        ),
        **fields,
    )
