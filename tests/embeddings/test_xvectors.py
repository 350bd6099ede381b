"""Extraction: batches change nothing, long and short utterances, messages."""

import dataclasses
import json
import os

import numpy as np
import pytest
import torch

from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.xvectors import check_lengths, check_model, extract_xvectors, open_features
from steps_py.errors import ConfigError, DataDirError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.settings.build import replaced
from steps_py.stages.extract_xvectors import main
from tests.support.kaldi_network import GOLDEN, build_network
from tests.support.small_features import write_data_dir

torch.set_num_threads(1)
CPU = torch.device("cpu")
MODEL = ModelConfig(
    encoder={"name": "tdnn", "hidden_dim": 8, "out_dim": 12},
    embedding_dim=6,
    pooling={"name": "stats"},
)


@pytest.fixture(scope="module")
def extractor():
    """A network whose batch norms have seen data."""
    torch.manual_seed(2)
    model = build_model(MODEL, feat_dim=4).train()
    for _ in range(3):
        model(2 * torch.randn(4, 40, 4))
    cmvn = CmvnConfig(window_frames=50)
    return Extractor(model=model.eval(), config=MODEL, feat_dim=4, cmvn=cmvn)


def data_dir(folder, lengths, dim=4):
    """An utterance of each length, all frames voiced but every fifth."""
    rng, utts = np.random.default_rng(4), {}
    for i, length in enumerate(lengths):
        num_frames = length + length // 4
        voiced_T = np.arange(num_frames) % 5 != 4
        voiced_T[:] |= voiced_T.sum() < length
        assert voiced_T.sum() == length
        x_TD = rng.standard_normal((num_frames, dim)).astype(np.float32)
        utts[f"utt{i:02d}"] = ("spk", x_TD, voiced_T)
    return write_data_dir(folder, utts)


def extract(extractor, folder, **fields):
    features, num_voiced_U = open_features(folder / "feats.scp", folder / "vad.scp", extractor.cmvn)
    config = XvectorsConfig(**fields)
    return dict(extract_xvectors(extractor.model, features, num_voiced_U, config, CPU))


def alone(extractor, x_TD):
    """The x-vector of one matrix, without batches, masks and chunks."""
    with torch.inference_mode():
        return extractor.model(torch.from_numpy(x_TD)[None])[0].numpy()


def voiced(extractor, folder):
    features, _ = open_features(folder / "feats.scp", folder / "vad.scp", extractor.cmvn)
    return {utt: features.read(row) for row, utt in enumerate(features.utts)}


@pytest.mark.parametrize("batch_frames", [1, 100, 10_000])
def test_batches_give_the_x_vectors_of_one_by_one(extractor, tmp_path, batch_frames, monkeypatch):
    monkeypatch.setattr("steps_py.embeddings.xvectors.WINDOW_FRAMES", 150)
    folder = data_dir(tmp_path / "data", [30, 64, 25, 100, 41, 30, 77])
    xvectors = extract(extractor, folder, batch_frames=batch_frames)
    assert list(xvectors) == [f"utt{i:02d}" for i in range(7)]
    for utt, x_TD in voiced(extractor, folder).items():
        np.testing.assert_allclose(xvectors[utt], alone(extractor, x_TD), atol=1e-5)


def test_long_utterances_are_averaged_over_chunks_by_length(extractor, tmp_path):
    """100 frames in chunks of 40: 40, 40 and 20; 77 frames: 40 and 37."""
    folder = data_dir(tmp_path / "data", [100, 77, 40])
    xvectors = extract(extractor, folder, min_chunk_frames=20, max_chunk_frames=40)
    first, second, third = voiced(extractor, folder).values()
    parts = [alone(extractor, first[t : t + 40]) for t in (0, 40, 80)]
    expected = (40 * parts[0] + 40 * parts[1] + 20 * parts[2]) / 100
    np.testing.assert_allclose(xvectors["utt00"], expected, atol=1e-5)
    expected = (40 * alone(extractor, second[:40]) + 37 * alone(extractor, second[40:])) / 77
    np.testing.assert_allclose(xvectors["utt01"], expected, atol=1e-5)
    np.testing.assert_allclose(xvectors["utt02"], alone(extractor, third), atol=1e-5)


def test_short_utterances_are_padded_by_their_edges_with_pad(extractor, tmp_path):
    """22 of 25 frames: one before, two after, as Kaldi's --pad-input does."""
    folder = data_dir(tmp_path / "data", [22, 30])
    xvectors = extract(extractor, folder, short_utts="pad")
    x_TD = voiced(extractor, folder)["utt00"]
    padded_TD = np.concatenate([x_TD[:1], x_TD, x_TD[-1:], x_TD[-1:]])
    np.testing.assert_allclose(xvectors["utt00"], alone(extractor, padded_TD), atol=1e-5)


@pytest.mark.parametrize(
    "lengths, fields, said",
    [
        ([3, 30, 0], {}, "2 of 3 utterances have fewer than 25 voiced frames (utt00: 3, utt02: 0)"),
        ([3, 30], {}, "or set xvectors.short_utts to pad"),
        ([30, 0], {"short_utts": "pad"}, "1 of 2 utterances have fewer than 1 voiced"),
        ([30, 0], {}, "or lower --vad-energy-threshold in conf/vad.conf"),
    ],
)
def test_utterances_that_are_too_short_are_counted_and_named(lengths, fields, said):
    utts = [f"utt{i:02d}" for i in range(len(lengths))]
    with pytest.raises(DataDirError) as error:
        check_lengths(utts, np.array(lengths), XvectorsConfig(**fields), "data/x/feats.scp")
    assert str(error.value).startswith("data/x/feats.scp: ") and said in str(error.value)


def test_long_enough_utterances_pass():
    check_lengths(["a", "b"], np.array([25, 10]), XvectorsConfig(min_chunk_frames=10), "f")
    check_lengths(["a", "b"], np.array([25, 1]), XvectorsConfig(short_utts="pad"), "f")


def test_features_of_another_dimension_are_refused(extractor, tmp_path):
    folder = data_dir(tmp_path / "data", [30], dim=3)
    features, _ = open_features(folder / "feats.scp", folder / "vad.scp", CmvnConfig())
    with pytest.raises(StepsError) as error:
        check_model(extractor, "final.pt", features, "data/x/feats.scp", XvectorsConfig())
    assert str(error.value) == (
        "final.pt expects 4-dimensional features, data/x/feats.scp has 3."
        " Extract with the conf/mfcc.conf the model was trained with."
    )


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"min_chunk_frames": 50, "max_chunk_frames": 40}, "min_chunk_frames' is 50"),
        ({"short_utts": "padd"}, "Did you mean 'pad'?"),
    ],
)
def test_a_wrong_section_is_answered_in_words(fields, said):
    with pytest.raises(ConfigError) as error:
        replaced(XvectorsConfig(), "xvectors", **fields)
    assert said in str(error.value)


def test_chunks_shorter_than_the_network_spans_are_refused(extractor, tmp_path):
    folder = data_dir(tmp_path / "data", [30])
    features, _ = open_features(folder / "feats.scp", folder / "vad.scp", CmvnConfig())
    config = XvectorsConfig(min_chunk_frames=10)
    with pytest.raises(ConfigError, match="min_chunk_frames is 10, but .* spans 15"):
        check_model(extractor, "final.pt", features, "feats.scp", config)


def test_an_x_vector_that_is_not_finite_is_named(extractor, tmp_path):
    broken = build_model(MODEL, feat_dim=4).eval()
    broken.embedding.bias.data.fill_(float("inf"))
    folder = data_dir(tmp_path / "data", [30])
    with pytest.raises(StepsError, match="utt00: its x-vector is not finite"):
        extract(dataclasses.replace(extractor, model=broken), folder)


def command(folder, out_dir, model, feats=None, **fields):
    files = {
        "model": model,
        "feats": feats or folder / "feats.scp",
        "vad": folder / "vad.scp",
        "out-ark": out_dir / "x.ark",
        "out-scp": out_dir / "x.scp",
    }
    main(["--config", json.dumps(fields), *(f"--{name}={path}" for name, path in files.items())])
    with SequentialReader(f"scp:{out_dir}/x.scp", FLOAT_VECTOR) as reader:
        return dict(reader)


def test_the_stage_writes_all_x_vectors_in_order(extractor, tmp_path):
    save_extractor(tmp_path / "final.pt", extractor)
    folder = data_dir(tmp_path / "data", [60, 30, 45])
    xvectors = command(folder, tmp_path / "out", tmp_path / "final.pt", batch_frames=100)
    assert list(xvectors) == ["utt00", "utt01", "utt02"]
    for utt, x_TD in voiced(extractor, folder).items():
        np.testing.assert_allclose(xvectors[utt], alone(extractor, x_TD), atol=1e-5)


def test_parts_give_the_x_vectors_of_the_whole(extractor, tmp_path):
    save_extractor(tmp_path / "final.pt", extractor)
    folder = data_dir(tmp_path / "data", [60, 30, 45, 28])
    whole = command(folder, tmp_path / "whole", tmp_path / "final.pt")
    lines = (folder / "feats.scp").read_text().splitlines(keepends=True)
    parts = {}
    for i in range(2):
        feats = tmp_path / f"{i}.feats.scp"
        feats.write_text("".join(lines[2 * i : 2 * i + 2]))
        parts |= command(folder, tmp_path / str(i), tmp_path / "final.pt", feats)
    assert parts.keys() == whole.keys()
    assert all(np.allclose(parts[utt], whole[utt], atol=1e-6) for utt in whole)


def test_a_part_without_utterances_gives_empty_tables(extractor, tmp_path):
    save_extractor(tmp_path / "final.pt", extractor)
    folder = data_dir(tmp_path / "data", [30])
    (tmp_path / "none.scp").write_text("")
    assert command(folder, tmp_path / "out", tmp_path / "final.pt", tmp_path / "none.scp") == {}
    assert (tmp_path / "out" / "x.scp").read_bytes() == b""


def test_a_failure_leaves_no_half_tables_behind(extractor, tmp_path):
    save_extractor(tmp_path / "final.pt", extractor)
    folder = data_dir(tmp_path / "data", [30, 40])
    with open(folder / "feats.ark", "r+b") as ark:
        ark.seek(-200, os.SEEK_END)
        ark.write(200 * b"\xff")  # nan
    with pytest.raises(StepsError, match=r"utt01: its features are not finite"):
        command(folder, tmp_path / "out", tmp_path / "final.pt")
    assert list((tmp_path / "out").iterdir()) == []


def test_missing_decisions_are_named(extractor, tmp_path):
    folder = data_dir(tmp_path / "data", [30, 40])
    (folder / "vad.scp").write_text((folder / "vad.scp").read_text().splitlines()[0] + "\n")
    with pytest.raises(DataDirError, match=r"vad\.scp: 1 missing \(utt01\) of the 2 keys"):
        open_features(folder / "feats.scp", folder / "vad.scp", CmvnConfig())


def read_golden(case, file="xvector.ark"):
    with SequentialReader(f"ark:{GOLDEN}/expected/{case}/{file}", FLOAT_VECTOR) as reader:
        return dict(reader)


def kaldi_features(monkeypatch):
    """Kaldi's features with the 300-frame window, voiced frames only, as its command had them."""
    monkeypatch.chdir(GOLDEN)  # script files name archives from there
    features, num_voiced_U = open_features("inputs/feats.scp", "inputs/vad.scp", CmvnConfig())
    spoken = np.flatnonzero(num_voiced_U)  # select-voiced-frames drops the others
    return Some(features, spoken), num_voiced_U[spoken]


class Some:
    """A few rows of features."""

    def __init__(self, features, rows):
        self._features, self._rows = features, rows
        self.utts = [features.utts[row] for row in rows]

    def read(self, row):
        return self._features.read(self._rows[row])


@pytest.mark.parametrize("case, size", [("nnet3_xvector", 10_000), ("nnet3_xvector_chunks", 60)])
def test_kaldis_weights_give_kaldis_x_vectors(monkeypatch, case, size):
    """The whole way: archive, normalisation, voiced frames, chunks, masks, network, mean.

    Kaldi computes variances as differences of large float32 sums, which is good for 3 digits.
    """
    model, _ = build_network()
    features, num_voiced_U = kaldi_features(monkeypatch)
    config = XvectorsConfig(max_chunk_frames=size, batch_frames=300, short_utts="pad")
    got = dict(extract_xvectors(model, features, num_voiced_U, config, CPU))
    expected = read_golden(case)
    assert got.keys() == expected.keys()
    for utt in expected:
        np.testing.assert_allclose(got[utt], expected[utt], atol=1e-3)


class Unnormalised:
    """Features as they are in the archive."""

    def __init__(self):
        with SequentialReader("scp:inputs/feats.scp", FLOAT_MATRIX) as reader:
            self.utts, self._matrices = zip(*reader, strict=True)

    def read(self, row):
        return self._matrices[row]


def test_kaldis_padding_is_ours(monkeypatch):
    monkeypatch.chdir(GOLDEN)
    model, _ = build_network()
    features = Unnormalised()
    num_frames_U = np.array([len(features.read(row)) for row in range(len(features.utts))])
    config = XvectorsConfig(min_chunk_frames=100, short_utts="pad")
    got = dict(extract_xvectors(model, features, num_frames_U, config, CPU))
    expected = read_golden("nnet3_xvector_padded")
    assert got.keys() == expected.keys() and num_frames_U.min() < 100
    for utt in expected:
        np.testing.assert_allclose(got[utt], expected[utt], atol=1e-3)


class WithHead:
    """The network and its head: log posteriors of the speakers instead of x-vectors."""

    embedding_dim = 10

    def __init__(self, model, head):
        self._model, self._head = model, head

    def __call__(self, x_BTD, num_frames_B):
        spk_id_B = torch.zeros(len(x_BTD), dtype=torch.long)
        return self._head(self._model(x_BTD, num_frames_B), spk_id_B)[1].log_softmax(dim=1)


def test_kaldis_weights_give_kaldis_posteriors(monkeypatch):
    features, num_voiced_U = kaldi_features(monkeypatch)
    config = XvectorsConfig(min_chunk_frames=100, short_utts="pad")
    model = WithHead(*build_network())
    got = dict(extract_xvectors(model, features, num_voiced_U, config, CPU))
    expected = read_golden("nnet3_posteriors", "post.ark")
    assert got.keys() == expected.keys()
    for utt in expected:
        np.testing.assert_allclose(got[utt], expected[utt], atol=1e-3)
