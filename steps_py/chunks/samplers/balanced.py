"""Every speaker the same share, one chunk at a time."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, SPEAKERS, BySpeaker


@SAMPLERS.register("balanced")
class Balanced:
    """Speakers are dealt like cards: all of them once in random order, then all again, on and on.

    The packs run on through batches and epochs, so that no two speakers have been served more
    than one chunk apart; where one pack ends within a batch, a speaker of the next can come
    twice.  A speaker's utterance is uniform.  SEQUENS's 150 x 1 batches are this.
    """

    utts_per_speaker = 1

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config, spk_id_U, batch_size, draw):
        self._utts = BySpeaker(spk_id_U)
        self._num_speakers = len(self._utts.count_S)
        self._batch_size, self._draw = batch_size, draw
        self._packs = {}

    def rows(self, step, random):
        spk_id_B = self._deal(step * self._batch_size + np.arange(self._batch_size))
        pick_B = random.integers(self._utts.count_S[spk_id_B])
        return self._utts.order_U[self._utts.start_S[spk_id_B] + pick_B]

    def _deal(self, positions_B):
        """Speakers at these positions of the endless row of shuffled packs."""
        pack_B, card_B = np.divmod(positions_B, self._num_speakers)
        packs = {int(pack): self._pack(int(pack)) for pack in np.unique(pack_B)}
        self._packs = packs  # the next batch continues with the last of them
        return np.array([packs[pack][card] for pack, card in zip(pack_B, card_B, strict=True)])

    def _pack(self, pack):
        if pack in self._packs:
            return self._packs[pack]
        return self._draw(SPEAKERS, pack, 0).permutation(self._num_speakers)
