"""Sections ``chunks`` and ``cmvn`` with ``train``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.recipe.extractor import trains_on_audio

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_normalisation(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Training from audio can normalise means only."""
    if config["cmvn"]["norm_vars"] and trains_on_audio(config):
        yield "'cmvn.norm_vars' is true; with 'train.input' waveform only means are normalised."


def check_within_chunks(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Windows that end with the chunk need chunks of one length, without padding."""
    chunks = config["chunks"]
    if chunks and config["cmvn"]["within_chunks"] and chunks["vary_within_batch"]:
        yield (
            "'cmvn.within_chunks' is true, but 'chunks.vary_within_batch' is true as well."
            " Set one of them to false."
        )


CHECKS = [check_normalisation, check_within_chunks]
