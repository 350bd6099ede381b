"""Trial lists made by a rule: counts, balance, no trial of an utterance against itself."""

import collections
import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.data.made_trials import MAKERS
from steps_py.data.made_trials.base import Sides
from steps_py.data.make_trials import make_trials, read_genders
from steps_py.data.trials import read_trial_list
from steps_py.errors import ConfigError, DataDirError

TEN = {f"s{s}-u{u}": f"s{s}" for s in range(5) for u in range(2)}  # 5 speakers, 2 utterances each
GENDERS = {f"s{s}": "fm"[s % 2] for s in range(9)}


def made(folder, options, enroll=TEN, test=TEN, utts_of=None, genders=GENDERS):
    path = str(folder / "trials")
    counts = make_trials(path, options, enroll, test, utts_of, genders)
    trials = list(read_trial_list(path))
    assert counts == (sum(t.target for t in trials), sum(not t.target for t in trials))
    return trials


def test_all_pairs_of_one_set_are_each_pair_once(tmp_path):
    """10 utterances: 45 pairs, of which 5 are of one speaker."""
    trials = made(tmp_path, {"name": "all_pairs"})
    assert len({frozenset(t[:2]) for t in trials}) == len(trials) == 45
    assert sum(t.target for t in trials) == 5


def test_all_pairs_of_two_sets_are_all_but_those_of_an_utterance_with_itself(tmp_path):
    enroll = {utt: spk for utt, spk in TEN.items() if utt.endswith("u0")}
    trials = made(tmp_path, {"name": "all_pairs"}, enroll=enroll)
    assert len(trials) == 5 * 10 - 5
    assert sum(t.target for t in trials) == 5


def test_pairs_within_a_gender_are_those_of_its_speakers(tmp_path):
    """3 speakers of one gender have 6 utterances and 15 pairs; 2 of the other 4 and 6."""
    assert len(made(tmp_path, {"name": "all_pairs", "within_gender": True})) == 15 + 6


def test_a_model_is_not_tested_with_its_own_utterances(tmp_path):
    utts_of = {"m0": ["s0-u0"], "m1": ["s1-u0", "s1-u1"]}
    trials = made(tmp_path, {"name": "all_pairs"}, enroll={"m0": "s0", "m1": "s1"}, utts_of=utts_of)
    assert [t[:2] for t in trials if t.target] == [("m0", "s0-u1")]
    assert len(trials) == 9 + 8


def test_one_versus_is_one_target_and_the_impostors_for_each_enrolment(tmp_path):
    trials = made(tmp_path, {"name": "one_versus", "num_impostors": 8})
    assert len(trials) == 10 * 9
    assert collections.Counter(t.enroll for t in trials if t.target) == dict.fromkeys(TEN, 1)
    few = made(tmp_path, {"name": "one_versus", "num_impostors": 3, "seed": 1})
    assert collections.Counter(t.enroll for t in few if not t.target) == dict.fromkeys(TEN, 3)


def test_draws_of_an_enrolment_do_not_depend_on_other_enrolments(tmp_path):
    options = {"name": "one_versus", "num_impostors": 4}
    one = made(tmp_path, options, enroll={"s3-u1": "s3"})
    assert one == [t for t in made(tmp_path, options) if t.enroll == "s3-u1"]


@st.composite
def sets(draw):
    """Utterances of speakers of both genders, two of each speaker at least."""
    counts = draw(st.lists(st.integers(2, 5), min_size=4, max_size=9))
    return {f"s{s}-u{u}": f"s{s}" for s, count in enumerate(counts) for u in range(count)}


RULES = st.one_of(
    st.fixed_dictionaries({"name": st.just("all_pairs"), "within_gender": st.booleans()}),
    st.fixed_dictionaries(
        {
            "name": st.just("one_versus"),
            "num_impostors": st.integers(1, 2),
            "within_gender": st.booleans(),
            "seed": st.integers(0, 99),
        }
    ),
    st.fixed_dictionaries(
        {
            "name": st.just("balanced"),
            "num_targets": st.just(2),
            "nontargets_per_target": st.integers(1, 2),
            "within_gender": st.booleans(),
            "seed": st.integers(0, 99),
        }
    ),
)


@settings(deadline=None, max_examples=25)
@given(options=RULES, spk_of=sets(), data=st.data())
def test_whatever_the_rule_trials_are_distinct_rightly_labelled_and_none_is_of_one_utterance(
    tmp_path_factory, options, spk_of, data
):
    folder = tmp_path_factory.mktemp("made")
    trials = made(folder, options, spk_of, spk_of)
    assert len({t[:2] for t in trials}) == len(trials)
    for enroll, test, target in trials:
        assert enroll != test
        assert target == (spk_of[enroll] == spk_of[test])
        if options["within_gender"]:
            assert GENDERS[spk_of[enroll]] == GENDERS[spk_of[test]]
    if options["name"] == "balanced":
        ratio = options["nontargets_per_target"]
        if options["within_gender"]:
            kinds = collections.Counter((GENDERS[spk_of[t.enroll]], t.target) for t in trials)
            assert kinds == {(g, k): 2 if k else 2 * ratio for g in "fm" for k in (True, False)}
        else:
            assert len(trials) == 2 + 2 * ratio
    shuffled = dict(data.draw(st.permutations(sorted(spk_of.items()))))
    assert made(folder, options, shuffled, shuffled) == trials, "the order of the tables is nothing"


def test_every_trial_can_be_drawn_by_the_balanced_rule(tmp_path):
    """As many as there are: 5 pairs of one speaker, 40 of two."""
    options = {"name": "balanced", "num_targets": 5, "nontargets_per_target": 8}
    trials = made(tmp_path, options | {"within_gender": False})
    assert sorted(trials) == sorted(made(tmp_path, {"name": "all_pairs"}))


def test_the_checksum_is_that_of_sha256sum(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_trials("trials", {"name": "all_pairs"}, TEN, TEN)
    assert subprocess.run(["sha256sum", "--check", "trials.sha256"], stdout=-3).returncode == 0
    content = Path("trials").read_bytes()
    assert Path("trials.sha256").read_text().startswith(hashlib.sha256(content).hexdigest())


def test_a_seed_gives_the_same_list_again_and_another_seed_another(tmp_path):
    options = {"name": "one_versus", "num_impostors": 3}
    assert made(tmp_path, options) == made(tmp_path, options | {"seed": 0})
    assert made(tmp_path, options) != made(tmp_path, options | {"seed": 1})


@pytest.mark.parametrize(
    ("options", "spk_of", "said"),
    [
        ({"name": "one_versus"}, TEN, "'s0-u0' has 8 test utterances of other speakers, num_imp"),
        ({"name": "balanced", "num_targets": 4}, TEN,
         "there are 3 target trials of gender 'f', 4 are wanted. Make num_targets"),
        ({"name": "balanced", "num_targets": 1}, {"s0-a": "s0", "s2-a": "s2"},
         "the enrolments are all of one gender (f). Set within_gender: false"),
        ({"name": "all_pairs"}, {"a": "s0", "b": "s0"}, "the sets give no nontarget trial"),
        ({"name": "all_pairs"}, {"a": "s0", "b": "s1"}, "the sets give no target trial"),
        ({"name": "all_pair"}, TEN, "unknown name 'all_pair'. Did you mean 'all_pairs'?"),
        ({"name": "balanced", "num_targets": 1}, {"x-a": "x"},
         "the gender of 1 speakers is not known (x). Name a file of lines `<speaker> f|m`"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_an_error_of_one_line_and_no_list(tmp_path, options, spk_of, said):
    with pytest.raises((ConfigError, DataDirError)) as error:
        made(tmp_path, options, spk_of, spk_of)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_genders_are_asked_for_only_where_the_rule_needs_them(tmp_path):
    assert made(tmp_path, {"name": "all_pairs"}, genders=None)
    with pytest.raises(ConfigError, match="'balanced' needs the genders of the speakers"):
        made(tmp_path, {"name": "balanced", "num_targets": 1}, genders=None)
    (tmp_path / "genders").write_text("s0 F\ns1 m\n")
    assert read_genders(tmp_path / "genders") == {"s0": "f", "s1": "m"}
    (tmp_path / "genders").write_text("s0 F\ns1 male\n")
    with pytest.raises(DataDirError, match="genders:2: expected '<speaker> f|m', got 's1 male'"):
        read_genders(tmp_path / "genders")


def test_a_list_is_made_piece_by_piece():
    """The first piece of 10^10 pairs comes at once, and takes no more room than its own pairs."""
    utts = {f"s{n // 20:05d}-u{n:06d}": f"s{n // 20:05d}" for n in range(20_000)}
    maker = MAKERS.build({"name": "all_pairs"})
    e, places = next(maker.pairs(Sides(utts, utts)))
    assert (e, len(places)) == (0, 19_999)
