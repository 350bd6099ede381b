"""N speakers with M utterances each."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, UTTS, BySpeaker, Rounds, check_speakers
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count


@SAMPLERS.register("speaker_groups")
class SpeakerGroups:
    """batch_size / M speakers, the M rows of each one after another: what metric losses need.

    No speaker comes twice in a batch, and no utterance twice in a group, unless the speaker
    has fewer than M: then other chunks of the same ones fill it up.  A speaker's utterances are
    drawn without replacement: shuffled, cut into groups of M, and shuffled anew when they are
    used up; what M does not divide waits for the next shuffling.

    Seed projects: SEQUENS's `gen_mbatch_spk_bal` (150 speakers x 2, without replacement) and
    multitask_asv's items (64 x 5).
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        utts_per_speaker: Count = 2

    def __init__(self, config, spk_id_U, batch_size, draw):
        self.utts_per_speaker = size = config.utts_per_speaker
        if batch_size % size:
            raise ConfigError(
                f"sampler 'speaker_groups': train.batch_size, {batch_size}, is no multiple of"
                f" utts_per_speaker, {size}. Make it {max(1, batch_size // size) * size}."
            )
        self._utts, self._draw = BySpeaker(spk_id_U), draw
        num_speakers = len(self._utts.count_S)
        check_speakers("speaker_groups", batch_size // size, num_speakers)
        self._rounds = Rounds(num_speakers, batch_size // size, draw)
        self._shuffled = {}  # speaker -> the last shuffling that was drawn, and its number

    def rows(self, step, random):
        spk_id_N, times_N = self._rounds.speakers(step)
        pairs = zip(spk_id_N.tolist(), times_N.tolist(), strict=True)
        return np.concatenate([self._group(spk_id, time) for spk_id, time in pairs])

    def _group(self, spk_id, time):
        """The utterances of a speaker who was dealt `time` times before."""
        size, rows = self.utts_per_speaker, self._utts.rows(spk_id)
        number, group = divmod(time, max(1, len(rows) // size))
        if self._shuffled.get(spk_id, (None,))[0] != number:
            self._shuffled[spk_id] = number, self._draw(UTTS, number, spk_id).permutation(rows)
        shuffled = self._shuffled[spk_id][1]
        return np.resize(shuffled[group * size : (group + 1) * size], size)
