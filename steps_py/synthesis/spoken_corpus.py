"""Speakers in two sessions each, in VoxCeleb1's layout, and a trial list over them.

    <root>/{dev,test}/wav/<speaker>/<video>/<number>.wav
    <root>/veri_test.txt           1|0 <wav> <wav>, paths below test/wav

Each session ("video") has a different channel and target trials are across sessions, so that a
system that recognises channels instead of speakers fails.
"""

import dataclasses
from pathlib import Path

from steps_py.draws import generator
from steps_py.synthesis.channel import apply_channel, draw_channel, draw_tail
from steps_py.synthesis.espeak import Synthesizer
from steps_py.synthesis.speakers import draw_voice, synthesise, vary_session
from steps_py.synthesis.waves import write_wav

SESSIONS = 2
FIRST_ID = {"dev": 10001, "test": 10270}  # of the official parts; test must come last
VIDEO_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speaker:
    """One speaker's voice and where the recordings go."""

    spk: str
    part: str
    voice: object
    videos: tuple  # one name per session

    def wav(self, session, number) -> str:
        """Path of the `number`-th utterance (from 0) below ``<part>/wav``."""
        return f"{self.spk}/{self.videos[session]}/{number + 1:05d}.wav"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeakerJob:
    """The job of a process: all recordings of one speaker."""

    root: Path
    speaker: Speaker
    utts_per_session: int
    min_sec: float
    max_sec: float
    seed: int


def draw_speakers(part: str, num_speakers: int, seed: int):
    """`num_speakers` of one part, alternating women and men."""
    speakers = []
    for number in range(num_speakers):
        spk = speaker_id(part, number)
        rng = generator(seed, spk, "voice")
        voice = draw_voice(rng, "fm"[number % 2])
        letters = rng.integers(len(VIDEO_ALPHABET), size=(SESSIONS, 11))
        videos = tuple("".join(VIDEO_ALPHABET[n] for n in name) for name in letters)
        speakers.append(Speaker(spk=spk, part=part, voice=voice, videos=videos))
    return speakers


def speaker_id(part: str, number) -> str:
    """The id of the `number`-th speaker (from 0); training ids skip those of the test part.

    >>> speaker_id("dev", 0), speaker_id("test", 3), speaker_id("dev", 269)
    ('id10001', 'id10273', 'id11001')
    """
    first = FIRST_ID[part] + number
    if part == "dev" and first >= FIRST_ID["test"]:
        first += 11001 - FIRST_ID["test"]
    return f"id{first}"


def record_speaker(job) -> None:
    """Write all wavs of one speaker; must run in a new process."""
    speaker, names = job.speaker, (job.seed, job.speaker.spk)
    espeak_seed = int(generator(*names, "espeak").integers(2**31))
    with Synthesizer(espeak_seed) as synthesizer:
        for session in range(SESSIONS):
            rng = generator(*names, "session", session)
            synthesizer.use(vary_session(speaker.voice, rng))
            channel = draw_channel(rng)
            tail_K = draw_tail(rng, channel)
            for number in range(job.utts_per_session):
                rng = generator(*names, "utterance", session, number)
                speech_N = synthesise(
                    synthesizer, rng, float(rng.uniform(job.min_sec, job.max_sec))
                )
                path = job.root / speaker.part / "wav" / speaker.wav(session, number)
                write_wav(path, apply_channel(speech_N, channel, tail_K, rng))


def draw_trials(speakers, utts_per_session: int, seed: int):
    """Lines of ``veri_test.txt``: as many nontarget as target trials, all across sessions.

    Half of the nontarget trials are with the speakers nearest in pitch, which are hard; the
    others are with all other speakers.
    """
    rng = generator(seed, "trials")
    numbers = range(utts_per_session)
    lines = []
    for speaker in speakers:
        lines += [f"1 {speaker.wav(0, a)} {speaker.wav(1, b)}" for a in numbers for b in numbers]
        others = sorted((s for s in speakers if s is not speaker), key=_pitch_distance(speaker))
        near = others[: max(1, len(others) // 5)]
        half = utts_per_session**2 // 2
        chosen = _draw_pairs(rng, speaker, near, utts_per_session, half)
        chosen |= _draw_pairs(rng, speaker, others, utts_per_session, half)
        lines += [f"0 {pair}" for pair in sorted(chosen)]
    return lines


def _pitch_distance(speaker):
    return lambda other: abs(sum(other.voice.pitch_hz) - sum(speaker.voice.pitch_hz))


def _draw_pairs(rng, speaker, others, utts_per_session, num_pairs):
    pairs = [
        f"{speaker.wav(0, a)} {other.wav(1, b)}"
        for other in others
        for a in range(utts_per_session)
        for b in range(utts_per_session)
    ]
    drawn = rng.choice(len(pairs), size=min(num_pairs, len(pairs)), replace=False)
    return {pairs[n] for n in drawn}
