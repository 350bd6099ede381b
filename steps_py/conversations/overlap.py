"""Where several speak at the same time, and a second speaker there."""

import itertools
from collections.abc import Callable, Sequence

from steps_py.conversations.config import OverlapConfig
from steps_py.conversations.speech.base import Heard, joined, stretches_of_frames
from steps_py.diarization.turns import Turn, merge_spans, merge_turns
from steps_py.segmentation.segmenter import Segmenter

Stretch = tuple[float, float]  # begin and end in s
Choose = Callable[[float, float, str], str | None]  # begin, end, the first speaker -> the second


def find_overlap(segmenter: Segmenter, heard: Heard, config: OverlapConfig) -> list[Stretch]:
    """The stretches of a recording in which several speak."""
    features = segmenter.open(heard.sound, heard.features.name)
    overlaps_T = segmenter.count_probabilities(features)[:, 2] >= config.threshold
    found = joined(stretches_of_frames(overlaps_T, features.frame_shift_sec), config.max_gap_sec)
    return [(begin, end) for begin, end in found if end - begin >= config.min_overlap_sec]


def with_second_speakers(
    turns: Sequence[Turn], overlaps: Sequence[Stretch], choose: Choose
) -> list[Turn]:
    """The turns of a recording, with a second speaker wherever one speaks and several should.

    Parameters
    ----------
    turns : sequence of Turn
    overlaps : sequence of (begin, end) in s
    choose : callable
        ``choose(begin, end, speaker)`` names the second speaker of a stretch, or nobody.

    Examples
    --------
    >>> turns = [Turn("r", 0.0, 3.0, "a"), Turn("r", 3.0, 6.0, "b")]
    >>> found = with_second_speakers(turns, [(2.5, 3.5)], lambda begin, end, who: "ba"[who == "b"])
    >>> [(turn.start_sec, turn.end_sec, turn.speaker) for turn in found]
    [(0.0, 3.5, 'a'), (2.5, 6.0, 'b')]
    """
    edges = sorted({time for turn in turns for time in (turn.start_sec, turn.end_sec)})
    added = []
    for begin, end in merge_spans(overlaps):
        times = [begin, *(time for time in edges if begin < time < end), end]
        for first, last in itertools.pairwise(times):
            middle = (first + last) / 2
            active = {t.speaker for t in turns if t.start_sec <= middle < t.end_sec}
            if len(active) != 1:
                continue
            second = choose(first, last, *active)
            if second is not None:
                added.append(Turn(turns[0].recording, first, last, second))
    return _touching_joined([*turns, *added], {turn.speaker for turn in added})


def _touching_joined(turns, speakers):
    """Sorted turns; those of these speakers that touch are one, too."""
    others = [turn for turn in turns if turn.speaker not in speakers]
    for speaker in speakers:
        own = [turn for turn in turns if turn.speaker == speaker]
        spans = merge_spans((turn.start_sec, turn.end_sec) for turn in own)
        others += [Turn(own[0].recording, *span, speaker) for span in spans]
    return merge_turns(others)
