"""The command lines of README and docs, each tried as a plan; and command lines that are wrong."""

import re
import shlex

import pytest

from tests.support.tiny_recipe import ROOT, copy_recipe, in_few_parts, snakemake

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)
SPAN = re.compile(r"`(snakemake(?: [^`]+)?)`")
UNTRIED = {
    "...": "a form, no command",
    "KALDI_ROOT": "needs a Kaldi",
    "exp/search": "made by a search",
    "results/search": "made by a search",
}


def command_lines():
    """Every command of Snakemake in the pages, as words, once."""
    found = {}
    for page in PAGES:
        text = page.read_text()
        blocks = "".join(BLOCK.findall(text))
        lines = re.findall(r"^(?:.*&& )?(snakemake.*)$", blocks, re.M)
        for line in [*lines, *SPAN.findall(BLOCK.sub("", text))]:
            words = tuple(shlex.split(line, comments=True))
            if not any(mark in line for mark in UNTRIED):
                found[words[1:]] = page.name
    return sorted(found)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    for recipe in (ROOT / "egs").iterdir():
        copy_recipe(recipe, folder / recipe.name, in_few_parts)
    copy_recipe(ROOT / "egs/folder", folder / "mine", in_few_parts)
    (folder / "over.yaml").write_text("chunks: {seed: 2}\n")
    return folder


def test_the_pages_have_command_lines():
    assert ("--directory", "egs/mini", "all") in command_lines()


@pytest.mark.slow
@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_a_command_line_of_the_pages_plans_what_it_names(recipes, words):
    words = [re.sub(r"<rule>", "train_model", word) for word in words]
    words = [re.sub(r"^egs/(<name>|mine)$", "egs/mine", word) for word in words]
    words = [str(recipes / "over.yaml") if word == "over.yaml" else word for word in words]
    folder = recipes / "voxceleb"
    if "--directory" in words:
        at = words.index("--directory")
        folder = recipes / words.pop(at + 1).removeprefix("egs/")
        words.pop(at)
    words = [str(ROOT / word) if word.startswith("egs/") else word for word in words]
    done = snakemake(folder, "--dry-run", *words)
    assert done.returncode == 0, done.stderr[-2000:]
    for target in words[words.index("--") + 1 :] if "--" in words else words[-1:]:
        if target.startswith("results/"):  # not the default target, which is more
            assert not re.search(r"^write_manifest ", done.stdout, re.M)


@pytest.mark.parametrize(
    "words, said",
    [
        (["results/mini_err.txt"], "Did you mean 'results/mini_eer.txt'"),
        (["trian_model"], "Did you mean 'train_model'"),
        (["-R", "train_mode", "--", "all"], "train_mode: no rule makes it"),
        (["--until", "make_feat"], "Did you mean 'make_feats'"),
    ],
)
def test_an_unknown_target_gets_the_nearest_one(recipes, words, said):
    done = snakemake(recipes / "mini", "--dry-run", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_folder_is_no_recipe_and_is_not_left_behind(tmp_path):
    done = snakemake(tmp_path / "mimi", "--dry-run")
    assert done.returncode == 1
    assert "mimi: not a recipe: it has no config.yaml" in done.stderr
    assert not (tmp_path / "mimi").exists()
