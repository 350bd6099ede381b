"""The answer of a verification."""

from dataclasses import asdict, dataclass
from typing import Any

from steps_py.system.decisions import Calibration, log_odds, probability_of
from steps_py.system.voice import Voice


@dataclass(frozen=True)
class Verdict:
    """Whether two recordings are of one speaker, and on what evidence.

    Attributes
    ----------
    score : float
        The system's own, as in the recipe's exp/scores.
    llr : float or None
        Log-likelihood ratio, in nats: above 0 speaks for one speaker.  None: not calibrated.
    prior : float
        Probability of one speaker before the recordings are heard.
    probability : float or None
        The same after they are heard.
    is_same_speaker : bool or None
        The decision at this prior, with both errors weighing the same.
    threshold_llr : float
        The ratio from which on it is yes.
    speech_sec : (float, float)
        Seconds of speech in each recording.
    warnings : tuple of str
    evidence : dict
        What the numbers stand on: names, durations, clipping, system, calibration.
    """

    score: float
    llr: float | None
    prior: float
    probability: float | None
    is_same_speaker: bool | None
    threshold_llr: float
    speech_sec: tuple[float, float]
    warnings: tuple[str, ...]
    evidence: dict[str, Any]

    @property
    def decision(self) -> str:
        """``same speaker``, ``different speakers`` or ``uncalibrated``."""
        if self.is_same_speaker is None:
            return "uncalibrated"
        return "same speaker" if self.is_same_speaker else "different speakers"

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {"decision": self.decision, **asdict(self)}

    def __str__(self):
        speech = f"{self.speech_sec[0]:.1f} s and {self.speech_sec[1]:.1f} s of speech"
        if self.llr is None:
            return f"uncalibrated: score {self.score:.4f} ({speech})"
        return (
            f"{self.decision}: probability {self.probability:.4f} at prior {self.prior:g}, log"
            f"-likelihood ratio {self.llr:.3f}, score {self.score:.4f} ({speech})"
        )


def verdict_of(
    score: float,
    calibration: Calibration | None,
    prior: float,
    voices: tuple[Voice, Voice],
    by: str,
) -> Verdict:
    """The verdict of a score; `by` is the name of the scoring system."""
    threshold = 0.0 - log_odds(prior)
    llr = None if calibration is None else float(calibration.llr(score))
    said = "not calibrated" if calibration is None else calibration.said
    return Verdict(
        score=score,
        llr=llr,
        prior=prior,
        probability=None if llr is None else probability_of(llr - threshold),
        is_same_speaker=None if llr is None else llr > threshold,
        threshold_llr=threshold,
        speech_sec=(voices[0].speech_sec, voices[1].speech_sec),
        warnings=tuple(line for voice in voices for line in voice.warnings),
        evidence={
            "recordings": [voice.name for voice in voices],
            "duration_sec": [voice.duration_sec for voice in voices],
            "clipped_share": [voice.clipped_share for voice in voices],
            "scored_by": by,
            "calibration": said,
        },
    )
