# speech of single speakers -> exp/simulation/<set>/{wav.scp,reco2dur,reco2num_spk,ref.rttm,all.uem}
# config: simulation         library: steps_py/simulation/, steps_py/diarization/simulate.py
SIMULATED = config["simulation"]["sets"]


scattergather:
    simulation=config["simulation"]["num_jobs"],


wildcard_constraints:
    simulated="|".join(SIMULATED),


def speech_of(simulated):
    """The data directory of the speech of a set of conversations."""
    given = SIMULATED[simulated]["speech"]
    return recipe_file(given) if "/" in given else f"data/{given}"


def tables_of_speech(wildcards):
    """The tables of the speech, with voice decisions if there are any."""
    given, folder = SIMULATED[wildcards.simulated]["speech"], speech_of(wildcards.simulated)
    tables = [f"{folder}/{name}" for name in ("wav.scp", "utt2spk", "utt2dur")]
    if "/" not in given:
        return [*tables, f"{folder}/vad.scp", *archives_of_vad(given)]
    vad = f"{folder}/vad.scp"
    return [*tables, *([vad] if os.path.exists(vad) else [])]


def parts_of_simulation(wildcards):
    """The corpus parts that rooms and noises of a set are drawn from."""
    kinds = [SIMULATED[wildcards.simulated][key] for key in ("rooms", "noise")]
    return sorted({part for kind in kinds if kind for part in kind["parts"]})


rule lay_out_conversations:
    """Draw who says what when; the reference is exact."""
    input:
        tables_of_speech,
    output:
        expand(
            "exp/simulation/{{simulated}}/{table}",
            table=["plan.tsv", "ref.rttm", "all.uem", "reco2dur", "reco2num_spk"],
        ),
    log:
        "logs/lay_out_conversations/{simulated}.log",
    benchmark:
        "exp/benchmark/lay_out_conversations/{simulated}.tsv"
    threads: CLUSTER.threads("lay_out_conversations")
    resources:
        **CLUSTER.resources("lay_out_conversations"),
    params:
        config=lambda wildcards: slice_of(
            f"simulation/sets/{wildcards.simulated}", without=["rooms", "noise"]
        ),
        data=lambda wildcards: speech_of(wildcards.simulated),
    shell:
        "python -m steps_py.stages.lay_out_conversations --name {wildcards.simulated}"
        " --config {params.config:q} --data {params.data:q}"
        " --out exp/simulation/{wildcards.simulated} > {log} 2>&1"


rule mix_conversations:
    """Write the sounds of one part of the conversations, with rooms and noise."""
    input:
        plan="exp/simulation/{simulated}/plan.tsv",
        wav=lambda wildcards: f"{speech_of(wildcards.simulated)}/wav.scp",
        parts=lambda wildcards: expand(
            "data/parts/{part}/{table}",
            part=parts_of_simulation(wildcards),
            table=["wav.scp", "utt2dur"],
        ),
        own=own_inputs(SIMULATED),
    output:
        directory("exp/simulation/{simulated}/sounds.{scatteritem}"),
    log:
        "logs/mix_conversations/{simulated}.{scatteritem}.log",
    benchmark:
        "exp/benchmark/mix_conversations/{simulated}.{scatteritem}.tsv"
    threads: CLUSTER.threads("mix_conversations")
    resources:
        **CLUSTER.resources("mix_conversations"),
    params:
        config=lambda wildcards: slice_of(
            f"simulation/sets/{wildcards.simulated}", only=["speech", "rooms", "noise", "seed"]
        ),
        parts=lambda wildcards: [
            f"--part {part}=data/parts/{part}" for part in parts_of_simulation(wildcards)
        ],
    shell:
        "python -m steps_py.stages.mix_conversations --plan {input.plan}"
        " --slice {wildcards.scatteritem} --config {params.config:q} --wav {input.wav:q}"
        " {params.parts} --out {output} > {log} 2>&1"


rule gather_conversations:
    """Join the tables of the parts: the set is a data directory of recordings."""
    input:
        durations="exp/simulation/{simulated}/reco2dur",
        sounds=gather.simulation("exp/simulation/{{simulated}}/sounds.{scatteritem}"),
    output:
        "exp/simulation/{simulated}/wav.scp",
    log:
        "logs/gather_conversations/{simulated}.log",
    benchmark:
        "exp/benchmark/gather_conversations/{simulated}.tsv"
    group:
        "gathers"
    threads: CLUSTER.threads("gather_conversations")
    resources:
        **CLUSTER.resources("gather_conversations"),
    params:
        tables=lambda wildcards, input: [f"{folder}/wav.scp" for folder in input.sounds],
    shell:
        "python -m steps_py.stages.gather_tables --keys {input.durations} --out {output}"
        " {params.tables} > {log} 2>&1"


WILDCARD_VALUES |= {"simulated": list(SIMULATED)}
