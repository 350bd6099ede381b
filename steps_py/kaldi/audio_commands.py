"""Commands on recordings: wav-copy, wav-to-duration, extract-segments, wav-reverberate.

Sources: src/featbin/wav-copy.cc, wav-to-duration.cc, extract-segments.cc,
wav-reverberate.cc.
"""

import dataclasses
import math

from steps_py.audio.errors import WaveError
from steps_py.audio.headers.base import AudioInfo
from steps_py.audio.wav_reverberate import ReverberateOptions, corrupt, corrupt_wave
from steps_py.audio.wave import Wave, read_header
from steps_py.audio.wave_holder import WAVE
from steps_py.errors import KaldiError, TableError
from steps_py.formats.basic_types import float32
from steps_py.formats.holders import FLOAT, Holder
from steps_py.formats.log import Tally, log, strict, warn
from steps_py.formats.options import option
from steps_py.formats.specifiers import is_rspecifier, is_wspecifier
from steps_py.formats.streams import open_input
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter, write_object
from steps_py.kaldi.commands import command


@command(
    "wav-copy",
    usage="""Copy wave file or archives of wave files

Usage: wav-copy [options] <wav-rspecifier> <wav-wspecifier>
  or:  wav-copy [options] <wav-rxfilename> <wav-wxfilename>
e.g. wav-copy scp:wav.scp ark:-
     wav-copy wav.ark:123456 -
See also: wav-to-duration extract-segments""",
    min_args=2,
    max_args=2,
)
def wav_copy(options, wav_in: str, wav_out: str) -> int:
    if not _are_tables(wav_in, wav_out):
        from steps_py.audio.pipelines import read_recording  # start-up time

        write_object(wav_out, WAVE, read_recording(wav_in))
        return 0
    tally = Tally()
    with SequentialReader(wav_in, WAVE) as reader, TableWriter(wav_out, WAVE) as writer:
        for key, wave in reader:
            writer.write(key, wave)
            tally.done()
    log(f"Copied {tally.num_done} wave files")
    return tally.exit_code()


def _are_tables(wav_in, wav_out):
    """True if both are tables, False if both are files; one of each is an error."""
    if is_rspecifier(wav_in) != is_wspecifier(wav_out):
        raise KaldiError(
            f"{wav_in}, {wav_out}: one is a table, one a file. Name two tables or two files."
        )
    return is_rspecifier(wav_in)


class AudioInfoHolder(Holder):
    """The header of a recording: an AudioInfo."""

    def read(self, stream, span=None):
        where = stream.name if stream.key is None else f"{stream.name}, key {stream.key}"
        header = read_header(stream, where)
        if header.num_bytes is None:
            raise WaveError(
                f"{where}: the header does not have the length. Use --read-entire-file=true."
            )
        try:
            stream.skip(header.num_bytes, "samples")
        except TableError as error:
            if strict():
                raise
            warn(str(error))
        num_samples = header.num_bytes // header.bytes_per_sample
        return AudioInfo(header.rate_hz, header.num_channels, num_samples)

    def evaluate(self, command: str):
        from steps_py.audio.pipelines import inspect  # start-up time

        return inspect(command)


@dataclasses.dataclass
class WavToDurationOptions:
    read_entire_file: bool = option(
        False, "If true, read the whole file to ensure the returned duration is correct."
    )


@command(
    "wav-to-duration",
    usage="""Read wav files and output an archive consisting of a single float:
the duration of each one in seconds.
Usage:  wav-to-duration [options...] <wav-rspecifier> <duration-wspecifier>
E.g.: wav-to-duration scp:wav.scp ark,t:-
See also: wav-copy extract-segments feat-to-len""",
    options=WavToDurationOptions,
    min_args=2,
    max_args=2,
)
def wav_to_duration(options, wav_in: str, durations_out: str) -> int:
    holder = WAVE if options.read_entire_file else AudioInfoHolder()
    total, least, most = 0.0, math.inf, 0.0
    tally = Tally()
    with SequentialReader(wav_in, holder) as reader, TableWriter(durations_out, FLOAT) as writer:
        for key, recording in reader:
            seconds = recording.duration_sec
            writer.write(key, seconds)
            total, least, most = total + seconds, min(least, seconds), max(most, seconds)
            tally.done()
    log(f"Printed duration for {tally.num_done} audio files.")
    if tally.num_done:
        log(
            f"Mean duration was {total / tally.num_done:g}, min and max durations were"
            f" {least:g}, {most:g}"
        )
    return tally.exit_code()


@dataclasses.dataclass
class ExtractSegmentsOptions:
    min_segment_length: float = option(
        0.1, "Minimum segment length in seconds (reject shorter segments)"
    )
    max_overshoot: float = option(
        0.5,
        "End segments overshooting audio by less than this (in seconds) are truncated, else"
        " rejected.",
    )


@dataclasses.dataclass(frozen=True)
class Segment:
    """One line of a segments file; `end_sec` of -1 is the end of the recording."""

    key: str
    recording: str
    start_sec: float
    end_sec: float
    channel: int | None = None


class Rejected(Exception):
    """A segment that cannot be extracted; the reason is the message."""


@command(
    "extract-segments",
    usage="""Extract segments from a large audio file in WAV format.
Usage:  extract-segments [options] <wav-rspecifier> <segments-file> <wav-wspecifier>
e.g. extract-segments scp:wav.scp segments ark:- | <some-other-program>
 segments-file format: each line is either
<segment-id> <recording-id> <start-time> <end-time>
e.g. call-861225-A-0050-0065 call-861225-A 5.0 6.5
or (less frequently, and not supported in scripts):
<segment-id> <wav-file-name> <start-time> <end-time> <channel>
where <channel> will normally be 0 (left) or 1 (right)
e.g. call-861225-A-0050-0065 call-861225 5.0 6.5 1
And <end-time> of -1 means the segment runs till the end of the WAV file
See also: extract-feature-segments, wav-copy, wav-to-duration""",
    options=ExtractSegmentsOptions,
    min_args=3,
    max_args=3,
)
def extract_segments(options, wav_in: str, segments_in: str, wav_out: str) -> int:
    tally = Tally()
    with (
        RandomReader(wav_in, WAVE) as recordings,
        TableWriter(wav_out, WAVE) as writer,
        open_input(segments_in) as lines,
    ):
        while (line := lines.line()) is not None:
            line = line.decode(errors="surrogateescape")
            key = (line.split() or ["(empty line)"])[0]
            try:
                segment = parse_segment(line)
                if segment.recording not in recordings:
                    raise Rejected(f"no recording {segment.recording} in {wav_in}")
                writer.write(key, cut(recordings[segment.recording], segment, options))
                tally.done()
            except Rejected as reason:
                tally.lost(key, f"{reason}; skipping segment '{line.strip()}'")
    log(
        f"Successfully processed {tally.num_done} lines out of {tally.num_seen} in the segments"
        " file."
    )
    return tally.exit_code(none_done=0)


def parse_segment(line):
    """The Segment that a line spells.

    >>> parse_segment("s1 call1 5.0 6.5")
    Segment(key='s1', recording='call1', start_sec=5.0, end_sec=6.5, channel=None)
    """
    words = line.split()
    if len(words) not in (4, 5):
        raise Rejected(f"{len(words)} fields, expected 4 or 5")
    try:
        start, end = float(words[2]), float(words[3])
    except ValueError:
        raise Rejected("a time that is no number") from None
    if not (start >= 0 and (end == -1 or end > start)) or math.isinf(end):
        raise Rejected("empty or invalid segment")
    if len(words) == 5 and not words[4].isdecimal():
        raise Rejected("bad channel")
    return Segment(*words[:2], start, end, int(words[4]) if len(words) == 5 else None)


def cut(wave: Wave, segment, options):
    """The Wave of a segment; Rejected if the recording does not hold it."""
    num_channels, num_samples = wave.samples_CN.shape
    length = num_samples / wave.rate_hz
    end = segment.end_sec
    if segment.start_sec > length:
        raise Rejected(f"starts outside of the recording [0, {length:g} s]")
    if end > length + float32(options.max_overshoot):
        raise Rejected(f"ends too far outside of the recording [0, {length:g} s]")
    end = length if end < 0 or end > length else end
    if end - segment.start_sec < float32(options.min_segment_length):
        raise Rejected("too short")
    channel = segment.channel
    if channel is None:
        if num_channels > 1:
            raise KaldiError(
                f"{segment.recording}: has {num_channels} channels. Name one of them as the fifth"
                f" field of segment {segment.key}, counting from 0."
            )
        channel = 0
    if channel >= num_channels:
        raise Rejected(f"channel {channel} of a recording of {num_channels}")
    first = int(segment.start_sec * wave.rate_hz + 0.5)
    last = min(int(end * wave.rate_hz + 0.5), num_samples)
    return Wave(wave.rate_hz, wave.samples_CN[channel : channel + 1, first:last])


@command(
    "wav-reverberate",
    usage="""Corrupts the wave files supplied via input pipe with the specified
room-impulse response (rir_matrix) and additive noise distortions
(specified by corresponding files).
Usage:  wav-reverberate [options...] <wav-in-rxfilename> <wav-out-wxfilename>
  or:   wav-reverberate [options...] <wav-rspecifier> <wav-wspecifier>
e.g.
wav-reverberate --duration=20.25 --impulse-response=rir.wav \\
  --additive-signals='noise1.wav,noise2.wav' --snrs='20.0,15.0' \\
  --start-times='0,17.8' input.wav output.wav""",
    options=ReverberateOptions,
    min_args=2,
    max_args=2,
)
def wav_reverberate(options, wav_in: str, wav_out: str) -> int:
    from steps_py.audio.pipelines import read_recording  # start-up time

    if not _are_tables(wav_in, wav_out):
        write_object(wav_out, WAVE, corrupt(options, wav_in, read_recording))
        return 0
    tally = Tally()
    with SequentialReader(wav_in, WAVE) as reader, TableWriter(wav_out, WAVE) as writer:
        for key, wave in reader:
            writer.write(key, corrupt_wave(options, wave, read_recording, key))
            tally.done()
    log(f"Reverberated {tally.num_done} wave files")
    return tally.exit_code()
