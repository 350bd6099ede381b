# feats + vad + UBM -> exp/ivector/final.ie     config: ivector, ubm, cmvn    library: steps_py/ivector/config.py
#
# The programs, their options and order are those of Kaldi's sid/train_ivector_extractor.sh.
IVECTOR = config["ivector"]
EXTRACTOR_OF_IVECTORS = "exp/ivector/final.ie"
IVECTOR_DATA = f"data/{IVECTOR['train_set']}"
IVECTOR_VAD = f"{IVECTOR_DATA}/vad.scp"
IVECTOR_ARCHIVES = [
    *archives_of_feats(IVECTOR["train_set"]),
    *archives_of_vad(IVECTOR["train_set"]),
]
USED_UTTS = "exp/ivector/feats.scp" if IVECTOR["num_utts"] else f"{IVECTOR_DATA}/feats.scp"


def posteriors_to(wspecifier):
    """The command of the posteriors of Gaussians of the frames `params.frames`."""
    return (
        "gmm-gselect --n={params.num_gselect} 'fgmm-global-to-gmm {input.ubm} - |'"
        " {params.frames:q} ark:-"
        " | fgmm-global-gselect-to-post --min-post={params.min_post} {input.ubm}"
        " {params.frames:q} ark,s,cs:- ark:-"
        " | scale-post ark:- {params.posterior_scale} " + wspecifier
    )


POSTERIORS = {name: IVECTOR[name] for name in ("num_gselect", "min_post", "posterior_scale")}


rule select_longest_utts:
    """The longest utterances: short ones are of little use to the extractor, and take its time."""
    input:
        feats=f"{IVECTOR_DATA}/feats.scp",
        num_frames=f"{IVECTOR_DATA}/utt2num_frames",
    output:
        "exp/ivector/feats.scp",
    log:
        "logs/select_longest_utts.log",
    benchmark:
        "exp/benchmark/select_longest_utts.tsv"
    threads: CLUSTER.threads("select_longest_utts")
    resources:
        **CLUSTER.resources("select_longest_utts"),
    params:
        num_utts=IVECTOR["num_utts"],
    shell:
        "python -m steps_py.stages.select_longest --table {input.feats}"
        " --num-frames {input.num_frames} --num-utts {params.num_utts} --out {output} > {log} 2>&1"


rule split_ivector_feats:
    """Cut the utterances of the extractor's training into contiguous parts."""
    input:
        USED_UTTS,
    output:
        temp(scatter.ivector("exp/ivector/{scatteritem}.feats.scp")),
    log:
        "logs/split_ivector_feats.log",
    benchmark:
        "exp/benchmark/split_ivector_feats.tsv"
    threads: CLUSTER.threads("split_ivector_feats")
    resources:
        **CLUSTER.resources("split_ivector_feats"),
    shell:
        "python -m steps_py.stages.split_table --each-filled {input} {output} > {log} 2>&1"


rule init_ivector_extractor:
    """The extractor before its training, of the background model."""
    input:
        FULL_UBM,
    output:
        temp("exp/ivector/0.ie"),
    log:
        "logs/init_ivector_extractor.log",
    benchmark:
        "exp/benchmark/init_ivector_extractor.tsv"
    threads: CLUSTER.threads("init_ivector_extractor")
    resources:
        **CLUSTER.resources("init_ivector_extractor"),
    params:
        kaldi=KALDI,
        options=[
            f"--ivector-dim={IVECTOR['dim']}",
            f"--use-weights={'true' if IVECTOR['use_weights'] else 'false'}",
        ],
    shell:
        "ivector-extractor-init {params.options} {input} {output} 2> {log}"


rule compute_posteriors:
    """Posteriors of the Gaussians of one part's frames, which the iterations share."""
    input:
        IVECTOR_ARCHIVES,
        vad=IVECTOR_VAD,
        feats="exp/ivector/{scatteritem}.feats.scp",
        ubm=FULL_UBM,
    output:
        temp("exp/ivector/post.{scatteritem}.gz"),
    log:
        "logs/compute_posteriors/{scatteritem}.log",
    benchmark:
        "exp/benchmark/compute_posteriors/{scatteritem}.tsv"
    threads: CLUSTER.threads("compute_posteriors")
    resources:
        **CLUSTER.resources("compute_posteriors"),
    params:
        **POSTERIORS,
        kaldi=KALDI,
        frames=lambda wildcards: frames_of(
            f"exp/ivector/{wildcards.scatteritem}.feats.scp", IVECTOR_VAD
        ),
    shell:
        "(" + posteriors_to("'ark:|gzip -c >{output}'") + ") 2> {log}"


rule accumulate_ivector_extractor:
    """Statistics of one part of the data for the next extractor."""
    input:
        IVECTOR_ARCHIVES,
        vad=IVECTOR_VAD,
        feats="exp/ivector/{scatteritem}.feats.scp",
        model="exp/ivector/{iteration}.ie",
        post="exp/ivector/post.{scatteritem}.gz",
    output:
        temp("exp/ivector/{iteration}.{scatteritem}.acc"),
    log:
        "logs/accumulate_ivector_extractor/{iteration}.{scatteritem}.log",
    benchmark:
        "exp/benchmark/accumulate_ivector_extractor/{iteration}.{scatteritem}.tsv"
    threads: CLUSTER.threads("accumulate_ivector_extractor")
    resources:
        **CLUSTER.resources("accumulate_ivector_extractor"),
    params:
        kaldi=KALDI,
        frames=lambda wildcards: frames_of(
            f"exp/ivector/{wildcards.scatteritem}.feats.scp", IVECTOR_VAD
        ),
        options=[
            f"--num-threads={IVECTOR['num_threads']}",
            f"--num-samples-for-weights={IVECTOR['num_samples_for_weights']}",
        ],
    shell:
        "ivector-extractor-acc-stats {params.options} {input.model} {params.frames:q}"
        " 'ark,s,cs:gunzip -c {input.post}|' {output} 2> {log}"


rule update_ivector_extractor:
    """One iteration of EM."""
    input:
        model=model_before("exp/ivector", "ie"),
        stats=stats_before("exp/ivector", gather.ivector),
    output:
        temp("exp/ivector/{iteration}.ie"),
    log:
        "logs/update_ivector_extractor/{iteration}.log",
    benchmark:
        "exp/benchmark/update_ivector_extractor/{iteration}.tsv"
    wildcard_constraints:
        iteration="[1-9][0-9]*",
    threads: CLUSTER.threads("update_ivector_extractor")
    resources:
        **CLUSTER.resources("update_ivector_extractor"),
    params:
        kaldi=KALDI,
        num_threads=IVECTOR["num_threads"],
    shell:
        "ivector-extractor-est --num-threads={params.num_threads} {input.model}"
        " 'ivector-extractor-sum-accs {input.stats} - |' {output} 2> {log}"


rule finish_ivector_extractor:
    """Keep the extractor of the last iteration, or the one that the config gives."""
    input:
        given_model(
            "ivector.model", IVECTOR["model"], trained=f"exp/ivector/{IVECTOR['num_iters']}.ie"
        ),
    output:
        EXTRACTOR_OF_IVECTORS,
    log:
        "logs/finish_ivector_extractor.log",
    benchmark:
        "exp/benchmark/finish_ivector_extractor.tsv"
    threads: CLUSTER.threads("finish_ivector_extractor")
    resources:
        **CLUSTER.resources("finish_ivector_extractor"),
    shell:
        "cp {input:q} {output} 2> {log}"
