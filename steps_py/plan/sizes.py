"""How much there is to do: utterances, hours and trials of every part, set and list.

Taken from the tables that are there, else from what the corpora publish, else assumed;
each figure knows which, and the report says so.
"""

import dataclasses
from pathlib import Path

from steps_py.data.corpora import load_corpus
from steps_py.errors import ConfigError, StepsError, did_you_mean

MEASURED, PUBLISHED, GIVEN, ASSUMED = "measured", "published", "given", "assumed"
TRUST = (MEASURED, GIVEN, PUBLISHED, ASSUMED)  # a sum is worth its weakest term
ASSUMED_UTTS, ASSUMED_SEC, ASSUMED_TRIALS = 1000, 8.0, 40000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """Utterances of a part or a set, or trials of a list, and where the figure is from."""

    utts: float = 0
    hours: float = 0.0
    speakers: float = 0
    trials: float = 0
    decoded: float = 0  # utterances that ffmpeg decodes each time they are read
    source: str = MEASURED

    def __add__(self, other):
        return Size(
            utts=self.utts + other.utts,
            hours=self.hours + other.hours,
            speakers=self.speakers + other.speakers,
            trials=self.trials + other.trials,
            decoded=self.decoded + other.decoded,
            source=max(self.source, other.source, key=TRUST.index),
        )


def recipe_sizes(config, directory, given):
    """``{name: Size}`` of all parts, sets and trial lists of a recipe, by their names.

    Parts are named ``<corpus>.<part>``, trial lists ``trials/<list>``; ``train_augmented``
    is among the sets where the recipe has copies; `given` are sizes that the recipe states.
    """
    folder = Path(directory, "data")
    published = _Published(config, directory)
    parts = {part for names in config["data"]["sets"].values() for part in names}
    parts |= {part for kind in config["augment"]["copies"].values() for part in kind["parts"]}
    unknown = sorted(given.keys() - parts)
    if unknown:
        raise ConfigError(f"plan.sizes: unknown part. {did_you_mean(unknown[0], parts)}")
    sizes = {}
    for part in sorted(parts):
        sizes[part] = _measured(folder / "parts" / part) or _given(given.get(part))
        sizes[part] = sizes[part] or published.part(part)
    for name, names in config["data"]["sets"].items():
        total = sum((sizes[part] for part in names), Size())
        known = total.source == MEASURED
        sizes[name] = total if known else _measured(folder / name) or total
    if config["augment"]["copies"]:
        sizes["train_augmented"] = _measured(folder / "train_augmented") or _copies(
            sizes["train"], config["augment"]
        )
    for name, trials in config["data"]["trials"].items():
        path = folder / "trials" / name
        sizes[f"trials/{name}"] = (
            Size(trials=_count_lines(path)) if path.is_file() else published.trials(name, trials)
        )
    return sizes


def _measured(folder):
    """The Size by the tables of a part or set, or None where they are not there or not sound.

    Counts only: `steps_py.data.data_dir` checks tables, and takes ten times as long.
    """
    try:
        durations = _values(folder / "utt2dur")
        speakers = _values(folder / "utt2spk")
        decoded = (folder / "wav.scp").read_bytes().count(b" ffmpeg ")
        hours = sum(map(float, durations)) / 3600
    except (OSError, ValueError):
        return None
    return Size(utts=len(durations), hours=hours, speakers=len(set(speakers)), decoded=decoded)


def _values(path):
    """The second words of a table of two words a line."""
    words = path.read_bytes().split()
    if len(words) % 2:
        raise ValueError(f"{path}: not two words a line")
    return words[1::2]


def _given(size):
    return size and Size(**size, source=GIVEN)


def _copies(train, augment):
    """All copies of `train`, or as many as the recipe draws."""
    utts = train.utts * len(augment["copies"])
    if augment["num_utts"] is not None:
        utts = min(utts, augment["num_utts"])
    share = utts / max(1, train.utts)
    return dataclasses.replace(
        train, utts=utts, hours=train.hours * share, decoded=train.decoded * share
    )


def _count_lines(path):
    with open(path, "rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


class _Published:
    """What the corpora say of themselves, or the recipe's own corpus will have."""

    def __init__(self, config, directory):
        self.directory, self.corpora, self.made = Path(directory), {}, None
        for name, options in config["data"]["corpora"].items():
            self.corpora[name] = load_corpus(name, options)
        synthetic = config["data"]["synthetic"]
        if synthetic:
            import importlib

            maker = importlib.import_module(f"local.{synthetic['name']}")
            self.made = maker.expected_sizes(maker.Config(**synthetic["config"]))

    def part(self, part):
        corpus, _, name = part.partition(".")
        corpus = self.corpora[corpus]
        if self.made is not None and part in self.made:
            return Size(**self.made[part], source=PUBLISHED)
        figure = corpus.published.get(name)
        if figure is not None:
            hours, source = figure.hours, PUBLISHED
            if hours is None:
                hours, source = figure.num_utts * ASSUMED_SEC / 3600, ASSUMED
            speakers = figure.num_speakers or figure.num_utts
            return Size(
                utts=figure.num_utts,
                hours=hours,
                speakers=speakers,
                decoded=figure.num_utts if corpus.needs_decoder else 0,
                source=source,
            )
        utts = self.listed(corpus, name) or ASSUMED_UTTS
        return Size(
            utts=utts, hours=utts * ASSUMED_SEC / 3600, speakers=max(1, utts / 10), source=ASSUMED
        )

    def listed(self, corpus, name):
        """Lines of the user's list of files, where there is one; else 0."""
        listed = getattr(corpus.config, "lists", {}).get(name)
        path = self.directory / Path(listed).expanduser() if listed else None
        return _count_lines(path) if path and path.is_file() else 0

    def trials(self, name, trials):
        corpus, name = self.corpora[trials["corpus"]], trials.get("list", name)
        if self.made is not None and f"trials/{name}" in self.made:
            return Size(trials=self.made[f"trials/{name}"], source=PUBLISHED)
        number = corpus.published_trials.get(name)
        if number:
            return Size(trials=number, source=PUBLISHED)
        try:
            files = [self.directory / path for path in corpus.trial_files(name)]
        except (KeyError, StepsError):
            files = []
        for path in files:
            if path.is_file():
                return Size(trials=_count_lines(path), source=MEASURED)
        return Size(trials=ASSUMED_TRIALS, source=ASSUMED)
