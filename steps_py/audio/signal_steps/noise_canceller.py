"""Cancelling of a noise that another channel records.

Shapes: C channels, N samples of each, K taps.

References: B. Widrow et al., "Adaptive noise cancelling: principles and applications", Proceedings
of the IEEE 63, 1975; normalised steps: S. Haykin, "Adaptive filter theory", 2002, section 6.1.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.audio.signal_steps.registry import SIGNAL_STEPS
from steps_py.errors import AudioError, ConfigError
from steps_py.settings.declare import Count, setting


@SIGNAL_STEPS.register("noise_canceller")
class NoiseCanceller:
    """Subtracts from a channel what an adaptive filter (NLMS) predicts of it from a reference.

    The reference records the noise and little of the voice. A recording without that channel is an
    error: there is nothing to cancel by. The result has one channel.

    >>> noise_N = np.random.default_rng(0).normal(scale=100, size=8000)
    >>> samples_CN = np.stack([0.5 * noise_N, noise_N])  # no voice at all
    >>> step = NoiseCanceller(NoiseCanceller.Config())
    >>> bool(np.abs(step(samples_CN, 16000, "a.wav")[0, 4000:]).max() < 0.01)
    True
    """

    keeps_length = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        channel: Count = setting(1, "the channel with the voice")
        reference_channel: Count = setting(2, "the channel with the noise alone")
        num_taps: Count = setting(32, "samples of the reference that predict one of the channel")
        step_size: float = setting(
            0.1,
            "share of an error that is corrected at once",
            exclusiveMinimum=0,
            exclusiveMaximum=2,
        )

        def __post_init__(self):
            if self.channel == self.reference_channel:
                raise ConfigError(
                    f"signal step 'noise_canceller': channel {self.channel} is its own reference."
                    " Set reference_channel to another."
                )

    def __init__(self, config: Config):
        self.config = config

    def __call__(self, samples_CN: np.ndarray, rate_hz: float, name: str) -> np.ndarray:
        wanted, num_channels = self.config.reference_channel, len(samples_CN)
        if num_channels < max(wanted, self.config.channel):
            raise AudioError(
                f"{name}: has {num_channels} channel{'s' * (num_channels > 1)}, but signal step"
                f" 'noise_canceller' needs a reference, channel {wanted}. Set channel: all of the"
                " corpus in data.corpora, or remove the step."
            )
        voice_N = np.asarray(samples_CN[self.config.channel - 1], np.float64)
        reference_N = np.asarray(samples_CN[wanted - 1], np.float64)
        return cancel(voice_N, reference_N, self.config.num_taps, self.config.step_size)[None]


def cancel(
    voice_N: np.ndarray, reference_N: np.ndarray, num_taps: int, step_size: float
) -> np.ndarray:
    """The errors (N,) of a causal NLMS filter that predicts `voice_N` from `reference_N`.

    .. math:: e_n = d_n - w_n^T x_n, \\qquad
        w_{n+1} = w_n + \\mu \\, e_n \\, x_n / (\\epsilon + x_n^T x_n)

    >>> cancel(np.array([2.0, 4.0]), np.array([1.0, 2.0]), num_taps=1, step_size=1.0).round(6)
    array([2., 0.])
    """
    padded = np.concatenate([np.zeros(num_taps - 1), reference_N])
    windows_NK = np.lib.stride_tricks.sliding_window_view(padded, num_taps)
    power_N = np.convolve(reference_N**2, np.ones(num_taps))[: len(reference_N)]
    gain_N = (step_size / (power_N + 1e-9)).tolist()  # a step of 16-bit audio is 1
    weights_K, error_N = np.zeros(num_taps), np.empty(len(voice_N))
    for n, x_K in enumerate(windows_NK):
        error = error_N[n] = voice_N[n] - weights_K @ x_K
        weights_K += (gain_N[n] * error) * x_K
    return error_N
