"""Every edit of a finished recipe is carried out: the rules that read it run, and all behind them.

A property over the schema: its keys are enumerated, each is given another value, and the plan
is compared with the rules that say they read it, and with what the graph of rules leads to.
"""

import base64
import contextlib
import json
import os
import random
import re
import shutil

import pytest
import yaml

from tests.support import tiny_recipe
from tests.support.tiny_recipe import ROOT, edited, snakemake

pytestmark = pytest.mark.slow

FEATS = {"make_feats", "make_augmented_feats", "train_model"}
# The rules that read a key, or all keys below it; the longest entry counts. A key of the schema
# that is below none of these makes the test fail: add it there with the rules that read it.
READERS = {
    "data.watch_audio": set(),  # a synthetic recipe makes its own
    "data.closed_set": {"check_sets"},
    "data.synthetic": {"make_corpus"},
    "augment": {"augment_data"},
    "augment.keep_feats": set(),
    "feats": FEATS,
    "feats.compress": {"make_feats", "make_augmented_feats"},
    "feats.num_jobs": {"split_wav_scp"},
    "vad": {"compute_vad", "train_model"},
    "cmvn": {"train_model"},
    "chunks": {"allocate_chunks", "train_model"},
    "chunks.num_valid_speakers": {"check_sets", "allocate_chunks", "train_model"},
    "model": {"train_model"},
    "model.embedding_dim": {"train_model", "prepare_step"},
    "train": {"train_model"},
    "train.batch_size": {"check_sets", "train_model"},
    "train.sampler": {"check_sets", "train_model"},
    "xvectors": {"extract_xvectors"},
    "xvectors.min_chunk_frames": {"check_voiced", "extract_xvectors"},
    "xvectors.short_utts": {"check_voiced", "extract_xvectors"},
    "xvectors.num_jobs": {"split_feats_scp"},
    "backend": {"prepare_step", "estimate_step"},
    "backend.train_sets": {"collect_xvectors", "prepare_step"},
    "backend.length_norm": {"estimate_step", "score_trials"},
    "backend.plda.num_em_iters": {"estimate_step"},
    "backend.plda.smoothing": {"score_trials"},
    "plan": set(),
    "metrics": {"compute_metrics"},
    "report": {"write_report"},
    "system": {"write_system"},
}
# Keys that other tests edit, as another value takes other files or other keys with it.
ELSEWHERE = (
    *("data.corpora", "data.sets", "data.trials", "data.models", "data.pipes"),
    *("train.input", "train.init", "train.device", "train.decode", "train.stages"),
    "train.unlabelled",
    *("augment.online", "augment.copies", "feats.type", "xvectors.device", "xvectors.copies"),
    *("scores.systems", "pseudo_labels", "attribution", "xvectors.layer"),
    "xvectors.engine",
    *("backend.adapt", "backend.adapt_set", "plan.costs"),
    # test_edits_of_extractors.py
    *("extractor", "ubm", "ivector", "diarization", "simulation", "segmentation"),
)
VALUES = {
    "data.synthetic": {"name": "mini", "config": {"num_train_speakers": 7}},
    "model.encoder": {"name": "tdnn", "hidden_dim": 24, "out_dim": 24},
    "model.pooling": {"name": "mean"},
    "model.front_ends": ["mean_norm"],
    "model.embedding_dim": 9,
    "train.loss": {"name": "softmax"},
    "train.optimizer": {"name": "adam", "lr": 0.001},
    "train.schedule": {"name": "constant"},
    "train.sampler": {"name": "uniform"},
    "train.spec_augment": {"num_time_masks": 1},
    "train.freeze": {"encoder": 1},
    "train.lr_factors": {"encoder": 0.5},
    "train.accumulate_steps": 2,
    "train.average_epochs": 2,
    "train.average": {"name": "ema"},
    "train.mix": {"name": "mixup"},
    "train.objectives": {"second": {"name": "head"}},
    "train.distillation": {"teacher": "teacher.pt"},
    "feats.conf": "conf/other.conf",
    "feats.signal_steps": [{"butterworth": {"low_hz": 100}}],
    "vad.conf": "conf/other_vad.conf",
    "backend.train_sets": ["train"],
    "metrics.p_target": [0.05],
    "metrics.measures": ["eer"],
    "report.sections": ["det"],
    "metrics.conditions": {"duration_sec": {"table": "utt2dur", "bins": [2]}},
    "system.scores": "cosine",
    "system.calibrate_on": [],
    "system.p_target": [0.2],
    "plan.slots": [7],
    "plan.sizes": {"voxceleb1.dev": {"utts": 10, "hours": 1}},
    "chunks.min_frames": 50,
    "chunks.max_frames": 90,
}


def keys_of(schema, root, path=()):
    """Dotted keys of the schema; sections of registered classes and free names are one key."""
    while "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        schema = root["$defs"][name] | {key: schema[key] for key in schema if key != "$ref"}
    inner = schema.get("properties")
    if not inner or "name" in inner or ".".join(path) in VALUES or len(path) > 3:
        yield ".".join(path), schema
        return
    for key, rule in inner.items():
        yield from keys_of(rule, root, (*path, key))


ORDER_ONLY = {("check_sets", "split_wav_scp"), ("check_voiced", "train_model")}
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
KEYS = {
    key: rule
    for key, rule in keys_of(SCHEMA, SCHEMA)
    if not any(key == name or key.startswith(f"{name}.") for name in ELSEWHERE)
}


def another_value(key, rule, value):
    """A value for `key` that is not the one it has."""
    if key in VALUES:
        return VALUES[key]
    kinds = rule.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if "enum" in rule:
        return next(choice for choice in rule["enum"] if choice not in (value, "auto"))
    if "boolean" in kinds:
        return not value
    if "integer" in kinds:
        return (value or 0) + 1
    if "number" in kinds:
        return (value or 0) / 2 + 0.125
    raise AssertionError(f"say in VALUES what else {key} can be")


def set_key(config, key):
    *sections, last = key.split(".")
    for section in sections:
        config = config.setdefault(section, {})
    config[last] = another_value(key, KEYS[key], config.get(last, KEYS[key].get("default")))


def readers_of(key):
    names = [name for name in READERS if key == name or key.startswith(f"{name}.")]
    assert names, f"say in READERS which rules read {key}"
    return READERS[max(names, key=len)]


@pytest.fixture(scope="module")
def planner():
    return tiny_recipe.planner()


@pytest.fixture(scope="module")
def recipe(finished, tmp_path_factory):
    """One copy of the finished recipe: a dry run changes nothing but its config."""
    folder = tmp_path_factory.mktemp("edits") / "recipe"
    shutil.copytree(finished, folder)
    for conf, option in (("mfcc", "other"), ("vad", "other_vad")):
        if (folder / f"conf/{conf}.conf").exists():
            shutil.copy(folder / f"conf/{conf}.conf", folder / f"conf/{option}.conf")
    shutil.copy(folder / "exp/model/final.pt", folder / "teacher.pt")
    with open(folder / "conf/other.conf", "a") as file:
        file.write("--low-freq=30\n")
    with open(folder / "conf/other_vad.conf", "a") as file:
        file.write("--vad-frames-context=1\n")
    return folder


@pytest.fixture(scope="module")
def behind(finished):
    """{rule: the rules of its jobs and of all that read what they make}, but for order alone."""
    dot = snakemake(finished, "all", "--dag").stdout
    rule = dict(re.findall(r'^\s*(\d+)\[label ?= ?"(\w+)', dot, re.M))
    edges = [
        (first, then)
        for first, then in re.findall(r"(\d+) -> (\d+)", dot)
        if (rule[first], rule[then]) not in ORDER_ONLY
    ]
    after = {job: {then for first, then in edges if first == job} for job in rule}

    def closure(jobs):
        found = set()
        while jobs:
            found |= jobs
            jobs = set().union(*(after[job] for job in jobs)) - found
        return {rule[job] for job in found} - {"all"}

    return {name: closure({job for job in rule if rule[job] == name}) for name in rule.values()}


def plan_of(planner, folder, *keys):
    """The rules that a run would execute after an edit of `keys`, which is then taken back."""
    before = (folder / "config.yaml").read_text()
    config = yaml.safe_load(before)
    for key in keys:
        set_key(config, key)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    try:
        return planner.rules(folder, "all")
    finally:
        (folder / "config.yaml").write_text(before)


# Temporary files are made again if a rule needs them.
TEMPORARY = {"split_wav_scp", "split_feats_scp"}


@pytest.mark.parametrize("key", KEYS)
def test_an_edit_plans_the_rules_that_read_the_key_and_all_behind_them(
    planner, recipe, behind, key
):
    wanted = set().union(*(behind[rule] for rule in {"write_manifest", *readers_of(key)}))
    planned = set(plan_of(planner, recipe, key))
    assert planned - TEMPORARY == wanted - TEMPORARY


def test_another_engine_plans_an_export_and_the_extraction(planner, recipe, behind):
    before = (recipe / "config.yaml").read_text()
    config = yaml.safe_load(before)
    config.setdefault("xvectors", {})["engine"] = "onnxruntime"
    (recipe / "config.yaml").write_text(yaml.safe_dump(config))
    try:
        planned = set(planner.rules(recipe, "all"))
    finally:
        (recipe / "config.yaml").write_text(before)
    wanted = {"export_network"} | behind["extract_xvectors"] | behind["write_manifest"]
    assert planned - TEMPORARY == wanted - TEMPORARY


def test_a_search_for_the_learning_rate_changes_the_report_alone(planner, recipe):
    assert planner.rules(recipe, "find_lr") == {"find_lr": 1}
    curve = recipe / "exp/find_lr/curve.tsv"
    curve.parent.mkdir(parents=True)
    curve.write_text("lr\tloss\tsmoothed_loss\n0.1\t2\t2\n")
    try:
        assert planner.rules(recipe, "all") == {"write_report": 1}
    finally:
        shutil.rmtree(curve.parent)


@pytest.mark.parametrize("seed", range(8))
def test_two_edits_at_once_plan_what_either_plans(planner, recipe, seed):
    first, second = random.Random(seed).sample(sorted(KEYS), 2)
    try:
        both = set(plan_of(planner, recipe, first, second))
    except AssertionError as error:  # the two contradict each other, and that is said
        assert "config.yaml" in str(error)
        return
    alone = [set(plan_of(planner, recipe, key)) for key in (first, second)]
    assert both == alone[0] | alone[1]


def products(folder):
    """One file of every rule that others read, by its name in the recipe."""
    return [
        *("corpus", "data/parts/voxceleb1.dev/wav.scp", "data/train/utt2spk"),
        *("data/trials/mini", "data/train/feats.scp", "data/train/vad.scp"),
        *("exp/feats/train/feats.1-of-2.ark", "exp/vad/mini_test/vad.2-of-2.ark"),
        *("data/train_augmented/wav.scp", "exp/chunks/train.tsv", "exp/model/final.pt"),
        *("exp/xvectors/mini_test/xvector.scp", "exp/xvectors/train/xvector.1-of-1.ark"),
        *(str(path.relative_to(folder)) for path in folder.glob("exp/backend/**/plda")),
        *("exp/scores/cosine/mini", "results/mini_eer.txt", "results/metrics.tsv"),
    ]


def test_a_removed_file_and_all_behind_it_are_made_again(planner, recipe):
    for name in products(recipe):
        path, aside = recipe / name, recipe / "aside"
        path.rename(aside)
        try:
            planned = planner.rules(recipe, "all")
            assert planned, f"without {name} nothing was planned"
            assert name == "results/metrics.tsv" or "write_manifest" in planned, name
        finally:
            aside.rename(path)
    assert planner.rules(recipe, "all") == {}


@contextlib.contextmanager
def damaged(path):
    """The file is cut in half and has an old time, within the block."""
    whole, stat = path.read_bytes(), path.stat()
    path.write_bytes(whole[: len(whole) // 2])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**12))
    try:
        yield
    finally:
        path.write_bytes(whole)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_file_that_was_cut_is_made_again_also_when_its_time_is_old(planner, recipe):
    for name in ("data/train/utt2spk", "exp/scores/plda/mini"):
        with damaged(recipe / name):
            assert "write_manifest" in planner.rules(recipe, "all"), name
    assert planner.rules(recipe, "all") == {}


def test_a_damaged_model_is_refused_by_name_unless_it_is_trained_again_anyway(planner, recipe):
    with damaged(recipe / "exp/model/final.pt"):
        for target in ("all", "exp/scores/plda/mini"):
            code, said = planner.ask(recipe, target)
            assert code == 1
            assert "exp/model/final.pt: not as train_model wrote it" in said
        assert "train_model" in planner.rules(recipe, "--forcerun", "train_model", "--", "all")
        assert "train_model" in plan_of(planner, recipe, "train.num_epochs")
    assert planner.rules(recipe, "all") == {}


def by_language(config):
    config["metrics"]["conditions"] = {"language": {"table": "utt2language"}}


def centred_by_language(config):
    config["scores"] = {"systems": {"own": [{"centre": {"by": "language"}}, "cosine"]}}


@pytest.mark.parametrize(
    "change, rule", [(by_language, "compute_metrics"), (centred_by_language, "prepare_step")]
)
def test_an_edit_that_names_a_missing_table_is_refused_although_results_are_there(
    planner, recipe, change, rule
):
    before = (recipe / "config.yaml").read_text()
    config = yaml.safe_load(before)
    change(config)
    (recipe / "config.yaml").write_text(yaml.safe_dump(config))
    tables = [recipe / f"data/{dset}/utt2language" for dset in ("train", "mini_test")]
    try:
        code, said = planner.ask(recipe, "all")
        assert code == 1
        assert f"cannot be made: rule {rule} reads data/mini_test/utt2language" in said
        for table in tables:
            spk = (table.parent / "utt2spk").read_text()
            table.write_text(re.sub(r" .*", " english", spk))
        assert "compute_metrics" in planner.rules(recipe, "all")
    finally:
        (recipe / "config.yaml").write_text(before)
        for table in tables:
            table.unlink(missing_ok=True)
    assert planner.rules(recipe, "all") == {}


def killed_job(folder, rule):
    """Leave the recipe as a kill -9 during a job of `rule` does; return what undoes it.

    Snakemake marks the outputs of a job as incomplete before it starts it.
    """
    for record in sorted((folder / ".snakemake/metadata").rglob("*")):
        if record.is_file() and json.loads(record.read_text())["rule"] == rule:
            break
    else:
        raise AssertionError(f"no record of {rule}")
    path = folder / base64.urlsafe_b64decode(record.name).decode()
    marker = folder / ".snakemake/incomplete" / record.name
    marker.parent.mkdir(exist_ok=True)
    aside = folder / "aside"
    path.rename(aside)
    if aside.is_file():
        path.write_bytes(aside.read_bytes()[: aside.stat().st_size // 2])
    marker.touch()

    def undo():
        marker.unlink()
        path.unlink(missing_ok=True)
        aside.rename(path)

    return undo


def test_after_a_kill_at_any_rule_its_job_and_an_edit_of_that_moment_are_carried_out(
    planner, recipe, behind
):
    """Each rule is killed once, and one of its readers' keys is edited at the same time."""
    chance = random.Random(2)
    num_jobs = planner.rules(recipe, "--forceall", "all")
    for rule in sorted(behind.keys() - {"all"} - TEMPORARY):
        key = chance.choice(sorted(KEYS))
        undo = killed_job(recipe, rule)
        try:
            planned = set(plan_of(planner, recipe, key))
        finally:
            undo()
        edit = set().union(*(behind[name] for name in {"write_manifest", *readers_of(key)}))
        most = edit | behind[rule]
        least = most if num_jobs[rule] == 1 else edit | {rule}
        assert least - TEMPORARY <= planned <= most | TEMPORARY, (rule, key)
    assert planner.rules(recipe, "all") == {}


def test_an_edited_conf_with_an_older_date_is_carried_out(planner, recipe):
    conf = (
        recipe
        / "conf"
        / yaml.safe_load((recipe / "config.yaml").read_text())["feats"]["conf"].rpartition("/")[2]
    )
    text, stat = conf.read_text(), conf.stat()
    conf.write_text(text + "--low-freq=30\n")
    os.utime(conf, (0, 0))
    try:
        assert {"make_feats", "train_model"} <= set(planner.rules(recipe, "all"))
    finally:
        conf.write_text(text)
        os.utime(conf, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_default_that_is_written_out_changes_no_plan(planner, recipe):
    before = (recipe / "config.yaml").read_text()
    config = yaml.safe_load(before)
    config.setdefault("cmvn", {})["window_frames"] = 300
    config["train"]["grad_clip"] = None
    config["model"]["pooling_norm"] = False
    (recipe / "config.yaml").write_text(yaml.safe_dump(config))
    try:
        assert planner.rules(recipe, "all") == {}
    finally:
        (recipe / "config.yaml").write_text(before)


def test_a_recipe_without_the_record_of_its_run_is_refused_until_it_is_accepted(
    planner, recipe, tmp_path
):
    folder = tmp_path / "recipe"
    shutil.copytree(recipe, folder, ignore=shutil.ignore_patterns(".snakemake"))
    code, said = planner.ask(folder, "all")
    assert code == 1
    assert "Accept them as made from the present config with 'snakemake --touch all'" in said
    assert snakemake(folder, "--touch", "all").returncode == 0
    assert planner.rules(folder, "all") == {}


def test_a_training_that_failed_once_is_not_complete_the_next_time(finished, tmp_path):
    def diverge(config):
        config["train"]["optimizer"]["lr"] = 1.0e30
        config["train"]["max_rollbacks"] = 0

    folder = edited(finished, tmp_path / "recipe", diverge)
    for _ in range(2):
        done = snakemake(folder, "all")
        assert done.returncode == 1
        assert not (folder / "exp/model/final.pt").exists()
    shutil.copy(finished / "config.yaml", folder)
    assert snakemake(folder, "all").returncode == 0
    results = "results/mini_eer.txt"
    assert (folder / results).read_bytes() == (finished / results).read_bytes()
