"""Chunks decoded and normalised on the device equal those of the host."""

import numpy as np
import pytest
import torch

from steps_py.chunks.allocation import Chunks, allocate_chunks, read_utterances, write_chunks
from steps_py.chunks.batches import FeatureReader
from steps_py.chunks.compressed_chunks import CompressedReader
from steps_py.chunks.config import ChunksConfig
from steps_py.chunks.sampler import Batch
from steps_py.errors import StepsError, TableError
from steps_py.feats.config import CmvnConfig
from steps_py.formats.archives import Locations, MatrixIndex, OpenFiles
from tests.support.small_features import matrix_bytes, write_data_dir

KINDS = ["FM", "DM", "CM", "CM2", "CM3"]
NUM_FRAMES = [40, 12, 90, 64]
CPU = torch.device("cpu")


def make_chunks(folder, kinds):
    """Chunks of four utterances, of which the second is shorter than the chunks."""
    rng = np.random.default_rng(0)
    utts = {}
    for i, num_frames in enumerate(NUM_FRAMES):
        x_TD = rng.normal(3, 5, (num_frames, 6)).astype(np.float32)
        utts[f"u{i}"] = (f"spk{i % 2}", x_TD, rng.random(num_frames) < 0.7)
    for i, kind in enumerate(kinds):
        write_data_dir(folder / f"{i}", dict(list(utts.items())[i :: len(kinds)]), kind)
    return chunks_of([folder / f"{i}" for i in range(len(kinds))], folder / "chunks")


def chunks_of(data_dirs, folder):
    utterances = read_utterances(data_dirs)
    config = ChunksConfig(min_frames=20, max_frames=20, short_utts="tile", num_valid_utts=0)
    allocation = allocate_chunks(utterances, config, log=lambda line: None)
    write_chunks(utterances, allocation, folder)
    return Chunks(folder / "train.tsv")


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("window_frames", [0, 5, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_windows_that_end_with_the_chunk_are_the_same_on_the_device(
    tmp_path, kind, window_frames, within
):
    chunks = make_chunks(tmp_path, [kind])
    cmvn = CmvnConfig(window_frames=window_frames, within_chunks=within)
    rows_B, first_B = np.array([2, 0, 3, 1, 2, 3]), np.array([9, 0, 1, 5, 30, 0])
    first_B[-1] = chunks.num_frames_U[3] - 4  # goes on at the start of the utterance
    batch = Batch(rows_B, first_B, chunks.spk_id_U[rows_B], 20)
    expected = FeatureReader(chunks, cmvn).read(batch)[0]
    reader = CompressedReader(chunks, cmvn, CPU)
    decoded = reader.decode([torch.as_tensor(part) for part in reader.read(batch)], CPU)[0]
    np.testing.assert_allclose(decoded.numpy(), expected, atol=2e-5)


def test_a_chunk_that_reaches_the_end_goes_on_at_the_start(tmp_path):
    chunks = make_chunks(tmp_path, ["FM"])
    num_frames, reader = int(chunks.num_frames_U[3]), FeatureReader(chunks, CmvnConfig())
    whole = reader.read(Batch(np.array([3]), np.array([0]), chunks.spk_id_U[[3]], num_frames))[0]
    chunk = reader.read(Batch(np.array([3]), np.array([num_frames - 4]), chunks.spk_id_U[[3]], 20))
    expected_TD = np.concatenate([whole[0, -4:], whole[0, :16]])
    np.testing.assert_allclose(chunk[0][0], expected_TD, atol=1e-6)


@pytest.mark.parametrize("varied", [False, True])
@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("window_frames", [5, 30, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_features_decoded_on_the_device_equal_those_of_the_host(
    tmp_path, kind, window_frames, resident, varied
):
    chunks, cmvn = make_chunks(tmp_path, [kind]), CmvnConfig(window_frames=window_frames)
    rows_B = np.array([2, 0, 3, 1, 2])
    num_frames_B = np.array([20, 7, 20, 11, 1]) if varied else None
    first_B = np.array([9, 0, 1, 5, 30])
    batch = Batch(rows_B, first_B, chunks.spk_id_U[rows_B], 20, num_frames_B)
    expected = FeatureReader(chunks, cmvn).read(batch)
    reader = CompressedReader(chunks, cmvn, CPU, resident)
    decoded = reader.decode([torch.as_tensor(part) for part in reader.read(batch)], CPU)
    assert decoded[0].dtype == torch.float32
    np.testing.assert_allclose(decoded[0].numpy(), expected[0], atol=2e-5)
    assert len(decoded) == len(expected)
    for got, wanted in zip(decoded[1:], expected[1:], strict=True):
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_can_need_more_files_than_can_be_open(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("steps_py.formats.archives.MAX_OPEN_FILES", 3)
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


@pytest.mark.parametrize(
    "kind, num_bytes", [("FM", 24 * 24), ("CM", 6 * (8 + 24)), ("CM3", 24 * 6)]
)
def test_only_the_rows_around_a_chunk_of_a_long_utterance_are_read(tmp_path, kind, num_bytes):
    """20 frames, all voiced, and windows of 5: 2 rows before and 2 after."""
    x_TD = np.random.default_rng(0).standard_normal((900, 6)).astype(np.float32)
    utts = {name: (name, x_TD, np.ones(900)) for name in ("a", "b")}
    chunks = chunks_of([write_data_dir(tmp_path / "data", utts, kind)], tmp_path / "chunks")
    reader = CompressedReader(chunks, CmvnConfig(window_frames=5), CPU)
    batch = Batch(np.array([0]), np.array([400]), np.array([0]), 20)
    assert reader.read(batch)[0].nbytes == num_bytes


def test_no_more_than_the_chunk_is_read_if_its_windows_end_with_it(tmp_path):
    x_TD = np.random.default_rng(0).standard_normal((900, 6)).astype(np.float32)
    utts = {name: (name, x_TD, np.ones(900)) for name in ("a", "b")}
    chunks = chunks_of([write_data_dir(tmp_path / "data", utts, "FM")], tmp_path / "chunks")
    cmvn = CmvnConfig(window_frames=100_000, within_chunks=True)
    reader = CompressedReader(chunks, cmvn, CPU)
    batch = Batch(np.array([0]), np.array([400]), np.array([0]), 20)
    assert reader.read(batch)[0].nbytes == 20 * 24
    mean_D = x_TD[400:420].mean(axis=0)
    x_BTD = FeatureReader(chunks, cmvn).read(batch)[0]
    np.testing.assert_allclose(x_BTD[0], x_TD[400:420] - mean_D, atol=1e-5)


def test_the_estimated_size_of_a_chunk_is_limited_by_the_longest_utterance(tmp_path):
    chunks = make_chunks(tmp_path, ["FM"])
    sizes = [
        CompressedReader(chunks, CmvnConfig(window_frames=window), CPU).chunk_bytes(20)
        for window in (max(NUM_FRAMES), 100_000)
    ]
    assert sizes[0] == sizes[1]


def test_too_few_voiced_frames_are_an_error_with_the_utterance(tmp_path):
    chunks = make_chunks(tmp_path, ["CM"])
    reader = CompressedReader(chunks, CmvnConfig(), CPU)
    reader._num_frames_U = reader._num_frames_U + 50  # as if decisions had been recomputed
    batch = Batch(np.array([3, 0]), np.array([0, 45]), np.array([1, 0]), 20)
    with pytest.raises(TableError, match=r"^u0: \d+ voiced frames, but number 64 is needed"):
        reader.read(batch)


def test_matrices_of_several_types_are_refused(tmp_path):
    chunks = make_chunks(tmp_path, ["CM", "FM"])
    with pytest.raises(StepsError, match=r"\(FM of 6 columns, CM of 6 .*train\.decode to host"):
        CompressedReader(chunks, CmvnConfig(), CPU)


def test_variance_normalisation_is_refused(tmp_path):
    chunks = make_chunks(tmp_path, ["CM"])
    with pytest.raises(StepsError, match=r"norm_vars.*train\.decode to host"):
        CompressedReader(chunks, CmvnConfig(norm_vars=True), CPU)


@pytest.mark.parametrize("kind", ["FM", "CM"])
def test_an_archive_truncated_later_is_an_error_with_the_utterance(tmp_path, kind):
    chunks = make_chunks(tmp_path, [kind])
    reader = CompressedReader(chunks, CmvnConfig(), CPU)
    with open(tmp_path / "0/feats.ark", "r+b") as ark:
        ark.truncate(100)
    batch = Batch(np.array([2]), np.array([0]), np.array([0]), 20, None)
    with pytest.raises(TableError, match=r"^u2: .*feats\.ark: ends at byte 100"):
        reader.read(batch)
