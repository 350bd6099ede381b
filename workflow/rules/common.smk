# Names that several hops share, and input functions. No rule here.
from steps_py.backend.systems import Systems
from steps_py.data.corpora import load_corpus, missing_corpora
from steps_py.data.trial_parts import OVER
from steps_py.embeddings.config import xvector_dim
from steps_py.model.transformers_folder import files_of_folder
from steps_py.recipe.extractor import trains_on_audio
from steps_py.settings.declare import name_and_options
from steps_py.training.loss_files import files_of_loss

os.environ["SIDEWINDER_PIPES"] = config["data"]["pipes"]  # for all jobs: they begin here too
# a parameter of all rules that read recordings; none by default
PIPES = {"pipes": "programs"} if config["data"]["pipes"] == "programs" else {}

SETS = list(config["data"]["sets"])
AUGMENTED = ["train_augmented"] if config["augment"]["copies"] else []
NETWORK = config["extractor"] == "network"
FROM_AUDIO = trains_on_audio(config)
PSEUDO = config["pseudo_labels"]
PSEUDO_SETS = [PSEUDO["unlabelled"]] if PSEUDO else []
ATTRIBUTION = config["attribution"]
LABELLED_SETS = ["train"] if FROM_AUDIO else ["train", *AUGMENTED]
CHUNK_SETS = list(dict.fromkeys([*LABELLED_SETS, *PSEUDO_SETS]))
TRIALS = list(config["data"]["trials"])
MODELS = config["data"]["models"]


def behind_models(dsets):
    """The sets themselves, and for models the sets of their utterances; sorted."""
    return sorted({MODELS[dset]["of"] if dset in MODELS else dset for dset in dsets})


TRIAL_SETS = behind_models(
    t[side] for t in config["data"]["trials"].values() for side in ("enroll", "test")
)
COPIES = config["xvectors"]["copies"]
# set -> the set of its copies, which has x-vectors of its own; in the first case features too
AT_SPEEDS = {dset: f"{dset}_copies" for dset in TRIAL_SETS if COPIES and COPIES["speeds"]}
CROPPED = {dset: f"{dset}_copies" for dset in TRIAL_SETS if COPIES and COPIES["crops"]}
COPIED = AT_SPEEDS | CROPPED
HEARD = [*SETS, *AT_SPEEDS.values()]  # sets whose features are computed from audio
SYSTEMS = Systems(
    config["scores"],
    config["backend"],
    config["data"]["trials"],
    xvector_dim(config),
    models={name: models["of"] for name, models in MODELS.items()},
    copied=COPIED,
)
XVECTOR_SETS = behind_models([*SYSTEMS.sets(), *TRIAL_SETS])
EXTRACTED_SETS = sorted({*XVECTOR_SETS, *PSEUDO_SETS})
CHECKED_SETS = [AT_SPEEDS.get(dset, dset) for dset in EXTRACTED_SETS if dset in SETS]


def given_model(key, path, trained):
    """The model that the config gives, or else the one of the training; exits if it is missing."""
    if path is None:
        return trained
    if not Path(path).exists():
        sys.exit(f"{key}: {path} is not there. Correct the path, or set null to train the model.")
    return path.replace("{", "{{").replace("}", "}}")


scattergather:
    feats=config["feats"]["num_jobs"],
    xvectors=config["xvectors"]["num_jobs"],
    ubm=config["ubm"]["num_jobs"],
    ivector=config["ivector"]["num_jobs"],


wildcard_constraints:
    dset="|".join([*SETS, *AUGMENTED, *COPIED.values()]),
    clean="|".join(HEARD),
    copied="|".join(COPIED) or "none",
    cropped="|".join(CROPPED) or "none",
    models="|".join(MODELS) or "none",
    trials="|".join(TRIALS),
    over="|".join(OVER),
    system="|".join(SYSTEMS.names),
    estimate="|".join(SYSTEMS.vector_estimates()) or "none",
    score_estimate="|".join(SYSTEMS.score_estimates()) or "none",
    early="|".join(SYSTEMS.early()) or "none",
    corpus=r"[^/.]+",
    part=r"[^/]+",


WILDCARD_VALUES |= {
    "dset": [*SETS, *AUGMENTED],
    "clean": SETS,
    "trials": TRIALS,
    "system": config["scores"]["systems"],
}

# of rooms and noises of simulated conversations
SIMULATION_PARTS = sorted(
    {
        part
        for given in config["simulation"]["sets"].values()
        for kind in (given["rooms"], given["noise"])
        if kind
        for part in kind["parts"]
    }
)
LR_CURVE = "exp/find_lr/curve.tsv"
CONFS = [config["feats"]["conf"], config["vad"]["conf"]]


def front_end():
    """The feature options, for files that are used without the recipe."""
    feats = config["feats"]
    options = {
        "type": feats["type"],
        "conf": recipe_file(feats["conf"]),
        "compress": feats["compress"],
        "vad_conf": recipe_file(config["vad"]["conf"]),
    }
    if feats["signal_steps"]:
        options["signal_steps"] = feats["signal_steps"]
    return json.dumps(options)


# the files that extraction reads
TRAINED = ["exp/model/final.pt"] if NETWORK else ["exp/ubm/final.ubm", "exp/ivector/final.ie"]


def original_of(dset):
    """The set whose features the crops of a set are parts of; of another set, the set itself."""
    return next((of for of, copies in CROPPED.items() if copies == dset), dset)


def archives_of_feats(dset):
    """The archives of a feats.scp, which are inputs of all rules that read features."""
    dset = original_of(dset)
    return gather.feats(f"exp/feats/{dset}/feats.{{scatteritem}}.ark")


def archives_of_vad(dset):
    """The archives of a vad.scp; augmented copies have those of their originals."""
    clean = "train" if dset == "train_augmented" else original_of(dset)
    return gather.feats(f"exp/vad/{clean}/vad.{{scatteritem}}.ark")


def archives_of_xvectors(dset):
    """The archives of an xvector.scp."""
    if dset in COPIED:
        return [f"exp/xvectors/{dset}/xvector.ark"]
    return gather.xvectors(f"exp/xvectors/{dset}/xvector.{{scatteritem}}.ark")


def each_of(archives, dsets):
    """All archives of several sets, once."""
    return sorted({path for dset in dsets for path in archives(dset)})


def speeds_of_training():
    """Speeds at which a training from audio plays its recordings."""
    return (config["augment"]["online"] or {"speeds": [1.0]})["speeds"]


def stop_without_corpora():
    """Report missing corpora that are not prepared yet, before the first job."""
    if config["data"]["synthetic"] or set(workflow.dag_settings.targets) == {"plan"}:
        return

    def unread(parts):
        return [part for part in parts if not Path("data/parts", part, "wav.scp").exists()]

    wanted = {
        "corpora": config["data"]["corpora"],
        "sets": {name: unread(parts) for name, parts in config["data"]["sets"].items()},
        "trials": {
            name: trials
            for name, trials in config["data"]["trials"].items()
            if not Path("data/trials", name).exists()
        },
    }
    message = missing_corpora(wanted, unread([*AUGMENT_PARTS, *SIMULATION_PARTS]))
    if message:
        sys.exit(message)
