# trials + features + results/system.swx -> results/attribution.tsv   config: attribution   library: steps_py/attribution/
EXPLAINED = config["data"]["trials"][ATTRIBUTION["trials"]]
EXPLAINED_SETS = sorted({EXPLAINED["enroll"], EXPLAINED["test"]})


def table_of_labels(key):
    """A file of the section as an input; none without it."""
    return [] if ATTRIBUTION[key] is None else input_file(ATTRIBUTION[key])


rule attribute_trials:
    """What scores stand on: averages of maps over trials, for each feature dimension."""
    input:
        system="results/system.swx",
        trials=f"data/trials/{ATTRIBUTION['trials']}",
        feats=expand("data/{dset}/feats.scp", dset=EXPLAINED_SETS),
        vad=expand("data/{dset}/vad.scp", dset=EXPLAINED_SETS),
        archives=each_of(archives_of_feats, EXPLAINED_SETS),
        decisions=each_of(archives_of_vad, EXPLAINED_SETS),
        labels=table_of_labels("frame_labels"),
        names=table_of_labels("label_names"),
        own=own_inputs(config["attribution"]),
    output:
        "results/attribution.tsv",
    log:
        "logs/attribute_trials.log",
    benchmark:
        "exp/benchmark/attribute_trials.tsv"
    threads: CLUSTER.threads("attribute_trials")
    resources:
        **CLUSTER.resources("attribute_trials"),
    params:
        config=slice_of("attribution", without=["frame_labels", "label_names"]),
        enroll=EXPLAINED["enroll"],
        test=EXPLAINED["test"],
        recipe=recipe_file("."),
    shell:
        "python -m steps_py.stages.attribute_trials --system {input.system:q}"
        " --trials {input.trials:q} --enroll data/{params.enroll:q} --test data/{params.test:q}"
        " --config {params.config:q} --recipe {params.recipe:q}"
        " --frame-labels {input.labels:q} --label-names {input.names:q} --out {output:q}"
        " > {log:q} 2>&1"
