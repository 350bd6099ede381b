"""Batches as a pure function of the step."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.sampler import ChunkSampler


def sampler(counts, num_frames=100, seed=1, **fields):
    """Speakers with these numbers of utterances; utterances in speaker order."""
    spk_id_U = np.repeat(np.arange(len(counts)), counts)
    num_frames_U = np.broadcast_to(num_frames, spk_id_U.shape)
    fields = {"min_frames": 20, "max_frames": 40, "batch_size": 4} | fields
    return ChunkSampler(spk_id_U, num_frames_U, seed=seed, **fields)


def same(a, b):
    arrays = [(a.rows_B, b.rows_B), (a.first_B, b.first_B), (a.spk_id_B, b.spk_id_B)]
    return a.num_frames == b.num_frames and all(np.array_equal(x, y) for x, y in arrays)


@st.composite
def samplers(draw):
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=12))
    frames = draw(st.lists(st.integers(1, 80), min_size=sum(counts), max_size=sum(counts)))
    low = draw(st.integers(1, 30))
    return sampler(
        counts,
        num_frames=frames,
        seed=draw(st.integers(0, 5)),
        min_frames=low,
        max_frames=low + draw(st.integers(0, 30)),
        batch_size=draw(st.integers(1, 9)),
        num_ranks=draw(st.integers(1, 3)),
    )


@settings(max_examples=100, deadline=None)
@given(samplers(), st.integers(0, 500), st.integers(0, 2))
def test_chunks_lie_within_their_utterances_and_bounds(drawn, step, rank):
    batch = drawn.batch(step, rank)
    low, high = drawn._lengths
    assert low <= batch.num_frames <= high
    num_frames_B = drawn.num_frames_U[batch.rows_B]
    long_enough_B = num_frames_B >= batch.num_frames
    last_B = batch.first_B + batch.num_frames
    assert (batch.first_B >= 0).all()
    assert (last_B[long_enough_B] <= num_frames_B[long_enough_B]).all()
    assert (batch.first_B < num_frames_B).all()  # shorter ones are read round and round


@settings(max_examples=100, deadline=None)
@given(samplers(), st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_any_order_of_asking_gives_the_same_batches(drawn, steps):
    """So the number of readers and the point of a resume cannot matter."""
    in_order = [drawn.batch(step) for step in range(31)]
    assert all(same(drawn.batch(step), in_order[step]) for step in steps)


@settings(max_examples=60, deadline=None)
@given(samplers(), st.integers(1, 60))
def test_no_two_speakers_are_ever_more_than_one_chunk_apart(drawn, num_steps):
    ranks = range(drawn._num_ranks)
    served = Counter({spk: 0 for spk in range(drawn.num_speakers)})
    for step in range(num_steps):
        for rank in ranks:
            served.update(drawn.batch(step, rank).spk_id_B.tolist())
    assert max(served.values()) - min(served.values()) <= 1


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


def test_lengths_and_places_are_uniform_and_reach_both_ends():
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


def test_all_ranks_have_one_length_and_other_chunks():
    drawn = sampler([5] * 8, num_ranks=2)
    for step in range(20):
        first, second = drawn.batch(step, 0), drawn.batch(step, 1)
        assert first.num_frames == second.num_frames
        assert not set(first.spk_id_B.tolist()) & set(second.spk_id_B.tolist())


def test_another_seed_gives_other_batches():
    assert same(sampler([5] * 8, seed=3).batch(7), sampler([5] * 8, seed=3).batch(7))
    assert not same(sampler([5] * 8, seed=3).batch(7), sampler([5] * 8, seed=4).batch(7))


def test_a_later_epoch_does_not_repeat_the_first():
    drawn = sampler([5] * 8)
    batches = [drawn.batch(step) for step in range(100)]
    assert not any(same(batches[0], batch) for batch in batches[1:])
