"""Speech synthesis with eSpeak NG, called through ctypes from the ``espeakng_loader`` wheel.

eSpeak keeps state between calls (phases, random numbers), so the same text gives different waves
within a process.  A `Synthesizer` is therefore created once per process, with a seed.

A voice is a file in eSpeak's own format (its documentation: ``docs/voices.md``):
formant frequencies, heights and widths in per cent of the built-in voice, pitch,
breath, roughness and so on.
"""

import ctypes
import dataclasses
import tempfile
from pathlib import Path

from steps_py.errors import AudioError

SYNCHRONOUS, DONT_EXIT, UTF8 = 2, 0x8000, 1  # constants of speak_lib.h
NUM_FORMANTS = 8
ACCENTS = {
    "en-us": "language en-us\nphonemes en-us\ndictrules 3 6\n"
    "stressLength 140 120 190 170 0 0 255 300\n",
    "en-gb": "language en-gb\ntunes s1 c1 q1 e1\n",
    "en-sc": "language en-gb-scotland\nphonemes en-sc\ndictrules 2 5 6 7\n"
    "stressLength 180 130 200 200 0 0 250 270\n",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Voice:
    """Parameters of a voice in eSpeak; percentages are relative to the built-in voice."""

    accent: str
    pitch_hz: tuple  # (low, high) of the intonation
    formant_percent: tuple  # NUM_FORMANTS x (frequency, height, width)
    breath: tuple  # NUM_FORMANTS relative strengths of breath noise
    roughness: int  # 0 to 7
    voicing_percent: int
    consonants_percent: int
    speed_percent: int
    flutter: int

    def text(self):
        """The voice in eSpeak's file format."""
        lines = [f"pitch {self.pitch_hz[0]} {self.pitch_hz[1]}"]
        for number, values in enumerate(self.formant_percent):
            lines.append(f"formant {number} " + " ".join(map(str, values)))
        lines += [
            "breath " + " ".join(map(str, self.breath)),
            f"roughness {self.roughness}",
            f"voicing {self.voicing_percent}",
            f"consonants {self.consonants_percent}",
            f"speed {self.speed_percent}",
            f"flutter {self.flutter}",
        ]
        return f"name speaker\n{ACCENTS[self.accent]}" + "\n".join(lines) + "\n"


class Synthesizer:
    """The eSpeak library of this process; a context manager, to be entered once."""

    def __init__(self, seed: int):
        self._seed = seed
        self._samples = []

    def __enter__(self):
        loader = import_loader()
        self._folder = tempfile.TemporaryDirectory(prefix="espeak")
        # eSpeak has short fixed buffers for paths; a link keeps the path short.
        data = Path(self._folder.name, "data")
        data.symlink_to(loader.get_data_path())
        self._lib = declare(ctypes.CDLL(loader.get_library_path()))
        self.rate_hz = self._lib.espeak_Initialize(SYNCHRONOUS, 0, bytes(data), DONT_EXIT)
        if self.rate_hz <= 0:
            raise AudioError(f"eSpeak NG: cannot read its data in {loader.get_data_path()}.")
        self._callback = CALLBACK(self._take)  # kept alive as long as the library may call it
        self._lib.espeak_SetSynthCallback(self._callback)
        self._lib.espeak_ng_SetRandSeed(self._seed)
        return self

    def __exit__(self, *_):
        self._lib.espeak_Terminate()
        self._folder.cleanup()

    def use(self, voice) -> None:
        """Select the voice of the following calls of `speak`."""
        path = Path(self._folder.name, "voice")
        path.write_text(voice.text())
        status = self._lib.espeak_ng_SetVoiceByFile(bytes(path))
        if status != 0:
            raise AudioError(f"eSpeak NG: refused a voice with code {status}: {voice}")

    def speak(self, text: str):
        """The speech of `text`, int16 samples at `rate_hz`."""
        import numpy as np  # start-up time

        self._samples.clear()
        data = text.encode()
        status = self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None)
        if status != 0:
            raise AudioError(f"eSpeak NG: cannot say {text!r}; code {status}.")
        return np.frombuffer(b"".join(self._samples), np.int16)

    def _take(self, samples, num_samples, _events):
        if samples and num_samples > 0:
            self._samples.append(ctypes.string_at(samples, 2 * num_samples))
        return 0


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def import_loader():
    """The module ``espeakng_loader``, or an AudioError that says how to get it."""
    try:
        import espeakng_loader  # start-up time
    except ImportError:
        raise AudioError(
            "synthetic speech: the package espeakng-loader is not installed."
            " Install it with: pip install -e .[demo]"
        ) from None
    return espeakng_loader


def declare(lib):
    """Declare the argument types of the functions that are used."""
    lib.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    lib.espeak_SetSynthCallback.argtypes = [CALLBACK]
    lib.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    lib.espeak_ng_SetVoiceByFile.argtypes = [ctypes.c_char_p]
    lib.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return lib
