# feats + vad + model -> xvector.scp            config: xvectors       library: steps_py/embeddings/xvectors.py
from steps_py.embeddings.config import check_engine


rule prepare_copies:
    """Name the copies of a set; those at other speeds are a data directory of their own."""
    input:
        expand("data/{{copied}}/{table}", table=["wav.scp", "utt2spk", "utt2dur"]),
    output:
        expand(
            "data/{{copied}}_copies/{table}",
            table=["utt2copies"]
            + (["wav.scp", "utt2spk", "spk2utt", "utt2dur"] if AT_SPEEDS else []),
        ),
    log:
        "logs/prepare_copies/{copied}.log",
    benchmark:
        "exp/benchmark/prepare_copies/{copied}.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("prepare_copies")
    resources:
        **CLUSTER.resources("prepare_copies"),
    params:
        config=slice_of("xvectors", only=["copies"]),
    shell:
        "python -m steps_py.stages.prepare_copies --config {params.config:q}"
        " --data data/{wildcards.copied} --out data/{wildcards.copied}_copies > {log} 2>&1"


rule share_features:
    """Crops are parts of the features of their utterances."""
    input:
        utt2copies="data/{cropped}_copies/utt2copies",
        tables=expand("data/{{cropped}}/{table}", table=["feats.scp", "vad.scp"]),
        archives=lambda wildcards: archives_of_feats(wildcards.cropped),
        vad_archives=lambda wildcards: archives_of_vad(wildcards.cropped),
    output:
        expand("data/{{cropped}}_copies/{table}", table=["feats.scp", "vad.scp"]),
    log:
        "logs/share_features/{cropped}.log",
    benchmark:
        "exp/benchmark/share_features/{cropped}.tsv"
    group:
        "gathers"
    threads: CLUSTER.threads("share_features")
    resources:
        **CLUSTER.resources("share_features"),
    shell:
        "python -m steps_py.stages.copy_values --utt2copies {input.utt2copies}"
        " --tables {input.tables} --out data/{wildcards.cropped}_copies > {log} 2>&1"


rule split_feats_scp:
    """Cut feats.scp into contiguous parts."""
    input:
        "data/{dset}/feats.scp",
    output:
        temp(scatter.xvectors("exp/xvectors/{{dset}}/{scatteritem}.feats.scp")),
    log:
        "logs/split_feats_scp/{dset}.log",
    benchmark:
        "exp/benchmark/split_feats_scp/{dset}.tsv"
    group:
        "gathers"
    threads: CLUSTER.threads("split_feats_scp")
    resources:
        **CLUSTER.resources("split_feats_scp"),
    shell:
        "python -m steps_py.stages.split_table {input} {output} > {log} 2>&1"


# the file that an engine reads; the network itself by default
EXPORTED = [] if config["xvectors"]["engine"] == "eager" else ["exp/xvectors/network.onnx"]
EXTRACTION = (
    "python -m steps_py.cluster.gpu_lease --gpus {resources.gpu} --"
    " python -m steps_py.stages.extract_xvectors --config {params.config:q}"
    " --model {input.model} --feats {input.feats} --vad {input.vad}"
    " --out-ark {output.ark} --out-scp {output.scp}"
)


if NETWORK and EXPORTED:
    check_engine(config["xvectors"]["engine"])

    rule export_network:
        """Write the network in the format of the engine, and check that it computes the same."""
        input:
            model="exp/model/final.pt",
            own=own_inputs(config["model"]),
        output:
            EXPORTED,
        log:
            "logs/export_network.log",
        benchmark:
            "exp/benchmark/export_network.tsv"
        threads: CLUSTER.threads("export_network")
        resources:
            **CLUSTER.resources("export_network"),
        params:
            config=slice_of("xvectors", only=["engine", "layer", "min_chunk_frames", "num_threads"]),
        shell:
            "python -m steps_py.stages.export_network --config {params.config:q}"
            " --model {input.model} --out {output} > {log} 2>&1"


if NETWORK:

    rule extract_xvectors:
        """Extract one part's x-vectors, in batches of similar length."""
        input:
            feats="exp/xvectors/{dset}/{scatteritem}.feats.scp",
            archives=lambda wildcards: archives_of_feats(wildcards.dset),
            vad_archives=lambda wildcards: archives_of_vad(wildcards.dset),
            vad="data/{dset}/vad.scp",
            model="exp/model/final.pt",
            exported=EXPORTED,
            own=own_inputs(config["model"]),
        output:
            ark="exp/xvectors/{dset}/xvector.{scatteritem}.ark",
            scp="exp/xvectors/{dset}/xvector.{scatteritem}.scp",
        log:
            "logs/extract_xvectors/{dset}.{scatteritem}.log",
        benchmark:
            "exp/benchmark/extract_xvectors/{dset}.{scatteritem}.tsv"
        threads: CLUSTER.threads("extract_xvectors")
        resources:
            **CLUSTER.resources("extract_xvectors"),
        params:
            config=lambda wildcards: slice_of(
                "xvectors",
                without=(
                    ["num_jobs"] if wildcards.dset in CROPPED.values() else ["num_jobs", "copies"]
                ),
            ),
        shell:
            EXTRACTION + (" --exported {input.exported}" if EXPORTED else "") + " > {log} 2>&1"

else:  # as Kaldi's sid/extract_ivectors.sh

    rule extract_ivectors:
        """Extract one part's i-vectors."""
        input:
            archives=lambda wildcards: archives_of_feats(wildcards.dset),
            vad_archives=lambda wildcards: archives_of_vad(wildcards.dset),
            vad="data/{dset}/vad.scp",
            feats="exp/xvectors/{dset}/{scatteritem}.feats.scp",
            ubm=FULL_UBM,
            model=EXTRACTOR_OF_IVECTORS,
        output:
            ark="exp/xvectors/{dset}/xvector.{scatteritem}.ark",
            scp="exp/xvectors/{dset}/xvector.{scatteritem}.scp",
        log:
            "logs/extract_ivectors/{dset}.{scatteritem}.log",
        benchmark:
            "exp/benchmark/extract_ivectors/{dset}.{scatteritem}.tsv"
        threads: CLUSTER.threads("extract_ivectors")
        resources:
            **CLUSTER.resources("extract_ivectors"),
        params:
            **POSTERIORS,
            kaldi=KALDI,
            frames=lambda wildcards: frames_of(
                f"exp/xvectors/{wildcards.dset}/{wildcards.scatteritem}.feats.scp",
                f"data/{wildcards.dset}/vad.scp",
            ),
            num_threads=IVECTOR["num_threads"],
        shell:
            "if [ ! -s {input.feats} ]; then touch {output}; exit 0; fi; ("
            + posteriors_to("ark:-")
            + " | ivector-extract --num-threads={params.num_threads} {input.model} {params.frames:q}"
            " ark,s,cs:- ark,scp:{output.ark},{output.scp}) 2> {log}"


rule gather_xvectors:
    """Join the parts in order and check that every utterance has an x-vector."""
    input:
        feats="data/{dset}/feats.scp",
        scp=gather.xvectors("exp/xvectors/{{dset}}/xvector.{scatteritem}.scp"),
    output:
        "exp/xvectors/{dset}/xvector.scp",
    log:
        "logs/gather_xvectors/{dset}.log",
    benchmark:
        "exp/benchmark/gather_xvectors/{dset}.tsv"
    wildcard_constraints:
        dset="|".join(dset for dset in [*SETS, *AUGMENTED, *COPIED.values()] if dset not in COPIED),
    group:
        "backend"
    threads: CLUSTER.threads("gather_xvectors")
    resources:
        **CLUSTER.resources("gather_xvectors"),
    shell:
        "python -m steps_py.stages.gather_tables --keys {input.feats}"
        " --archives --out {output} {input.scp} > {log} 2>&1"


rule average_xvectors:
    """The mean x-vector of each enrolment of several utterances, and how many they are."""
    input:
        spk2utt="data/{models}/spk2utt",
        scp=lambda wildcards: f"exp/xvectors/{MODELS[wildcards.models]['of']}/xvector.scp",
        archives=lambda wildcards: archives_of_xvectors(MODELS[wildcards.models]["of"]),
    output:
        ark="exp/xvectors/{models}/xvector.ark",
        scp="exp/xvectors/{models}/xvector.scp",
        num_utts="exp/xvectors/{models}/num_utts",
    log:
        "logs/average_xvectors/{models}.log",
    benchmark:
        "exp/benchmark/average_xvectors/{models}.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("average_xvectors")
    resources:
        **CLUSTER.resources("average_xvectors"),
    params:
        kaldi=KALDI,
    shell:
        "ivector-mean ark:{input.spk2utt} scp:{input.scp} ark,scp:{output.ark},{output.scp}"
        " ark,t:{output.num_utts} 2> {log}"


use rule average_xvectors as average_copies with:
    input:
        spk2utt="data/{copied}_copies/utt2copies",
        scp="exp/xvectors/{copied}_copies/xvector.scp",
        archives=lambda wildcards: archives_of_xvectors(COPIED[wildcards.copied]),
    output:
        ark="exp/xvectors/{copied}/xvector.ark",
        scp="exp/xvectors/{copied}/xvector.scp",
        num_utts="exp/xvectors/{copied}/num_copies",
    log:
        "logs/average_copies/{copied}.log",
    benchmark:
        "exp/benchmark/average_copies/{copied}.tsv"
