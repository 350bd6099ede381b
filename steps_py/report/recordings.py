"""Recordings inside the report, as long as they fit."""

import base64
import io

import numpy as np
import soundfile

from steps_py.audio.pipelines import read_recording
from steps_py.errors import StepsError
from steps_py.report.blocks import Audio
from steps_py.report.run_folder import RunFolder


class Recordings:
    """Makes `Audio` cells of utterances; each recording is kept once, within ``audio_mb``.

    Recordings are MP3, which every browser plays.
    """

    def __init__(self, run: RunFolder):
        self._run = run
        self._left_bytes = run.options.audio_mb * 1e6
        self._known = {}

    def cell(self, dset: str, utt: str) -> Audio:
        """The utterance of a set, with its recording while there is room for it."""
        if (dset, utt) not in self._known:
            entry = self._run.table(dset, "wav.scp").get(utt, "")
            source = self._source(entry) if entry and self._left_bytes > 0 else None
            self._known[dset, utt] = Audio(utt, entry, source)
        return self._known[dset, utt]

    def _source(self, entry):
        max_sec = self._run.options.audio_sec
        try:
            wave = read_recording(self._entry(entry), max_sec)
            sound = mp3(wave.samples, wave.rate_hz, max_sec)
        except (StepsError, OSError, soundfile.LibsndfileError):
            return None  # the path is shown
        if len(sound) > self._left_bytes:
            return None
        self._left_bytes -= len(sound)
        return sound

    def _entry(self, entry):
        """A path of wav.scp is relative to the recipe's folder."""
        return entry if entry.endswith("|") else str(self._run.path / entry)


def mp3(samples, rate_hz, max_sec):
    """The first channel of int16 samples, from its start, as a ``data:`` address."""
    x_N = np.asarray(samples)
    x_N = (x_N[0] if x_N.ndim == 2 else x_N)[: int(max_sec * rate_hz)]
    out = io.BytesIO()
    soundfile.write(out, x_N.astype(np.float32) / 32768, int(rate_hz), format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(out.getvalue()).decode()
