"""What a network is worth on held-out utterances and on held-out speakers.

Shape suffixes: B batch, E embedding, U utterances, P pairs.
"""

import itertools

import numpy as np
import torch

from steps_py.chunks.batches import BatchReader
from steps_py.chunks.sampler import Batch
from steps_py.draws import generator
from steps_py.scoring.error_rates import eer


class HeldOut:
    """Utterances that are not trained on, read by the middle of each."""

    def __init__(self, chunks, cmvn, num_frames, batch_size):
        self.chunks, self._num_frames, self._batch_size = chunks, num_frames, batch_size
        self._reader = BatchReader(chunks, cmvn) if len(chunks) else None

    def __len__(self):
        return len(self.chunks)

    def batches(self):
        """Tensors (x_BTD, spk_id_B) of all utterances in turn."""
        for rows in torch.arange(len(self)).split(self._batch_size):
            rows_B = rows.numpy()
            first_B = (self.chunks.num_frames_U[rows_B] - self._num_frames).clip(min=0) // 2
            batch = Batch(rows_B, first_B, self.chunks.spk_id_U[rows_B], self._num_frames)
            yield tuple(map(torch.from_numpy, self._reader.read(batch)))


class Validation:
    """What is measured at an epoch's end; None of what nothing is held out for.

    Parameters
    ----------
    sections : dict
        train, cmvn, chunks.
    valid, valid_speakers : Chunks or None
        Of speakers that are trained on, for loss and accuracy; of others, for the EER.
    """

    def __init__(self, sections, valid, valid_speakers):
        self._config = config = sections["train"]
        sizes = (sections["cmvn"], sections["chunks"].max_frames, config.batch_size)
        self.utts, self.speakers = (
            HeldOut(chunks, *sizes) if chunks is not None and len(chunks) else None
            for chunks in (valid, valid_speakers)
        )

    def measure(self, network, epoch):
        """Loss, accuracy, EER.  Loss and accuracy are those of losses that classify."""
        network.evaluate(epoch)
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


def cosine_eer(embeddings_UE, spk_id_U, max_trials, seed):
    """EER of the cosines of pairs of utterances, a fraction, and None without both kinds.

    All pairs are trials; of more than half of `max_trials` target or nontarget ones, so many
    are drawn, by `seed`.

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


def draw_trials(spk_id_U, max_trials, seed):
    """Target and nontarget pairs of rows, int arrays (P, 2), at most half of `max_trials` each.

    >>> target, nontarget = draw_trials(np.array([0, 0, 1]), 100, seed=1)
    >>> target.tolist(), nontarget.tolist()
    ([[0, 1]], [[0, 2], [1, 2]])
    """
    most, random = max_trials // 2, generator(seed, "valid_trials")
    of_speaker = [np.flatnonzero(spk_id_U == spk_id) for spk_id in np.unique(spk_id_U)]
    pairs = [pair for rows in of_speaker for pair in itertools.combinations(rows.tolist(), 2)]
    target = np.array(pairs, np.int64).reshape(-1, 2)
    if len(target) > most:
        target = target[np.sort(random.permutation(len(target))[:most])]
    num_utts = len(spk_id_U)
    if num_utts * (num_utts - 1) // 2 <= 10 * most:
        first, second = np.triu_indices(num_utts, 1)
    else:  # far more than are wanted: draw some of them, each once
        drawn = np.sort(random.integers(num_utts, size=(4 * most, 2)), axis=1)
        first, second = np.unique(drawn, axis=0).T
    different = spk_id_U[first] != spk_id_U[second]
    nontarget = np.stack([first[different], second[different]], axis=1)
    if len(nontarget) > most:
        nontarget = nontarget[np.sort(random.permutation(len(nontarget))[:most])]
    return target, nontarget
