"""Which recipe a run is about."""

import pytest

from steps_py.errors import ConfigError
from steps_py.recipe.folder import recipe_folder


@pytest.fixture
def root(tmp_path):
    """A checkout with two recipes."""
    for name in ("mini", "voxceleb"):
        (tmp_path / "egs" / name).mkdir(parents=True)
        (tmp_path / "egs" / name / "config.yaml").touch()
    return tmp_path


def test_a_folder_with_a_config_is_a_recipe(root):
    assert recipe_folder(root / "egs/mini", root) == root / "egs/mini"


def test_the_checkout_itself_means_the_default_recipe(root):
    assert recipe_folder(root, root) == root / "egs/voxceleb"


def test_a_misspelt_folder_is_refused_with_the_nearest_and_removed(root):
    (root / "egs/mni/.snakemake/log").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"^egs/mni: not a recipe.*Did you mean 'egs/mini'"):
        recipe_folder(root / "egs/mni", root)
    assert not (root / "egs/mni").exists()


def test_a_folder_with_something_in_it_is_refused_and_kept(root):
    (root / "egs/mine").mkdir()
    (root / "egs/mine/notes.txt").touch()
    with pytest.raises(ConfigError, match="egs/mine: not a recipe"):
        recipe_folder(root / "egs/mine", root)
    assert (root / "egs/mine/notes.txt").exists()
