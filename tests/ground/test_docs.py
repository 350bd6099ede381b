"""README and docs: links, files, modules, config keys and messages that they name exist."""

import functools
import importlib.util
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_CONFIGS = [page for page in PAGES if page.name != "cluster.md"]
TOP = "steps_py|workflow|tests|egs|local|benchmarks|profiles|docs|sge|slurm"
PATH = re.compile(rf"`((?:{TOP})/[\w./-]+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
YAML = re.compile(r"^ *```yaml\n(.*?)^ *```", re.M | re.S)
# of Kaldi, of examples, and what a recipe makes
NOT_THERE = {
    "egs/voxceleb/v2/run.sh",
    "egs/mine",
    "egs/mine/config.yaml",
    "egs/mine/results/dev_eer.txt",
}
NOT_THERE |= {"egs/mine/results/metrics.tsv", "egs/mine/exp/model/final.pt"}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pages
def test_links_lead_to_files(page):
    links = LINK.findall(page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pages
def test_files_of_the_project_are_there(page):
    named = {path for path in PATH.findall(page.read_text()) if path not in NOT_THERE}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pages
def test_modules_are_there(page):
    named = re.findall(r"python3? -m ([\w.]+[\w])", page.read_text())
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("page", OF_CONFIGS, ids=lambda page: page.name)
def test_keys_of_configs_exist(page):
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    for text in YAML.findall(page.read_text()):
        for section, keys in (yaml.safe_load(text) or {}).items():
            known = schema["properties"][section].get("properties", {})
            assert not isinstance(keys, dict) or set(keys) <= set(known), section


def test_every_page_is_in_the_table_of_the_readme():
    named = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= named


@functools.cache
def messages():
    """The code with strings of several lines joined and values in braces removed."""
    files = [*ROOT.glob("steps_py/**/*.py"), *ROOT.glob("local/*.py"), *ROOT.glob("workflow/**/*")]
    files = [path for path in files if path.suffix in (".py", ".smk")] + [ROOT / "path.sh"]
    text = "\n".join(path.read_text() for path in files)
    text = re.sub(r"\"\s*\\?\n\s*f?\"", "", text)
    return re.sub(r"\{[^{}]*\}", "#", text)


def fixed_words(message):
    """The longest stretch of a message that is the same each time: no numbers, names, `...`."""
    stretches = re.split(r"\S*(?:\.\.\.|['\d/:])\S*", message)
    return max((stretch.strip(" .;,?") for stretch in stretches), key=len)


def test_fixed_words_are_those_between_values():
    assert fixed_words("chunks: 3 of 9 files are not mono ...") == "files are not mono"


def test_messages_of_troubleshooting_are_those_of_the_code():
    text = (ROOT / "docs/troubleshooting.md").read_text()
    tables = re.findall(r"^\| message \|.*\n((?:\|.*\n)+)", text, re.M)
    cells = re.findall(r"^\| (`.*?) \|", "".join(tables), re.M)
    words = {fixed_words(span) for cell in cells for span in re.findall(r"`(.+?)`", cell)}
    words = {said for said in words if len(said.split()) >= 3}
    assert len(words) > 20
    assert sorted(said for said in words if said not in messages()) == []
