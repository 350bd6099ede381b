"""N speakers with M utterances each."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import (
    SAMPLERS,
    UTTS,
    BySpeaker,
    Draw,
    Rounds,
    Sampler,
    check_speakers,
)
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count


@SAMPLERS.register("speaker_groups")
class SpeakerGroups(Sampler):
    """batch_size / M speakers with M consecutive utterances each, as metric losses need.

    No speaker is in a batch twice, and no utterance is in a group twice unless the speaker has
    fewer than M; then utterances are repeated with other chunks.  The utterances of a speaker are
    drawn without replacement: shuffled, cut into groups of M, and shuffled again when they are
    used up; a remainder of less than M is not used before the next shuffle.

    Source: SEQUENS's `gen_mbatch_spk_bal` (150 speakers x 2, without replacement).  The items of
    multitask_asv (64 x 5) are as many as a speaker has utterances for: see `utt_groups`.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        utts_per_speaker: Count = 2

    def __init__(self, config: Config, spk_id_U: np.ndarray, batch_size: int, draw: Draw):
        self.utts_per_speaker = size = config.utts_per_speaker
        if batch_size % size:
            raise ConfigError(
                f"sampler 'speaker_groups': train.batch_size is {batch_size}, not a multiple of"
                f" utts_per_speaker, {size}. Set it to {max(1, batch_size // size) * size}."
            )
        self._utts, self._draw = BySpeaker(spk_id_U), draw
        num_speakers = len(self._utts.count_S)
        check_speakers("speaker_groups", batch_size // size, num_speakers)
        self._rounds = Rounds(num_speakers, batch_size // size, draw)
        self._shuffled = {}  # speaker -> number and order of its last shuffle

    @staticmethod
    def speakers_needed(config: Config, batch_size: int) -> int:
        return batch_size // config.utts_per_speaker

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        spk_id_N, count_N = self._rounds.speakers(step)
        pairs = zip(spk_id_N.tolist(), count_N.tolist(), strict=True)
        return np.concatenate([self._group(spk_id, count) for spk_id, count in pairs])

    def _group(self, spk_id, count):
        """The utterances of a speaker that was in `count` batches before."""
        size, rows = self.utts_per_speaker, self._utts.rows(spk_id)
        number, group = divmod(count, max(1, len(rows) // size))
        if self._shuffled.get(spk_id, (None,))[0] != number:
            self._shuffled[spk_id] = number, self._draw(UTTS, number, spk_id).permutation(rows)
        shuffled = self._shuffled[spk_id][1]
        return np.resize(shuffled[group * size : (group + 1) * size], size)
