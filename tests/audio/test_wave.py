"""WAV files as Kaldi reads and writes them, whole, damaged and of unknown length."""

import io
import struct
import wave as standard_wave

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from steps_py.audio.errors import NotPcm16, WaveError
from steps_py.audio.file_info import audio_info
from steps_py.audio.headers.riff import PCM_GUID
from steps_py.audio.wave import Wave, quantise, read_wave, samples_in, write_wave
from steps_py.errors import AudioError, TableError
from steps_py.formats import log

SAMPLES = np.array([[1, -2, 300, 32767, -32768]], np.float32)


@pytest.fixture(autouse=True)
def default_mode(monkeypatch):
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    log.start("test")


def chunk(tag, body, order="<"):
    return tag + struct.pack(order + "I", len(body)) + body


def layout(kind=1, channels=1, rate=16000, bits=16, order="<", byte_rate=None, extra=b""):
    block = channels * bits // 8
    byte_rate = block * rate if byte_rate is None else byte_rate
    return struct.pack(order + "HHIIHH", kind, channels, rate, byte_rate, block, bits) + extra


def riff(*chunks, size=None, order="<"):
    body = b"WAVE" + b"".join(chunks)
    size = len(body) if size is None else size
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(order + "I", size) + body


def pcm(samples, order="<"):
    return np.asarray(samples).T.astype(order + "i2").tobytes()


def read(data):
    return read_wave(io.BytesIO(data), "a.wav")


def refused(data, error=WaveError):
    with pytest.raises(error) as caught:
        read(data)
    message = str(caught.value)
    assert message.startswith("a.wav: ")
    assert "\n" not in message
    return message


# Whole files


@given(
    hnp.arrays(np.int16, st.tuples(st.integers(1, 3), st.integers(1, 20))),
    st.sampled_from([8000, 16000, 44100]),
)
def test_what_is_written_is_read(samples, rate_hz):
    file = io.BytesIO()
    write_wave(file, Wave(rate_hz, samples.astype(np.float32)))
    got = read(file.getvalue())
    assert got.rate_hz == rate_hz
    assert got.samples_CN.dtype == np.float32
    np.testing.assert_array_equal(got.samples_CN, samples)


def test_standard_library_reads_what_is_written():
    file = io.BytesIO()
    write_wave(file, Wave(8000, np.float32([[1, 2, 3], [-1, -2, -3]])))
    with standard_wave.open(io.BytesIO(file.getvalue())) as reader:
        assert reader.getparams()[:4] == (2, 2, 8000, 3)
        assert reader.readframes(3) == struct.pack("<6h", 1, -1, 2, -2, 3, -3)


def test_samples_are_cut_towards_zero_and_clipped(capsys):
    file = io.BytesIO()
    write_wave(file, Wave(8000, np.float32([[1.9, -1.9, 32768, -40000, 32767.9]])))
    assert read(file.getvalue()).samples_CN.tolist() == [[1, -1, 32767, -32768, 32767]]
    assert "clipped 2 of 5 samples" in capsys.readouterr().err


@given(hnp.arrays(np.float32, 10, elements=st.floats(-40000, 40000, width=32)))
def test_quantised_samples_are_those_a_file_gives_back(samples):
    file = io.BytesIO()
    write_wave(file, Wave(8000, samples[None]))
    np.testing.assert_array_equal(quantise(samples), read(file.getvalue()).samples_CN[0])


def test_big_endian_files_are_read():
    data = riff(chunk(b"fmt ", layout(order=">"), ">"), chunk(b"data", pcm(SAMPLES, ">"), ">"),
                order=">")  # fmt: skip
    np.testing.assert_array_equal(read(data).samples_CN, SAMPLES)


def test_extensible_pcm_is_read():
    extra = struct.pack("<HHI", 22, 16, 4) + PCM_GUID
    data = riff(chunk(b"fmt ", layout(kind=0xFFFE, extra=extra)), chunk(b"data", pcm(SAMPLES)))
    np.testing.assert_array_equal(read(data).samples_CN, SAMPLES)


def test_other_chunks_are_passed_over():
    data = riff(
        chunk(b"JUNK", bytes(28)),
        chunk(b"fmt ", layout()),
        chunk(b"LIST", b"odd") + b"\0",  # padded to an even length
        chunk(b"fact", bytes(4)),
        chunk(b"data", pcm(SAMPLES)),
        chunk(b"LIST", b"after the data"),
    )
    np.testing.assert_array_equal(read(data).samples_CN, SAMPLES)


def test_a_wave_inside_an_archive_leaves_the_rest_to_others():
    file = io.BytesIO(riff(chunk(b"fmt ", layout()), chunk(b"data", pcm(SAMPLES))) + b"next")
    read_wave(file, "a.wav")
    assert file.read() == b"next"


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_streams_of_unknown_length_are_read_to_their_end(size):
    head = chunk(b"fmt ", layout()) + b"data" + struct.pack("<I", size)
    data = riff(head + pcm(SAMPLES), size=(size + 36) & 0xFFFFFFFF)
    np.testing.assert_array_equal(read(data).samples_CN, SAMPLES)


def test_only_the_start_is_read_if_only_it_is_needed():
    data = riff(chunk(b"fmt ", layout(rate=2)), chunk(b"data", pcm(SAMPLES)))
    assert read_wave(io.BytesIO(data), "a.wav", max_sec=1.5).samples_CN.tolist() == [[1, -2, 300]]
    assert read_wave(io.BytesIO(data), "a.wav", max_sec=99).samples_CN.shape == (1, 5)


def test_durations_become_samples_in_single_precision():
    # 0.3 is below 0.3 in single precision, 4799.9999 in double; in single it is 4800.
    assert samples_in(0.3, 16000) == 4800
    assert samples_in(8.1, 16000) == 129600


# Damaged and foreign files


def truncated():
    return riff(chunk(b"fmt ", layout(rate=10)), chunk(b"data", pcm(np.zeros((1, 25)))))[:-20]


def test_a_truncated_file_is_a_warning_as_in_kaldi(capsys):
    assert read(truncated()).samples_CN.shape == (1, 15)
    message = capsys.readouterr().err
    assert "promises 2.50 s (50 bytes), 1.00 s (20 bytes) of them are missing" in message


def test_a_truncated_file_is_an_error_in_strict_mode(monkeypatch):
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert "1.00 s (20 bytes)" in refused(truncated())


def test_the_start_of_a_truncated_file_may_be_whole(monkeypatch):
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert read_wave(io.BytesIO(truncated()), "a.wav", max_sec=1.5).samples_CN.shape == (1, 15)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file (0 bytes)"),
        (b"RIFF\x10", "not a WAV file"),
        (riff(), "no data chunk"),
        (riff(chunk(b"fmt ", layout())), "no data chunk"),
        (riff(chunk(b"data", pcm(SAMPLES))), "samples come before their format"),
        (riff(chunk(b"fmt ", layout()), chunk(b"data", b"")), "ends after its header"),
        (riff(chunk(b"fmt ", b"short")), "format chunk of 5 bytes"),
        (riff(b"fmt \x10\0\0\0" + layout()[:8]), "ends within its header"),
        (riff(chunk(b"fmt ", layout(channels=0)), chunk(b"data", b"")), "0 channels"),
        (riff(chunk(b"fmt ", layout(byte_rate=1)), chunk(b"data", b"")), "contradicts itself"),
        (b"fLaC" + bytes(40), "flac -c -d -s a.wav |"),
        (b"OggS" + bytes(40), "ffmpeg -v 8 -i a.wav"),
        (b"ID3\x03" + bytes(40), "MP3, not WAV"),
        (b"\0\0\0\x20ftypM4A " + bytes(40), "MP4 (m4a), not WAV"),
        (b"NIST_1A\n" + bytes(40), "sph2pipe -f wav -p a.wav |"),
        (b"<html><head>" + bytes(40), "b'<html><h'"),
    ],
)
def test_unreadable_files_are_explained(data, words):
    assert words in refused(data)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bits": 8}, "8-bit samples"),
        ({"bits": 24}, "24-bit samples"),
        ({"kind": 3, "bits": 32}, "floating point samples"),
        ({"kind": 7, "bits": 8}, "mu-law samples"),
        ({"kind": 99}, "format 99 samples"),
    ],
)
def test_samples_that_kaldi_cannot_read_are_answered_with_a_sox_command(settings, words):
    data = riff(chunk(b"fmt ", layout(**settings)), chunk(b"data", bytes(12)))
    message = refused(data, NotPcm16)
    assert words in message
    assert "sox a.wav -t wav -b 16 -e signed-integer - |" in message


def test_audio_errors_are_table_errors_too():
    """So that `scp,p:` leaves out a recording that cannot be read."""
    with pytest.raises(TableError):
        read(b"")
    with pytest.raises(AudioError):
        read(b"")


# Quick looks


@pytest.fixture
def tone():
    return (1000 * np.sin(np.arange(4000) / 10)).astype(np.int16)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_header_says_how_long_a_recording_is(tmp_path, tone, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([tone, tone]).T, 8000)
    info = audio_info(path)
    assert (info.rate_hz, info.num_channels, info.num_samples) == (8000, 2, 4000)
    assert info.duration_sec == 0.5


def test_header_may_be_longer_than_usual(tmp_path):
    path = tmp_path / "a.wav"
    data = riff(chunk(b"LIST", bytes(9000)), chunk(b"fmt ", layout()), chunk(b"data", pcm(SAMPLES)))
    path.write_bytes(data)
    assert audio_info(path).num_samples == 5


def test_length_of_a_stream_saved_to_a_file_is_that_of_the_file(tmp_path):
    path = tmp_path / "a.wav"
    head = chunk(b"fmt ", layout()) + b"data" + b"\xff" * 4
    path.write_bytes(riff(head + pcm(SAMPLES), size=0xFFFFFFFF))
    assert audio_info(path).num_samples == 5


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (truncated(), "promises 2.50 s, 1.00 s of them are missing"),
        (riff(chunk(b"fmt ", layout()), chunk(b"data", b"")), "no samples"),
        (b"fLaC" + bytes(10), "ends within its header"),
        (b"fLaC" + bytes(60), "its sample rate is 0 Hz"),
        (b"OggS" + bytes(60), "Is it damaged?"),
        (b"<html>", "not a WAV file"),
    ],
)
def test_quick_look_says_what_is_wrong(tmp_path, data, words):
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(WaveError) as caught:
        audio_info(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_quick_look_at_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(WaveError, match="No such file"):
        audio_info(tmp_path / "none.wav")
