# trials + scores -> results/              config: metrics, scores         library: steps_py/scoring/
from steps_py.recipe.manifest import check_manifest
from steps_py.scoring.measures import metrics_of
from steps_py.scoring.summary import summary_lines

METRICS = metrics_of(config["metrics"]["measures"], config["metrics"]["p_target"])


def results_of_run():
    """The results as lines of one table, if it was a target of the run."""
    if not any("results/metrics.tsv" in job.output for job in workflow.dag.jobs):
        return []
    return ["", *summary_lines("results/metrics.tsv", METRICS)]


BOOTSTRAP, CONDITIONS = config["metrics"]["bootstrap"], config["metrics"]["conditions"]
CALIBRATED = [system for system in SYSTEMS.names if SYSTEMS.calibrated(system)]


def utt2spk_of_sides(wildcards):
    """The speakers of both sides of a trial list."""
    sides = trials_of(wildcards)
    return [f"data/{sides[side]}/utt2spk" for side in ("enroll", "test")]


def conditions_of(wildcards):
    """The tables of each condition for both sides, as the stage takes them."""
    sides = {side: trials_of(wildcards)[side] for side in ("enroll", "test")}
    tables = {}
    for name, condition in CONDITIONS.items():
        table = condition.get("table") or f"utt2{name}"
        tables[name] = {
            side: recipe_file(table) if "/" in table else f"data/{dset}/{table}"
            for side, dset in sides.items()
        }
        tables[name]["bins"] = condition.get("bins")
        tables[name]["by_speaker"] = Path(table).name.startswith("spk2")
    return tables


def tables_of_conditions(wildcards):
    """Their files."""
    tables = conditions_of(wildcards).values()
    return sorted({of_side[side] for of_side in tables for side in ("enroll", "test")})


rule compute_metrics:
    """The metrics of every system on one trial list; an unscored trial is an error."""
    input:
        trials="data/trials/{trials}",
        scores=expand("exp/scores/{system}/{{trials}}", system=SYSTEMS.names),
        utt2spk=utt2spk_of_sides,
        conditions=tables_of_conditions,
        own=own_inputs(config["metrics"]["measures"]),
    output:
        text=report("results/{trials}_eer.txt", category="Results"),
        table="exp/metrics/{trials}.tsv",
        comparisons="exp/metrics/{trials}.comparisons.tsv",
    log:
        "logs/compute_metrics/{trials}.log",
    benchmark:
        "exp/benchmark/compute_metrics/{trials}.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("compute_metrics")
    resources:
        **CLUSTER.resources("compute_metrics"),
    params:
        p_target=config["metrics"]["p_target"],
        measures=json.dumps(config["metrics"]["measures"]),
        calibrated=CALIBRATED,
        trained=lambda wildcards: [
            system for system in SYSTEMS.names if SYSTEMS.trained_on(system, wildcards.trials)
        ],
        draws=BOOTSTRAP["draws"],
        seed=BOOTSTRAP["seed"],
        conditions=lambda wildcards: json.dumps(conditions_of(wildcards)),
        kaldi=KALDI,
    shell:
        "python -m steps_py.stages.compute_metrics --trials {input.trials:q}"
        " --scores {input.scores:q} --calibrated {params.calibrated}"
        " --trained-on-list {params.trained}"
        " --p-target {params.p_target} --measures {params.measures:q}"
        " --utt2spk {input.utt2spk:q} --draws {params.draws} --seed {params.seed}"
        " --conditions {params.conditions:q} --commands {params.kaldi:q}"
        " --out-text {output.text:q} --out-table {output.table:q}"
        " --out-comparisons {output.comparisons:q} > {log:q} 2>&1"


rule gather_metrics:
    """One table of all lists and systems, for programs, and one of all pairs of systems."""
    input:
        metrics=expand("exp/metrics/{trials}.tsv", trials=TRIALS),
        comparisons=expand("exp/metrics/{trials}.comparisons.tsv", trials=TRIALS),
    output:
        metrics=report("results/metrics.tsv", category="Results"),
        comparisons=report("results/comparisons.tsv", category="Results"),
    log:
        "logs/gather_metrics.log",
    benchmark:
        "exp/benchmark/gather_metrics.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("gather_metrics")
    resources:
        **CLUSTER.resources("gather_metrics"),
    shell:
        "(python -m steps_py.stages.gather_metrics --out {output.metrics:q} {input.metrics:q}"
        " && python -m steps_py.stages.gather_metrics --out {output.comparisons:q}"
        " {input.comparisons:q}) > {log:q} 2>&1"


SCORED = [(system, trials) for system in SYSTEMS.names for trials in TRIALS]
# Intermediate files whose digests are recorded with the results.
MADE_FROM = [
    *expand("data/{dset}/{table}", dset=SETS, table=["wav.scp", "utt2spk"]),
    *TRAINED,
    *sorted({path for pair in SCORED for path in SYSTEMS.score(*pair).inputs}),
    *(f"exp/scores/{system}/{trials}" for system, trials in SCORED),
    *expand("results/{trials}_eer.txt", trials=TRIALS),
    "results/metrics.tsv",
    "results/comparisons.tsv",
]


rule write_manifest:
    """Provenance of the results: commit, commands, versions, config, digests."""
    input:
        metrics="results/metrics.tsv",
        wav=expand("data/{dset}/wav.scp", dset=SETS),
        sounds=expand("data/parts/{part}/wav.scp", part=AUGMENT_PARTS),
        confs=[input_file(config[hop]["conf"]) for hop in ("feats", "vad")],
        made=MADE_FROM,
    output:
        "results/manifest.json",
    log:
        "logs/write_manifest.log",
    benchmark:
        "exp/benchmark/write_manifest.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("write_manifest")
    resources:
        **CLUSTER.resources("write_manifest"),
    params:
        kaldi=KALDI,
        config=json.dumps(CANONICAL),
    shell:
        "python -m steps_py.stages.write_manifest --commands {params.kaldi:q}"
        " --wav-scp {input.wav:q} {input.sounds:q} --made-from {input.confs:q} {input.made:q}"
        " --config {params.config:q} --out {output:q} > {log:q} 2>&1"


def stop_if_results_disagree():
    """Fail if the manifest of the run does not agree with the config and the files."""
    if any(job.rule.name == "write_manifest" for job in workflow.dag.jobs):
        try:
            check_manifest("results/manifest.json", CANONICAL)
        except StepsError as error:
            sys.exit(str(error))
