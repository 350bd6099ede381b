"""Headers and wav.scp entries: what is found damaged, what is converted and how."""

import shlex
from types import SimpleNamespace

import pytest

from steps_py.audio.file_info import audio_info
from steps_py.audio.headers.base import AudioInfo
from steps_py.audio.headers.m4a import m4a_info
from steps_py.audio.recordings import (
    Header,
    check_headers,
    read_header,
    read_headers,
    sox_pipe,
    walk_audio,
    wav_entry,
)
from steps_py.errors import AudioError
from tests.support.tiny_corpora import m4a_bytes, write_sound, write_wav


def options(sample_rate_hz=16000, resample=False, channel=None):
    return SimpleNamespace(sample_rate_hz=sample_rate_hz, resample=resample, channel=channel)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_tells_rate_channels_and_length(tmp_path, suffix):
    path = write_sound(tmp_path / f"a.{suffix}", rate_hz=16000, num_channels=2, num_samples=24000)
    header = read_header(path)
    assert header[:2] == (16000, 2)
    assert header.duration_sec == pytest.approx(1.5, abs=0.1 if suffix == "mp3" else 1e-4)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_an_empty_file_of_any_format_is_named(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"")
    with pytest.raises(AudioError, match=str(path)):
        read_header(path)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("kept", [0.01, 0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off_is_found_without_decoding(tmp_path, suffix, kept):
    import numpy as np
    import soundfile

    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(1).normal(0, 0.1, 48000)
    soundfile.write(path, noise, 16000)
    assert read_header(path).duration_sec == 3
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(AudioError, match="a\\.(wav|flac): "):
        read_header(path)


@pytest.mark.parametrize("num_samples", [1, 191, 4096, 4097, 70000])
@pytest.mark.parametrize("loudness", [0.0, 0.3])
def test_a_whole_flac_file_of_any_length_passes(tmp_path, num_samples, loudness):
    import numpy as np
    import soundfile

    path = tmp_path / "a.flac"
    noise = np.random.default_rng(num_samples).normal(0, loudness, num_samples).clip(-1, 1)
    soundfile.write(path, noise, 16000)
    assert read_header(path).duration_sec == num_samples / 16000


def test_samples_that_are_not_16_bit_are_made_so_by_sox(tmp_path):
    import numpy as np
    import soundfile

    for name, subtype in (("a.wav", "PCM_24"), ("b.wav", "FLOAT"), ("c.flac", "PCM_24")):
        path = tmp_path / name
        soundfile.write(path, np.zeros(16000), 16000, subtype)
        header = read_header(path)
        assert header == (16000, 1, 1.0, False, "FLAC" if name == "c.flac" else "WAV")
        assert wav_entry(path, header, options()) == f"sox {path} -b 16 -t wav - |"


@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_the_header_of_an_m4a_file_tells_the_truth_its_sample_entry_does_not(
    tmp_path, num_channels, rate_hz
):
    path = tmp_path / "a.m4a"
    path.write_bytes(m4a_bytes(rate_hz, num_channels, num_samples=72000))
    assert audio_info(path) == AudioInfo(rate_hz, num_channels, 72000, "MP4 (m4a)")
    assert read_header(path) == (rate_hz, num_channels, 72000 / rate_hz, True, "MP4 (m4a)")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: b"", "is empty"),
        (lambda whole: whole[:300], "box 'mdat' ends at byte 424, the file at 300"),
        (lambda whole: whole[:424], "it has no box 'moov'"),
        (lambda whole: whole[:-1], "box 'moov' ends at byte"),
        (lambda whole: whole.replace(b"mdhd", b"free"), "box 'mdhd' is missing"),
        (lambda whole: b"RIFF" + whole[4:], "a.m4a: "),
    ],
)
def test_a_damaged_m4a_file_is_named_with_the_reason(tmp_path, damage, said):
    path = tmp_path / "a.m4a"
    path.write_bytes(damage(m4a_bytes()))
    with open(path, "rb") as file, pytest.raises(AudioError) as error:
        m4a_info(file, path)
    assert said in str(error.value)


def test_headers_come_in_the_order_of_the_paths_and_errors_in_their_places(tmp_path):
    paths = [write_wav(tmp_path / f"{i}.wav", num_samples=100 + i) for i in range(150)]
    paths[70].write_bytes(b"")
    headers = read_headers([*paths, tmp_path / "gone.wav"], num_threads=3)
    assert isinstance(headers[70], AudioError)
    assert "no such file" in str(headers[150])
    lengths = [round(h.duration_sec * 16000) for i, h in enumerate(headers) if i not in (70, 150)]
    assert lengths == [100 + i for i in range(150) if i != 70]


def test_faults_of_one_kind_are_one_line_with_three_examples_and_the_count():
    headers = [Header(8000, 1, 1.0)] * 5 + [Header(16000, 2, 1.0)] + [AudioError("g.wav: empty.")]
    paths = [f"{letter}.wav" for letter in "abcdefg"]
    with pytest.raises(AudioError) as error:
        check_headers(paths, headers, options(), "mine.all", "data.corpora.mine")
    damaged, rates, several = str(error.value).splitlines()
    assert damaged.startswith("mine.all: 1 of 7 recordings cannot be read: g.wav (empty).")
    assert rates == (
        "mine.all: 5 of 7 recordings are not at 16000 Hz: a.wav has 8000 Hz, b.wav has 8000 Hz,"
        " c.wav has 8000 Hz and 2 more. Set data.corpora.mine.resample: true to convert them, or"
        " data.corpora.mine.sample_rate_hz to the rate of the corpus."
    )
    assert several == (
        "mine.all: 1 of 7 recordings are not mono: f.wav has 2 channels."
        " Set data.corpora.mine.channel to 1, 2, ... or mix."
    )


def test_settings_accept_what_they_name():
    headers = [Header(8000, 1, 1.0), Header(16000, 2, 1.0)]
    check_headers("ab", headers, options(resample=True, channel=2), "x", "x")
    check_headers("ab", headers, options(resample=True, channel="mix"), "x", "x")
    with pytest.raises(AudioError, match="1 of 2 recordings have no channel 3: b has 2"):
        check_headers("ab", headers, options(resample=True, channel=3), "x", "x")


@pytest.mark.parametrize(
    ("path", "header", "channel", "entry"),
    [
        ("a b.wav", Header(16000, 1, 1.0), None, "a b.wav"),
        ("a.flac", Header(16000, 1, 1.0, True, "FLAC"), "mix", "flac -c -d -s a.flac |"),
        ("a.wav", Header(8000, 1, 1.0), 1, "sox a.wav -r 16000 -b 16 -t wav - |"),
        ("a.flac", Header(16000, 2, 1.0, True, "FLAC"), 1, "sox a.flac -b 16 -t wav - remix 1 |"),
        ("a.ogg", Header(16000, 1, 1.0, False, "Ogg"), None, "sox a.ogg -b 16 -t wav - |"),
        ("a.mp3", Header(8000, 2, 1.0, False, "MP3"), "mix",
         "sox a.mp3 -r 16000 -b 16 -t wav - remix - |"),
        ("a.m4a", Header(16000, 1, 1.0, True, "MP4 (m4a)"), None,
         "ffmpeg -v 8 -i a.m4a -f wav -acodec pcm_s16le - |"),
        ("a.m4a", Header(8000, 1, 1.0, True, "MP4 (m4a)"), None,
         "ffmpeg -v 8 -i a.m4a -f wav -acodec pcm_s16le - |"
         " sox -t wav - -r 16000 -b 16 -t wav - |"),
        ("sph2pipe -f wav a.sph |", Header(16000, 1, 1.0), None, "sph2pipe -f wav a.sph |"),
        ("x.ark:17", Header(16000, 1, 1.0), None, "x.ark:17"),
        ("x.ark:17", Header(8000, 1, 1.0), None,
         "wav-copy x.ark:17 - | sox -t wav - -r 16000 -b 16 -t wav - |"),
    ],
)  # fmt: skip
def test_an_entry_converts_only_what_must_be(path, header, channel, entry):
    assert wav_entry(path, header, options(resample=True, channel=channel)) == entry


@pytest.mark.parametrize(
    "name", ["a b.flac", "O'Neil.flac", 'say "x" $HOME `id`.flac', "a;b&c.flac"]
)
def test_a_shell_reads_the_path_in_a_pipe_as_it_is(name):
    entry = wav_entry(name, Header(16000, 1, 1.0, kind="FLAC"), options())
    assert shlex.split(entry.removesuffix("|"))[-1] == name
    assert shlex.split(sox_pipe(name).removesuffix("|"))[1] == name


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_the_entries_are_read_by_our_commands(tmp_path, suffix):
    """Every entry gives one channel at the asked rate, as long as utt2dur says."""
    from steps_py.audio.wave_holder import WAVE
    from steps_py.formats.tables import read_object

    path = write_sound(tmp_path / f"a b'c.{suffix}", 8000, num_channels=2, num_samples=12000)
    header = read_header(path)
    for channel in (1, 2, "mix"):
        wave = read_object(wav_entry(path, header, options(resample=True, channel=channel)), WAVE)
        assert wave.rate_hz == 16000
        assert wave.samples_CN.shape[0] == 1
        assert wave.samples_CN.shape[1] / 16000 == pytest.approx(header.duration_sec, abs=0.1)


def test_hidden_files_are_passed_over_and_links_followed(tmp_path):
    write_wav(tmp_path / "elsewhere/s/b.WAV")
    write_wav(tmp_path / "root/a.wav")
    write_wav(tmp_path / "root/._a.wav")
    write_wav(tmp_path / "root/.trash/a.wav")
    (tmp_path / "root/notes.txt").write_text("")
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    assert sorted(walk_audio(tmp_path / "root")) == ["a.wav", "link/s/b.WAV"]
