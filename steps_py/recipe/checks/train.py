"""Section ``train``: its stages, and losses with the samplers that they need."""

from steps_py.errors import StepsError
from steps_py.settings.build import build
from steps_py.training.config import ChunksConfig, TrainConfig, split_stages


def check_stages(config, parts):
    """The keys of each stage are compatible with those of train and chunks."""
    try:
        split_stages(
            {
                "train": build(TrainConfig, config["train"], "train"),
                "chunks": build(ChunksConfig, config["chunks"], "chunks"),
            }
        )
    except StepsError as error:
        yield from str(error).splitlines()


def check_groups(config, parts):
    """A loss that compares utterances of a speaker needs several of them in a batch."""
    train = config["train"]
    sections = {"train": train}
    for number, stage in enumerate(train["stages"]):
        sections[f"train.stages.{number}"] = train | stage
    for where, section in sections.items():
        sampler = section["sampler"]["name"]
        alone = parts["sampler"][sampler].facts["utts_per_speaker"] == 1
        if alone and compares(section["loss"], parts["loss"]):
            yield (
                f"'{where}.loss.name' is '{section['loss']['name']}', which compares utterances"
                f" of a speaker, but sampler '{sampler}' has one per speaker in a batch."
                " Set sampler to {name: speaker_groups, utts_per_speaker: 2}."
            )


def compares(loss, losses):
    """Whether a loss, or a loss within it, compares utterances with each other."""
    entry = losses[loss["name"]]
    keys = entry.schema["properties"]
    inner = [loss.get(key, rule.get("default")) for key, rule in keys.items() if "part" in rule]
    return bool(entry.facts["compares"]) or any(compares(part, losses) for part in inner)


CHECKS = [check_stages, check_groups]
