# feats + vad -> exp/ubm/final.dubm, final.ubm     config: ubm, cmvn     library: steps_py/ubm/config.py
#
# The programs, their options and order are those of Kaldi's sid/train_diag_ubm.sh and
# sid/train_full_ubm.sh.
UBM = config["ubm"]
ITERATIONS = {"diag": UBM["diag"]["num_iters"], "full": UBM["full"]["num_iters"]}
DIAG_UBM, FULL_UBM = "exp/ubm/final.dubm", "exp/ubm/final.ubm"
UBM_ARCHIVES = [*archives_of_feats(UBM["train_set"]), *archives_of_vad(UBM["train_set"])]
UBM_FEATS, UBM_VAD = (f"data/{UBM['train_set']}/{table}" for table in ("feats.scp", "vad.scp"))


wildcard_constraints:
    iteration=r"\d+",


def frames_of(table, vad, subsample=1):
    """The rspecifier of the frames that Gaussians are of: with deltas, normalised, voiced."""
    cmvn = config["cmvn"]
    commands = []
    if UBM["delta_order"]:
        options = f"--delta-window={UBM['delta_window_frames']} --delta-order={UBM['delta_order']}"
        commands.append(f"add-deltas {options}")
    if cmvn["window_frames"]:
        commands.append(
            f"apply-cmvn-sliding --norm-vars={'true' if cmvn['norm_vars'] else 'false'}"
            f" --center=true --cmn-window={cmvn['window_frames']}"
        )
    commands += [f"select-voiced-frames {{source}} scp,s,cs:{vad}"]
    commands += [f"subsample-feats --n={subsample}"] * (subsample > 1)
    return piped(f"scp:{table}", commands)


def piped(source, commands):
    """The rspecifier of a table that commands change, each reading the one before."""
    pipe = []
    for command in commands:
        named = command if "{source}" in command else f"{command} {{source}}"
        pipe.append(f"{named.format(source=source)} ark:-")
        source = "ark:-"
    return f"ark,s,cs:{' | '.join(pipe)} |"


def frames_of_part(kind):
    """`frames_of` one part of the training set, for an iteration of EM."""
    return lambda wildcards: frames_of(
        f"exp/ubm/{wildcards.scatteritem}.feats.scp", UBM_VAD, UBM[kind]["subsample"]
    )


def model_before(folder, suffix):
    """The model that an iteration begins with, as an input function."""
    return lambda wildcards: f"{folder}/{int(wildcards.iteration) - 1}.{suffix}"


def stats_before(folder, gather_parts):
    """The statistics of all parts under that model, as an input function."""
    return lambda wildcards: gather_parts(
        f"{folder}/{int(wildcards.iteration) - 1}.{{scatteritem}}.acc"
    )


def estimation(kind, iteration):
    """Options of the program that estimates a model.

    Gaussians are selected once, so none is removed before the last iteration.
    """
    removes = iteration == ITERATIONS[kind] and UBM[kind]["remove_low_count_gaussians"]
    return [
        f"--remove-low-count-gaussians={'true' if removes else 'false'}",
        f"--min-gaussian-weight={UBM['min_gaussian_weight']}",
    ]


rule split_ubm_feats:
    """Cut the set that it is trained on into contiguous parts."""
    input:
        UBM_FEATS,
    output:
        temp(scatter.ubm("exp/ubm/{scatteritem}.feats.scp")),
    log:
        "logs/split_ubm_feats.log",
    benchmark:
        "exp/benchmark/split_ubm_feats.tsv"
    threads: CLUSTER.threads("split_ubm_feats")
    resources:
        **CLUSTER.resources("split_ubm_feats"),
    shell:
        "python -m steps_py.stages.split_table --each-filled {input} {output} > {log} 2>&1"


rule init_diag_ubm:
    """Train a first diagonal model on frames that fit in memory."""
    input:
        UBM_ARCHIVES,
        feats=UBM_FEATS,
        vad=UBM_VAD,
        voiced=ancient("exp/vad/voiced.tsv"),
    output:
        temp("exp/ubm/diag/0.dubm"),
    log:
        "logs/init_diag_ubm.log",
    benchmark:
        "exp/benchmark/init_diag_ubm.tsv"
    threads: CLUSTER.threads("init_diag_ubm")
    resources:
        **CLUSTER.resources("init_diag_ubm"),
    params:
        kaldi=KALDI,
        frames=frames_of(UBM_FEATS, UBM_VAD),
        options=[
            f"--num-threads={UBM['num_threads']}",
            f"--num-frames={UBM['init']['num_frames']}",
            f"--min-gaussian-weight={UBM['min_gaussian_weight']}",
            f"--num-gauss={UBM['num_gauss']}",
            f"--num-gauss-init={int(UBM['init']['gauss_share'] * UBM['num_gauss'])}",
            f"--num-iters={UBM['init']['num_iters']}",
        ],
    shell:
        "gmm-global-init-from-feats {params.options} {params.frames:q} {output} 2> {log}"


rule select_diag_gaussians:
    """The likeliest Gaussians of each frame, which the iterations evaluate."""
    input:
        UBM_ARCHIVES,
        vad=UBM_VAD,
        feats="exp/ubm/{scatteritem}.feats.scp",
        model="exp/ubm/diag/0.dubm",
    output:
        temp("exp/ubm/diag/gselect.{scatteritem}.gz"),
    log:
        "logs/select_diag_gaussians/{scatteritem}.log",
    benchmark:
        "exp/benchmark/select_diag_gaussians/{scatteritem}.tsv"
    threads: CLUSTER.threads("select_diag_gaussians")
    resources:
        **CLUSTER.resources("select_diag_gaussians"),
    params:
        kaldi=KALDI,
        frames=frames_of_part("diag"),
        num_gselect=UBM["diag"]["num_gselect"],
    shell:
        "gmm-gselect --n={params.num_gselect} {input.model} {params.frames:q}"
        " 'ark:|gzip -c >{output}' 2> {log}"


rule accumulate_diag_ubm:
    """Statistics of one part of the data for the next diagonal model."""
    input:
        UBM_ARCHIVES,
        vad=UBM_VAD,
        feats="exp/ubm/{scatteritem}.feats.scp",
        model="exp/ubm/diag/{iteration}.dubm",
        gselect="exp/ubm/diag/gselect.{scatteritem}.gz",
    output:
        temp("exp/ubm/diag/{iteration}.{scatteritem}.acc"),
    log:
        "logs/accumulate_diag_ubm/{iteration}.{scatteritem}.log",
    benchmark:
        "exp/benchmark/accumulate_diag_ubm/{iteration}.{scatteritem}.tsv"
    threads: CLUSTER.threads("accumulate_diag_ubm")
    resources:
        **CLUSTER.resources("accumulate_diag_ubm"),
    params:
        kaldi=KALDI,
        frames=frames_of_part("diag"),
    shell:
        "gmm-global-acc-stats '--gselect=ark,s,cs:gunzip -c {input.gselect}|' {input.model}"
        " {params.frames:q} {output} 2> {log}"


rule update_diag_ubm:
    """One iteration of EM."""
    input:
        model=model_before("exp/ubm/diag", "dubm"),
        stats=stats_before("exp/ubm/diag", gather.ubm),
    output:
        temp("exp/ubm/diag/{iteration}.dubm"),
    log:
        "logs/update_diag_ubm/{iteration}.log",
    benchmark:
        "exp/benchmark/update_diag_ubm/{iteration}.tsv"
    wildcard_constraints:
        iteration="[1-9][0-9]*",
    threads: CLUSTER.threads("update_diag_ubm")
    resources:
        **CLUSTER.resources("update_diag_ubm"),
    params:
        kaldi=KALDI,
        options=lambda wildcards: estimation("diag", int(wildcards.iteration)),
    shell:
        "gmm-global-est {params.options} {input.model}"
        " 'gmm-global-sum-accs - {input.stats} |' {output} 2> {log}"


rule finish_diag_ubm:
    """Keep the model of the last iteration, or the one that the config gives."""
    input:
        model=given_model(
            "ubm.diag_model",
            UBM["diag_model"],
            trained=f"exp/ubm/diag/{ITERATIONS['diag']}.dubm",
        ),
        voiced=ancient("exp/vad/voiced.tsv") if UBM["diag_model"] else [],
    output:
        DIAG_UBM,
    log:
        "logs/finish_diag_ubm.log",
    benchmark:
        "exp/benchmark/finish_diag_ubm.tsv"
    threads: CLUSTER.threads("finish_diag_ubm")
    resources:
        **CLUSTER.resources("finish_diag_ubm"),
    shell:
        "cp {input.model:q} {output} 2> {log}"


rule init_full_ubm:
    """The diagonal model as one with full covariances."""
    input:
        DIAG_UBM,
    output:
        temp("exp/ubm/full/0.ubm"),
    log:
        "logs/init_full_ubm.log",
    benchmark:
        "exp/benchmark/init_full_ubm.tsv"
    threads: CLUSTER.threads("init_full_ubm")
    resources:
        **CLUSTER.resources("init_full_ubm"),
    params:
        kaldi=KALDI,
    shell:
        "gmm-global-to-fgmm {input} {output} 2> {log}"


rule select_full_gaussians:
    """The likeliest Gaussians of each frame, by the diagonals of their covariances."""
    input:
        UBM_ARCHIVES,
        vad=UBM_VAD,
        feats="exp/ubm/{scatteritem}.feats.scp",
        model="exp/ubm/full/0.ubm",
    output:
        temp("exp/ubm/full/gselect.{scatteritem}.gz"),
    log:
        "logs/select_full_gaussians/{scatteritem}.log",
    benchmark:
        "exp/benchmark/select_full_gaussians/{scatteritem}.tsv"
    threads: CLUSTER.threads("select_full_gaussians")
    resources:
        **CLUSTER.resources("select_full_gaussians"),
    params:
        kaldi=KALDI,
        frames=frames_of_part("full"),
        num_gselect=UBM["full"]["num_gselect"],
    shell:
        "gmm-gselect --n={params.num_gselect} 'fgmm-global-to-gmm {input.model} - |'"
        " {params.frames:q} 'ark:|gzip -c >{output}' 2> {log}"


rule accumulate_full_ubm:
    """Statistics of one part of the data for the next model with full covariances."""
    input:
        UBM_ARCHIVES,
        vad=UBM_VAD,
        feats="exp/ubm/{scatteritem}.feats.scp",
        model="exp/ubm/full/{iteration}.ubm",
        gselect="exp/ubm/full/gselect.{scatteritem}.gz",
    output:
        temp("exp/ubm/full/{iteration}.{scatteritem}.acc"),
    log:
        "logs/accumulate_full_ubm/{iteration}.{scatteritem}.log",
    benchmark:
        "exp/benchmark/accumulate_full_ubm/{iteration}.{scatteritem}.tsv"
    threads: CLUSTER.threads("accumulate_full_ubm")
    resources:
        **CLUSTER.resources("accumulate_full_ubm"),
    params:
        kaldi=KALDI,
        frames=frames_of_part("full"),
    shell:
        "fgmm-global-acc-stats '--gselect=ark,s,cs:gunzip -c {input.gselect}|' {input.model}"
        " {params.frames:q} {output} 2> {log}"


rule update_full_ubm:
    """One iteration of EM."""
    input:
        model=model_before("exp/ubm/full", "ubm"),
        stats=stats_before("exp/ubm/full", gather.ubm),
    output:
        temp("exp/ubm/full/{iteration}.ubm"),
    log:
        "logs/update_full_ubm/{iteration}.log",
    benchmark:
        "exp/benchmark/update_full_ubm/{iteration}.tsv"
    wildcard_constraints:
        iteration="[1-9][0-9]*",
    threads: CLUSTER.threads("update_full_ubm")
    resources:
        **CLUSTER.resources("update_full_ubm"),
    params:
        kaldi=KALDI,
        options=lambda wildcards: estimation("full", int(wildcards.iteration)),
    shell:
        "fgmm-global-est {params.options} {input.model}"
        " 'fgmm-global-sum-accs - {input.stats} |' {output} 2> {log}"


rule finish_full_ubm:
    """Keep the model of the last iteration, or the one that the config gives."""
    input:
        model=given_model(
            "ubm.full_model",
            UBM["full_model"],
            trained=f"exp/ubm/full/{ITERATIONS['full']}.ubm",
        ),
        voiced=ancient("exp/vad/voiced.tsv") if UBM["full_model"] else [],
    output:
        FULL_UBM,
    log:
        "logs/finish_full_ubm.log",
    benchmark:
        "exp/benchmark/finish_full_ubm.tsv"
    threads: CLUSTER.threads("finish_full_ubm")
    resources:
        **CLUSTER.resources("finish_full_ubm"),
    shell:
        "cp {input.model:q} {output} 2> {log}"
