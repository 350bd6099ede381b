# feats.scp -> vad.scp                          config: vad            library: steps_py/feats/vad.py


rule compute_vad:
    """Mark one part's voiced frames by their energy; text takes half of binary's room."""
    input:
        feats="exp/feats/{clean}/feats.{scatteritem}.scp",
        conf=recipe_file(config["vad"]["conf"]),
    output:
        ark="exp/vad/{clean}/vad.{scatteritem}.ark",
        scp="exp/vad/{clean}/vad.{scatteritem}.scp",
    log:
        "logs/compute_vad/{clean}.{scatteritem}.log",
    group:
        "parts"
    threads: CLUSTER.threads("compute_vad")
    resources:
        **CLUSTER.resources("compute_vad"),
    params:
        kaldi=KALDI,
    shell:
        "if [ ! -s {input.feats} ]; then touch {output}; exit 0; fi;"
        " compute-vad --config={input.conf} scp:{input.feats}"
        " ark,t,scp:{output.ark},{output.scp} 2> {log}"


rule gather_vad:
    """Join the parts in order; every utterance with features has its decisions."""
    input:
        feats="data/{clean}/feats.scp",
        scp=gather.feats("exp/vad/{{clean}}/vad.{scatteritem}.scp"),
    output:
        "data/{clean}/vad.scp",
    log:
        "logs/gather_vad/{clean}.log",
    group:
        "gathers"
    threads: CLUSTER.threads("gather_vad")
    resources:
        **CLUSTER.resources("gather_vad"),
    shell:
        "python -m steps_py.stages.gather_tables --keys {input.feats}"
        " --out {output} {input.scp} > {log} 2>&1"


rule check_voiced:
    """See, before the network is trained, that every utterance can have its x-vector."""
    input:
        feats="data/{clean}/feats.scp",
        vad="data/{clean}/vad.scp",
    output:
        "exp/vad/{clean}/num_voiced",
    log:
        "logs/check_voiced/{clean}.log",
    group:
        "gathers"
    threads: CLUSTER.threads("check_voiced")
    resources:
        **CLUSTER.resources("check_voiced"),
    params:
        config=json.dumps(
            {key: config["xvectors"][key] for key in ("min_chunk_frames", "short_utts")}
        ),
    shell:
        "python -m steps_py.stages.check_voiced --feats {input.feats} --vad {input.vad}"
        " --config {params.config:q} --out {output} > {log} 2>&1"


rule borrow_clean_vad:
    """An augmented copy is voiced where its clean original is."""
    input:
        vad="data/train/vad.scp",
        utt2uniq="data/train_augmented/utt2uniq",
    output:
        "data/train_augmented/vad.scp",
    log:
        "logs/borrow_clean_vad.log",
    group:
        "gathers"
    threads: CLUSTER.threads("borrow_clean_vad")
    resources:
        **CLUSTER.resources("borrow_clean_vad"),
    shell:
        "python -m steps_py.stages.borrow_clean_vad --vad {input.vad}"
        " --utt2uniq {input.utt2uniq} --out {output} > {log} 2>&1"
