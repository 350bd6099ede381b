"""A recipe's conf/mfcc.conf as the configuration of an extractor in this process."""

import dataclasses
import os
from typing import Any

from steps_py.errors import ConfigError, KaldiError
from steps_py.feats.types.registry import FEATURES
from steps_py.formats.options import parse_command_line

# Options that need whole utterances or their speakers, or that change the output.
NOT_FOR_CHUNKS = ("subtract_mean", "vtln_warp", "vtln_map", "utt2spk", "min_duration", "channel")


def read_feature_conf(kind: str, path: str | os.PathLike) -> Any:
    """The Config of a feature type by a conf file of compute-<kind>-feats.

    Raises ConfigError for an unknown type, or an option that needs whole utterances.
    """
    cls, options = FEATURES.find(kind), read_feature_options(kind, path)
    usual = {field.name: field.default for field in dataclasses.fields(cls.Options)}
    changed = [key for key in NOT_FOR_CHUNKS if getattr(options, key, None) != usual.get(key)]
    if changed:
        names = ", ".join("--" + key.replace("_", "-") for key in changed)
        raise ConfigError(
            f"{path}: {names} needs whole utterances, but training from audio reads chunks. Remove"
            " it, or set train.input to feats."
        )
    return cls.config_of(options)


def read_feature_options(kind: str, path: str | os.PathLike) -> Any:
    """The options in a conf file of compute-<kind>-feats; ConfigError if one is invalid."""
    arguments = [f"--config={path}", "--print-args=false"]
    try:
        options, *_ = parse_command_line(
            f"compute-{kind}-feats", "", FEATURES.find(kind).Options, arguments
        )
    except KaldiError as error:
        raise ConfigError(f"{path}: {error}") from None
    return options


def feature_dim(kind: str, path: str | os.PathLike) -> int:
    """The dimension of the features that compute-<kind>-feats computes with a conf file."""
    return extractor_of(kind, FEATURES.find(kind).config_of(read_feature_options(kind, path))).dim


def extractor_of(kind: str, config: Any) -> Any:
    """The extractor of a configuration, an object of the registered class."""
    return FEATURES.find(kind)(config)
