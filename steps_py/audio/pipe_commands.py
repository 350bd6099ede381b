"""The commands of wav.scp pipes that `pipelines.py` evaluates: what each writes.

Each is a function (words after its name, source, max_sec) -> Wave, in 16-bit samples.
It raises Unknown for options whose effect is not known here; a shell runs it then.
`max_sec` allows it to return only as much of the start of a longer recording.
"""

import re
import shutil

from steps_py.audio.decode import NotDecodable, read_file, read_flac
from steps_py.audio.wave import Wave, WaveError, quantise
from steps_py.errors import KaldiError

FFMPEG_FILES = (".wav", ".flac", ".ogg", ".opus", ".mp3")  # libsndfile decodes these too

PIPE_COMMANDS = {}


class Unknown(Exception):
    """A command, or an option of one, that only the program itself understands.

    `stage` is the position of the command in its pipeline.
    """

    def __init__(self, stage=None):
        super().__init__(stage)
        self.stage = stage


def pipe_command(name):
    """Register the decorated function as the command `name`."""

    def add(function):
        PIPE_COMMANDS[name] = function
        return function

    return add


def copied_file(words):
    """The file whose samples a command copies unchanged, or None.

    >>> copied_file(["flac", "-c", "-d", "-s", "a.flac"]), copied_file(["cat", "-"])
    ('a.flac', None)
    """
    try:
        if words[0] == "flac":
            return _flac_file(words[1:])
        if words[0] == "cat" and len(words) == 2 and not words[1].startswith("-"):
            return words[1]
    except Unknown:
        pass
    return None


@pipe_command("cat")
def cat(words, source, max_sec):
    if len(words) > 1 or (words and words[0].startswith("-") and words[0] != "-"):
        raise Unknown
    return source.read(words[0] if words else "-", max_sec)


@pipe_command("wav-copy")
def wav_copy(words, source, max_sec):
    arguments = [word for word in words if not word.startswith("--")]
    if len(arguments) != 2 or arguments[1] != "-" or len(arguments) < len(words):
        raise Unknown
    return source.read(arguments[0], max_sec)


@pipe_command("flac")
def flac(words, source, max_sec):
    return read_flac(_flac_file(words), max_sec)


def _flac_file(words):
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


@pipe_command("sph2pipe")
def sph2pipe(words, source, max_sec):
    """16-bit samples of an uncompressed NIST file, all channels or the one asked for."""
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
    try:
        wave = read_file(path, max_sec)
    except NotDecodable:  # compressed by shorten, perhaps
        raise Unknown from None
    if not pcm and not _is_pcm(path):
        raise Unknown  # it would write mu-law
    return wave if channel is None else _channel(wave, int(channel), path)


def _is_pcm(path):
    import soundfile

    return soundfile.info(path).subtype == "PCM_16"


def _channel(wave, number, path):
    if number > len(wave.samples_CN):
        raise WaveError(
            f"{path}: has {len(wave.samples_CN)} channels, channel {number} is asked for."
            " Ask for one that is there."
        )
    return Wave(wave.rate_hz, wave.samples_CN[number - 1 : number])


@pipe_command("ffmpeg")
def ffmpeg(words, source, max_sec):
    """16-bit samples of a file that libsndfile decodes, with its channels and rate."""
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
    if not path.lower().endswith(FFMPEG_FILES):
        raise Unknown
    try:
        return rounded(read_file(path, max_sec))
    except NotDecodable:
        if shutil.which("ffmpeg"):
            raise Unknown from None
        raise


def rounded(wave):
    """The wave as 16-bit samples, each rounded to the nearest and clipped."""
    import numpy as np

    return Wave(wave.rate_hz, quantise(np.floor(wave.samples_CN + np.float32(0.5))))


@pipe_command("sox")
def sox(words, source, max_sec):
    from steps_py.audio.sox import run_sox

    return run_sox(words, source, max_sec)


@pipe_command("wav-reverberate")
def wav_reverberate(words, source, max_sec):
    from steps_py.audio.wav_reverberate import ReverberateOptions, corrupt
    from steps_py.formats.options import parse_command_line

    try:
        options, arguments, _ = parse_command_line(
            "wav-reverberate", "", ReverberateOptions, ["--print-args=false", *words]
        )
    except KaldiError as error:
        raise WaveError(f"wav-reverberate: {error}") from None
    if len(arguments) != 2 or arguments[1] != "-":
        raise Unknown
    return corrupt(options, arguments[0], source.read)
