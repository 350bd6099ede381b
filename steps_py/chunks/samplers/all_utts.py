"""All utterances of a few speakers."""

from dataclasses import dataclass

import numpy as np

from steps_py.chunks.samplers.base import (
    SAMPLERS,
    SPEAKERS,
    UTTS,
    BySpeaker,
    Draw,
    Rounds,
    Sampler,
    check_speakers,
)
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, setting


@SAMPLERS.register("all_utts")
class AllUtts(Sampler):
    """All utterances of `num_speakers` speakers, grouped by speaker.

    SEQUENS's `gen_mbatch_spk_all_utts` (10 speakers, at most 300 utterances), but with exactly
    batch_size chunks.  If there are more utterances, they are subsampled as evenly over the
    speakers as their numbers allow; if there are fewer, they are repeated with other chunks.

    With `roll_over` no utterance is left out: all of them follow each other, speaker by speaker in
    random order, and a batch continues where the last one ended.  It then has as many speakers as
    have batch_size utterances, and those of a speaker can be in two batches.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_speakers: Count = setting(10, "speakers of a batch; without effect if roll_over")
        roll_over: bool = setting(False, "continue with what did not fit into the last batch")

    def __init__(self, config: Config, spk_id_U: np.ndarray, batch_size: int, draw: Draw):
        self._config, self._draw, self._spk_id_U = config, draw, np.asarray(spk_id_U)
        self._utts, self._batch_size = BySpeaker(spk_id_U), batch_size
        if config.roll_over:
            self.utts_per_speaker, self._orders = 1, {}
            return
        if batch_size < config.num_speakers:
            raise ConfigError(
                f"sampler 'all_utts': train.batch_size is {batch_size}, less than"
                f" num_speakers, {config.num_speakers}. Lower num_speakers."
            )
        num_speakers = len(self._utts.count_S)
        check_speakers("all_utts", config.num_speakers, num_speakers)
        self._rounds = Rounds(num_speakers, config.num_speakers, draw)
        self.utts_per_speaker = int(
            min(self._utts.count_S.min(), batch_size // config.num_speakers)
        )

    @staticmethod
    def speakers_needed(config: Config, batch_size: int) -> int:
        return 1 if config.roll_over else config.num_speakers

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        if self._config.roll_over:
            return self._next(step)
        spk_id_N, _ = self._rounds.speakers(step)
        shuffled = [random.permutation(self._utts.rows(spk_id)) for spk_id in spk_id_N]
        position = np.concatenate([np.arange(len(rows)) for rows in shuffled])
        speaker = np.repeat(np.arange(len(shuffled)), [len(rows) for rows in shuffled])
        order = np.lexsort((speaker, position))  # the first of each speaker, the second, ...
        taken = np.resize(order, self._batch_size)
        return np.concatenate(shuffled)[taken[np.argsort(speaker[taken], kind="stable")]]

    def _next(self, step):
        """The rows that follow those of the steps before."""
        position_B = step * self._batch_size + np.arange(self._batch_size)
        round_B, index_B = np.divmod(position_B, len(self._spk_id_U))
        numbers = np.unique(round_B).tolist()
        self._orders = {
            n: self._orders[n] if n in self._orders else self._order(n) for n in numbers
        }
        return np.concatenate([self._orders[n][index_B[round_B == n]] for n in numbers])

    def _order(self, number):
        """All rows of a round: speakers in random order, each with its utterances in another."""
        place_S = self._draw(SPEAKERS, number, 0).permutation(len(self._utts.count_S))
        key_U = self._draw(UTTS, number, 0).random(len(self._spk_id_U))
        return np.lexsort((key_U, place_S[self._spk_id_U]))
