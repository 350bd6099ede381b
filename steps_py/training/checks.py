"""What no section of a recipe shows alone."""

from steps_py.errors import ConfigError
from steps_py.training.processes import check_split


def check_parts_fit(trainer):
    """ConfigError if the parts of a Trainer do not fit each other."""
    config, sampler, schedule = trainer.config, trainer.sampler, trainer.schedule
    needed = getattr(trainer.network.loss, "utts_per_speaker_needed", 1)
    if sampler.utts_per_speaker < needed:
        raise ConfigError(
            f"train: loss '{config.loss['name']}' compares {needed} utterances of a speaker, but"
            f" sampler '{config.sampler['name']}' puts {sampler.utts_per_speaker} together. Set"
            f" train.sampler to {{name: speaker_groups, utts_per_speaker: {needed}}}."
        )
    together = sampler.utts_per_speaker if needed > 1 else 1
    check_split(config.batch_size, trainer.ranks.num_ranks, config.accumulate_steps, together)
    validation = trainer.validation
    there = {"valid_loss": validation.utts, "valid_accuracy": validation.utts}
    there["valid_eer"] = validation.speakers
    name, metric = config.schedule["name"], schedule.metric
    if there.get(metric, True) is None:
        key = "num_valid_speakers" if metric == "valid_eer" else "num_valid_utts"
        raise ConfigError(
            f"train: schedule '{name}' watches {metric}, but nothing is held out for it."
            f" Raise chunks.{key}."
        )
    if schedule.keeps_best and config.average_epochs > 1:
        raise ConfigError(
            f"train: schedule '{name}' ends with the best weights, average_epochs with a mean."
            " Choose one of them."
        )
