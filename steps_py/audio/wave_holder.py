"""Recordings as entries of Kaldi's tables."""

import io
from typing import TYPE_CHECKING

from steps_py.audio.pipelines import evaluate
from steps_py.audio.wave import read_wave, write_wave
from steps_py.formats.holders import Holder, refuse_span

if TYPE_CHECKING:
    from steps_py.audio.wave import Wave
    from steps_py.formats.streams import Input


class WaveHolder(Holder):
    """A recording: steps_py.audio.wave.Wave."""

    def read(self, stream: "Input", span=None) -> "Wave":
        refuse_span(stream, span, "a recording")
        return read_wave(stream, stream.name if stream.key is None else stream.key)

    def encode(self, value, binary: bool):
        out = io.BytesIO()
        write_wave(out, value)
        return out.getvalue()

    def evaluate(self, command: str) -> "Wave | None":
        return evaluate(command)


WAVE = WaveHolder()
