"""Every utterance the same share."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, UTTS


@SAMPLERS.register("uniform")
class Uniform:
    """Utterances at random, whoever speaks: each once, then all again, on and on.

    With `replacement` each chunk's utterance is drawn from all of them, as Unified Hypersphere
    Embedding does (batches of 50).
    """

    utts_per_speaker = 1

    @dataclass(frozen=True, kw_only=True)
    class Config:
        replacement: bool = False

    def __init__(self, config, spk_id_U, batch_size, draw):
        self.config, self._draw = config, draw
        self._num_utts, self._batch_size = len(spk_id_U), batch_size
        self._packs = {}

    def rows(self, step, random):
        if self.config.replacement:
            return random.integers(self._num_utts, size=self._batch_size)
        position_B = step * self._batch_size + np.arange(self._batch_size)
        pack_B, card_B = np.divmod(position_B, self._num_utts)
        self._packs = {int(pack): self._pack(int(pack)) for pack in np.unique(pack_B)}
        return np.array(
            [self._packs[pack][card] for pack, card in zip(pack_B, card_B, strict=True)]
        )

    def _pack(self, pack):
        if pack in self._packs:
            return self._packs[pack]
        return self._draw(UTTS, pack, 0).permutation(self._num_utts)
