"""The commands that copy tables and cut, repeat and join frames."""

from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest

from steps_py.formats.holders import DOUBLE_MATRIX, FLOAT_MATRIX, FLOAT_VECTOR, INT
from steps_py.formats.tables import SequentialReader, TableWriter, read_object, write_object
from steps_py.kaldi.commands import main

X = np.arange(60, dtype=np.float32).reshape(20, 3)
Y = -np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with feats.{ark,scp} (utterances a and b) and vecs.ark."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    with TableWriter("ark,scp:feats.ark,feats.scp", FLOAT_MATRIX) as writer:
        writer.write("a", X)
        writer.write("b", Y)
    with TableWriter("ark:vecs.ark", FLOAT_VECTOR) as writer:
        writer.write("a", X[1])
    return tmp_path


def read(rspecifier, holder=FLOAT_MATRIX):
    with SequentialReader(rspecifier, holder) as reader:
        return dict(reader)


def kaldi(*argv):
    return main([str(word) for word in argv])


def refused(capfd, *argv):
    assert kaldi(*argv) == 255
    message = capfd.readouterr().err
    assert "ERROR" in message and "Traceback" not in message
    return message


# copy-feats


def test_copy_feats_copies_tables_and_counts_frames(capfd):
    options = ("--compress=true", "--compression-method=3", "--write-num-frames=ark,t:num_frames")
    assert kaldi("copy-feats", *options, "scp:feats.scp", "ark,scp:o.ark,o.scp") == 0
    got = read("scp:o.scp")
    np.testing.assert_allclose(got["a"], X, atol=1e-3)
    assert Path("num_frames").read_text() == "a 20 \nb 4 \n"
    assert "Copied 2 feature matrices." in capfd.readouterr().err
    with kaldi_native_io.RandomAccessFloatMatrixReader("scp:o.scp") as table:
        np.testing.assert_array_equal(table["b"], got["b"])


def test_copy_feats_decompresses_and_narrows_doubles():
    assert kaldi("copy-feats", "--compress", "ark:feats.ark", "ark:c.ark") == 0
    assert kaldi("copy-feats", "ark:c.ark", "ark:o.ark") == 0
    assert b"FM " in Path("o.ark").read_bytes()
    with TableWriter("ark:d.ark", DOUBLE_MATRIX) as writer:
        writer.write("a", X)
    assert kaldi("copy-feats", "ark:d.ark", "ark:o.ark") == 0
    assert b"FM " in Path("o.ark").read_bytes()


def test_copy_feats_copies_single_files_and_places():
    write_object("x.mat", FLOAT_MATRIX, X)
    assert kaldi("copy-feats", "--binary=false", "x.mat", "y.mat") == 0
    assert Path("y.mat").read_bytes().startswith(b" [\n  0 1 2 \n")
    assert kaldi("copy-feats", "feats.ark:2[1:2]", "z.mat") == 0
    np.testing.assert_array_equal(read_object("z.mat", FLOAT_MATRIX), X[1:3])


def test_copy_feats_refuses_what_it_cannot_do(capfd):
    write_object("x.mat", FLOAT_MATRIX, X)
    assert "works on tables" in refused(capfd, "copy-feats", "--sphinx-in", "x", "y")
    assert "on tables" in refused(capfd, "copy-feats", "--compress", "x.mat", "y.mat")
    assert "to a table" in refused(capfd, "copy-feats", "x.mat", "ark:y.ark")
    assert "Use one of 1 to 7" in refused(
        capfd, "copy-feats", "--compress", "--compression-method=9", "scp:feats.scp", "ark:y.ark"
    )


def test_copy_feats_of_nothing_ends_with_1():
    Path("empty").touch()
    assert kaldi("copy-feats", "ark:empty", "ark:o.ark") == 1
    assert kaldi("copy-feats", "scp:empty", "ark:o.ark") == 1


def test_copy_feats_of_a_damaged_archive_leaves_no_output(folder, capfd):
    (folder / "cut.ark").write_bytes((folder / "feats.ark").read_bytes()[:-3])
    assert "cut.ark, key b, byte" in refused(
        capfd, "copy-feats", "ark:cut.ark", "ark,scp:o.ark,o.scp"
    )
    assert not list(folder.glob("*o.*"))


# feat-to-len, feat-to-dim


def test_feat_to_len_prints_the_sum_or_writes_a_table(capfd):
    assert kaldi("feat-to-len", "scp:feats.scp") == 0
    assert capfd.readouterr().out == "24\n"
    assert kaldi("feat-to-len", "scp:feats.scp", "ark,t:-") == 0
    assert capfd.readouterr().out == "a 20 \nb 4 \n"


def test_feat_to_dim_prints_that_of_the_first_or_writes_a_table(capfd):
    assert kaldi("feat-to-dim", "scp:feats.scp", "-") == 0
    assert capfd.readouterr().out == "3\n"
    assert kaldi("feat-to-dim", "scp:feats.scp", "ark:dims") == 0
    assert read("ark:dims", INT) == {"a": 3, "b": 3}
    Path("empty").touch()
    assert "Is the table empty?" in refused(capfd, "feat-to-dim", "ark:empty", "-")


# copy-vector, copy-matrix


def test_copy_vector_scales_cuts_and_pads():
    assert kaldi("copy-vector", "--scale=2", "--change-dim=2", "ark:vecs.ark", "ark:o.ark") == 0
    np.testing.assert_array_equal(read("ark:o.ark", FLOAT_VECTOR)["a"], [6, 8])
    assert kaldi("copy-vector", "--change_dim=5", "ark:vecs.ark", "ark,t:o.ark") == 0
    np.testing.assert_array_equal(read("ark:o.ark", FLOAT_VECTOR)["a"], [3, 4, 5, 0, 0])


def test_copy_vector_copies_single_vectors(capfd):
    write_object("x.vec", FLOAT_VECTOR, X[1])
    assert kaldi("copy-vector", "--binary=false", "x.vec", "-") == 0
    assert capfd.readouterr().out == " [ 3 4 5 ]\n"


@pytest.mark.parametrize(
    "option, want",
    [
        ("--scale=0.5", X * 0.5),
        ("--apply-log", np.log(np.maximum(X, 1e-20))),
        ("--apply-power=2", X**2),
        ("--apply-power=0.5", np.sqrt(X)),
    ],
)
def test_copy_matrix_changes_values_by_its_options(option, want):
    assert kaldi("copy-matrix", option, "scp:head -1 feats.scp |", "ark:o.ark") == 0
    np.testing.assert_allclose(read("ark:o.ark")["a"], want, rtol=1e-6)


def test_copy_matrix_applies_exp_and_softmax():
    write_object("x.mat", FLOAT_MATRIX, Y)
    assert kaldi("copy-matrix", "--apply-exp", "x.mat", "e.mat") == 0
    np.testing.assert_allclose(read_object("e.mat", FLOAT_MATRIX), np.exp(Y), rtol=1e-5)
    assert kaldi("copy-matrix", "--apply-softmax-per-row", "x.mat", "s.mat") == 0
    rows = read_object("s.mat", FLOAT_MATRIX)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1], np.e, rtol=1e-5)


def test_copy_matrix_refuses_contradictions(capfd):
    assert "only one" in refused(
        capfd, "copy-matrix", "--apply-log", "--apply-exp", "ark:a", "ark:b"
    )
    assert "cannot mix" in refused(capfd, "copy-matrix", "ark:feats.ark", "x.mat")
    assert "cannot mix" in refused(capfd, "copy-vector", "x.vec", "ark:o.ark")


def test_copy_matrix_writes_nan_for_the_root_of_a_negative_number_with_a_warning(capfd):
    write_object("negative.mat", FLOAT_MATRIX, np.float32([[4, -1]]))
    assert kaldi("copy-matrix", "--apply-power=0.5", "negative.mat", "root.mat") == 0
    np.testing.assert_array_equal(read_object("root.mat", FLOAT_MATRIX), [[2.0, np.nan]])
    assert "has no power 0.5" in capfd.readouterr().err


# frames


@pytest.mark.parametrize("n, offset", [(1, 0), (2, 0), (3, 1), (7, 3)])
def test_subsample_feats_takes_every_nth(n, offset):
    assert kaldi("subsample-feats", f"--n={n}", f"--offset={offset}", "ark:feats.ark", "ark:o") == 0
    np.testing.assert_array_equal(read("ark:o")["a"], X[offset::n])


def test_subsample_feats_repeats_with_a_negative_n():
    assert kaldi("subsample-feats", "--n=-2", "ark:feats.ark", "ark:o") == 0
    np.testing.assert_array_equal(read("ark:o")["b"][:4], Y[[0, 0, 1, 1]])


def test_subsample_feats_loses_what_is_too_short(capfd, monkeypatch):
    words = ("subsample-feats", "--n=2", "--offset=10", "ark:feats.ark", "ark:o")
    assert kaldi(*words) == 0
    assert list(read("ark:o")) == ["a"]
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi(*words) == 1
    assert "lost 1 of 2 items: b." in capfd.readouterr().err
    assert "n must not be 0" in refused(capfd, "subsample-feats", "--n=0", "ark:feats.ark", "ark:o")


def test_splice_feats_repeats_the_edges():
    assert (
        kaldi("splice-feats", "--left-context=2", "--right-context=1", "ark:feats.ark", "ark:o")
        == 0
    )
    got = read("ark:o")["b"]
    want = np.concatenate([Y[[0, 0, 0, 1]], Y[[0, 0, 1, 2]], Y[[0, 1, 2, 3]], Y[[1, 2, 3, 3]]])
    np.testing.assert_array_equal(got, want.reshape(4, 12))
    assert kaldi("splice-feats", "--left-context=-1", "ark:feats.ark", "ark:o") == 255


def test_paste_feats_joins_columns_and_trims_to_the_tolerance(capfd):
    with TableWriter("ark:more.ark", FLOAT_MATRIX) as writer:
        writer.write("a", X[:19, :1])
    words = ("ark:feats.ark", "ark:more.ark", "ark:more.ark", "ark:o")
    assert kaldi("paste-feats", "--length-tolerance=1", *words) == 0
    got = read("ark:o")
    assert list(got) == ["a"]
    np.testing.assert_array_equal(got["a"], np.hstack([X[:19], X[:19, :1], X[:19, :1]]))
    shown = capfd.readouterr().err
    assert "b: missing from input ark:more.ark" in shown
    assert "Done 1 utts, errors on 1" in shown
    assert kaldi("paste-feats", *words) == 255
    assert "length mismatch 20 vs. 19 exceeds tolerance 0" in capfd.readouterr().err


def test_paste_feats_joins_single_files():
    write_object("x.mat", FLOAT_MATRIX, X)
    assert kaldi("paste-feats", "x.mat", "x.mat[0:19,1:1]", "o.mat") == 0
    np.testing.assert_array_equal(read_object("o.mat", FLOAT_MATRIX), np.hstack([X, X[:, 1:2]]))
    write_object("y.mat", FLOAT_MATRIX, Y)
    assert kaldi("paste-feats", "x.mat", "y.mat", "p.mat") == 1


@pytest.mark.parametrize(
    "line, options, frames",
    [
        ("s a 0.02 0.17", [], slice(2, 15)),  # two frames are snipped from the end
        ("s a 0.02 0.17", ["--snip-edges=false"], slice(2, 17)),
        ("s a 0 0.2 0", ["--snip-edges=false"], slice(0, 20)),
        ("s a 0 0.24", ["--max-overshoot=0.05"], slice(0, 20)),
        ("s a 0.02 0.06", ["--min-segment-length=0", "--snip-edges=false"], slice(2, 6)),
        ("s a 0.04 0.12", ["--frame-shift=20", "--min-segment-length=0"], slice(2, 5)),
    ],
)
def test_extract_feature_segments_cuts_frames(line, options, frames):
    Path("segments").write_text(line + "\n")
    assert kaldi("extract-feature-segments", *options, "scp:feats.scp", "segments", "ark:o") == 0
    np.testing.assert_array_equal(read("ark:o")["s"], X[frames])


@pytest.mark.parametrize(
    "line, why",
    [
        ("s c 0 0.2", "did not find features for utterance c"),
        ("s a 0.3 0.5", "starts at frame 30 of 20"),
        ("s a 0 0.3", "ends at frame 28 of 20"),
        ("s a 0.2 0.1", "invalid line"),
        ("s a x 0.1", "invalid line"),
        ("s a 0 0.1 left", "invalid line"),
        ("s a 0", "invalid line"),
    ],
)
def test_extract_feature_segments_reports_why_a_segment_is_lost(line, why, capfd, monkeypatch):
    Path("segments").write_text(f"{line}\nt a 0 0.2\n")
    words = ("extract-feature-segments", "scp:feats.scp", "segments", "ark:o")
    assert kaldi(*words) == 0
    shown = capfd.readouterr().err
    assert why in shown and "Successfully processed 1 lines out of 2" in shown
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi(*words) == 1


def test_a_segment_below_the_minimum_length_is_no_loss(monkeypatch):
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    Path("segments").write_text("s a 0 0.1\nt a 0 0.2\n")
    assert kaldi("extract-feature-segments", "scp:feats.scp", "segments", "ark:o") == 0
    Path("segments").write_text("s a 0 0.1\n")
    assert kaldi("extract-feature-segments", "scp:feats.scp", "segments", "ark:o") == 255
