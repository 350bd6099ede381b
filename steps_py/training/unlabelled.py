"""Chunks of utterances whose speakers are not known, read beside each batch.

Array suffixes (scope: this module):
    N = unlabelled chunks   T = frames   D = feature dimension
"""

import numpy as np

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.batches import FeatureReader
from steps_py.chunks.sampler import ChunkSampler
from steps_py.errors import ConfigError
from steps_py.training.config import Sections
from steps_py.training.processes import ProcessGroup

NUM_ARRAYS = 2


class Unlabelled:
    """Draws and reads the chunks of ``train.unlabelled``.

    Each utterance is drawn equally often, in random permutations, as a pure function of (seed,
    step).  A step has chunks as long as those of the labelled batch.

    Parameters
    ----------
    chunks : Chunks
        Of unlabelled.tsv; their speakers are not used.
    sections : Sections
    feat_dim : int
        Of the labelled utterances.
    group : ProcessGroup
    """

    def __init__(self, chunks: Chunks, sections: Sections, feat_dim: int, group: ProcessGroup):
        config, lengths = sections["train"], sections["chunks"]
        self.batch_size = config.unlabelled.batch_size or config.batch_size
        self.digest, self._group = chunks.digest, group
        parts = group.num_processes * config.accumulate_steps
        if self.batch_size % parts:
            raise ConfigError(
                f"train.unlabelled: batch_size is {self.batch_size}; it cannot be split evenly over"
                f" {group.num_processes} processes with accumulate_steps"
                f" {config.accumulate_steps}. Set it to a multiple of {parts}."
            )
        self._sampler = ChunkSampler(
            np.zeros(len(chunks), np.int64),
            chunks.num_frames_U,
            min_frames=lengths.min_frames,
            max_frames=lengths.max_frames,
            batch_size=self.batch_size,
            seed=config.seed,  # of the labelled batches, whose lengths are drawn from it as well
            strategy={"name": "uniform"},
            vary_within_batch=lengths.vary_within_batch,
        )
        self._reader = FeatureReader(chunks, sections["cmvn"])
        if self._reader.feat_dim != feat_dim:
            raise ConfigError(
                f"train.unlabelled: its features have {self._reader.feat_dim} dimensions, but those"
                f" of the training set have {feat_dim}. Compute both with the same conf."
            )

    def read(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """This process's share of the chunks of a step: x_NTD, and their numbers of frames."""
        batch = self._sampler.batch(step).shard(self._group.rank, self._group.num_processes)
        x_NTD, _, *lengths = self._reader.read(batch)
        if not lengths:
            lengths = [np.full(len(x_NTD), batch.num_frames)]
        return x_NTD, lengths[0].astype(np.int64)

    def num_bytes(self, num_frames: int) -> int:
        """Bytes of this process's share of a batch, of chunks of `num_frames` frames."""
        num_chunks = self.batch_size // self._group.num_processes
        return num_chunks * (self._reader.chunk_bytes(num_frames) + 8)
