"""The record of outputs of jobs: a changed file differs from it, also with an older time."""

import json
import os

import pytest

from steps_py.recipe import made
from steps_py.recipe.made import MadeFiles


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A recipe with one recorded file, ``a``, and one recorded folder, ``d``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("12345")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("1")
    MadeFiles("record").add(["a", "d", "not-there"])
    return MadeFiles("record")


def test_files_as_they_were_written_are_not_changed(recorded):
    assert not recorded.is_changed("a")
    assert not recorded.is_changed("d")


def test_a_touched_file_is_not_changed(recorded):
    os.utime("a", (0, 0))
    assert not recorded.is_changed("a")


@pytest.mark.parametrize("content", ["1234", "12346", ""])
def test_another_content_is_a_change_also_with_an_older_time(recorded, tmp_path, content):
    (tmp_path / "a").write_text(content)
    os.utime("a", (0, 0))
    assert recorded.is_changed("a")


def test_a_removed_or_unknown_file_is_not_a_changed_one(recorded, tmp_path):
    os.remove("a")
    (tmp_path / "b").write_text("")
    assert not recorded.is_changed("a")
    assert not recorded.is_changed("b")


def test_a_file_removed_from_a_folder_changes_the_folder(recorded):
    os.remove("d/x")
    assert recorded.is_changed("d")


def test_the_last_record_counts(recorded, tmp_path):
    (tmp_path / "a").write_text("new")
    recorded.add(["a"])
    assert not MadeFiles("record").is_changed("a")


def test_a_line_cut_by_a_kill_loses_that_line_only(recorded, tmp_path):
    with open("record", "a") as file:
        file.write(json.dumps({"b": [1, 2, "3"]})[:-4])
    (tmp_path / "a").write_text("1")
    assert MadeFiles("record").is_changed("a")


def test_a_large_file_is_compared_by_its_size(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(made, "MAX_DIGEST_BYTES", 3)
    recorded.add(["a"])
    (tmp_path / "a").write_text("54321")
    os.utime("a", (0, 0))
    assert not recorded.is_changed("a")
    (tmp_path / "a").write_text("5432")
    assert recorded.is_changed("a")


def test_it_records_that_a_run_was_started(tmp_path):
    record = MadeFiles(tmp_path / "folder/record")
    assert not record.exists()
    record.begin()
    assert MadeFiles(tmp_path / "folder/record").exists()
