"""Faults of section segmentation, and of the steps after a clustering."""

import copy

import pytest

from steps_py.errors import ConfigError
from steps_py.recipe.config import check_config, fill_defaults

CONFIG = {
    "diarization": {
        "extractor": "a.swx",
        "sets": {
            "sim": {"recordings": "sim", "rttm": "sim.rttm"},
            "calls": {"recordings": "calls"},
        },
        "overlap": {"network": "exp/segmentation/count/final.pt"},
    },
    "segmentation": {
        "train_sets": ["sim"],
        "networks": {"count": {"task": {"name": "speaker_count"}, "encoder": {"name": "lstm"}}},
    },
}
CASES = {
    "segmentation.train_sets": (["simm"], "none of diarization.sets. Did you mean 'sim'"),
    "segmentation.valid_set": ("calls", "names 'calls', which has no rttm. Give one."),
    "segmentation.networks.count.task.name": ("speaker_counts", "Did you mean 'speaker_count'"),
    "segmentation.networks.count.encoder.hidden": (3, "unknown key"),
    "diarization.resegmentation": ({"name": "vb"}, "diarization.resegmentation vb needs it"),
    "diarization.overlap.second": ({"name": "vb"}, "diarization.overlap.second vb needs it"),
    "diarization.overlap.second.name": ("nearest", "Did you mean 'nearest_in_time'"),
    "diarization.speech": ({"name": "network"}, "'diarization.speech.network' is missing"),
    "diarization.end_to_end": (
        {"network": "a.pt", "systems": {"ahc": {}}},
        "'diarization.end_to_end.systems.ahc' is also one of diarization.systems",
    ),
    "diarization.systems": (
        {"ahc": {}, "ahc_overlap": {"name": "ahc"}},
        "'diarization.systems.ahc_overlap' is the name that 'ahc' has after another step",
    ),
}


def changed(key, value):
    config = copy.deepcopy(CONFIG)
    *sections, last = key.split(".")
    inner = config
    for section in sections:
        inner = inner.setdefault(section, {})
    inner[last] = value
    return config


@pytest.mark.parametrize("key", CASES)
def test_a_fault_is_one_line_with_its_key(key):
    value, message = CASES[key]
    with pytest.raises(ConfigError) as error:
        check_config(changed(key, value))
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1


def test_networks_for_frames_need_the_sets_of_diarization_and_have_defaults():
    check_config(CONFIG)
    network = fill_defaults(CONFIG)["segmentation"]["networks"]["count"]
    assert network["window_sec"] == 5.0 and network["encoder"]["hidden_dim"] == 128
