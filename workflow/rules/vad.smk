# feats.scp -> vad.scp                          config: vad            library: steps_py/feats/vad.py


rule compute_vad:
    """Mark one part's voiced frames by energy; text takes half the space of binary."""
    input:
        feats="exp/feats/{clean}/feats.{scatteritem}.scp",
        archive="exp/feats/{clean}/feats.{scatteritem}.ark",
        conf=input_file(config["vad"]["conf"]),
    output:
        ark="exp/vad/{clean}/vad.{scatteritem}.ark",
        scp="exp/vad/{clean}/vad.{scatteritem}.scp",
    log:
        "logs/compute_vad/{clean}.{scatteritem}.log",
    benchmark:
        "exp/benchmark/compute_vad/{clean}.{scatteritem}.tsv"
    group:
        "parts"
    threads: CLUSTER.threads("compute_vad")
    resources:
        **CLUSTER.resources("compute_vad"),
    params:
        kaldi=KALDI,
        conf=digest_of_file(recipe_file(config["vad"]["conf"])),
    shell:
        "if [ ! -s {input.feats} ]; then touch {output}; exit 0; fi;"
        " compute-vad --config={input.conf:q} scp:{input.feats}"
        " ark,t,scp:{output.ark},{output.scp} 2> {log}"


rule gather_vad:
    """Join the parts in order; every utterance with features must have decisions."""
    input:
        feats="data/{clean}/feats.scp",
        scp=gather.feats("exp/vad/{{clean}}/vad.{scatteritem}.scp"),
    output:
        "data/{clean}/vad.scp",
    log:
        "logs/gather_vad/{clean}.log",
    benchmark:
        "exp/benchmark/gather_vad/{clean}.tsv"
    group:
        "gathers"
    threads: CLUSTER.threads("gather_vad")
    resources:
        **CLUSTER.resources("gather_vad"),
    shell:
        "python -m steps_py.stages.gather_tables --keys {input.feats}"
        " --archives --out {output} {input.scp} > {log} 2>&1"


rule check_voiced:
    """Check before training that every utterance is long enough for an x-vector."""
    input:
        feats=expand("data/{clean}/feats.scp", clean=CHECKED_SETS),
        vad=expand("data/{clean}/vad.scp", clean=CHECKED_SETS),
        archives=each_of(archives_of_vad, CHECKED_SETS),
    output:
        "exp/vad/voiced.tsv",
    log:
        "logs/check_voiced.log",
    benchmark:
        "exp/benchmark/check_voiced.tsv"
    group:
        "gathers"
    threads: CLUSTER.threads("check_voiced")
    resources:
        **CLUSTER.resources("check_voiced"),
    params:
        config=slice_of("xvectors", only=["min_chunk_frames", "short_utts"]),
        data=expand("data/{clean}", clean=CHECKED_SETS),
    shell:
        "python -m steps_py.stages.check_voiced --data {params.data} --config {params.config:q}"
        " --out {output} > {log} 2>&1"


rule borrow_clean_vad:
    """An augmented copy is voiced where its clean original is."""
    input:
        vad="data/train/vad.scp",
        archives=archives_of_vad("train"),
        utt2uniq="data/train_augmented/utt2uniq",
    output:
        "data/train_augmented/vad.scp",
    log:
        "logs/borrow_clean_vad.log",
    benchmark:
        "exp/benchmark/borrow_clean_vad.tsv"
    group:
        "gathers"
    threads: CLUSTER.threads("borrow_clean_vad")
    resources:
        **CLUSTER.resources("borrow_clean_vad"),
    shell:
        "python -m steps_py.stages.borrow_clean_vad --vad {input.vad}"
        " --utt2uniq {input.utt2uniq} --out {output} > {log} 2>&1"
