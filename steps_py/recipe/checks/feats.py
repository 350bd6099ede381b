"""Sections ``feats`` and ``cmvn``: steps before the features, features that are samples."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.audio.signal_steps.registry import SIGNAL_STEPS
from steps_py.errors import StepsError
from steps_py.recipe.extractor import trains_on_audio
from steps_py.settings.declare import name_and_options

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_samples(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Samples are neither rounded to a byte nor normalised frame by frame."""
    kind = config["feats"]["type"]
    if not parts["feature"][kind].facts["holds_samples"]:
        return
    if config["feats"]["compress"]:
        yield (
            f"'feats.compress' is true, but 'feats.type' is '{kind}', whose values are samples: one"
            " byte each is too coarse. Set feats.compress: false."
        )
    if config["cmvn"]["window_frames"]:
        yield (
            f"'cmvn.window_frames' is {config['cmvn']['window_frames']}, but 'feats.type' is"
            f" '{kind}', whose values are samples. Set cmvn.window_frames: 0."
        )


def check_signal_steps(
    config: dict[str, Any], parts: "dict[str, dict[str, Entry]]"
) -> Iterator[str]:
    """Steps change whole recordings, and copies of a recording are as long as the original."""
    for element in config["feats"]["signal_steps"]:
        name, options = name_and_options(element)
        where = f"feats.signal_steps.{name}"
        try:
            SIGNAL_STEPS.configure({"name": name, **options}, where)
        except StepsError as error:
            yield from (f"{where}: {line}" for line in str(error).splitlines())
            continue
        if trains_on_audio(config):
            yield (
                f"'feats.signal_steps' names '{name}', which changes whole recordings, but"
                " 'train.input' is waveform: training from audio reads chunks. Set it to feats."
            )
        if config["augment"]["copies"] and not parts["signal step"][name].facts["keeps_length"]:
            yield (
                f"'feats.signal_steps' names '{name}', which shortens recordings, but copies of"
                " 'augment.copies' have the voice decisions of their originals. Remove one of them."
            )


CHECKS = [check_samples, check_signal_steps]
