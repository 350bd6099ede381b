"""Sizes that headers of audio files promise, compared with what is there, for every format."""

import gzip
import struct
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from steps_py.audio.decode import read_file
from steps_py.audio.errors import WaveError
from steps_py.audio.file_info import audio_info
from steps_py.audio.headers import flac
from steps_py.audio.pipelines import evaluate, read_recording
from steps_py.audio.recordings import read_header, wav_entry
from tests.support.tiny_corpora import box, m4a_bytes, without_length, write_sphere

RATE_HZ = 16000
SECONDS = 3
FORMATS = [  # container, encoding, kind
    ("WAV", "PCM_U8", "WAV"),
    ("WAV", "PCM_16", "WAV"),
    ("WAV", "PCM_24", "WAV"),
    ("WAV", "PCM_32", "WAV"),
    ("WAV", "FLOAT", "WAV"),
    ("WAV", "DOUBLE", "WAV"),
    ("WAV", "ULAW", "WAV"),
    ("WAV", "ALAW", "WAV"),
    ("WAV", "IMA_ADPCM", "WAV"),
    ("WAV", "MS_ADPCM", "WAV"),
    ("WAV", "GSM610", "WAV"),
    ("WAVEX", "PCM_16", "WAV"),
    ("WAVEX", "PCM_24", "WAV"),
    ("WAVEX", "FLOAT", "WAV"),
    ("RF64", "PCM_16", "RF64"),
    ("RF64", "FLOAT", "RF64"),
    ("W64", "PCM_16", "Wave64"),
    ("W64", "PCM_24", "Wave64"),
    ("FLAC", "PCM_S8", "FLAC"),
    ("FLAC", "PCM_16", "FLAC"),
    ("FLAC", "PCM_24", "FLAC"),
    ("OGG", "VORBIS", "Ogg"),
    ("OGG", "OPUS", "Ogg"),
    ("MP3", "MPEG_LAYER_III", "MP3"),
    ("AIFF", "PCM_16", "AIFF"),
    ("AIFF", "FLOAT", "AIFF"),
    ("AIFF", "ULAW", "AIFF"),
    ("NIST", "PCM_16", "NIST sphere"),
    ("NIST", "ULAW", "NIST sphere"),
    ("AU", "PCM_16", "AU"),
    ("AU", "FLOAT", "AU"),
]


def noise(num_samples=SECONDS * RATE_HZ, channels=1):
    rng = np.random.default_rng(num_samples)
    return rng.normal(0, 0.1, (num_samples, channels)).clip(-1, 1)


def write(path, container, encoding, samples=None):
    samples = noise() if samples is None else samples
    soundfile.write(path, samples, RATE_HZ, format=container, subtype=encoding)
    return path


@pytest.mark.parametrize(("container", "encoding", "kind"), FORMATS)
def test_a_whole_file_of_any_format_is_known_by_its_content(tmp_path, container, encoding, kind):
    path = write(tmp_path / "a.wav", container, encoding)
    info = audio_info(path)
    assert (info.rate_hz, info.num_channels, info.kind) == (RATE_HZ, 1, kind)
    assert info.duration_sec == pytest.approx(SECONDS, abs=0.06)


@pytest.mark.parametrize(("container", "encoding", "kind"), FORMATS)
@pytest.mark.parametrize("lost", [0.001, 0.3, 0.9])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, container, encoding, kind, lost):
    path = write(tmp_path / "a.wav", container, encoding)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - max(4, int(lost * len(data)))])
    with pytest.raises(WaveError, match=r"a\.wav: .*(truncated|cut off).*Fetch it again"):
        audio_info(path)


@pytest.mark.parametrize(("container", "encoding", "kind"), FORMATS)
def test_a_cut_off_file_is_not_decoded_as_a_shorter_one(tmp_path, container, encoding, kind):
    if (container, encoding) in (("WAV", "PCM_16"), ("WAVEX", "PCM_16")):
        pytest.skip("Kaldi reads these with a warning; strict mode refuses them")
    path = write(tmp_path / "a.wav", container, encoding)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(WaveError):
        read_file(str(path))


@pytest.mark.parametrize(("container", "encoding", "kind"), FORMATS)
@pytest.mark.parametrize("name", ["a.wav", "A B.WAV"])
def test_the_entry_of_a_file_of_any_name_is_one_that_is_read(
    tmp_path, container, encoding, kind, name
):
    path = write(tmp_path / name, container, encoding)
    header = read_header(path)
    options = SimpleNamespace(sample_rate_hz=RATE_HZ, resample=False, channel=None)
    wave = read_recording(wav_entry(path, header, options))
    assert wave.rate_hz == RATE_HZ
    assert wave.samples_CN.shape[1] / RATE_HZ == pytest.approx(header.duration_sec, abs=0.08)
    assert np.array_equal(wave.samples_CN, np.trunc(wave.samples_CN))


# WAV


def riff(*chunks, size=None, magic=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    size = len(body) if size is None else size
    return magic + struct.pack("<I", size) + body


def chunk(tag, body, size=None):
    return tag + struct.pack("<I", len(body) if size is None else size) + body


def layout(channels=1, bits=16):
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, channels, 16000, 16000 * block, block, bits))


LIST = chunk(b"LIST", b"INFOISFT" + b"A" * 3001) + b"\0"


@pytest.mark.parametrize(
    "data",
    [
        riff(layout(), chunk(b"data", b""), LIST),
        riff(layout(), chunk(b"data", b""), LIST[:-1]),  # without the byte that makes it even
        riff(layout(), chunk(b"data", b""), LIST, chunk(b"id3 ", b"T" * 10)),
        riff(layout(), chunk(b"data", b""), LIST, size=36),
        riff(layout(bits=24), chunk(b"data", b""), LIST),
        riff(layout(), chunk(b"data", b"")),
    ],
)
def test_an_empty_data_chunk_has_no_samples_whatever_follows(tmp_path, data):
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(WaveError, match="no samples"):
        audio_info(path)
    with pytest.raises(WaveError, match="no samples"):
        read_file(str(path))


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF - 36])
def test_the_samples_behind_a_header_written_before_the_end_was_known_are_counted(tmp_path, size):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(layout(), chunk(b"data", bytes(64000), size)))
    assert audio_info(path).num_samples == 32000


@pytest.mark.parametrize("channels", [1, 3, 5, 6])
def test_a_stream_of_sox_has_an_unknown_length_for_any_number_of_channels(tmp_path, channels):
    """sox writes 0x7FFFF000 less the part of a sample."""
    block = 2 * channels
    path = tmp_path / "a.wav"
    size = 0x7FFFF000 // block * block
    path.write_bytes(riff(layout(channels), chunk(b"data", bytes(100 * block), size)))
    assert audio_info(path).num_samples == 100
    assert read_file(str(path)).samples_CN.shape == (channels, 100)


def test_a_cut_off_file_of_three_gigabytes_is_no_stream(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(layout(), chunk(b"data", bytes(64000), 3 << 30), size=(3 << 30) + 36))
    with pytest.raises(WaveError, match=r"promises 100663\.30 s"):
        audio_info(path)


def test_chunks_behind_the_samples_are_none(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(layout(), chunk(b"data", bytes(64000)), LIST))
    assert audio_info(path).num_samples == 32000


# FLAC


@pytest.mark.parametrize("num_samples", [1, 4096, 70001])
def test_a_flac_file_without_a_length_is_as_long_as_its_frames(tmp_path, num_samples):
    path = write(tmp_path / "a.flac", "FLAC", "PCM_16", noise(num_samples))
    path.write_bytes(without_length(path.read_bytes()))
    assert audio_info(path).num_samples == num_samples
    assert evaluate(f"flac -c -d -s {path}").samples_CN.shape == (1, num_samples)


@pytest.mark.parametrize("lost", [10, 20000])
def test_a_flac_file_without_a_length_that_ends_within_a_frame_is_refused(tmp_path, lost):
    path = write(tmp_path / "a.flac", "FLAC", "PCM_16")
    path.write_bytes(without_length(path.read_bytes())[:-lost])
    with pytest.raises(WaveError, match="cut off|encode it again: flac -f|[Ff]etch it again"):
        audio_info(path)


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), bytes(64), b"APETAGEX" + bytes(90)])
def test_a_flac_file_with_a_tag_before_or_behind_is_whole(tmp_path, tail):
    path = write(tmp_path / "a.flac", "FLAC", "PCM_16")
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + path.read_bytes() + tail)
    assert audio_info(path).num_samples == SECONDS * RATE_HZ


def test_the_checksum_of_frames_is_that_of_the_standard():
    assert flac.crc8(b"123456789") == 0xF4
    assert flac.crc16(b"123456789") == 0xFEE8
    assert flac.crc16(b"12345678") == flac.crc16(b"\0" + b"12345678")


# MP3, Ogg, SPHERE, MP4


def test_an_mp3_file_without_a_number_of_frames_is_counted(tmp_path):
    path = write(tmp_path / "a.mp3", "MP3", "MPEG_LAYER_III")
    data = path.read_bytes()
    at = max(data.find(b"Xing"), data.find(b"Info"))
    path.write_bytes(data[:at] + bytes(8) + data[at + 8 :] + b"TAG" + bytes(125))
    assert audio_info(path).duration_sec == pytest.approx(SECONDS, abs=0.15)
    path.write_bytes(data[:at] + bytes(8) + data[at + 8 : -30])
    with pytest.raises(WaveError, match="truncated within a frame"):
        audio_info(path)


def test_an_mp3_file_may_begin_and_end_with_tags(tmp_path):
    path = write(tmp_path / "a.mp3", "MP3", "MPEG_LAYER_III")
    whole = audio_info(path)
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + path.read_bytes() + bytes(300))
    assert audio_info(path) == whole


def test_an_ogg_file_that_ends_with_a_page_but_not_with_the_stream_is_refused(tmp_path):
    path = write(tmp_path / "a.ogg", "OGG", "VORBIS")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"OggS")])
    with pytest.raises(WaveError, match="does not end the stream, .* s are there"):
        audio_info(path)


def test_a_compressed_sphere_file_needs_sph2pipe_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = write_sphere(tmp_path / "a.sph", 16000, coding="pcm,embedded-shorten-v2.00")
    with pytest.raises(WaveError, match="Install sph2pipe"):
        audio_info(path)


@pytest.mark.parametrize("field", ["sample_rate", "channel_count", "sample_count"])
def test_a_sphere_header_with_a_field_of_no_sense_is_damaged(tmp_path, field):
    path = write_sphere(tmp_path / "a.sph", 16000)
    path.write_bytes(path.read_bytes().replace(f"{field} -i ".encode(), f"{field} -i x".encode()))
    with pytest.raises(WaveError, match="damaged|ends within"):
        audio_info(path)


def test_an_mp4_file_whose_sound_has_more_bytes_than_the_file_is_cut_off(tmp_path):
    """Its last box has no size of its own, so that it never ends too early."""
    data = m4a_bytes()
    sizes = box(b"stsz", bytes(4), struct.pack(">II", 1000, 9))
    at = data.index(b"stbl") - 4
    size = struct.unpack_from(">I", data, at)[0]
    grown = bytearray(data[: at + size] + sizes + data[at + size :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = grown.index(name) - 4
        struct.pack_into(">I", grown, place, struct.unpack_from(">I", grown, place)[0] + len(sizes))
    path = tmp_path / "a.m4a"
    path.write_bytes(grown)
    with pytest.raises(WaveError, match=r"is cut off; the frames of its sound have 9000 bytes"):
        audio_info(path)


# Files that are no audio, or audio that is not read


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\x1f\x8b\x08\0", "compressed by gzip, not WAV. Unpack it, or in wav.scp: gunzip -c"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\x03\x04", "zip"),
        (b"caff\0\1\0\0", "CAF, not WAV. Decode it in wav.scp: ffmpeg"),
        (b"#!AMR\n", "AMR"),
        (b"\x1a\x45\xdf\xa3", "Matroska"),
        (b"wvpk", "WavPack"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"RIFF\0\0\0\0AVI ", "AVI"),
        (b"<html>", "not a WAV file"),
        (b"", "empty file"),
    ],
)
def test_a_file_of_another_kind_is_named_with_the_way_to_read_it(tmp_path, start, said):
    path = tmp_path / "a.wav"
    path.write_bytes(start and start + bytes(100))
    with pytest.raises(WaveError) as error:
        audio_info(path)
    assert said in str(error.value)


def test_a_gzipped_recording_is_named_so_when_it_is_read(tmp_path):
    path = write(tmp_path / "a.wav", "WAV", "PCM_16")
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(WaveError, match="gunzip -c"):
        read_file(str(path))
