# trials + x-vectors + backend -> exp/backend/<chain of steps>/, exp/scores/<system>/<trials>      config: scores      library: steps_py/backend/


rule estimate_score_step:
    """One file of a step that joins or changes scores: a cohort, the weights of a calibration."""
    input:
        lambda wildcards: files_of(SYSTEMS.estimate(wildcards.score_estimate)),
        own=own_inputs(config["scores"]["systems"]),
    output:
        "exp/backend/{score_estimate}",
    log:
        "logs/estimate_score_step/{score_estimate}.log",
    benchmark:
        "exp/benchmark/estimate_score_step/{score_estimate}.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("estimate_score_step")
    resources:
        **CLUSTER.resources("estimate_score_step"),
    params:
        kaldi=KALDI,
        command=lambda wildcards: SYSTEMS.estimate(wildcards.score_estimate).text,
    shell:
        "({params.command}) 2> {log:q}"


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
