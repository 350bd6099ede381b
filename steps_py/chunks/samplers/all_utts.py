"""All utterances of a few speakers."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, BySpeaker, Rounds, check_speakers
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count


@SAMPLERS.register("all_utts")
class AllUtts:
    """All utterances of `num_speakers` speakers, a speaker's rows one after another.

    SEQUENS's `gen_mbatch_spk_all_utts` (10 speakers, at most 300 utterances), but with exactly
    batch_size chunks: of too many utterances each speaker gives the same number as far as it
    has them, drawn at random; too few are gone through again, with other chunks.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_speakers: Count = 10

    def __init__(self, config, spk_id_U, batch_size, draw):
        if batch_size < config.num_speakers:
            raise ConfigError(
                f"sampler 'all_utts': train.batch_size is {batch_size}, less than its"
                f" num_speakers, {config.num_speakers}. Lower num_speakers."
            )
        self._utts, self._batch_size = BySpeaker(spk_id_U), batch_size
        num_speakers = len(self._utts.count_S)
        check_speakers("all_utts", config.num_speakers, num_speakers)
        self._rounds = Rounds(num_speakers, config.num_speakers, draw)
        self.utts_per_speaker = int(
            min(self._utts.count_S.min(), batch_size // config.num_speakers)
        )

    def rows(self, step, random):
        spk_id_N, _ = self._rounds.speakers(step)
        hands = [random.permutation(self._utts.rows(spk_id)) for spk_id in spk_id_N]
        place = np.concatenate([np.arange(len(hand)) for hand in hands])
        owner = np.repeat(np.arange(len(hands)), [len(hand) for hand in hands])
        turns = np.lexsort((owner, place))  # everyone's first, everyone's second, ...
        taken = np.resize(turns, self._batch_size)
        return np.concatenate(hands)[taken[np.argsort(owner[taken], kind="stable")]]
