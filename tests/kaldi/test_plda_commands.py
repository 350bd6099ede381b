"""Commands on PLDA models, and those that score trials."""

from pathlib import Path

import numpy as np
import pytest

from steps_py.backend.plda import Plda
from steps_py.backend.plda_em import fit_plda
from steps_py.backend.plda_io import read_plda, write_plda
from steps_py.formats.holders import FLOAT_MATRIX, INT
from tests.support.kaldi_calls import kaldi, read, said, write

DIM = 3
RNG = np.random.default_rng(0)
MODEL = Plda(RNG.normal(size=DIM), RNG.normal(size=(DIM, DIM)), [4.0, 2.0, 0.5])
VECTORS = {f"s{s}-{u}": RNG.normal(2 * s, 1, DIM) for s in range(4) for u in range(4)}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    write_plda("plda", MODEL)
    write("vecs.ark", VECTORS)
    write("enroll.ark", {"s0": VECTORS["s0-0"], "s1": VECTORS["s1-0"]})
    lines = [f"s{s} {' '.join(f's{s}-{u}' for u in range(4))}\n" for s in range(4)]
    (tmp_path / "spk2utt").write_text("".join(lines))
    (tmp_path / "trials").write_text("s0 s0-1\ns0 s1-1\ns1 s0-1\ns1 s1-1\n")
    return tmp_path


def scores_in(path):
    words = [line.split(" ") for line in Path(path).read_text().splitlines()]
    return {(a, b): float(score) for a, b, score in words}


def expected_score(enroll, test, num_utts=1, **options):
    u, v = (
        MODEL.transform(np.float32(VECTORS[utt])[np.newaxis], n, **options)
        for utt, n in ((enroll, num_utts), (test, 1))
    )
    return MODEL.score(u, [num_utts], v)[0, 0]


# models


def test_a_model_is_trained_on_the_listed_speakers(capfd):
    options = ("--num-em-iters=3", "--binary=false", "--verbose=2")
    assert kaldi("ivector-compute-plda", *options, "ark:spk2utt", "ark:vecs.ark", "model") == 0
    x_ND = np.float32(list(VECTORS.values()))
    wanted = fit_plda(x_ND, [utt[:2] for utt in VECTORS], num_em_iters=3)
    np.testing.assert_allclose(read_plda("model").psi_D, wanted.psi_D, rtol=1e-5)
    message = said(capfd)
    assert message.count("Objective function is") == 3
    assert "from 4 speakers, consisting of 16 utterances (0 absent" in message


def test_training_counts_what_is_missing(folder, capfd, monkeypatch):
    with open(folder / "spk2utt", "a") as out:
        out.write("s8 s8-0 s8-1\n")
    argv = ("ivector-compute-plda", "ark:spk2utt", "ark:vecs.ark", "model")
    assert kaldi(*argv) == 0
    message = said(capfd)
    assert "s8-1: no iVector present" in message and "Not using speaker s8" in message
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi(*argv) == 1


@pytest.mark.parametrize(
    "spk2utt, message",
    [
        ("s0 s0-0 s0-1\ns1 s1-0\n", "3 x-vectors are too few for 3 dimensions"),
        ("s0 s0-0 s0-1 s0-2 s0-3\n", "one speaker"),
        ("".join(f"s{s} s{s}-0\n" for s in range(4)), "one x-vector only"),
        ("s9 s9-0\n", "no vector of a speaker of ark:list"),
        ("s0 s0-0\ns1\n", "s1: speaker with no utterances"),
    ],
)
def test_training_on_invalid_input_is_refused_with_the_reason(spk2utt, message, folder, capfd):
    (folder / "list").write_text(spk2utt)
    assert kaldi("ivector-compute-plda", "ark:list", "ark:vecs.ark", "model") == 255
    assert message in said(capfd)
    assert not (folder / "model").exists()


def test_copies_are_the_same_and_may_be_smoothed():
    assert kaldi("ivector-copy-plda", "plda", "same") == 0
    assert Path("same").read_bytes() == Path("plda").read_bytes()
    assert kaldi("ivector-copy-plda", "--smoothing=0.1", "--binary=false", "plda", "smooth") == 0
    np.testing.assert_allclose(read_plda("smooth").psi_D, MODEL.smoothed(0.1).psi_D, rtol=1e-6)


def test_models_come_and_go_through_pipes():
    assert kaldi("ivector-copy-plda", "cat plda |", "| cat > piped") == 0
    assert Path("piped").read_bytes() == Path("plda").read_bytes()


def test_a_damaged_model_is_an_error(folder, capfd):
    (folder / "plda").write_bytes((folder / "plda").read_bytes()[:-30])
    assert kaldi("ivector-copy-plda", "plda", "o") == 255
    assert "plda: not a Plda file, or a damaged one" in said(capfd)


def test_models_are_adapted(capfd):
    assert kaldi("ivector-adapt-plda", "--mean-diff-scale=0", "plda", "ark:vecs.ark", "new") == 0
    np.testing.assert_allclose(
        read_plda("new").mean_D, np.mean(np.float32(list(VECTORS.values())), axis=0), rtol=1e-6
    )
    assert kaldi("ivector-adapt-plda", "--within-covar-scale=-1", "plda", "ark:x", "y") == 255
    assert "within_covar_scale must be >= 0" in said(capfd)
    write("none.ark", {})
    assert kaldi("ivector-adapt-plda", "plda", "ark:none.ark", "new") == 255
    assert "no vectors to adapt to" in said(capfd)


# scores


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("simple", [True, False])
def test_trials_are_scored(normalize, simple):
    options = (
        f"--normalize-length={str(normalize).lower()}",
        f"--simple-length-normalization={str(simple).lower()}",
    )
    argv = ("plda", "ark:enroll.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", *options, *argv) == 0
    got = scores_in("scores")
    assert list(got) == [("s0", "s0-1"), ("s0", "s1-1"), ("s1", "s0-1"), ("s1", "s1-1")]
    wanted = expected_score("s1-0", "s0-1", normalize_length=normalize, simple_length_norm=simple)
    assert got["s1", "s0-1"] == pytest.approx(wanted, rel=1e-5)


def test_numbers_of_utterances_change_the_score():
    write("num_utts", {"s0": 3, "s1": 1}, INT)
    argv = ("plda", "ark:enroll.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", "--num-utts=ark:num_utts", *argv) == 0
    got = scores_in("scores")
    assert got["s0", "s1-1"] == pytest.approx(expected_score("s0-0", "s1-1", 3), rel=1e-5)
    assert got["s1", "s1-1"] == pytest.approx(expected_score("s1-0", "s1-1", 1), rel=1e-5)


def test_trials_of_unknown_keys_leave_no_line(folder, capfd, monkeypatch):
    (folder / "trials").write_text("s0 s0-1\nnobody s0-1\ns1 no-one\n")
    argv = ("ivector-plda-scoring", "plda", "ark:enroll.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi(*argv) == 0
    assert list(scores_in("scores")) == [("s0", "s0-1")]
    message = said(capfd)
    assert "nobody s0-1: key nobody not present in training iVectors" in message
    assert "s1 no-one: key no-one not present in test iVectors" in message
    assert "Processed 1 trials, 2 had errors." in message
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi(*argv) == 1
    assert "lost 2 of 3 items: nobody s0-1, s1 no-one" in said(capfd)


def test_no_trial_scored_is_a_failure(folder):
    (folder / "trials").write_text("nobody s0-1\n")
    argv = ("plda", "ark:enroll.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", *argv) == 1


def test_speakers_without_a_count_are_lost(capfd):
    write("num_utts", {"s1": 1}, INT)
    argv = ("plda", "ark:enroll.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", "--num-utts=ark:num_utts", *argv) == 0
    assert "s0: number of utterances not given" in said(capfd)
    assert {enroll for enroll, _ in scores_in("scores")} == {"s1"}
    write("num_utts", {"s0": 0, "s1": 1}, INT)
    assert kaldi("ivector-plda-scoring", "--num-utts=ark:num_utts", *argv) == 255
    assert "s0 has 0 utterances, not 1 or more" in said(capfd)


def test_the_same_table_on_both_sides_is_read_once(folder):
    (folder / "trials").write_text("s0-0 s0-1\n")
    vectors = "ark:echo read >> log; cat vecs.ark |"
    assert kaldi("ivector-plda-scoring", "plda", vectors, vectors, "trials", "scores") == 0
    assert (folder / "log").read_text() == "read\n"
    assert scores_in("scores")["s0-0", "s0-1"] == pytest.approx(expected_score("s0-0", "s0-1"))


@pytest.mark.parametrize(
    "trials, message",
    [
        (
            "s0 s0-1\ns0 s0-1 target\n",
            "2: 3 fields in 's0 s0-1 target'. A trial is two keys",
        ),
        ("s0 s0-1\n\n", "trials:2: 0 fields in ''"),
        ("s0\ns0-1 s0 s0-1\n", "trials:1: 1 fields in 's0'"),
    ],
)
def test_lines_that_are_no_trials_are_refused(trials, message, folder, capfd):
    (folder / "trials").write_text(trials)
    argv = ("plda", "ark:enroll.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", *argv) == 255
    assert message in said(capfd)
    assert not (folder / "scores").exists()


def test_vectors_of_another_space_are_refused(capfd):
    write("other.ark", {"s0": np.ones(5)})
    argv = ("plda", "ark:other.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", *argv) == 255
    assert "Was the LDA transform applied to them?" in said(capfd)


@pytest.mark.parametrize("enroll, test", [("none", "vecs"), ("vecs", "none")])
def test_a_side_without_vectors_is_an_error(enroll, test, capfd):
    write("none.ark", {})
    argv = ("plda", f"ark:{enroll}.ark", f"ark:{test}.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", *argv) == 255
    assert "ark:none.ark: no iVectors present" in said(capfd)


def test_keys_that_come_twice_are_refused(folder, capfd):
    data = (folder / "enroll.ark").read_bytes()
    (folder / "twice.ark").write_bytes(data + data)
    argv = ("plda", "ark:twice.ark", "ark:vecs.ark", "trials", "scores")
    assert kaldi("ivector-plda-scoring", *argv) == 255
    assert "keys come twice: s0, s1" in said(capfd)


def test_dot_products():
    argv = ("trials", "ark:enroll.ark", "ark:vecs.ark", "scores")
    assert kaldi("ivector-compute-dot-products", *argv) == 0
    wanted = VECTORS["s0-0"] @ VECTORS["s1-1"]
    assert scores_in("scores")["s0", "s1-1"] == pytest.approx(wanted, rel=1e-5)


def test_dot_products_need_one_dimension(capfd):
    write("other.ark", {"s0": np.ones(5)})
    argv = ("trials", "ark:other.ark", "ark:vecs.ark", "scores")
    assert kaldi("ivector-compute-dot-products", *argv) == 255
    assert "vectors of 3 dimensions, those of ark:other.ark have 5" in said(capfd)


# dense scores


def test_dense_scores_of_all_dimensions_are_plain_plda_scores():
    (Path("reco2utt")).write_text("r0 s0-0 s0-1 s1-0\n")
    options = ("--target-energy=1.0",)
    argv = ("plda", "ark:reco2utt", "ark:vecs.ark", "ark:dense.ark")
    assert kaldi("ivector-plda-scoring-dense", *options, *argv) == 0
    got = read("dense.ark", FLOAT_MATRIX)["r0"]
    assert got.shape == (3, 3)
    assert got[0, 2] == pytest.approx(expected_score("s0-0", "s1-0"), rel=1e-4)


def test_dense_scores_use_one_component_more_than_needed():
    """Variances 9, 4, 1 per direction: half the energy is one component, Kaldi takes two."""
    x_ND = np.vstack([np.diag([9.0, 4.0, 1.0]), -np.diag([9.0, 4.0, 1.0])])
    write("cross.ark", {f"u{i}": x_D for i, x_D in enumerate(x_ND)})
    Path("reco2utt").write_text("r0 " + " ".join(f"u{i}" for i in range(6)) + "\n")
    options = ("--target-energy=0.5",)
    argv = ("plda", "ark:reco2utt", "ark:cross.ark", "ark:dense.ark")
    assert kaldi("ivector-plda-scoring-dense", *options, *argv) == 0
    small = MODEL.projected(np.eye(3)[:2])
    u_ND = small.transform(x_ND[:, :2])
    wanted = small.score(u_ND, np.ones(6), u_ND)
    np.testing.assert_allclose(read("dense.ark", FLOAT_MATRIX)["r0"], wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("utts", ["s0-0", "s0-0 s0-0"])
def test_dense_scores_of_one_point_are_finite(utts):
    Path("reco2utt").write_text(f"r0 {utts}\n")
    argv = ("plda", "ark:reco2utt", "ark:vecs.ark", "ark:dense.ark")
    assert kaldi("ivector-plda-scoring-dense", *argv) == 0
    assert np.isfinite(read("dense.ark", FLOAT_MATRIX)["r0"]).all()


@pytest.mark.parametrize(
    "options, reco2utt, message",
    [
        ((), "r0 s0-0 nobody\n", "no iVector for nobody of recording r0"),
        (("--target-energy=1.5",), "r0 s0-0\n", "not between 0 and 1"),
    ],
)
def test_dense_scoring_of_invalid_input_is_refused(options, reco2utt, message, capfd):
    Path("reco2utt").write_text(reco2utt)
    argv = ("plda", "ark:reco2utt", "ark:vecs.ark", "ark:dense.ark")
    assert kaldi("ivector-plda-scoring-dense", *options, *argv) == 255
    assert message in said(capfd)
