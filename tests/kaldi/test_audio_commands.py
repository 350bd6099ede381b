"""wav-copy, wav-to-duration, extract-segments and wav-reverberate as commands."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from steps_py.audio.wave import Wave, read_wave, write_wave
from steps_py.audio.wave_holder import WAVE
from steps_py.formats.holders import FLOAT
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.kaldi.commands import main


def ramp(num_samples, channels=1):
    return np.arange(channels * num_samples, dtype=np.float32).reshape(channels, num_samples)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A wav.scp of a WAV file of 2 s, a pipe of 1 s, and a stereo file of 1 s, at 1000 Hz."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    write("long.wav", ramp(2000))
    write("stereo.wav", ramp(1000, channels=2))
    soundfile.write("short.flac", ramp(1000)[0].astype(np.int16), 1000)
    Path("wav.scp").write_text(
        "long long.wav\nshort flac -c -d -s short.flac |\nstereo stereo.wav\n"
    )
    return tmp_path


def write(path, samples, rate_hz=1000):
    with open(path, "wb") as file:
        write_wave(file, Wave(rate_hz, samples))


def read(rspecifier, holder=WAVE):
    with SequentialReader(rspecifier, holder) as reader:
        return dict(reader)


def read_file(path):
    return read_wave(io.BytesIO(Path(path).read_bytes()), path)


def kaldi(*argv):
    return main([str(word) for word in argv])


def refused(capfd, *argv):
    assert kaldi(*argv) == 255
    message = capfd.readouterr().err
    assert "ERROR" in message and "Traceback" not in message
    return message


# wav-copy


def test_wav_copy_copies_tables_and_files():
    assert kaldi("wav-copy", "scp:wav.scp", "ark,scp:o.ark,o.scp") == 0
    got = read("scp:o.scp")
    assert list(got) == ["long", "short", "stereo"]
    np.testing.assert_array_equal(got["stereo"].samples_CN, ramp(1000, 2))
    place = Path("o.scp").read_text().split()[3]
    assert place.startswith("o.ark:")
    assert kaldi("wav-copy", place, "one.wav") == 0
    np.testing.assert_array_equal(read_file("one.wav").samples_CN, ramp(1000))


def test_wav_copy_does_not_mix_tables_and_files(capfd):
    assert "one is a table, one a file" in refused(capfd, "wav-copy", "scp:wav.scp", "o.wav")


def test_wav_copy_names_the_recording_that_cannot_be_read(capfd):
    Path("wav.scp").write_text("bad broken.wav\nlong long.wav\n")
    Path("broken.wav").write_bytes(b"RIFFxxxx")
    message = refused(capfd, "wav-copy", "scp:wav.scp", "ark:o.ark")
    assert "key bad" in message and "broken.wav" in message
    assert not Path("o.ark").exists()
    assert kaldi("wav-copy", "scp,p:wav.scp", "ark:o.ark") == 0
    assert list(read("ark:o.ark")) == ["long"]


# wav-to-duration


@pytest.mark.parametrize("entire", ["true", "false"])
def test_durations_of_files_and_pipes(entire):
    assert kaldi("wav-to-duration", f"--read-entire-file={entire}", "scp:wav.scp", "ark,t:d") == 0
    assert Path("d").read_text() == "long 2 \nshort 1 \nstereo 1 \n"


def test_durations_of_an_archive_are_read_from_its_headers():
    kaldi("wav-copy", "scp:wav.scp", "ark:o.ark")
    assert kaldi("wav-to-duration", "ark:o.ark", "ark:d") == 0
    assert read("ark:d", FLOAT) == {"long": 2.0, "short": 1.0, "stereo": 1.0}


def test_a_header_without_a_length_needs_the_whole_file(capfd):
    data = bytearray(Path("long.wav").read_bytes())
    data[40:44] = b"\xff" * 4
    Path("long.wav").write_bytes(data)
    message = refused(capfd, "wav-to-duration", "scp:wav.scp", "ark,t:d")
    assert "--read-entire-file=true" in message
    assert kaldi("wav-to-duration", "--read-entire-file", "scp:wav.scp", "ark,t:d") == 0


def test_a_truncated_file_is_a_warning_and_in_strict_mode_an_error(capfd):
    Path("long.wav").write_bytes(Path("long.wav").read_bytes()[:-1000])
    assert kaldi("wav-to-duration", "scp:wav.scp", "ark,t:d") == 0
    assert "WARNING" in capfd.readouterr().err
    assert Path("d").read_text().startswith("long 2 ")
    refused(capfd, "wav-to-duration", "--strict=true", "scp:wav.scp", "ark,t:d")


# extract-segments


def extract(lines, *options):
    Path("segments").write_text("\n".join(lines) + "\n")
    code = kaldi("extract-segments", *options, "scp:wav.scp", "segments", "ark:s.ark")
    return code, read("ark:s.ark") if code == 0 else None


def test_segments_are_cut_at_the_nearest_samples():
    code, got = extract(
        [
            "a long 0.5 0.7",
            "b long 0.0004 0.1006",
            "c long 1.8 2.3",  # overshoots by less than half a second
            "d long 1.5 -1",
            "e stereo 0.1 0.3 1",
        ]
    )
    assert code == 0
    spans = {key: (w.samples_CN[0, 0], w.samples_CN[0, -1]) for key, w in got.items()}
    assert spans == {
        "a": (500, 699),
        "b": (0, 100),
        "c": (1800, 1999),
        "d": (1500, 1999),
        "e": (1100, 1299),
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x long 0.5", "3 fields"),
        ("x long now 1", "a time that is no number"),
        ("x long 1.0 0.5", "empty or invalid"),
        ("x long -1 0.5", "empty or invalid"),
        ("x long 2.5 2.6", "starts outside of the recording [0, 2 s]"),
        ("x long 1.5 2.6", "ends too far outside"),
        ("x long 1.0 1.05", "too short"),
        ("x long 1.0 1.5 left", "bad channel"),
        ("x long 1.0 1.5 1", "channel 1 of a recording of 1"),
        ("x none 1.0 1.5", "no recording none in scp:wav.scp"),
    ],
)
def test_segments_that_do_not_fit_are_skipped_with_a_reason(capfd, line, words):
    code, got = extract(["a long 0.5 0.7", line])
    assert (code, list(got)) == (0, ["a"])
    message = capfd.readouterr().err
    assert f"x: {words}" in message
    assert "processed 1 lines out of 2" in message
    assert extract(["a long 0.5 0.7", line], "--strict=true")[0] == 1
    assert "lost 1 of 2 items: x" in capfd.readouterr().err


def test_segments_of_several_channels_need_the_channel(capfd):
    Path("segments").write_text("x stereo 0.1 0.5\n")
    message = refused(capfd, "extract-segments", "scp:wav.scp", "segments", "ark:s.ark")
    assert "stereo: has 2 channels" in message


def test_limits_of_segments_can_be_set():
    lines = ["a long 0.5 0.52", "b long 1.0 3.5"]
    assert list(extract(lines)[1]) == []
    options = ("--min-segment-length=0.01", "--max-overshoot=2")
    assert list(extract(lines, *options)[1]) == ["a", "b"]


# wav-reverberate


def test_wav_reverberate_reads_and_writes_files_pipes_and_tables(capfd):
    write("rir.wav", np.float32([[0, 32767]]))
    options = ("wav-reverberate", "--normalize-output=false", "--impulse-response=rir.wav")
    assert kaldi(*options, "long.wav", "o.wav") == 0
    wanted = read_file("o.wav").samples_CN
    assert kaldi(*options, "cat long.wav |", "| cat > p.wav") == 0
    np.testing.assert_array_equal(read_file("p.wav").samples_CN, wanted)
    Path("wav.scp").write_text("long long.wav\n")
    assert kaldi(*options, "scp:wav.scp", "ark:o.ark") == 0
    np.testing.assert_array_equal(read("ark:o.ark")["long"].samples_CN, wanted)
    assert "one is a table" in refused(capfd, *options, "scp:wav.scp", "o.wav")


def test_wav_reverberate_asks_for_its_input_by_name(capfd):
    assert "none.wav: cannot open" in refused(capfd, "wav-reverberate", "none.wav", "o.wav")
    assert not Path("o.wav").exists()


def test_waves_cannot_be_too_loud_for_their_file(capfd):
    with TableWriter("ark:o.ark", WAVE) as writer:
        writer.write("loud", Wave(1000, np.full((1, 10), 40000.0, np.float32)))
    assert "clipped 10 of 10" in capfd.readouterr().err
    assert read("ark:o.ark")["loud"].samples_CN.max() == 32767
