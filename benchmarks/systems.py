"""Systems of benchmarks: a network with random weights, scored by cosine or a random PLDA.

Shape suffixes (scope: this module):
    E = embedding
"""

import json

import numpy as np
import torch

from benchmarks import inputs
from steps_py.backend.plda import Plda
from steps_py.backend.plda_io import write_plda
from steps_py.embeddings.config import XvectorsConfig
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.system.config import SystemConfig
from steps_py.system.make import Material, make_system

EMBEDDING_DIM = 512
MODEL = ModelConfig(
    encoder={"name": "tdnn"}, pooling={"name": "stats"}, embedding_dim=EMBEDDING_DIM
)


def write_system(folder, scored_by=None):
    """folder/system.swx, scored by ``cosine`` or ``plda``; None: it embeds only."""
    torch.manual_seed(1)
    front_end = FrontEnd(
        type="mfcc",
        conf="--num-ceps=24\n--num-mel-bins=30\n--dither=0\n",
        vad_conf="--vad-energy-threshold=0\n--vad-energy-mean-scale=0\n",
    )
    extractor = Extractor(
        model=build_model(MODEL, feat_dim=24).eval(),
        config=MODEL,
        feat_dim=24,
        cmvn=CmvnConfig(),
        front_end=front_end,
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_extractor(folder / "final.pt", extractor)
    (folder / "manifest.json").write_text(json.dumps({"commit": "", "config": {}, "machine": ""}))
    material = Material(
        model=str(folder / "final.pt"),
        manifest=str(folder / "manifest.json"),
        scored_by=scored_by,
        chain=[{"step": {"name": scored_by}, "files": _files(scored_by, folder)}] * bool(scored_by),
        is_calibrated=False,
        lists={},
        corpora=[],
        own_files=[],
    )
    make_system(folder / "system.swx", material, SystemConfig(), XvectorsConfig())
    return folder / "system.swx"


def _files(step, folder):
    """The files of a scoring step."""
    if step == "cosine":
        return []
    rng = inputs.rng_of("systems")
    psi_E = np.sort(rng.uniform(0.1, 10, EMBEDDING_DIM))[::-1]
    matrix_EE = np.linalg.qr(rng.standard_normal((EMBEDDING_DIM, EMBEDDING_DIM)))[0]
    write_plda(f"{folder}/plda", Plda(np.zeros(EMBEDDING_DIM), matrix_EE, psi_E))
    return [f"{folder}/plda"]
