"""The manifest records what results were made from, and a run fails if that has changed."""

import json

import pytest

from steps_py.data.sources import digest_of_file
from steps_py.errors import StepsError
from steps_py.recipe.manifest import check_manifest, manifest

CONFIG = {"train": {"seed": 2}}


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "final.pt").write_text("weights")
    content = manifest("built-in", CONFIG, [], ["final.pt"])
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    return tmp_path


def test_it_keeps_the_digests_of_what_the_results_were_made_from(written):
    kept = json.loads((written / "manifest.json").read_text())
    assert kept["sha256"] == {"final.pt": digest_of_file("final.pt")}
    check_manifest("manifest.json", CONFIG)


@pytest.mark.parametrize("content", ["Weights", ""])
def test_another_file_than_the_one_used_is_named(written, content):
    (written / "final.pt").write_text(content)
    with pytest.raises(StepsError, match=r"1 files have changed since .* \(final.pt\)\. Start"):
        check_manifest("manifest.json", CONFIG)


def test_a_removed_file_is_named(written):
    (written / "final.pt").unlink()
    with pytest.raises(StepsError, match=r"final\.pt"):
        check_manifest("manifest.json", CONFIG)


def test_another_config_than_the_one_used_is_said(written):
    with pytest.raises(StepsError, match="was written for another config"):
        check_manifest("manifest.json", {"train": {"seed": 3}})
