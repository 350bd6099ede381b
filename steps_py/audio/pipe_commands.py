"""The commands of wav.scp pipes that `pipelines.py` evaluates."""

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from steps_py.audio.decode import read_file, read_flac
from steps_py.audio.errors import NotDecodable, WaveError
from steps_py.audio.pipe_base import PipeCommand, Unknown, rounded
from steps_py.audio.sox import parse_sox, run_sox
from steps_py.audio.sphere import is_pcm
from steps_py.audio.wav_reverberate import ReverberateOptions, corrupt
from steps_py.audio.wave import Wave
from steps_py.errors import KaldiError
from steps_py.formats.options import parse_command_line

if TYPE_CHECKING:
    from steps_py.audio.pipelines import Source

FFMPEG_FILES = (".wav", ".flac", ".ogg", ".opus", ".mp3")  # libsndfile decodes these too


def copied_file(words: list[str]) -> str | None:
    """The file whose samples a command copies unchanged, or None.

    >>> copied_file(["flac", "-c", "-d", "-s", "a.flac"]), copied_file(["cat", "-"])
    ('a.flac', None)
    """
    if words[0] not in ("flac", "cat") or not PIPE_COMMANDS[words[0]].is_allowed:
        return None
    try:
        path = PIPE_COMMANDS[words[0]].parse(words[1:])
    except Unknown:
        return None
    return None if path.startswith("-") else path


def parse_cat(words: list[str]) -> str:
    if len(words) > 1 or (words and words[0].startswith("-") and words[0] != "-"):
        raise Unknown
    return words[0] if words else "-"


def parse_wav_copy(words: list[str]) -> str:
    arguments = [word for word in words if not word.startswith("--")]
    if len(arguments) != 2 or arguments[1] != "-" or len(arguments) < len(words):
        raise Unknown
    return arguments[0]


def run_copy(path: str | os.PathLike, source: "Source", max_sec: float) -> Wave:
    return source.read(path, max_sec)


def parse_flac(words: list[str]) -> str:
    """The file that a flac command decodes to its standard output."""
    long = {"--stdout": "c", "--decode": "d", "--silent": "s", "--totally-silent": "s"}
    flags, paths = set(), []
    for word in words:
        if word in long:
            flags.add(long[word])
        elif re.fullmatch("-[cdsf]+", word):
            flags.update(word[1:])
        else:
            paths.append(word)
    if len(paths) != 1 or paths[0].startswith("-") or not flags >= {"c", "d"}:
        raise Unknown
    return paths[0]


def run_flac(path: str | os.PathLike, source: "Source", max_sec: float) -> Wave:
    return read_flac(path, max_sec)


class SphereRequest(NamedTuple):
    """A parsed command line of sph2pipe."""

    path: str
    channel: int | None  # from 1; None: all
    pcm: bool  # convert mu-law and A-law to PCM


def parse_sph2pipe(words: list[str]) -> SphereRequest:
    channel, path, form, pcm = None, None, None, False
    words = iter(words)
    for word in words:
        if word == "-p":
            pcm = True
        elif word in ("-f", "-c"):
            value = next(words, "")
            form, channel = (value, channel) if word == "-f" else (form, value)
        elif path is None and not word.startswith("-"):
            path = word
        else:
            raise Unknown
    if path is None or form not in ("wav", "rif") or channel not in (None, "1", "2"):
        raise Unknown
    return SphereRequest(path, channel and int(channel), pcm)


def run_sph2pipe(request: SphereRequest, source: "Source", max_sec: float) -> Wave:
    """16-bit samples of an uncompressed NIST file, of all channels or one."""
    try:
        wave = read_file(request.path, max_sec)
    except NotDecodable:  # such as those compressed by shorten
        raise Unknown from None
    if not request.pcm and not is_pcm(request.path):
        raise Unknown  # it would write mu-law
    if request.channel is None:
        return wave
    if request.channel > len(wave.samples_CN):
        raise WaveError(
            f"{request.path}: sph2pipe -c {request.channel} of a file of"
            f" {len(wave.samples_CN)} channels. Use one of these."
        )
    return Wave(wave.rate_hz, wave.samples_CN[request.channel - 1 : request.channel])


def parse_ffmpeg(words: list[str]) -> str:
    """The file that ffmpeg decodes to a WAV stream of its own channels and rate."""
    path = None
    settings = {"-f": "", "-c:a": "pcm_s16le"}
    aliases = {"-acodec": "-c:a", "-codec:a": "-c:a", "-loglevel": "-v"}
    *words, output = words or [""]
    words = iter(words)
    for word in words:
        word = aliases.get(word, word)
        if word in ("-nostdin", "-hide_banner", "-y", "-vn"):
            continue
        if word == "-i" and path is None:
            path = next(words, "")
        elif word == "-v" or (word in settings and path is not None):
            settings[word] = next(words, "")
        else:
            raise Unknown
    writes_wav = settings["-f"] == "wav" and settings["-c:a"] == "pcm_s16le"
    if path is None or not writes_wav or output not in ("-", "pipe:1", "pipe:"):
        raise Unknown
    return path


def run_ffmpeg(path: str | os.PathLike, source: "Source", max_sec: float) -> Wave:
    if not path.lower().endswith(FFMPEG_FILES):
        raise Unknown
    try:
        return rounded(read_file(path, max_sec))
    except NotDecodable:
        import shutil  # start-up time

        if shutil.which("ffmpeg"):
            raise Unknown from None
        raise


def parse_wav_reverberate(words: list[str]) -> tuple[ReverberateOptions, str]:
    try:
        options, arguments, _ = parse_command_line(
            "wav-reverberate", "", ReverberateOptions, ["--print-args=false", *words]
        )
    except KaldiError as error:
        raise WaveError(f"wav-reverberate: {error}") from None
    if len(arguments) != 2 or arguments[1] != "-":
        raise Unknown
    return options, arguments[0]


def run_wav_reverberate(
    request: tuple[ReverberateOptions, str], source: "Source", max_sec: float
) -> Wave:
    options, path = request
    return corrupt(options, path, source.read)


PIPE_COMMANDS = {
    "cat": PipeCommand(parse_cat, run_copy, is_foreign=False),
    "wav-copy": PipeCommand(parse_wav_copy, run_copy, is_foreign=False),
    "wav-reverberate": PipeCommand(parse_wav_reverberate, run_wav_reverberate, is_foreign=False),
    "flac": PipeCommand(parse_flac, run_flac),
    "sph2pipe": PipeCommand(parse_sph2pipe, run_sph2pipe),
    "ffmpeg": PipeCommand(parse_ffmpeg, run_ffmpeg),
    "sox": PipeCommand(parse_sox, run_sox),
}
