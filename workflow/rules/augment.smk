# data/train + noises + rooms -> data/train_augmented     config: augment     library: steps_py/augment/copies.py

AUGMENT_PARTS = sorted(
    {part for kind in config["augment"]["copies"].values() for part in kind["parts"]}
)


rule augment_data:
    """Draw the augmented copies of training utterances; their wav.scp lines compute them."""
    input:
        train=expand("data/train/{table}", table=["wav.scp", "utt2spk", "utt2dur"]),
        parts=expand("data/parts/{part}/{table}", part=AUGMENT_PARTS, table=["wav.scp", "utt2dur"]),
        own=own_inputs(config["augment"]["copies"]),
    output:
        expand(
            "data/train_augmented/{table}",
            table=["wav.scp", "utt2spk", "spk2utt", "utt2dur", "utt2uniq"],
        ),
    log:
        "logs/augment_data.log",
    benchmark:
        "exp/benchmark/augment_data.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("augment_data")
    resources:
        **CLUSTER.resources("augment_data"),
    params:
        config=slice_of("augment", without=["keep_feats", "online"]),
        parts=[f"{part}=data/parts/{part}" for part in AUGMENT_PARTS],
    shell:
        "python -m steps_py.stages.augment_data --config {params.config:q} --data data/train"
        " --part {params.parts:q} --out data/train_augmented > {log:q} 2>&1"
