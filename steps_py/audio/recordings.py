"""Recordings of a corpus: finding files, reading headers, writing wav.scp entries.

An entry is what the first command of the recipe reads: a WAV file's path, or a shell
pipe that writes WAV to its output (flac, ffmpeg, sox), as Kaldi's own recipes have it.
"""

import collections
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from steps_py.audio.file_info import audio_info
from steps_py.audio.headers.kinds import PIPES
from steps_py.errors import AudioError, MissingProgramError, StepsError, some

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
# Suffixes of audio files that corpora do not read by default.
# fmt: off
OTHER_SUFFIXES = frozenset((
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".alac", ".amr", ".ape", ".au", ".bwf",
    ".caf", ".dsf", ".gsm", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp4", ".mpc",
    ".mpga", ".nist", ".nsp", ".oga", ".opus", ".pcm", ".ra", ".raw", ".rf64", ".shn", ".snd",
    ".sph", ".spx", ".tta", ".voc", ".vox", ".w64", ".wave", ".webm", ".wma", ".wv", ".wv1", ".wv2",
))
# fmt: on
COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".z", ".zip", ".tar", ".tgz", ".7z")
SPHERE = "NIST sphere"
READ_BY_SOX = ("WAV", "FLAC", "Ogg", "MP3", "AIFF", "AU")
HEADERS_PER_TASK = 64
NAMED_KINDS = {".wav": ("WAV",), ".flac": ("FLAC",), ".ogg": ("Ogg",), ".mp3": ("MP3",)}


class Header(NamedTuple):
    """Rate, channels, length and format of a recording."""

    rate_hz: int
    num_channels: int
    duration_sec: float
    is_16bit: bool = True  # Kaldi reads no other WAV; sox converts it
    kind: str = "WAV"  # the format, recognised by content


class SkippedFiles:
    """Audio files that a corpus does not read, because of their suffixes.

    >>> skipped = SkippedFiles()
    >>> skipped.see("s1/a.opus", (".wav",))
    >>> skipped.see("s1/notes.txt", (".wav",))
    >>> skipped.describe()
    '1 audio file skipped, only .wav is taken: 1 .opus (s1/a.opus)'
    """

    def __init__(self):
        self._counts = collections.Counter()
        self._examples = []
        self._taken = {}

    def see(self, path: str, taken: tuple[str, ...]) -> None:
        """Count the file at `path`, whose suffix is none of `taken`, if it holds audio."""
        self._taken |= dict.fromkeys(taken)
        stem, suffix = os.path.splitext(path.lower())
        if suffix in COMPRESSED_SUFFIXES:
            suffix = os.path.splitext(stem)[1] + suffix
            if os.path.splitext(stem)[1] not in (*SUFFIXES, *OTHER_SUFFIXES):
                return
        elif suffix not in OTHER_SUFFIXES and suffix not in SUFFIXES:
            return
        self._counts[suffix] += 1
        if len(self._examples) < 3:
            self._examples.append(path)

    def taken(self) -> str:
        """Which suffixes were looked for, as far as any other file was seen."""
        return f"looked for {', '.join(self._taken or SUFFIXES)}"

    def describe(self) -> str:
        """One line on the files that were not read; empty if there are none."""
        if not self._counts:
            return ""
        number = self._counts.total()
        counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self._counts.items()))
        return (
            f"{number} audio file{'s' * (number > 1)} skipped, only {', '.join(self._taken)}"
            f" {'are' if len(self._taken) > 1 else 'is'} taken: {counts} ({some(self._examples)})"
        )


def walk_audio(
    folder: str | os.PathLike, suffixes: tuple = SUFFIXES, skipped: SkippedFiles | None = None
) -> Iterator[str]:
    """Yield the paths of the recordings below `folder`, relative to it, links followed.

    Hidden files and folders (``.git``, ``._copy.wav``) are skipped; audio files with other
    suffixes are counted in `skipped`.
    """
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            for path in walk_audio(entry.path, suffixes, skipped):
                yield f"{entry.name}/{path}"
        elif os.path.splitext(entry.name)[1].lower() in suffixes:
            yield entry.name
        elif skipped is not None:
            skipped.see(entry.path, suffixes)


def read_header(path: str | os.PathLike) -> Header:
    """The `Header` of one file; AudioError if it is missing, empty, cut off or damaged."""
    path = str(path)
    if not os.path.isfile(path):
        raise AudioError(f"{path}: there is no such file. Check the path.")
    info = audio_info(path)
    return Header(info.rate_hz, info.num_channels, info.duration_sec, info.is_16bit, info.kind)


def read_headers(paths: Iterable, num_threads: int = 8, read: Callable = read_header) -> list:
    """The `Header` of every file, or the AudioError that it gave, in the order of `paths`."""

    def read_some(some_paths):
        return [_header_or_error(path, read) for path in some_paths]

    paths = list(paths)
    tasks = [paths[i : i + HEADERS_PER_TASK] for i in range(0, len(paths), HEADERS_PER_TASK)]
    with ThreadPoolExecutor(num_threads) as pool:
        return [header for headers in pool.map(read_some, tasks) for header in headers]


def _header_or_error(path, read):
    try:
        return read(path)
    except MissingProgramError as error:
        return error
    except StepsError as error:
        return AudioError(str(error))
    except OSError as error:
        return AudioError(f"{path}: {error.strerror or error}.")


def check_headers(paths: Iterable | str, headers: Iterable, options, where: str, key: str) -> None:
    """Raise one AudioError, a line for each kind of fault, unless all recordings can be used.

    `options` has `sample_rate_hz`, `resample` and `channel`; `key` is the place of these
    in config.yaml, which the message names.
    """
    paths, found = list(paths), list(zip(paths, headers, strict=True))
    no_program = [(p, h) for p, h in found if isinstance(h, MissingProgramError)]
    bad = [(p, h) for p, h in found if isinstance(h, AudioError)]
    found = [(p, h) for p, h in found if not isinstance(h, StepsError)]
    wanted_hz = options.sample_rate_hz
    rates = [f"{p} has {h.rate_hz} Hz" for p, h in found if h.rate_hz != wanted_hz]
    several = [f"{p} has {h.num_channels} channels" for p, h in found if h.num_channels > 1]
    beyond = [
        f"{p} has {h.num_channels}"
        for p, h in found
        if isinstance(options.channel, int) and 1 < h.num_channels < options.channel
    ]
    of = f"of {len(paths)} recordings"
    lines = [
        f"{len(examples)} {of} cannot be read: {some(examples)}. {cure}, or name their utterances"
        f" in a file and set {key}.exclude to it."
        for cure, examples in _by_cure(bad).items()
    ]
    lines += [
        f"{len(examples)} {of} need a program that cannot be run: {some(examples)}. {cure} in"
        " wav.scp."
        for cure, examples in _by_cure(no_program).items()
    ]
    if rates and not options.resample:
        lines.append(
            f"{len(rates)} {of} are not at {wanted_hz} Hz: {some(rates)}. Set {key}.resample:"
            f" true to convert them, or {key}.sample_rate_hz to the rate of the corpus."
        )
    if several and options.channel is None:
        lines.append(
            f"{len(several)} {of} are not mono: {some(several)}. Set {key}.channel to 1, 2, ..."
            " or mix."
        )
    if beyond:
        lines.append(
            f"{len(beyond)} {of} have no channel {options.channel}: {some(beyond)}."
            f" Set {key}.channel to one that all have, or to mix."
        )
    if lines:
        raise AudioError("\n".join(f"{where}: {line}" for line in lines))


def wav_entry(path: str | os.PathLike, header: Header, options, trim=None) -> str:
    """The wav.scp entry that converts `path` to the configured rate and channel.

    `path` may be an entry itself, a pipe; `trim` is a stretch (begin and length in s).

    >>> from types import SimpleNamespace as Options
    >>> options = Options(sample_rate_hz=16000, resample=True, channel="mix")
    >>> wav_entry("a b.flac", Header(16000, 1, 2.0, kind="FLAC"), options)
    "flac -c -d -s 'a b.flac' |"
    >>> wav_entry("a.wav", Header(48000, 2, 2.0), options)
    'sox a.wav -r 16000 -b 16 -t wav - remix - |'
    """
    path = str(path)
    rate_hz = options.sample_rate_hz if header.rate_hz != options.sample_rate_hz else None
    remix = None
    if header.num_channels > 1 and options.channel != "all":
        remix = "-" if options.channel == "mix" else options.channel
    if header.kind == SPHERE and remix in (1, 2):
        path, remix = f"sph2pipe -f wav -p -c {remix} {shlex.quote(path)} |", None
    elif header.kind not in READ_BY_SOX:
        path = PIPES[header.kind].format(shlex.quote(path))
    if rate_hz or remix or trim or not header.is_16bit:
        return sox_pipe(path, rate_hz, remix, trim)
    return PIPES["FLAC"].format(shlex.quote(path)) if header.kind == "FLAC" else path


def sox_pipe(
    source: str, rate_hz: float | None = None, remix: int | str | None = None, trim=None
) -> str:
    """A pipe through sox: other rate, chosen channel, a stretch (begin and length in s).

    >>> sox_pipe("reco.wav", trim=(1.5, 0.25))
    'sox reco.wav -b 16 -t wav - trim 1.5 0.25 |'
    >>> sox_pipe("sph2pipe -f wav a.sph |", rate_hz=16000, remix=1)
    'sph2pipe -f wav a.sph | sox -t wav - -r 16000 -b 16 -t wav - remix 1 |'
    """
    if re.search(r":\d+$", source):  # a place in an archive
        source = f"wav-copy {shlex.quote(source)} - |"
    is_pipe = source.endswith("|")
    command = f"{source} sox -t wav -" if is_pipe else f"sox {shlex.quote(source)}"
    if rate_hz:
        command += f" -r {rate_hz}"
    command += " -b 16 -t wav -"
    if remix is not None:
        command += f" remix {remix}"
    if trim is not None:
        command += " trim " + " ".join(f"{seconds:.6f}".rstrip("0").rstrip(".") for seconds in trim)
    return f"{command} |"


def count_conversions(headers: list[Header], options) -> list[str]:
    """One line on what the entries convert, or none; both numbers.

    >>> from types import SimpleNamespace as Options
    >>> options = Options(sample_rate_hz=16000, resample=True, channel=1)
    >>> count_conversions([Header(8000, 1, 1.0), Header(16000, 1, 1.0)], options)
    ['1 of 2 recordings converted to 16000 Hz']
    """
    rates = sum(header.rate_hz != options.sample_rate_hz for header in headers)
    several = sum(header.num_channels > 1 for header in headers) * (options.channel != "all")
    taken = f"reduced to channel {options.channel}"
    taken = {"mix": "mixed to one", None: "reduced to one"}.get(options.channel, taken)
    return [
        f"{number} of {len(headers)} recordings {what}"
        for number, what in (
            (rates, f"converted to {options.sample_rate_hz} Hz"),
            (several, f"with several channels {taken}"),
        )
        if number
    ]


def count_misnamed(paths: list[str], headers: list[Header]) -> list:
    """One line on files whose content is of another format than their suffix says, or none.

    >>> count_misnamed(["a.wav", "b.wav"], [Header(8000, 1, 1.0), Header(8000, 1, 1.0, kind="MP3")])
    ['1 of 2 recordings are of another format than their names say: b.wav is MP3']
    """
    misnamed = [
        f"{path} is {header.kind}"
        for path, header in zip(paths, headers, strict=True)
        if header.kind not in NAMED_KINDS.get(os.path.splitext(path)[1].lower(), (header.kind,))
    ]
    said = "recordings are of another format than their names say"
    return [f"{len(misnamed)} of {len(headers)} {said}: {some(misnamed)}"] if misnamed else []


def _by_cure(bad):
    """What to do -> ``path (what is wrong)`` of the files for which that is the cure."""
    found = {}
    for path, error in bad:
        reason, _, cure = _without_name(path, error).partition(". ")
        if re.match("(Fetch|Make|Check|Is) |$", cure):
            cure = "Fetch them again"
        cure = cure.replace(str(path), "FILE").rstrip(".")
        found.setdefault(cure, []).append(f"{path} ({reason.rstrip('.')})")
    return found


def _without_name(path, error):
    name = str(path).removesuffix("|").strip()
    return re.sub(rf"^'?{re.escape(name)}\s*[|']?:? ", "", str(error))
