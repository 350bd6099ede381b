"""What a wav.scp would run: shell commands that nobody here knows, programs emulated here."""

import functools
from collections.abc import Iterable

from steps_py.audio.pipe_base import Unknown
from steps_py.audio.pipe_commands import FFMPEG_FILES, PIPE_COMMANDS
from steps_py.audio.pipelines import split_pipeline
from steps_py.errors import StepsError, some


def shell_reason(entry: str) -> str | None:
    """Why a wav.scp entry needs a shell or a program of others; None for files and known pipes.

    Known are the pipes that the project writes itself, and those of the same commands and
    options: flac, sox, ffmpeg and sph2pipe that decode one file to standard output.

    >>> shell_reason("a.wav"), shell_reason("flac -c -d -s a.flac |")
    (None, None)
    >>> shell_reason("curl http://x | sox -t wav - -t wav - |")
    "runs 'curl'"
    >>> shell_reason("cat $(rm x) |"), shell_reason("sox a.wav -t wav b.wav |")
    ('needs a shell', 'gives sox unknown options')
    """
    if not entry.endswith("|"):
        return None
    stages = split_pipeline(entry[:-1].strip())
    if not stages or any(not stage.words for stage in stages):
        return "needs a shell"
    for stage in stages:
        name, *words = stage.words
        if name not in PIPE_COMMANDS:
            return f"runs '{name}'"
        if any("|" in word for word in words):
            return "has a pipe within"
        if not _is_understood(name, tuple(words)):
            return f"gives {name} unknown options"
    return None


def refused_pipes(entries: Iterable[str]) -> str:
    """Which of the entries `shell_reason` has something to say of, in words; empty if none."""
    entries = list(entries)
    found = [f"{entry} ({reason})" for entry in entries if (reason := shell_reason(entry))]
    if not found:
        return ""
    return f"{len(found)} of {len(entries)} entries of wav.scp are shell commands: {some(found)}"


def emulated_programs(entries: Iterable[str]) -> list[str]:
    """The programs in wav.scp pipes that are not run, since the project decodes itself.

    >>> emulated_programs(["a.wav", "flac -c -d -s a.flac | sox -t wav - -r 8k -t wav - |"])
    ['flac', 'sox']
    >>> emulated_programs(["ffmpeg -i a.m4a -f wav - |"])
    []
    """
    found, seen = set(), set()
    for entry in entries:
        if not entry.endswith("|"):
            continue
        # a table has few commands for many files, and to take a pipe apart takes long
        shape = tuple(word for word in entry.split() if not set("/.'\"") & set(word))
        shape += tuple(sorted(suffix for suffix in FFMPEG_FILES if suffix in entry.lower()))
        if shape not in seen:
            seen.add(shape)
            found |= _emulated_by(entry[:-1].strip())
    return sorted(found)


def _emulated_by(command):
    """Programs of one pipe that are emulated: those behind the last that is not understood."""
    found = set()
    for stage in reversed(split_pipeline(command) or []):
        name, *words = stage.words or [None]
        known = PIPE_COMMANDS.get(name)
        if known is None or not known.is_allowed or not _is_understood(name, tuple(words)):
            break
        if name == "ffmpeg" and not any(word.lower().endswith(FFMPEG_FILES) for word in words):
            break
        if known.is_foreign:
            found.add(name)
    return found


@functools.lru_cache(maxsize=10_000)
def _is_understood(name, words):
    try:
        PIPE_COMMANDS[name].parse(list(words))
    except Unknown:
        return False
    except StepsError:
        return True  # understood, and wrong: told when it is read
    return True
