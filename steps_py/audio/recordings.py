"""Recordings of a corpus: find the files, read their headers, write their wav.scp entries.

An entry is what the first command of the recipe reads: a WAV file's path, or a shell
pipe that writes WAV to its output (flac, ffmpeg, sox), as Kaldi's own recipes have it.
"""

import os
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from steps_py.audio.flac import check_flac
from steps_py.errors import AudioError, MissingProgramError, StepsError, some

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
SOX_SUFFIXES = (".ogg", ".mp3")  # decoded by sox, whatever else is to be done
HEADERS_PER_TASK = 64


class Header(NamedTuple):
    """What the first stage needs to know of a recording."""

    rate_hz: int
    num_channels: int
    duration_sec: float
    is_16bit: bool = True  # Kaldi reads no other WAV; sox makes it so


def walk_audio(folder, suffixes=SUFFIXES):
    """Yield the paths of the recordings below `folder`, relative to it, links followed.

    Hidden files and folders (``.git``, ``._copy.wav``) are left out.
    """
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            for path in walk_audio(entry.path, suffixes):
                yield f"{entry.name}/{path}"
        elif os.path.splitext(entry.name)[1].lower() in suffixes:
            yield entry.name


def read_header(path):
    """The `Header` of one file; AudioError if it is missing, empty, cut off or damaged."""
    from steps_py.audio.wave import NotPcm16, wave_info

    path = str(path)
    if not os.path.isfile(path):
        raise AudioError(f"{path}: there is no such file.")
    suffix = os.path.splitext(path)[1].lower()
    if suffix in SOX_SUFFIXES:
        return _read_with_libsndfile(path)
    try:
        info = wave_info(path)
    except NotPcm16:
        return _read_with_libsndfile(path)
    is_16bit = suffix != ".flac" or check_flac(path) == 16
    return Header(info.rate_hz, info.num_channels, info.duration_sec, is_16bit)


def _read_with_libsndfile(path):
    import soundfile

    if os.path.getsize(path) == 0:
        raise AudioError(f"{path}: empty file (0 bytes).")
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: {error.error_string}") from None
    if info.frames <= 0:
        raise AudioError(f"{path}: no samples.")
    return Header(info.samplerate, info.channels, info.frames / info.samplerate, False)


def read_headers(paths, num_threads=8, read=read_header):
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


def check_headers(paths, headers, options, where, key):
    """Raise one AudioError, a line for each kind of fault, unless all can be used as asked.

    `options` has `sample_rate_hz`, `resample` and `channel`; `key` is the place of these
    in config.yaml, which the message names.
    """
    paths, found = list(paths), list(zip(paths, headers, strict=True))
    no_program = [_reason(p, h) for p, h in found if isinstance(h, MissingProgramError)]
    bad = [f"{p} ({_reason(p, h)})" for p, h in found if isinstance(h, AudioError)]
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
    lines = []
    if no_program:
        lines.append(
            f"{len(no_program)} {of} need a program that is not there: {some(no_program)}."
            " Install it, or correct its path in wav.scp."
        )
    if bad:
        lines.append(
            f"{len(bad)} {of} cannot be read: {some(bad)}. Fetch them again, or name their"
            f" utterances in a file and set {key}.exclude to it."
        )
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


def wav_entry(path, header, options, trim=None):
    """The wav.scp entry that gives `path` at the asked rate and channel.

    `path` may be an entry itself, a pipe; `trim` is a stretch (begin and length in s).

    >>> from types import SimpleNamespace as Options
    >>> options = Options(sample_rate_hz=16000, resample=True, channel="mix")
    >>> wav_entry("a b.flac", Header(16000, 1, 2.0), options)
    "flac -c -d -s 'a b.flac' |"
    >>> wav_entry("a.wav", Header(48000, 2, 2.0), options)
    'sox a.wav -r 16000 -b 16 -t wav - remix - |'
    """
    path = str(path)
    suffix = os.path.splitext(path)[1].lower()
    rate_hz = options.sample_rate_hz if header.rate_hz != options.sample_rate_hz else None
    remix = None
    if header.num_channels > 1:
        remix = "-" if options.channel == "mix" else options.channel
    if suffix == ".m4a":
        path = f"ffmpeg -v 8 -i {shlex.quote(path)} -f wav -acodec pcm_s16le - |"
    if rate_hz or remix or trim or not header.is_16bit or suffix in SOX_SUFFIXES:
        return sox_pipe(path, rate_hz, remix, trim)
    return f"flac -c -d -s {shlex.quote(path)} |" if suffix == ".flac" else path


def sox_pipe(source, rate_hz=None, remix=None, trim=None):
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


def count_conversions(headers, options):
    """One line on what the entries convert, or none; both numbers.

    >>> from types import SimpleNamespace as Options
    >>> options = Options(sample_rate_hz=16000, resample=True, channel=1)
    >>> count_conversions([Header(8000, 1, 1.0), Header(16000, 1, 1.0)], options)
    ['1 of 2 recordings converted to 16000 Hz']
    """
    rates = sum(header.rate_hz != options.sample_rate_hz for header in headers)
    several = sum(header.num_channels > 1 for header in headers)
    taken = "mixed to one" if options.channel == "mix" else f"reduced to channel {options.channel}"
    return [
        f"{number} of {len(headers)} recordings {what}"
        for number, what in (
            (rates, f"converted to {options.sample_rate_hz} Hz"),
            (several, f"with several channels {taken}"),
        )
        if number
    ]


def _reason(path, error):
    """The fault alone, without the path before it and the advice behind it."""
    said = re.sub(rf"^{re.escape(str(path))}:? ", "", str(error))
    return said.partition(". ")[0].rstrip(".")
