# search.yaml + everything before the keys that it varies -> results/search/      library: steps_py/search/
from steps_py.search.checks import check_search
from steps_py.search.config import read_search
from steps_py.search.launch import Launch, passed_options

SEARCH = RECIPE / "search.yaml"
# what no search varies and what trials share, unless one of these sections is searched
SHARED_BY_TRIALS = [
    (set(), expand("data/{dset}/{table}", dset=SETS, table=["wav.scp", "utt2spk", "utt2dur"])),
    (set(), expand("data/trials/{trials}", trials=TRIALS)),
    ({"feats"}, expand("data/{dset}/feats.scp", dset=HEARD)),
    ({"feats"}, each_of(archives_of_feats, HEARD)),
    ({"feats", "vad"}, expand("data/{dset}/vad.scp", dset=HEARD)),
    ({"feats", "vad"}, each_of(archives_of_vad, HEARD)),
    ({"feats", "vad", "xvectors"}, ["exp/vad/voiced.tsv"]),
    ({"augment", "feats"}, expand("data/{dset}/feats.scp", dset=AUGMENTED)),
    ({"augment", "feats"}, each_of(archives_of_feats, AUGMENTED)),
    (
        {"augment", "feats", "vad", "chunks", "train.input"},
        expand(
            "exp/chunks/{table}", table=["train.tsv", "valid.tsv", "valid_speakers.tsv", "spk2id"]
        ),
    ),
    (
        {"augment", "feats", "vad", "chunks", "cmvn", "model", "train", "seeds"},
        ["exp/model/final.pt"] * (NETWORK),
    ),
    (
        {"feats", "vad", "cmvn", "ubm", "seeds"},
        ["exp/ubm/final.ubm"] * (not NETWORK),
    ),
    (
        {"feats", "vad", "cmvn", "ubm", "ivector", "seeds"},
        ["exp/ivector/final.ie"] * (not NETWORK),
    ),
    (
        {"augment", "feats", "vad", "chunks", "cmvn", "model", "train", "seeds", "xvectors"}
        | {"ubm", "ivector"},
        expand("exp/xvectors/{dset}/xvector.scp", dset=XVECTOR_SETS),
    ),
]


def files_of_search(wildcards):
    """The files that all trials share; exits if search.yaml has faults."""
    try:
        search = read_search(SEARCH)
        check_search(search, config, SEARCH, RECIPE)
        refuse_default_recipe()
    except StepsError as error:
        sys.exit(str(error))
    varied = {key.partition(".")[0] for key in search.space} | set(search.space)
    varied |= {"seeds"} if search.seeds > 1 else set()
    return [path for spoilers, paths in SHARED_BY_TRIALS if not spoilers & varied for path in paths]


def refuse_default_recipe():
    """Trials are recipes' folders in exp/search: the recipe must be one too."""
    if RECIPE.resolve() != Path.cwd().resolve():
        raise StepsError(
            f"{SEARCH}: a search runs in the folder of its recipe. Start it with"
            f" --directory {RECIPE.relative_to(workflow.basedir)}."
        )


def launch_of_trials():
    """Trials run as this run does: with its profile, and its cores or jobs divided among them."""
    folders = [Path(os.environ.get("PWD", "/")), Path(workflow.basedir)]
    return Launch(
        options=passed_options(sys.argv, folders),
        cores=workflow.resource_settings.cores or 1,
        jobs=None if workflow.local_exec else workflow.resource_settings.nodes or 1,
    )


if workflow.is_main_process:
    launch_of_trials().export()


# A scheduler never sees this job: it starts the runs of trials, whose jobs go to the scheduler.
rule search:
    """Try values of config keys, each with a run of the recipe, and name the best ones."""
    input:
        files_of_search,
        search=input_file("search.yaml"),
    output:
        trials=report(TRIALS_OF_SEARCH, category="Search"),
        importance="results/search/importance.tsv",
        best="results/search/best.yaml",
    log:
        "logs/search.log",
    localrule: True
    threads: CLUSTER.threads("search")
    resources:
        **CLUSTER.resources("search"),
    params:
        config=json.dumps(UNFILLED),
    # as train_model: the shell outlives the search, which ends its trials at SIGTERM
    shell:
        "trap : TERM; python -m steps_py.stages.search --search {input.search:q}"
        " --config {params.config:q} --out results/search"
        " 2>&1 | (trap '' TERM INT; exec tee {log:q})"
