"""apply-cmvn-sliding, compute-cmvn-stats, apply-cmvn: options, tables, losses."""

import kaldi_native_io
import numpy as np
import pytest

from steps_py.formats.holders import DOUBLE_MATRIX, FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import read_object
from tests.support.kaldi_calls import kaldi, read, said, write

RNG = np.random.default_rng(0)
FEATS = {
    "s1-a": RNG.normal(3, 2, (40, 3)).astype(np.float32),
    "s1-b": RNG.normal(5, 1, (20, 3)).astype(np.float32),
    "s2-a": RNG.normal(0, 4, (30, 3)).astype(np.float32),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    write("feats.ark", FEATS, FLOAT_MATRIX)
    (tmp_path / "spk2utt").write_text("s1 s1-a s1-b\ns2 s2-a\n")
    (tmp_path / "utt2spk").write_text("s1-a s1\ns1-b s1\ns2-a s2\n")
    return tmp_path


# apply-cmvn-sliding


def test_sliding_window_takes_kaldis_options():
    options = ("--cmn-window=10", "--center=true", "--min-cmn-window=1")
    assert kaldi("apply-cmvn-sliding", *options, "ark:feats.ark", "ark:o.ark") == 0
    got, x_TD = read("o.ark", FLOAT_MATRIX), FEATS["s1-a"]
    assert list(got) == list(FEATS)
    np.testing.assert_allclose(got["s1-a"][20], x_TD[20] - x_TD[15:25].mean(axis=0), atol=1e-5)
    with kaldi_native_io.SequentialFloatMatrixReader("ark:o.ark") as reader:
        assert [key for key, _ in reader] == list(FEATS)


def test_by_default_the_window_is_to_the_left():
    assert kaldi("apply-cmvn-sliding", "--cmn-window=5", "ark:feats.ark", "ark:o.ark") == 0
    x_TD = FEATS["s1-a"]
    # 100 frames at least at the start, that is all 40 of them
    np.testing.assert_allclose(
        read("o.ark", FLOAT_MATRIX)["s1-a"][0], x_TD[0] - x_TD.mean(axis=0), atol=1e-5
    )


def test_floored_variances_are_warned_of_a_few_times(capfd):
    write("flat.ark", {"a": np.ones((20, 2), np.float32)}, FLOAT_MATRIX)
    options = ("--norm-vars=true", "--center=true", "--max-warnings=2")
    assert kaldi("apply-cmvn-sliding", *options, "ark:flat.ark", "ark:o.ark") == 0
    message = said(capfd)
    assert message.count("floored 2 elements; num-frames was 20") == 2
    assert message.count("Suppressing the remaining") == 1
    assert "mean and variance normalization to 1 utterances, 0 had errors" in message


def test_empty_utterances_are_lost_and_fail_only_strictly(capfd, monkeypatch):
    write("some.ark", {"empty": np.zeros((0, 0), np.float32), **FEATS}, FLOAT_MATRIX)
    assert kaldi("apply-cmvn-sliding", "ark:some.ark", "ark:o.ark") == 0
    assert "empty: empty feature matrix" in said(capfd)
    assert list(read("o.ark", FLOAT_MATRIX)) == list(FEATS)
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi("apply-cmvn-sliding", "ark:some.ark", "ark:o.ark") == 1
    assert "lost 1 of 4 items: empty" in said(capfd)


def test_an_empty_table_is_a_failure():
    write("none.ark", {}, FLOAT_MATRIX)
    assert kaldi("apply-cmvn-sliding", "ark:none.ark", "ark:o.ark") == 1


def test_an_empty_window_is_an_error(capfd):
    assert kaldi("apply-cmvn-sliding", "--cmn-window=0", "ark:feats.ark", "ark:o.ark") == 255
    assert "window_frames must be >= 1" in said(capfd)


# compute-cmvn-stats and apply-cmvn


def test_statistics_of_utterances_speakers_and_all():
    assert kaldi("compute-cmvn-stats", "ark:feats.ark", "ark:utt.ark") == 0
    assert kaldi("compute-cmvn-stats", "--spk2utt=ark:spk2utt", "ark:feats.ark", "ark:spk.ark") == 0
    assert kaldi("compute-cmvn-stats", "--binary=false", "ark:feats.ark", "global.mat") == 0
    utts, speakers = read("utt.ark", DOUBLE_MATRIX), read("spk.ark", DOUBLE_MATRIX)
    np.testing.assert_allclose(utts["s1-a"][0, :3], FEATS["s1-a"].sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(utts["s1-a"][1, :3], (FEATS["s1-a"] ** 2).sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(speakers["s1"], utts["s1-a"] + utts["s1-b"])
    overall = read_object("global.mat", FLOAT_MATRIX)
    np.testing.assert_allclose(overall, sum(utts.values()), rtol=1e-5)
    assert overall[0, 3] == 90


def test_each_utterance_is_normalised_by_its_speaker():
    kaldi("compute-cmvn-stats", "--spk2utt=ark:spk2utt", "ark:feats.ark", "ark:spk.ark")
    options = ("--utt2spk=ark:utt2spk", "--norm-vars=true")
    assert kaldi("apply-cmvn", *options, "ark:spk.ark", "ark:feats.ark", "ark:o.ark") == 0
    got = read("o.ark", FLOAT_MATRIX)
    both_TD = np.vstack([got["s1-a"], got["s1-b"]])
    np.testing.assert_allclose(both_TD.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(both_TD.std(axis=0), 1, atol=1e-5)
    assert abs(got["s1-a"].mean()) > 0.1


def test_global_statistics_come_from_a_file_and_can_be_undone():
    kaldi("compute-cmvn-stats", "ark:feats.ark", "global.mat")
    assert kaldi("apply-cmvn", "global.mat", "ark:feats.ark", "ark:o.ark") == 0
    assert kaldi("apply-cmvn", "--reverse=true", "global.mat", "ark:o.ark", "ark:back.ark") == 0
    np.testing.assert_allclose(read("back.ark", FLOAT_MATRIX)["s2-a"], FEATS["s2-a"], atol=1e-5)


def test_skipped_dimensions_stay():
    kaldi("compute-cmvn-stats", "ark:feats.ark", "ark:stats.ark")
    options = ("--skip-dims=0:2", "--norm-vars=true")
    assert kaldi("apply-cmvn", *options, "ark:stats.ark", "ark:feats.ark", "ark:o.ark") == 0
    got = read("o.ark", FLOAT_MATRIX)["s1-a"]
    np.testing.assert_allclose(got[:, [0, 2]], FEATS["s1-a"][:, [0, 2]], rtol=1e-6)
    np.testing.assert_allclose(got[:, 1].std(), 1, rtol=1e-5)


def test_without_norm_means_features_are_copied():
    options = ("--norm-means=false",)
    assert kaldi("apply-cmvn", *options, "ark:nothing.ark", "ark:feats.ark", "ark:o.ark") == 0
    np.testing.assert_array_equal(read("o.ark", FLOAT_MATRIX)["s1-a"], FEATS["s1-a"])


def test_weights_choose_the_frames(capfd):
    weights = {utt: np.float32(np.arange(len(x)) < 5) for utt, x in FEATS.items()}
    weights["s1-b"] = np.ones(3, np.float32)
    del weights["s2-a"]
    write("weights.ark", weights, FLOAT_VECTOR)
    options = ("--weights=ark:weights.ark",)
    assert kaldi("compute-cmvn-stats", *options, "ark:feats.ark", "ark:o.ark") == 0
    message = said(capfd)
    assert "s1-b: cmvn: 3 weights for 20 frames" in message
    assert "s2-a: no weights available" in message
    got = read("o.ark", DOUBLE_MATRIX)
    assert list(got) == ["s1-a"]
    np.testing.assert_allclose(got["s1-a"][0, :3], FEATS["s1-a"][:5].sum(axis=0), rtol=1e-5)


def test_utterances_without_statistics_are_lost(capfd):
    write("stats.ark", {"s1-a": np.ones((2, 4))}, DOUBLE_MATRIX)
    assert kaldi("apply-cmvn", "ark:stats.ark", "ark:feats.ark", "ark:o.ark") == 0
    assert "s2-a: no normalization statistics available" in said(capfd)
    assert list(read("o.ark", FLOAT_MATRIX)) == ["s1-a"]


def test_utterances_of_a_speaker_that_have_no_features_are_lost(folder, capfd):
    (folder / "spk2utt").write_text("s1 s1-a s1-x\ns3 s3-x\n")
    options = ("--spk2utt=ark:spk2utt",)
    assert kaldi("compute-cmvn-stats", *options, "ark:feats.ark", "ark:o.ark") == 0
    message = said(capfd)
    assert "s1-x: did not find features" in message
    assert "No stats accumulated for speaker s3" in message
    assert list(read("o.ark", DOUBLE_MATRIX)) == ["s1"]


@pytest.mark.parametrize(
    "argv, message",
    [
        (("apply-cmvn", "--norm-vars=true", "--norm-means=false", "x", "ark:y", "ark:z"), "cannot"),
        (("apply-cmvn", "--skip-dims=1,2", "x", "ark:feats.ark", "ark:z"), "colons between"),
        (("apply-cmvn", "--utt2spk=ark:u", "x", "ark:feats.ark", "ark:z"), "forget ark:?"),
        (("compute-cmvn-stats", "--spk2utt=ark:u", "ark:feats.ark", "z"), "forget ark:?"),
    ],
)
def test_contradictions_are_refused(argv, message, capfd):
    assert kaldi(*argv) == 255
    assert message in said(capfd)


def test_features_of_two_dimensions_have_no_common_statistics(capfd):
    write("mixed.ark", {**FEATS, "z": np.ones((4, 2), np.float32)}, FLOAT_MATRIX)
    assert kaldi("compute-cmvn-stats", "ark:mixed.ark", "global.mat") == 255
    assert "z has 2-dimensional features, those before it had 3" in said(capfd)
