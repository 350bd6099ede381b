"""Recordings inside the report, as long as they fit.

Shape suffixes (scope: this module):
    C = channels   N = samples
"""

import base64
import functools
import io

import numpy as np
import soundfile

from steps_py.audio.pipelines import read_recording
from steps_py.errors import StepsError
from steps_py.report.blocks import Audio
from steps_py.report.run_folder import RunFolder


class Recordings:
    """Makes `Audio` cells of utterances, with recordings of ``audio_mb`` in all.

    Recordings are MP3, which every browser plays.
    """

    def __init__(self, run: RunFolder):
        self._run = run
        self._left_bytes = run.options.audio_mb * 1e6

    def cell(self, dset: str, utt: str) -> Audio:
        """The utterance of a set, with its recording while there is room for it."""
        has_audio = self._run.has_table(dset, "wav.scp")  # models of several utterances have none
        entry = self._run.table(dset, "wav.scp").get(utt, "") if has_audio else ""
        source = self._source(entry) if entry and self._left_bytes > 0 else None
        if source is not None and len(source) > self._left_bytes:
            source = None
        self._left_bytes -= len(source or "")
        return Audio(utt, entry, source)

    @functools.cache  # noqa: B019 -- lives as long as the section
    def _source(self, entry):
        max_sec = self._run.options.audio_sec
        try:
            wave = read_recording(self._entry(entry), max_sec)
            return mp3(wave.samples_CN, wave.rate_hz, max_sec)
        except (StepsError, OSError, soundfile.LibsndfileError):
            return None  # the path is shown

    def _entry(self, entry):
        """A path of wav.scp is relative to the recipe's folder."""
        return entry if entry.endswith("|") else str(self._run.path / entry)


def mp3(samples_CN: np.ndarray, rate_hz: float, max_sec: float):
    """The first channel, from its start, as a ``data:`` address; samples in units of 16 bits."""
    x_N = np.asarray(samples_CN, np.float32)[0, : int(max_sec * rate_hz)]
    out = io.BytesIO()
    soundfile.write(out, x_N / 32768, int(rate_hz), format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(out.getvalue()).decode()
