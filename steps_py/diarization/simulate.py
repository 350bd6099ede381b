"""Simulated conversations: recordings of single speakers, laid out in turns and added.

Speakers take turns.  After a turn, its speaker goes on after a pause, or another one begins, either
after a gap or before the end.  `plan_conversation` draws who says what when, and `mix` adds the
sounds; the plan is the exact reference.

Sources: gaps and overlaps of 0.2 to 0.5 s, and the 40 % of changes that overlap, from Heldner and
Edlund, "Pauses, gaps and overlaps in conversations" (2010); the order of draws from Landini,
Lozano-Diez, Diez and Burget, "From simulated mixtures to simulated conversations as training data
for end-to-end neural diarization" (2022).

Shape suffixes (scope: this module):
    N = samples of a conversation   H = samples of a room's impulse response
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from steps_py.audio.reverberate import Noise, ReverbConfig, convolve, reverberate
from steps_py.diarization.turns import Turn, merge_turns
from steps_py.draws import generator
from steps_py.errors import DataDirError
from steps_py.settings.declare import Share, setting

LEVEL = 1000.0  # root mean square of a speaker at 0 dB, in the units of 16-bit audio
LOUDEST = 32000.0
FADE_SEC = 0.005  # at both ends of a piece that is cut from a recording


@dataclass(frozen=True, kw_only=True)
class SimulationConfig:
    """Statistics of the conversations; lengths are means of exponential distributions."""

    duration_sec: float = setting(60.0, "conversations end at the first turn after", minimum=1)
    min_turn_sec: float = setting(0.4, "shortest turn", exclusiveMinimum=0)
    mean_turn_sec: float = setting(2.0, "of what a turn is longer than the shortest")
    hold_probability: Share = setting(0.3, "that the same speaker goes on")
    mean_pause_sec: float = setting(0.6, "before the same speaker goes on")
    overlap_probability: Share = setting(0.4, "that another speaker begins before the end")
    mean_gap_sec: float = setting(0.5, "before another speaker begins")
    mean_overlap_sec: float = setting(0.5, "that another speaker begins early")
    level_range_db: float = setting(6.0, "between the softest and the loudest speaker", minimum=0)


class Piece(NamedTuple):
    """A part of a recording of one speaker, and where it is put; times in whole milliseconds."""

    speaker: str
    recording: str
    offset_sec: float  # in the recording
    start_sec: float  # in the conversation
    end_sec: float
    gain_db: float  # of the speaker


def plan_conversation(
    recordings: Mapping[str, Sequence[tuple[str, float]]],
    config: SimulationConfig,
    seed: int,
    name: str,
) -> list[Piece]:
    """Draw who says what when.

    Parameters
    ----------
    recordings : mapping of speakers to sequences of (str, float)
        Names and durations in s of their recordings, which should be speech throughout.
    config : SimulationConfig
    seed : int
    name : str
        Of the conversation; the same seed and name give the same plan.

    Returns
    -------
    list of Piece
        In order of their begins.  Pieces of one speaker do not overlap.

    Raises
    ------
    DataDirError
        If a speaker has no recording of at least ``min_turn_sec``.

    Examples
    --------
    >>> recordings = {"ann": [("a1", 9.0)], "bob": [("b1", 9.0)]}
    >>> plan = plan_conversation(recordings, SimulationConfig(duration_sec=20), 1, "c")
    >>> sorted({piece.speaker for piece in plan}), plan[-1].start_sec < 20 <= plan[-1].end_sec + 10
    (['ann', 'bob'], True)
    """
    speakers = sorted(recordings)
    usable = {
        speaker: [each for each in recordings[speaker] if each[1] >= config.min_turn_sec]
        for speaker in speakers
    }
    for speaker in speakers:
        if not usable[speaker]:
            raise DataDirError(
                f"conversation {name}: speaker {speaker} has no recording of"
                f" {config.min_turn_sec:g} s or more. Leave the speaker out."
            )
    rng = generator(seed, "conversation", name)
    half = config.level_range_db / 2
    gain_db = {speaker: float(rng.uniform(-half, half)) for speaker in speakers}
    waiting = [speakers[place] for place in rng.permutation(len(speakers))]  # who did not speak yet
    free_ms = dict.fromkeys(speakers, 0)  # when a speaker's last piece ends
    pieces: list[Piece] = []
    last_ms = 1000 * config.duration_sec
    speaker, time_ms = waiting.pop(), min(_drawn_ms(rng, config.mean_gap_sec), int(last_ms) - 1)
    while time_ms < last_ms:
        recording, length_sec = usable[speaker][rng.integers(len(usable[speaker]))]
        most_ms = int(1000 * length_sec)
        own_ms = int(1000 * config.min_turn_sec) + _drawn_ms(rng, config.mean_turn_sec)
        own_ms = min(own_ms, most_ms)
        offset_ms = int(rng.integers(most_ms - own_ms + 1))
        end_ms = time_ms + own_ms
        times_sec = (offset_ms / 1000, time_ms / 1000, end_ms / 1000)
        pieces.append(Piece(speaker, recording, *times_sec, gain_db[speaker]))
        free_ms[speaker] = end_ms
        if len(speakers) == 1 or rng.random() < config.hold_probability:
            time_ms = end_ms + _drawn_ms(rng, config.mean_pause_sec)
            continue
        others = [other for other in speakers if other != speaker]
        speaker = waiting.pop() if waiting else others[rng.integers(len(others))]
        if rng.random() < config.overlap_probability:
            early_ms = min(_drawn_ms(rng, config.mean_overlap_sec), own_ms)
            time_ms = max(end_ms - early_ms, free_ms[speaker])
        else:
            time_ms = max(free_ms.values()) + _drawn_ms(rng, config.mean_gap_sec)
    return sorted(pieces, key=lambda piece: (piece.start_sec, piece.end_sec, piece.speaker))


def turns_of_plan(name: str, plan: Sequence[Piece]) -> list[Turn]:
    """The reference of a conversation.

    >>> turns_of_plan("c", [Piece("ann", "a1", 3.0, 0.0, 1.5, 0.0)])
    [Turn(recording='c', start_sec=0.0, end_sec=1.5, speaker='ann')]
    """
    return merge_turns(Turn(name, p.start_sec, p.end_sec, p.speaker) for p in plan)


def mix(
    plan: Sequence[Piece],
    recordings: Mapping[str, np.ndarray],
    rate_hz: int,
    rooms: Mapping[str, np.ndarray] | None = None,
    noise: np.ndarray | None = None,
    snr_db: float = 20.0,
) -> np.ndarray:
    """The sound of a conversation.

    Parameters
    ----------
    plan : sequence of Piece
    recordings : mapping of names to arrays
        Samples, in the units of 16-bit audio.
    rate_hz : int
        Of all sounds.
    rooms : mapping of speakers to arrays of shape (H,), optional
        Impulse responses in the units of 16-bit audio; direct sound is not delayed.
    noise : array, optional
        Repeated or cut to the length of the conversation.
    snr_db : float
        Of all speech beside the noise.

    Returns
    -------
    float32 array of shape (N,)
        In the units of 16-bit audio, softer as a whole if it would not fit into 16 bits.

    Examples
    --------
    >>> plan = [Piece("ann", "a1", 0.0, 0.0, 0.5, 0.0), Piece("bob", "b1", 0.0, 1.0, 1.5, 0.0)]
    >>> recordings = {name: np.ones(8000) for name in ("a1", "b1")}
    >>> sound_N = mix(plan, recordings, 8000)
    >>> sound_N.shape, sound_N[[2000, 6000, 10000]].tolist()
    ((12000,), [1000.0, 0.0, 1000.0])
    """
    num_samples = max((_place(piece.end_sec, rate_hz) for piece in plan), default=0)
    sound_N = np.zeros(num_samples, np.float32)
    for speaker in sorted({piece.speaker for piece in plan}):
        track_N = np.zeros(num_samples, np.float32)
        for piece in plan:
            if piece.speaker == speaker:
                first, end = _place(piece.start_sec, rate_hz), _place(piece.end_sec, rate_hz)
                track_N[first:end] += _cut(piece, recordings[piece.recording], end - first, rate_hz)
        if rooms and speaker in rooms:
            track_N = _in_room(track_N, np.asarray(rooms[speaker], np.float32))
        sound_N += track_N
    if noise is not None and num_samples:
        filled_N = np.resize(np.asarray(noise, np.float32), num_samples)
        keep = ReverbConfig(normalize_output=False)
        sound_N = reverberate(sound_N, rate_hz, keep, noises=[Noise(filled_N, snr_db, 0.0)])
    loudest = np.abs(sound_N).max(initial=0)
    return sound_N * np.float32(min(1, LOUDEST / max(loudest, 1)))


def _drawn_ms(rng, mean_sec):
    return round(1000 * rng.exponential(mean_sec))


def _place(time_sec, rate_hz):
    return round(time_sec * rate_hz)


def _cut(piece, samples, length, rate_hz):
    """The samples of a piece, at its speaker's level, faded in and out."""
    samples = np.asarray(samples, np.float32)
    level = np.sqrt(np.mean(samples.astype(np.float64) ** 2)) if len(samples) else 0
    first = _place(piece.offset_sec, rate_hz)
    cut = samples[first : first + length]
    if len(cut) < length - 1:
        raise DataDirError(
            f"{piece.recording}: {len(samples) / rate_hz:g} s long, but a conversation takes"
            f" {piece.offset_sec:g} to {(first + length) / rate_hz:g} s. Correct its duration."
        )
    cut = np.pad(cut, (0, length - len(cut)))
    num_faded = min(int(FADE_SEC * rate_hz), length // 2)
    ramp = np.linspace(0, 1, num_faded, endpoint=False, dtype=np.float32)
    cut[:num_faded] *= ramp
    cut[length - num_faded :] *= ramp[::-1]
    return cut * np.float32(10 ** (piece.gain_db / 20) * LEVEL / max(level, 1e-5))


def _in_room(track_N, rir_H):
    """The track in a room, at its old power, with the direct sound at its old time."""
    wet_R = convolve(track_N, rir_H)
    peak = int(np.argmax(np.abs(rir_H)))
    wet_N = wet_R[peak : peak + len(track_N)]
    power, wet_power = (float(np.mean(x.astype(np.float64) ** 2)) for x in (track_N, wet_N))
    return wet_N * np.float32(np.sqrt(power / wet_power) if wet_power > 0 else 1)
