# extractor + back-end + scores -> results/system.swx    config: system      library: steps_py/system/
from steps_py.system.choice import chosen_system

try:
    SCORED_BY = chosen_system(SYSTEMS, config["system"]["scores"])
except StepsError as error:
    sys.exit(str(error))


def chain_of_system():
    """The chain of the file's scoring system; none where no system scores without the recipe."""
    return SYSTEMS.kept(SCORED_BY) if SCORED_BY else []


def files_of_chain(chain):
    """The files of all links, of the systems that one joins too."""
    for link in chain:
        yield from link["files"]
        for other in link.get("systems", []):
            yield from files_of_chain(other)


def lists_of_calibration():
    """Trial lists that scores are calibrated on where no step does: name -> its files."""
    if not SCORED_BY or SYSTEMS.calibrated(SCORED_BY):
        return {}
    lists = config["system"]["calibrate_on"]
    lists = TRIALS[:1] if lists is None else lists
    return {name: [f"data/trials/{name}", f"exp/scores/{SCORED_BY}/{name}"] for name in lists}


def corpora_of_training():
    """The corpora of the training sets and of the augmentation: name -> type."""
    trained = ["train"] if NETWORK else [UBM["train_set"], IVECTOR["train_set"]]
    sets = [*trained, *config["backend"]["train_sets"]]
    parts = [part for dset in sets for part in config["data"]["sets"].get(dset, [])]
    names = {part.partition(".")[0] for part in [*parts, *AUGMENT_PARTS]}
    corpora = config["data"]["corpora"]
    made = config["data"]["synthetic"]
    return {
        name: "synthetic" if made else corpora[name].get("type", name) for name in sorted(names)
    }


def options_of_ivectors():
    """How i-vectors are computed of recordings, for the file, which is used without the recipe."""
    of_frames = {name: UBM[name] for name in ("delta_order", "delta_window_frames")}
    cmvn = {name: config["cmvn"][name] for name in ("window_frames", "norm_vars")}
    options = {
        "ubm": FULL_UBM,
        "front_end": json.loads(front_end()),
        "cmvn": cmvn,
        "gaussians": {**of_frames, **POSTERIORS},
    }
    return ["--ivector", json.dumps(options)]


if NETWORK:
    OF_EXTRACTOR, OPTIONS_OF_EXTRACTOR, OWN = {}, {}, [config["model"], config["feats"]]
else:
    OF_EXTRACTOR = {"ubm": FULL_UBM, "confs": [input_file(conf) for conf in CONFS]}
    OPTIONS_OF_EXTRACTOR = {
        "ivector": options_of_ivectors(),
        "confs": digest_of_files([recipe_file(conf) for conf in CONFS]),
    }
    OWN = [config["feats"]]


rule write_system:
    """The finished recipe in one file, which embeds, verifies and identifies without it."""
    input:
        **OF_EXTRACTOR,
        model=TRAINED[-1],
        manifest="results/manifest.json",
        chain=sorted(set(files_of_chain(chain_of_system()))),
        lists=[path for paths in lists_of_calibration().values() for path in paths],
        own=own_inputs(*OWN, config["scores"]["systems"]),
    output:
        "results/system.swx",
    log:
        "logs/write_system.log",
    benchmark:
        "exp/benchmark/write_system.tsv"
    group:
        "backend"
    threads: CLUSTER.threads("write_system")
    resources:
        **CLUSTER.resources("write_system"),
    params:
        **OPTIONS_OF_EXTRACTOR,
        config=slice_of("system"),
        xvectors=slice_of("xvectors", without=["device", "engine", "num_jobs", "num_threads"]),
        scoring=json.dumps(
            {
                "scored_by": SCORED_BY,
                "chain": chain_of_system(),
                "is_calibrated": bool(SCORED_BY) and SYSTEMS.calibrated(SCORED_BY),
                "lists": lists_of_calibration(),
            }
        ),
        corpora=json.dumps(corpora_of_training()),
    shell:
        "python -m steps_py.stages.write_system --model {input.model:q}"
        + " {params.ivector:q}" * (not NETWORK)
        + ""
        " --manifest {input.manifest:q} --config {params.config:q} --xvectors {params.xvectors:q}"
        " --scoring {params.scoring:q} --corpora {params.corpora:q} --own-files {input.own:q}"
        " --out {output:q} > {log:q} 2>&1"
