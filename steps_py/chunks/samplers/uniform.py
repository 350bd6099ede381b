"""Each utterance equally often."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, UTTS, Draw, Sampler


@SAMPLERS.register("uniform")
class Uniform(Sampler):
    """Each utterance equally often, regardless of speaker, in random permutations.

    With `replacement` the utterances are drawn independently, as in Unified Hypersphere Embedding
    (batches of 50).
    """

    utts_per_speaker = 1

    @dataclass(frozen=True, kw_only=True)
    class Config:
        replacement: bool = False

    def __init__(self, config: Config, spk_id_U: np.ndarray, batch_size: int, draw: Draw):
        self.config, self._draw = config, draw
        self._num_utts, self._batch_size = len(spk_id_U), batch_size
        self._rounds = {}

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        if self.config.replacement:
            return random.integers(self._num_utts, size=self._batch_size)
        position_B = step * self._batch_size + np.arange(self._batch_size)
        round_B, index_B = np.divmod(position_B, self._num_utts)
        self._rounds = {int(number): self._round(int(number)) for number in np.unique(round_B)}
        return np.array(
            [self._rounds[number][i] for number, i in zip(round_B, index_B, strict=True)]
        )

    def _round(self, number):
        if number in self._rounds:
            return self._rounds[number]
        return self._draw(UTTS, number, 0).permutation(self._num_utts)
