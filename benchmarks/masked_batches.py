"""Forward passes of full batches by networks of egs/voxceleb, as a process to be timed."""

import sys
from pathlib import Path

import torch

from benchmarks.extraction import SYSTEMS
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.recipe.networks import system_config

BATCH_SIZE, NUM_FRAMES = 4, 200


def main(mode, *systems):
    torch.set_num_threads(1)
    num_frames_B = torch.full((BATCH_SIZE,), NUM_FRAMES) if mode == "lengths" else None
    for system in systems:
        feat_dim, _ = SYSTEMS[system]
        model = build_model(ModelConfig(**system_config(system)["model"]), feat_dim).eval()
        x_BTD = torch.randn(BATCH_SIZE, NUM_FRAMES, feat_dim)
        with torch.inference_mode():
            for _ in range(int(Path("num_batches").read_text())):
                model(x_BTD, num_frames_B)


if __name__ == "__main__":
    main(*sys.argv[1:])
