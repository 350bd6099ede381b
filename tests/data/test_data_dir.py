"""Tables and data directories: what is read, what is refused and by which words."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.data import data_dir
from steps_py.data.data_dir import (
    check_data_dir,
    compare_keys,
    compare_sorted_keys,
    iterate_table,
    read_table,
    spk2utt_of,
    write_table,
    write_tables,
)
from steps_py.errors import DataDirError
from tests.support.tiny_corpora import write_lines

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
VALUES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
LINES = st.text("ab \t\n\r1é", max_size=40)


def parts_of(path, **changes):
    """A sound data directory of two speakers, three utterances; `changes` replace tables."""
    tables = {
        "wav.scp": ["anna-1 a1.wav", "anna-2 sox a b.wav -t wav - |", "ben-1 b1.wav"],
        "utt2spk": ["anna-1 anna", "anna-2 anna", "ben-1 ben"],
        "spk2utt": ["anna anna-1 anna-2", "ben ben-1"],
        "utt2dur": ["anna-1 1.5", "anna-2 0.5", "ben-1 7.0"],
    }
    for name, lines in (tables | {k.replace("_", "."): v for k, v in changes.items()}).items():
        if lines is not None:
            write_lines(path / name, *lines)
    return path


@given(st.dictionaries(WORDS, VALUES))
def test_what_is_written_is_read_again(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("table") / "wav.scp"
    write_table(path, table)
    read = read_table(path)
    assert read == table
    assert [key.encode() for key in read] == sorted(key.encode() for key in table)


@given(LINES)
def test_the_fast_and_the_strict_reader_agree(text):
    fast = data_dir._parse_clean(text.encode())
    try:
        strict = data_dir._parse_strict(text.encode(), "x") if text else {}
    except DataDirError:
        assert fast is None
    else:
        assert fast in (None, strict)


def test_tabs_and_blanks_between_key_and_value_are_accepted(tmp_path):
    path = write_lines(tmp_path / "segments", "a\treco 0 1 ", "b   reco  1 2")
    assert read_table(path) == {"a": "reco 0 1", "b": "reco  1 2"}


def test_an_empty_file_is_an_empty_table_and_a_last_line_may_lack_its_end(tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "cut").write_text("a 1\nb 2")
    assert read_table(tmp_path / "empty") == {}
    assert read_table(tmp_path / "cut") == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a 1", "a 2"], ":2: key 'a' appears twice. Keep one line per key."),
        (["b 1", "a 2"], ":2: 'a' comes after 'b'. Sort the file with: LC_ALL=C sort -k1,1 -o "),
        (["a 1", "b", "c 3"], ":2: expected '<key> <value>', got 'b'"),
        (["a 1", "", "c 3"], ":2: expected '<key> <value>', got ''"),
        (["a 1", "  "], ":2: expected '<key> <value>', got '  '"),
    ],
)
def test_a_faulty_line_is_named_with_the_cure(tmp_path, lines, said):
    path = write_lines(tmp_path / "wav.scp", *lines)
    with pytest.raises(DataDirError) as error:
        read_table(path)
    assert f"{path}{said}" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_the_order_is_that_of_bytes_not_of_a_language(tmp_path):
    write_table(
        tmp_path / "t", {"a": "1", "B": "2", "é": "3", "z": "4", "a-": "5", "\U0001f600": "6"}
    )
    assert list(read_table(tmp_path / "t")) == ["B", "a", "a-", "z", "é", "\U0001f600"]


def test_a_table_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "t").write_bytes(b"a 1\nb \xff\n")
    with pytest.raises(DataDirError, match=r"t:2: not UTF-8: b'b \\xff'"):
        read_table(tmp_path / "t")


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "1"), ("a", "2")],
        [("a b", "1")],
        [("a", "")],
        [("a", "x\ny 1")],
        [("", "1")],
        [("a", " 1")],
        [("a\t", "1")],
    ],
)
def test_a_table_that_could_not_be_read_again_is_not_written(tmp_path, pairs):
    (tmp_path / "t").write_text("a old\n")
    with pytest.raises(DataDirError):
        write_table(tmp_path / "t", pairs)
    assert (tmp_path / "t").read_text() == "a old\n"


def test_of_several_tables_all_appear_or_none(tmp_path):
    with pytest.raises(DataDirError):
        write_tables({tmp_path / "wav.scp": {"a": "a.wav"}, tmp_path / "utt2spk": {"a b": "c"}})
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        write_tables({tmp_path / "wav.scp": {"a": "a.wav"}, tmp_path / "file/utt2spk": {"a": "b"}})
    assert os.listdir(tmp_path) == ["file"]


def test_keys_that_differ_are_counted_and_named():
    assert compare_keys({*"ad"}, {*"abc"}, "feats.scp", "wav.scp") == [
        "feats.scp: 2 missing (b, c) and 1 unexpected (d) of the 3 keys of wav.scp"
    ]
    assert compare_keys({*"abc"}, {*"abc"}, "feats.scp", "wav.scp") == []


@given(st.dictionaries(WORDS, WORDS, min_size=1))
def test_spk2utt_has_every_utterance_once(utt2spk):
    inverse = spk2utt_of(utt2spk)
    assert {utt: spk for spk, utts in inverse.items() for utt in utts.split()} == utt2spk
    assert list(inverse) == sorted(set(utt2spk.values()))


def test_a_sound_data_directory_is_summed_up(tmp_path):
    found = check_data_dir(parts_of(tmp_path / "train"))
    assert found.speakers == {"anna", "ben"}
    assert found.num_utts == 3
    assert found.hours == pytest.approx(9 / 3600)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spk2utt": None}, "spk2utt missing"),
        ({"wav_scp": ["anna-1 a", "ben-1 b"]}, "wav.scp: 1 missing (anna-2) of the 3 keys of"),
        ({"feats_scp": ["anna-1 x:1"]}, "feats.scp: 2 missing (anna-2, ben-1)"),
        ({"utt2spk": ["anna-1 anna", "anna-2 anna ben", "ben-1 ben"]},
         "utt2spk:2: 'anna-2' has several speakers: anna ben"),
        ({"utt2spk": ["anna-1 anna", "anna-2 ben", "ben-1 ben"]},
         "utt2spk:2: speaker 'ben' is not a prefix of utterance 'anna-2'"),
        ({"spk2utt": ["anna anna-1", "ben ben-1"]}, "spk2utt: is not the inverse of"),
        ({"utt2dur": ["anna-1 1.5", "anna-2 0", "ben-1 7"]}, "utt2dur:2: 'anna-2' lasts '0' s"),
        ({"utt2dur": ["anna-1 1.5", "anna-2 nan", "ben-1 7"]}, "'anna-2' lasts 'nan' s"),
        ({"utt2dur": ["anna-1 1.5", "anna-2 2s", "ben-1 7"]}, "'anna-2' lasts '2s' s"),
        ({"wav_scp": [], "utt2spk": [], "spk2utt": [], "utt2dur": []}, "has no utterance"),
    ],
)  # fmt: skip
def test_each_fault_of_a_data_directory_is_named(tmp_path, changes, said):
    with pytest.raises(DataDirError) as error:
        check_data_dir(parts_of(tmp_path / "train", **changes))
    assert said in str(error.value)


def test_speakers_whose_order_differs_from_their_utterances_are_refused(tmp_path):
    """'anna+' sorts behind 'anna', but 'anna+-1' before 'anna-1': Kaldi's tools stumble."""
    utts = {"anna+-1": "anna+", "anna-1": "anna"}
    path = parts_of(
        tmp_path,
        wav_scp=[f"{utt} x.wav" for utt in utts],
        utt2spk=[f"{utt} {spk}" for utt, spk in utts.items()],
        spk2utt=["anna anna-1", "anna+ anna+-1"],
        utt2dur=[f"{utt} 1" for utt in utts],
    )
    with pytest.raises(DataDirError, match="'anna' and 'anna\\+' sort one way by themselves"):
        check_data_dir(path)


def test_all_faults_are_reported_together(tmp_path):
    path = parts_of(tmp_path, wav_scp=["anna-1 a"], utt2dur=["anna-1 -1", "anna-2 1", "ben-1 1"])
    with pytest.raises(DataDirError) as error:
        check_data_dir(path)
    assert len(str(error.value).splitlines()) == 2


def test_tables_are_read_piece_by_piece_as_at_once(tmp_path, monkeypatch):
    lines = ["a 1", "b\t2", "c  3 4", "d 5", "e 6"]
    path = write_lines(tmp_path / "table", *lines)
    whole = read_table(path)
    for size in (1, 5, 9, 100):
        monkeypatch.setattr("steps_py.data.data_dir.BLOCK_BYTES", size)
        assert dict(iterate_table(path)) == whole
        for bad, said in [("e 7", "table:6: key 'e' appears twice"), ("c 7", "table:6: 'c' comes"),
                          ("f", "table:6: expected '<key> <value>'")]:  # fmt: skip
            other = write_lines(tmp_path / "table", *lines, bad)
            with pytest.raises(DataDirError, match=said):
                list(iterate_table(other))
        write_lines(path, *lines)


@given(got=st.sets(st.sampled_from("abcdefgh")), want=st.sets(st.sampled_from("abcdefgh")))
def test_sorted_keys_are_compared_as_sets_are(got, want):
    found = compare_sorted_keys(iter(sorted(got)), iter(sorted(want)), "x", "y")
    assert found == compare_keys(got, want, "x", "y")
