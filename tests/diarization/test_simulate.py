"""Simulated conversations: exact references, statistics, sounds where the plan says."""

import itertools

import numpy as np
import pytest

from steps_py.diarization.simulate import (
    Piece,
    SimulationConfig,
    mix,
    plan_conversation,
    turns_of_plan,
)
from steps_py.errors import DataDirError

RATE_HZ = 8000
RECORDINGS = {speaker: [(f"{speaker}{n}", 6.5) for n in range(3)] for speaker in "abc"}


def plan_of(seed=1, **options):
    return plan_conversation(RECORDINGS, SimulationConfig(**options), seed, "c1")


def tones():
    """A tone for each speaker, 400 Hz apart."""
    time = np.arange(int(6.5 * RATE_HZ)) / RATE_HZ
    sounds = {s: 500 * np.sin(2 * np.pi * (400 * (i + 1)) * time) for i, s in enumerate("abc")}
    return {name: sounds[name[0]] for own in RECORDINGS.values() for name, _ in own}


def test_the_same_seed_and_name_give_the_same_plan():
    assert plan_of() == plan_of()
    assert plan_of() != plan_of(seed=2)
    assert plan_of() != plan_conversation(RECORDINGS, SimulationConfig(), 1, "c2")


def test_speakers_do_not_overlap_with_themselves():
    plan = plan_of(duration_sec=600, mean_overlap_sec=3.0, overlap_probability=0.9)
    for speaker in "abc":
        own = [piece for piece in plan if piece.speaker == speaker]
        assert all(a.end_sec <= b.start_sec for a, b in itertools.pairwise(own))


def test_pieces_are_inside_of_their_recordings():
    for piece in plan_of(duration_sec=300):
        assert piece.offset_sec >= 0
        assert piece.offset_sec + piece.end_sec - piece.start_sec <= 6.5 + 1e-9
        assert piece.end_sec - piece.start_sec >= 0.4 - 1e-9


def test_every_speaker_speaks():
    assert {piece.speaker for piece in plan_of(duration_sec=60)} == set("abc")


def test_without_overlaps_there_are_none():
    plan = plan_of(duration_sec=300, overlap_probability=0.0)
    assert all(a.end_sec <= b.start_sec for a, b in itertools.pairwise(plan))


def test_the_share_of_overlapping_changes_is_that_of_the_config():
    plan = plan_of(duration_sec=5000, hold_probability=0.0)
    early = [b.start_sec < a.end_sec for a, b in itertools.pairwise(plan)]
    assert np.mean(early) == pytest.approx(0.4, abs=0.04)


def test_each_turn_sounds_where_the_reference_says():
    plan = plan_of(duration_sec=20, overlap_probability=0.0, level_range_db=0.0)
    sound_N = mix(plan, tones(), RATE_HZ)
    frequencies_hz = {"a": 400, "b": 800, "c": 1200}
    for turn in turns_of_plan("c1", plan):
        part = sound_N[round(turn.start_sec * RATE_HZ) : round(turn.end_sec * RATE_HZ)]
        peak_hz = np.abs(np.fft.rfft(part)).argmax() * RATE_HZ / len(part)
        assert peak_hz == pytest.approx(frequencies_hz[turn.speaker], abs=5)
    silent_N = np.ones(len(sound_N), bool)
    for piece in plan:
        silent_N[round(piece.start_sec * RATE_HZ) : round(piece.end_sec * RATE_HZ)] = False
    assert not sound_N[silent_N].any()


def test_a_mix_is_the_sum_of_its_speakers():
    plan = plan_of(duration_sec=20)
    alone = [mix([p for p in plan if p.speaker == s], tones(), RATE_HZ) for s in "abc"]
    total_N = np.zeros(max(map(len, alone)), np.float32)
    for sound_N in alone:
        total_N[: len(sound_N)] += sound_N
    np.testing.assert_allclose(mix(plan, tones(), RATE_HZ), total_N, atol=0.01)


def test_noise_has_the_wanted_level():
    plan = [Piece("a", "a0", 0.0, 0.0, 4.0, 0.0)]
    noise = np.random.default_rng(0).normal(0, 100, RATE_HZ)
    clean_N = mix(plan, tones(), RATE_HZ)
    noise_N = mix(plan, tones(), RATE_HZ, noise=noise, snr_db=10.0) - clean_N
    ratio = np.mean(clean_N**2) / np.mean(noise_N**2)
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.1)


def test_a_room_does_not_delay_or_amplify():
    plan = [Piece("a", "a0", 0.0, 1.0, 3.0, 0.0)]
    rir_H = np.zeros(400)
    rir_H[[37, 200]] = 30000, 9000
    dry_N = mix(plan, tones(), RATE_HZ)
    wet_N = mix(plan, tones(), RATE_HZ, rooms={"a": rir_H})
    assert np.flatnonzero(np.abs(wet_N) > 1)[0] == pytest.approx(RATE_HZ, abs=10)
    assert np.mean(wet_N**2) == pytest.approx(np.mean(dry_N**2), rel=0.02)


def test_loud_mixes_fit_into_16_bits():
    plan = [Piece("a", "a0", 0.0, 0.0, 1.0, 60.0)]
    assert np.abs(mix(plan, tones(), RATE_HZ)).max() == pytest.approx(32000, rel=1e-4)


def test_an_empty_plan_is_silence_of_no_length():
    assert mix([], {}, RATE_HZ).shape == (0,)


def test_a_speaker_without_long_recordings_is_an_error():
    with pytest.raises(DataDirError, match="speaker b has no recording of 0.4 s or more"):
        plan_conversation({"a": [("a0", 2.0)], "b": [("b0", 0.2)]}, SimulationConfig(), 1, "c")


def test_a_recording_that_is_shorter_than_planned_is_an_error():
    with pytest.raises(DataDirError, match="a0: 6.5 s long, but a conversation takes 5 to 8 s"):
        mix([Piece("a", "a0", 5.0, 0.0, 3.0, 0.0)], tones(), RATE_HZ)
