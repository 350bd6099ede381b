# training x-vectors -> exp/backend/<chain of steps>/    config: scores, backend    library: steps_py/backend/


def files_of(command):
    """The inputs of a command of a system: its files, and the archives that they refer to.

    Exits if a file of another recipe is missing.
    """
    for path in command.inputs:
        if not path.startswith(("data/", "exp/")) and not os.path.exists(path):
            sys.exit(
                f"scores.systems: {path} is not there. Finish that recipe, or correct the path."
            )
    tables = {"exp/backend/xvector.scp": (archives_of_xvectors, config["backend"]["train_sets"])}
    for dset in [*SETS, *AUGMENTED, *COPIED.values()]:
        tables[f"exp/xvectors/{dset}/xvector.scp"] = (archives_of_xvectors, [dset])
        tables[f"data/{dset}/feats.scp"] = (archives_of_feats, [dset])
        tables[f"data/{dset}/vad.scp"] = (archives_of_vad, [dset])
    for models in MODELS:
        archive = f"exp/xvectors/{models}/xvector.ark"
        tables[f"exp/xvectors/{models}/xvector.scp"] = (lambda path: [path], [archive])
    archives = [each_of(*tables[path]) for path in command.inputs if path in tables]
    return [*command.inputs, *dict.fromkeys(path for paths in archives for path in paths)]


rule prepare_step:
    """What a step takes from tables alone: refused before a network is trained if they do not do."""
    input:
        lambda wildcards: SYSTEMS.estimate(wildcards.early).inputs,
        own=own_inputs(config["scores"]["systems"]),
    output:
        "exp/backend/{early}",
    log:
        "logs/prepare_step/{early}.log",
    benchmark:
        "exp/benchmark/prepare_step/{early}.tsv"
    priority: 100
    group:
        "tables"
    threads: CLUSTER.threads("prepare_step")
    resources:
        **CLUSTER.resources("prepare_step"),
    params:
        command=lambda wildcards: SYSTEMS.estimate(wildcards.early).text,
    shell:
        "({params.command}) > {log:q} 2>&1"


rule collect_xvectors:
    """Join the sets that the steps are trained on."""
    input:
        xvectors=expand("exp/xvectors/{dset}/xvector.scp", dset=config["backend"]["train_sets"]),
        utt2spk=expand("data/{dset}/utt2spk", dset=config["backend"]["train_sets"]),
    output:
        xvectors="exp/backend/xvector.scp",
        utt2spk="exp/backend/utt2spk",
        spk2utt="exp/backend/spk2utt",
    log:
        "logs/collect_xvectors.log",
    benchmark:
        "exp/benchmark/collect_xvectors.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("collect_xvectors")
    resources:
        **CLUSTER.resources("collect_xvectors"),
    shell:
        "python -m steps_py.stages.collect_xvectors --xvectors {input.xvectors:q}"
        " --utt2spk {input.utt2spk:q} --out exp/backend > {log:q} 2>&1"


rule estimate_step:
    """One file of a step (mean, LDA, PLDA), shared by systems whose chains begin alike."""
    input:
        lambda wildcards: files_of(SYSTEMS.estimate(wildcards.estimate)),
        own=own_inputs(config["scores"]["systems"]),
    output:
        "exp/backend/{estimate}",
    log:
        "logs/estimate_step/{estimate}.log",
    benchmark:
        "exp/benchmark/estimate_step/{estimate}.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("estimate_step")
    resources:
        **CLUSTER.resources("estimate_step"),
    params:
        kaldi=KALDI,
        command=lambda wildcards: SYSTEMS.estimate(wildcards.estimate).text,
    shell:
        "({params.command}) 2> {log:q}"
