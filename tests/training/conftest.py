"""Chunks of five speakers, and the result of an uninterrupted training on them."""

import pytest

from steps_py.chunks.allocation import allocate_chunks, read_utterances, write_chunks
from tests.support.small_features import draw_utts, write_data_dir
from tests.support.small_training import CHUNKS, result, run


@pytest.fixture(scope="session")
def chunks_dir(tmp_path_factory):
    """Chunks of five speakers with ten compressed utterances each."""
    folder = tmp_path_factory.mktemp("train")
    write_data_dir(folder / "data", draw_utts(5, 10), kind="CM")
    utterances = read_utterances([folder / "data"])
    allocation = allocate_chunks(utterances, CHUNKS, log=lambda line: None)
    write_chunks(utterances, allocation, folder / "chunks")
    return folder / "chunks"


@pytest.fixture(scope="session")
def expected(chunks_dir, tmp_path_factory):
    """Result of an uninterrupted training."""
    out_dir = tmp_path_factory.mktemp("undisturbed")
    run(chunks_dir, out_dir)
    return result(out_dir)
