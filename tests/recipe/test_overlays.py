"""A file of --configfile that cannot be used is one line with file and line number."""

import subprocess
from pathlib import Path

import pytest

from steps_py.errors import ConfigError
from steps_py.recipe.overlays import check_overlay, files_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"train: [1\nfeats: 2\n", r":2: not YAML"),
        (b"train:\n  seed: \xff\n", r":2: not UTF-8: byte 0xff"),
        (b"train:\n\tseed: 1\n", r":2: not YAML"),
        (b"- 1\n- 2\n", r":1: is a list, not a mapping"),
        (b"seed\n", r":1: is a str, not a mapping"),
        (b"", r":1: is empty, not a mapping"),
        (b"train: {seed: 1}\ntrain: {seed: 2}\n", r":2: the key 'train' is given twice"),
        ("train: 1\n".encode("utf-16"), r":1: begins with the byte order mark of UTF-16"),
    ],
)
def test_a_fault_of_the_content_names_the_line(tmp_path, content, message):
    path = tmp_path / "over.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"over.yaml{message}") as caught:
        check_overlay(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_answered_with_the_nearest_one(tmp_path):
    (tmp_path / "over.yaml").touch()
    with pytest.raises(ConfigError, match=r"ovr.yaml: No such file.*Did you mean '.*/over.yaml'"):
        check_overlay(tmp_path / "ovr.yaml")
    with pytest.raises(ConfigError, match="all: No such file.*if this is a target, write --"):
        check_overlay(Path("all"))


@pytest.mark.parametrize("content", [b"train: {seed: 1}\n", b'{"train":\n\t{"seed": 1}}\n'])
def test_yaml_and_json_are_accepted(tmp_path, content):
    (tmp_path / "over").write_bytes(content)
    check_overlay(tmp_path / "over")


def test_files_end_at_the_next_option():
    words = "snakemake -d egs/mini --configfiles a.yaml b.yaml -n all --configfile=c.yaml all"
    assert files_of(words.split()) == ["a.yaml", "b.yaml", "c.yaml"]


def test_snakemake_ends_with_that_line(tmp_path):
    (tmp_path / "over.yaml").write_text("train: [1\n")
    done = subprocess.run(
        ["snakemake", "-d", "egs/mini", "-n", "--configfile", tmp_path / "over.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"{tmp_path}/over.yaml:2: not YAML")
    assert "Traceback" not in done.stderr
