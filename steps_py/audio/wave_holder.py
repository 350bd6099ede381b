"""Recordings as entries of Kaldi's tables."""

import io

from steps_py.audio.pipelines import evaluate
from steps_py.audio.wave import read_wave, write_wave
from steps_py.formats.holders import Holder, refuse_span


class WaveHolder(Holder):
    """A recording: steps_py.audio.wave.Wave."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "a recording")
        return read_wave(stream, stream.name if stream.key is None else stream.key)

    def encode(self, value, binary: bool):
        out = io.BytesIO()
        write_wave(out, value)
        return out.getvalue()

    def evaluate(self, command: str):
        return evaluate(command)


WAVE = WaveHolder()
