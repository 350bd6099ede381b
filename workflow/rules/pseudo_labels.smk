# xvectors -> speakers of the unlabelled set     config: pseudo_labels     library: steps_py/pseudo_labels/rounds.py
#
# Round k: x-vectors of the network before, their clusters, and a network trained on these labels.
# The network before round 1 is that of `start`; the one after the last round is exp/model/final.pt.
# Once the labels are settled, the jobs of later rounds only copy.

PSEUDO_SET = PSEUDO["unlabelled"]
START = PSEUDO["start"]
AS_SETTLED = "if cat /dev/null {input.settled} | grep -q .; then"  # in the shell of a rule


SPEAKERS_READ = [
    path
    for path in SYSTEMS.vector_estimates()
    if {"exp/backend/utt2spk", "exp/backend/spk2utt"} & set(SYSTEMS.estimate(path).inputs)
]
if PSEUDO_SET in config["backend"]["train_sets"] and SPEAKERS_READ:
    sys.exit(
        f"backend.train_sets: '{PSEUDO_SET}' is pseudo_labels.unlabelled, but exp/backend/{SPEAKERS_READ[0]} is"
        " estimated from speakers. Name other sets, or systems without such steps (cosine)."
    )


wildcard_constraints:
    round="[1-9][0-9]*",


def before(wildcards, name):
    """A file of the round before; nothing in the first round."""
    number = int(wildcards.round) - 1
    return f"exp/pseudo_labels/{number}/{name}" if number else []


def model_before(wildcards):
    """The network whose x-vectors are clustered in a round."""
    number = int(wildcards.round) - 1
    if not number and START and START["model"]:
        return START["model"].replace("{", "{{").replace("}", "}}")
    return f"exp/pseudo_labels/{number}/model/final.pt"


def start_sets():
    """Sets that the first network is trained on."""
    return LABELLED_SETS if START is None else CHUNK_SETS


def chunks_of_start():
    """Section chunks for the first network; without speakers, none are held out or dropped."""
    without = {"min_utts_per_speaker": 1, "num_valid_utts": 0, "num_valid_speakers": 0}
    return json.dumps(CANONICAL["chunks"] | (without if START else {}))


def training_of_start():
    """Section train for the first network."""
    train = CANONICAL["train"]
    if START is None:
        return json.dumps(train)
    return json.dumps(train | {"stages": [CANONICAL["pseudo_labels"]["start"].get("train", {})]})


def inputs_of_training(chunks, *sections):
    """The inputs of train_model, with the chunks of another rule and own classes of sections."""
    inputs = dict(rules.train_model.input.items())
    own = [*inputs["own"], *own_inputs(*sections)] if sections else inputs["own"]
    return inputs | dict(chunks.output.items()) | {"own": own}


rule allocate_start:
    """Select the utterances that the first network is trained on."""
    input:
        expand("data/{dset}/{table}", dset=start_sets(), table=CHUNK_TABLES),
        each_of(archives_of_vad, start_sets()),
    output:
        train="exp/pseudo_labels/0/chunks/train.tsv",
        valid="exp/pseudo_labels/0/chunks/valid.tsv",
        valid_speakers="exp/pseudo_labels/0/chunks/valid_speakers.tsv",
        spk2id="exp/pseudo_labels/0/chunks/spk2id",
    log:
        "logs/allocate_start.log",
    benchmark:
        "exp/benchmark/allocate_start.tsv"
    threads: CLUSTER.threads("allocate_start")
    resources:
        **CLUSTER.resources("allocate_start"),
    params:
        **(PIPES if FROM_AUDIO else {}),
        config=chunks_of_start(),
        data=expand("data/{dset}", dset=start_sets()),
        audio=rules.allocate_chunks.params.audio,
    shell:
        allocation_command(
            "{params.data:q}",
            "exp/pseudo_labels/0/chunks",
            f"--unlabelled data/{PSEUDO_SET} " if START else "",
        )


rule train_start:
    """Train the network whose x-vectors are clustered first."""
    input:
        **inputs_of_training(rules.allocate_start, PSEUDO),
    output:
        model="exp/pseudo_labels/0/model/final.pt",
        head="exp/pseudo_labels/0/model/head.pt",
        curves=directory("exp/pseudo_labels/0/model/tensorboard"),
        epochs="exp/pseudo_labels/0/model/epochs.tsv",
    log:
        "logs/train_start.log",
    benchmark:
        "exp/benchmark/train_start.tsv"
    threads: CLUSTER.threads("train_start")
    resources:
        **CLUSTER.resources("train_start"),
    params:
        **(dict(rules.train_model.params.items()) | {"train": training_of_start()}),
    shell:
        training_command("exp/pseudo_labels/0/chunks", "exp/pseudo_labels/0/model")


rule extract_unlabelled:
    """Extract one part's x-vectors by the network of the round before."""
    input:
        feats=f"exp/xvectors/{PSEUDO_SET}/{{scatteritem}}.feats.scp",
        archives=archives_of_feats(PSEUDO_SET),
        vad_archives=archives_of_vad(PSEUDO_SET),
        vad=f"data/{PSEUDO_SET}/vad.scp",
        model=model_before,
        settled=lambda wildcards: before(wildcards, "settled"),
        own=own_inputs(config["model"]),
    output:
        ark="exp/pseudo_labels/{round}/xvectors/xvector.{scatteritem}.ark",
        scp="exp/pseudo_labels/{round}/xvectors/xvector.{scatteritem}.scp",
    log:
        "logs/extract_unlabelled/{round}.{scatteritem}.log",
    benchmark:
        "exp/benchmark/extract_unlabelled/{round}.{scatteritem}.tsv"
    threads: CLUSTER.threads("extract_unlabelled")
    resources:
        **CLUSTER.resources("extract_unlabelled"),
    params:
        config=slice_of("xvectors", without=["engine", "num_jobs", "copies"]),
    shell:
        f"{AS_SETTLED} touch {{output}}; exit 0; fi; {EXTRACTION} > {{log}} 2>&1"


rule cluster_xvectors:
    """Cluster the x-vectors of a round; utterances that are not trained on are listed too."""
    input:
        feats=f"data/{PSEUDO_SET}/feats.scp",
        scp=gather.xvectors("exp/pseudo_labels/{{round}}/xvectors/xvector.{scatteritem}.scp"),
        archives=gather.xvectors("exp/pseudo_labels/{{round}}/xvectors/xvector.{scatteritem}.ark"),
        before=lambda wildcards: [
            path
            for name in ("clusters.tsv", "rounds.tsv", "utt2spk", "settled")
            if (path := before(wildcards, name))
        ],
        own=own_inputs(PSEUDO["clusterer"]),
    output:
        clusters="exp/pseudo_labels/{round}/clusters.tsv",
        rounds="exp/pseudo_labels/{round}/rounds.tsv",
        utt2spk="exp/pseudo_labels/{round}/utt2spk",
        settled="exp/pseudo_labels/{round}/settled",
    log:
        "logs/cluster_xvectors/{round}.log",
    benchmark:
        "exp/benchmark/cluster_xvectors/{round}.tsv"
    threads: CLUSTER.threads("cluster_xvectors")
    resources:
        **CLUSTER.resources("cluster_xvectors"),
    params:
        config=slice_of("pseudo_labels", without=["max_rounds"]),
        before=lambda wildcards: (
            ["--before", f"exp/pseudo_labels/{int(wildcards.round) - 1}"]
            if int(wildcards.round) > 1
            else []
        ),
    shell:
        "python -m steps_py.stages.cluster_xvectors --config {params.config:q}"
        " --keys {input.feats} --xvectors {input.scp} {params.before:q}"
        " --out exp/pseudo_labels/{wildcards.round} > {log:q} 2>&1"


rule allocate_round:
    """Select training utterances by the labels of a round."""
    input:
        expand("data/{dset}/{table}", dset=CHUNK_SETS, table=CHUNK_TABLES),
        each_of(archives_of_vad, CHUNK_SETS),
        labels="exp/pseudo_labels/{round}/utt2spk",
    output:
        train="exp/pseudo_labels/{round}/chunks/train.tsv",
        valid="exp/pseudo_labels/{round}/chunks/valid.tsv",
        valid_speakers="exp/pseudo_labels/{round}/chunks/valid_speakers.tsv",
        spk2id="exp/pseudo_labels/{round}/chunks/spk2id",
    log:
        "logs/allocate_round/{round}.log",
    benchmark:
        "exp/benchmark/allocate_round/{round}.tsv"
    threads: CLUSTER.threads("allocate_round")
    resources:
        **CLUSTER.resources("allocate_round"),
    params:
        **dict(rules.allocate_chunks.params.items()),
    shell:
        allocation_command(
            "{params.data:q}", "exp/pseudo_labels/{wildcards.round}/chunks", WITH_LABELS
        )


rule train_round:
    """Train a network on the labels of a round; if they are settled, copy the one before."""
    input:
        **inputs_of_training(rules.allocate_round),
        settled="exp/pseudo_labels/{round}/settled",
        before=model_before,
    output:
        model="exp/pseudo_labels/{round}/model/final.pt",
        head="exp/pseudo_labels/{round}/model/head.pt",
        curves=directory("exp/pseudo_labels/{round}/model/tensorboard"),
        epochs="exp/pseudo_labels/{round}/model/epochs.tsv",
    log:
        "logs/train_round/{round}.log",
    benchmark:
        "exp/benchmark/train_round/{round}.tsv"
    threads: CLUSTER.threads("train_round")
    resources:
        **CLUSTER.resources("train_round"),
    params:
        **dict(rules.train_model.params.items()),
    shell:
        AS_SETTLED
        + " for made in {output}; do cp -r $(dirname {input.before})/$(basename $made) $made; done;"
        " exit 0; fi; "
        + training_command(
            "exp/pseudo_labels/{wildcards.round}/chunks",
            "exp/pseudo_labels/{wildcards.round}/model",
        )
