"""Voices of a recording that still arrives: of growing parts of it, at last of the whole."""

from collections.abc import Iterable, Iterator

from steps_py.audio.wave import Wave
from steps_py.errors import AudioError
from steps_py.system.sound import Reading, check_duration, fitted, joined, samples_of
from steps_py.system.voice import Voice

FIRST_SEC = 1.0
GROWTH = 1.25  # so that all parts together take five times the work of the whole


def live_voices(system, blocks: Iterable, reading: Reading) -> Iterator[Voice]:
    """The voice of what has arrived, whenever that has grown by a quarter, and of the whole.

    Parts with too little speech are passed over.

    Raises
    ------
    AudioError
        If a block is no sound, or the whole has too little speech.
    """
    name = "the samples"
    if reading.rate_hz is None:
        raise AudioError(f"{name}: have no rate. Give rate_hz.")
    arrived, num_samples, due = [], 0, FIRST_SEC * reading.rate_hz

    def voice():
        wave = Wave(reading.rate_hz, joined(arrived, name))
        return system.voice_of_wave(fitted(wave, name, reading, system.sample_rate_hz), name)

    for block in blocks:
        arrived.append(samples_of(block))
        num_samples += arrived[-1].shape[1]
        check_duration(name, num_samples / reading.rate_hz)
        if num_samples >= due:
            due = GROWTH * num_samples
            try:
                found = voice()
            except AudioError:
                continue
            yield found
    if not arrived:
        raise AudioError(f"{name}: are none: the iterator gave no block.")
    yield voice()
