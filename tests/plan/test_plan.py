"""The plan: jobs as Snakemake counts them, sizes and costs from data, schedules by hand."""

import math

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ConfigError, StepsError
from steps_py.plan.amounts import Amounts
from steps_py.plan.costs import Costs
from steps_py.plan.jobs import Job, list_jobs, parse_jobs
from steps_py.plan.plan import plan_jobs
from steps_py.plan.report import report
from steps_py.plan.schedule import Step, schedule
from steps_py.plan.sizes import recipe_sizes
from steps_py.recipe.config import fill_defaults
from steps_py.recipe.plan_config import PlanConfig
from tests.support.small_audio import write_wav
from tests.support.tiny_recipe import RECIPES, ROOT, copy_recipe, in_few_parts, snakemake

LISTING = """
[Fri Nov 20 16:50:38 2026] Group job parts (jobs in lexicogr. order):

    [Fri Nov 20 16:50:38 2026]
    rule make_feats:
        input: exp/1-of-2.wav.scp, conf/mfcc.conf
        output: exp/feats.1-of-2.ark
        jobid: 4
        benchmark: exp/benchmark/make_feats/1.tsv
        wildcards: clean=train, scatteritem=1-of-2
        resources: tmpdir=/tmp, gpu=0, mem_mb=2000, mem=2 GB
[Fri Nov 20 16:50:38 2026]
rule train_model:
    input: exp/feats.1-of-2.ark
    output: exp/final.pt
    jobid: 5
    threads: 8
    resources: tmpdir=/tmp, gpu=2, mem_mb=32000
Would remove temporary output exp/1-of-2.wav.scp
Job stats:
total      2
"""


def recipe_config(name, change=lambda config: None):
    config = yaml.safe_load((ROOT / "egs" / name / "config.yaml").read_text())
    change(config)
    return fill_defaults(config)


def amounts_of(name, directory, change=lambda config: None):
    config = recipe_config(name, change)
    return Amounts(config, ROOT / "egs" / name, recipe_sizes(config, directory, {}))


# -- jobs


def test_jobs_are_read_from_groups_and_from_outside_of_them():
    (feats, train), temporary = parse_jobs(LISTING)
    assert feats.wildcards == {"clean": "train", "scatteritem": "1-of-2"}
    assert (feats.threads, feats.mem_mb, feats.gpus) == (1, 2000, 0)
    assert feats.benchmark == "exp/benchmark/make_feats/1.tsv"
    assert (train.inputs, train.threads, train.gpus) == (("exp/feats.1-of-2.ark",), 8, 2)
    assert temporary == {"exp/1-of-2.wav.scp"}


def test_a_listing_of_another_form_is_an_error_and_not_a_shorter_plan():
    with pytest.raises(StepsError, match="read 1 jobs from a dry run of 2"):
        parse_jobs(LISTING.replace("rule train_model:", "job train_model:"))


# -- sizes


def test_full_voxceleb_is_planned_from_published_figures(tmp_path):
    sizes = recipe_sizes(recipe_config("voxceleb"), tmp_path, {})
    assert (sizes["train"].utts, sizes["train"].speakers) == (1276888, 7323)
    assert sizes["train"].hours == pytest.approx(2442 + 352, rel=0.01)
    assert sizes["train"].decoded == 1092009 + 36237  # m4a files
    assert sizes["train_augmented"].utts == 1000000
    assert sizes["trials/vox1"].trials == 37720
    assert sizes["train"].source == "published"


def test_trials_that_a_rule_makes_are_counted_from_its_sets(tmp_path):
    """4,874 utterances of 40 speakers: 4,874 * 4,873 / 2 pairs."""
    made = {"enroll": "vox1_test", "test": "vox1_test"}

    def change(config):
        config["data"]["models"] = {"mine": {"of": "vox1_test", "file": "conf/models"}}
        config["data"]["trials"] = {
            "all": made | {"make": {"name": "all_pairs"}},
            "some": made | {"make": {"name": "one_versus"}},
            "even": made | {"make": {"name": "balanced", "num_targets": 50}},
            "models": made | {"make": {"name": "all_pairs"}, "enroll": "mine"},
        }

    sizes = recipe_sizes(recipe_config("voxceleb", change), tmp_path, {})
    counts = {name: sizes[f"trials/{name}"].trials for name in ("all", "some", "even", "models")}
    assert counts == {
        "all": 4874 * 4873 // 2, "some": 487400, "even": 200, "models": 40 * 4874
    }  # fmt: skip
    assert sizes["trials/all"].source == "published"


def test_tables_that_are_there_count_instead_of_published_figures(tmp_path):
    folder = tmp_path / "data/parts/voxceleb1.dev"
    folder.mkdir(parents=True)
    (folder / "utt2dur").write_text("a-1 1800\na-2 1800\nb-1 3600\n")
    (folder / "utt2spk").write_text("a-1 a\na-2 a\nb-1 b\n")
    (folder / "wav.scp").write_text("a-1 /a.wav\na-2 ffmpeg -i a.m4a - |\nb-1 /b.wav\n")
    (tmp_path / "data/trials").mkdir()
    (tmp_path / "data/trials/vox1").write_text("a b target\n" * 7)
    sizes = recipe_sizes(recipe_config("voxceleb"), tmp_path, {})
    dev = sizes["voxceleb1.dev"]
    assert (dev.utts, dev.hours, dev.speakers, dev.decoded) == (3, 2.0, 2, 1)
    assert dev.source == "measured"
    assert sizes["train"].utts == 3 + 1092009 + 36237
    assert sizes["trials/vox1"].trials == 7


def test_unpublished_parts_are_assumed_and_the_recipe_may_say_better(tmp_path):
    config = recipe_config("folder")
    assert recipe_sizes(config, tmp_path, {})["train"].source == "assumed"
    said = {"speech.train": {"utts": 500, "hours": 2.5, "speakers": 20}}
    train = recipe_sizes(config, tmp_path, said)["train"]
    assert (train.utts, train.hours, train.source) == (500, 2.5, "given")
    with pytest.raises(ConfigError, match=r"plan.sizes: unknown part. .*'speech.train'"):
        recipe_sizes(config, tmp_path, {"speech.trian": said["speech.train"]})


def test_a_user_s_list_of_files_is_counted(tmp_path):
    def change(config):
        config["data"]["corpora"]["speech"]["lists"]["train"] = "train.lst"

    (tmp_path / "train.lst").write_text("a/1/x.wav\n" * 31)
    sizes = recipe_sizes(recipe_config("folder", change), tmp_path, {})
    assert (sizes["speech.train"].utts, sizes["speech.train"].source) == (31, "assumed")


def test_files_at_hand_are_counted_and_some_headers_say_how_long_they_are(tmp_path):
    """Also of a published corpus of which a part will do; speakers are those of the files."""
    for name, seconds in (("a/s/1", 1), ("a/s/2", 2), ("b/s/1", 3), ("b/s/9", 600)):
        write_wav(tmp_path / f"speech/{name}.wav", np.zeros(8000 * seconds, np.int16), 8000)
    (tmp_path / "train.lst").write_text("a/s/1.wav\na/s/2.wav\nb/s/1.wav\n")
    (tmp_path / "dev_trials").write_text("1 a/s/1.wav a/s/2.wav\n0 a/s/1.wav b/s/1.wav\n")

    def change(config):
        config["data"]["corpora"]["speech"].update(
            root="speech", lists={"train": "train.lst", "dev": "nowhere.lst"},
            trials={"dev": {"file": "dev_trials"}},
        )  # fmt: skip

    sizes = recipe_sizes(recipe_config("folder", change), tmp_path, {})
    train = sizes["speech.train"]
    assert (train.utts, train.speakers, train.source) == (3, 2, "counted")
    assert train.hours == pytest.approx(6 / 3600)
    assert (sizes["trials/dev"].trials, sizes["trials/dev"].source) == (2, "counted")
    assert sizes["speech.dev"].source == "assumed"


# -- amounts


def test_a_part_s_job_has_its_share_of_the_set(tmp_path):
    amounts = amounts_of("voxceleb", tmp_path)
    wildcards = {"clean": "train", "scatteritem": "3-of-40"}
    got = amounts.of(Job(rule="make_feats", number=1, wildcards=wildcards))
    assert got["utt"] == 1276888 / 40
    # 30 cepstra of one byte, 100 frames a second
    assert got["feat_byte"] == pytest.approx(got["hour"] * 3600 * 100 * 30)
    assert got["job"] == 1


def test_the_network_s_arithmetic_is_that_of_its_layers(tmp_path):
    """Snyder's network, per frame: its five affine layers, and next to nothing behind them."""
    amounts = amounts_of("voxceleb", tmp_path)
    by_hand = 150 * 512 + 2 * 1536 * 512 + 512 * 512 + 512 * 1500
    assert amounts.gflop_per_frame == pytest.approx(2 * by_hand / 1e9, rel=0.05)
    training = amounts.of(Job(rule="train_model", number=1), "training")
    utts = 1276888 + 1000000
    assert training["chunk"] == 12 * math.ceil(utts / 512) * 512


def test_the_chunks_of_all_stages_are_counted_in_their_lengths(tmp_path):
    whole = amounts_of("voxceleb", tmp_path)
    whole.config["train"].update(num_epochs=2, steps_per_epoch=10, batch_size=100)
    whole.config["chunks"].update(min_frames=200, max_frames=200)
    one = whole.of_training()
    whole.config["train"]["stages"] = [
        {},
        {"num_epochs": 1, "batch_size": 50, "min_frames": 600, "max_frames": 600},
    ]
    both = whole.of_training()
    assert (one["chunk"], both["chunk"]) == (2000, 2500)
    # 400,000 frames, and 300,000 more
    assert both["train_gflop"] / one["train_gflop"] == pytest.approx(1 + 0.75, rel=0.02)


# -- costs


def test_a_site_s_costs_are_laid_over_ours(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("rules: {make_feats: {sec: {hour: 100}}}\nfiles: {'*.ark': {utt: 1}}\n")
    costs = Costs(site=site)
    job = Job(rule="make_feats", number=1)
    assert costs.seconds(job, {"hour": 2, "job": 1}, with_gpus=False) == 200
    assert costs.bytes("exp/feats/train/feats.1-of-2.ark", {"utt": 5, "feat_byte": 900}) == 5
    assert costs.seconds(Job(rule="compute_vad", number=1), {"job": 1}, with_gpus=False) > 0


@pytest.mark.parametrize(
    "text, said",
    [
        ("rulse: {}", "unknown section 'rulse'. Did you mean 'rules'"),
        ("rules: {a: {sec: {hours: 1}}}", "unknown unit 'hours'. Did you mean 'hour'"),
        ("rules: {a: {secs: {hour: 1}}}", "unknown key 'secs'. Did you mean 'sec'"),
        ("files: {'*': {utt: -1}}", "it must be a number, 0 or more"),
        ("rules: {a: [", "cannot be read"),
    ],
)
def test_a_mistake_in_a_site_s_costs_is_named(tmp_path, text, said):
    (tmp_path / "site.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        Costs(site=tmp_path / "site.yaml")


def test_what_the_recipe_s_own_jobs_took_scales_their_costs(tmp_path):
    jobs = [Job(rule="make_feats", number=n, benchmark=f"exp/benchmark/{n}.tsv") for n in range(2)]
    amounts = [{"job": 1, "hour": 10}, {"job": 1, "hour": 30}]
    costs = Costs()
    expected = [costs.seconds(*pair, with_gpus=False) for pair in zip(jobs, amounts, strict=True)]
    assert costs.learn(tmp_path, jobs, amounts, with_gpus=False) == []
    (tmp_path / "exp/benchmark").mkdir(parents=True)
    for job, seconds in zip(jobs, expected, strict=True):
        (tmp_path / job.benchmark).write_text(f"s\th:m:s\n{3 * seconds}\t0\n")
    assert costs.learn(tmp_path, jobs, amounts, with_gpus=False) == ["make_feats"]
    again = [costs.seconds(*pair, with_gpus=False) for pair in zip(jobs, amounts, strict=True)]
    assert again == pytest.approx([3 * seconds for seconds in expected])


def test_threads_share_the_work_and_not_the_start_up():
    costs = Costs()
    per_unit = costs.rules["train_model"].sec
    job = Job(rule="train_model", number=1, threads=4)
    got = costs.seconds(job, {"job": 1, "train_gflop": 1000}, with_gpus=True)
    assert got == pytest.approx(per_unit["job"] + 1000 * per_unit["train_gflop"] / 4)


# -- schedules


def step(number, seconds, inputs=(), output=None, size=0, **job):
    outputs = (output or f"{number}",)
    job = Job(rule="r", number=number, inputs=tuple(inputs), outputs=outputs, **job)
    return Step(job=job, seconds=seconds, bytes={outputs[0]: size})


def test_jobs_wait_for_their_inputs_and_for_slots():
    # 0 (4 s) -> 1 (3 s); 2 and 3 (5 s each) by themselves
    steps = [step(0, 4), step(1, 3, ["0"]), step(2, 5), step(3, 5)]
    assert schedule(steps, set(), slots=1, gpus=0).seconds == 17
    assert schedule(steps, set(), slots=2, gpus=0).seconds == 9
    assert schedule(steps, set(), slots=9, gpus=0).seconds == 7


def test_the_longest_chain_goes_first():
    # three jobs of 2 s; the last one listed begins a chain of 10 s
    steps = [step(0, 2), step(1, 2), step(2, 2), step(3, 8, ["2"])]
    assert schedule(steps, set(), slots=1, gpus=0).seconds == 14
    assert schedule(steps, set(), slots=2, gpus=0).seconds == 10


def test_gpus_are_as_scarce_as_they_are():
    steps = [step(n, 10, gpus=1) for n in range(4)]
    assert schedule(steps, set(), slots=8, gpus=1).seconds == 40
    assert schedule(steps, set(), slots=8, gpus=2).seconds == 20
    assert schedule(steps, set(), slots=8, gpus=0).seconds == 10  # on processors


def test_a_job_takes_as_many_slots_as_it_has_threads():
    steps = [step(n, 10, threads=3) for n in range(2)]
    assert schedule(steps, set(), slots=5, gpus=0).seconds == 20
    assert schedule(steps, set(), slots=6, gpus=0).seconds == 10
    assert schedule(steps, set(), slots=2, gpus=0).seconds == 20  # cut down to what there is


def test_temporary_files_go_with_their_last_reader():
    # 0 makes 100 temporary bytes, 1 reads them and makes 10, 2 reads those and makes 60
    steps = [
        step(0, 1, output="t", size=100),
        step(1, 1, ["t"], output="a", size=10),
        step(2, 1, ["a"], output="b", size=60),
    ]
    assert schedule(steps, {"t"}, slots=1, gpus=0).peak_bytes == 110
    assert schedule(steps, set(), slots=1, gpus=0).peak_bytes == 170


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sets(st.integers(0, 11))), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_no_schedule_is_shorter_than_its_bounds_or_longer_than_graham_s(drawn, slots):
    """Each job may read earlier ones; the way through is computed as a longest path."""
    edges = [[str(i) for i in sorted(reads) if i < n] for n, (_, reads) in enumerate(drawn)]
    steps = [step(n, seconds, edges[n]) for n, (seconds, _) in enumerate(drawn)]
    way = []
    for n, (seconds, _) in enumerate(drawn):
        way.append(seconds + max((way[int(i)] for i in edges[n]), default=0))
    total, line = sum(seconds for seconds, _ in drawn), schedule(steps, set(), slots, gpus=0)
    assert max(max(way), total / slots) <= line.seconds <= total / slots + max(way)
    assert line.slots <= slots


# -- the whole


def run_in_a_fork(command, cwd, **captured):
    """subprocess.run of `python -m snakemake --snakefile FILE --directory FOLDER ...`."""
    assert command[5:7] == ["--directory", str(cwd)]
    return snakemake(cwd, *command[7:])


@pytest.fixture(scope="module", params=RECIPES, ids=lambda path: path.name)
def planned(request, tmp_path_factory):
    """The plan of a recipe where nothing is there, and what Snakemake's own dry run counts."""
    folder = copy_recipe(request.param, tmp_path_factory.mktemp("plan"), in_few_parts)
    config = recipe_config(request.param.name, in_few_parts)
    with pytest.MonkeyPatch.context() as patched:  # a fork; other tests start a process
        patched.setattr("steps_py.plan.jobs.subprocess.run", run_in_a_fork)
        jobs, temporary = list_jobs(ROOT / "Snakefile", folder, config)
    amounts = Amounts(config, folder, recipe_sizes(config, folder, {}))
    plan = plan_jobs(jobs, temporary, amounts, folder, PlanConfig())
    counted = snakemake(folder, "--dry-run", "--quiet", "rules", "--", "all").stdout
    return plan, int(counted.split("total")[1].split()[0])


def test_every_job_is_planned_whether_or_not_its_rule_has_a_cost(planned):
    plan, counted = planned
    assert len(plan.steps) == counted
    unknown = {step.job.rule for step in plan.steps} - plan.costs.rules.keys()
    noted = [line for line in report(plan) if line.startswith("unit costs unknown")]
    assert len(noted) == bool(unknown)


def test_a_rule_and_files_without_costs_are_notes(tmp_path):
    """Whoever adds a rule, with wildcards of its own, owes the plan nothing."""
    amounts = amounts_of("folder", tmp_path)
    wildcards = [{}, {"trials": "other"}, {"part": "x"}, {"dset": "nowhere"}, {"fold": "1"}]
    jobs = [
        Job(rule="new_rule", number=n, wildcards=w, outputs=(f"new/{n}.bin",))
        for n, w in enumerate(wildcards)
    ]
    plan = plan_jobs(jobs, set(), amounts, tmp_path, PlanConfig())
    text = "\n".join(report(plan))
    assert "unit costs unknown, 10 s per job: new_rule" in text
    assert "files of unknown size, counted as empty: new/0.bin" in text


@pytest.mark.parametrize(
    "copies, times, longer",
    [
        ({"speeds": [0.5, 1.0]}, 2, 1.5),
        ({"crops": {"count": 4, "frames": 100}}, 4, 1 / 8),  # utterances of 8 s
        ({"crops": {"count": 4}}, 4, 3 / 8),
    ],
)
def test_copies_are_more_utterances_of_other_lengths(tmp_path, copies, times, longer):
    def change(config):
        config["xvectors"] = {"copies": copies}

    amounts = amounts_of("folder", tmp_path, change)
    dev, made = amounts.size("dev"), amounts.size("dev_copies")
    assert made.utts == times * dev.utts
    assert made.hours == pytest.approx(times * dev.hours * longer)
    job = Job(rule="average_copies", number=1, wildcards={"copied": "dev"})
    assert amounts.of(job)["utt"] == made.utts


def test_training_from_audio_costs_its_reading(tmp_path):
    """A TDNN: 160,000 chunks took 2,258 s of processor time; a quarter off is a plan."""
    tdnn = yaml.safe_load((ROOT / "egs/folder/tdnn.yaml").read_text())["model"]

    def change(config):
        config["model"].update(tdnn)

    train = amounts_of("folder", tmp_path, change).of(Job(rule="train_model", number=1), "training")
    assert (train["audio_chunk"], train["altered_chunk"]) == (160_000, 16_000)
    assert Costs().seconds(Job(rule="train_model", number=1), train, with_gpus=False) == (
        pytest.approx(2258, rel=0.25)
    )
    assert "audio_chunk" not in amounts_of("mini", tmp_path).of_training()


def test_more_slots_never_take_longer_and_the_report_names_calculated_times(planned):
    plan, _ = planned
    seconds = [plan.timelines[slots].seconds for slots in (10, 100, 1000)]
    assert seconds == sorted(seconds, reverse=True)
    text = "\n".join(report(plan))
    assert f"{len(plan.steps):,} jobs" in text
    (calculated,) = [line for line in report(plan) if "not measured: " in line]
    assert "train_model" in calculated.partition("not measured: ")[2].split(", ")


def test_snakemake_plan_prints_the_table_and_makes_nothing_but_its_log(tmp_path):
    """The default recipe, whose corpora are not there, with other settings laid over it."""
    folder = copy_recipe(ROOT / "egs/voxceleb", tmp_path, lambda config: None)
    own = {path.name for path in folder.iterdir()}
    (tmp_path / "over.yaml").write_text("feats: {num_jobs: 7}\nplan: {slots: [50]}\n")
    done = snakemake(folder, "--configfile", str(tmp_path / "over.yaml"), "--", "plan")
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    assert rows["make_feats"][1] == "14"  # two sets of seven parts
    assert rows["50"][1] == "1"
    made = {path.name for path in tmp_path.iterdir()}
    assert made - own <= {"over.yaml", "logs", ".snakemake"}


def test_a_workflow_that_cannot_be_planned_is_one_line_with_the_reason(tmp_path):
    folder = copy_recipe(ROOT / "egs/mini", tmp_path, lambda config: None)
    config = recipe_config("mini")
    with pytest.raises(StepsError, match="cannot be planned") as raised:
        list_jobs(ROOT / "Snakefile", folder, config, target="no/such/file")
    assert "\n" not in str(raised.value)
