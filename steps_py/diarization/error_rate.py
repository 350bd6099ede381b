"""Diarization error rate and Jaccard error rate, counted on intervals.

Each recording is cut at all times at which somebody begins or ends; between two of them nothing
changes, so sums over these pieces are exact.  The mapping of speakers is that of the longest common
time within the scored regions, before collars and overlaps are left out, as in md-eval.

Shape suffixes (scope: this module):
    P = pieces   R = speakers of the reference   H = speakers of the hypothesis

Parity: dscore, which calls NIST's md-eval-22.  Turns of one speaker that overlap are merged and all
are cut at the scored regions first, so that collars are also around turns that begin at such an
end; recordings without a speaker in the reference do not count in the total; the Jaccard error is
counted on frames of 10 ms.  Source of the latter: Ryant et al., "The second DIHARD diarization
challenge" (2019).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from steps_py.diarization.turns import Region, Turn, by_recording, merge_regions, merge_turns
from steps_py.errors import ScoreError, did_you_mean

FRAME_SEC = 0.01  # of the Jaccard error


@dataclass(frozen=True, kw_only=True)
class ScoringConfig:
    """What is scored."""

    collar_sec: float = 0.0
    """So much before and after each begin and end in the reference is not scored."""
    score_overlap: bool = True
    """False: parts in which several speakers of the reference speak are not scored."""

    def __post_init__(self):
        if not 0 <= self.collar_sec < np.inf:
            raise ScoreError(f"DER: collar_sec is {self.collar_sec}, expected 0 or more.")


class Errors(NamedTuple):
    """Times in s of one recording, or their sums; rates are percentages of `speech_sec`.

    Times of speakers are added: a second in which two speak counts as two.
    """

    speech_sec: float = 0.0
    miss_sec: float = 0.0
    false_alarm_sec: float = 0.0
    confusion_sec: float = 0.0
    jaccard_sum: float = 0.0  # of Jaccard errors (0 to 1) of the reference's speakers
    num_speakers: int = 0  # in the reference
    num_found: int = 0  # speakers in the hypothesis
    speaker_number_error: int = 0  # their absolute difference; in a sum that of the recordings

    @property
    def der(self) -> float:
        """Diarization error rate in %."""
        return self.percent(self.miss_sec + self.false_alarm_sec + self.confusion_sec)

    @property
    def jer(self) -> float:
        """Jaccard error rate in %: the mean over the speakers of the reference."""
        if self.num_speakers == 0:
            return 100.0 if self.num_found else 0.0
        return 100 * self.jaccard_sum / self.num_speakers

    def percent(self, part_sec: float) -> float:
        """A time as percentage of the speech; without speech 100, or 0 if the time is 0 too."""
        if self.speech_sec == 0:
            return 100.0 if part_sec > 0 else 0.0
        return 100 * part_sec / self.speech_sec


def score(
    reference: Iterable[Turn],
    hypothesis: Iterable[Turn],
    regions: Iterable[Region] | None = None,
    config: ScoringConfig | None = None,
) -> dict[str, Errors]:
    """The errors of each recording.

    Parameters
    ----------
    reference, hypothesis : iterables of Turn
        In any order.  Names of speakers are compared within a recording only.
    regions : iterable of Region, optional
        The parts that are scored, of exactly the recordings that are scored (a UEM file).  Without
        it all recordings of the reference are, each from the first begin to the last end in either.
    config : ScoringConfig, optional

    Returns
    -------
    dict of str to Errors
        Sorted by recording.  `total` adds them up.

    Raises
    ------
    ScoreError
        If there is nothing to score, or the hypothesis has a recording that neither the reference
        nor `regions` has.

    Examples
    --------
    >>> reference = [Turn("r", 0.0, 6.0, "ann"), Turn("r", 6.0, 10.0, "bob")]
    >>> hypothesis = [Turn("r", 0.0, 5.0, "1"), Turn("r", 5.0, 9.0, "2")]
    >>> errors = score(reference, hypothesis)["r"]
    >>> errors.miss_sec, errors.false_alarm_sec, errors.confusion_sec, errors.der
    (1.0, 0.0, 1.0, 20.0)
    """
    config = config or ScoringConfig()
    truth, found = by_recording(merge_turns(reference)), by_recording(merge_turns(hypothesis))
    parts = None if regions is None else by_recording(merge_regions(regions))
    known = truth.keys() | (parts or {}).keys()
    for recording in found:
        if recording not in known:
            raise ScoreError(
                f"DER: the hypothesis has the recording '{recording}', which the reference does not"
                f" have. {did_you_mean(recording, known)}"
            )
    recordings = sorted(known if parts is None else parts)
    if not recordings:
        raise ScoreError("DER: the reference has no turns. Nothing can be scored.")
    return {
        name: _score_recording(
            truth.get(name, []), found.get(name, []), parts and parts[name], config
        )
        for name in recordings
    }


def total(errors: Iterable[Errors], count_silent: bool = False) -> Errors:
    """Errors of all recordings: the sums of their times and speakers.

    Recordings without a speaker in the reference are left out, as in md-eval, unless
    `count_silent`: then their false alarms count, as in pyannote.metrics.

    >>> ten, thirty = Errors(10, miss_sec=1, num_speakers=2), Errors(30, 1, num_speakers=3)
    >>> total([ten, thirty, Errors(false_alarm_sec=2)]).der
    5.0
    >>> total([ten, thirty, Errors(false_alarm_sec=2)], count_silent=True).der
    10.0
    """
    counted = [one for one in errors if one.num_speakers or count_silent]
    return Errors(*map(sum, zip(Errors(), *counted, strict=True)))


def best_pairs(gain_RH: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (r, h) of different rows and columns with the largest sum, without those of 0.

    >>> [(int(r), int(h)) for r, h in best_pairs(np.array([[5.0, 4.0], [4.0, 0.0]]))]
    [(0, 1), (1, 0)]
    """
    pairs = zip(*linear_sum_assignment(gain_RH, maximize=True), strict=True)
    return [(r, h) for r, h in pairs if gain_RH[r, h] > 0]


def _score_recording(reference, hypothesis, regions, config):
    if regions is None:
        everything = [*reference, *hypothesis]
        begin = min(turn.start_sec for turn in everything)
        regions = [Region("", begin, max(turn.end_sec for turn in everything))]
    reference, hypothesis = _inside(reference, regions), _inside(hypothesis, regions)
    ends = {time for turn in reference for time in (turn.start_sec, turn.end_sec)}
    collars = [Region("", t - config.collar_sec, t + config.collar_sec) for t in ends]
    time_P = np.unique(
        [t for x in (regions, reference, hypothesis, collars) for y in x for t in y[1:3]]
    )
    length_P = np.diff(time_P)
    truth_RP, found_HP = _active(reference, time_P), _active(hypothesis, time_P)
    length_P = np.where(_covered(regions, time_P), length_P, 0)
    common_RH = (truth_RP * length_P) @ found_HP.T
    pairs = best_pairs(common_RH)

    scored_P = np.where(_covered(collars, time_P), 0, length_P)
    num_truth_P, num_found_P = truth_RP.sum(axis=0), found_HP.sum(axis=0)
    if not config.score_overlap:
        scored_P = np.where(num_truth_P > 1, 0, scored_P)
    correct_P = sum((truth_RP[r] * found_HP[h] for r, h in pairs), np.zeros(len(length_P)))
    num_both_P = np.minimum(num_truth_P, num_found_P)
    return Errors(
        speech_sec=float(scored_P @ num_truth_P),
        miss_sec=float(scored_P @ (num_truth_P - num_both_P)),
        false_alarm_sec=float(scored_P @ (num_found_P - num_both_P)),
        confusion_sec=float(scored_P @ (num_both_P - correct_P)),
        jaccard_sum=_jaccard_sum(truth_RP, found_HP, regions, time_P),
        num_speakers=len(truth_RP),
        num_found=len(found_HP),
        speaker_number_error=abs(len(truth_RP) - len(found_HP)),
    )


def _jaccard_sum(truth_RP, found_HP, regions, time_P1):
    """The smallest sum of 1 - intersection / union, in frames, over speakers of the reference."""
    frames = FRAME_SEC * np.arange(int(regions[-1].end_sec / FRAME_SEC))
    length_P = np.diff(np.searchsorted(frames, time_P1)) * _covered(regions, time_P1)
    common_RH = (truth_RP * length_P) @ found_HP.T
    union_RH = (truth_RP @ length_P)[:, np.newaxis] + found_HP @ length_P - common_RH
    share_RH = common_RH / np.where(union_RH > 0, union_RH, 1)
    return float(len(truth_RP) - sum(share_RH[r, h] for r, h in best_pairs(share_RH)))


def _inside(turns, regions):
    """The parts of turns that are inside of regions."""
    parts = []
    for turn in turns:
        for region in regions:
            start = max(turn.start_sec, region.start_sec)
            end = min(turn.end_sec, region.end_sec)
            if start < end:
                parts.append(turn._replace(start_sec=start, end_sec=end))
    return parts


def _active(turns, time_P1):
    """Who speaks in which pieces, 0 or 1; a row for each speaker, sorted."""
    speakers = sorted({turn.speaker for turn in turns})
    row_of = {speaker: row for row, speaker in enumerate(speakers)}
    active_SP = np.zeros((len(speakers), max(len(time_P1) - 1, 0)))
    for turn in turns:
        first, end = np.searchsorted(time_P1, [turn.start_sec, turn.end_sec])
        active_SP[row_of[turn.speaker], first:end] = 1
    return active_SP


def _covered(regions, time_P1):
    """Which pieces are in a region."""
    covered_P = np.zeros(max(len(time_P1) - 1, 0), bool)
    for region in regions:
        first, end = np.searchsorted(time_P1, [region.start_sec, region.end_sec])
        covered_P[first:end] = True
    return covered_P
