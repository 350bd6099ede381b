"""Readers answer damaged input with a StepsError: the quick form of tests/fuzz/fuzz_readers.py."""

import contextlib
import dataclasses
import io
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from steps_py.audio.decode import read_wav_file
from steps_py.audio.errors import WaveError
from steps_py.audio.file_info import audio_info
from steps_py.audio.headers import flac
from steps_py.audio.headers.m4a import m4a_info
from steps_py.audio.headers.mp3 import mp3_info
from steps_py.audio.wave import read_wave
from steps_py.backend.plda_io import decode_plda
from steps_py.data.trials import read_trial_list
from steps_py.errors import AudioError, BackendError, DataDirError, StepsError
from steps_py.formats.streams import Input
from steps_py.nnet3.network_file import NNET
from tests.fuzz import fuzz_readers
from tests.fuzz.fuzz_readers import bounded, check, fuzz, replay
from tests.fuzz.fuzz_targets import Target, targets
from tests.support.tiny_corpora import box

ROOT = Path(__file__).parents[2]


def test_three_thousand_damaged_inputs_give_errors_of_ours_and_nothing_else(tmp_path):
    tally = fuzz(3000, seed=1)
    assert list(tally.keep(tmp_path)) == []
    assert len(tally.inputs) == len({*tally.inputs}) > 25
    damaged = sum(tally.inputs.values()) - sum(tally.read.values())
    assert damaged > 1000


def test_the_same_number_of_a_seed_is_the_same_input():
    first, second, other = (fuzz(300, seed).read for seed in (5, 5, 6))
    assert first == second != other


def fails_by(fault):
    def feed(data):
        fault()
        return data

    return Target("a reader", feed, [(b"data", b"data")])


def never_ends():
    while True:
        pass


def wrong_type():
    raise KeyError("x")


def two_lines():
    raise StepsError("one\ntwo")


def long_message():
    raise StepsError("x" * 3000)


@pytest.mark.parametrize(
    "feed, said",
    [
        (never_ends, "no end within"),
        (wrong_type, "KeyError"),
        (two_lines, "several lines"),
        (long_message, "3000 characters"),
        (lambda: bytearray(1 << 31), "MemoryError"),
    ],
)
def test_the_fuzzer_sees_each_kind_of_fault(monkeypatch, feed, said):
    if feed is never_ends:
        monkeypatch.setattr(fuzz_readers, "MAX_SEC", 0.2)
    with bounded():
        fault, _ = check(fails_by(feed), b"data")
    assert said in fault


def test_memory_beyond_the_bound_is_a_fault():
    """In a process of its own: the peak of this one may lie higher already."""
    program = (
        "from tests.fuzz.fuzz_readers import bounded, check\n"
        "from tests.fuzz.test_fuzz_readers import fails_by\n"
        "with bounded():\n"
        "    print(check(fails_by(lambda: bytearray(b'x') * (200 << 20)), b'data')[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "MB of memory" in done.stdout


def test_a_valid_input_that_reads_as_something_else_is_a_fault():
    with bounded():
        target = next(t for t in targets() if t.name == "integer")
        assert check(target, target.seeds[0][0], target.seeds[0])[0] is None
        lying = dataclasses.replace(target, feed=lambda data: 4)
        assert "something else" in check(lying, *target.seeds[0][:1], target.seeds[0])[0]


def test_a_kept_input_can_be_fed_again(tmp_path):
    (tmp_path / "trial_list-7.bin").write_bytes(b"1 a")
    assert replay(tmp_path / "trial_list-7.bin") is None


# What fuzzing found, in the smallest form.


def test_brackets_in_a_text_plda_take_no_time():
    with pytest.raises(BackendError, match="not a Plda file"):
        decode_plda(b"<Plda> " + b"[ ] " * 20000)


def test_a_trial_list_in_another_encoding_is_named_with_its_line(tmp_path):
    (tmp_path / "list").write_bytes(b"1 a b\n0 a \xe9\n")
    with pytest.raises(DataDirError, match=r"list:2: not UTF-8"):
        read_trial_list(tmp_path / "list")


def test_a_flac_header_with_a_rate_of_zero_is_damaged(tmp_path):
    (tmp_path / "x.flac").write_bytes(b"fLaC\x80\0\0\x22" + bytes(10) + b"\0\0\0\xf0\0\0\0\x09" * 3)
    with pytest.raises(AudioError, match="sample rate is 0 Hz"):
        audio_info(tmp_path / "x.flac")


def test_a_flac_file_of_many_frame_headers_is_read_in_linear_time(tmp_path, monkeypatch):
    sums = []
    monkeypatch.setattr(flac, "crc16", lambda data: sums.append(len(data)) or 1)
    header = b"\xff\xf8\x14\x08\x00"
    assert flac.end_of_last_frame((header + bytes([flac.crc8(header)])) * 3000, 192) is None
    assert len(sums) < 50


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfb\x10\xc0Xing", b"\xff\xe3\x18\xc4" + b"Info" * 9]
)
def test_an_mp3_file_may_end_within_the_header_of_its_first_frame(tmp_path, content):
    (tmp_path / "x.mp3").write_bytes(content)
    with pytest.raises(WaveError), open(tmp_path / "x.mp3", "rb") as file:
        mp3_info(file, "x.mp3")


def test_an_extensible_wave_header_may_be_cut_off():
    layout = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 16000, 2, 16)
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + layout + b"data\2\0\0\0ab"
    with pytest.raises(WaveError, match="a format chunk of 16 bytes"):
        read_wave(io.BytesIO(data), "x.wav")


@pytest.mark.parametrize("chunk", [b"LIST", b"data"])
def test_a_wave_header_that_promises_two_gigabytes_takes_no_memory(tmp_path, chunk):
    layout = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    head = b"RIFF\1\0\0\0WAVE" + layout + chunk + struct.pack("<I", 2_000_000_000)
    (tmp_path / "x.wav").write_bytes(head + bytes(10_000))
    tracemalloc.start()
    with contextlib.suppress(WaveError):  # cut-off samples are a warning only
        read_wav_file(str(tmp_path / "x.wav"))
    with pytest.raises(WaveError, match="truncated|ends within its header"):
        audio_info(str(tmp_path / "x.wav"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000


@pytest.mark.parametrize(
    "content",
    [
        box(b"moov", box(b"trak", box(b"mdia", box(b"mdhd")))),
        box(b"moov", box(b"trak", box(b"mdia", box(b"mdhd", b"\1", bytes(20))))),
        box(b"ftyp") + b"\0\0\0\1moov",
        box(b"moov", b"\0\xff\xff\xfftrak" * 5000),
    ],
)
def test_mp4_boxes_may_be_cut_off_empty_or_deeply_nested(tmp_path, content):
    (tmp_path / "x.m4a").write_bytes(content)
    with (
        pytest.raises(AudioError, match="Fetch it again|no m4a file"),
        open(tmp_path / "x.m4a", "rb") as file,
    ):
        m4a_info(file, "x.m4a")


def test_a_component_whose_array_has_no_type_is_damaged():
    graph = b"\0B<Nnet3> \ninput-node name=input dim=3\noutput-node name=output input=input\n\n"
    head = b"<NumComponents> \4\1\0\0\0<ComponentName> a <FixedScaleComponent> <Scales> "
    with pytest.raises(StepsError, match=r"expected a vector \(FV, DV\)"):
        NNET.read(Input(io.BytesIO(graph + head + b"\xef\xef\xef\xef\xef\xef\xef "), "x"))
