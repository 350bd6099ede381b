# corpora -> data/<set>/{wav.scp,utt2spk,spk2utt,utt2dur}, data/trials/<trials>
# config: data        library: local/<corpus>.py, steps_py/data/corpora.py, steps_py/data/data_dir.py


def part_options(wildcards):
    """The options of a corpus for listing its recordings: all but its trial lists."""
    options = dict(config["data"]["corpora"][wildcards.corpus])
    options.pop("trials", None)
    return json.dumps(options)


def corpus_of(name):
    return load_corpus(name, config["data"]["corpora"][name])


def own_files_of_corpus(name):
    """The recipe's own files with a corpus's class."""
    return own_files(config["data"]["corpora"][name].get("type", name))


def sources_of_part(wildcards):
    """A digest of the sources of a part: tables, lists and recordings.

    If the corpus is not mounted and the part is prepared already, the digest of that time.
    """
    if config["data"]["synthetic"]:  # its parts depend on the folder corpus/ instead
        return corpus_of(wildcards.corpus).state_of_part(wildcards.part, watch_audio=False)
    corpus = corpus_of(wildcards.corpus)
    known = Path(f"data/parts/{wildcards.corpus}.{wildcards.part}/sources")
    if corpus.missing([wildcards.part]) and known.is_file():
        return known.read_text().strip()
    return corpus.state_of_part(wildcards.part, config["data"]["watch_audio"])


def sources_of_trials(wildcards):
    """A digest of the source files of a trial list, or that of its preparation, likewise."""
    trials = trials_of(wildcards)
    corpus, name = corpus_of(trials["corpus"]), trials.get("list") or wildcards.trials
    known = Path(f"data/trials/{wildcards.trials}.sources")
    if not config["data"]["synthetic"] and corpus.missing(lists=[name]) and known.is_file():
        return known.read_text().strip()
    return digest_of_files(corpus.list_read(name))


def parts_of(table):
    """The paths of a table of all corpus parts of one set."""

    def get(wildcards):
        parts = config["data"]["sets"][wildcards.clean]
        return [f"data/parts/{part}/{table}" for part in parts]

    return get


def trials_of(wildcards):
    return config["data"]["trials"][wildcards.trials]


def sources_of_models(wildcards):
    """A digest of the file of a list of models, the recipe's or the corpus's."""
    models = MODELS[wildcards.models]
    if models.get("file") is not None:
        return digest_of_file(recipe_file(models["file"]))
    name = models.get("list") or wildcards.models
    return digest_of_files(corpus_of(models["corpus"]).models_read(name))


def source_of_models(wildcards):
    """Options of the stage prepare_models: which list of models it reads."""
    models = MODELS[wildcards.models]
    if models.get("file") is not None:
        return {"models": recipe_file(models["file"])}
    options = config["data"]["corpora"][models["corpus"]]
    return {
        "corpus": models["corpus"],
        "list": models.get("list") or wildcards.models,
        "options": json.dumps(options),
    }


def corpora_behind(wildcards):
    """The options of the corpora of both sets of a made trial list, by name."""
    sets = behind_models(trials_of(wildcards)[side] for side in ("enroll", "test"))
    names = {part.partition(".")[0] for dset in sets for part in config["data"]["sets"][dset]}
    return {name: config["data"]["corpora"][name] for name in sorted(names)}


def genders_of_trials(wildcards):
    """A digest of the files that say the genders of the speakers of a made trial list."""
    path = trials_of(wildcards).get("genders")
    if path is not None:
        return digest_of_file(recipe_file(path))
    files = [file for name in corpora_behind(wildcards) for file in corpus_of(name).genders_read()]
    return digest_of_files(files)


if config["data"]["synthetic"]:

    rule make_corpus:
        """Synthesise the recipe's small corpus, noises and room responses included."""
        output:
            directory("corpus"),
        log:
            "logs/make_corpus.log",
        benchmark:
            "exp/benchmark/make_corpus.tsv"
        threads: CLUSTER.threads("make_corpus")
        resources:
            **CLUSTER.resources("make_corpus"),
        params:
            name=config["data"]["synthetic"]["name"],
            config=slice_of("data/synthetic/config"),
        shell:
            "python -m steps_py.stages.make_corpus --name {params.name:q}"
            " --config {params.config:q} --out {output} > {log} 2>&1"


rule prepare_part:
    """List one part of a corpus, and check the header of every recording."""
    input:
        corpus="corpus" if config["data"]["synthetic"] else [],
        own=lambda wildcards: own_files_of_corpus(wildcards.corpus),
    output:
        wav="data/parts/{corpus}.{part}/wav.scp",
        utt2spk="data/parts/{corpus}.{part}/utt2spk",
        utt2dur="data/parts/{corpus}.{part}/utt2dur",
        sources="data/parts/{corpus}.{part}/sources",
    log:
        "logs/prepare_part/{corpus}.{part}.log",
    benchmark:
        "exp/benchmark/prepare_part/{corpus}.{part}.tsv"
    threads: CLUSTER.threads("prepare_part")
    resources:
        **CLUSTER.resources("prepare_part"),
    params:
        **PIPES,
        options=part_options,
        sources=sources_of_part,
    shell:
        "(python -m steps_py.stages.prepare_part --name {wildcards.corpus:q}"
        " --part {wildcards.part:q} --options {params.options:q} --threads {threads}"
        " --out $(dirname {output.wav:q})"
        " && echo {params.sources:q} > {output.sources:q}) > {log:q} 2>&1"


rule combine_parts:
    """Join corpus parts to a data directory; a duplicate key is an error."""
    input:
        wav=parts_of("wav.scp"),
        utt2spk=parts_of("utt2spk"),
        utt2dur=parts_of("utt2dur"),
    output:
        wav="data/{clean}/wav.scp",
        utt2spk="data/{clean}/utt2spk",
        spk2utt="data/{clean}/spk2utt",
        utt2dur="data/{clean}/utt2dur",
    log:
        "logs/combine_parts/{clean}.log",
    benchmark:
        "exp/benchmark/combine_parts/{clean}.tsv"
    wildcard_constraints:
        clean="|".join(SETS),
    group:
        "tables"
    threads: CLUSTER.threads("combine_parts")
    resources:
        **CLUSTER.resources("combine_parts"),
    shell:
        "python -m steps_py.stages.combine_parts --parts $(dirname {input.wav:q})"
        " --out data/{wildcards.clean} > {log} 2>&1"


def batches_of_training():
    """The keys of section train that decide how many speakers a batch needs, of each stage."""
    keys, of_recipe = ("sampler", "batch_size"), CANONICAL.get("train", {})
    train = {key: of_recipe[key] for key in keys if key in of_recipe}
    stages = of_recipe.get("stages", [])
    stages = [{key: stage[key] for key in keys if key in stage} for stage in stages]
    return train | ({"stages": stages} if stages else {})


# a parameter of check_sets, if speakers may be trained on; none by default
CLOSED_SET = {"closed_set": "--closed-set"} if config["data"]["closed_set"] else {}


rule check_sets:
    """Check all sets together: disjoint speakers, and enough of them for the batches of training."""
    input:
        expand("data/{clean}/utt2spk", clean=SETS),
        expand("data/{clean}/utt2dur", clean=SETS),
        own=own_inputs(batches_of_training()),
    output:
        "data/sets.tsv",
    log:
        "logs/check_sets.log",
    benchmark:
        "exp/benchmark/check_sets.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("check_sets")
    resources:
        **CLUSTER.resources("check_sets"),
    params:
        **CLOSED_SET,
        train=expand("data/{clean}", clean=[s for s in SETS if s not in TRIAL_SETS]),
        test=expand("data/{clean}", clean=TRIAL_SETS),
        # clusters, whose number is not known yet, are speakers too
        batches=json.dumps({} if PSEUDO or not NETWORK else batches_of_training()),
        held_out=config["chunks"]["num_valid_speakers"] if config["chunks"] else 0,
        speeds=len(speeds_of_training()) if FROM_AUDIO else 1,
    shell:
        "python -m steps_py.stages.check_sets --train {params.train} --test {params.test}"
        " --batches {params.batches:q} --batches-of data/train --held-out {params.held_out}"
        " --speeds {params.speeds}"
        + (" {params.closed_set}" if CLOSED_SET else "")
        + " --out {output} > {log} 2>&1"


rule prepare_models:
    """The models that enrolments of several utterances make: their utterances and speakers."""
    input:
        models=lambda wildcards: [
            input_file(path) for path in [MODELS[wildcards.models].get("file")] if path
        ],
        tables=lambda wildcards: [
            f"data/{MODELS[wildcards.models]['of']}/{table}" for table in ("utt2spk", "utt2dur")
        ],
    output:
        expand("data/{{models}}/{table}", table=["spk2utt", "utt2spk", "utt2dur"]),
    log:
        "logs/prepare_models/{models}.log",
    benchmark:
        "exp/benchmark/prepare_models/{models}.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("prepare_models")
    resources:
        **CLUSTER.resources("prepare_models"),
    params:
        digest=sources_of_models,
        data=lambda wildcards: f"data/{MODELS[wildcards.models]['of']}",
        source=lambda wildcards: [f"--{k}={v}" for k, v in source_of_models(wildcards).items()],
    shell:
        "python -m steps_py.stages.prepare_models {params.source:q} --data {params.data}"
        " --out data/{wildcards.models} > {log:q} 2>&1"


MADE = [name for name, trials in config["data"]["trials"].items() if trials.get("make")]
LISTED = [name for name in TRIALS if name not in MADE]


rule make_trials:
    """Pair two sets by a rule, with a checksum of the list."""
    input:
        tables=lambda wildcards: [
            f"data/{trials_of(wildcards)[side]}/utt2spk" for side in ("enroll", "test")
        ],
        models=lambda wildcards: [
            f"data/{name}/spk2utt" for name in MODELS if name == trials_of(wildcards)["enroll"]
        ],
        genders=lambda wildcards: [
            input_file(path) for path in [trials_of(wildcards).get("genders")] if path
        ],
        own=lambda wildcards: own_inputs(trials_of(wildcards)["make"]),
    output:
        trials="data/trials/{trials}",
        checksum="data/trials/{trials}.sha256",
    log:
        "logs/make_trials/{trials}.log",
    benchmark:
        "exp/benchmark/make_trials/{trials}.tsv"
    wildcard_constraints:
        trials="|".join(MADE) or "none",
    group:
        "tables"
    threads: CLUSTER.threads("make_trials")
    resources:
        **CLUSTER.resources("make_trials"),
    params:
        make=lambda wildcards: json.dumps(trials_of(wildcards)["make"]),
        corpora=lambda wildcards: json.dumps(corpora_behind(wildcards)),
        digest=genders_of_trials,
    shell:
        "python -m steps_py.stages.make_trials --make {params.make:q} --enroll {input.tables[0]:q}"
        " --test {input.tables[1]:q} --models {input.models:q} --genders {input.genders:q}"
        " --corpora {params.corpora:q} --out {output.trials:q} > {log:q} 2>&1"


rule prepare_trials:
    """Convert a corpus's list to `enroll test target|nontarget`; every key must be known."""
    input:
        enroll=lambda wildcards: f"data/{trials_of(wildcards)['enroll']}/utt2spk",
        test=lambda wildcards: f"data/{trials_of(wildcards)['test']}/utt2spk",
        own=lambda wildcards: own_files_of_corpus(trials_of(wildcards)["corpus"]),
    output:
        trials="data/trials/{trials}",
        sources="data/trials/{trials}.sources",
    log:
        "logs/prepare_trials/{trials}.log",
    benchmark:
        "exp/benchmark/prepare_trials/{trials}.tsv"
    wildcard_constraints:
        trials="|".join(LISTED) or "none",
    group:
        "tables"
    threads: CLUSTER.threads("prepare_trials")
    resources:
        **CLUSTER.resources("prepare_trials"),
    params:
        corpus=lambda wildcards: trials_of(wildcards)["corpus"],
        list=lambda wildcards: trials_of(wildcards).get("list") or wildcards.trials,
        options=lambda wildcards: json.dumps(
            config["data"]["corpora"][trials_of(wildcards)["corpus"]]
        ),
        sources=sources_of_trials,
    shell:
        "(python -m steps_py.stages.prepare_trials --name {params.corpus:q} --list {params.list:q}"
        " --options {params.options:q} --enroll {input.enroll} --test {input.test}"
        " --out {output.trials} && echo {params.sources:q} > {output.sources}) > {log} 2>&1"


rule expand_trials:
    """The parts of trials as a list: utterances of models, or copies, for the mean of their scores."""
    input:
        lambda wildcards: SYSTEMS.expand(wildcards.trials, wildcards.over).inputs,
    output:
        "data/trials/{trials}.{over}",
    log:
        "logs/expand_trials/{trials}.{over}.log",
    benchmark:
        "exp/benchmark/expand_trials/{trials}.{over}.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("expand_trials")
    resources:
        **CLUSTER.resources("expand_trials"),
    params:
        command=lambda wildcards: SYSTEMS.expand(wildcards.trials, wildcards.over).text,
    shell:
        "{params.command} > {log:q} 2>&1"
