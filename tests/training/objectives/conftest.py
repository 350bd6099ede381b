"""Chunks of labelled and of unlabelled utterances, and tables of labels."""

import pytest

from steps_py.chunks.allocation import Chunks, read_utterances
from steps_py.chunks.unlabelled import allocate_unlabelled, write_unlabelled
from tests.support.small_features import draw_utts, write_data_dir
from tests.support.small_training import CHUNKS, write_small_chunks

DOMAINS = ("book", "phone")


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A folder with chunks, data/utt2domain and the chunks of seven unlabelled utterances."""
    folder = tmp_path_factory.mktemp("objectives")
    write_small_chunks(folder)
    utts = [line.split()[0] for line in (folder / "data/utt2spk").read_text().splitlines()]
    lines = (f"{utt} {DOMAINS[number % 2]}\n" for number, utt in enumerate(utts))
    (folder / "data/utt2domain").write_text("".join(lines))
    write_data_dir(folder / "adapt", draw_utts(1, 7), kind="CM")
    utterances = read_utterances([folder / "adapt"])
    rows = allocate_unlabelled(utterances, CHUNKS, log=str)
    write_unlabelled(utterances, rows, folder / "unlabelled.tsv")
    return folder


@pytest.fixture(scope="session")
def with_data(material):
    """A function that adds the data directory and the unlabelled chunks to sections."""

    def add(sections):
        added = {"data_dirs": [str(material / "data")]}
        if sections["train"].unlabelled is not None:
            added["unlabelled"] = Chunks(material / "unlabelled.tsv")
        return sections | added

    return add
