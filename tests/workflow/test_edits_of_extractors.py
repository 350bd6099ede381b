"""Edits of recipes with i-vectors, and of those that find who spoke when.

A property over the schema, as in test_edits.py, but of recipes that never ran: the commands of a
dry run before and after an edit are compared, and those of the rules that read the key differ.
Snakemake runs a rule again whose command, parameters or inputs differ.
"""

import collections
import re

import pytest
import yaml

from tests.support import tiny_recipe
from tests.support.tiny_recipe import ROOT, copy_recipe
from tests.workflow.test_edits import SCHEMA, another_value, keys_of

pytestmark = pytest.mark.slow

OF_EXTRACTOR = {"compute_posteriors", "accumulate_ivector_extractor", "extract_ivectors"}
OF_FRAMES = OF_EXTRACTOR | {
    *("init_diag_ubm", "select_diag_gaussians", "accumulate_diag_ubm"),
    *("select_full_gaussians", "accumulate_full_ubm"),
}
EACH_DIAG = {"accumulate_diag_ubm", "update_diag_ubm"}
EACH_FULL = {"accumulate_full_ubm", "update_full_ubm"}
EACH_EXTRACTOR = {"accumulate_ivector_extractor", "update_ivector_extractor"}
SELECTING = {"select_diag_gaussians", "select_full_gaussians"}
OF_UBM = {"split_ubm_feats", "init_diag_ubm", "init_full_ubm", "finish_diag_ubm"}
OF_UBM |= {*EACH_DIAG, *EACH_FULL, *SELECTING}
CLUSTERING = {"cluster_windows", "tune_diarizer"}
ON_CLUSTERS = {"resegment_windows", "add_second_speakers"}
OF_LOCAL_SPEAKERS = {"cluster_local_speakers"}
HEARING = {"find_speech", "find_overlap", "find_local_speakers", "embed_windows"}
OF_FRAME_NETWORKS = {"train_segmentation", "compute_conversation_feats"}
# The rules whose commands differ after an edit of the key, or of any key below it.
READERS = {
    "ubm.train_set": {"split_ubm_feats", *OF_FRAMES} - OF_EXTRACTOR,
    "ubm.num_gauss": {"init_diag_ubm"},
    "ubm.delta_order": {*OF_FRAMES, "write_system"},
    "ubm.delta_window_frames": {*OF_FRAMES, "write_system"},
    "ubm.min_gaussian_weight": {"init_diag_ubm", "update_diag_ubm", "update_full_ubm"},
    "ubm.init": {"init_diag_ubm"},
    "ubm.diag.num_iters": {*EACH_DIAG, "finish_diag_ubm"},
    "ubm.diag.num_gselect": {"select_diag_gaussians"},
    "ubm.diag.subsample": {"accumulate_diag_ubm", "select_diag_gaussians"},
    "ubm.diag.remove_low_count_gaussians": {"update_diag_ubm"},
    "ubm.full.num_iters": {*EACH_FULL, "finish_full_ubm"},
    "ubm.full.num_gselect": {"select_full_gaussians"},
    "ubm.full.subsample": {"accumulate_full_ubm", "select_full_gaussians"},
    "ubm.full.remove_low_count_gaussians": {"update_full_ubm"},
    "ubm.diag_model": {"init_diag_ubm", "select_diag_gaussians", *EACH_DIAG, "finish_diag_ubm"},
    "ubm.full_model": OF_UBM | {"finish_full_ubm"},
    "ubm.num_threads": {"init_diag_ubm"},
    "ubm.num_jobs": {"split_ubm_feats", *EACH_DIAG, *EACH_FULL, *SELECTING},
    "ivector.train_set": {"split_ivector_feats", *OF_EXTRACTOR} - {"extract_ivectors"},
    "ivector.dim": {"init_ivector_extractor", "prepare_step"},
    "ivector.model": OF_UBM
    | {
        *("finish_full_ubm", "split_ivector_feats", "compute_posteriors"),
        *("init_ivector_extractor", *EACH_EXTRACTOR, "finish_ivector_extractor"),
    },
    "ivector.num_iters": {*EACH_EXTRACTOR, "finish_ivector_extractor"},
    "ivector.num_utts": {"select_longest_utts", "split_ivector_feats"},
    "ivector.num_gselect": {"compute_posteriors", "extract_ivectors", "write_system"},
    "ivector.min_post": {"compute_posteriors", "extract_ivectors", "write_system"},
    "ivector.posterior_scale": {"compute_posteriors", "extract_ivectors", "write_system"},
    "ivector.use_weights": {"init_ivector_extractor"},
    "ivector.num_samples_for_weights": {"accumulate_ivector_extractor"},
    "ivector.num_threads": {*EACH_EXTRACTOR, "extract_ivectors"},
    "ivector.num_jobs": {"split_ivector_feats", "compute_posteriors", *EACH_EXTRACTOR},
    "simulation.sets": {"lay_out_conversations"},
    "simulation.num_jobs": {"mix_conversations", "gather_conversations"},
    "diarization.extractor": {*HEARING, *OF_FRAME_NETWORKS} - {"find_overlap"},
    "diarization.sets": {"prepare_conversations", *HEARING},
    "diarization.speech": {"find_speech", "score_diarization"},
    "diarization.windows": {"cut_windows"},
    "diarization.systems": {"cluster_windows"},
    "diarization.fuse": {"fuse_diarizers", "score_diarization"},
    "diarization.result": {"write_rttm"},
    "diarization.plda": CLUSTERING | ON_CLUSTERS | OF_LOCAL_SPEAKERS,
    "diarization.known_num_speakers": CLUSTERING | OF_LOCAL_SPEAKERS,
    "diarization.max_speakers": CLUSTERING | OF_LOCAL_SPEAKERS,
    "diarization.end_to_end": {"find_local_speakers"},
    "diarization.end_to_end.min_sec": {"find_local_speakers", *OF_LOCAL_SPEAKERS},
    "diarization.end_to_end.max_pause_sec": OF_LOCAL_SPEAKERS,
    "diarization.end_to_end.systems": OF_LOCAL_SPEAKERS,
    "diarization.resegmentation": {"resegment_windows"},
    "diarization.overlap": {"find_overlap"},
    "diarization.overlap.second": {"add_second_speakers"},
    "segmentation": OF_FRAME_NETWORKS,
    "segmentation.networks": {"train_segmentation"},
    "diarization.tune": {"tune_diarizer"},
    "diarization.tune.set": {"tune_diarizer", "score_diarization"},
    "diarization.scoring": {"score_diarization"},
    "diarization.scoring.collar_sec": {"score_diarization", "tune_diarizer"},
    "diarization.scoring.score_overlap": {"score_diarization", "tune_diarizer"},
}
SETS = {
    name: {"recordings": name, "pattern": "{recording}.wav", "rttm": f"{name}.rttm"}
    for name in ("dev", "eval", "sim")
}
TALK = {"talk": {"speech": "./speech", "num_recordings": 3}}
MADE = "exp/simulation/talk"
ALL_SETS = SETS | {"made": {"recordings": MADE, "rttm": f"{MADE}/ref.rttm"}}
NETWORK = {"task": {"name": "speaker_count"}, "encoder": {"name": "lstm"}}
VB = {"name": "vb"}
VALUES = {
    "simulation.sets": {"talk": TALK["talk"] | {"layout": {"duration_sec": 30}}},
    "ubm.train_set": "other",
    "ivector.train_set": "other",
    "ubm.diag_model": "given.model",
    "ubm.full_model": "given.model",
    "ivector.model": "given.model",
    "diarization.extractor": "b.swx",
    "diarization.sets": ALL_SETS | {"eval": SETS["eval"] | {"channel": 2}},
    "diarization.speech": {"name": "oracle"},
    "diarization.systems": {"ahc": {}, "spectral": {"binary": False}},
    "diarization.fuse": {"both": ["ahc", "spectral"]},
    "diarization.result": "spectral",
    "diarization.plda": "b.plda",
    "diarization.resegmentation": VB | {"max_iters": 2},
    "diarization.overlap.network": "b.swx",
    "diarization.overlap.second": VB,
    "diarization.end_to_end.network": "b.swx",
    "diarization.end_to_end.systems": {"eend_vc": {"name": "ahc", "threshold": 0.3}},
    "segmentation.train_sets": ["sim", "dev"],
    "segmentation.valid_set": "dev",
    "segmentation.networks": {"count": NETWORK | {"num_epochs": 3}},
    "diarization.tune.set": "eval",
    "diarization.tune.values": {"ahc": {"threshold": [0.3]}},
}
SECTIONS = ("ubm", "ivector", "simulation", "diarization", "segmentation")
BESIDE = {"ivector.model": ("ubm", "full_model", "given.model")}  # which must be given with it
KEYS = {key: rule for key, rule in keys_of(SCHEMA, SCHEMA) if key.partition(".")[0] in SECTIONS}


def commands_of(folder):
    """{rule: its commands, each with how many jobs have it} of a dry run."""
    code, text = tiny_recipe.planner().ask(folder, "--printshellcmds", "all")
    assert code == 0, text[-3000:]
    jobs = re.findall(
        r"^ *(?:local)?rule (\w+):$(.*?)(?=^ *(?:local)?rule \w+:$|\Z)", text, re.M | re.S
    )
    found = collections.defaultdict(collections.Counter)
    for rule, job in jobs:
        if command := re.search(r"Shell command: (.*)", job):
            found[rule][command[1]] += 1
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A recipe of each kind, and the commands of its dry run."""

    def with_ivectors(config):
        tiny_recipe.shrink(config)
        overlay = yaml.safe_load((ROOT / "egs/mini/ivector.yaml").read_text())
        config["data"]["sets"]["other"] = config["data"]["sets"]["train"]
        for section, value in overlay.items():
            config[section] = value
            if value is None:
                del config[section]

    ivectors = copy_recipe(ROOT / "egs/mini", tmp_path_factory.mktemp("ivectors"), with_ivectors)
    (ivectors / "given.model").touch()
    spoken = tmp_path_factory.mktemp("spoken")
    speech = [f"speech/{name}" for name in ("wav.scp", "utt2spk", "utt2dur")]
    recordings = [f"{name}{rest}" for name in SETS for rest in (".rttm", "/1.wav")]
    for name in ("a.swx", "b.swx", "a.plda", "b.plda", *recordings, *speech):
        (spoken / name).parent.mkdir(exist_ok=True)
        (spoken / name).touch()
    section = {
        "extractor": "a.swx",
        "sets": ALL_SETS,
        "systems": {"ahc": {}, "spectral": {}},
        "plda": "a.plda",
        "resegmentation": VB,
        "overlap": {"network": "exp/segmentation/count/final.pt"},
        "end_to_end": {
            "network": "exp/segmentation/count/final.pt",
            "systems": {"eend_vc": {"name": "ahc"}},
        },
        "tune": {"set": "dev", "values": {"ahc": {"threshold": [0.1, 0.2]}}},
    }
    frames = {"train_sets": ["sim"], "networks": {"count": NETWORK}}
    config = {"simulation": {"sets": TALK}, "diarization": section, "segmentation": frames}
    (spoken / "config.yaml").write_text(yaml.safe_dump(config))
    return {
        section: (folder, commands_of(folder))
        for folder, sections in (
            (ivectors, ("ubm", "ivector")),
            (spoken, ("simulation", "diarization", "segmentation")),
        )
        for section in sections
    }


@pytest.mark.parametrize("key", KEYS)
def test_an_edit_changes_the_commands_of_the_rules_that_read_the_key(folders, key):
    folder, before = folders[key.partition(".")[0]]
    config = yaml.safe_load((folder / "config.yaml").read_text())
    *sections, last = key.split(".")
    inner = config
    for section in sections:
        inner = inner.setdefault(section, {})
    had = inner.get(last, KEYS[key].get("default"))
    inner[last] = VALUES[key] if key in VALUES else another_value(key, KEYS[key], had)
    if key in BESIDE:
        section, other, value = BESIDE[key]
        config[section][other] = value
    kept = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    try:
        after = commands_of(folder)
    finally:
        (folder / "config.yaml").write_text(kept)
    changed = {rule for rule in before | after if before.get(rule) != after.get(rule)}
    changed -= {"write_manifest"}  # it has the whole config
    longest = max((name for name in READERS if f"{key}.".startswith(f"{name}.")), key=len)
    if last == "train_set":  # the other set has features, too
        changed &= OF_FRAMES | {"split_ubm_feats", "split_ivector_feats"}
    if last == "train_sets":  # the other set has no results any more
        changed &= OF_FRAME_NETWORKS
    assert changed == READERS[longest]
