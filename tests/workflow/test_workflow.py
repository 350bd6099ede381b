"""The workflow as text and as a plan: what Snakemake itself does not check."""

import itertools
import re

import pytest
import yaml

from tests.support.tiny_recipe import (
    DIARIZATION_RECIPES,
    RECIPES,
    ROOT,
    copy_recipe,
    in_few_parts,
    planner,
    snakemake,
)

HOPS = re.findall(r'"workflow/rules/(\w+)\.smk"', (ROOT / "Snakefile").read_text())[1:]
HOPS.remove("plan")  # about the hops, and none of them
TEXT = {hop: (ROOT / f"workflow/rules/{hop}.smk").read_text() for hop in [*HOPS, "plan"]}
HOP_OF_RULE = {
    rule: hop for hop, text in TEXT.items() for rule in re.findall(r"^ *rule (\w+):", text, re.M)
}


@pytest.fixture(scope="module", params=RECIPES, ids=lambda path: path.name)
def planned(request, tmp_path_factory):
    """A dry run of a recipe, elsewhere than in the checkout, so that nothing there matters."""
    folder = copy_recipe(request.param, tmp_path_factory.mktemp("plan"), in_few_parts)
    return folder, snakemake(folder, "--dry-run", "all")


@pytest.mark.parametrize("hop", TEXT)
def test_the_head_of_a_rules_file_names_sections_and_files_that_exist(hop):
    """# inputs -> outputs   config: sections that its rules read   library: what they call."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    lines = itertools.takewhile(lambda line: line.startswith("#"), TEXT[hop].splitlines())
    head = "   ".join(lines)
    assert " -> " in head
    config = re.search(r"config: *(\w[\w/, ]*?)(?=  |$)", head)
    for section in config[1].split(", ") if config else []:
        assert section.partition("/")[0] in schema["properties"], f"{hop}.smk: {section}"
    for path in re.findall(r"steps_py/[\w/.]*", head):
        assert (ROOT / path).exists(), f"{hop}.smk: {path}"


def test_every_rules_file_is_included():
    files = {path.stem for path in (ROOT / "workflow/rules").glob("*.smk")} - {"common"}
    assert files == set(TEXT)


def test_every_recipe_plans(planned):
    _, done = planned
    assert done.returncode == 0, done.stderr[-2000:]
    assert "compute_metrics" in done.stdout


def test_data_flows_forward(planned):
    """No rule reads what a later-included file makes: include order is reading order."""
    folder, _ = planned
    dot = snakemake(folder, "all", "--rulegraph").stdout
    name = dict(re.findall(r'(\d+)\[ ?label ?= ?"(\w+)', dot))
    edges = [(name[a], name[b]) for a, b in re.findall(r"(\d+) -> (\d+)", dot)]
    edges = [(a, b) for a, b in edges if a in HOP_OF_RULE and b in HOP_OF_RULE]
    assert len(edges) > 20
    for first, then in edges:
        assert HOPS.index(HOP_OF_RULE[first]) <= HOPS.index(HOP_OF_RULE[then]), (
            f"{then} reads back from {first}"
        )


def test_every_rule_has_a_log_and_asks_the_cluster_table():
    for hop, text in TEXT.items():
        for rule, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=\n\n\n|\Z)", text, re.M | re.S):
            assert "log:" in body, f"{hop}.smk: {rule} has no log"
            assert f'CLUSTER.threads("{rule}")' in body, f"{hop}.smk: {rule}"
            assert f'CLUSTER.resources("{rule}")' in body, f"{hop}.smk: {rule}"


def test_stages_are_called_by_the_name_of_their_module():
    backend = (ROOT / "steps_py/backend").rglob("*.py")  # commands of systems, made in Python
    texts = [*TEXT.values(), *(path.read_text() for path in backend)]
    called = set(re.findall(r"steps_py\.stages\.(\w+)", "".join(texts)))
    there = {path.stem for path in (ROOT / "steps_py/stages").glob("[a-z]*.py")}
    assert called == there - {"embed", "compare_runs"}  # a person calls them


def test_every_section_of_the_schema_is_read_by_a_rule():
    """A key that nothing reads is a lie to the reader."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    code = "".join(TEXT.values()) + (ROOT / "workflow/rules/common.smk").read_text()
    read = set(re.findall(r'config\["(\w+)"\]', code)) | set(re.findall(r'slice_of\("(\w+)', code))
    assert set(schema["properties"]) == read


@pytest.mark.parametrize(
    "target", ["results/metrics.tsv", "data/train/feats.scp", "exp/model/final.pt"]
)
def test_a_result_a_table_and_a_model_can_be_targets(planned, target):
    folder, _ = planned
    done = snakemake(folder, "--dry-run", target)
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^make_feats +\d+", done.stdout, re.M)


def test_the_overlay_of_ivectors_plans_iterations_over_parts_and_no_network(tmp_path):
    """Kaldi's numbers of iterations, and its subset of long utterances."""

    def one_job_each(config):
        config["feats"]["num_jobs"] = config["xvectors"]["num_jobs"] = 1

    folder = copy_recipe(ROOT / "egs/voxceleb", tmp_path, one_job_each)
    overlay = str(ROOT / "egs/voxceleb/ivector.yaml")
    rules = planner().rules(folder, "all", "--configfile", overlay)
    assert not {"train_model", "allocate_chunks", "extract_xvectors", "augment_data"} & set(rules)
    assert rules["update_diag_ubm"] == rules["update_full_ubm"] == 4
    assert rules["accumulate_diag_ubm"] == rules["accumulate_full_ubm"] == 4 * 40
    assert rules["accumulate_ivector_extractor"] == 5 * 40
    assert (rules["select_longest_utts"], rules["extract_ivectors"]) == (1, 2)


def test_a_model_to_start_from_that_is_not_there_stops_before_any_job(tmp_path):
    def start_from_nowhere(config):
        config["train"]["init"] = {"model": "nowhere/final.pt"}

    folder = copy_recipe(ROOT / "egs/folder", tmp_path / "recipe", start_from_nowhere)
    done = snakemake(folder, "--dry-run", "all")
    assert done.returncode != 0
    assert "train.init: nowhere/final.pt is not there. Train that model first" in done.stderr


def test_a_table_of_a_corpus_that_is_not_there_stops_before_any_job_in_one_line(tmp_path):
    conditions = {"language": {"table": "utt2language"}}
    copy_recipe(
        ROOT / "egs/mini", tmp_path, lambda config: config["metrics"].update(conditions=conditions)
    )
    done = snakemake(tmp_path, "--dry-run", "all")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "rule compute_metrics reads data/mini_test/utt2language, and there is no such file."
        " Put it there, or correct the config."
    )


def test_a_pretrained_network_that_is_not_there_stops_before_any_job(tmp_path):
    def begin_with_it(config):
        config["model"]["front_ends"] = [{"pretrained": {"folder": "wavlm"}}]

    folder = copy_recipe(ROOT / "egs/folder", tmp_path / "recipe", begin_with_it)
    done = snakemake(folder, "--dry-run", "all")
    assert done.returncode == 1
    assert "model.front_ends: wavlm/config.json: cannot be read: No such file" in done.stderr


def test_the_cluster_table_names_rules_that_exist():
    """Requests of a rule of another name would be ignored silently."""
    table = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    assert set(table["rules"]) <= set(HOP_OF_RULE)


@pytest.mark.parametrize("recipe", DIARIZATION_RECIPES, ids=lambda path: path.name)
def test_a_recipe_that_trains_nothing_plans_where_its_recordings_are_not(recipe, tmp_path):
    """Recordings and references are looked for by the jobs; the network must be there."""
    folder = copy_recipe(recipe, tmp_path / "recipe", lambda config: None)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["diarization"]["extractor"] = "final.pt"
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "final.pt").touch()
    done = snakemake(folder, "--dry-run", "all")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "cluster_windows" in done.stdout and "train_model" not in done.stdout
