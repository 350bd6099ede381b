"""The pipes of a wav.scp, evaluated in this process.

A pipe such as ``flac -c -d -s a.flac | wav-reverberate --impulse-response=r.wav - - |``
costs a shell and two processes for each utterance, and needs flac installed.  A pipeline
of commands known to `pipe_commands.py` needs none; where only its first commands are
unknown, a shell runs these, and the rest happens here.  The samples are those that the
commands would write, but for two cases that differ between versions of the programs:
sox's rate conversion and dither, and the decoding of MP3 and Ogg.
"""

import re
import shlex
from dataclasses import dataclass

from steps_py.audio.decode import read_file, read_wav_file
from steps_py.audio.file_info import audio_info
from steps_py.audio.headers.base import AudioInfo
from steps_py.audio.pipe_base import Unknown
from steps_py.audio.pipe_commands import PIPE_COMMANDS, copied_file
from steps_py.audio.wave import read_wave
from steps_py.formats.streams import classify_rxfilename, open_input

# Quoted parts, escaped characters, and single characters of what is left.
_PARTS = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|[^'\"\\]", re.DOTALL)
_EXPANDED = set("$`*?[]~#{}")  # a shell may put something else in their place
_CONTROL = set(";&<>()\n")
_SILENCED = re.compile(r"(?<=\s)2>\s*/dev/null(?=\s|\||$)")


@dataclass(frozen=True)
class Stage:
    """One command of a pipeline; `words` is None if only a shell can tell what they are."""

    text: str
    words: list | None


def evaluate(command, max_sec=None):
    """The Wave that the shell command `command` writes, or None if it needs a shell.

    `max_sec` allows to leave out what comes after.

    Raises
    ------
    WaveError
        If a file is missing or damaged, or an option has no meaning.
    """
    stages = split_pipeline(command)
    first = 0
    while stages and first < len(stages):
        try:
            return _Pipeline(stages, first).run(len(stages) - 1, max_sec)
        except Unknown as unknown:
            first = unknown.stage + 1  # a shell runs what comes before, and this
    return None


def inspect(command):
    """The AudioInfo of what `command` writes, or None if it needs a shell.

    The length of a single file is read from its header; anything else is decoded.
    """
    stages = split_pipeline(command)
    if stages and len(stages) == 1 and stages[0].words:
        path = copied_file(stages[0].words)
        if path is not None:
            return audio_info(path)
    wave = evaluate(command)
    if wave is None:
        return None
    num_channels, num_samples = wave.samples_CN.shape
    return AudioInfo(wave.rate_hz, num_channels, num_samples)


def split_pipeline(command):
    """The stages of a pipeline of plain commands; None if there is more shell in it.

    >>> [stage.words for stage in split_pipeline("cat 'my file.wav' | sox -t wav - -t wav -")]
    [['cat', 'my file.wav'], ['sox', '-t', 'wav', '-', '-t', 'wav', '-']]
    >>> split_pipeline("cat $HOME/a.wav")[0].words is None, split_pipeline("cd /; cat a.wav")
    (True, None)
    """
    texts, plain = [""], [True]
    command = _SILENCED.sub("", command)
    position = 0
    for match in _PARTS.finditer(command):
        if match.start() != position:
            return None  # an unclosed quote
        position = match.end()
        part = match[0]
        if part in _CONTROL:
            return None
        if part == "|":
            texts.append("")
            plain.append(True)
            continue
        texts[-1] += part
        if part in _EXPANDED or (part[0] == '"' and set(part) & set("$`")):
            plain[-1] = False
    if position != len(command) or not all(text.strip() for text in texts):
        return None
    pairs = zip(texts, plain, strict=True)
    return [Stage(text, shlex.split(text) if ok else None) for text, ok in pairs]


class _Pipeline:
    """A pipeline whose stages from `first` on are evaluated here."""

    def __init__(self, stages, first):
        self.stages = stages
        self.first = first

    def run(self, last, max_sec):
        """The Wave after stage `last`."""
        if last < self.first:
            return self._from_shell()
        words = self.stages[last].words
        try:
            command = PIPE_COMMANDS.get(words[0]) if words else None
            if command is None or not command.is_allowed:
                raise Unknown
            source = Source(lambda max_sec: self.run(last - 1, max_sec))
            return command.run(command.parse(words[1:]), source, max_sec)
        except Unknown as unknown:
            if unknown.stage is None:
                unknown.stage = last
            raise

    def _from_shell(self):
        if self.first == 0:
            raise Unknown(stage=0)  # it reads the standard input of this process
        command = "|".join(stage.text for stage in self.stages[: self.first])
        with open_input(f"{command} |") as stream:
            return read_wave(stream, command.strip())


class Source:
    """Where a command of a pipeline reads from: files, pipes, and its standard input."""

    def __init__(self, read_stdin):
        self._read_stdin = read_stdin

    def read(self, rxfilename, max_sec=None):
        """The Wave that Kaldi reads from `rxfilename`."""
        if classify_rxfilename(rxfilename) == "stdin":
            return self._read_stdin(max_sec)
        return read_recording(rxfilename, max_sec)

    def read_audio(self, path, max_sec=None):
        """The Wave of a file of any format, as sox reads it."""
        return self._read_stdin(max_sec) if path == "-" else read_file(path, max_sec)


def read_recording(rxfilename, max_sec=None):
    """The Wave in a file, pipe or archive; `max_sec` allows to leave out what comes after."""
    kind = classify_rxfilename(rxfilename)
    if kind == "pipe":
        wave = evaluate(rxfilename[:-1].strip(), max_sec)
        if wave is not None:
            return wave
    if kind == "file":
        return read_wav_file(rxfilename, max_sec)
    with open_input(rxfilename) as stream:
        return read_wave(stream, rxfilename)
