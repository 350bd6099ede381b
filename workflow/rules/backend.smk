# training x-vectors -> mean.vec, transform.mat, plda    config: backend    library: steps_py/backend/


def centred(xvectors, mean=""):
    """A Kaldi pipe: x-vectors minus a mean; their own if none is given."""
    return f"ivector-subtract-global-mean {mean} scp:{xvectors} ark:-"


def projected(xvectors, mean=""):
    """A Kaldi pipe: centred, LDA, and length-normalised if the recipe says so."""
    steps = [centred(xvectors, mean), "transform-vec exp/backend/transform.mat ark:- ark:-"]
    if config["backend"]["length_norm"]:
        steps.append("ivector-normalize-length ark:- ark:-")
    return " | ".join(steps)


rule collect_xvectors:
    """Join the sets that the back-end is trained on, and see that it can be."""
    input:
        xvectors=expand("exp/xvectors/{dset}/xvector.scp", dset=BACKEND_SETS),
        utt2spk=expand("data/{dset}/utt2spk", dset=BACKEND_SETS),
    output:
        xvectors="exp/backend/xvector.scp",
        utt2spk="exp/backend/utt2spk",
        spk2utt="exp/backend/spk2utt",
        lda_dim="exp/backend/lda_dim",
    log:
        "logs/collect_xvectors.log",
    group:
        "backend"
    threads: CLUSTER.threads("collect_xvectors")
    resources:
        **CLUSTER.resources("collect_xvectors"),
    params:
        lda_dim=config["backend"]["lda_dim"] or 0,
        max_lda_dim=config["model"]["embedding_dim"],
    shell:
        "python -m steps_py.stages.collect_xvectors --xvectors {input.xvectors}"
        " --utt2spk {input.utt2spk} --lda-dim {params.lda_dim}"
        " --max-lda-dim {params.max_lda_dim} --out exp/backend > {log} 2>&1"


rule estimate_mean:
    """The mean that centres x-vectors: of the training sets, or of the adaptation set."""
    input:
        f"exp/xvectors/{ADAPT_SET}/xvector.scp" if ADAPT_SET else "exp/backend/xvector.scp",
    output:
        "exp/backend/mean.vec",
    log:
        "logs/estimate_mean.log",
    group:
        "backend"
    threads: CLUSTER.threads("estimate_mean")
    resources:
        **CLUSTER.resources("estimate_mean"),
    params:
        kaldi=KALDI,
    shell:
        "ivector-mean scp:{input} {output} 2> {log}"


rule estimate_lda:
    """Linear discriminant analysis of the centred training x-vectors."""
    input:
        xvectors="exp/backend/xvector.scp",
        utt2spk="exp/backend/utt2spk",
        dim="exp/backend/lda_dim",
    output:
        "exp/backend/transform.mat",
    log:
        "logs/estimate_lda.log",
    group:
        "backend"
    threads: CLUSTER.threads("estimate_lda")
    resources:
        **CLUSTER.resources("estimate_lda"),
    params:
        kaldi=KALDI,
        total=config["backend"]["lda_total_covariance_factor"],
        floor=config["backend"]["lda_covariance_floor"],
        vectors=lambda wildcards, input: f"ark:{centred(input.xvectors)} |",
    shell:
        "ivector-compute-lda --total-covariance-factor={params.total}"
        " --covariance-floor={params.floor} --dim=$(cat {input.dim})"
        " {params.vectors:q} ark:{input.utt2spk} {output} 2> {log}"


rule estimate_plda:
    """Two-covariance PLDA of the centred and projected training x-vectors."""
    input:
        xvectors="exp/backend/xvector.scp",
        spk2utt="exp/backend/spk2utt",
        transform="exp/backend/transform.mat",
    output:
        "exp/backend/plda",
    log:
        "logs/estimate_plda.log",
    group:
        "backend"
    threads: CLUSTER.threads("estimate_plda")
    resources:
        **CLUSTER.resources("estimate_plda"),
    params:
        kaldi=KALDI,
        num_em_iters=config["backend"]["plda"]["num_em_iters"],
        vectors=lambda wildcards, input: f"ark:{projected(input.xvectors)} |",
    shell:
        "ivector-compute-plda --num-em-iters={params.num_em_iters} ark:{input.spk2utt}"
        " {params.vectors:q} {output} 2> {log}"


rule adapt_plda:
    """Widen the PLDA's covariances to those of unlabelled speech of the new domain."""
    input:
        plda="exp/backend/plda",
        mean="exp/backend/mean.vec",
        transform="exp/backend/transform.mat",
        xvectors=f"exp/xvectors/{ADAPT_SET}/xvector.scp",
    output:
        "exp/backend/plda_adapted",
    log:
        "logs/adapt_plda.log",
    group:
        "backend"
    threads: CLUSTER.threads("adapt_plda")
    resources:
        **CLUSTER.resources("adapt_plda"),
    params:
        kaldi=KALDI,
        within=config["backend"]["adapt"]["within_covar_scale"],
        between=config["backend"]["adapt"]["between_covar_scale"],
        vectors=lambda wildcards, input: f"ark:{projected(input.xvectors, input.mean)} |",
    shell:
        "ivector-adapt-plda --within-covar-scale={params.within}"
        " --between-covar-scale={params.between} {input.plda} {params.vectors:q} {output} 2> {log}"
