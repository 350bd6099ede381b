# trials + x-vectors + backend -> exp/scores/<system>/<trials>      config: scores      library: steps_py/backend/


rule score_trials:
    """One system's score of every trial of a list."""
    input:
        lambda wildcards: files_of(SYSTEMS.score(wildcards.system, wildcards.trials)),
        own=own_inputs(config["scores"]["systems"]),
    output:
        "exp/scores/{system}/{trials}",
    log:
        "logs/score_trials/{system}/{trials}.log",
    benchmark:
        "exp/benchmark/score_trials/{system}/{trials}.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("score_trials")
    resources:
        **CLUSTER.resources("score_trials"),
    params:
        kaldi=KALDI,
        command=lambda wildcards: SYSTEMS.score(wildcards.system, wildcards.trials).text,
    shell:
        "({params.command}) > {output:q} 2> {log:q}"
