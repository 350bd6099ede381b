"""Duration of an utterance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.steps.quality.base import MEASURES, Measure, values_of
from steps_py.data.data_dir import read_table
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@MEASURES.register("duration_sec")
class DurationSec(Measure):
    """The duration of the recording, with its silence."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        max_sec: float | None = setting(
            None, "longer recordings count as this long", exclusiveMinimum=0
        )
        log: bool = setting(False, "its natural logarithm")

    def words(self, job: "StepJob", dset: str) -> list[str]:
        return [job.table(dset, "utt2dur")]

    def values(self, utts: list[str], utt2dur: str) -> np.ndarray:
        duration_N = values_of(utts, read_table(utt2dur), utt2dur)
        if self.config.max_sec is not None:
            duration_N = np.minimum(duration_N, self.config.max_sec)
        return np.log(np.maximum(duration_N, 1e-3)) if self.config.log else duration_N
