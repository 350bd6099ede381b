# wav.scp -> feats.scp, utt2num_frames          config: feats          library: steps_py/feats/
from steps_py.kaldi.commands import COMMANDS


rule split_wav_scp:
    """Cut wav.scp into contiguous parts, so that the joined parts are still sorted."""
    input:
        wav="data/{dset}/wav.scp",
        checked=ancient("data/sets.tsv"),
    output:
        temp(scatter.feats("exp/feats/{{dset}}/{scatteritem}.wav.scp")),
    log:
        "logs/split_wav_scp/{dset}.log",
    benchmark:
        "exp/benchmark/split_wav_scp/{dset}.tsv"
    group:
        "tables"
    threads: CLUSTER.threads("split_wav_scp")
    resources:
        **CLUSTER.resources("split_wav_scp"),
    shell:
        "python -m steps_py.stages.split_table {input.wav} {output} > {log} 2>&1"


# the command of a type that Kaldi does not have is made from its class and has no launcher
HAS_LAUNCHER = f"compute-{config['feats']['type']}-feats" in COMMANDS
COMMAND_PREFIX = "" if HAS_LAUNCHER else "python -m steps_py.kaldi "

SIGNAL_STEPS = json.dumps(CANONICAL["feats"].get("signal_steps", []))
# a parameter of the rules that compute features; none by default
CHANGED_AUDIO = {"signal": SIGNAL_STEPS} if SIGNAL_STEPS != "[]" else {}
CHANGE = "python -m steps_py.stages.change_audio --steps {params.signal:q} scp:{input.wav} ark:- | "
READ_AUDIO = (CHANGE, "ark:-") if CHANGED_AUDIO else ("", "scp:{input.wav}")


rule make_feats:
    """Compute one part's features; a recording that fails is named in the log.

    With fewer utterances than parts some parts are empty, and so is what they make.
    """
    input:
        wav="exp/feats/{clean}/{scatteritem}.wav.scp",
        conf=input_file(config["feats"]["conf"]),
        own=own_inputs(config["feats"]["type"], config["feats"]["signal_steps"]),
    output:
        ark="exp/feats/{clean}/feats.{scatteritem}.ark",
        scp="exp/feats/{clean}/feats.{scatteritem}.scp",
        num_frames="exp/feats/{clean}/utt2num_frames.{scatteritem}",
    log:
        "logs/make_feats/{clean}.{scatteritem}.log",
    benchmark:
        "exp/benchmark/make_feats/{clean}.{scatteritem}.tsv"
    group:
        "parts"
    threads: CLUSTER.threads("make_feats")
    resources:
        **CLUSTER.resources("make_feats"),
    params:
        **PIPES,
        **CHANGED_AUDIO,
        kaldi=KALDI,
        conf=digest_of_file(recipe_file(config["feats"]["conf"])),
        type=config["feats"]["type"],
        compress=config["feats"]["compress"],
    shell:
        "if [ ! -s {input.wav} ]; then touch {output}; exit 0; fi; ("
        + READ_AUDIO[0]
        + COMMAND_PREFIX
        + "compute-{params.type:q}-feats --config={input.conf:q} "
        + READ_AUDIO[1]
        + " ark:-"
        " | copy-feats --compress={params.compress}"
        " --write-num-frames=ark,t:{output.num_frames}"
        " ark:- ark,scp:{output.ark},{output.scp}) 2> {log}"


def kept(path):
    """Features of augmented copies, temporary unless the recipe keeps them."""
    return path if config["augment"]["keep_feats"] else temp(path)


use rule make_feats as make_augmented_feats with:
    input:
        wav="exp/feats/train_augmented/{scatteritem}.wav.scp",
        conf=input_file(config["feats"]["conf"]),
        own=own_inputs(config["feats"]["type"], config["feats"]["signal_steps"]),
    output:
        ark=kept("exp/feats/train_augmented/feats.{scatteritem}.ark"),
        scp="exp/feats/train_augmented/feats.{scatteritem}.scp",
        num_frames="exp/feats/train_augmented/utt2num_frames.{scatteritem}",
    log:
        "logs/make_feats/train_augmented.{scatteritem}.log",
    benchmark:
        "exp/benchmark/make_feats/train_augmented.{scatteritem}.tsv"


rule gather_feats:
    """Join the parts in order and check that no utterance is missing."""
    input:
        wav="data/{dset}/wav.scp",
        scp=gather.feats("exp/feats/{{dset}}/feats.{scatteritem}.scp"),
        num_frames=gather.feats("exp/feats/{{dset}}/utt2num_frames.{scatteritem}"),
    output:
        feats="data/{dset}/feats.scp",
        num_frames="data/{dset}/utt2num_frames",
    log:
        "logs/gather_feats/{dset}.log",
    benchmark:
        "exp/benchmark/gather_feats/{dset}.tsv"
    wildcard_constraints:
        dset="|".join([*HEARD, *AUGMENTED]),
    group:
        "gathers"
    threads: CLUSTER.threads("gather_feats")
    resources:
        **CLUSTER.resources("gather_feats"),
    shell:
        "(python -m steps_py.stages.gather_tables --keys {input.wav}"
        " --archives --out {output.feats} {input.scp}"
        " && python -m steps_py.stages.gather_tables --keys {input.wav}"
        " --out {output.num_frames} {input.num_frames}) > {log} 2>&1"
