"""search.yaml against its recipe: every fault is found before any job, in one line."""

import copy

import pytest
import yaml

from steps_py.checkout import CHECKOUT
from steps_py.errors import ConfigError
from steps_py.search.checks import check_search
from steps_py.search.config import read_search
from steps_py.search.schema import PAGE, page_text

RECIPE = CHECKOUT / "egs/mini"
CONFIG = yaml.safe_load((RECIPE / "config.yaml").read_text())
CONFIG["chunks"]["num_valid_speakers"] = 4
CONFIG["data"]["trials"]["dev"] = CONFIG["data"]["trials"]["mini"] | {"role": "dev"}
SEARCH = {"trials": 3, "space": {"train.optimizer.lr": {"log_range": [0.01, 0.1]}}}


@pytest.fixture
def faults_of(tmp_path):
    """The lines about a search.yaml that differs from SEARCH, in a recipe as CONFIG."""

    def get(edits, config=CONFIG):
        path = tmp_path / "search.yaml"
        path.write_text(yaml.safe_dump(SEARCH | edits))
        try:
            check_search(read_search(path), config, path, RECIPE)
        except ConfigError as error:
            lines = str(error).splitlines()
            assert all(line.startswith(f"{path}: ") for line in lines)
            return [line.removeprefix(f"{path}: ") for line in lines]
        return []

    return get


def test_a_search_that_fits_its_recipe_has_no_faults(faults_of):
    assert faults_of({}) == []
    assert faults_of({"objective": {"metric": "eer", "list": "dev", "system": "cosine"}}) == []
    assert faults_of({"pruning": {"factor": 4}, "seeds": 2, "hours": 0.5, "parallel": 8}) == []


@pytest.mark.parametrize(
    "space, fault",
    [
        ({"train.optimizer.learning_rate": {"range": [0, 1]}}, "unknown key 'train.optimizer.lea"),
        ({"trian.batch_size": {"choices": [8]}}, "unknown key 'trian'. Did you mean 'train'?"),
        ({"model.embeding_dim": {"choices": [8]}}, "Did you mean 'embedding_dim'?"),
        ({"train.optimizer.lr": {"range": [-1, 1]}}, "'train.optimizer.lr': -1.0 is not above 0."),
        ({"train.batch_size": {"choices": [64, 1]}}, "1 is less than the minimum of 2."),
        ({"train.batch_size": {"range": [8, 64]}}, "must be a whole number"),
        ({"model.pooling.name": {"choices": ["stats", "stast"]}}, "Did you mean 'stats'?"),
        ({"data.sets.train": {"choices": [["voxceleb1.dev"]]}}, "section data is not searched"),
        ({"metrics.p_target": {"choices": [[0.1]]}}, "section metrics is not searched"),
        ({"chunks.num_valid_utts": {"choices": [8]}}, "changes what is held out"),
        ({"chunks.min_frames": {"choices": [300, 400]}}, "is a valid config: 'chunks.min_frames'"),
    ],
)
def test_a_space_that_does_not_fit_the_recipe_is_refused(faults_of, space, fault):
    assert any(fault in line for line in faults_of({"space": space}))


@pytest.mark.parametrize(
    "edits, fault",
    [
        ({"trails": 3}, "unknown key 'trails'. Did you mean 'trials'?"),
        ({"trials": 0}, "'trials': 0 is less than the minimum of 1."),
        ({"sampler": {"name": "tpa"}}, "Did you mean 'tpe'?"),
        ({"pruning": {"factor": 1}}, "'pruning.factor': 1 is less than the minimum of 2."),
        ({"space": {}}, "space"),
        ({"space": {"train.seed": {"choices": [1]}}, "seeds": 2}, "`seeds` sets it"),
        ({"space": {"train.seed": {"rnge": [1, 2]}}}, "space.train.seed.rnge"),
    ],
)
def test_keys_and_values_that_do_not_exist_are_refused(faults_of, edits, fault):
    assert any(fault in line for line in faults_of(edits))


@pytest.mark.parametrize(
    "objective, fault",
    [
        ({"metric": "eer", "list": "mini"}, "'objective.list' is 'mini', a test list: results on"),
        ({"metric": "eer", "list": "dve"}, "'objective.list' is 'dve'. Did you mean 'dev'?"),
        ({"metric": "eer"}, "'objective.list' is missing. Known: dev."),
        ({"metric": "eer", "list": "dev", "system": "pldaa"}, "Did you mean 'plda'?"),
        ({"metric": "valid_eer", "list": "dev"}, "are for the metric eer"),
        ({"metric": "valid_err"}, "Did you mean 'valid_eer'?"),
    ],
)
def test_an_objective_that_is_not_there_or_is_a_test_list_is_refused(faults_of, objective, fault):
    faults = faults_of({"objective": objective})
    assert len(faults) == 1
    assert fault in faults[0]


def test_a_validation_that_holds_nothing_out_is_refused(faults_of):
    config = copy.deepcopy(CONFIG)
    config["chunks"]["num_valid_speakers"] = config["chunks"]["num_valid_utts"] = 0
    assert "'chunks.num_valid_speakers' is 0" in faults_of({}, config)[0]
    assert "'chunks.num_valid_utts' is 0" in faults_of({"objective": {"metric": "valid_loss"}},
                                                       config)[0]  # fmt: skip


def test_losses_are_not_compared_by_their_values(faults_of):
    edits = {
        "objective": {"metric": "valid_loss"},
        "space": {"train.loss.scale": {"range": [10, 40]}},
    }
    assert "valid_loss does not compare different losses" in faults_of(edits)[0]


def test_pruning_by_the_eer_of_a_list_needs_a_metric_of_epochs(faults_of):
    objective = {"metric": "eer", "list": "dev"}
    assert "'pruning.metric' is missing" in faults_of({"objective": objective, "pruning": {}})[0]
    pruning = {"metric": "valid_eer"}
    assert faults_of({"objective": objective, "pruning": pruning}) == []


def test_paths_out_of_the_recipe_s_folder_are_refused(faults_of):
    config = copy.deepcopy(CONFIG)
    config["data"]["corpora"]["musan"]["root"] = "../musan"
    assert "'data.corpora.musan.root' of the recipe is ../musan" in faults_of({}, config)[0]


def test_a_search_yaml_that_is_missing_or_no_mapping_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is not there"):
        read_search(tmp_path / "search.yaml")
    (tmp_path / "search.yaml").write_text("- a\n")
    with pytest.raises(ConfigError, match="not a mapping"):
        read_search(tmp_path / "search.yaml")


@pytest.mark.parametrize("path", sorted(CHECKOUT.glob("egs/*/search.yaml")), ids=str)
def test_every_search_yaml_of_the_project_fits_its_recipe(path):
    config = yaml.safe_load((path.parent / "config.yaml").read_text())
    assert check_search(read_search(path), config, path, path.parent).keys


def test_the_table_of_keys_in_the_docs_is_up_to_date():
    assert PAGE.read_text() == page_text(), "run python -m steps_py.search.schema --write"


def test_the_example_in_the_docs_is_a_valid_search_of_a_recipe(faults_of):
    text = PAGE.read_text().split("## search.yaml\n\n```\n")[1].split("```")[0]
    assert faults_of(yaml.safe_load(text)) == []
