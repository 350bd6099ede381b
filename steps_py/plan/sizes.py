"""Sizes of the data: utterances, hours and trials of every part, set and list.

The size of a part is the first available of these: the tables in data/, plan.sizes, the recipe's
synthetic corpus, the published figures of its corpus (unless `partial`), the files on disk with
the headers of some of them, an assumption. The report shows which it was.
"""

import contextlib
import dataclasses
from pathlib import Path

from steps_py.audio.recordings import Header, read_headers
from steps_py.data.corpora import first_file, load_corpus
from steps_py.data.made_trials import MAKERS
from steps_py.errors import ConfigError, StepsError, did_you_mean

MEASURED, GIVEN, COUNTED = "measured", "given", "counted"
PUBLISHED, ASSUMED = "published", "assumed"
TRUST = (MEASURED, GIVEN, COUNTED, PUBLISHED, ASSUMED)  # a sum is as reliable as its worst term
ASSUMED_UTTS, ASSUMED_SEC, ASSUMED_TRIALS = 1000, 8.0, 40000
FRAME_HOURS = 0.01 / 3600
NUM_HEADERS = 200  # sampled evenly from the files of a part, for the mean length


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """Utterances of a part or a set, or trials of a list, and the source of the figure."""

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


def recipe_sizes(config, directory: str | Path, given):
    """``{name: Size}`` of all parts, sets and trial lists of a recipe.

    Parts are named ``<corpus>.<part>``, trial lists ``trials/<list>``; ``train_augmented`` is one
    of the sets if the recipe has copies, and so are the ``<set>_copies`` of ``xvectors.copies``;
    `given` is plan.sizes.
    """
    with contextlib.chdir(directory):  # where relative paths of a recipe start
        return _recipe_sizes(config, given)


def _recipe_sizes(config, given):
    folder, corpora = Path("data"), _Corpora(config)
    parts = {part for names in config["data"]["sets"].values() for part in names}
    parts |= {part for kind in config["augment"]["copies"].values() for part in kind["parts"]}
    unknown = sorted(given.keys() - parts)
    if unknown:
        raise ConfigError(f"plan.sizes: unknown part. {did_you_mean(unknown[0], parts)}")
    sizes = {}
    for part in sorted(parts):
        sizes[part] = _measured(folder / "parts" / part) or _given(given.get(part))
        sizes[part] = sizes[part] or corpora.part(part)
    for name, names in config["data"]["sets"].items():
        total = sum((sizes[part] for part in names), Size())
        known = total.source == MEASURED
        sizes[name] = total if known else _measured(folder / name) or total
    if config["augment"]["copies"]:
        sizes["train_augmented"] = _measured(folder / "train_augmented") or _copies(
            sizes["train"], config["augment"]
        )
    if config["xvectors"]["copies"]:
        for name in trial_sets(config["data"]):
            sizes[f"{name}_copies"] = _extracted(sizes[name], config["xvectors"]["copies"])
    for name, trials in config["data"]["trials"].items():
        path = folder / "trials" / name
        if path.is_file():
            sizes[f"trials/{name}"] = Size(trials=_count_lines(path))
        elif trials.get("make"):
            sizes[f"trials/{name}"] = _made(trials, sizes, config["data"].get("models", {}))
        else:
            sizes[f"trials/{name}"] = corpora.trials(name, trials)
    return sizes


def _made(trials, sizes, models):
    """The Size of a trial list that a rule makes; of models, one for each speaker is assumed."""
    enroll, test = trials["enroll"], sizes[trials["test"]]
    if enroll in models:
        side = sizes[models[enroll]["of"]]
        num_enroll = side.speakers
    else:
        side = sizes[enroll]
        num_enroll = side.utts
    is_one_set = enroll == trials["test"]
    number = MAKERS.build(trials["make"]).expected(int(num_enroll), int(test.utts), is_one_set)
    source = max(side.source, test.source, key=TRUST.index)
    return Size(trials=number, source=source)


def _measured(folder):
    """The Size by the tables of a part or set, or None if they are missing or damaged.

    Lines are only counted: the checks of `steps_py.data.data_dir` take ten times as long.
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
    """The Size of the augmented copies of `train`, limited by augment.num_utts."""
    utts = train.utts * len(augment["copies"])
    if augment["num_utts"] is not None:
        utts = min(utts, augment["num_utts"])
    share = utts / max(1, train.utts)
    return dataclasses.replace(
        train, utts=utts, hours=train.hours * share, decoded=train.decoded * share
    )


def _extracted(size, copies):
    """The Size of the copies of a set that x-vectors are extracted from."""
    if copies["speeds"]:
        number, factor = len(copies["speeds"]), sum(1 / speed for speed in copies["speeds"])
        return dataclasses.replace(
            size, utts=size.utts * number, hours=size.hours * factor, decoded=size.decoded * number
        )
    count, longest_hours = copies["crops"]["count"], copies["crops"]["frames"] * FRAME_HOURS
    hours = count * min(size.hours, size.utts * longest_hours)
    return dataclasses.replace(size, utts=size.utts * count, hours=hours, decoded=0)


def trial_sets(data) -> list[str]:
    """The sets of the utterances of all trial lists of section ``data``."""
    sides = {trials[side] for trials in data["trials"].values() for side in ("enroll", "test")}
    models = data["models"]
    return sorted({models[side]["of"] if side in models else side for side in sides})


def _count_lines(path):
    with open(path, "rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


class _Corpora:
    """Sizes of the corpora of a recipe: published, counted, or of its synthetic corpus."""

    def __init__(self, config):
        self.corpora, self.made = {}, {}
        for name, options in config["data"]["corpora"].items():
            self.corpora[name] = load_corpus(name, options)
        synthetic = config["data"]["synthetic"]
        if synthetic:
            import importlib  # start-up time

            maker = importlib.import_module(f"local.{synthetic['name']}")
            self.made = maker.expected_sizes(maker.Config(**synthetic["config"]))

    def part(self, part):
        corpus, _, name = part.partition(".")
        corpus = self.corpora[corpus]
        if part in self.made:
            return Size(**self.made[part], source=PUBLISHED)
        published = _published(corpus, name)
        if published and not corpus.config.partial:
            return published
        return _counted(corpus, name) or published or _assumed(corpus, name)

    def trials(self, name, trials):
        corpus, name = self.corpora[trials["corpus"]], trials.get("list") or name
        if f"trials/{name}" in self.made:
            return Size(trials=self.made[f"trials/{name}"], source=PUBLISHED)
        try:
            path = first_file(corpus.trial_files(name))
        except (KeyError, StepsError):
            path = None
        if path:
            return Size(trials=_count_lines(path), source=COUNTED)
        number = corpus.published_trials.get(name)
        if number:
            return Size(trials=number, source=PUBLISHED)
        return Size(trials=ASSUMED_TRIALS, source=ASSUMED)


def _published(corpus, part):
    """The published Size of a part, or None."""
    figure = corpus.published.get(part)
    if figure is None or figure.num_utts is None:
        return None
    hours, source = figure.hours, PUBLISHED
    if hours is None:
        hours, source = figure.num_utts * ASSUMED_SEC / 3600, ASSUMED
    return Size(
        utts=figure.num_utts,
        hours=hours,
        speakers=figure.num_speakers or figure.num_utts,
        decoded=figure.num_utts if corpus.needs_decoder else 0,
        source=source,
    )


def _counted(corpus, part):
    """The Size of a part by its files on disk, or None: all are counted, some headers are read."""
    try:
        if corpus.missing_part(part):
            return None
        if tables := _measured(corpus.folder(part)):  # a data directory
            return dataclasses.replace(tables, source=COUNTED)
        found = corpus.chosen(sorted(corpus.recordings(part)))
    except (StepsError, OSError, UnicodeDecodeError, NotImplementedError):
        return None
    paths = [file.path for file in found[:: max(1, len(found) // NUM_HEADERS)]]
    headers = [header for header in read_headers(paths) if isinstance(header, Header)]
    if not headers:
        return None
    mean_sec = sum(header.duration_sec for header in headers) / len(headers)
    return Size(
        utts=len(found),
        hours=len(found) * mean_sec / 3600,
        speakers=len({file.spk for file in found}),
        decoded=len(found) if corpus.needs_decoder else 0,
        source=COUNTED,
    )


def _assumed(corpus, part):
    """An assumed Size, by the number of lines of the user's list if there is one."""
    listed = first_file([Path(path).expanduser() for path in _lists(corpus, part)])
    utts = _count_lines(listed) if listed else ASSUMED_UTTS
    return Size(
        utts=utts, hours=utts * ASSUMED_SEC / 3600, speakers=max(1, utts / 10), source=ASSUMED
    )


def _lists(corpus, part):
    listed = getattr(corpus.config, "lists", {}).get(part)
    return [listed] if listed else []
