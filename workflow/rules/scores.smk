# trials + x-vectors + backend -> exp/scores/<system>/<trials>      config: scores


def xvectors_of(side):
    """The x-vectors of one side of a trial list."""

    def get(wildcards):
        return f"exp/xvectors/{trials_of(wildcards)[side]}/xvector.scp"

    return get


def unit_length(pipe):
    """A Kaldi pipe: its vectors at length one, so that their dot product is the cosine."""
    return f"{pipe} | ivector-normalize-length --scaleup=false ark:- ark:-"


rule score_plda:
    """The log-likelihood ratio of every trial."""
    input:
        trials="data/trials/{trials}",
        enroll=xvectors_of("enroll"),
        test=xvectors_of("test"),
        mean="exp/backend/mean.vec",
        transform="exp/backend/transform.mat",
        plda="exp/backend/plda_adapted" if ADAPT_SET else "exp/backend/plda",
    output:
        "exp/scores/plda/{trials}",
    log:
        "logs/score_plda/{trials}.log",
    benchmark:
        "exp/benchmark/score_plda/{trials}.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("score_plda")
    resources:
        **CLUSTER.resources("score_plda"),
    params:
        kaldi=KALDI,
        smoothing=config["backend"]["plda"]["smoothing"],
        enroll=lambda wildcards, input: f"ark:{projected(input.enroll, input.mean)} |",
        test=lambda wildcards, input: f"ark:{projected(input.test, input.mean)} |",
    shell:
        "ivector-plda-scoring --normalize-length=true"
        " 'ivector-copy-plda --smoothing={params.smoothing} {input.plda} - |'"
        " {params.enroll:q} {params.test:q} \"cut -d' ' -f1,2 {input.trials} |\" {output} 2> {log}"


rule score_cosine:
    """The cosine of every trial's centred x-vectors."""
    input:
        trials="data/trials/{trials}",
        enroll=xvectors_of("enroll"),
        test=xvectors_of("test"),
        mean="exp/backend/mean.vec",
    output:
        "exp/scores/cosine/{trials}",
    log:
        "logs/score_cosine/{trials}.log",
    group:
        "backend"
    threads: CLUSTER.threads("score_cosine")
    resources:
        **CLUSTER.resources("score_cosine"),
    params:
        kaldi=KALDI,
        enroll=lambda wildcards, input: f"ark:{unit_length(centred(input.enroll, input.mean))} |",
        test=lambda wildcards, input: f"ark:{unit_length(centred(input.test, input.mean))} |",
    shell:
        "ivector-compute-dot-products \"cut -d' ' -f1,2 {input.trials} |\""
        " {params.enroll:q} {params.test:q} {output} 2> {log}"


rule score_lda_cosine:
    """The cosine of every trial's x-vectors after LDA."""
    input:
        trials="data/trials/{trials}",
        enroll=xvectors_of("enroll"),
        test=xvectors_of("test"),
        mean="exp/backend/mean.vec",
        transform="exp/backend/transform.mat",
    output:
        "exp/scores/lda_cosine/{trials}",
    log:
        "logs/score_lda_cosine/{trials}.log",
    group:
        "backend"
    threads: CLUSTER.threads("score_lda_cosine")
    resources:
        **CLUSTER.resources("score_lda_cosine"),
    params:
        kaldi=KALDI,
        enroll=lambda wildcards, input: f"ark:{unit_length(projected(input.enroll, input.mean))} |",
        test=lambda wildcards, input: f"ark:{unit_length(projected(input.test, input.mean))} |",
    shell:
        "ivector-compute-dot-products \"cut -d' ' -f1,2 {input.trials} |\""
        " {params.enroll:q} {params.test:q} {output} 2> {log}"
