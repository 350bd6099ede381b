"""The closed schema: every fault at once, named by key, with the nearest known one."""

import copy
from pathlib import Path

import pytest
import yaml

from steps_py.errors import ConfigError
from steps_py.recipe.config import check_config, fill_defaults, without_defaults
from steps_py.recipe.sections import RecipeConfig
from steps_py.settings.declare import schema_of

RECIPES = sorted(Path(__file__).parents[2].glob("egs/*/config.yaml"))


@pytest.fixture
def config():
    return yaml.safe_load((Path(__file__).parents[2] / "egs/voxceleb/config.yaml").read_text())


def complaint(config):
    with pytest.raises(ConfigError) as error:
        check_config(config, "config.yaml")
    return str(error.value).splitlines()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_the_recipes_keep_to_the_schema(path):
    check_config(yaml.safe_load(path.read_text()), path)


def test_every_fault_is_named_at_once(config):
    config["chunks"]["max_frame"] = config["chunks"].pop("max_frames")
    config["feats"]["type"] = "mfc"
    config["xvectors"]["num_jobs"] = 0
    config["train"]["num_epochs"] = "ten"
    del config["model"]["pooling"]
    said = complaint(config)
    assert len(said) == 6
    assert all(line.startswith("config.yaml: ") for line in said)
    text = "\n".join(said)
    assert "unknown key 'chunks.max_frame'. Did you mean 'max_frames'?" in text
    assert "'chunks.max_frames' is missing." in text
    assert "'feats.type' is 'mfc'. Did you mean 'mfcc'?" in text
    assert "'model.pooling' is missing." in text
    assert "'train.num_epochs' is 'ten'; it must be a whole number." in text
    assert "'xvectors.num_jobs': 0 is less than the minimum of 1." in text


@pytest.mark.parametrize(
    "path, value, words",
    [
        ("data/trials/vox1/test", "vox1_tests", "names the set 'vox1_tests'. Did you mean"),
        ("data/trials/vox1/corpus", "voxcelb1", "Did you mean 'voxceleb1'"),
        ("data/trials/vox1/corpus", None, "'data.trials.vox1' has neither `corpus` nor `make`."),
        ("data/trials/vox1/make", {"name": "all_pairs"}, "has both `corpus` and `make`. Give one."),
        ("data/models", {"a": {"of": "vox1_test"}}, "has neither `file` nor `corpus`. Give one."),
        ("data/sets/train", ["voxceleb3.dev"], "names the corpus 'voxceleb3'"),
        ("backend/train_sets", ["trian"], "names the set 'trian'. Did you mean 'train'"),
        ("chunks/min_frames", 500, "'chunks.min_frames' is 500, more than 'chunks.max_frames'"),
        ("backend/lda_dim", 600, "more than 'model.embedding_dim', 512"),
        ("data/trials/vox1/enroll", "train", "'train', a set that is trained on"),
        ("augment/copies/noise/parts", ["musam.noise"], "names the corpus 'musam'"),
        ("metrics/measures", ["eer", "cllr"], "the scores of 'plda' are not calibrated"),
        ("metrics/measures", [{"act_dcf": {"p_target": 0.1, "systems": ["cosine"]}}], "'cosine'"),
        ("metrics/measures", [{"cllr": {"systems": ["fusd"]}}], "names the system 'fusd'"),
        ("metrics/conditions", {"dur": {"table": "utt2dur", "bins": [4, 2]}}, "[4, 2]. Give numb"),
        ("cmvn", {"norm_vars": True, "window_frames": 0}, "there is no window"),
        ("metrics/conditions", {"dur": {"bin": [2]}}, "Did you mean 'bins'"),
        ("scores/systems", {"own": ["dplda_of_model"]}, "'train.loss.name' is '"),
        ("xvectors/copies", {}, "give speeds or crops, and not both"),
        ("xvectors/copies", {"crops": {"frames": 9}}, "frames' is 9, less than"),
    ],
)
def test_names_and_ranges_that_contradict_each_other_are_refused(config, path, value, words):
    section = config
    *sections, key = path.split("/")
    for name in sections:
        section = section[name]
    section[key] = value
    said = complaint(config)
    assert len(said) == 1
    assert words in said[0]


def test_samples_are_neither_rounded_nor_normalised_frame_by_frame(config):
    config["feats"]["type"] = "waveform"
    said = complaint(config)
    assert len(said) == 2
    assert "Set feats.compress: false." in said[0]
    assert "Set cmvn.window_frames: 0." in said[1]
    config["feats"]["compress"], config["cmvn"]["window_frames"] = False, 0
    check_config(config)


def test_a_calibrated_system_has_actual_costs(config):
    config["scores"] = {"systems": {"plda": ["centre", "plda"], "fused": [
        {"fuse": {"systems": ["plda"], "calibrate_on": "vox1"}}]}}  # fmt: skip
    config["metrics"] = {"measures": ["eer", {"cllr": {"systems": ["fused"]}}]}
    check_config(config, "config.yaml")


def test_copies_are_scored_apart_only_where_there_are_some_and_their_set_is_theirs(config):
    config["scores"] = {"systems": {"apart": ["cosine", {"mean_scores": {"over": "copies"}}]}}
    assert "the mean of scores over copies needs copies" in complaint(config)[0]
    config["xvectors"]["copies"] = {"speeds": [0.9, 1.0]}
    check_config(config, "config.yaml")
    test = config["data"]["trials"]["vox1"]["test"]
    config["data"]["sets"][f"{test}_copies"] = config["data"]["sets"][test]
    (said,) = complaint(config)
    assert f"'{test}_copies', and xvectors.copies makes a set of that name" in said


def test_an_unknown_top_level_section_is_an_error(config):
    config["agument"] = {}
    assert complaint(config) == [
        "config.yaml: unknown key 'agument'. Did you mean 'augment'? Known: "
        + ", ".join(sorted(schema_of(RecipeConfig)["properties"]))
        + "."
    ]


def test_windows_within_chunks_need_chunks_of_one_length(config):
    config.setdefault("cmvn", {})["within_chunks"] = True
    check_config(config)
    config["chunks"]["vary_within_batch"] = True
    (line,) = complaint(config)
    assert "'cmvn.within_chunks' is true, but 'chunks.vary_within_batch' is true" in line


def test_defaults_are_written_out_and_given_values_kept(config):
    del config["cmvn"], config["scores"], config["augment"]
    config["xvectors"] = {"num_jobs": 3}
    before = copy.deepcopy(config)
    filled = fill_defaults(config)
    assert config == before
    assert filled["cmvn"] == {"window_frames": 300, "norm_vars": False, "within_chunks": False}
    assert filled["scores"]["systems"] == ["plda", "cosine"]
    assert filled["augment"]["copies"] == {}
    assert filled["xvectors"]["num_jobs"] == 3
    assert filled["xvectors"]["max_chunk_frames"] == 10000
    assert filled["backend"]["adapt"] == {"within_covar_scale": 0.75, "between_covar_scale": 0.25}
    check_config(filled)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_a_config_without_its_defaults_means_the_same(path):
    config = yaml.safe_load(path.read_text())
    short, full = without_defaults(config), fill_defaults(config)
    assert fill_defaults(short) == full
    assert without_defaults(full) == short
    check_config(short)


def test_a_key_with_its_default_does_not_change_the_canonical_config(config):
    short = without_defaults(config)
    config["train"]["loss"]["label_smoothing"] = 0.0
    config["model"]["encoder"]["kernel_sizes"] = [5, 3, 3, 1, 1]
    config["augment"]["copies"]["noise"]["interval_sec"] = 1.0
    config["data"]["corpora"]["musan"]["vocals"] = True
    config["train"]["sampler"] = {"name": "balanced"}
    config["cmvn"] = {"norm_vars": False}
    config["train"]["spec_augment"] = None
    assert without_defaults(config) == short


def test_a_key_of_a_stage_is_kept_even_if_it_is_the_default_of_train(config):
    config["train"]["grad_clip"] = 5.0
    config["train"]["stages"] = [
        {"grad_clip": None, "loss": {"name": "aam_softmax", "margin": 0.2, "scale": 20}},
        {"spec_augment": {"num_time_masks": 1, "max_freq_bins": 3}},
    ]
    assert without_defaults(config)["train"]["stages"] == [
        {"grad_clip": None, "loss": {"name": "aam_softmax", "scale": 20}},
        {"spec_augment": {"max_freq_bins": 3}},
    ]


@pytest.mark.parametrize(
    "front_end, words",
    [
        ("delta", "'model.front_ends.1' is 'delta', which is no front-end. Did you mean 'deltas'?"),
        ({"deltas": {"odrer": 1}}, "unknown key 'model.front_ends.1.deltas.odrer'. Did you mean"),
        ({"deltas": {"order": 0}}, "'model.front_ends.1.deltas.order': 0 is less than the minimum"),
        ({"deltas": 2}, "'model.front_ends.1.deltas' is 2; it must be a section of keys."),
        ({"deltas": {}, "batch_norm": {}}, "'model.front_ends.1' has 2 keys; it takes 1."),
        ({}, "'model.front_ends.1' is empty"),
        ({1: None}, "has the key 1, which is not text"),
        (["deltas"], "'model.front_ends.1' is ['deltas']; it must be text or a section of keys."),
    ],
)
def test_faults_of_a_chain_of_registered_classes_are_named_by_place(config, front_end, words):
    config["model"]["front_ends"] = ["select_columns", front_end]
    said = complaint(config)
    assert len(said) == 1
    assert words in said[0]


def test_faults_of_registered_classes_are_named_with_those_of_the_sections(config):
    config["data"]["corpora"]["musan"]["partail"] = True
    config["augment"]["copies"]["noise"]["snr"] = [5]
    config["model"]["encoder"]["name"] = "tdn"
    config["train"]["loss"]["hiden_dim"] = 5
    config["train"]["optimizer"]["lr"] = "1e-3"
    said = complaint(config)
    assert len(said) == 5
    text = "\n".join(said)
    for words in ("musan.partail'", "noise.snr'", "Did you mean 'tdnn'", "'hidden_dim'", "'1e-3'"):
        assert words in text
