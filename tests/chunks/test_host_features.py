"""Random access to voiced, normalised frames."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.chunks.host_features import VoicedFeatures
from steps_py.errors import StepsError, TableError
from steps_py.feats.cmvn import sliding_cmn
from steps_py.feats.config import CmvnConfig
from steps_py.feats.sliding_mean import window_sums
from steps_py.formats.archives import Locations
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import SequentialReader
from tests.support.small_features import matrix_bytes, vector_bytes, write_archive


def voiced_features(folder, matrices, decisions, cmvn=None):
    feats = write_archive(folder / "feats.ark", folder / "feats.scp", matrices)
    vad = write_archive(folder / "vad.ark", folder / "vad.scp", decisions)
    utts = sorted(feats)
    places = [Locations([table[utt] for utt in utts]) for table in (feats, vad)]
    return VoicedFeatures(utts, *places, cmvn or CmvnConfig())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_range_equals_cmn_followed_by_selection_of_voiced_frames(tmp_path_factory, data):
    """Oracle: normalise the whole utterance, select voiced frames, then cut."""
    num_frames = data.draw(st.integers(1, 120))
    window_frames = data.draw(st.integers(1, 60))
    norm_vars = data.draw(st.booleans()) if window_frames > 5 else False
    voiced_T = np.array(
        data.draw(st.lists(st.booleans(), min_size=num_frames, max_size=num_frames))
    )
    x_TD = np.random.default_rng(num_frames).standard_normal((num_frames, 3)).astype(np.float32)
    cmvn = CmvnConfig(window_frames=window_frames, norm_vars=norm_vars)
    features = voiced_features(
        tmp_path_factory.mktemp("f"), {"u": matrix_bytes(x_TD)}, {"u": vector_bytes(voiced_T)}, cmvn
    )
    expected = sliding_cmn(x_TD, window_frames, norm_vars=norm_vars)[voiced_T]
    num_voiced = len(expected)
    first = data.draw(st.integers(0, num_voiced))
    num = data.draw(st.integers(0, num_voiced - first))
    got = features.read(0, first, num)
    assert got.shape == (num, 3)
    np.testing.assert_allclose(got, expected[first : first + num], atol=2e-5)
    np.testing.assert_array_equal(got, features.read(0, first, num, is_chunk=True))
    np.testing.assert_allclose(features.read(0), expected, atol=2e-5)


@given(st.integers(1, 70), st.data())
def test_window_sums_are_sums_of_windows(num_rows, data):
    length = data.draw(st.integers(1, num_rows))
    x_TD = np.random.default_rng(num_rows).integers(-99, 99, (num_rows, 2)).astype(np.float32)
    expected = [x_TD[w : w + length].sum(axis=0) for w in range(num_rows - length + 1)]
    assert np.array_equal(window_sums(x_TD, length), expected)


def test_only_the_needed_frames_of_a_long_utterance_are_read(tmp_path):
    """The bytes of all other rows are overwritten with noise."""
    x_TD = np.random.default_rng(2).standard_normal((4000, 3)).astype(np.float32)
    spoilt_TD = x_TD.copy()
    spoilt_TD[:1500] = spoilt_TD[2500:] = np.nan
    data = {"sound": matrix_bytes(x_TD), "spoilt": matrix_bytes(spoilt_TD)}
    features = voiced_features(tmp_path, data, {k: vector_bytes(np.ones(4000)) for k in data})
    assert np.array_equal(features.read(0, 1900, 200), features.read(1, 1900, 200))


def one_utt(folder, matrix, decisions):
    return voiced_features(folder, {"spk1-utt1": matrix}, {"spk1-utt1": decisions})


def test_errors_name_the_utterance_and_what_to_do(tmp_path):
    good, ones = matrix_bytes(np.zeros((5, 2), np.float32)), vector_bytes(np.ones(5))
    nan = matrix_bytes(np.full((5, 2), np.nan, np.float32))
    cases = {
        "decisions": (
            good,
            vector_bytes(np.ones(4)),
            "5 frames of features, but 4 voice decisions",
        ),
        "text": (b" [\n 1 2 ]\n" + b" " * 30, ones, "no binary matrix found"),
        "vad": (good, good, "no vector found"),
        "short": (good[:-3], ones, "The archive is truncated"),
        "nan": (nan, ones, "its features are not finite"),
        "silent": (good, vector_bytes(np.zeros(5)), "0 voiced frames, but 0 to 2 are needed"),
    }
    for name, (matrix, decisions, messages) in cases.items():
        (tmp_path / name).mkdir()
        with pytest.raises(TableError) as error:
            one_utt(tmp_path / name, matrix, decisions).read(0, 0, 3)
        assert str(error.value).startswith("spk1-utt1: ")
        assert messages in str(error.value)


def test_a_missing_archive_is_an_error_with_the_utterance(tmp_path):
    places = Locations([f"{tmp_path}/nowhere.ark:5"])
    with pytest.raises(StepsError, match=r"utt: .*nowhere\.ark: No such file or directory"):
        VoicedFeatures(["utt"], places, places, CmvnConfig()).read(0)


def test_voiced_frames_equal_those_of_kaldis_commands(monkeypatch):
    """apply-cmvn-sliding --cmn-window=300 | select-voiced-frames, by Kaldi itself."""
    monkeypatch.chdir(Path(__file__).parents[1] / "golden/kaldi")
    with SequentialReader("scp:inputs/feats.scp", FLOAT_MATRIX) as reader:
        utts = [utt for utt, _ in reader]
    places = [
        Locations([line.split()[1] for line in Path(f"inputs/{name}.scp").read_text().splitlines()])
        for name in ("feats", "vad")
    ]
    features = VoicedFeatures(utts, *places, CmvnConfig(window_frames=300))
    with SequentialReader("ark:expected/no_sil/feats.ark", FLOAT_MATRIX) as reader:
        expected = dict(reader)
    for row, utt in enumerate(utts):
        x_TD = features.read(row)
        assert (utt in expected) == (len(x_TD) > 0)
        if utt in expected:
            np.testing.assert_allclose(x_TD, expected[utt], atol=1e-5)
            np.testing.assert_allclose(features.read(row, 2, 3), expected[utt][2:5], atol=1e-5)


def test_without_a_window_frames_are_not_normalised(tmp_path):
    x_TD = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    voiced_T = np.arange(9) % 3 > 0
    features = voiced_features(
        tmp_path,
        {"u": matrix_bytes(x_TD)},
        {"u": vector_bytes(voiced_T)},
        CmvnConfig(window_frames=0),
    )
    assert np.array_equal(features.read(0), x_TD[voiced_T])
    assert np.array_equal(features.read(0, 2, 3), x_TD[voiced_T][2:5])
