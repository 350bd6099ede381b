# One workflow serves every recipe; the recipe is the working directory:
#
#   snakemake results/vox1_eer.txt                 # the default recipe, egs/voxceleb, in the root
#   snakemake --directory egs/mini all             # any other
#
# Every hop has one word; that word names its workflow/rules/<hop>.smk, its section
# of config.yaml, its module steps_py/<hop>, its tests and its output folder.
import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")
sys.path.insert(0, workflow.basedir)

from steps_py.cluster.requests import rules_in
from steps_py.own_parts import VARIABLE
from steps_py.recipe.conf_files import check_conf_files
from steps_py.recipe.config import check_config, fill_defaults, trains, without_defaults
from steps_py.recipe.folder import recipe_folder
from steps_py.recipe.overlays import lay_over
from steps_py.recipe.targets import check_targets
from steps_py.errors import StepsError
from steps_py.yaml_files import read_yaml

try:
    RECIPE = recipe_folder(Path.cwd(), Path(workflow.basedir))
    BASE = read_yaml(RECIPE / "config.yaml")  # Snakemake does not report the line of a fault
except StepsError as error:
    sys.exit(str(error))


configfile: RECIPE / "config.yaml"


os.environ[VARIABLE] = str(RECIPE.resolve())  # jobs load the recipe's own classes from there

if not workflow.config_settings.replace_workflow_config:
    # Snakemake merges also the options of two classes
    config = lay_over(BASE, workflow.config_settings.overwrite_config)

try:
    if workflow.is_main_process:
        check_config(config, source=RECIPE / "config.yaml")
    UNFILLED = dict(config)
    config = fill_defaults(config)
    CANONICAL = without_defaults(config)
    TRAINS = trains(config)
    if workflow.is_main_process and TRAINS:
        check_conf_files(config, RECIPE)
except StepsError as error:
    sys.exit(str(error))


include: "workflow/execution.smk"
include: "workflow/slices.smk"


if TRAINS:

    include: "workflow/rules/common.smk"
    include: "workflow/rules/data.smk"
    include: "workflow/rules/augment.smk"
    include: "workflow/rules/feats.smk"
    include: "workflow/rules/vad.smk"

    if NETWORK:

        include: "workflow/rules/chunks.smk"
        include: "workflow/rules/model.smk"

    else:

        include: "workflow/rules/ubm.smk"
        include: "workflow/rules/ivector.smk"
    include: "workflow/rules/xvectors.smk"

    if PSEUDO:

        include: "workflow/rules/pseudo_labels.smk"
    include: "workflow/rules/backend.smk"
    include: "workflow/rules/scores.smk"
    include: "workflow/rules/metrics.smk"


if config["simulation"]["sets"]:

    include: "workflow/rules/simulation.smk"


if config["diarization"]:

    include: "workflow/rules/diarization.smk"

    if config["segmentation"]:

        include: "workflow/rules/segmentation.smk"


if TRAINS:

    include: "workflow/rules/report.smk"
    include: "workflow/rules/system.smk"

    if NETWORK and ATTRIBUTION:

        include: "workflow/rules/attribution.smk"
    include: "workflow/rules/plan.smk"
    include: "workflow/rules/search.smk"


onstart:
    stop_jobs_on_sigterm()
    stop_without_commands()
    if TRAINS:
        stop_without_corpora()
    end_jobs_of_clusters()


onsuccess:
    if TRAINS:
        stop_if_results_disagree()
    print(*jobs_warnings(), *(results_of_run() if TRAINS else []), sep="\n")


RESULTS_OF_TRAINING = [
    "results/metrics.tsv",
    "results/comparisons.tsv",
    "results/manifest.json",
    "results/report.html",
    "results/system.swx",
]


rule all:
    default_target: True
    input:
        expand("results/{trials}_eer.txt", trials=TRIALS) if TRAINS else [],
        RESULTS_OF_TRAINING if TRAINS else [],
        RESULTS_OF_DIARIZATION if config["diarization"] else [],
        NETWORKS_OF_FRAMES if config["segmentation"] else [],


try:
    CLUSTER.check_rules(rules_in(Path(workflow.basedir, "workflow/rules")))
    if workflow.is_main_process:
        check_targets(sys.argv, workflow.rules, WILDCARD_VALUES)
except StepsError as error:
    sys.exit(str(error))
