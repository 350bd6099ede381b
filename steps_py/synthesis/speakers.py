"""Random voices, their variation between sessions, and their utterances."""

import dataclasses
from math import gcd

from steps_py.synthesis import SAMPLE_RATE_HZ
from steps_py.synthesis.espeak import ACCENTS, NUM_FORMANTS, Voice
from steps_py.synthesis.sentences import sentence

MEAN_PITCH_HZ = {"m": 108.0, "f": 192.0}
MEAN_TRACT = {"m": 0.97, "f": 1.10}  # formant frequencies against the built-in voice
FADE_SEC = 0.02


def draw_voice(rng, sex):
    """A voice of the given sex (``m`` or ``f``); pitch and vocal tract of the sexes overlap."""
    pitch = MEAN_PITCH_HZ[sex] * _around(rng, 0.11)
    span = 1.25 + 0.35 * rng.random()
    tract = MEAN_TRACT[sex] * _around(rng, 0.04)
    formants = tuple(
        (
            round(100 * tract * _around(rng, 0.035)),
            round(100 * _around(rng, 0.15)),
            round(100 * _around(rng, 0.15)),
        )
        for _ in range(NUM_FORMANTS)
    )
    breathy = max(0.0, rng.normal(0, 14))
    return Voice(
        accent=sorted(ACCENTS)[int(rng.integers(len(ACCENTS)))],
        pitch_hz=(round(pitch / span**0.5), round(pitch * span**0.5)),
        formant_percent=formants,
        breath=tuple(round(breathy * weight) for weight in (0, 0.6, 1, 1, 0.8, 0.5, 0, 0)),
        roughness=int(rng.integers(0, 5)),
        voicing_percent=round(100 * _around(rng, 0.1)),
        consonants_percent=round(100 * _around(rng, 0.15)),
        speed_percent=round(100 * _around(rng, 0.1)),
        flutter=int(rng.integers(1, 8)),
    )


def vary_session(voice, rng):
    """The voice in another session, with changed pitch, rate and formant amplitudes."""
    raised = _around(rng, 0.06)
    formants = tuple(
        (
            round(frequency * _around(rng, 0.01)),
            round(height * _around(rng, 0.08)),
            round(width * _around(rng, 0.08)),
        )
        for frequency, height, width in voice.formant_percent
    )
    return dataclasses.replace(
        voice,
        pitch_hz=tuple(round(hz * raised) for hz in voice.pitch_hz),
        formant_percent=formants,
        speed_percent=round(voice.speed_percent * _around(rng, 0.06)),
    )


def synthesise(synthesizer, rng, length_sec: float):
    """`length_sec` of random sentences, 16 kHz float samples in [-1, 1]."""
    import numpy as np  # start-up time

    parts, num_samples = [], 0
    while num_samples < length_sec * synthesizer.rate_hz:
        parts.append(synthesizer.speak(sentence(rng)))
        num_samples += parts[-1].size
    speech_N = resample(np.concatenate(parts) / 32768, synthesizer.rate_hz)
    speech_N = speech_N[: round(length_sec * SAMPLE_RATE_HZ)]
    fade = np.linspace(1, 0, round(FADE_SEC * SAMPLE_RATE_HZ))
    speech_N[-fade.size :] *= fade
    return speech_N


def resample(samples_N, rate_hz: int):
    """From `rate_hz` to 16 kHz."""
    from scipy.signal import resample_poly  # start-up time

    common = gcd(rate_hz, SAMPLE_RATE_HZ)
    return resample_poly(samples_N, SAMPLE_RATE_HZ // common, rate_hz // common)


def _around(rng, deviation):
    """A factor near 1, never further than three standard deviations."""
    import numpy as np  # start-up time

    return 1 + deviation * float(np.clip(rng.normal(), -3, 3))
