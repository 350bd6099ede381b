# feats + vad + utt2spk -> which frames to train on     config: chunks    library: steps_py/chunks/allocation.py


CHUNK_TABLES = ["feats.scp", "vad.scp", "utt2spk", "utt2num_frames"] + ["wav.scp"] * FROM_AUDIO


def allocation_command(data, out, labels=""):
    """The command of stage allocate_chunks, with options for utterances without known speakers."""
    return (
        "python -m steps_py.stages.allocate_chunks --config {params.config:q}"
        f" --data {data} {{params.audio:q}} {labels}--out {out} > {{log:q}} 2>&1"
    )


# the option of a rule with the input `labels`; none without pseudo-labels
WITH_LABELS = "".join(f"--unlabelled data/{s} --labels {{input.labels}} " for s in PSEUDO_SETS)


rule allocate_chunks:
    """Select training utterances of each speaker; an index, not a copy of the features."""
    input:
        expand("data/{dset}/{table}", dset=CHUNK_SETS, table=CHUNK_TABLES),
        each_of(archives_of_vad, CHUNK_SETS),
        labels=f"exp/pseudo_labels/{PSEUDO['max_rounds']}/utt2spk" if PSEUDO else [],
    output:
        train="exp/chunks/train.tsv",
        valid="exp/chunks/valid.tsv",
        valid_speakers="exp/chunks/valid_speakers.tsv",
        spk2id="exp/chunks/spk2id",
    log:
        "logs/allocate_chunks.log",
    benchmark:
        "exp/benchmark/allocate_chunks.tsv"
    group:
        "chunks" if PSEUDO else "gathers"  # a group has no job in the middle of another
    threads: CLUSTER.threads("allocate_chunks")
    resources:
        **CLUSTER.resources("allocate_chunks"),
    params:
        **(PIPES if FROM_AUDIO else {}),
        config=slice_of("chunks"),
        data=expand("data/{dset}", dset=CHUNK_SETS),
        audio=["--speeds", json.dumps(speeds_of_training())] if FROM_AUDIO else [],
    shell:
        allocation_command("{params.data:q}", "exp/chunks", WITH_LABELS)


UNLABELLED = config["train"]["unlabelled"] and config["train"]["unlabelled"]["set"]


rule allocate_unlabelled:
    """Select the utterances of train.unlabelled, whose speakers are not used."""
    input:
        expand(
            "data/{dset}/{table}",
            dset=UNLABELLED or [],
            table=["feats.scp", "vad.scp", "utt2spk", "utt2num_frames"],
        ),
        archives_of_vad(UNLABELLED) if UNLABELLED else [],
    output:
        "exp/chunks/unlabelled.tsv",
    log:
        "logs/allocate_unlabelled.log",
    benchmark:
        "exp/benchmark/allocate_unlabelled.tsv"
    group:
        "gathers"
    threads: CLUSTER.threads("allocate_unlabelled")
    resources:
        **CLUSTER.resources("allocate_unlabelled"),
    params:
        config=slice_of("chunks"),
        data=f"data/{UNLABELLED}",
    shell:
        "python -m steps_py.stages.allocate_unlabelled --config {params.config:q}"
        " --data {params.data:q} --out {output} > {log:q} 2>&1"
