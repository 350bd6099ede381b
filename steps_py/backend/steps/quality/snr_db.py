"""Signal-to-noise ratio of an utterance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.steps.quality.base import MEASURES, Measure, values_of
from steps_py.errors import BackendError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import RandomReader, SequentialReader

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob

DB_PER_NEPER = 10 / np.log(10)  # of energy
QUIET_SHARE = 0.05  # frames that count as noise where the decisions leave none


@MEASURES.register("snr_db")
class SnrDb(Measure):
    """How much louder voiced frames are than the others, by the decisions of the energy VAD.

    The difference of the mean log energies, which is the first value of a frame, as for the
    VAD itself.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def words(self, job: "StepJob", dset: str) -> list[str]:
        return [job.table(dset, "feats.scp"), job.table(dset, "vad.scp")]

    def values(self, utts: list[str], feats: str, vad: str) -> np.ndarray:
        wanted, found = set(utts), {}
        with (
            SequentialReader(f"scp:{feats}", FLOAT_MATRIX) as reader,
            RandomReader(f"scp:{vad}", FLOAT_VECTOR) as decisions,
        ):
            for utt, x_TD in reader:
                if utt in wanted and utt in decisions:
                    found[utt] = snr_db(x_TD[:, 0], decisions[utt] > 0, f"{feats}: {utt}")
        return values_of(utts, found, feats)


def snr_db(log_energy_T: np.ndarray, voiced_T: np.ndarray, where: str) -> float:
    """The difference of mean log energies, in dB, of voiced and other frames.

    Where all frames are voiced, or none, the quietest twentieth of the frames is the noise.

    >>> round(snr_db(np.log([100.0, 1.0, 100.0]), np.array([True, False, True]), "a"), 6)
    20.0
    """
    if len(log_energy_T) != len(voiced_T):
        raise BackendError(
            f"{where} has {len(log_energy_T)} frames, but {len(voiced_T)} decisions of the VAD."
        )
    energy_T = np.asarray(log_energy_T, np.float64)
    if voiced_T.all() or not voiced_T.any():
        num_quiet = max(int(QUIET_SHARE * len(energy_T)), 1)
        voiced_T = np.argsort(np.argsort(energy_T, kind="stable")) >= num_quiet
        if not voiced_T.any():
            return 0.0
    return float(DB_PER_NEPER * (energy_T[voiced_T].mean() - energy_T[~voiced_T].mean()))
