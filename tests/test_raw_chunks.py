"""Chunks decoded and normalised on the device: the numbers of the host."""

import numpy as np
import pytest
import torch

from steps_py.archives import Locations, MatrixIndex, OpenFiles
from steps_py.errors import StepsError, TableError
from steps_py.features import CmvnConfig, VoicedFeatures
from steps_py.raw_chunks import RawReader, ResidentBytes, decode
from tests.small_features import matrix_bytes, vector_bytes, write_archive

KINDS = ["FM", "DM", "CM", "CM2", "CM3"]
NUM_FRAMES = [40, 7, 90, 64]


def make_features(folder, kinds, **cmvn):
    rng = np.random.default_rng(0)
    matrices, decisions = {}, {}
    for i, (num_frames, kind) in enumerate(zip(NUM_FRAMES, kinds, strict=True)):
        x_TD = rng.normal(3, 5, (num_frames, 6)).astype(np.float32)
        matrices[f"u{i}"] = matrix_bytes(x_TD, kind)
        decisions[f"u{i}"] = vector_bytes(rng.random(num_frames) < 0.7)
    feats = write_archive(folder / "f.ark", folder / "f.scp", matrices)
    vad = write_archive(folder / "v.ark", folder / "v.scp", decisions)
    places = (Locations(list(table.values())) for table in (feats, vad))
    return VoicedFeatures(list(feats), *places, CmvnConfig(**cmvn))


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("window_frames", [5, 30, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_the_device_gives_what_the_host_gives(tmp_path, kind, window_frames, resident):
    features = make_features(tmp_path, [kind] * 4, window_frames=window_frames)
    row_B = np.array([2, 0, 3, 1, 2])
    num_voiced_B = features.voiced.num_voiced_U[row_B]
    index_BT = (np.arange(20) + np.array([[9], [3], [1], [0], [30]])) % num_voiced_B[:, None]
    reader = RawReader(features, resident)
    batch = reader.read(row_B, index_BT)
    bytes_BN = batch.bytes_BN
    if resident:
        data = ResidentBytes(features.matrices, features.utts, torch.device("cpu"))
        row_bytes = features.matrices.row_bytes(reader.kind, reader.dim)
        bytes_BN = data.cut(batch, reader.kind, reader.dim, row_bytes)
    x_BTD = decode(batch, bytes_BN, reader.kind, reader.dim)
    assert x_BTD.dtype == torch.float32
    expected = [features.read(row)[index_T] for row, index_T in zip(row_B, index_BT, strict=True)]
    np.testing.assert_allclose(x_BTD.numpy(), np.stack(expected), atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_may_lie_in_more_files_than_may_be_open(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("steps_py.archives.MAX_OPEN_FILES", 3)
    for i in range(8):
        x_TD = np.random.default_rng(i).standard_normal((9, 2)).astype(np.float32)
        (tmp_path / f"{i}.mat").write_bytes(matrix_bytes(x_TD, kind))
    names = [str(tmp_path / f"{i}.mat") for i in range(8)]
    index = MatrixIndex(names, Locations(names))
    index._open = OpenFiles(limit=3)
    rows_B = np.array([7, 0, 1, 2, 3, 4, 5, 6])
    num_bytes = 2 * index.row_bytes(int(index.kind_U[0]), 2) + (16 if kind == "CM" else 0)
    together_BN, alone_BN = np.zeros((2, 8, num_bytes), np.uint8)
    index.read_bytes(rows_B, np.full(8, 3), np.full(8, 5), together_BN)
    for b in range(8):
        one = slice(b, b + 1)
        index.read_bytes(rows_B[one], np.array([3]), np.array([5]), alone_BN[one])
    assert np.array_equal(together_BN, alone_BN) and len({bytes(row) for row in alone_BN}) > 1


def test_matrices_of_several_kinds_are_refused_with_the_cure(tmp_path):
    features = make_features(tmp_path, ["CM", "CM", "FM", "CM"])
    with pytest.raises(StepsError, match=r"several kinds \(FM, CM\).*train\.decode to host"):
        RawReader(features)


def test_variances_are_refused_with_the_cure(tmp_path):
    features = make_features(tmp_path, ["CM"] * 4, norm_vars=True)
    with pytest.raises(StepsError, match=r"norm_vars.*train\.decode to host"):
        RawReader(features)


def test_an_utterance_with_fewer_voiced_frames_is_named(tmp_path):
    reader = RawReader(make_features(tmp_path, ["FM"] * 4))
    with pytest.raises(TableError, match=r"u1: \d voiced frames, but number 19 is wanted"):
        reader.read(np.array([0, 1]), np.tile(np.arange(20), (2, 1)))


def test_an_archive_cut_off_later_is_named_with_the_utterance(tmp_path):
    features = make_features(tmp_path, ["FM"] * 4)
    with open(tmp_path / "f.ark", "r+b") as ark:
        ark.truncate(100)
    with pytest.raises(TableError, match=r"^u2: .*f\.ark: ends at byte 100"):
        RawReader(features).read(np.array([2]), np.arange(5)[np.newaxis])
