"""NIST SPHERE files: sample formats, channels, byte orders, compression."""

import dataclasses

import numpy as np
import pytest
import soundfile

from steps_py.audio.decode import read_file
from steps_py.audio.errors import NotDecodable, WaveError
from steps_py.audio.pipelines import evaluate, read_recording
from steps_py.audio.recordings import read_header, wav_entry
from steps_py.audio.sphere import a_law_values, mu_law_values
from steps_py.data.corpora import CorpusConfig
from tests.support.tiny_corpora import write_sphere

SAMPLES_CN = np.array([[1, -2, 300, -32768], [7, 32767, -6, 5]], np.int16)


def sphere(path, samples_CN, coding, data, num_bytes=2, order="01", rate_hz=8000):
    num_channels, num_samples = samples_CN.shape
    lines = [
        f"channel_count -i {num_channels}",
        f"sample_count -i {num_samples}",
        f"sample_rate -i {rate_hz}",
        f"sample_n_bytes -i {num_bytes}",
        f"sample_byte_format -s{len(order)} {order}",
        f"sample_coding -s{len(coding)} {coding}",
        "end_head",
    ]
    head = ("NIST_1A\n   1024\n" + "\n".join(lines) + "\n").encode().ljust(1024)
    path.write_bytes(head + data)
    return path


@pytest.mark.parametrize("order, dtype", [("01", "<i2"), ("10", ">i2")])
def test_both_byte_orders_of_pcm_give_the_same_samples(tmp_path, order, dtype):
    data = SAMPLES_CN.T.astype(dtype).tobytes()
    path = sphere(tmp_path / "a.sph", SAMPLES_CN, "pcm", data, order=order)
    wave = read_file(path)
    assert (wave.rate_hz, wave.samples_CN.dtype) == (8000, np.float32)
    assert wave.samples_CN.tolist() == SAMPLES_CN.tolist()
    assert read_file(path, max_sec=2 / 8000).samples_CN.tolist() == SAMPLES_CN[:, :2].tolist()


@pytest.mark.parametrize(
    "codings, subtype, values",
    [(("ulaw", "mu-law"), "ULAW", mu_law_values), (("alaw",), "ALAW", a_law_values)],
)
def test_each_byte_of_a_law_is_what_libsndfile_makes_of_it(tmp_path, codings, subtype, values):
    codes = np.arange(256, dtype=np.uint8)
    raw = tmp_path / "a.raw"
    raw.write_bytes(codes.tobytes())
    told = {"samplerate": 8000, "channels": 1, "format": "RAW", "subtype": subtype}
    expected, _ = soundfile.read(raw, dtype="int16", **told)
    assert values().tolist() == expected.tolist()
    for coding in codings:
        path = sphere(tmp_path / "a.sph", codes[np.newaxis], coding, codes.tobytes(), 1, "1")
        assert read_file(path).samples_CN[0].tolist() == expected.tolist()


def test_sph2pipe_takes_one_channel_of_mu_law(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codes_CN = np.array([[0, 1, 2], [200, 201, 202]], np.uint8)
    sphere(tmp_path / "a.sph", codes_CN, "ulaw", codes_CN.T.tobytes(), 1, "1")
    for channel in (1, 2):
        wave = evaluate(f"sph2pipe -f wav -p -c {channel} a.sph")
        assert wave.samples_CN.tolist() == [mu_law_values()[codes_CN[channel - 1]].tolist()]
    with pytest.raises(WaveError, match="sph2pipe -c 2 of a file of 1 channel"):
        sphere(tmp_path / "b.sph", codes_CN[:1], "ulaw", codes_CN[:1].tobytes(), 1, "1")
        evaluate("sph2pipe -f wav -p -c 2 b.sph")
    assert evaluate("sph2pipe -f wav -c 1 a.sph") is None  # it would write mu-law


def test_a_truncated_file_is_refused(tmp_path):
    path = write_sphere(tmp_path / "a.sph", 16000)
    path.write_bytes(path.read_bytes()[:-3200])
    with pytest.raises(WaveError, match=r"promises 1.00 s, 0.10 s of them are missing"):
        read_file(path)


def test_a_header_of_another_size_is_read(tmp_path):
    path = write_sphere(tmp_path / "a.sph", 4)
    data = path.read_bytes()
    path.write_bytes(data[:1024].replace(b"   1024\n", b"   2048\n").ljust(2048) + data[1024:])
    assert read_file(path).samples_CN.tolist() == [[0, 0, 0, 0]]


def test_compressed_samples_are_decoded_by_sph2pipe_where_it_is(tmp_path, monkeypatch):
    path = write_sphere(tmp_path / "a.sph", 4, coding="pcm,embedded-shorten-v2.00")
    entry = f"sph2pipe -f wav -p -c 1 {path} |"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WaveError, match="a.sph: samples compressed .* Install sph2pipe"):
        read_recording(entry)
    plain = tmp_path / "plain.wav"
    soundfile.write(plain, SAMPLES_CN[0], 8000, subtype="PCM_16")
    program = tmp_path / "bin/sph2pipe"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$*" = "-f wav -p -c 1 {path}" ] && cat {plain}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert read_recording(entry).samples_CN.tolist() == [SAMPLES_CN[0].tolist()]
    with pytest.raises(NotDecodable, match="coded as pcm,embedded-shorten"):
        read_file(path)


@pytest.mark.parametrize(
    "channel, entry",
    [
        (1, "sph2pipe -f wav -p -c 1 {path} |"),
        (2, "sph2pipe -f wav -p -c 2 {path} |"),
        ("mix", "sph2pipe -f wav -p {path} | sox -t wav - -b 16 -t wav - remix - |"),
    ],
)
def test_a_corpus_takes_a_channel_by_sph2pipe(tmp_path, channel, entry):
    path = sphere(tmp_path / "a.sph", SAMPLES_CN, "pcm", SAMPLES_CN.T.tobytes())
    options = CorpusConfig(root="/", sample_rate_hz=8000, channel=channel)
    assert wav_entry(path, read_header(path), options) == entry.format(path=path)
    faster = dataclasses.replace(options, sample_rate_hz=16000, resample=True)
    assert "sox -t wav - -r 16000" in wav_entry(path, read_header(path), faster)
