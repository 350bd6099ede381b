# Names that several hops share, and input functions. No rule here.
import json
import os
import subprocess

from steps_py.data.corpora import missing_corpora

KALDI = os.path.realpath(os.environ["KALDI_ROOT"]) if os.environ.get("KALDI_ROOT") else "built-in"

SETS = list(config["data"]["sets"])
AUGMENTED = ["train_augmented"] if config["augment"]["copies"] else []
FROM_AUDIO = config["train"]["input"] == "waveform"
CHUNK_SETS = ["train"] if FROM_AUDIO else ["train", *AUGMENTED]
TRIALS = list(config["data"]["trials"])
TRIAL_SETS = sorted(
    {t[side] for t in config["data"]["trials"].values() for side in ("enroll", "test")}
)
BACKEND_SETS = config["backend"]["train_sets"]
ADAPT_SET = config["backend"]["adapt_set"]
XVECTOR_SETS = sorted({*BACKEND_SETS, *TRIAL_SETS, *([ADAPT_SET] if ADAPT_SET else [])})


scattergather:
    feats=config["feats"]["num_jobs"],
    xvectors=config["xvectors"]["num_jobs"],


wildcard_constraints:
    dset="|".join([*SETS, *AUGMENTED]),
    clean="|".join(SETS),
    trials="|".join(TRIALS),
    system="|".join(config["scores"]["systems"]),
    corpus=r"[^/.]+",
    part=r"[^/]+",


def slice_of(path, without=()):
    """A section or key of the config as JSON, for a stage's --config."""
    value = config
    for key in path.split("/"):
        value = value[key]
    if without:
        value = {key: setting for key, setting in value.items() if key not in without}
    return json.dumps(value)


def recipe_file(path):
    """A file of the recipe (conf/mfcc.conf), from the folder that the workflow runs in."""
    return os.path.relpath(RECIPE / path)


def stop_without_commands():
    """Let path.sh say at once, not in the first job, that KALDI_ROOT leads nowhere."""
    path_sh = Path(workflow.basedir, "path.sh")
    done = subprocess.run(["bash", "-c", f"source '{path_sh}'"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip())


def stop_without_corpora():
    """Say which corpora are still to be read and not there, before the first job."""
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
    message = missing_corpora(wanted, unread(AUGMENT_PARTS))
    if message:
        sys.exit(message)
