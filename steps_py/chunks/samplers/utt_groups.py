"""Pairs or triples of utterances, in blocks that meet each other."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, SPEAKERS, UTTS, BySpeaker, Draw, Sampler
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, setting

BLOCKS = 1  # of the stream SPEAKERS: the order of blocks; 0: that of groups


@SAMPLERS.register("utt_groups")
class UttGroups(Sampler):
    """Groups of utterances of one speaker each; a speaker with more utterances has more groups.

    In each round the utterances of each speaker are shuffled and cut into groups of `group_size`
    (a remainder waits for the next round; a speaker with fewer utterances has one group, in which
    they are repeated with other chunks), and the groups are shuffled and cut into blocks:

    diagonal   a batch is one block: each group is in one batch of the round.
    rowwise    a batch is two blocks of half the size: the first with the second, with the third
               ... then the second with the third ...: any two groups are together once or more.
    random     the same pairs of blocks, in random order: each block in turn, before one repeats.

    No utterance is in a batch twice, and a speaker can have several groups in it.  Groups that are
    left over when blocks are cut skip the round, drawn at random.

    Source: SEQUENS's `create_utt_group` and `gen_mbatch_utt_groups`; diagonal with groups of 5
    and 64 x 5 chunks is multitask_asv's `Loader`, whose items are regrouped each epoch.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        group_size: Count = setting(2, "utterances of a group")
        mode: Literal["diagonal", "rowwise", "random"] = setting(
            "diagonal", "which blocks make a batch: one, or two that take turns"
        )

    def __init__(self, config: Config, spk_id_U: np.ndarray, batch_size: int, draw: Draw):
        self.utts_per_speaker = size = config.group_size
        blocks_per_batch = 1 if config.mode == "diagonal" else 2
        if batch_size % (size * blocks_per_batch):
            unit = size * blocks_per_batch
            raise ConfigError(
                f"sampler 'utt_groups': train.batch_size is {batch_size}, not a multiple of {unit}"
                f" ({blocks_per_batch} blocks of groups of {size}). Set it to"
                f" {max(1, batch_size // unit) * unit}."
            )
        self._config, self._draw, self._spk_id_U = config, draw, spk_id_U
        self._utts = BySpeaker(spk_id_U)
        self._block_size = batch_size // size // blocks_per_batch
        num_groups = int(np.maximum(1, self._utts.count_S // size).sum())
        num_blocks = num_groups // self._block_size
        self._num_blocks = num_blocks - (num_blocks % 2 if config.mode == "random" else 0)
        if self._num_blocks < blocks_per_batch:
            raise ConfigError(
                f"sampler 'utt_groups': a batch needs {batch_size // size} groups of {size}"
                f" utterances, but there are only {num_groups}. Lower train.batch_size or"
                " group_size."
            )
        self._round, self._groups_NM = None, None

    @staticmethod
    def speakers_needed(config: Config, batch_size: int) -> int:
        return 1

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        number, index = divmod(step, self._steps_of_round())
        if number != self._round:
            self._round, self._groups_NM = number, self._grouped(number)
        blocks = self._blocks(number, index)
        size = self._block_size
        return np.concatenate([self._groups_NM[b * size : (b + 1) * size] for b in blocks]).ravel()

    def _steps_of_round(self):
        num = self._num_blocks
        return num if self._config.mode == "diagonal" else num * (num - 1) // 2

    def _blocks(self, number, index):
        """The blocks of a batch of a round."""
        num = self._num_blocks
        if self._config.mode == "diagonal":
            return [index]
        if self._config.mode == "rowwise":
            start_B = np.concatenate([[0], np.cumsum(np.arange(num - 1, 0, -1))])
            first = int(np.searchsorted(start_B, index, side="right")) - 1
            return [first, first + 1 + index - int(start_B[first])]
        day, match = divmod(index, num // 2)
        day = int(self._draw(SPEAKERS, number, BLOCKS).permutation(num - 1)[day])
        return _match(day, match, num)

    def _grouped(self, number):
        """The groups of a round in random order, rows of utterances (N, M)."""
        size, count_S = self._config.group_size, self._utts.count_S
        key_U = self._draw(UTTS, number, 0).random(len(self._spk_id_U))
        order_U = np.lexsort((key_U, self._spk_id_U))
        position_U = np.arange(len(order_U)) - np.repeat(self._utts.start_S, count_S)
        kept_U = position_U < np.repeat(count_S // size * size, count_S)
        whole_NM = order_U[kept_U].reshape(-1, size)
        few = [
            np.resize(order_U[start : start + count], size)
            for start, count in zip(self._utts.start_S, count_S, strict=True)
            if count < size
        ]
        groups_NM = np.concatenate([whole_NM, np.array(few, np.int64).reshape(-1, size)])
        return groups_NM[self._draw(SPEAKERS, number, 0).permutation(len(groups_NM))]


def _match(day: int, match: int, num: int) -> list[int]:
    """A match of a tournament of an even number: on each of num - 1 days all play, all pairs once.

    >>> [[_match(day, match, 4) for match in range(2)] for day in range(3)]
    [[[3, 0], [1, 2]], [[3, 1], [2, 0]], [[3, 2], [0, 1]]]
    """
    if match == 0:
        return [num - 1, day]
    return [(day + match) % (num - 1), (day - match) % (num - 1)]
