# recordings with a reference -> exp/segmentation/<network>/final.pt: who speaks in each frame
# config: segmentation        library: steps_py/segmentation/
SEGMENTATION = config["segmentation"]
TRAIN_SETS, VALID_SET = SEGMENTATION["train_sets"], SEGMENTATION["valid_set"]


wildcard_constraints:
    segmenter="|".join(SEGMENTATION["networks"]),


def frames_of(names):
    """The features and the references of sets."""
    return [
        path
        for name in names
        for path in (f"exp/segmentation/{name}/feats.scp", f"data/{name}/ref.rttm")
    ]


rule compute_conversation_feats:
    """Features of the recordings of a set, those of the extractor."""
    input:
        expand("data/{{referenced}}/{table}", table=["wav.scp", "ref.rttm", "speech.lab"]),
        extractor=EXTRACTOR.replace("{", "{{").replace("}", "}}"),
    output:
        ark="exp/segmentation/{referenced}/feats.ark",
        scp="exp/segmentation/{referenced}/feats.scp",
    log:
        "logs/compute_conversation_feats/{referenced}.log",
    benchmark:
        "exp/benchmark/compute_conversation_feats/{referenced}.tsv"
    threads: CLUSTER.threads("compute_conversation_feats")
    resources:
        **CLUSTER.resources("compute_conversation_feats"),
    params:
        set=lambda wildcards: slice_of(f"diarization/sets/{wildcards.referenced}", only=AS_READ),
    shell:
        "python -m steps_py.stages.compute_conversation_feats --set {params.set:q}"
        " --extractor {input.extractor:q} --data data/{wildcards.referenced}"
        " --out-ark {output.ark} --out-scp {output.scp} > {log} 2>&1"


rule train_segmentation:
    """Train a network for frames; after an interruption, it resumes from the last checkpoint."""
    input:
        train=frames_of(TRAIN_SETS),
        valid=frames_of([VALID_SET] if VALID_SET else []),
        arks=expand(
            "exp/segmentation/{name}/feats.ark",
            name=[*TRAIN_SETS, *([VALID_SET] if VALID_SET else [])],
        ),
        extractor=EXTRACTOR.replace("{", "{{").replace("}", "}}"),
        own=own_inputs(SEGMENTATION["networks"]),
    output:
        model="exp/segmentation/{segmenter}/final.pt",
        epochs="exp/segmentation/{segmenter}/epochs.tsv",
        curves=directory("exp/segmentation/{segmenter}/tensorboard"),
    log:
        "logs/train_segmentation/{segmenter}.log",
    benchmark:
        "exp/benchmark/train_segmentation/{segmenter}.tsv"
    threads: CLUSTER.threads("train_segmentation")
    resources:
        **CLUSTER.resources("train_segmentation"),
    params:
        config=lambda wildcards: slice_of(f"segmentation/networks/{wildcards.segmenter}"),
        valid=lambda wildcards, input: f"--valid {input.valid}" if input.valid else "",
    shell:
        "python -m steps_py.stages.train_segmentation --config {params.config:q}"
        " --extractor {input.extractor:q} --train {input.train} {params.valid}"
        " --out exp/segmentation/{wildcards.segmenter} --threads {threads} > {log} 2>&1"


NETWORKS_OF_FRAMES = expand(
    "exp/segmentation/{segmenter}/final.pt", segmenter=SEGMENTATION["networks"]
)
WILDCARD_VALUES |= {"segmenter": list(SEGMENTATION["networks"])}
