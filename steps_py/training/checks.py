"""Checks of combinations of sampler, loss, schedule and validation, made before the first step."""

from typing import TYPE_CHECKING

from steps_py.errors import ConfigError
from steps_py.training.optimizers.base import has_momentum
from steps_py.training.processes import check_split

if TYPE_CHECKING:  # circular at run time
    from steps_py.training.trainer import Trainer

CLASSIFICATION_METRICS = ("train_accuracy", "valid_loss", "valid_accuracy")
NO_MIX = "Set mix to null, or loss to one that classifies, alone or with center or ring."


def check_consistent(trainer: "Trainer") -> None:
    """Raise ConfigError if sampler, loss, schedule and validation do not fit together."""
    config, sampler, schedule = trainer.config, trainer.sampler, trainer.schedule
    needed = getattr(trainer.network.loss, "utts_per_speaker_needed", 1)
    if sampler.utts_per_speaker < needed:
        raise ConfigError(
            f"train: loss '{config.loss['name']}' compares {needed} utterances of a speaker, but"
            f" sampler '{config.sampler['name']}' draws {sampler.utts_per_speaker} of each. Set"
            f" train.sampler to {{name: speaker_groups, utts_per_speaker: {needed}}}."
        )
    if config.mix is not None and not trainer.network.loss.mixes:
        raise ConfigError(
            f"train: mix '{config.mix['name']}' gives chunks two speakers, but loss"
            f" '{config.loss['name']}' needs one for each. {NO_MIX}"
        )
    if config.mix is not None and config.objectives:
        raise ConfigError(
            f"train: mix '{config.mix['name']}' gives chunks two speakers, but objectives need one"
            " for each. Set mix to null, or remove the objectives."
        )
    own_steps = [o.where for o in trainer.network.terms.objectives if o.own_modules()]
    if own_steps and config.accumulate_steps > 1:
        raise ConfigError(
            f"{own_steps[0]}: takes steps of its own on a whole batch; train.accumulate_steps is"
            f" {config.accumulate_steps}. Set it to 1."
        )
    if own_steps and getattr(trainer.updates.optimizer, "perturbs_weights", False):
        raise ConfigError(
            f"{own_steps[0]}: takes steps of its own, which optimizer '{config.optimizer['name']}'"
            " with its two passes would repeat. Choose another optimizer."
        )
    group_size = sampler.utts_per_speaker if needed > 1 else 1
    check_split(config.batch_size, trainer.group.num_processes, config.accumulate_steps, group_size)
    validation = trainer.validation
    held_out = {
        "valid_loss": validation.utts,
        "valid_accuracy": validation.utts,
        "valid_eer": validation.speakers,
    }
    name, metric = config.schedule["name"], schedule.metric
    if held_out.get(metric, True) is None:
        key = "num_valid_speakers" if metric == "valid_eer" else "num_valid_utts"
        raise ConfigError(
            f"train: schedule '{name}' needs {metric}, but nothing is held out to measure it."
            f" Raise chunks.{key}."
        )
    if metric in CLASSIFICATION_METRICS and not trainer.network.loss.classifies:
        raise ConfigError(
            f"train: schedule '{name}' needs {metric}, which loss '{config.loss['name']}' has none"
            " of, as it does not classify. Set its metric to valid_eer or train_loss."
        )
    if schedule.momentum(0) is not None and not has_momentum(trainer.updates.optimizer):
        raise ConfigError(
            f"train: schedule '{name}' changes the momentum, but optimizer"
            f" '{config.optimizer['name']}' has none. Set cycle_momentum to false."
        )
    if schedule.keeps_best and (config.average_epochs > 1 or config.average is not None):
        key, off = ("average_epochs", "1") if config.average is None else ("average", "null")
        raise ConfigError(
            f"train: schedule '{name}' selects the best weights, but train.{key} averages"
            f" the last ones. Set {key} to {off} or choose another schedule."
        )
