"""results/system.swx: the same bytes for the same content; damaged, foreign and newer refused."""

import json
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py import load_system
from steps_py.errors import StepsError
from steps_py.sealed_files import write_sealed
from steps_py.system.system_file import read_system_file, write_system_file
from tests.support.small_extractor import write_model
from tests.support.small_system import write_system

MEMBERS = {"network.safetensors": b"weights" * 9, "scores/0.cosine/a.mat": b"\0\1"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "small.swx"
    write_system_file(path, {"prior": 0.5}, MEMBERS)
    return path


def refusal(path, read=read_system_file):
    with pytest.raises(StepsError) as error:
        read(path)
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_what_is_written_is_read(small):
    found = read_system_file(small)
    assert found.description["prior"] == 0.5
    assert found.members == MEMBERS
    assert found.sha256 == small.read_bytes()[-64:].decode()


def test_it_is_a_plain_zip_archive_without_pickles(system_path):
    with zipfile.ZipFile(system_path) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("system.json"))["scored_by"] == "mine"
    assert not any(name.endswith((".pkl", ".pt", ".npz", ".pickle")) for name in names)


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_noticed(small, tmp_path_factory, place, bit):
    data = bytearray(small.read_bytes())
    data[place % len(data)] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / "flipped.swx"
    path.write_bytes(data)
    refusal(path)


def test_every_cut_is_noticed(small, tmp_path):
    data, path = small.read_bytes(), tmp_path / "cut.swx"
    for size in range(len(data)):
        path.write_bytes(data[:size])
        refusal(path)


def test_a_changed_byte_of_a_whole_system_is_noticed(system_path, tmp_path):
    data, path = bytearray(system_path.read_bytes()), tmp_path / "changed.swx"
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "its digest does not match" in refusal(path, load_system)


def test_other_files_are_refused_by_what_they_are(tmp_path):
    final = write_model(tmp_path)
    assert "is a file of kind 'model', not 'system'" in refusal(final)
    (tmp_path / "text.swx").write_text("hello")
    assert "has no seal" in refusal(tmp_path / "text.swx")
    (tmp_path / "empty.swx").write_bytes(b"")
    assert "it is empty" in refusal(tmp_path / "empty.swx")
    assert "cannot be read: No such file" in refusal(tmp_path / "gone.swx")


def test_a_newer_format_is_refused(small, tmp_path):
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("system.json", "{}")
    newer = tmp_path / "newer.swx"
    write_sealed(newer, memoryview((tmp_path / "plain.zip").read_bytes()), "system", 2)
    assert "has format 2" in refusal(newer)


@pytest.mark.parametrize("name", ["../a", "/etc/x", "a b", "x|y", "a/../../b"])
def test_a_member_that_could_leave_its_folder_is_refused(name, tmp_path):
    write_system_file(tmp_path / "bad.swx", {}, {name: b""})
    assert "member" in refusal(tmp_path / "bad.swx")


def test_a_compressed_member_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "plain.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("system.json", "0" * 10**6)
    bomb = tmp_path / "bomb.swx"
    write_sealed(bomb, memoryview((tmp_path / "plain.zip").read_bytes()), "system", 1)
    assert "member" in refusal(bomb)


def test_the_same_content_gives_the_same_bytes(system_path, tmp_path):
    again = write_system(tmp_path / "again.swx", system_path.parent / "final.pt")
    assert again.read_bytes() == system_path.read_bytes()


def test_own_classes_of_the_recipe_are_named_and_not_embedded(system_path, tmp_path):
    own = tmp_path / "recipe/local/mine.py"
    own.parent.mkdir(parents=True)
    own.write_text("X = 1\n")
    final = system_path.parent / "final.pt"
    path = write_system(tmp_path / "own.swx", final, own_files=[str(own)])
    assert "needs classes of its recipe's own (mine.py)" in refusal(path, load_system)
    assert load_system(path, recipe=tmp_path / "recipe").embedding_dim == 6
    own.write_text("X = 2\n")
    with pytest.raises(StepsError, match=r"mine\.py has changed since the system was made"):
        load_system(path, recipe=tmp_path / "recipe")


def test_importing_the_package_is_cheap_and_loading_needs_no_snakemake(system_path):
    code = (
        "import sys, steps_py"
        "\nassert not {'torch', 'numpy'} & set(sys.modules)"
        f"\nsteps_py.load_system({str(system_path)!r})"
        "\nassert 'snakemake' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
