# chunks -> exp/model/final.pt     config: model, train, cmvn, augment/online   library: steps_py/training/loop.py


def files_of_init():
    """The weights of another run that training is initialised from; exits if they are missing."""
    init = config["train"]["init"]
    if not init:
        return []
    head = [] if init["without_head"] else [str(Path(init["model"]).with_name("head.pt"))]
    missing = [path for path in [init["model"], *head] if not Path(path).exists()]
    if missing:
        sys.exit(
            f"train.init: {missing[0]} is not there. Train that model first; if only its head.pt"
            " is missing, set without_head: true."
        )
    return [init["model"], *head]


def files_of_teacher():
    """The trained network that this one is to resemble; exits if it is missing."""
    distillation = config["train"]["distillation"]
    if not distillation:
        return []
    model = distillation["teacher"]
    head = [str(Path(model).with_name("head.pt"))] if distillation["target"] == "logits" else []
    missing = [path for path in [model, *head] if not Path(path).exists()]
    if missing:
        sys.exit(
            f"train.distillation: {missing[0]} is not there. Train that model first, or correct"
            " the path."
        )
    return [model, *head]


def waveform_options():
    """Keys of other sections for training from audio, for the stage's --waveform."""
    online = config["augment"]["online"]
    options = {
        "type": config["feats"]["type"],
        "conf": recipe_file(config["feats"]["conf"]),
        "copies": config["augment"]["copies"] if online else {},
        "online": CANONICAL["augment"]["online"] if online else {"probability": 0},
        "parts": {part: f"data/parts/{part}" for part in AUGMENT_PARTS},
    }
    return ["--waveform", json.dumps(options)] if FROM_AUDIO else []


def files_of_audio():
    """Inputs of training from audio: noises and rooms, and the options of the features."""
    if not FROM_AUDIO:
        return []
    parts = AUGMENT_PARTS if config["augment"]["online"] else []
    sounds = expand("data/parts/{part}/{table}", part=parts, table=["wav.scp", "utt2dur"])
    return [input_file(config["feats"]["conf"]), *sounds]


def files_of_front_ends():
    """The files that front-ends of the network read; exits if one is missing."""
    chain = [name_and_options(element) for element in config["model"]["front_ends"]]
    folders = [options["folder"] for _, options in chain if options.get("folder")]
    try:
        return [path for folder in folders for path in files_of_folder(folder)]
    except StepsError as error:
        sys.exit(f"model.front_ends: {error}")


def files_of_losses():
    """The files that losses of train and its stages start from; exits if one is missing."""
    stages = [config["train"], *config["train"]["stages"]]
    paths = [path for stage in stages for path in files_of_loss(stage.get("loss", {}))]
    for path in paths:
        if not Path(path).exists():
            sys.exit(
                f"train.loss: {path} is not there. Make it by the recipe that it is of, or correct"
                " the path."
            )
    return paths


def objectives():
    """The sections of all objectives, of train and of its stages."""
    stages = [config["train"], *config["train"]["stages"]]
    return [section for stage in stages for section in stage.get("objectives", {}).values()]


def readers_of_tables():
    """The sections of objectives, and of samplers that read labels."""
    stages = [config["train"], *config["train"]["stages"]]
    samplers = [stage["sampler"] for stage in stages if "sampler" in stage]
    return objectives() + [section for section in samplers if section.get("labels")]


def tables_of_objectives():
    """The labels of utterances that objectives and samplers read, and the originals of copies."""
    readers = readers_of_tables()
    labels = sorted({section["labels"] for section in readers if section.get("labels")})
    tables = [f"data/train/utt2{name}" for name in labels]
    tables += sorted({s["frame_labels"] for s in readers if s.get("frame_labels")})
    return tables + ["data/train_augmented/utt2uniq"] * bool(readers and AUGMENTED)


def data_of_objectives():
    """The data directories with their tables, for the stage's --data."""
    folders = ["data/train", *(f"data/{dset}" for dset in AUGMENTED)]
    return ["--data", *folders] if readers_of_tables() else []


def files_of_unlabelled():
    """The utterances of train.unlabelled, and the archives of their features."""
    if not UNLABELLED:
        return []
    archives = archives_of_feats(UNLABELLED) + archives_of_vad(UNLABELLED)
    return ["exp/chunks/unlabelled.tsv", *archives]


def training_command(chunks, out):
    """The command of stage train_model.

    A scheduler sends SIGTERM to every process of the job before the end of the run time. The
    shell and tee must outlive the training, which handles it by writing a checkpoint.
    """
    return (
        "trap : TERM; python -m steps_py.cluster.gpu_lease --gpus {resources.gpu} --"
        " python -m steps_py.stages.train_model --config {params.train:q}"
        " --model {params.model:q} --cmvn {params.cmvn:q} --chunks-config {params.chunks:q}"
        " {params.waveform:q} --front-end {params.front_end:q}"
        f" --chunks {chunks} --out {out} --threads {{threads}} --gpus {{resources.gpu}}"
        " 2>&1 | (trap '' TERM; exec tee {log})"
    )


rule train_model:
    """Train the network; after an interruption, training resumes from the last checkpoint."""
    input:
        train="exp/chunks/train.tsv",
        valid="exp/chunks/valid.tsv",
        valid_speakers="exp/chunks/valid_speakers.tsv",
        spk2id="exp/chunks/spk2id",
        init=files_of_init(),
        teacher=files_of_teacher(),
        front_ends=files_of_front_ends(),
        losses=files_of_losses(),
        tables=tables_of_objectives(),
        unlabelled=files_of_unlabelled(),
        vad=each_of(archives_of_vad, CHUNK_SETS),
        feats=[] if FROM_AUDIO else each_of(archives_of_feats, CHUNK_SETS),
        audio=files_of_audio(),
        confs=[input_file(conf) for conf in CONFS],
        own=own_inputs(
            config["model"],
            config["train"],
            *([config["feats"]["type"], config["augment"]] if FROM_AUDIO else []),
        ),
        voiced=ancient("exp/vad/voiced.tsv"),
    output:
        model="exp/model/final.pt",
        head="exp/model/head.pt",
        curves=directory("exp/model/tensorboard"),
        epochs="exp/model/epochs.tsv",
    log:
        "logs/train_model.log",
    benchmark:
        "exp/benchmark/train_model.tsv"
    threads: CLUSTER.threads("train_model")
    resources:
        **CLUSTER.resources("train_model"),
    params:
        **(PIPES if FROM_AUDIO else {}),
        **({"losses": digest_of_files(files_of_losses())} if files_of_losses() else {}),
        **({"teacher": digest_of_files(files_of_teacher())} if files_of_teacher() else {}),
        model=slice_of("model"),
        train=slice_of("train"),
        chunks=slice_of("chunks"),
        cmvn=slice_of("cmvn"),
        waveform=[*waveform_options(), *data_of_objectives()],  # an upgrade adds no parameter
        init=digest_of_files(files_of_init()),
        front_end=front_end(),
        confs=digest_of_files([recipe_file(conf) for conf in CONFS]),
    shell:
        training_command("exp/chunks", "exp/model")


rule find_lr:
    """A few steps at rising learning rates: their losses, for the report, and a suggestion."""
    input:
        **dict(rules.train_model.input.items()),
    output:
        LR_CURVE,
    log:
        "logs/find_lr.log",
    benchmark:
        "exp/benchmark/find_lr.tsv"
    threads: CLUSTER.threads("find_lr")
    resources:
        **CLUSTER.resources("find_lr"),
    params:
        **dict(rules.train_model.params.items()),
    shell:
        "python -m steps_py.cluster.gpu_lease --gpus {resources.gpu} --"
        " python -m steps_py.stages.find_lr --config {params.train:q}"
        " --model {params.model:q} --cmvn {params.cmvn:q} --chunks-config {params.chunks:q}"
        " {params.waveform:q} --front-end {params.front_end:q}"
        " --chunks exp/chunks --out {output:q} --threads {threads}"
        " 2>&1 | tee {log:q}"
