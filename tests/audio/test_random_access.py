"""Random access to recordings equals reading them whole, for every kind of entry."""

import numpy as np
import pytest
import soundfile

from steps_py.audio.pipelines import read_recording
from steps_py.audio.random_access import RandomAccessAudio, check_entries, unreadable_reason
from steps_py.audio.wave import Wave, write_wave
from steps_py.errors import AudioError
from tests.support.small_audio import write_wav
from tests.support.tiny_corpora import without_length

RATE_HZ = 1000
SAMPLES_N = np.arange(40 * RATE_HZ) % 30_011 - 15_000


@pytest.fixture(
    params=[
        "wav",
        "two channels",
        "flac",
        "archive",
        "trimmed",
        "unknown length",
        "flac without length",
        "flac named wav",
    ]
)
def entry(request, tmp_path):
    """The same 40 s in all forms that a wav.scp may give them."""
    path, kind = tmp_path / "a.wav", request.param
    both = np.stack([SAMPLES_N, -SAMPLES_N])
    write_wav(path, both if kind == "two channels" else SAMPLES_N, RATE_HZ)
    if kind == "flac":
        soundfile.write(tmp_path / "a b.flac", SAMPLES_N.astype(np.int16), RATE_HZ)
        return f"flac -c -d -s '{tmp_path}/a b.flac' |"
    if kind.startswith("flac "):
        path = tmp_path / ("b.wav" if kind == "flac named wav" else "b.flac")
        soundfile.write(path, SAMPLES_N.astype(np.int16), RATE_HZ, format="FLAC")
        if kind == "flac without length":
            path.write_bytes(without_length(path.read_bytes()))
        return f"flac -c -d -s {path} |"
    if kind == "archive":
        archive = tmp_path / "wav.ark"
        with open(archive, "wb") as out:
            for _ in range(2):
                out.write(b"utt ")
                start = out.tell()
                write_wave(out, Wave(RATE_HZ, SAMPLES_N[np.newaxis].astype(np.float32)))
        return f"{archive}:{start}"
    if kind == "trimmed":
        longer = np.concatenate([np.ones(RATE_HZ), SAMPLES_N, np.ones(RATE_HZ)])
        write_wav(path, longer, RATE_HZ)
        return f"sox {path} -b 16 -t wav - trim 1 40 |"
    if kind == "unknown length":
        content = bytearray(path.read_bytes())
        content[40:44] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("kept_sec", [1, 100])
def test_any_range_equals_that_of_the_whole_recording(entry, kept_sec, monkeypatch):
    monkeypatch.setattr("steps_py.audio.random_access.CACHED_SEC", kept_sec)
    whole_N = read_recording(entry).samples_CN[0]
    assert np.array_equal(whole_N, SAMPLES_N)
    recordings = RandomAccessAudio()
    for first, end in [(0, 10), (12_345, 17_000), (39_000, 39_999), (5, None), (0, None)]:
        rate_hz, samples_N = recordings.read(entry, first, end)
        assert rate_hz == RATE_HZ and samples_N.dtype == np.int16
        assert np.array_equal(samples_N, SAMPLES_N[first:end])
    assert np.array_equal(recordings.read(entry, 39_500, 41_000)[1], SAMPLES_N[39_500:])
    assert len(recordings.read(entry, 50_000, 51_000)[1]) == 0


def test_the_cache_is_bounded(tmp_path):
    paths = [write_wav(tmp_path / f"{i}.wav", np.full(1000, i), RATE_HZ) for i in range(20)]
    recordings = RandomAccessAudio(cache_bytes=5 * 2000)
    for path in paths:
        recordings.read(path)
    assert len(recordings._cache) == 5
    for i, path in enumerate(paths):
        assert recordings.read(path, 3, 5)[1].tolist() == [i, i]


@pytest.mark.parametrize(
    "entry, reason",
    [
        ("a.wav", None),
        ("flac -c -d -s a.flac |", None),
        ("flac -c -d -s a.flac | sox -t wav - -r 8000 -b 16 -t wav - |", None),
        ("ffmpeg -v 8 -i a.mp3 -f wav -acodec pcm_s16le - |", None),
        ("ffmpeg -v 8 -i a.m4a -f wav -acodec pcm_s16le - |", "needs the program 'ffmpeg'"),
        ("curl http://x | sox -t wav - -t wav - |", "runs 'curl'"),
        ("cat $HOME/a.wav |", "needs a shell"),
        ("cd x; cat a.wav |", "needs a shell"),
    ],
)
def test_entries_that_need_a_program_are_recognised(entry, reason):
    assert unreadable_reason(entry) == reason


def test_all_entries_are_checked_at_once():
    with pytest.raises(AudioError) as error:
        check_entries(["u1", "u2", "u3"], ["a.wav", "gzip -dc b |", "x $y |"], "data/train")
    assert str(error.value).startswith("data/train: 2 of 3 recordings cannot be read where")
    assert "u2 runs 'gzip', u3 needs a shell" in str(error.value)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_truncated_or_missing_file_is_an_error(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    noise_N = np.random.default_rng(0).integers(-9999, 9999, 20_000).astype(np.int16)
    soundfile.write(path, noise_N, RATE_HZ)
    entry = str(path) if suffix == "wav" else f"flac -c -d -s {path} |"
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(AudioError, match="truncated|damaged"):
        RandomAccessAudio().read(entry)
    path.unlink()
    with pytest.raises(AudioError, match=rf"a\.{suffix}: "):
        RandomAccessAudio().read(entry)
