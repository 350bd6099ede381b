"""All utterances of a few speakers."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, BySpeaker, Draw, Rounds, Sampler, check_speakers
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count


@SAMPLERS.register("all_utts")
class AllUtts(Sampler):
    """All utterances of `num_speakers` speakers, grouped by speaker.

    SEQUENS's `gen_mbatch_spk_all_utts` (10 speakers, at most 300 utterances), but with exactly
    batch_size chunks.  If there are more utterances, they are subsampled as evenly over the
    speakers as their numbers allow; if there are fewer, they are repeated with other chunks.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_speakers: Count = 10

    def __init__(self, config: Config, spk_id_U: np.ndarray, batch_size: int, draw: Draw):
        if batch_size < config.num_speakers:
            raise ConfigError(
                f"sampler 'all_utts': train.batch_size is {batch_size}, less than"
                f" num_speakers, {config.num_speakers}. Lower num_speakers."
            )
        self._utts, self._batch_size = BySpeaker(spk_id_U), batch_size
        num_speakers = len(self._utts.count_S)
        check_speakers("all_utts", config.num_speakers, num_speakers)
        self._rounds = Rounds(num_speakers, config.num_speakers, draw)
        self.utts_per_speaker = int(
            min(self._utts.count_S.min(), batch_size // config.num_speakers)
        )

    @staticmethod
    def speakers_needed(config: Config, batch_size: int) -> int:
        return config.num_speakers

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        spk_id_N, _ = self._rounds.speakers(step)
        shuffled = [random.permutation(self._utts.rows(spk_id)) for spk_id in spk_id_N]
        position = np.concatenate([np.arange(len(rows)) for rows in shuffled])
        speaker = np.repeat(np.arange(len(shuffled)), [len(rows) for rows in shuffled])
        order = np.lexsort((speaker, position))  # the first of each speaker, the second, ...
        taken = np.resize(order, self._batch_size)
        return np.concatenate(shuffled)[taken[np.argsort(speaker[taken], kind="stable")]]
