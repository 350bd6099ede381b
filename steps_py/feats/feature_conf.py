"""A recipe's conf/mfcc.conf as the configuration of an extractor in this process."""

import dataclasses

from steps_py.errors import ConfigError, KaldiError, did_you_mean
from steps_py.feats.fbank import Fbank
from steps_py.feats.feature_options import FbankOptions, MfccOptions, fbank_config, mfcc_config
from steps_py.feats.mfcc import Mfcc
from steps_py.formats.options import parse_command_line

FEATURE_TYPES = {
    "mfcc": (MfccOptions, mfcc_config, Mfcc),
    "fbank": (FbankOptions, fbank_config, Fbank),
}
# What concerns whole utterances or their speakers, or puts out something else.
NOT_FOR_STRETCHES = ("subtract_mean", "vtln_warp", "vtln_map", "utt2spk", "min_duration", "channel")


def read_feature_conf(kind, path):
    """The configuration (MfccConfig, FbankConfig) that a conf of compute-<kind>-feats spells.

    ConfigError if the type is none that a stretch of audio can be turned into alone, or the
    conf has an option that needs whole utterances.
    """
    if kind not in FEATURE_TYPES:
        raise ConfigError(
            f"train: input is waveform, which feats.type {kind} is not for."
            f" {did_you_mean(kind, FEATURE_TYPES)}"
        )
    options_class, config_of, _ = FEATURE_TYPES[kind]
    command = f"compute-{kind}-feats"
    try:
        options, *_ = parse_command_line(
            command, "", options_class, [f"--config={path}", "--print-args=false"]
        )
    except KaldiError as error:
        raise ConfigError(f"{path}: {error}") from None
    usual = {field.name: field.default for field in dataclasses.fields(options_class)}
    changed = [key for key in NOT_FOR_STRETCHES if getattr(options, key) != usual[key]]
    if changed:
        names = ", ".join("--" + key.replace("_", "-") for key in changed)
        raise ConfigError(
            f"{path}: {names} cannot be had from stretches of audio. Leave it out, or set"
            " train.input to feats."
        )
    return config_of(options)


def extractor_of(kind, config):
    """The Mfcc or Fbank of a configuration."""
    return FEATURE_TYPES[kind][2](config)
