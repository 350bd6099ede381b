"""Validation: loss and accuracy on held-out utterances, EER on held-out speakers.

Shape suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension   E = embedding
    U = utterances   P = pairs
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.batches import FeatureReader
from steps_py.chunks.sampler import Batch
from steps_py.draws import generator
from steps_py.feats.config import CmvnConfig
from steps_py.scoring.error_rates import eer
from steps_py.training.config import Sections
from steps_py.training.network import Network


class HeldOut:
    """Held-out utterances; the chunk in the middle of each is read."""

    def __init__(self, chunks: Chunks, cmvn: CmvnConfig, num_frames: int, batch_size: int):
        self.chunks, self._num_frames, self._batch_size = chunks, num_frames, batch_size
        self._reader = FeatureReader(chunks, cmvn) if len(chunks) else None

    def __len__(self):
        return len(self.chunks)

    def batches(self) -> Iterator[tuple[torch.Tensor, ...]]:
        """Tensors (x_BTD, spk_id_B) of all utterances, in order."""
        for rows in torch.arange(len(self)).split(self._batch_size):
            rows_B = rows.numpy()
            first_B = (self.chunks.num_frames_U[rows_B] - self._num_frames).clip(min=0) // 2
            batch = Batch(rows_B, first_B, self.chunks.spk_id_U[rows_B], self._num_frames)
            yield tuple(map(torch.from_numpy, self._reader.read(batch)))


class Validation:
    """Measures loss, accuracy and EER at the end of an epoch.

    Parameters
    ----------
    sections : Sections
        train, cmvn and chunks are read.
    valid : Chunks or None
        Held-out utterances of training speakers, for loss and accuracy.
    valid_speakers : Chunks or None
        Utterances of held-out speakers, for the EER.

    Attributes
    ----------
    utts, speakers : HeldOut or None
        None where nothing is held out.
    """

    def __init__(self, sections: Sections, valid: Chunks | None, valid_speakers: Chunks | None):
        self._config = config = sections["train"]
        sizes = (sections["cmvn"], sections["chunks"].max_frames, config.batch_size)
        self.utts, self.speakers = (
            HeldOut(chunks, *sizes) if chunks is not None and len(chunks) else None
            for chunks in (valid, valid_speakers)
        )

    def measure(
        self, network: Network, epoch: float
    ) -> tuple[float | None, float | None, float | None]:
        """Loss, accuracy and EER; None where nothing is held out.

        Loss and accuracy are None as well if the loss does not classify.
        """
        network.set_eval_mode(epoch)
        loss = accuracy = rate = None
        with torch.inference_mode():
            if self.utts and network.classifies:
                loss, accuracy = self._classify(network)
            if self.speakers:
                x_UE = torch.cat([network.embed(x).cpu() for x, _ in self.speakers.batches()])
                spk_id_U = self.speakers.chunks.spk_id_U
                trials = (self._config.num_valid_trials, self._config.seed)
                rate = cosine_eer(x_UE.numpy(), spk_id_U, *trials)
        return loss, accuracy, rate

    def _classify(self, network):
        total = torch.zeros(2, dtype=torch.float64)
        for batch in self.utts.batches():
            loss, num_correct = network.compute(*batch)
            total += torch.stack([loss * len(batch[1]), num_correct]).double().cpu()
        return (total / len(self.utts)).tolist()


def cosine_eer(
    embeddings_UE: np.ndarray, spk_id_U: np.ndarray, max_trials: int, seed: int
) -> float | None:
    """EER, as a fraction, of cosine scores of pairs of utterances.

    All pairs are trials; more than ``max_trials // 2`` target or nontarget pairs are subsampled
    with `seed`.  Returns None if there are no target or no nontarget pairs, nan if a score is
    not finite.

    >>> x_UE = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    >>> float(cosine_eer(x_UE, np.array([5, 5, 6, 6]), 1000, seed=1))
    0.0
    """
    x_UE = np.asarray(embeddings_UE, np.float64)
    x_UE /= np.maximum(np.linalg.norm(x_UE, axis=1, keepdims=True), 1e-30)
    scores = [
        np.einsum("pe,pe->p", x_UE[pairs_P2[:, 0]], x_UE[pairs_P2[:, 1]])
        for pairs_P2 in draw_trials(np.asarray(spk_id_U), max_trials, seed)
    ]
    if not all(len(s) for s in scores):
        return None
    return float(eer(*scores)) if all(np.isfinite(s).all() for s in scores) else float("nan")


def draw_trials(spk_id_U: np.ndarray, max_trials: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Target and nontarget pairs of rows, int64 (P, 2); at most ``max_trials // 2`` of each.

    >>> target, nontarget = draw_trials(np.array([0, 0, 1]), 100, seed=1)
    >>> target.tolist(), nontarget.tolist()
    ([[0, 1]], [[0, 2], [1, 2]])
    """
    max_pairs, random = max_trials // 2, generator(seed, "valid_trials")
    of_speaker = [np.flatnonzero(spk_id_U == spk_id) for spk_id in np.unique(spk_id_U)]
    pairs = [pair for rows in of_speaker for pair in itertools.combinations(rows.tolist(), 2)]
    target = np.array(pairs, np.int64).reshape(-1, 2)
    if len(target) > max_pairs:
        target = target[np.sort(random.permutation(len(target))[:max_pairs])]
    num_utts = len(spk_id_U)
    if num_utts * (num_utts - 1) // 2 <= 10 * max_pairs:
        first, second = np.triu_indices(num_utts, 1)
    else:  # too many to list: draw pairs and keep the distinct ones
        drawn = np.sort(random.integers(num_utts, size=(4 * max_pairs, 2)), axis=1)
        first, second = np.unique(drawn, axis=0).T
    different = spk_id_U[first] != spk_id_U[second]
    nontarget = np.stack([first[different], second[different]], axis=1)
    if len(nontarget) > max_pairs:
        nontarget = nontarget[np.sort(random.permutation(len(nontarget))[:max_pairs])]
    return target, nontarget
