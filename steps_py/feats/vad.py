"""Energy-based voice activity detection.

A frame is voiced if enough frames around it exceed a threshold that depends on the recording's
mean energy. Column 0 of the features must be a log-energy (as of MFCC with ``--use-energy=true``);
no other column is read.

Parity: Kaldi ``src/ivector/voice-activity-detection.cc``.
"""

import functools
from dataclasses import dataclass

import numpy as np

from steps_py.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class VadConfig:
    """Parameters of `compute_vad`; the names are Kaldi's options (``conf/vad.conf``)."""

    vad_energy_threshold: float = 5.0
    """Constant part of the threshold, in units of log-energy."""
    vad_energy_mean_scale: float = 0.5
    """The mean log-energy of the recording times this is added to the threshold."""
    vad_frames_context: int = 0
    """Frames on each side of a frame that vote with it."""
    vad_proportion_threshold: float = 0.6
    """Proportion of the voting frames that must exceed the threshold."""

    def __post_init__(self):
        if not self.vad_energy_mean_scale >= 0:
            raise ConfigError(
                f"vad: vad_energy_mean_scale must be >= 0, got {self.vad_energy_mean_scale:g}"
            )
        if self.vad_frames_context < 0:
            raise ConfigError(
                f"vad: vad_frames_context must be >= 0, got {self.vad_frames_context}"
            )
        if not 0 < self.vad_proportion_threshold < 1:
            raise ConfigError(
                "vad: vad_proportion_threshold must lie between 0 and 1, got"
                f" {self.vad_proportion_threshold:g}"
            )


def compute_vad(x_TD: np.ndarray, config: VadConfig | None = None) -> np.ndarray:
    """Decide for every frame whether it is voiced.

    Parameters
    ----------
    x_TD : float array of shape (T, D)
        Features with a log-energy in column 0.
    config : VadConfig, optional

    Returns
    -------
    voiced_T : float32 array of shape (T,)
        1.0 for a voiced frame, 0.0 for any other.

    Examples
    --------
    The threshold is 5 + 0.5 * 8 = 9; with one frame of context, 2 of 3 must exceed it:

    >>> energies = np.array([[2.0], [10.0], [12.0], [2.0], [14.0]])
    >>> compute_vad(energies)
    array([0., 1., 1., 0., 1.], dtype=float32)
    >>> compute_vad(energies, VadConfig(vad_frames_context=1))
    array([0., 1., 1., 1., 0.], dtype=float32)
    """
    config = config or VadConfig()
    energy_T = np.ascontiguousarray(np.asarray(x_TD)[:, 0], dtype=np.float32)
    num_frames = len(energy_T)
    if num_frames == 0:
        return np.zeros(0, np.float32)
    loud_T = energy_T > _threshold(energy_T, config)

    context = config.vad_frames_context
    num_loud_T = loud_T
    if context:
        window = np.ones(2 * context + 1, np.float32)
        num_loud_T = np.convolve(loud_T, window)[context : context + num_frames]
    needed_T = _votes_needed(num_frames, context, config.vad_proportion_threshold)
    return (num_loud_T >= needed_T).astype(np.float32)


@functools.lru_cache(maxsize=2048)  # many utterances are of the same length
def _votes_needed(num_frames, context, proportion):
    t = np.arange(num_frames)
    num_votes_T = np.minimum(t + context + 1, num_frames) - np.maximum(t - context, 0)
    # float32, as Kaldi: 0.6 * 5 is 3 there, and three of five votes are enough
    return num_votes_T.astype(np.float32) * np.float32(proportion)


def _threshold(energy_T, config):
    threshold = np.float32(config.vad_energy_threshold)
    scale = np.float32(config.vad_energy_mean_scale)
    if scale == 0:  # so that an infinite energy does not enter the threshold
        return threshold
    total = np.float32(energy_T.sum(dtype=np.float64))
    return threshold + scale * total / np.float32(len(energy_T))
