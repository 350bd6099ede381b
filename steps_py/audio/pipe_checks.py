"""Checks of wav.scp pipes: shell commands, emulated programs, missing programs."""

import functools
import os
import shutil
from collections.abc import Iterable

from steps_py.audio.pipe_base import Unknown
from steps_py.audio.pipe_commands import FFMPEG_FILES, PIPE_COMMANDS
from steps_py.audio.pipelines import split_pipeline
from steps_py.errors import MissingProgramError, StepsError, some
from steps_py.formats.processes import INSTALL


def shell_reason(entry: str) -> str | None:
    """Why a wav.scp entry needs a shell or an unknown program; None for files and known pipes.

    Known pipes are those that the project writes, and those of the same commands and options:
    flac, sox, ffmpeg and sph2pipe that decode one file to standard output.

    >>> shell_reason("a.wav"), shell_reason("flac -c -d -s a.flac |")
    (None, None)
    >>> shell_reason("curl http://x | sox -t wav - -t wav - |")
    "runs 'curl'"
    >>> shell_reason("cat $(rm x) |"), shell_reason("sox a.wav -t wav b.wav |")
    ('needs a shell', 'gives sox unknown options')
    """
    if not entry.endswith("|"):
        return None
    commands = split_pipeline(entry[:-1].strip())
    if not commands or any(not command.words for command in commands):
        return "needs a shell"
    for command in commands:
        name, *words = command.words
        if name not in PIPE_COMMANDS:
            return f"runs '{name}'"
        if any("|" in word for word in words):
            return "has a pipe within"
        if not _is_understood(name, tuple(words)):
            return f"gives {name} unknown options"
    return None


def refused_pipes(entries: Iterable[str]) -> str:
    """A description of the entries that are shell commands; empty if there are none."""
    entries = list(entries)
    found = [f"{entry} ({reason})" for entry in entries if (reason := shell_reason(entry))]
    if not found:
        return ""
    return f"{len(found)} of {len(entries)} entries of wav.scp are shell commands: {some(found)}"


def emulated_programs(entries: Iterable[str]) -> list[str]:
    """The programs in wav.scp pipes that are emulated instead of run.

    >>> emulated_programs(["a.wav", "flac -c -d -s a.flac | sox -t wav - -r 8k -t wav - |"])
    ['flac', 'sox']
    >>> emulated_programs(["ffmpeg -i a.m4a -f wav - |"])
    []
    """
    found = set()
    for entry in _distinct_pipes(entries):
        commands, first = _split(entry)
        names = {command.words[0] for command in commands[first:]}
        found |= {name for name in names if PIPE_COMMANDS[name].is_foreign}
    return sorted(found)


def check_programs(entries: Iterable[str], where: str) -> None:
    """Raise MissingProgramError if a pipe runs a program that is not installed.

    Programs that are known by name, or given by an absolute path, are checked.
    """
    for entry in _distinct_pipes(entries):
        commands, first = _split(entry)
        for command in commands[:first]:
            name = command.words[0] if command.words else ""
            is_known = name in INSTALL or name.startswith("/")
            if is_known and shutil.which(name) is None:
                program = os.path.basename(name)
                raise MissingProgramError(
                    f"{where}: program {name} not found, which wav.scp runs ({entry})."
                    f" Install {INSTALL.get(program, program)}, or correct wav.scp."
                )


def _distinct_pipes(entries):
    """One pipe of each form; a table usually has few forms for many files."""
    seen = set()
    for entry in entries:
        if not entry.endswith("|"):
            continue
        words = entry.split()
        shape = (words[0], *(word for word in words if not set("/.'\"") & set(word)))
        shape += tuple(suffix for suffix in FFMPEG_FILES if suffix in entry.lower())
        if shape not in seen:
            seen.add(shape)
            yield entry


def _split(entry):
    """The commands of a pipe, and the index of the first of its last ones that are emulated."""
    commands = split_pipeline(entry[:-1].strip()) or []
    first = len(commands)
    while first and _is_evaluated(commands[first - 1]):
        first -= 1
    return commands, first


def _is_evaluated(command):
    name, *words = command.words or [None]
    known = PIPE_COMMANDS.get(name)
    if known is None or not known.is_allowed or not _is_understood(name, tuple(words)):
        return False
    return name != "ffmpeg" or any(word.lower().endswith(FFMPEG_FILES) for word in words)


@functools.lru_cache(maxsize=10_000)
def _is_understood(name, words):
    try:
        PIPE_COMMANDS[name].parse(list(words))
    except Unknown:
        return False
    except StepsError:
        return True  # supported but wrong; reading it raises the error
    return True
