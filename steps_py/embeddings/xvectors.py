"""Extract x-vectors in batches of similar length; results do not depend on the batch.

Shape suffixes (scope: this module):
    B = pieces of a batch   T = frames   D = feature dimension   E = embedding   U = utterances

Parity: Kaldi ``src/nnet3bin/nnet3-xvector-compute.cc`` (cutting, padding, averaging).
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from steps_py.chunks.host_features import VoicedFeatures
from steps_py.data.data_dir import compare_keys, read_table
from steps_py.errors import ConfigError, DataDirError, StepsError, some
from steps_py.formats.archives import Locations

WINDOW_FRAMES = 200_000  # frames in memory, within which utterances are sorted by length
# One utterance at a time on a CPU: as fast, and results do not depend on the other utterances.
BATCH_FRAMES = {"cpu": 1, "cuda": 100_000}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an utterance that is one input of the network."""

    row: int
    x_TD: np.ndarray
    weight: int  # number of frames without padding


def open_features(feats_scp, vad_scp, cmvn):
    """VoicedFeatures of the utterances of `feats_scp`, in its order, and their lengths (U,).

    `vad_scp` can have more utterances. Raises DataDirError if some are missing there.
    """
    feats, vad = read_table(feats_scp), read_table(vad_scp)
    faults = compare_keys(vad.keys() & feats.keys(), feats.keys(), vad_scp, feats_scp)
    if faults:
        raise DataDirError("\n".join(faults))
    utts = list(feats)
    decisions = Locations([vad[utt] for utt in utts])
    features = VoicedFeatures(utts, Locations(feats.values()), decisions, cmvn)
    return features, features.voiced.num_voiced_U


def check_lengths(utts, num_voiced_U, config, feats_scp):
    """Raise unless every utterance is long enough for `config` (XvectorsConfig)."""
    least = config.min_chunk_frames if config.short_utts == "error" else 1
    short = np.flatnonzero(num_voiced_U < least)
    if not short.size:
        return
    shown = some([f"{utts[u]}: {num_voiced_U[u]}" for u in short])
    cure = "set xvectors.short_utts to pad"
    if least == 1 or not num_voiced_U[short].any():
        cure = "lower --vad-energy-threshold in conf/vad.conf"
    raise DataDirError(
        f"{feats_scp}: {short.size} of {len(utts)} utterances have fewer than {least} voiced"
        f" frames ({shown}). Exclude them by a file that data.corpora.<name>.exclude names,"
        f" or {cure}."
    )


def extract_xvectors(
    model, features, num_voiced_U, config, device
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (utterance, float32 x-vector (E,)) in order.

    An utterance longer than `max_chunk_frames` is split into chunks of that length, whose x-vectors
    are averaged, weighted by length. A chunk shorter than `min_chunk_frames`, also the last one of
    a long utterance, is padded by repeating its first and last frame.

    Parameters
    ----------
    model : XvectorModel
        In eval mode, on `device`.
    features : VoicedFeatures
    num_voiced_U : int array of shape (U,)
    config : XvectorsConfig

    Raises
    ------
    StepsError
        Naming the utterance, if features cannot be read or an x-vector is not finite.
    """
    for rows in _windows(num_voiced_U):
        pieces = [piece for row in rows for piece in _cut(row, features.read(row), config)]
        pieces.sort(key=lambda piece: len(piece.x_TD))
        sums_UE = np.zeros((len(rows), model.embedding_dim))
        for batch in _batches(pieces, config.batch_frames or BATCH_FRAMES[device.type]):
            xvector_BE = _embed(model, [piece.x_TD for piece in batch], device)
            for piece, xvector_E in zip(batch, xvector_BE, strict=True):
                sums_UE[piece.row - rows[0]] += piece.weight * xvector_E
        mean_UE = (sums_UE / num_voiced_U[rows, np.newaxis]).astype(np.float32)
        for row, xvector_E in zip(rows, mean_UE, strict=True):
            if not np.isfinite(xvector_E).all():
                raise StepsError(f"{features.utts[row]}: its x-vector is not finite.")
            yield features.utts[row], xvector_E


def _windows(num_voiced_U):
    """Ranges of rows with about WINDOW_FRAMES frames each."""
    window_U = np.cumsum(num_voiced_U) // WINDOW_FRAMES
    starts = np.flatnonzero(np.diff(window_U, prepend=-1))
    for start, end in itertools.pairwise([*starts, len(num_voiced_U)]):
        yield range(start, end)


def _cut(row, x_TD, config):
    """Chunks of max_chunk_frames and a last one, padded by edge frames to min_chunk_frames."""
    pieces = []
    for start in range(0, len(x_TD), config.max_chunk_frames):
        chunk_TD = x_TD[start : start + config.max_chunk_frames]
        missing = max(0, config.min_chunk_frames - len(chunk_TD))
        pads = ((missing // 2, missing - missing // 2), (0, 0))
        pieces.append(Piece(row, np.pad(chunk_TD, pads, mode="edge"), len(chunk_TD)))
    return pieces


def _batches(pieces, batch_frames):
    """Runs of pieces, sorted by length, that fill a batch when padded to the longest."""
    batch = []
    for piece in pieces:
        if batch and (len(batch) + 1) * len(piece.x_TD) > batch_frames:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _embed(model, chunks, device):
    """Matrices (T, D) of several lengths -> float32 x-vectors (B, E)."""
    lengths_B = torch.tensor([len(x_TD) for x_TD in chunks])
    longest = int(lengths_B.max())
    x_BTD = torch.zeros(len(chunks), longest, chunks[0].shape[1])
    for b, x_TD in enumerate(chunks):
        x_BTD[b, : len(x_TD)] = torch.from_numpy(x_TD)
    num_frames_B = None
    if int(lengths_B.min()) < longest:
        num_frames_B = lengths_B.to(device)
    with torch.inference_mode():
        return model(x_BTD.to(device), num_frames_B).float().cpu().numpy()


def check_chunks(extractor, config) -> None:
    """Raise ConfigError if min_chunk_frames of `config` is less than the network needs."""
    if config.min_chunk_frames < extractor.model.min_frames:
        raise ConfigError(
            f"xvectors: min_chunk_frames is {config.min_chunk_frames}, but a frame of the"
            f" network spans {extractor.model.min_frames}. Raise xvectors.min_chunk_frames."
        )


def check_model(extractor, path, features, feats_scp, config) -> None:
    """Raise unless the network accepts these features and the shortest chunks of `config`."""
    check_chunks(extractor, config)
    feat_dim = features.feat_dim(0)
    if feat_dim != extractor.feat_dim:
        raise StepsError(
            f"{path} expects {extractor.feat_dim}-dimensional features, {feats_scp} has"
            f" {feat_dim}. Extract with the conf/mfcc.conf the model was trained with."
        )
