"""Commands on vectors: means, centring, length normalisation, transforms, LDA, PCA."""

import numpy as np
import pytest

from steps_py.formats.holders import DOUBLE_VECTOR, FLOAT_MATRIX, FLOAT_VECTOR, INT
from steps_py.formats.tables import read_object, write_object
from tests.support.kaldi_calls import kaldi, read, said, write

RNG = np.random.default_rng(0)
VECTORS = {f"s{s}-{u}": RNG.normal(s, 1, 4).astype(np.float32) for s in range(3) for u in range(5)}
X = np.array(list(VECTORS.values()))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    write("vecs.ark", VECTORS)
    utts = {f"s{s}": [utt for utt in VECTORS if utt.startswith(f"s{s}-")] for s in range(3)}
    lines = [f"{spk} {' '.join(names)}\n" for spk, names in utts.items()]
    (tmp_path / "spk2utt").write_text("".join(lines))
    (tmp_path / "utt2spk").write_text("".join(f"{utt} {utt[:2]}\n" for utt in VECTORS))
    return tmp_path


# ivector-mean


def test_the_mean_of_all_is_a_text_file_by_default(folder):
    assert kaldi("ivector-mean", "ark:vecs.ark", "mean.vec") == 0
    assert (folder / "mean.vec").read_bytes().startswith(b" [ ")
    assert kaldi("ivector-mean", "--binary=true", "ark:vecs.ark", "mean.bin") == 0
    assert (folder / "mean.bin").read_bytes().startswith(b"\0BDV ")
    mean_D = X.astype(float).mean(axis=0)
    np.testing.assert_allclose(read_object("mean.vec", DOUBLE_VECTOR), mean_D, rtol=1e-6)
    np.testing.assert_array_equal(read_object("mean.bin", DOUBLE_VECTOR), mean_D)


def test_means_of_speakers_and_their_counts():
    argv = ("ark:spk2utt", "ark:vecs.ark", "ark:spk.ark", "ark,t:num_utts")
    assert kaldi("ivector-mean", *argv) == 0
    np.testing.assert_allclose(read("spk.ark")["s1"], X[5:10].mean(axis=0), rtol=1e-6)
    assert read("num_utts", INT) == {"s0": 5, "s1": 5, "s2": 5}
    assert kaldi("ivector-mean", *argv[:3]) == 0


def test_missing_utterances_are_excluded_from_the_mean(folder, capfd, monkeypatch):
    (folder / "spk2utt").write_text("s0 s0-0 nobody\ns9 no-one\n")
    argv = ("ivector-mean", "ark:spk2utt", "ark:vecs.ark", "ark:spk.ark", "ark,t:num_utts")
    assert kaldi(*argv) == 0
    message = said(capfd)
    assert "nobody: no iVector present in input" in message
    assert "Not producing output for speaker s9" in message
    np.testing.assert_array_equal(read("spk.ark")["s0"], VECTORS["s0-0"])
    assert read("num_utts", INT) == {"s0": 1}
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi(*argv) == 1
    assert "nobody, no-one" in said(capfd)


def test_an_empty_table_has_no_mean(capfd):
    write("none.ark", {})
    assert kaldi("ivector-mean", "ark:none.ark", "mean.vec") == 255
    assert "no vectors to average" in said(capfd)


def test_vectors_of_two_dimensions_have_no_mean(capfd):
    write("mixed.ark", {**VECTORS, "z": [1.0]})
    assert kaldi("ivector-mean", "ark:mixed.ark", "mean.vec") == 255
    assert "z has 1 dimensions, s0-0 has 4" in said(capfd)


def test_nan_is_named(capfd):
    write("bad.ark", {"a": [1, 2], "b": [np.nan, 0], "c": [np.inf, 0]})
    assert kaldi("ivector-mean", "ark:bad.ark", "mean.vec") == 255
    assert "not finite: b, c" in said(capfd)


# ivector-subtract-global-mean


def test_the_mean_of_the_table_is_subtracted():
    assert kaldi("ivector-subtract-global-mean", "ark:vecs.ark", "ark:o.ark") == 0
    got = np.array(list(read("o.ark").values()))
    np.testing.assert_allclose(got, X - X.mean(axis=0), atol=1e-6)


def test_a_given_mean_is_subtracted():
    write_object("mean.vec", FLOAT_VECTOR, np.arange(4.0))
    assert kaldi("ivector-subtract-global-mean", "mean.vec", "ark:vecs.ark", "ark:o.ark") == 0
    np.testing.assert_array_equal(read("o.ark")["s0-0"], VECTORS["s0-0"] - np.arange(4, dtype="f4"))


def test_subtraction_can_be_turned_off():
    options = ("--subtract-mean=false",)
    assert kaldi("ivector-subtract-global-mean", *options, "ark:vecs.ark", "ark:o.ark") == 0
    np.testing.assert_array_equal(read("o.ark")["s0-0"], VECTORS["s0-0"])


def test_the_mean_of_other_vectors_is_refused(capfd):
    write_object("mean.vec", FLOAT_VECTOR, np.arange(5.0))
    assert kaldi("ivector-subtract-global-mean", "mean.vec", "ark:vecs.ark", "ark:o.ark") == 255
    assert "s0-0 has 4 dimensions, the mean 5" in said(capfd)


# ivector-normalize-length


@pytest.mark.parametrize("scaleup, length", [("true", 2.0), ("false", 1.0)])
def test_lengths_are_normalised(scaleup, length):
    options = (f"--scaleup={scaleup}",)
    assert kaldi("ivector-normalize-length", *options, "ark:vecs.ark", "ark:o.ark") == 0
    got = np.array(list(read("o.ark").values()))
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), length, rtol=1e-6)


def test_lengths_can_be_looked_at_only(capfd):
    write("v.ark", {"a": [3, 4], "zero": [0, 0]})
    options = ("--normalize=false", "--scaleup=false", "--verbose=2")
    assert kaldi("ivector-normalize-length", *options, "ark:v.ark", "ark:o.ark") == 0
    np.testing.assert_array_equal(read("o.ark")["a"], [3, 4])
    message = said(capfd)
    assert "Ratio for key a is 5" in message
    assert "Zero iVector: zero" in message
    assert "was 2.5, standard deviation was 2.5" in message


def test_vectors_of_any_dimension_are_normalised():
    write("v.ark", {"a": [3, 4], "b": [2]})
    assert kaldi("ivector-normalize-length", "ark:v.ark", "ark:o.ark") == 0
    np.testing.assert_array_equal(read("o.ark")["b"], [1])


# transforms


@pytest.mark.parametrize("command", ["transform-vec", "ivector-transform"])
def test_transforms_are_linear_or_affine(command):
    matrix = RNG.normal(size=(2, 5)).astype(np.float32)
    write_object("linear.mat", FLOAT_MATRIX, matrix[:, :4])
    write_object("affine.mat", FLOAT_MATRIX, matrix)
    assert kaldi(command, "linear.mat", "ark:vecs.ark", "ark:o.ark") == 0
    np.testing.assert_allclose(read("o.ark")["s2-1"], matrix[:, :4] @ VECTORS["s2-1"], rtol=1e-4)
    assert kaldi(command, "affine.mat", "ark:vecs.ark", "ark:p.ark") == 0
    shift = read("p.ark")["s2-1"] - read("o.ark")["s2-1"]
    np.testing.assert_allclose(shift, matrix[:, 4], atol=1e-5)


def test_a_transform_for_other_vectors_is_refused(capfd):
    write_object("m.mat", FLOAT_MATRIX, np.ones((2, 3)))
    assert kaldi("transform-vec", "m.mat", "ark:vecs.ark", "ark:o.ark") == 255
    assert "has 4 dimensions, the transform m.mat has 3 columns; it should have 4" in said(capfd)


# ivector-compute-lda, est-pca


def test_lda_matrix_is_affine_and_maps_the_mean_to_zero():
    options = ("--dim=2", "--binary=false")
    argv = ("ark:vecs.ark", "ark:utt2spk", "lda.mat")
    assert kaldi("ivector-compute-lda", *options, *argv) == 0
    matrix = read_object("lda.mat", FLOAT_MATRIX)
    assert matrix.shape == (2, 5)
    np.testing.assert_allclose(matrix[:, :4] @ X.mean(axis=0) + matrix[:, 4], 0, atol=1e-4)


def test_lda_beyond_the_speakers_is_warned_of(capfd):
    options = ("--dim=3",)
    assert kaldi("ivector-compute-lda", *options, "ark:vecs.ark", "ark:utt2spk", "lda.mat") == 0
    assert "--dim is 3, but 3 speakers span 2 directions" in said(capfd)


def test_lda_leaves_out_utterances_of_unknown_speakers(folder, capfd, monkeypatch):
    lines = (folder / "utt2spk").read_text().splitlines(keepends=True)
    (folder / "utt2spk").write_text("".join(lines[1:]))
    argv = ("ivector-compute-lda", "--dim=1", "ark:vecs.ark", "ark:utt2spk", "lda.mat")
    assert kaldi(*argv) == 0
    assert "s0-0: utt2spk has no entry" in said(capfd)
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi(*argv) == 1


@pytest.mark.parametrize(
    "options, speakers, message",
    [
        (("--dim=9",), "s0 s1", "cannot keep 9 of 4 dimensions"),
        (("--dim=1", "--covariance-floor=-1"), "s0 s1", "floor must be >= 0"),
        (("--dim=1",), "s0", "one speaker"),
        (("--dim=1",), "none", "no vector of a speaker of ark:u2s"),
    ],
)
def test_lda_on_invalid_input_is_refused_with_the_reason(options, speakers, message, folder, capfd):
    lines = [f"{utt} {utt[:2]}\n" for utt in VECTORS if utt[:2] in speakers.split()]
    (folder / "u2s").write_text("".join(lines))
    assert kaldi("ivector-compute-lda", *options, "ark:vecs.ark", "ark:u2s", "lda.mat") == 255
    assert message in said(capfd)
    assert not (folder / "lda.mat").exists()


def test_pca_of_vectors_keeps_the_largest_variances():
    options = ("--read-vectors=true", "--dim=2", "--normalize-mean=true")
    argv = ("--normalize-variance=true", "--write-full-matrix=full.mat", "ark:vecs.ark", "pca.mat")
    assert kaldi("est-pca", *options, *argv) == 0
    matrix = read_object("pca.mat", FLOAT_MATRIX)
    np.testing.assert_array_equal(matrix, read_object("full.mat", FLOAT_MATRIX)[:2])
    y_ND = X @ matrix[:, :4].T + matrix[:, 4]
    np.testing.assert_allclose(np.cov(y_ND.T, bias=True), np.eye(2), atol=1e-4)
    np.testing.assert_allclose(y_ND.mean(axis=0), 0, atol=1e-5)


def test_pca_of_features_uses_all_frames(capfd):
    feats = {"a": X[:6], "empty": np.zeros((0, 0)), "b": X[6:], "other": np.ones((2, 3))}
    write("feats.ark", feats, FLOAT_MATRIX)
    assert kaldi("est-pca", "ark:feats.ark", "pca.mat") == 0
    matrix = read_object("pca.mat", FLOAT_MATRIX)
    covar = matrix @ np.cov(X.T, bias=True) @ matrix.T
    np.testing.assert_allclose(covar, np.diag(np.diag(covar)), atol=1e-4)
    message = said(capfd)
    assert "empty: empty" in message and "other: dimension mismatch 4 vs. 3" in message


def test_pca_refuses_more_dimensions_than_there_are(capfd):
    assert kaldi("est-pca", "--read-vectors=true", "--dim=5", "ark:vecs.ark", "pca.mat") == 255
    assert "final dimension 5 is greater than feature dimension 4" in said(capfd)


# damage


@pytest.mark.parametrize(
    "command, name, holder, shape",
    [
        ("ivector-subtract-global-mean", "mean.vec", FLOAT_VECTOR, 4),
        ("transform-vec", "transform.mat", FLOAT_MATRIX, (2, 4)),
    ],
)
def test_a_mean_or_transform_that_is_damaged_is_refused_by_name(
    command, name, holder, shape, folder, capfd
):
    whole = np.ones(shape, np.float32)
    for value in (np.nan, np.inf):
        broken = whole.copy()
        broken.flat[1] = value
        write_object(name, holder, broken)
        assert kaldi(command, name, "ark:vecs.ark", "ark:out.ark") != 0
        assert f"{name}: contains nan or infinity" in said(capfd)
    write_object(name, holder, whole)
    data = (folder / name).read_bytes()
    for damaged in (data[:-1], 2 * data):
        (folder / name).write_bytes(damaged)
        assert kaldi(command, name, "ark:vecs.ark", "ark:out.ark") != 0
        assert name in said(capfd)
    assert not (folder / "out.ark").exists()
