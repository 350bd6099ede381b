"""Options of compute-vad, and the configuration by them."""

import dataclasses
from typing import TYPE_CHECKING

from steps_py.formats.options import option

if TYPE_CHECKING:
    from steps_py.feats.vad import VadConfig


@dataclasses.dataclass
class VadOptions:
    omit_unvoiced_utts: bool = option(
        False,
        "If true, do not write out voicing information for utterances that were judged"
        " 100% unvoiced.",
    )
    vad_energy_threshold: float = option(
        5.0,
        "Constant term in energy threshold for MFCC0 for VAD (also see --vad-energy-mean-scale)",
    )
    vad_energy_mean_scale: float = option(
        0.5,
        "If this is set to s, to get the actual threshold we let m be the mean log-energy of the"
        " file, and use s*m + vad-energy-threshold",
    )
    vad_frames_context: int = option(
        0,
        "Number of frames of context on each side of central frame, in window for which energy"
        " is monitored",
    )
    vad_proportion_threshold: float = option(
        0.6,
        "Parameter controlling the proportion of frames within the window that need to have more"
        " energy than the threshold",
    )

    def config(self) -> "VadConfig":
        from steps_py.feats.vad import VadConfig  # start-up time

        return VadConfig(
            vad_energy_threshold=self.vad_energy_threshold,
            vad_energy_mean_scale=self.vad_energy_mean_scale,
            vad_frames_context=self.vad_frames_context,
            vad_proportion_threshold=self.vad_proportion_threshold,
        )
