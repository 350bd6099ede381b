"""Checks of Kaldi's option files of a recipe, and of sample rates and parts of corpora.

A check is ``check(config, folder)`` with a config whose defaults are filled in and the recipe's
folder; it yields one line for each fault.
"""

from pathlib import Path

from steps_py.data.corpora import load_corpus
from steps_py.errors import ConfigError, KaldiError, StepsError, did_you_mean
from steps_py.feats.types.registry import FEATURES
from steps_py.feats.vad_options import VadOptions
from steps_py.formats.options import parse_command_line
from steps_py.text_files import decode


def check_conf_files(config, folder: str | Path) -> None:
    """Raise ConfigError with all faults of conf files, sample rates and corpus parts."""
    lines = [line for check in CHECKS for line in check(config, Path(folder))]
    if lines:
        raise ConfigError("\n".join(lines))


def check_options(config, folder: str | Path):
    """Each conf file exists, and the command that reads it has its options."""
    for key, command, options, path in _conf_files(config, folder):
        try:
            read_conf(command, options, path, key)
        except StepsError as error:
            yield from str(error).splitlines()


def check_rates(config, folder: str | Path):
    """Features have the sample rate of the corpora, unless the conf file allows resampling."""
    key, command, options, path = _conf_files(config, folder)[0]
    try:
        options = read_conf(command, options, path, key)
    except StepsError:
        return  # reported by check_options
    conf_hz = options.sample_frequency
    for name in _used_corpora(config):
        rate_hz = _corpus(config, name).config.sample_rate_hz
        allowed = options.allow_downsample if rate_hz > conf_hz else options.allow_upsample
        if rate_hz != conf_hz and not allowed:
            yield (
                f"{path}: --sample-frequency is {conf_hz:g} Hz, but"
                f" data.corpora.{name}.sample_rate_hz is {rate_hz} Hz. Give both the same rate"
                " (and --high-freq below half of it)."
            )


def check_parts(config, folder: str | Path):
    """Corpora have the parts and trial lists that the recipe names."""
    data = config["data"]
    places = [(f"data.sets.{name}", part) for name, parts in data["sets"].items() for part in parts]
    places += [
        (f"augment.copies.{name}.parts", part)
        for name, kind in config["augment"]["copies"].items()
        for part in kind["parts"]
    ]
    for key, full_name in places:
        name, _, part = full_name.partition(".")
        corpus = _corpus(config, name)
        if corpus.root.is_dir() or corpus.published:  # otherwise its parts are unknown
            yield from _unknown(key, full_name, part, corpus.parts())
    listed = {name: t for name, t in data["trials"].items() if t.get("corpus")}
    for name, trials in listed.items():
        corpus, wanted = _corpus(config, trials["corpus"]), trials.get("list") or name
        yield from _unknown(f"data.trials.{name}", wanted, wanted, corpus.trial_lists())
    for name, models in data["models"].items():
        if models.get("corpus"):
            corpus, wanted = _corpus(config, models["corpus"]), models.get("list") or name
            yield from _unknown(f"data.models.{name}", wanted, wanted, corpus.model_lists)


CHECKS = [check_options, check_rates, check_parts]


def read_conf(command: str, options, path: str | Path, key: str):
    """The options of a conf file, an object of the command's class `options`.

    Raises ConfigError if the file is missing, is not text, or has an unknown option.
    """
    if not path.is_file():
        near = did_you_mean(path.name, [found.name for found in path.parent.glob("*.conf")])
        raise ConfigError(f"{key}: {path} is not there. {near}")
    decode(path.read_bytes(), path, ConfigError)
    arguments = [f"--config={path}", "--print-args=false"]
    try:
        return parse_command_line(command, "", options, arguments)[0]
    except KaldiError as error:
        raise ConfigError(f"{path}: {error}") from None


def _conf_files(config, folder):
    feats, vad_conf = config["feats"], folder / config["vad"]["conf"]
    command, options = f"compute-{feats['type']}-feats", FEATURES.find(feats["type"]).Options
    return [
        ("feats.conf", command, options, folder / feats["conf"]),
        ("vad.conf", "compute-vad", VadOptions, vad_conf),
    ]


def _used_corpora(config):
    parts = [part for parts in config["data"]["sets"].values() for part in parts]
    parts += [part for kind in config["augment"]["copies"].values() for part in kind["parts"]]
    return sorted({part.partition(".")[0] for part in parts})


def _corpus(config, name):
    return load_corpus(name, config["data"]["corpora"][name])


def _unknown(key, shown, name, known):
    if name not in known:
        yield f"'{key}' names '{shown}'. {did_you_mean(name, known)}"
