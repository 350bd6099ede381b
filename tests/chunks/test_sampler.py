"""Batches are a pure function of the step, for every strategy."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.chunks.sampler import ChunkSampler
from steps_py.chunks.samplers import SAMPLERS
from steps_py.chunks.samplers.base import Rounds
from steps_py.errors import ConfigError

ALL = tuple(SAMPLERS.names())
GROUPS = {"name": "speaker_groups", "utts_per_speaker": 2}
ALL_UTTS = {"name": "all_utts", "num_speakers": 2}
GOLDEN = [[21, 3, 30, 38], [8, 3, 26, 28], [4, 0, 6, 7], 36]


def sampler(counts, num_frames=100, seed=1, **fields):
    """Speakers with these numbers of utterances; utterances in speaker order."""
    spk_id_U = np.repeat(np.arange(len(counts)), counts)
    num_frames_U = np.broadcast_to(num_frames, spk_id_U.shape)
    fields = {"min_frames": 20, "max_frames": 40, "batch_size": 4} | fields
    fields = {"labels": (["book", "phone"], np.arange(len(spk_id_U)) % 2)} | fields
    return ChunkSampler(spk_id_U, num_frames_U, seed=seed, **fields)


def same(a, b):
    arrays = [(a.rows_B, b.rows_B), (a.first_B, b.first_B), (a.spk_id_B, b.spk_id_B)]
    arrays += [] if a.num_frames_B is None else [(a.num_frames_B, b.num_frames_B)]
    return a.num_frames == b.num_frames and all(np.array_equal(x, y) for x, y in arrays)


@st.composite
def samplers(draw, names=ALL, roll_over=None):
    """Any strategy on any small corpus, with a possible batch size."""
    counts = draw(st.lists(st.integers(1, 5), min_size=2, max_size=12))
    frames = draw(st.lists(st.integers(1, 80), min_size=sum(counts), max_size=sum(counts)))
    strategy = {"name": draw(st.sampled_from(names))}
    batch_size = draw(st.integers(1, 9))
    if strategy["name"] == "speaker_groups":
        strategy["utts_per_speaker"] = draw(st.integers(1, 4))
        batch_size = strategy["utts_per_speaker"] * draw(st.integers(1, len(counts)))
    if strategy["name"] == "all_utts":
        strategy["num_speakers"] = draw(st.integers(1, min(batch_size, len(counts))))
        strategy["roll_over"] = draw(st.booleans()) if roll_over is None else roll_over
    if strategy["name"] == "utt_groups":
        strategy["group_size"] = size = draw(st.integers(1, 3))
        strategy["mode"] = draw(st.sampled_from(["diagonal", "rowwise", "random"]))
        num_groups = sum(max(1, count // size) for count in counts)
        num_blocks = 1 if strategy["mode"] == "diagonal" else 2
        batch_size = size * num_blocks * draw(st.integers(1, max(1, num_groups // num_blocks)))
    low = draw(st.integers(1, 30))
    return sampler(
        counts,
        num_frames=frames,
        seed=draw(st.integers(0, 5)),
        min_frames=low,
        max_frames=low + draw(st.integers(0, 30)),
        batch_size=batch_size,
        strategy=strategy,
        vary_within_batch=draw(st.booleans()),
    )


@settings(max_examples=150, deadline=None)
@given(samplers(), st.integers(0, 500))
def test_chunks_lie_within_their_utterances_and_bounds(drawn, step):
    batch = drawn.batch(step)
    low, high = drawn._lengths
    num_frames_B = np.broadcast_to(
        batch.num_frames if batch.num_frames_B is None else batch.num_frames_B, batch.rows_B.shape
    )
    assert low <= num_frames_B.min() and num_frames_B.max() == batch.num_frames <= high
    available_B = drawn.num_frames_U[batch.rows_B]
    long_enough_B = available_B >= num_frames_B
    last_B = batch.first_B + num_frames_B
    assert (batch.first_B >= 0).all()
    assert (last_B[long_enough_B] <= available_B[long_enough_B]).all()
    assert (batch.first_B < available_B).all()  # shorter ones are read round and round
    assert (drawn.spk_id_U[batch.rows_B] == batch.spk_id_B).all()


@settings(max_examples=150, deadline=None)
@given(samplers(), st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_batches_do_not_depend_on_the_order_in_which_they_are_drawn(drawn, steps):
    """So loader processes and resumed trainings draw the same batches."""
    in_order = [drawn.batch(step) for step in range(31)]
    assert all(same(drawn.batch(step), in_order[step]) for step in steps)


@settings(max_examples=100, deadline=None)
@given(samplers(), st.integers(0, 50), st.integers(1, 4))
def test_the_shards_of_all_processes_make_up_the_batch(drawn, step, num_processes):
    batch = drawn.batch(step)
    shards = [batch.shard(rank, num_processes) for rank in range(num_processes)]
    size = len(batch.rows_B) // num_processes
    assert [len(shard.rows_B) for shard in shards] == [size] * num_processes
    for name in ("rows_B", "first_B", "spk_id_B"):
        joined = np.concatenate([getattr(shard, name) for shard in shards])
        assert np.array_equal(joined, getattr(batch, name)[: size * num_processes])
    assert {shard.num_frames for shard in shards} == {batch.num_frames}


@settings(max_examples=60, deadline=None)
@given(samplers(["balanced"]), st.integers(1, 60))
def test_balanced_counts_of_speakers_differ_by_at_most_one(drawn, num_steps):
    served = Counter({spk: 0 for spk in range(drawn.num_speakers)})
    for step in range(num_steps):
        served.update(drawn.batch(step).spk_id_B.tolist())
    assert max(served.values()) - min(served.values()) <= 1


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.data(), st.integers(0, 60))
def test_rounds_have_distinct_speakers_in_a_batch_and_even_counts(num, data, num_steps):
    per_batch = data.draw(st.integers(1, num))
    rounds = Rounds(num, per_batch, lambda *numbers: np.random.default_rng(numbers))
    dealt = Counter({spk: 0 for spk in range(num)})
    for step in range(num_steps):
        spk_id_N, times_N = rounds.speakers(step)
        assert len(set(spk_id_N.tolist())) == per_batch
        assert times_N.tolist() == [dealt[spk] for spk in spk_id_N.tolist()]
        dealt.update(spk_id_N.tolist())
    assert max(dealt.values()) - min(dealt.values()) <= 2  # 1 apart at the end of a round


@settings(max_examples=100, deadline=None)
@given(samplers(["speaker_groups"]), st.integers(0, 60))
def test_a_group_has_one_speaker_and_distinct_utterances_if_possible(drawn, step):
    batch, size = drawn.batch(step), drawn.utts_per_speaker
    groups = batch.spk_id_B.reshape(-1, size)
    assert (groups == groups[:, :1]).all()
    assert len(set(groups[:, 0].tolist())) == len(groups)
    for rows, spk_id in zip(batch.rows_B.reshape(-1, size), groups[:, 0], strict=True):
        available = int((drawn.spk_id_U == spk_id).sum())
        assert len(set(rows.tolist())) == min(size, available)


def test_groups_use_all_utterances_of_a_speaker_before_repeating_one():
    """Two speakers of six utterances, pairs: three steps hold all twelve, and so do the next."""
    drawn = sampler([6, 6], strategy=GROUPS)
    for start in (0, 3, 6):
        rows = np.concatenate([drawn.batch(start + step).rows_B for step in range(3)])
        assert sorted(rows.tolist()) == list(range(12))
    assert not same(drawn.batch(0), drawn.batch(3))


@settings(max_examples=100, deadline=None)
@given(samplers(["all_utts"], roll_over=False), st.integers(0, 60))
def test_all_utts_subsamples_evenly(drawn, step):
    batch = drawn.batch(step)
    used = Counter(batch.rows_B.tolist())
    assert max(used.values()) - min(used.values()) <= 1
    speakers = list(dict.fromkeys(batch.spk_id_B.tolist()))
    assert batch.spk_id_B.tolist() == sorted(batch.spk_id_B.tolist(), key=speakers.index)
    rows_of = {spk: np.flatnonzero(drawn.spk_id_U == spk).tolist() for spk in speakers}
    if max(used.values()) > 1:  # gone through again only after all of them
        assert set(used) == {row for rows in rows_of.values() for row in rows}
    least = Counter(batch.spk_id_B.tolist())
    assert min(least.values()) >= drawn.utts_per_speaker


@settings(max_examples=60, deadline=None)
@given(samplers(["all_utts"], roll_over=True), st.integers(1, 3))
def test_what_does_not_fit_rolls_over_to_the_next_batch(drawn, num_rounds):
    """Each utterance once a round; the speakers of a round follow each other."""
    num_utts = len(drawn.spk_id_U)
    size = len(drawn.batch(0).rows_B)
    steps = range(-(-num_rounds * num_utts // size))
    rows = np.concatenate([drawn.batch(step).rows_B for step in steps])
    for start in range(0, num_rounds * num_utts, num_utts):
        one_round = rows[start : start + num_utts]
        assert sorted(one_round.tolist()) == list(range(num_utts))
        changes = np.count_nonzero(np.diff(drawn.spk_id_U[one_round])) + 1
        assert changes == drawn.num_speakers


def groups_of(drawn, batch):
    return [tuple(rows) for rows in batch.rows_B.reshape(-1, drawn.utts_per_speaker).tolist()]


@settings(max_examples=100, deadline=None)
@given(samplers(["utt_groups"]), st.integers(0, 60))
def test_an_utterance_group_has_one_speaker_and_no_utterance_is_in_a_batch_twice(drawn, step):
    batch, size = drawn.batch(step), drawn.utts_per_speaker
    count_S = np.bincount(drawn.spk_id_U)
    seen = set()
    for group in groups_of(drawn, batch):
        spk_ids = set(drawn.spk_id_U[list(group)].tolist())
        assert len(spk_ids) == 1
        assert len(set(group)) == min(size, count_S[spk_ids.pop()])
        assert not seen & set(group)
        seen |= set(group)


@settings(max_examples=40, deadline=None)
@given(samplers(["utt_groups"]), st.integers(0, 3))
def test_blocks_of_utterance_groups_meet_once_a_round(drawn, number):
    """In rowwise and random any two blocks; in diagonal each block is a batch of its own."""
    strategy = drawn._strategy
    num_steps, num_blocks = strategy._steps_of_round(), strategy._num_blocks
    batches = [drawn.batch(number * num_steps + step) for step in range(num_steps)]
    counts = Counter(group for batch in batches for group in groups_of(drawn, batch))
    is_diagonal = strategy._config.mode == "diagonal"
    assert set(counts.values()) == {1 if is_diagonal else num_blocks - 1}
    assert len(counts) == num_blocks * strategy._block_size
    together = Counter()
    half = strategy._block_size
    for batch in batches:
        groups = groups_of(drawn, batch)
        together.update((a, b) for a in groups[:half] for b in groups[half:])
        together.update((b, a) for a in groups[:half] for b in groups[half:])
    if not is_diagonal:
        assert set(together.values()) == {1}
        assert len(together) == len(counts) * (len(counts) - half)


def test_utterance_groups_are_made_again_in_each_round():
    """Speakers of seven utterances: a group of 5 each, and over rounds all utterances."""
    drawn = sampler([7] * 8, batch_size=20, strategy={"name": "utt_groups", "group_size": 5})
    first, second = ([drawn.batch(2 * n + step) for step in (0, 1)] for n in (0, 1))
    used = np.concatenate([batch.rows_B for batch in first])
    assert len(set(used.tolist())) == 40
    made = [{frozenset(g) for b in of for g in groups_of(drawn, b)} for of in (first, second)]
    assert made[0] != made[1]
    rows = np.concatenate([drawn.batch(step).rows_B for step in range(40)])
    assert set(rows.tolist()) == set(range(56))


@pytest.mark.parametrize("inner", ["balanced", "uniform", "speaker_groups"])
def test_domains_take_turns_in_their_ratio(inner):
    """Three batches of books to two of phones, each of its own utterances and in random order."""
    strategy = {"name": "domain_batches", "ratio": {"book": 3, "phone": 2}}
    strategy["inner"] = {"name": inner}
    drawn = sampler([5] * 6, strategy=strategy)
    domains = []
    for step in range(50):
        (domain,) = set((drawn.batch(step).rows_B % 2).tolist())
        domains.append(domain)
    turns = [domains[start : start + 5] for start in range(0, 50, 5)]
    assert all(sum(turn) == 2 for turn in turns)
    assert len(set(map(tuple, turns))) > 3


def test_a_domain_has_the_batches_of_its_own_sampler():
    """Every utterance of a domain before one repeats, and no other domain than those named."""
    strategy = {"name": "domain_batches", "ratio": {"phone": 1}, "inner": {"name": "uniform"}}
    drawn = sampler([4] * 4, strategy=strategy)
    rows = np.concatenate([drawn.batch(step).rows_B for step in range(4)])
    for start in (0, 8):
        assert sorted(rows[start : start + 8].tolist()) == list(range(1, 16, 2))
    assert drawn.utts_per_speaker == 1


@settings(max_examples=60, deadline=None)
@given(samplers(["speaker_groups"]), st.integers(0, 30))
def test_each_utterance_of_a_batch_of_groups_has_a_positive_and_a_negative(drawn, step):
    """So triplets, mined in the batch or in a history, have every utterance as an anchor."""
    spk_id_B = drawn.batch(step).spk_id_B
    count = Counter(spk_id_B.tolist())
    assert set(count.values()) == {drawn.utts_per_speaker}
    assert len(count) == len(spk_id_B) // drawn.utts_per_speaker


def test_all_utts_holds_all_utterances_of_its_speakers():
    drawn = sampler([3, 2, 4, 1], batch_size=6, strategy=ALL_UTTS)
    batch = next(b for b in map(drawn.batch, range(20)) if set(b.spk_id_B) == {0, 1})
    assert sorted(batch.rows_B.tolist())[:5] != [0] * 5
    assert set(batch.rows_B.tolist()) == {0, 1, 2, 3, 4}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(1, 9))
def test_uniform_uses_every_utterance_before_repeating_one(counts, batch_size):
    drawn = sampler(counts, batch_size=batch_size, strategy={"name": "uniform"})
    num_utts = sum(counts)
    rows = np.concatenate([drawn.batch(step).rows_B for step in range(2 * num_utts)])
    for start in range(0, len(rows) - num_utts + 1, num_utts):
        assert sorted(rows[start : start + num_utts].tolist()) == list(range(num_utts))


def test_uniform_with_replacement_draws_all_utterances_equally_often():
    strategy = {"name": "uniform", "replacement": True}
    drawn = sampler([1, 3], batch_size=40, strategy=strategy)
    count = Counter(np.concatenate([drawn.batch(step).rows_B for step in range(100)]).tolist())
    # 4000 draws of 4 utterances: deviation sqrt(4000 * 1/4 * 3/4) = 27
    assert all(abs(count[row] - 1000) < 5 * 28 for row in range(4))


def test_rows_belong_to_their_speakers_and_all_are_drawn_evenly():
    drawn = sampler([1, 2, 5], batch_size=30)
    spk_id_U = np.repeat([0, 1, 2], [1, 2, 5])
    count = Counter()
    for step in range(300):
        batch = drawn.batch(step)
        assert (spk_id_U[batch.rows_B] == batch.spk_id_B).all()
        count.update(batch.rows_B.tolist())
    # 3000 chunks a speaker: 3000, 1500 and 600 an utterance, deviation sqrt(3000 p (1 - p))
    assert count[0] == 3000
    assert all(abs(count[u] - 1500) < 5 * 28 for u in (1, 2))
    assert all(abs(count[u] - 600) < 5 * 22 for u in range(3, 8))


def test_lengths_and_positions_are_uniform_and_reach_both_ends():
    drawn = sampler([3, 3], num_frames=42, min_frames=38, max_frames=41, batch_size=8)
    lengths, places = Counter(), Counter()
    for step in range(800):
        batch = drawn.batch(step)
        lengths[batch.num_frames] += 1
        if batch.num_frames == 40:
            places.update(batch.first_B.tolist())
    assert set(lengths) == {38, 39, 40, 41}
    assert all(abs(n - 200) < 5 * 13 for n in lengths.values())
    assert set(places) == {0, 1, 2}
    total = sum(places.values())
    assert all(abs(n - total / 3) < 5 * (total * 2 / 9) ** 0.5 for n in places.values())


def test_lengths_within_a_batch_are_uniform():
    drawn = sampler([3, 3], min_frames=38, max_frames=41, batch_size=50, vary_within_batch=True)
    lengths = Counter(np.concatenate([drawn.batch(s).num_frames_B for s in range(80)]).tolist())
    # 4000 chunks of 4 lengths: deviation 27
    assert set(lengths) == {38, 39, 40, 41}
    assert all(abs(n - 1000) < 5 * 28 for n in lengths.values())


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_another_seed_gives_other_batches(name):
    fields = {"strategy": {"name": name}, "batch_size": 16}
    one, other = (sampler([5] * 20, seed=seed, **fields) for seed in (3, 4))
    assert same(sampler([5] * 20, seed=3, **fields).batch(7), one.batch(7))
    assert not same(one.batch(7), other.batch(7))


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_a_later_epoch_does_not_repeat_the_first(name):
    drawn = sampler([5] * 20, strategy={"name": name}, batch_size=16)
    batches = [drawn.batch(step) for step in range(100)]
    assert not any(same(batches[0], batch) for batch in batches[1:])


@pytest.mark.parametrize(
    "strategy, batch_size, message",
    [
        ({"name": "speaker_group"}, 4, "sampler: unknown name 'speaker_group'. Did you mean"),
        (GROUPS, 5, "train.batch_size is 5, not a multiple of utts_per_speaker, 2. Set it to 4."),
        (
            GROUPS,
            8,
            "a batch needs 4 speakers, but the training list has only 3. Lower the speakers",
        ),
        (ALL_UTTS, 1, "train.batch_size is 1, less than num_speakers, 2."),
        ({"name": "all_utts"}, 20, "a batch needs 10 speakers, but the training list has only 3"),
        ({"name": "utt_groups", "mode": "random"}, 6, "not a multiple of 4 (2 blocks of groups of"),
        (
            {"name": "utt_groups"},
            8,
            "a batch needs 4 groups of 2 utterances, but there are only 3.",
        ),
        ({"name": "domain_batches", "ratio": {"pone": 1}}, 4, "Did you mean 'phone'?"),
        (
            {"name": "domain_batches", "inner": {"name": "all_utts"}},
            12,
            "domain 'book': sampler 'all_utts': a batch needs 10 speakers",
        ),
        (
            {"name": "domain_batches", "inner": {"name": "domain_batches"}},
            4,
            "inner is one of domains again",
        ),
        ({"name": "speaker_groups", "utts_per_speaker": 0}, 4, "utts_per_speaker': 0 is less than"),
    ],
)
def test_impossible_strategies_are_errors(strategy, batch_size, message):
    with pytest.raises(ConfigError) as error:
        sampler([2, 2, 2], strategy=strategy, batch_size=batch_size)
    assert message in str(error.value)


@pytest.mark.parametrize("vary", [False, True])
def test_chunks_that_wrap_around_begin_at_every_frame_equally_often(vary):
    """Utterances of 50 frames, chunks of at most 40: otherwise none begins after frame 30."""
    drawn = sampler([2] * 4, num_frames=50, wrap_around=True, vary_within_batch=vary)
    first = np.concatenate([drawn.batch(step).first_B for step in range(600)])
    assert np.bincount(first, minlength=50) == pytest.approx([48] * 50, abs=28)


def test_the_default_batches_do_not_change_between_versions():
    """Results of recipes depend on them; recorded from the first version."""
    batch = sampler([5] * 8, seed=3).batch(7)
    assert [x.tolist() for x in (batch.rows_B, batch.first_B, batch.spk_id_B)] == GOLDEN[:3]
    assert batch.num_frames == GOLDEN[3]
