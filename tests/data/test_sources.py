"""Digests of what a recipe reads: they change with the files and with nothing else."""

import os
import shutil

import pytest

from steps_py.data.corpora import load_corpus
from steps_py.data.sources import MISSING, digest_of_file, digest_of_files, state_of_audio


def test_a_digest_is_that_of_sha256(tmp_path):
    (tmp_path / "a").write_text("abc")  # the first example of FIPS 180-2
    assert digest_of_file(tmp_path / "a") == "ba7816bf8f01cfea"


def test_names_and_contents_count_and_times_do_not(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("1")
    first = digest_of_files([a])
    assert first != digest_of_files([b])
    os.utime(a, (0, 0))
    assert digest_of_files([a]) == first
    a.write_text("2")
    assert digest_of_files([a]) != first
    a.unlink()
    assert digest_of_files([a]) != first


@pytest.fixture
def audio(tmp_path):
    for name in ("s1/a.wav", "s1/b.wav", "s2/c.wav"):
        (tmp_path / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "audio" / name).write_bytes(b"RIFF")
    return tmp_path / "audio"


def change_size(folder):
    (folder / "s1/a.wav").write_bytes(b"RIFF!")


def change_time(folder):
    os.utime(folder / "s1/a.wav", (0, 0))


def rename(folder):
    (folder / "s1/a.wav").rename(folder / "s1/z.wav")


def remove(folder):
    shutil.rmtree(folder / "s1")


@pytest.mark.parametrize("change", [change_size, change_time, rename, remove])
def test_replaced_renamed_and_removed_recordings_change_the_state(audio, change):
    before = state_of_audio(audio), state_of_audio(audio, ["s1/a.wav"])
    assert before == (state_of_audio(audio), state_of_audio(audio, ["s1/a.wav"]))
    change(audio)
    assert state_of_audio(audio) != before[0]
    assert state_of_audio(audio, ["s1/a.wav"]) != before[1]


def test_only_listed_recordings_count_where_there_is_a_list(audio):
    before = state_of_audio(audio, ["s2/c.wav"])
    remove(audio)
    assert state_of_audio(audio, ["s2/c.wav"]) == before


def test_a_link_that_leads_nowhere_and_a_missing_folder_are_states_too(audio, tmp_path):
    before = state_of_audio(audio)
    (audio / "s1/link.wav").symlink_to(tmp_path / "nowhere")
    assert state_of_audio(audio) != before
    assert state_of_audio(tmp_path / "nowhere") == MISSING


def test_an_edited_list_and_an_edited_exclude_change_the_state_of_a_part(audio, tmp_path):
    lists, exclude = tmp_path / "train.lst", tmp_path / "out"
    lists.write_text("s1/a.wav\n")
    exclude.write_text("s1-a\n")
    options = {"type": "folder", "root": str(audio), "lists": {"train": str(lists)}}
    corpus = load_corpus("mine", options | {"exclude": str(exclude)})
    states = [corpus.state_of_part("train")]
    lists.write_text("s1/b.wav\n")
    states.append(corpus.state_of_part("train"))
    exclude.write_text("s1-b\n")
    states.append(corpus.state_of_part("train"))
    change_size(audio)  # of a recording that is not in the list
    assert corpus.state_of_part("train") == states[-1]
    (audio / "s1/b.wav").write_bytes(b"RIFX!")
    states.append(corpus.state_of_part("train"))
    assert len(set(states)) == len(states)
