# recordings + extractor -> results/<set>.rttm, results/<set>_der.txt
# config: diarization        library: steps_py/conversations/, steps_py/diarization/
from steps_py.segmentation.config import trained_sets

DIARIZATION = config["diarization"]
CONVERSATIONS = list(DIARIZATION["sets"])
DIARIZERS = list(DIARIZATION["systems"])
VOTES = list(DIARIZATION["fuse"])
REFERENCED = [name for name, given in DIARIZATION["sets"].items() if given["rttm"]]
TUNED = list(DIARIZATION["tune"]["values"]) if DIARIZATION["tune"] else []
EXTRACTOR = DIARIZATION["extractor"] or "exp/model/final.pt"
RESEGMENTED = [f"{name}_resegmented" for name in DIARIZERS] if DIARIZATION["resegmentation"] else []
CLUSTERED = RESEGMENTED or DIARIZERS  # what a second speaker is added to
OVERLAPPED = [f"{name}_overlap" for name in CLUSTERED] if DIARIZATION["overlap"] else []
RESULT = DIARIZATION["result"] or (OVERLAPPED or CLUSTERED)[0]
OVERLAP_NETWORK = [DIARIZATION["overlap"]["network"]] if DIARIZATION["overlap"] else []
SPEECH_NETWORK = [DIARIZATION["speech"]["network"]] if "network" in DIARIZATION["speech"] else []
END_TO_END = DIARIZATION["end_to_end"]
LOCAL_DIARIZERS = list(END_TO_END["systems"]) if END_TO_END else []
AS_READ = ["recordings", "channel", "resample"]  # of a set, for the stages that read its sounds


wildcard_constraints:
    conversations="|".join(CONVERSATIONS),
    referenced="|".join(REFERENCED) or "none",
    diarizer="|".join(DIARIZERS),
    vote="|".join(VOTES) or "none",
    clustered="|".join(CLUSTERED),
    local_diarizer="|".join(LOCAL_DIARIZERS) or "none",
    tuned="|".join(TUNED) or "none",


def sources_of_conversations(wildcards):
    """A digest of the tables of a set, and of the names, sizes and times of its recordings."""
    given = DIARIZATION["sets"][wildcards.conversations]
    if tables_of_simulation(wildcards):
        return ""
    tables = [given[key] for key in ("list", "rttm", "uem", "lab", "reco2num_spk") if given[key]]
    files = [digest_of_made(path) for path in tables]
    return " ".join([*files, state_of_audio(given["recordings"])])


def tables_of_simulation(wildcards):
    """The tables of a set that the recipe simulates itself; none of other sets."""
    folder = DIARIZATION["sets"][wildcards.conversations]["recordings"].rstrip("/")
    if not folder.startswith("exp/simulation/"):
        return []
    return [f"{folder}/{name}" for name in ("wav.scp", "ref.rttm", "all.uem", "reco2num_spk")]


def options_of_diarizer(wildcards):
    """The section of a system of diarization.systems, as JSON with the clusterer's name."""
    name = wildcards.get("diarizer") or wildcards.tuned
    return json.dumps({"name": name, **CANONICAL["diarization"].get("systems", {}).get(name, {})})


def options_of_local_diarizer(wildcards):
    """The same of a system of diarization.end_to_end.systems."""
    name = wildcards.local_diarizer
    return json.dumps({"name": name, **CANONICAL["diarization"]["end_to_end"]["systems"][name]})


def tuned_of_diarizer(wildcards):
    """The options of a system that were chosen on the development set, if some were."""
    return [f"exp/diarization/{wildcards.diarizer}.json"] if wildcards.diarizer in TUNED else []


def windows_of(conversations):
    """What a clusterer reads of a set."""
    return {
        "segments": f"exp/diarization/{conversations}/segments",
        "scp": f"exp/diarization/{conversations}/xvector.scp",
        "ark": f"exp/diarization/{conversations}/xvector.ark",
        "num_spk": f"data/{conversations}/reco2num_spk",
        "plda": input_file(DIARIZATION["plda"]) if DIARIZATION["plda"] else [],
    }


rule prepare_conversations:
    """List the recordings of a set, and check its reference, regions and numbers of speakers."""
    input:
        tables_of_simulation,
    output:
        expand(
            "data/{{conversations}}/{table}",
            table=["wav.scp", "reco2dur", "reco2num_spk", "ref.rttm", "all.uem", "speech.lab"],
        ),
    log:
        "logs/prepare_conversations/{conversations}.log",
    benchmark:
        "exp/benchmark/prepare_conversations/{conversations}.tsv"
    threads: CLUSTER.threads("prepare_conversations")
    resources:
        **CLUSTER.resources("prepare_conversations"),
    params:
        config=lambda wildcards: slice_of(f"diarization/sets/{wildcards.conversations}"),
        sources=sources_of_conversations,
    shell:
        "python -m steps_py.stages.prepare_conversations --config {params.config:q}"
        " --out data/{wildcards.conversations} > {log} 2>&1"


rule find_speech:
    """The stretches of each recording in which somebody speaks."""
    input:
        expand(
            "data/{{conversations}}/{table}",
            table=["wav.scp", "reco2dur", "ref.rttm", "speech.lab"],
        ),
        extractor=EXTRACTOR.replace("{", "{{").replace("}", "}}"),
        own=own_inputs(DIARIZATION["speech"]),
        network=SPEECH_NETWORK,
    output:
        "exp/diarization/{conversations}/speech",
    log:
        "logs/find_speech/{conversations}.log",
    benchmark:
        "exp/benchmark/find_speech/{conversations}.tsv"
    threads: CLUSTER.threads("find_speech")
    resources:
        **CLUSTER.resources("find_speech"),
    params:
        speech=slice_of("diarization/speech"),
        set=lambda wildcards: slice_of(f"diarization/sets/{wildcards.conversations}", only=AS_READ),
    shell:
        "python -m steps_py.stages.find_speech --speech {params.speech:q} --set {params.set:q}"
        " --extractor {input.extractor:q} --data data/{wildcards.conversations} --out {output}"
        " > {log} 2>&1"


rule cut_windows:
    """Uniform windows of the speech."""
    input:
        "exp/diarization/{conversations}/speech",
    output:
        "exp/diarization/{conversations}/segments",
    log:
        "logs/cut_windows/{conversations}.log",
    benchmark:
        "exp/benchmark/cut_windows/{conversations}.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("cut_windows")
    resources:
        **CLUSTER.resources("cut_windows"),
    params:
        config=slice_of("diarization/windows"),
    shell:
        "python -m steps_py.stages.cut_windows --config {params.config:q} --speech {input}"
        " --out {output} > {log} 2>&1"


rule embed_windows:
    """X-vectors of the windows, from features that are computed once for each recording."""
    input:
        wav="data/{conversations}/wav.scp",
        segments="exp/diarization/{conversations}/segments",
        extractor=EXTRACTOR.replace("{", "{{").replace("}", "}}"),
    output:
        ark="exp/diarization/{conversations}/xvector.ark",
        scp="exp/diarization/{conversations}/xvector.scp",
    log:
        "logs/embed_windows/{conversations}.log",
    benchmark:
        "exp/benchmark/embed_windows/{conversations}.tsv"
    threads: CLUSTER.threads("embed_windows")
    resources:
        **CLUSTER.resources("embed_windows"),
    params:
        xvectors=slice_of("xvectors", without=["engine", "num_jobs", "copies"]),
        set=lambda wildcards: slice_of(f"diarization/sets/{wildcards.conversations}", only=AS_READ),
    shell:
        "python -m steps_py.stages.embed_windows --xvectors {params.xvectors:q}"
        " --set {params.set:q} --extractor {input.extractor:q}"
        " --data data/{wildcards.conversations} --segments {input.segments}"
        " --out-ark {output.ark} --out-scp {output.scp} > {log} 2>&1"


rule tune_diarizer:
    """Choose options of a clusterer by the error rate of the development set."""
    input:
        unpack(lambda wildcards: windows_of(DIARIZATION["tune"]["set"])),
        reference=lambda wildcards: f"data/{DIARIZATION['tune']['set']}/ref.rttm",
        regions=lambda wildcards: f"data/{DIARIZATION['tune']['set']}/all.uem",
        own=own_inputs(DIARIZATION["systems"]),
    output:
        "exp/diarization/{tuned}.json",
    log:
        "logs/tune_diarizer/{tuned}.log",
    benchmark:
        "exp/benchmark/tune_diarizer/{tuned}.tsv"
    threads: CLUSTER.threads("tune_diarizer")
    resources:
        **CLUSTER.resources("tune_diarizer"),
    params:
        system=options_of_diarizer,
        values=lambda wildcards: slice_of(f"diarization/tune/values/{wildcards.tuned}"),
        config=slice_of("diarization", only=["known_num_speakers", "max_speakers"]),
        scoring=slice_of("diarization/scoring", only=["collar_sec", "score_overlap"]),
        plda=lambda wildcards, input: f"--plda {input.plda}" if input.plda else "",
    shell:
        "python -m steps_py.stages.tune_diarizer --system {params.system:q}"
        " --values {params.values:q} --config {params.config:q} --scoring {params.scoring:q}"
        " --segments {input.segments} --xvectors {input.scp} --num-speakers {input.num_spk}"
        " {params.plda} --reference {input.reference} --regions {input.regions} --out {output}"
        " > {log} 2>&1"


rule cluster_windows:
    """Who speaks in each window, joined to turns."""
    input:
        unpack(lambda wildcards: windows_of(wildcards.conversations)),
        tuned=tuned_of_diarizer,
        own=own_inputs(DIARIZATION["systems"]),
    output:
        "exp/diarization/{conversations}/{diarizer}.rttm",
    log:
        "logs/cluster_windows/{conversations}.{diarizer}.log",
    benchmark:
        "exp/benchmark/cluster_windows/{conversations}.{diarizer}.tsv"
    threads: CLUSTER.threads("cluster_windows")
    resources:
        **CLUSTER.resources("cluster_windows"),
    params:
        system=options_of_diarizer,
        config=slice_of("diarization", only=["known_num_speakers", "max_speakers"]),
        tuned=lambda wildcards, input: f"--tuned {input.tuned}" if input.tuned else "",
        plda=lambda wildcards, input: f"--plda {input.plda}" if input.plda else "",
    shell:
        "python -m steps_py.stages.cluster_windows --system {params.system:q}"
        " --config {params.config:q} --segments {input.segments} --xvectors {input.scp}"
        " --num-speakers {input.num_spk} {params.plda} {params.tuned} --out {output}"
        " > {log} 2>&1"


rule fuse_diarizers:
    """The vote of several systems, by DOVER-Lap."""
    input:
        lambda wildcards: expand(
            "exp/diarization/{conversations}/{diarizer}.rttm",
            conversations=wildcards.conversations,
            diarizer=DIARIZATION["fuse"][wildcards.vote],
        ),
    output:
        "exp/diarization/{conversations}/{vote}.rttm",
    log:
        "logs/fuse_diarizers/{conversations}.{vote}.log",
    benchmark:
        "exp/benchmark/fuse_diarizers/{conversations}.{vote}.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("fuse_diarizers")
    resources:
        **CLUSTER.resources("fuse_diarizers"),
    shell:
        "python -m steps_py.stages.fuse_diarizers --out {output} {input} > {log} 2>&1"


rule resegment_windows:
    """The speakers of windows, found again after the clustering."""
    input:
        unpack(lambda wildcards: windows_of(wildcards.conversations)),
        turns="exp/diarization/{conversations}/{diarizer}.rttm",
        own=own_inputs(DIARIZATION["resegmentation"] or {}),
    output:
        "exp/diarization/{conversations}/{diarizer}_resegmented.rttm",
    log:
        "logs/resegment_windows/{conversations}.{diarizer}.log",
    threads: CLUSTER.threads("resegment_windows")
    resources:
        **CLUSTER.resources("resegment_windows"),
    params:
        config=json.dumps(CANONICAL["diarization"].get("resegmentation")),
        plda=lambda wildcards, input: f"--plda {input.plda}" if input.plda else "",
    shell:
        "python -m steps_py.stages.resegment_windows --config {params.config:q}"
        " --turns {input.turns} --segments {input.segments} --xvectors {input.scp} {params.plda}"
        " --out {output} > {log} 2>&1"


rule find_overlap:
    """The stretches of each recording in which several speak."""
    input:
        expand("data/{{conversations}}/{table}", table=["wav.scp", "ref.rttm", "speech.lab"]),
        network=OVERLAP_NETWORK,
    output:
        "exp/diarization/{conversations}/overlap",
    log:
        "logs/find_overlap/{conversations}.log",
    benchmark:
        "exp/benchmark/find_overlap/{conversations}.tsv"
    threads: CLUSTER.threads("find_overlap")
    resources:
        **CLUSTER.resources("find_overlap"),
    params:
        config=slice_of("diarization/overlap", without=["second"]) if OVERLAPPED else "",
        set=lambda wildcards: slice_of(f"diarization/sets/{wildcards.conversations}", only=AS_READ),
    shell:
        "python -m steps_py.stages.find_overlap --config {params.config:q} --set {params.set:q}"
        " --data data/{wildcards.conversations} --out {output} > {log} 2>&1"


rule add_second_speakers:
    """A second speaker where several speak."""
    input:
        unpack(lambda wildcards: windows_of(wildcards.conversations)),
        turns="exp/diarization/{conversations}/{clustered}.rttm",
        overlaps="exp/diarization/{conversations}/overlap",
        own=own_inputs(DIARIZATION["overlap"] or {}),
    output:
        "exp/diarization/{conversations}/{clustered}_overlap.rttm",
    log:
        "logs/add_second_speakers/{conversations}.{clustered}.log",
    threads: CLUSTER.threads("add_second_speakers")
    resources:
        **CLUSTER.resources("add_second_speakers"),
    params:
        second=(
            json.dumps(CANONICAL["diarization"]["overlap"].get("second", {})) if OVERLAPPED else ""
        ),
        plda=lambda wildcards, input: f"--plda {input.plda}" if input.plda else "",
    shell:
        "python -m steps_py.stages.add_second_speakers --second {params.second:q}"
        " --turns {input.turns} --overlaps {input.overlaps} --segments {input.segments}"
        " --xvectors {input.scp} {params.plda} --out {output} > {log} 2>&1"


rule find_local_speakers:
    """The speakers of windows, as a network hears them, and their x-vectors."""
    input:
        expand("data/{{conversations}}/{table}", table=["wav.scp", "ref.rttm", "speech.lab"]),
        extractor=EXTRACTOR.replace("{", "{{").replace("}", "}}"),
        network=END_TO_END["network"] if END_TO_END else [],
    output:
        expand(
            "exp/diarization/{{conversations}}/{table}",
            table=["local.ark", "local_xvector.ark", "local_shift"],
        ),
    log:
        "logs/find_local_speakers/{conversations}.log",
    benchmark:
        "exp/benchmark/find_local_speakers/{conversations}.tsv"
    threads: CLUSTER.threads("find_local_speakers")
    resources:
        **CLUSTER.resources("find_local_speakers"),
    params:
        config=slice_of("diarization/end_to_end", only=["step_sec", "min_sec"]),
        xvectors=slice_of("xvectors", without=["num_jobs", "copies"]),
        set=lambda wildcards: slice_of(f"diarization/sets/{wildcards.conversations}", only=AS_READ),
    shell:
        "python -m steps_py.stages.find_local_speakers --config {params.config:q}"
        " --network {input.network:q}"
        " --xvectors {params.xvectors:q} --set {params.set:q} --extractor {input.extractor:q}"
        " --data data/{wildcards.conversations} --out exp/diarization/{wildcards.conversations}"
        " > {log} 2>&1"


rule cluster_local_speakers:
    """The same speakers in all windows, by clusters of x-vectors, and their turns."""
    input:
        rules.find_local_speakers.output,
        num_spk="data/{conversations}/reco2num_spk",
        plda=input_file(DIARIZATION["plda"]) if DIARIZATION["plda"] else [],
        own=own_inputs(END_TO_END or {}),
    output:
        "exp/diarization/{conversations}/{local_diarizer}.rttm",
    log:
        "logs/cluster_local_speakers/{conversations}.{local_diarizer}.log",
    benchmark:
        "exp/benchmark/cluster_local_speakers/{conversations}.{local_diarizer}.tsv"
    threads: CLUSTER.threads("cluster_local_speakers")
    resources:
        **CLUSTER.resources("cluster_local_speakers"),
    params:
        system=options_of_local_diarizer,
        config=slice_of("diarization", only=["known_num_speakers", "max_speakers"]),
        local=slice_of("diarization/end_to_end", only=["min_sec", "max_pause_sec"]),
        plda=lambda wildcards, input: f"--plda {input.plda}" if input.plda else "",
    shell:
        "python -m steps_py.stages.cluster_local_speakers --system {params.system:q}"
        " --config {params.config:q} --local {params.local:q}"
        " --windows exp/diarization/{wildcards.conversations} --num-speakers {input.num_spk}"
        " {params.plda} --out {output} > {log} 2>&1"


rule write_rttm:
    """The turns by the system that diarization.result names, or the first after all its steps."""
    input:
        f"exp/diarization/{{conversations}}/{RESULT}.rttm",
    output:
        report("results/{conversations}.rttm", category="Diarization"),
    log:
        "logs/write_rttm/{conversations}.log",
    group:
        "tables"
    threads: CLUSTER.threads("write_rttm")
    resources:
        **CLUSTER.resources("write_rttm"),
    shell:
        "cp {input} {output} 2> {log}"


rule score_diarization:
    """Diarization error rates of all systems, with parts, per recording and in total."""
    input:
        reference="data/{referenced}/ref.rttm",
        regions="data/{referenced}/all.uem",
        systems=expand(
            "exp/diarization/{{referenced}}/{system}.rttm",
            system=[*DIARIZERS, *VOTES, *RESEGMENTED, *OVERLAPPED, *LOCAL_DIARIZERS],
        ),
        tuned=expand("exp/diarization/{tuned}.json", tuned=TUNED),
    output:
        table=report("results/{referenced}_der.txt", category="Diarization"),
        tsv="results/{referenced}_der.tsv",
    log:
        "logs/score_diarization/{referenced}.log",
    benchmark:
        "exp/benchmark/score_diarization/{referenced}.tsv"
    threads: CLUSTER.threads("score_diarization")
    resources:
        **CLUSTER.resources("score_diarization"),
    params:
        scoring=slice_of("diarization/scoring"),
        speech=DIARIZATION["speech"]["name"],
        tune=slice_of("diarization/tune", only=["set"]) if TUNED else "{}",
        tuned=lambda wildcards, input: f"--tuned {input.tuned}" if input.tuned else "",
    shell:
        "python -m steps_py.stages.score_diarization --name {wildcards.referenced}"
        " --scoring {params.scoring:q} --speech {params.speech:q} --tune {params.tune:q}"
        " --reference {input.reference} --regions {input.regions} --systems {input.systems}"
        " {params.tuned} --out {output.table} --out-tsv {output.tsv} > {log} 2>&1"


# sets that networks are trained on have no results
REPORTED = [name for name in CONVERSATIONS if name not in trained_sets(config)]
RESULTS_OF_DIARIZATION = [
    *expand("results/{conversations}.rttm", conversations=REPORTED),
    *expand("results/{referenced}_der.txt", referenced=[n for n in REPORTED if n in REFERENCED]),
]
WILDCARD_VALUES |= {
    "conversations": CONVERSATIONS,
    "referenced": REFERENCED,
    "diarizer": DIARIZERS,
    "vote": VOTES,
    "tuned": TUNED,
}
