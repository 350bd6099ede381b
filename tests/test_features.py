"""Random access to voiced, normalised frames."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.cmvn import sliding_cmn
from steps_py.errors import StepsError, TableError
from steps_py.features import (
    CmvnConfig,
    Locations,
    MatrixAt,
    OpenFiles,
    VoicedFeatures,
    count_frames,
    read_vector_at,
)
from steps_py.kaldi.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.kaldi.tables import RandomReader, SequentialReader, TableWriter
from tests.small_features import matrix_bytes, vector_bytes, write_archive

KINDS = ["FM", "DM", "CM", "CM2", "CM3"]


def voiced_features(folder, matrices, decisions, cmvn=None):
    feats = write_archive(folder / "feats.ark", folder / "feats.scp", matrices)
    vad = write_archive(folder / "vad.ark", folder / "vad.scp", decisions)
    utts = sorted(feats)
    places = [Locations([table[utt] for utt in utts]) for table in (feats, vad)]
    return VoicedFeatures(utts, *places, cmvn or CmvnConfig())


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_table_reader(tmp_path, kind):
    """Oracle: our table reader, which reads whole matrices and is held to Kaldi's files."""
    x_TD = np.random.default_rng(1).standard_normal((300, 5)).astype(np.float32)
    entries = write_archive(
        tmp_path / "a.ark",
        tmp_path / "a.scp",
        {"a": matrix_bytes(x_TD[:40], kind), "b": matrix_bytes(x_TD, kind)},
    )
    files, place = OpenFiles(), Locations([entries["b"]])[0]
    with RandomReader(f"scp:{tmp_path}/a.scp", FLOAT_MATRIX) as table:
        whole_TD = table["b"]
    matrix = MatrixAt(files, *place)
    assert (matrix.num_rows, matrix.num_cols) == (300, 5)
    for first, end in [(0, 300), (0, 1), (299, 300), (17, 17), (20, 290)]:
        rows = matrix.rows(first, end)
        assert rows.dtype == np.float32
        assert np.array_equal(rows, whole_TD[first:end])


@pytest.mark.parametrize("kind", ["FV", "DV"])
def test_vectors_are_those_of_the_table_reader(tmp_path, kind):
    data = {"a": vector_bytes([1, 0, 1], kind), "b": vector_bytes([0, 1], kind)}
    entries = write_archive(tmp_path / "v.ark", tmp_path / "v.scp", data)
    with RandomReader(f"scp:{tmp_path}/v.scp", FLOAT_VECTOR) as table:
        for key in "ab":
            place = Locations([entries[key]])[0]
            assert read_vector_at(OpenFiles(), *place).tolist() == table[key].tolist()


@pytest.mark.parametrize("num_frames", [0, 1, 5000])
def test_vectors_may_be_text_as_compute_vad_writes_them(tmp_path, num_frames):
    voiced_T = np.arange(num_frames) % 3 == 0
    with TableWriter(f"ark,t,scp:{tmp_path}/v.ark,{tmp_path}/v.scp", FLOAT_VECTOR) as writer:
        writer.write("a", np.ones(2, np.float32))
        writer.write("b", voiced_T.astype(np.float32))
    entries = [line.split()[1] for line in (tmp_path / "v.scp").read_text().splitlines()]
    read = read_vector_at(OpenFiles(), *Locations(entries)[1])
    assert read.tolist() == voiced_T.tolist()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_stretch_is_cmn_then_voiced_frames(tmp_path_factory, data):
    """Oracle: normalise the whole utterance, drop what is unvoiced, then cut."""
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
    np.testing.assert_allclose(features.read(0), expected, atol=2e-5)


def test_frames_of_a_long_utterance_are_read_without_the_rest(tmp_path):
    """The bytes of all other rows may even be rubbish."""
    x_TD = np.random.default_rng(2).standard_normal((4000, 3)).astype(np.float32)
    spoilt_TD = x_TD.copy()
    spoilt_TD[:1500] = spoilt_TD[2500:] = np.nan
    data = {"sound": matrix_bytes(x_TD), "spoilt": matrix_bytes(spoilt_TD)}
    features = voiced_features(tmp_path, data, {k: vector_bytes(np.ones(4000)) for k in data})
    assert np.array_equal(features.read(0, 1900, 200), features.read(1, 1900, 200))


def test_count_frames_counts_decisions_and_voiced_frames_and_shares_entries(tmp_path):
    vad = write_archive(
        tmp_path / "v.ark",
        tmp_path / "v.scp",
        {"a": vector_bytes([1, 0, 1]), "b": vector_bytes([0, 0])},
    )
    utts = ["a", "a-noise", "b"]
    num_frames_U, num_voiced_U = count_frames(utts, Locations([vad["a"], vad["a"], vad["b"]]))
    assert num_frames_U.tolist() == [3, 3, 2]
    assert num_voiced_U.tolist() == [2, 2, 0]


def test_more_files_than_may_be_open_at_once_are_read(tmp_path):
    paths = [tmp_path / str(i) for i in range(20)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]))
    files = OpenFiles(limit=3)
    for _ in range(2):
        assert [files.read(str(path), 0, 1)[0] for path in paths] == list(range(20))


def one_utt(folder, matrix, decisions):
    return voiced_features(folder, {"spk1-utt1": matrix}, {"spk1-utt1": decisions})


def test_errors_name_the_utterance_and_the_cure(tmp_path):
    good, ones = matrix_bytes(np.zeros((5, 2), np.float32)), vector_bytes(np.ones(5))
    nan = matrix_bytes(np.full((5, 2), np.nan, np.float32))
    cases = {
        "decisions": (good, vector_bytes(np.ones(4)), "5 frames of features, 4 voice decisions"),
        "text": (b" [\n 1 2 ]\n" + b" " * 30, ones, "no binary matrix is there"),
        "vad": (good, good, "no vector is there"),
        "short": (good[:-3], ones, "The archive is truncated"),
        "nan": (nan, ones, "its features are not finite"),
        "silent": (good, vector_bytes(np.zeros(5)), "0 voiced frames, but 0 to 2 are wanted"),
    }
    for name, (matrix, decisions, said) in cases.items():
        (tmp_path / name).mkdir()
        with pytest.raises(TableError) as error:
            one_utt(tmp_path / name, matrix, decisions).read(0, 0, 3)
        assert str(error.value).startswith("spk1-utt1: ")
        assert said in str(error.value)


def test_a_missing_archive_is_named_with_the_utterance(tmp_path):
    places = Locations([f"{tmp_path}/nowhere.ark:5"])
    with pytest.raises(StepsError, match=r"utt: .*nowhere\.ark: No such file or directory"):
        VoicedFeatures(["utt"], places, places, CmvnConfig()).read(0)


@pytest.mark.parametrize("entry", ["copy-feats a b |", "a.ark:5[0:9]", "-"])
def test_what_cannot_be_read_at_random_is_refused(entry):
    with pytest.raises(TableError, match="Write the table to an archive first"):
        Locations([entry])


def test_a_path_may_contain_colons():
    assert Locations(["C:x/a:b.ark:12", "a:b"])[0] == ("C:x/a:b.ark", 12)
    assert Locations(["a:b"])[0] == ("a:b", 0)


def test_voiced_frames_are_those_kaldis_commands_leave(monkeypatch):
    """apply-cmvn-sliding --cmn-window=300 | select-voiced-frames, by Kaldi itself."""
    monkeypatch.chdir(Path(__file__).parent / "golden/kaldi")
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
