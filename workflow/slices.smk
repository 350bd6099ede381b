# What the inputs and parameters of all rules are written with. No rule here.
import json
import os
import subprocess

from steps_py.data.sources import digest_of_file, digest_of_files, digest_of_made, state_of_audio
from steps_py.recipe.catalogue import own_files

KALDI = os.path.realpath(os.environ["KALDI_ROOT"]) if os.environ.get("KALDI_ROOT") else "built-in"
WILDCARD_VALUES = {}  # wildcard -> its values, for the names in messages


def slice_of(path, without=(), only=None):
    """A section of the config as JSON, for a stage's --config.

    Keys with their default values are omitted, so that neither a default that is written out nor
    a key that a later release adds changes a job.
    """
    value = CANONICAL
    for key in path.split("/"):
        value = value.get(key, {})
    keys = [key for key in value if key not in without and (only is None or key in only)]
    return json.dumps({key: value[key] for key in keys})


def recipe_file(path):
    """A file of the recipe (conf/mfcc.conf), from the folder that the workflow runs in."""
    return os.path.relpath(RECIPE / path)


def input_file(path):
    """`recipe_file` as an input, where Snakemake takes braces for wildcards."""
    return recipe_file(path).replace("{", "{{").replace("}", "}}")


def own_inputs(*sections):
    """The recipe's own files with the classes that sections of the config name, as inputs."""
    return [path.replace("{", "{{").replace("}", "}}") for path in own_files(list(sections))]


def stop_without_commands():
    """Report a wrong KALDI_ROOT (path.sh) before the first job."""
    path_sh = Path(workflow.basedir, "path.sh")
    done = subprocess.run(["bash", "-c", f"source '{path_sh}'"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip())
