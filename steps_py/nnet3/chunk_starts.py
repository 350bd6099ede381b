"""Where nnet3-xvector-compute-batched cuts an utterance into chunks of one size.

Source: SplitUtteranceIntoChunks of src/nnet3bin/nnet3-xvector-compute-batched.cc.
"""

import copy

from steps_py.nnet3.components import StatisticsPoolingComponent
from steps_py.nnet3.info import context


def frame_context(network) -> int:
    """The frames at both ends of a chunk that do not reach the pooling themselves."""
    alone = copy.deepcopy(network)
    for component in alone.components.values():
        if isinstance(component, StatisticsPoolingComponent):
            component.left_context = component.right_context = 0
    return sum(context(alone))


def chunk_starts(num_frames: int, chunk_size: int, total_context: int) -> list[int]:
    """The first frames of the chunks of an utterance longer than a chunk.

    There is one chunk more, with overlaps, or one less, with gaps: what makes the variance of the
    mean over frames smaller, if frames were independent. Overlaps and gaps are spread evenly.

    >>> chunk_starts(100, 40, 10)    # chunks of 30 frames and their context
    [0, 30, 60]
    >>> chunk_starts(110, 40, 10)    # a gap of 10 frames is spread over four places
    [2, 34, 67]
    """
    inner, size = num_frames - total_context, chunk_size - total_context
    fewer, more = inner // size, inner // size + 1
    twice = more * size - inner
    once = inner - twice
    if 1 / (fewer * size) <= (once + 4 * twice) / (once + 2 * twice) ** 2:
        gaps = _pieces(inner - fewer * size, fewer + 1)
        return [number * size + sum(gaps[: number + 1]) for number in range(fewer)]
    overlaps = _pieces(twice, more - 1)
    return [number * size - sum(overlaps[:number]) for number in range(more)]


def _pieces(total, count):
    """`count` numbers with this sum that differ by at most 1, the smaller ones first."""
    small, larger = divmod(total, count)
    return [small] * (count - larger) + [small + 1] * larger
