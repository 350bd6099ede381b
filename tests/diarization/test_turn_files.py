"""RTTM, UEM and LAB files: what is read, what is refused and with which words."""

import pytest

from steps_py.diarization.lab import read_lab, write_lab
from steps_py.diarization.rttm import read_rttm, rttm_line, write_rttm
from steps_py.diarization.turns import Region, Turn
from steps_py.diarization.uem import read_uem, write_uem
from steps_py.errors import DataDirError

LINE = "SPEAKER rec 1 0.5 2.0 <NA> <NA> ann <NA> <NA>\n"
ANN = Turn("rec", 0.5, 2.5, "ann")


def saved(tmp_path, content, name="a.rttm"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        LINE,
        LINE.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + LINE.encode(),
        LINE.replace(" <NA> <NA>\n", " <NA>\n"),  # nine fields
        LINE.replace(" ", "\t"),
        LINE.strip(),
        "\n;; a comment\nSPKR-INFO rec 1 <NA> <NA> <NA> unknown ann <NA> <NA>\n" + LINE,
        LINE + LINE,
        LINE + "SPEAKER rec 1 1.0 0.5 <NA> <NA> ann <NA> <NA>\n",
        LINE + "SPEAKER rec 1 7.0 0.0 <NA> <NA> bob <NA> <NA>\n",
    ],
)
def test_the_same_turn_in_many_forms(tmp_path, content):
    assert read_rttm(saved(tmp_path, content)) == [ANN]


def test_turns_are_sorted_and_those_that_touch_stay_two(tmp_path):
    content = "SPEAKER rec 1 2.5 1.0 <NA> <NA> ann <NA> <NA>\n" + LINE
    assert read_rttm(saved(tmp_path, content)) == [ANN, Turn("rec", 2.5, 3.5, "ann")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SPEKER rec 1 0.5 2.0 <NA> <NA> ann <NA> <NA>", "'SPEKER' is unknown. Did you mean 'SPEA"),
        ("SPEAKER rec 1 0.5", "4 fields, expected"),
        ("SPEAKER rec 1 half 2.0 <NA> <NA> ann <NA> <NA>", "the onset is 'half'"),
        ("SPEAKER rec 1 -1 2.0 <NA> <NA> ann <NA> <NA>", "the onset is '-1'"),
        ("SPEAKER rec 1 0.5 nan <NA> <NA> ann <NA> <NA>", "the duration is 'nan'"),
        ("SPEAKER rec 1 0.5 -2.0 <NA> <NA> ann <NA> <NA>", "the duration is '-2.0'"),
        ("SPEAKER rec 1 0.5 inf <NA> <NA> ann <NA> <NA>", "the duration is 'inf'"),
        ("SPEAKER rec 1 0.5 2.0 <NA> <NA> <NA> <NA> <NA>", "no speaker"),
        ("SPEAKER reck 1 0.5 2.0 <NA> <NA> ann <NA> <NA>", "'reck' is unknown. Did you mean 'rec'"),
        ("SPEAKER rec 1 8.5 2.0 <NA> <NA> ann <NA> <NA>", "8.5 to 10.5 s, but.*ends at 9 s"),
    ],
)
def test_errors_name_the_line(tmp_path, line, words):
    path = saved(tmp_path, LINE + line + "\n")
    with pytest.raises(DataDirError, match=f"a.rttm:2: .*{words}"):
        read_rttm(path, recordings=["rec", "other"], durations_sec={"rec": 9.0})


def test_other_encodings_are_named(tmp_path):
    with pytest.raises(DataDirError, match="a.rttm:2: not UTF-8"):
        read_rttm(saved(tmp_path, LINE.encode() + LINE.replace("ann", "rené").encode("latin-1")))


def test_an_empty_file_has_no_turns(tmp_path):
    assert read_rttm(saved(tmp_path, "")) == []


def test_turns_are_written_and_read_again(tmp_path):
    turns = [ANN, Turn("rec", 2.5, 3.0, "bob"), Turn("über", 0.0004, 1.0, "MÉO")]
    write_rttm(tmp_path / "b.rttm", turns)
    assert read_rttm(tmp_path / "b.rttm") == [*turns[:2], Turn("über", 0.0, 1.0, "MÉO")]


@pytest.mark.parametrize("turn", [ANN._replace(speaker="ann lee"), ANN._replace(recording="")])
def test_names_that_would_break_a_line_are_refused(turn):
    with pytest.raises(DataDirError, match="is empty or has spaces"):
        rttm_line(turn)


def test_regions_are_sorted_merged_and_cut(tmp_path):
    path = saved(tmp_path, "b NA 5 9.3\r\nb NA 0 5\r\n;; end\r\na 1 1 2\r\n", "a.uem")
    assert read_uem(path, durations_sec={"b": 9.0}) == [Region("a", 1, 2), Region("b", 0, 9)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rec 1 0", "3 fields"),
        ("rec 1 3 2", "ends at 2, not behind its begin"),
        ("rec 1 2 2", "not behind its begin"),
        ("rec 1 0 x", "the end is 'x'"),
        ("rek 1 0 1", "'rek' is unknown. Did you mean 'rec'"),
        ("rec 1 0 9.6", "ends at 9 s"),
        ("rec 1 9.1 9.2", "ends at 9 s"),
    ],
)
def test_errors_of_regions_name_the_line(tmp_path, line, words):
    with pytest.raises(DataDirError, match=f"a.uem:1: .*{words}"):
        read_uem(saved(tmp_path, line, "a.uem"), recordings=["rec"], durations_sec={"rec": 9.0})


def test_regions_are_written_and_read_again(tmp_path):
    regions = [Region("a", 0.0, 1.5), Region("b", 2.0, 3.0)]
    write_uem(tmp_path / "a.uem", regions)
    assert read_uem(tmp_path / "a.uem") == regions
    write_lab(tmp_path / "b.lab", regions[1:])
    assert read_lab(tmp_path / "b.lab") == regions[1:]


def test_speech_of_a_recording(tmp_path):
    path = saved(tmp_path, "2 3 speech\n0 1 sp\n0.5 2\n5 9 sil\n", "rec.lab")
    assert read_lab(path, 9.0) == [Region("rec", 0.0, 3.0)]


@pytest.mark.parametrize(
    ("line", "words"),
    [("1", "1 fields"), ("2 1 sp", "before its begin"), ("a 1", "'a'"), ("0 10", "ends at 9 s")],
)
def test_errors_of_speech_name_the_line(tmp_path, line, words):
    with pytest.raises(DataDirError, match=f"rec.lab:1: .*{words}"):
        read_lab(saved(tmp_path, line, "rec.lab"), 9.0)
