"""Odd command lines where Kaldi's commands go on: late failures, formats, single precision."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from steps_py.audio.wave import Wave, write_wave
from steps_py.audio.wave_holder import WAVE
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.htk import HtkHolder
from steps_py.formats.tables import SequentialReader, TableWriter, read_object
from steps_py.kaldi.commands import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    return tmp_path


def kaldi(*argv):
    return main([argv[0], "--print-args=false", *argv[1:]])


def write_recording(path, num_samples, rate_hz=16000):
    samples = np.arange(num_samples, dtype=np.float32)[np.newaxis] % 100
    with open(path, "wb") as file:
        write_wave(file, Wave(rate_hz, samples))


def entries(rspecifier, holder):
    with SequentialReader(rspecifier, holder) as reader:
        return dict(reader)


# pipes and script files


def test_an_utterance_whose_pipe_fails_after_all_samples_is_kept(capfd):
    write_recording("a.wav", 1600)
    Path("wav.scp").write_text("a cat a.wav; exit 3 |\n")
    assert kaldi("wav-to-duration", "p,scp:wav.scp", "ark,t:durations") == 0
    assert Path("durations").read_text() == "a 0.1 \n"
    assert "exit status 3" in capfd.readouterr().err


@pytest.mark.parametrize("line", ["", "b"])
def test_a_script_file_ends_at_a_blank_or_key_only_line(line, capfd):
    with TableWriter("ark,scp:x.ark,x.scp", FLOAT_VECTOR) as writer:
        writer.write("a", np.ones(2))
    Path("x.scp").write_text(Path("x.scp").read_text() + line + "\nc x.ark:2\n")
    assert kaldi("copy-vector", "scp:x.scp", "ark:y.ark") == 0
    assert list(entries("ark:y.ark", FLOAT_VECTOR)) == ["a"]
    assert "x.scp:2" in capfd.readouterr().err
    assert kaldi("copy-vector", "--strict", "scp:x.scp", "ark:z.ark") == 255


def test_a_cut_recording_of_a_pipe_has_the_duration_of_its_header():
    write_recording("a.wav", 16000)
    Path("wav.scp").write_text("a head -c 1000 a.wav |\n")
    assert kaldi("wav-to-duration", "scp:wav.scp", "ark,t:durations") == 0
    assert Path("durations").read_text() == "a 1 \n"


# single precision


def test_durations_are_printed_in_single_precision():
    write_recording("a.wav", 55417)
    assert kaldi("wav-to-duration", "scp:echo a a.wav |", "ark,t:durations") == 0
    assert Path("durations").read_text() == "a 3.463562 \n"


def test_segments_of_exactly_the_minimum_are_too_short():
    write_recording("a.wav", 32000)
    Path("segments").write_text("s1 a 0 0.1\ns2 a 1.0 1.1\ns3 a 0.5 0.7\n")
    assert kaldi("extract-segments", "scp:echo a a.wav |", "segments", "ark:out.ark") == 0
    assert "s3" in entries("ark:out.ark", WAVE)
    assert "s1" not in entries("ark:out.ark", WAVE)


# formats


def test_features_of_htk_are_read_as_they_were_written():
    write_recording("a.wav", 8000)
    arguments = ("--dither=0", "scp:echo a a.wav |")
    assert kaldi("compute-mfcc-feats", *arguments, "ark:kaldi.ark") == 0
    assert kaldi("compute-mfcc-feats", "--output-format=htk", *arguments, "ark:htk.ark") == 0
    assert kaldi("copy-feats", "--htk-in", "ark:htk.ark", "ark:back.ark") == 0
    assert Path("htk.ark").read_bytes()[:14].hex() == b"a ".hex() + "00000030000186a000340046"
    mine, theirs = (entries(f"ark:{name}.ark", FLOAT_MATRIX)["a"] for name in ("back", "kaldi"))
    np.testing.assert_array_equal(mine, theirs)


def test_a_single_file_of_htk_is_read():
    Path("a.htk").write_bytes(HtkHolder().encode(np.ones((2, 3), np.float32), True))
    assert kaldi("copy-feats", "--htk-in", "a.htk", "a.mat") == 0
    np.testing.assert_array_equal(read_object("a.mat", FLOAT_MATRIX), np.ones((2, 3)))


def test_features_of_sphinx_have_13_dimensions():
    values = np.arange(26, dtype=">f4")
    Path("a.mfc").write_bytes(np.array([26], ">i4").tobytes() + values.tobytes())
    assert kaldi("copy-feats", "--sphinx-in", "scp:echo a a.mfc |", "ark:a.ark") == 0
    read = entries("ark:a.ark", FLOAT_MATRIX)["a"]
    np.testing.assert_array_equal(read, np.arange(26).reshape(2, 13))


def test_a_warning_of_numpy_names_no_file_of_this_program():
    Path("a.mat").write_text("a  [\n 1e38 ]\n")
    script = f". {ROOT}/path.sh; copy-matrix --scale=1e38 ark:a.mat ark,t:-"
    environment = {**os.environ, "SIDEWINDER_STRICT": "0"}
    environment.pop("KALDI_ROOT", None)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "inf" in done.stdout
    assert ".py" not in done.stderr
