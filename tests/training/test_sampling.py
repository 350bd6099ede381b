"""Samplers of a training that read labels of utterances."""

import pytest

from steps_py.chunks.allocation import Chunks
from steps_py.errors import ConfigError
from tests.support.small_training import (
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
    write_small_chunks,
)

DOMAINS = {"name": "domain_batches", "ratio": {"book": 2, "phone": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Chunks, and data/utt2domain."""
    folder = tmp_path_factory.mktemp("sampling")
    write_small_chunks(folder)
    utts = [line.split()[0] for line in (folder / "data/utt2spk").read_text().splitlines()]
    lines = (f"{utt} {('book', 'phone')[n % 2]}\n" for n, utt in enumerate(utts))
    (folder / "data/utt2domain").write_text("".join(lines))
    return folder


def test_a_training_on_batches_of_domains_is_resumed_to_the_bit(folder, tmp_path):
    sections = small_sections(sampler=DOMAINS) | {"data_dirs": [str(folder / "data")]}
    _, (trainer,) = small_run(folder / "chunks", tmp_path / "whole", sections)
    run_cut_off(folder / "chunks", tmp_path / "cut off", sections, [2, 6])
    assert_same(tmp_path / "cut off", result(tmp_path / "whole"))
    utts = Chunks(folder / "chunks/train.tsv").utts
    table = dict(line.split() for line in (folder / "data/utt2domain").read_text().splitlines())
    domains = [{table[utts[row]] for row in trainer.sampler.batch(n).rows_B} for n in range(6)]
    assert sorted(name for batch in domains for name in batch) == ["book"] * 4 + ["phone"] * 2
    assert "sampler_labels" in trainer.settings


def test_a_table_that_is_missing_is_refused(folder, tmp_path):
    sections = small_sections(sampler=DOMAINS | {"labels": "accent", "ratio": {}})
    sections["data_dirs"] = [str(folder / "data")]
    with pytest.raises(ConfigError, match=r"train.sampler: .*utt2accent is not there"):
        small_run(folder / "chunks", tmp_path, sections)
