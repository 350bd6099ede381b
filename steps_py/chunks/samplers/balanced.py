"""Each speaker equally often, one chunk at a time."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, SPEAKERS, BySpeaker, Draw, Sampler


@SAMPLERS.register("balanced")
class Balanced(Sampler):
    """Each speaker equally often: every round visits all speakers once in a new random order.

    Rounds continue across batches and epochs, so the counts of speakers never differ by more
    than one; a batch that spans two rounds can contain a speaker twice.  The utterance of a
    speaker is drawn uniformly.  SEQUENS's 150 x 1 batches are an example.
    """

    utts_per_speaker = 1

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, spk_id_U: np.ndarray, batch_size: int, draw: Draw):
        self._utts = BySpeaker(spk_id_U)
        self._num_speakers = len(self._utts.count_S)
        self._batch_size, self._draw = batch_size, draw
        self._rounds = {}

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        spk_id_B = self._speakers_at(step * self._batch_size + np.arange(self._batch_size))
        pick_B = random.integers(self._utts.count_S[spk_id_B])
        return self._utts.order_U[self._utts.start_S[spk_id_B] + pick_B]

    def _speakers_at(self, position_B):
        """Speakers at these positions of the concatenated rounds."""
        round_B, index_B = np.divmod(position_B, self._num_speakers)
        # the next batch continues with the last round of this one
        self._rounds = {int(number): self._round(int(number)) for number in np.unique(round_B)}
        return np.array(
            [self._rounds[number][i] for number, i in zip(round_B, index_B, strict=True)]
        )

    def _round(self, number):
        if number in self._rounds:
            return self._rounds[number]
        return self._draw(SPEAKERS, number, 0).permutation(self._num_speakers)
