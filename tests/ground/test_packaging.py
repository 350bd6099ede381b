"""What `pip install .` gives, and one version for all files that name it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from steps_py.version import package_version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds the files of the wheel, as site-packages does, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "steps_py", source / "steps_py", ignore=shutil.ignore_patterns("__pycache__")
    )
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "."]
    subprocess.run([*build, "-q", "-w", folder], cwd=source, check=True)
    shutil.rmtree(source)
    (wheel,) = folder.glob("sidewinder-*.whl")
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def run(site, *command, **kwargs):
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        command, cwd=site.parent, env=environment, capture_output=True, text=True, **kwargs
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_wheel_has_the_library_its_data_and_the_version(installed):
    code = (
        "import steps_py.embeddings.api, steps_py.kaldi.commands"
        "\nfrom steps_py.plan.costs import Costs"
        "\nfrom steps_py.recipe.manifest import commit"
        "\nfrom steps_py.version import package_version"
        "\nCosts(site=None)"
        "\nprint(steps_py.__path__[0], package_version(), commit())"
    )
    out = run(installed, sys.executable, "-c", code).split()
    assert out == [str(installed / "steps_py"), PROJECT["version"], "unknown"]


@pytest.mark.slow
def test_a_wheel_has_the_built_in_commands(installed, tmp_path):
    commands = installed / "steps_py/kaldi/bin"
    assert {path.name for path in commands.iterdir()} == {
        path.name for path in (ROOT / "steps_py/kaldi/bin").iterdir()
    }
    (tmp_path / "a.txt").write_text("a [ 1 2 ]\n")
    copied = run(installed, "sh", commands / "copy-vector", f"ark:{tmp_path}/a.txt", "ark,t:-")
    assert copied == "a  [ 1 2 ]\n"


def test_all_files_name_one_version():
    assert package_version() == PROJECT["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    released = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == PROJECT["version"]


def test_the_lock_agrees_with_the_pinned_versions():
    locked = dict(
        line.lower().replace("_", "-").split("==")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if line and not line.startswith("#")
    )
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    pinned = dict(line.lower().replace("_", "-").split("==") for group in groups for line in group)
    del pinned["setuptools"]  # builds the package; pip freeze leaves it out
    assert pinned.items() <= locked.items()


def test_the_rules_of_continuous_integration_call_make():
    """What is checked there can be run by hand, with the same words."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in (ROOT / ".github/workflows").iterdir():
        called = re.findall(r"run: make (\S+)", path.read_text())
        assert called and set(called) <= targets
