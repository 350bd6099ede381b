"""Samples as features."""

import math

import torch
from torch import nn

from steps_py.export.waveform.spectra import Framing, log, square_sums
from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.feats.types.waveform import WaveformTypeConfig


@EXPORTED_FEATURES.register("waveform")
class WaveformGraph(nn.Module):
    """`steps_py.feats.types.waveform.Waveform`."""

    Config = WaveformTypeConfig

    def __init__(self, config: WaveformTypeConfig):
        super().__init__()
        frames = config.frames
        self.framing = Framing(frames)
        self.first = (frames.length_samples - frames.shift_samples) // 2
        self.end = self.first + frames.shift_samples
        floor = config.energy_floor
        self.least_energy = math.log(floor) if floor > 0 else None

    def forward(self, samples_N):
        x_TL = self.framing(samples_N)
        energy_T = log(square_sums(x_TL - x_TL.mean(dim=1, keepdim=True)))
        if self.least_energy is not None:
            energy_T = energy_T.clamp(min=self.least_energy)
        return torch.cat([energy_T[:, None], x_TL[:, self.first : self.end]], dim=1)
