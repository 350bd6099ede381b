# results + all that they were made from -> results/report.html      config: report      library: steps_py/report/

TRIALS_OF_SEARCH = "results/search/trials.tsv"


rule write_report:
    """What a person looks for in a finished recipe, as one page that needs no network."""
    input:
        "results/manifest.json",
        "exp/model/epochs.tsv" if NETWORK else [],
        "data/sets.tsv",
        tables=expand("data/{dset}/{table}", dset=SETS, table=["wav.scp", "utt2spk", "utt2dur"]),
        lists=expand("data/trials/{trials}", trials=TRIALS),
        scores=expand("exp/scores/{system}/{trials}", system=SYSTEMS.names, trials=TRIALS),
        comparisons="results/comparisons.tsv",
        xvectors=expand("exp/xvectors/{dset}/xvector.scp", dset=TRIAL_SETS),
        archives=each_of(archives_of_xvectors, TRIAL_SETS),
        diarization=RESULTS_OF_DIARIZATION if config["diarization"] else [],
        attribution=["results/attribution.tsv"] if ATTRIBUTION else [],
        own=own_inputs(config["report"]["sections"], config["metrics"]["measures"]),
    output:
        report("results/report.html", category="Report"),
    log:
        "logs/write_report.log",
    group:
        "report" if ATTRIBUTION else "backend"  # a group has no job in the middle of another
    threads: CLUSTER.threads("write_report")
    resources:
        **CLUSTER.resources("write_report"),
    params:
        **(
            {"search": digest_of_files([TRIALS_OF_SEARCH])}
            if Path(TRIALS_OF_SEARCH).exists()
            else {}
        ),
        **({"lr_curve": digest_of_files([LR_CURVE])} if Path(LR_CURVE).exists() else {}),
        config=slice_of("report"),
    shell:
        "python -m steps_py.stages.write_report --config {params.config:q} --out {output:q}"
        " > {log:q} 2>&1"
