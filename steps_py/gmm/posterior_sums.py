"""Sums and weights of posteriors (MergePosteriors in src/hmm/posterior.cc, src/bin/weight-post.cc).

Shape suffixes (scope: this module):
    T = frames   P = pairs of a frame and an index
"""

import numpy as np

from steps_py.formats.posteriors import Posterior


def summed(first: Posterior, second: Posterior, merge: bool) -> tuple[Posterior, np.ndarray]:
    """(the pairs of both, sorted by index in each frame; which frames share no index (T,)).

    With `merge`, pairs of one index become one, and those of sum zero are removed.

    >>> one, other = Posterior.of([[(3, 0.5), (1, 0.5)]]), Posterior.of([[(3, -0.5), (7, 1)]])
    >>> total, disjoint_T = summed(one, other, merge=True)
    >>> total.lists(), disjoint_T.tolist()
    ([[(1, 0.5), (7, 1.0)]], [False])
    """
    frame_P = np.concatenate([first.frame_P(), second.frame_P()])
    index_P = np.concatenate([first.index_P, second.index_P])
    weight_P = np.concatenate([first.weight_P, second.weight_P])
    is_second_P = np.arange(len(frame_P)) >= len(first.index_P)
    order = np.lexsort((weight_P, index_P, frame_P))
    frame_P, index_P, weight_P = frame_P[order], index_P[order], weight_P[order]
    is_second_P = is_second_P[order]
    begins_P = np.ones(len(order), bool)
    begins_P[1:] = (np.diff(frame_P) != 0) | (np.diff(index_P) != 0)
    group_P = np.cumsum(begins_P) - 1
    in_first = np.bincount(group_P, ~is_second_P)
    in_second = np.bincount(group_P, is_second_P)
    num_frames = first.num_frames
    shared_T = np.zeros(num_frames, bool)
    shared_T[frame_P[begins_P][(in_first > 0) & (in_second > 0)]] = True
    if merge:
        sums = np.bincount(group_P, weight_P).astype(np.float32)
        frame_P, index_P, weight_P = frame_P[begins_P], index_P[begins_P], sums
    counts_T = np.bincount(frame_P, minlength=num_frames)
    total = Posterior(counts_T, index_P, weight_P)
    return (total.kept(weight_P != 0) if merge else total), ~shared_T


def weighted(posterior: Posterior, weights_T: np.ndarray) -> Posterior:
    """The posteriors times the weights; frames of weight 0 become empty.

    Frames beyond the weights get the weight 0 and keep their pairs.
    """
    padded_T = np.zeros(posterior.num_frames, np.float32)
    size = min(len(weights_T), posterior.num_frames)
    padded_T[:size] = weights_T[:size]
    frame_P = posterior.frame_P()
    weight_P = posterior.weight_P * padded_T[frame_P]
    weighted = Posterior(posterior.counts_T, posterior.index_P, weight_P)
    return weighted.kept((padded_T[frame_P] != 0) | (frame_P >= size))
