"""The steps from samples to the input of a network, as one module.

Shape suffixes (scope: this module):
    N = samples   T = frames   V = voiced frames   D = feature dimension
"""

import torch
from torch import nn

from steps_py.errors import ConfigError, StepsError
from steps_py.export.waveform.types import EXPORTED_FEATURES
from steps_py.feats.cmvn import SLIDING_VARIANCE_FLOOR
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.feats.types.registry import FEATURES
from steps_py.feats.vad import VadConfig
from steps_py.system.sound import FULL_SCALE

FRONT_END, NETWORK = "front_end", "network"  # names of the two parts of a program


class WaveformFrontEnd(nn.Module):
    """A waveform (1, N), samples from -1 to 1, to voiced and normalised frames (1, V, D) float32.

    As `steps_py.embeddings.api.Embedder.frames`, without dither and without the rounding of
    compressed features.

    Raises
    ------
    StepsError
        If a step cannot be exported, by name.
    """

    def __init__(self, front_end: FrontEnd, cmvn: CmvnConfig, where: str):
        super().__init__()
        options = front_end.options()
        check_front_end(front_end, options, where)
        try:
            config = FEATURES.find(front_end.type).config_of(options)
            self.features = EXPORTED_FEATURES.find(front_end.type)(config)
        except ConfigError as error:
            raise StepsError(f"{where}: {error}. Export the network without --features.") from None
        self.subtract_mean = options.subtract_mean
        self.vad, self.norm = Voiced(front_end.vad_options().config()), SlidingNorm(cmvn)

    def forward(self, waveform_1N):
        x_TD = self.features(waveform_1N[0].double() * FULL_SCALE)
        if self.subtract_mean:
            x_TD = x_TD - x_TD.mean(dim=0)
        is_voiced_T = self.vad(x_TD[:, 0])
        return self.norm(x_TD)[is_voiced_T].float()[None]


def check_front_end(front_end: FrontEnd, options, where: str) -> None:
    """StepsError, by name, if a step before the features or of them cannot be exported."""
    faults = []
    if front_end.type not in EXPORTED_FEATURES.names():
        known = ", ".join(EXPORTED_FEATURES.names())
        faults.append(f"features of type '{front_end.type}', only {known}")
    if front_end.signal_steps:
        faults.append("feats.signal_steps")
    if getattr(options, "vtln_warp", 1.0) != 1:
        faults.append("--vtln-warp")
    if faults:
        raise StepsError(
            f"{where}: --features cannot write {faults[0]}. Export the network without --features."
        )


def left_out(front_end: FrontEnd) -> tuple[str, ...]:
    """The steps of a front end that its module does not have, for people."""
    found = []
    if front_end.options().dither:
        found.append("dither")
    if front_end.compress:
        found.append("the rounding of feats.compress")
    return tuple(found)


class Voiced(nn.Module):
    """Log energies (T,) to whether frames are voiced, bool (T,); `steps_py.feats.vad`."""

    def __init__(self, config: VadConfig):
        super().__init__()
        self.config = config

    def forward(self, energy_T):
        config = self.config
        energy_T = energy_T.float()
        threshold = config.vad_energy_threshold
        if config.vad_energy_mean_scale:
            threshold = threshold + config.vad_energy_mean_scale * energy_T.double().mean().float()
        is_loud_T, context = energy_T > threshold, config.vad_frames_context
        sums_T1 = _prefix_sums(is_loud_T.double()[:, None])[:, 0]
        place_T = torch.arange(energy_T.shape[0])
        num_frames = place_T[-1] + 1
        first_T = (place_T - context).clamp(min=0)
        end_T = torch.minimum(place_T + context + 1, num_frames)
        votes_T = (sums_T1[end_T] - sums_T1[first_T]).float()
        return votes_T >= (end_T - first_T).float() * config.vad_proportion_threshold


class SlidingNorm(nn.Module):
    """Features (T, D) normalised over a centred sliding window; `steps_py.feats.cmvn`."""

    def __init__(self, config: CmvnConfig):
        super().__init__()
        self.config = config

    def forward(self, x_TD):
        window = self.config.window_frames
        if not window:
            return x_TD
        place_T = torch.arange(x_TD.shape[0])
        num_frames = place_T[-1] + 1
        length = num_frames.clamp(max=window)
        first_T = torch.minimum((place_T - window // 2).clamp(min=0), num_frames - length)
        mean_TD = _means(x_TD, first_T, length)
        y_TD = x_TD - mean_TD
        if self.config.norm_vars:
            variance_TD = _means(x_TD.square(), first_T, length) - mean_TD.square()
            y_TD = y_TD / variance_TD.clamp(min=SLIDING_VARIANCE_FLOOR).sqrt()
        return y_TD


def _means(x_TD, first_T, length):
    sums_TD = _prefix_sums(x_TD)
    return (sums_TD[first_T + length] - sums_TD[first_T]) / length


def _prefix_sums(x_TD):
    """Sums of the first 0, 1, ... T rows."""
    return torch.cat([torch.zeros_like(x_TD[:1]), x_TD.cumsum(dim=0)])
