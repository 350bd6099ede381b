"""Passes over features with a mixture of Gaussians, diagonal or full-covariance.

The commands gmm-* and fgmm-* of the same work differ in their model and usage only; the work is
here. Sources: src/gmmbin, src/fgmmbin.

Utterances are collected until there are enough frames for efficient matrix products.

Shape suffixes (scope: this module):
    T = frames   D = dimension   G = Gaussians   P = pairs of a frame and a Gaussian
"""

import dataclasses

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT, FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.log import Tally, log, verbose, warn
from steps_py.formats.objects import ObjectHolder
from steps_py.formats.posteriors import POSTERIOR, SELECTION, Posterior, Selection
from steps_py.formats.tables import (
    RandomReader,
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)
from steps_py.gmm.accumulators import (
    DIAG_ACCUMULATOR,
    FULL_ACCUMULATOR,
    Accumulator,
    DiagAccumulator,
    FullAccumulator,
)
from steps_py.gmm.diag_gmm import DIAG_GMM
from steps_py.gmm.full_gmm import FULL_GMM
from steps_py.gmm.posteriors import (
    dense_blocks,
    log_sums,
    posteriors_of,
    select_among,
    select_best,
    softmax,
    top_posteriors,
)
from steps_py.gmm.update_flags import parse_update_flags
from steps_py.kaldi.gmm_options import DIAG, FULL

_BATCH_FRAMES = 1 << 14


@dataclasses.dataclass(frozen=True)
class Family:
    """The holders of a kind of model and of its statistics, and the class of the latter."""

    model: ObjectHolder
    stats: ObjectHolder
    accumulator: type[Accumulator]


FAMILIES = {
    DIAG: Family(DIAG_GMM, DIAG_ACCUMULATOR, DiagAccumulator),
    FULL: Family(FULL_GMM, FULL_ACCUMULATOR, FullAccumulator),
}


@dataclasses.dataclass
class Utterance:
    """Features, and, if requested, weights and selected Gaussians, of an utterance."""

    key: str
    x_TD: np.ndarray
    weights_T: np.ndarray | None = None
    selection: Selection | None = None


class OptionalTable:
    """A table that may be absent: its rspecifier is empty."""

    def __init__(self, rspecifier, holder):
        self._reader = RandomReader(rspecifier, holder) if rspecifier else None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self._reader:
            self._reader.close(failed=kind is not None)

    def value(self, key, num_frames, size, what, tally):
        """(whether the utterance can be used, its value); a loss if it cannot."""
        if self._reader is None:
            return True, None
        if key not in self._reader:
            tally.lost(key, f"no {what} available")
            return False, None
        value = self._reader[key]
        if size(value) != num_frames:
            tally.lost(key, f"{what} of wrong size {size(value)} vs. {num_frames}")
            return False, None
        return True, value


def utterances(feats_in: str, tally: Tally, dim: int | None, gselect: str = "", weights: str = ""):
    """Yield the Utterances that can be processed; the others are lost in `tally`.

    With `dim`, features of another dimension are a KaldiError.
    """
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        OptionalTable(gselect, SELECTION) as selections,
        OptionalTable(weights, FLOAT_VECTOR) as weight_table,
    ):
        for key, x_TD in reader:
            if dim is not None and x_TD.shape[1] != dim and len(x_TD):
                raise KaldiError(
                    f"{key}: features of dimension {x_TD.shape[1]} for a model of dimension {dim}."
                    " Was the model trained on other features?"
                )
            usable, weights_T = weight_table.value(key, len(x_TD), len, "per-frame weights", tally)
            if usable:
                usable, selection = selections.value(
                    key, len(x_TD), lambda value: value.num_frames, "gselect information", tally
                )
            if usable:
                yield Utterance(key, x_TD, weights_T, selection)


def batches(items, num_frames: int = _BATCH_FRAMES):
    """Lists of Utterances with about `num_frames` frames together."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        size += len(item.x_TD)
        if size >= num_frames:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _joined(batch):
    """(features, selection or None, weights) of a batch, without frames of weight 0."""
    x_TD = np.concatenate([utt.x_TD for utt in batch])
    weights_T = np.concatenate(
        [np.ones(len(u.x_TD), np.float32) if u.weights_T is None else u.weights_T for u in batch]
    )
    selection = joined_selection(batch)
    if (weights_T != 0).all():
        return x_TD, selection, weights_T
    keep_T = weights_T != 0
    if selection is not None:
        index_P = selection.index_P[keep_T[selection.frame_P()]]
        selection = Selection(selection.counts_T[keep_T], index_P)
    return x_TD[keep_T], selection, weights_T[keep_T]


def joined_selection(batch):
    """The Selection of all utterances of a batch, one after the other; None without."""
    if batch[0].selection is None:
        return None
    return Selection(
        np.concatenate([utt.selection.counts_T for utt in batch]),
        np.concatenate([utt.selection.index_P for utt in batch]),
    )


def accumulate(kind: str, options, model_in: str, feats_in: str, stats_out: str) -> int:
    """gmm-global-acc-stats, fgmm-global-acc-stats."""
    family = FAMILIES[kind]
    gmm = read_object(model_in, family.model)
    stats = family.accumulator(gmm.num_gauss, gmm.dim, parse_update_flags(options.update_flags))
    tally = Tally()
    total_like = total_weight = 0.0
    usable = utterances(feats_in, tally, gmm.dim, options.gselect, options.weights)
    for batch in batches(usable):
        x_TD, selection, weights_T = _joined(batch)
        add = _add_all if selection is None else _add_selected
        likes_T = add(gmm, stats, x_TD, selection, weights_T) if len(x_TD) else np.zeros(0)
        total_like += float(likes_T @ weights_T)
        total_weight += float(weights_T.sum())
        for utt in batch:
            verbose(2, f"File '{utt.key}' processed")
            tally.done()
    log(f"Done {tally.num_done} files; {tally.num_lost} with errors.")
    log_average("Overall likelihood per frame", total_like, total_weight, "(weighted) frames")
    write_object(stats_out, family.stats, stats, options.binary)
    log(f"Written accs to {stats_out}")
    return tally.exit_code()


def _add_all(gmm, stats, x_TD, _selection, weights_T):
    likes_T = np.empty(len(x_TD))
    for rows, loglikes_BG in dense_blocks(gmm, x_TD):
        posterior_BG, likes_T[rows] = softmax(loglikes_BG)
        posterior_BG *= weights_T[rows, np.newaxis]
        stats.add_dense(x_TD[rows], posterior_BG)
    return likes_T


def _add_selected(gmm, stats, x_TD, selection, weights_T):
    loglikes_P = gmm.log_likelihoods_of(x_TD, selection)
    posterior, likes_T = posteriors_of(loglikes_P, selection)
    posterior.weight_P = posterior.weight_P * weights_T[posterior.frame_P()]
    stats.add(x_TD, posterior)
    return likes_T


def sum_statistics(kind: str, options, stats_out: str, *stats_in: str) -> int:
    """gmm-global-sum-accs, fgmm-global-sum-accs."""
    family = FAMILIES[kind]
    total = read_object(stats_in[0], family.stats)
    for name in stats_in[1:]:
        total.add_stats(read_object(name, family.stats), name)
    write_object(stats_out, family.stats, total, options.binary)
    log(f"Written stats to {stats_out}")
    return 0


def copy_model(kind: str, options, model_in: str, model_out: str) -> int:
    """gmm-global-copy, fgmm-global-copy."""
    family = FAMILIES[kind]
    write_object(model_out, family.model, read_object(model_in, family.model), options.binary)
    log(f"Written model to {model_out}")
    return 0


def show_model(kind: str, model_in: str) -> int:
    """gmm-global-info, fgmm-global-info."""
    family = FAMILIES[kind]
    gmm = read_object(model_in, family.model)
    print(f"number of gaussians {gmm.num_gauss}")
    print(f"feature dimension {gmm.dim}")
    return 0


def frame_likelihoods(kind: str, options, model_in: str, feats_in: str, out: str) -> int:
    """gmm-global-get-frame-likes, fgmm-global-get-frame-likes."""
    family = FAMILIES[kind]
    gmm = read_object(model_in, family.model)
    tally = Tally()
    total, num_frames = 0.0, 0
    with TableWriter(out, FLOAT if options.average else FLOAT_VECTOR) as writer:
        for batch in batches(utterances(feats_in, tally, gmm.dim, options.gselect)):
            for utt, likes_T in zip(batch, _likelihoods(gmm, batch), strict=True):
                total += likes_T.sum()
                num_frames += len(likes_T)
                mean = likes_T.sum() / len(likes_T) if len(likes_T) else float("nan")
                writer.write(utt.key, float(mean) if options.average else likes_T)
                tally.done()
    log(f"Done {tally.num_done} files; {tally.num_lost} with errors.")
    log_average("Overall likelihood per frame", total, num_frames, "frames")
    return tally.exit_code()


def _likelihoods(gmm, batch):
    """The log-likelihoods of the frames of each utterance."""
    x_TD, selection = np.concatenate([utt.x_TD for utt in batch]), joined_selection(batch)
    if selection is not None:
        likes_T = log_sums(gmm.log_likelihoods_of(x_TD, selection), selection)
    else:
        likes_T = np.empty(len(x_TD))
        for rows, loglikes_BG in dense_blocks(gmm, x_TD):
            likes_T[rows] = softmax(loglikes_BG)[1]
    return np.split(likes_T, np.cumsum([len(utt.x_TD) for utt in batch])[:-1])


def select(kind: str, options, model_in: str, feats_in: str, selection_out: str) -> int:
    """gmm-gselect, fgmm-gselect."""
    family = FAMILIES[kind]
    gmm = read_object(model_in, family.model)
    num_best = checked_num_best(options.n, gmm)
    tally = Tally()
    total, num_frames = 0.0, 0
    with (
        TableWriter(selection_out, SELECTION) as writer,
        TableWriter(options.write_likes, FLOAT, optional=True) as like_writer,
    ):
        for utt in utterances(feats_in, tally, gmm.dim, options.gselect):
            best, like = _select(gmm, utt, num_best)
            writer.write(utt.key, best)
            like_writer.write(utt.key, like)
            if tally.num_done % 10 == 0 and len(utt.x_TD):
                log(
                    f"For {tally.num_done}'th file, average UBM likelihood over"
                    f" {len(utt.x_TD)} frames is {like / len(utt.x_TD):g}"
                )
            total += like
            num_frames += len(utt.x_TD)
            tally.done()
    log(f"Done {tally.num_done} files, {tally.num_lost} with errors.")
    log_average("Average UBM log-likelihood", total, num_frames, "frames")
    return tally.exit_code()


def checked_num_best(num_best: int, gmm) -> int:
    """The number of Gaussians of --n, at most those of the model."""
    if num_best <= 0:
        raise KaldiError(f"--n={num_best}: at least one Gaussian must be selected.")
    if num_best > gmm.num_gauss:
        warn(f"--n={num_best}, but the GMM has only {gmm.num_gauss} Gaussians: all are selected")
    return min(num_best, gmm.num_gauss)


def _select(gmm, utt, num_best):
    """(Selection, log-likelihood) of an utterance."""
    if utt.selection is not None:
        loglikes_P = gmm.log_likelihoods_of(utt.x_TD, utt.selection)
        best, totals_T = select_among(loglikes_P, utt.selection, num_best)
        return best, float(totals_T.sum())
    parts, like = [Selection.of([])], 0.0
    for _, loglikes_BG in dense_blocks(gmm, utt.x_TD):
        best, totals_B = select_best(loglikes_BG, num_best)
        parts.append(best)
        like += float(totals_B.sum())
    counts_T = np.concatenate([part.counts_T for part in parts])
    return Selection(counts_T, np.concatenate([part.index_P for part in parts])), like


def selection_to_posteriors(
    kind: str, options, model_in: str, feats_in: str, selection_in: str, posterior_out: str
) -> int:
    """gmm-global-gselect-to-post, fgmm-global-gselect-to-post."""
    family = FAMILIES[kind]
    gmm = read_object(model_in, family.model)
    tally = Tally()
    total, num_frames, num_pairs = 0.0, 0, 0
    with TableWriter(posterior_out, POSTERIOR) as writer:
        for batch in batches(utterances(feats_in, tally, gmm.dim, selection_in)):
            for utt, posterior, likes_T in _posteriors(gmm, batch, options.min_post):
                if not np.isfinite(likes_T).all():
                    tally.lost(utt.key, "bad posterior sum encountered. Are the features finite?")
                    continue
                writer.write(utt.key, posterior)
                total += float(likes_T.sum())
                num_frames += len(likes_T)
                num_pairs += len(posterior.index_P)
                tally.done()
    log(f"Done {tally.num_done} files; {tally.num_lost} had errors.")
    per_frame = num_pairs / num_frames if num_frames else float("nan")
    log_average("Overall loglike per frame", total, num_frames, "frames")
    log(f"{per_frame:g} entries per frame")
    return tally.exit_code()


def _posteriors(gmm, batch, min_post):
    """(utterance, Posterior, log-likelihoods of frames) of each of a batch."""
    x_TD, selection = np.concatenate([utt.x_TD for utt in batch]), joined_selection(batch)
    loglikes_P = gmm.log_likelihoods_of(x_TD, selection)
    posterior, likes_T = posteriors_of(loglikes_P, selection, min_post)
    pair_ends_T = np.concatenate([[0], np.cumsum(posterior.counts_T)])
    frame = 0
    for utt in batch:
        end = frame + len(utt.x_TD)
        pairs = slice(pair_ends_T[frame], pair_ends_T[end])
        yield (
            utt,
            Posterior(
                posterior.counts_T[frame:end], posterior.index_P[pairs], posterior.weight_P[pairs]
            ),
            likes_T[frame:end],
        )
        frame = end


def log_average(what: str, total: float, count: float, unit: str) -> None:
    """Log a mean and the count it is over."""
    mean = total / count if count else float("nan")
    log(f"{what} = {mean:g} over {count:g} {unit}.")


def best_posteriors(options, model_in: str, feats_in: str, posterior_out: str) -> int:
    """gmm-global-get-post."""
    gmm = read_object(model_in, DIAG_GMM)
    if not 0 <= options.min_post < 1:
        raise KaldiError(f"--min-post={options.min_post:g}: must be at least 0 and less than 1.")
    num_best = checked_num_best(options.n, gmm)
    tally = Tally()
    total, num_frames = 0.0, 0
    with TableWriter(posterior_out, POSTERIOR) as writer:
        for utt in utterances(feats_in, tally, None):
            if not len(utt.x_TD):
                tally.lost(utt.key, "empty features")
            elif utt.x_TD.shape[1] != gmm.dim:
                tally.lost(
                    utt.key, f"dimension mismatch: got {utt.x_TD.shape[1]}, expected {gmm.dim}"
                )
            else:
                posterior, like = _top_posteriors(gmm, utt.x_TD, num_best, options.min_post)
                writer.write(utt.key, posterior)
                total += like
                num_frames += len(utt.x_TD)
                tally.done()
    log(f"Done {tally.num_done} files, {tally.num_lost} with errors.")
    log_average("Average UBM log-likelihood", total, num_frames, "frames")
    return tally.exit_code()


def _top_posteriors(gmm, x_TD, num_best, min_post):
    parts, like = [], 0.0
    for _, loglikes_BG in dense_blocks(gmm, x_TD):
        posterior, likes_B = top_posteriors(loglikes_BG, num_best, min_post)
        parts.append(posterior)
        like += float(likes_B.sum())
    joined = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("counts_T", "index_P", "weight_P")
    )
    return Posterior(*joined), like


def accumulate_posteriors(
    options, posteriors_in: str, num_gauss: str, feats_in: str, stats_out: str
) -> int:
    """fgmm-global-acc-stats-post."""
    num_components, flags = gaussian_count(num_gauss), parse_update_flags(options.update_flags)
    tally, stats, total, total_weight = Tally(), None, 0.0, 0.0
    with (
        SequentialReader(posteriors_in, POSTERIOR) as reader,
        RandomReader(feats_in, FLOAT_MATRIX) as features,
        OptionalTable(options.weights, FLOAT_VECTOR) as weights,
    ):
        for key, posterior in reader:
            if key not in features:
                tally.lost(key, "no features available")
                continue
            x_TD = features[key]
            usable, weights_T = weights.value(key, len(x_TD), len, "per-frame weights", tally)
            if not usable:
                continue
            if posterior.num_frames != len(x_TD):
                tally.lost(
                    key,
                    f"posterior information of wrong size {posterior.num_frames} vs. {len(x_TD)}",
                )
                continue
            stats = stats or FullAccumulator(num_components, x_TD.shape[1], flags)
            if weights_T is not None:
                posterior = _weighted_in_turn(posterior, weights_T)
                total_weight += float(weights_T.sum())
            else:
                total_weight += len(x_TD)
            total += float(posterior.weight_P.sum(dtype=np.float64))
            stats.add(x_TD, posterior)
            tally.done()
    log(f"Done {tally.num_done} files; {tally.num_lost} with errors.")
    log_average("Overall posterior per frame", total, total_weight, "(weighted) frames")
    if stats is None:
        warn("no statistics to write")
        return tally.exit_code()
    write_object(stats_out, FULL_ACCUMULATOR, stats, options.binary)
    log(f"Written accs to {stats_out}")
    return tally.exit_code()


def _weighted_in_turn(posterior, weights_T):
    """The posteriors times the weights of their frame and of all frames before it, as in Kaldi.

    Kaldi scales the whole utterance by the weight of each frame in turn. Frames of weight 0 are
    left out and scale nothing.
    """
    scales_T = np.cumprod(np.where(weights_T == 0, 1, weights_T), dtype=np.float64)
    scales_T = np.where(weights_T == 0, 0, scales_T)
    weight_P = posterior.weight_P * scales_T[posterior.frame_P()].astype(np.float32)
    return Posterior(posterior.counts_T, posterior.index_P, weight_P).kept(weight_P != 0)


def gaussian_count(text: str) -> int:
    """The number of Gaussians of a command line."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count <= 0:
        raise KaldiError(f"'{text}' is no number of Gaussians. Write a positive integer.")
    return count
