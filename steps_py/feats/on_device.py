"""MFCCs and filter bank features of a batch of audio chunks, on any device.

The same steps as `frames.py`, `mel.py`, `mfcc.py` and `fbank.py` in float32, with the same
configurations, by torch. Weak frames are not computed again with Kaldi's rounding, and dither is
drawn from the caller's generator.

Shape suffixes (scope: this module):
    B = chunks   N = samples   T = frames   L = samples of a frame   F = frequencies
    M = mel filters   D = feature dimension
"""

import math

import numpy as np
import torch

from steps_py.errors import ConfigError
from steps_py.feats.frames import EPSILON, num_frames, window_function
from steps_py.feats.mel import mel_filters
from steps_py.feats.types.fbank import FbankConfig
from steps_py.feats.types.mfcc import MfccConfig, dct_matrix, lifter


class DeviceFeatures(torch.nn.Module):
    """Extractor of the features of an MfccConfig or FbankConfig.

    >>> from steps_py.feats.frames import FrameConfig
    >>> mfcc = DeviceFeatures(MfccConfig(frames=FrameConfig(dither=0), num_ceps=20))
    >>> mfcc(torch.zeros(3, 16000)).shape
    torch.Size([3, 98, 20])
    """

    def __init__(self, config):
        super().__init__()
        if not isinstance(config, MfccConfig | FbankConfig):
            name = type(config).__name__.removesuffix("Config").lower()
            raise ConfigError(f"features on the device: mfcc or fbank, not {name}.")
        self.config, self.frames = config, config.frames
        self.is_mfcc = isinstance(config, MfccConfig)
        self.use_power = self.is_mfcc or config.use_power
        self.dim = config.num_ceps if self.is_mfcc else config.mel.num_bins + config.use_energy
        self._keep("window_L", window_function(self.frames))
        self._keep("mel_FM", mel_filters(config.mel, self.frames))
        if self.is_mfcc:
            transform_DM = dct_matrix(config.mel.num_bins, config.num_ceps)
            transform_DM *= lifter(config.cepstral_lifter, config.num_ceps)[:, None]
            self._keep("transform_MD", transform_DM.T)

    def _keep(self, name, array):
        tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))
        self.register_buffer(name, tensor, persistent=False)

    def forward(self, audio_BN: torch.Tensor, generator=None) -> torch.Tensor:
        """Features (B, T, D) float32 of samples of equal length, in units of 16-bit audio."""
        x_BTL = self._cut(audio_BN.float())
        if x_BTL.shape[1] == 0:
            return x_BTL.new_zeros(len(x_BTL), 0, self.dim)
        if self.frames.dither:
            noise_BTL = torch.randn(x_BTL.shape, generator=generator, device=x_BTL.device)
            x_BTL = x_BTL + self.frames.dither * noise_BTL
        if self.frames.remove_dc_offset:
            x_BTL = x_BTL - x_BTL.mean(dim=2, keepdim=True)
        raw_BTL = x_BTL
        if self.frames.preemphasis:
            before_BTL = torch.cat([x_BTL[..., :1], x_BTL[..., :-1]], dim=2)
            x_BTL = x_BTL - self.frames.preemphasis * before_BTL
        x_BTL = x_BTL * self.window_L
        energy_BT = None
        if self.config.use_energy:
            energy_BT = self._log_energy(raw_BTL if self.config.raw_energy else x_BTL)
        spec_BTF = torch.fft.rfft(x_BTL, n=self.frames.padded_samples)
        if self.use_power:
            spec_BTF = spec_BTF.real.square() + spec_BTF.imag.square()
        else:
            spec_BTF = spec_BTF.abs()
        mel_BTM = spec_BTF @ self.mel_FM
        return self._mfcc(mel_BTM, energy_BT) if self.is_mfcc else self._fbank(mel_BTM, energy_BT)

    def _cut(self, audio_BN):
        frames, num_samples = self.frames, audio_BN.shape[1]
        count = num_frames(num_samples, frames)
        length, shift = frames.length_samples, frames.shift_samples
        if count == 0:
            return audio_BN.new_zeros(len(audio_BN), 0, length)
        if not frames.snip_edges:
            before = length // 2 - shift // 2
            after = (count - 1) * shift + length - before - num_samples
            index_N = np.pad(np.arange(num_samples), (max(0, before), max(0, after)), "symmetric")
            index_N = index_N[max(0, -before) :]
            audio_BN = audio_BN[:, torch.from_numpy(index_N).to(audio_BN.device)]
        return audio_BN.unfold(1, length, shift)[:, :count]

    def _log_energy(self, x_BTL):
        log_BT = x_BTL.square().sum(dim=2).clamp(min=float(EPSILON)).log()
        floor = self.config.energy_floor
        return log_BT.clamp(min=math.log(floor)) if floor > 0 else log_BT

    def _mfcc(self, mel_BTM, energy_BT):
        x_BTD = mel_BTM.clamp(min=float(EPSILON)).log() @ self.transform_MD
        if energy_BT is not None:
            x_BTD[..., 0] = energy_BT
        if not self.config.htk_compat:
            return x_BTD
        if energy_BT is None:
            x_BTD[..., 0] *= math.sqrt(2)
        return x_BTD.roll(-1, dims=2)

    def _fbank(self, mel_BTM, energy_BT):
        if self.config.use_log_fbank:
            mel_BTM = mel_BTM.clamp(min=float(EPSILON)).log()
        if energy_BT is None:
            return mel_BTM
        parts = [energy_BT[..., None], mel_BTM]
        return torch.cat(parts[::-1] if self.config.htk_compat else parts, dim=2)
