"""Band-pass filters over samples whose cutoffs are learned.

Shape suffixes: B batch, T frames, D samples of a frame, N samples, M filters, K taps.

Reference: M. Ravanelli and Y. Bengio, "Speaker recognition from raw waveform with SincNet", SLT
2018, equations 4 to 8.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.feats.mel import MelConfig, cutoffs, inverse_mel, mel
from steps_py.model.layers.masks import zero_padding
from steps_py.model.precision import without_autocast
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import Count, setting


@FRONT_ENDS.register("sinc_conv")
class SincConv(nn.Module):
    """log(1 + mean absolute value) of each filter's output, of every frame.

    Features are the samples of the frame shift: ``feats.type: waveform`` after the front-end
    ``select_columns``, which drops the energy.  The filters begin as neighbouring bands on the mel
    scale.  Their outputs are computed at every `stride_samples`-th sample; filters reach into the
    frames before and after.

    >>> front_end = SincConv(SincConv.Config(out_dim=40), in_dim=160)
    >>> front_end(torch.zeros(2, 30, 160), None)[0].shape
    torch.Size([2, 30, 40])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        out_dim: Count = setting(80, "filters")
        sample_rate_hz: float = setting(16000.0, exclusiveMinimum=0)
        num_taps: Count = setting(251, "length of a filter in samples; odd")
        stride_samples: Count = setting(10, "a divisor of the samples of a frame shift")
        low_freq_hz: float = setting(30.0, "where the first band begins", minimum=0)
        high_freq_hz: float = setting(
            0.0, "where the last band ends; 0 or less: from half the sample rate downwards"
        )
        min_band_hz: float = setting(50.0, "least width of a band", exclusiveMinimum=0)

        def __post_init__(self):
            if self.num_taps % 2 == 0:
                raise ConfigError(
                    f"front-end 'sinc_conv': num_taps is {self.num_taps}, an even number. Add 1."
                )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        if in_dim % config.stride_samples:
            raise ConfigError(
                f"front-end 'sinc_conv': stride_samples is {config.stride_samples}, no divisor of"
                f" the {in_dim} samples of a frame. Choose a divisor; if the frames have an energy,"
                " put select_columns before."
            )
        mel_config = MelConfig(low_freq_hz=config.low_freq_hz, high_freq_hz=config.high_freq_hz)
        low, high = mel(np.array(cutoffs(mel_config, config.sample_rate_hz)))
        edges_khz = torch.tensor(inverse_mel(np.linspace(low, high, config.out_dim + 1))) / 1000
        self.min_band_khz = config.min_band_hz / 1000
        self.low_khz_M = nn.Parameter(edges_khz[:-1].clone())
        self.band_khz_M = nn.Parameter((edges_khz.diff() - self.min_band_khz).clamp(min=0.0))
        self.rate_khz = config.sample_rate_hz / 1000
        half = config.num_taps // 2
        self.register_buffer("tap_K", torch.arange(-half, half + 1.0), persistent=False)
        window_K = torch.hamming_window(config.num_taps, periodic=False)
        self.register_buffer("window_K", window_K, persistent=False)
        self.stride_samples = config.stride_samples
        self.outputs_per_frame = in_dim // config.stride_samples
        self.out_dim = config.out_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        with without_autocast(x_BTD):  # 16-bit samples
            x_BN = x_BTD.float().flatten(1)
            y_BMN = F.conv1d(
                x_BN[:, None],
                self.filters()[:, None],
                stride=self.stride_samples,
                padding=len(self.tap_K) // 2,
            )
            y_BMT = y_BMN.abs().unflatten(2, (-1, self.outputs_per_frame)).mean(dim=3).log1p()
        return zero_padding(y_BMT, mask_BT).mT, mask_BT

    def filters(self) -> torch.Tensor:
        """Impulse responses (M, K), of gain 1 within their bands."""
        low_M = self.low_khz_M.abs() / self.rate_khz
        high_M = low_M + (self.band_khz_M.abs() + self.min_band_khz) / self.rate_khz
        low_M1, high_M1 = low_M.clamp(max=0.5)[:, None], high_M.clamp(max=0.5)[:, None]
        response_MK = 2 * high_M1 * torch.sinc(2 * high_M1 * self.tap_K)
        response_MK = response_MK - 2 * low_M1 * torch.sinc(2 * low_M1 * self.tap_K)
        return response_MK * self.window_K
