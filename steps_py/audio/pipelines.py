"""Evaluates wav.scp pipes in this process.

A pipe such as ``flac -c -d -s a.flac | wav-reverberate --impulse-response=r.wav - - |``
needs a shell, two processes per utterance, and flac.  Pipelines of commands in
`pipe_commands.py` need none of them; if only the first commands are unknown, a shell runs these
and the others are evaluated here.  The samples equal those that the commands would write, except
for rate conversion and dither of sox and the decoding of MP3 and Ogg, which also differ between
versions of the programs.
"""

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from steps_py.audio.decode import read_file, read_wav_file
from steps_py.audio.file_info import audio_info
from steps_py.audio.headers.base import AudioInfo
from steps_py.audio.pipe_base import Unknown
from steps_py.audio.pipe_commands import PIPE_COMMANDS, copied_file
from steps_py.audio.wave import Wave, read_wave
from steps_py.formats.streams import classify_rxfilename, open_input

# Quoted strings, escaped characters, and other single characters.
_PARTS = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|[^'\"\\]", re.DOTALL)
_EXPANDED = set("$`*?[]~#{}")  # a shell can expand them
_CONTROL = set(";&<>()\n")
_SILENCED = re.compile(r"(?<=\s)2>\s*/dev/null(?=\s|\||$)")


@dataclass(frozen=True)
class ShellCommand:
    """One command of a pipeline; `words` is None if only a shell can expand them."""

    text: str
    words: list | None


def evaluate(command: str, max_sec: float | None = None) -> Wave | None:
    """The Wave that the shell command `command` writes, or None if it needs a shell.

    With `max_sec` the result can end after the first `max_sec`.

    Raises
    ------
    WaveError
        If a file is missing or damaged, or an option is invalid.
    """
    commands = split_pipeline(command)
    first = 0
    while commands and first < len(commands):
        try:
            return _Pipeline(commands, first).run(len(commands) - 1, max_sec)
        except Unknown as unknown:
            first = unknown.position + 1  # a shell runs the commands up to this one
    return None


def inspect(command: str) -> AudioInfo | None:
    """The AudioInfo of what `command` writes, or None if it needs a shell.

    The length of a single file is read from its header; anything else is decoded.
    """
    commands = split_pipeline(command)
    if commands and len(commands) == 1 and commands[0].words:
        path = copied_file(commands[0].words)
        if path is not None:
            return audio_info(path)
    wave = evaluate(command)
    if wave is None:
        return None
    num_channels, num_samples = wave.samples_CN.shape
    return AudioInfo(wave.rate_hz, num_channels, num_samples)


def split_pipeline(command: str) -> list[ShellCommand] | None:
    """The commands of a pipeline of plain commands; None if it has other shell syntax.

    >>> [command.words for command in split_pipeline("cat 'my file.wav' | sox -t wav - -t wav -")]
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
    return [ShellCommand(text, shlex.split(text) if ok else None) for text, ok in pairs]


class _Pipeline:
    """A pipeline whose commands from `first` on are evaluated in this process."""

    def __init__(self, commands, first):
        self.commands = commands
        self.first = first

    def run(self, last, max_sec):
        """The Wave that command `last` writes."""
        if last < self.first:
            return self._from_shell()
        words = self.commands[last].words
        try:
            command = PIPE_COMMANDS.get(words[0]) if words else None
            if command is None or not command.is_allowed:
                raise Unknown
            source = Source(lambda max_sec: self.run(last - 1, max_sec))
            return command.run(command.parse(words[1:]), source, max_sec)
        except Unknown as unknown:
            if unknown.position is None:
                unknown.position = last
            raise

    def _from_shell(self):
        if self.first == 0:
            raise Unknown(position=0)  # it would read the standard input of this process
        command = "|".join(each.text for each in self.commands[: self.first])
        with open_input(f"{command} |") as stream:
            return read_wave(stream, command.strip())


class Source:
    """The inputs of a command of a pipeline: files, pipes, and its standard input."""

    def __init__(self, read_stdin: Callable):
        self._read_stdin = read_stdin

    def read(self, rxfilename: str, max_sec: float | None = None) -> Wave:
        """The Wave that Kaldi reads from `rxfilename`."""
        if classify_rxfilename(rxfilename) == "stdin":
            return self._read_stdin(max_sec)
        return read_recording(rxfilename, max_sec)

    def read_audio(self, path: str | os.PathLike, max_sec: float | None = None) -> Wave:
        """The Wave of a file of any format, as sox reads it."""
        return self._read_stdin(max_sec) if path == "-" else read_file(path, max_sec)


def read_recording(rxfilename: str, max_sec: float | None = None) -> Wave:
    """The Wave in a file, pipe or archive; with `max_sec` it can end after `max_sec`."""
    kind = classify_rxfilename(rxfilename)
    if kind == "pipe":
        wave = evaluate(rxfilename[:-1].strip(), max_sec)
        if wave is not None:
            return wave
    if kind == "file":
        return read_wav_file(rxfilename, max_sec)
    with open_input(rxfilename) as stream:
        return read_wave(stream, rxfilename)
