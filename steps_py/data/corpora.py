"""Base class of corpora: recordings on disk to utterances and trials.

A corpus class in local/<type>.py defines where recordings are and the published counts.  The base
class lists recordings, compares counts, reads every header and writes the entries of wav.scp.
How to add a corpus: local/README.md.
"""

import dataclasses
import itertools
import os
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from steps_py.audio import recordings
from steps_py.audio.pipe_checks import check_programs, refused_pipes
from steps_py.audio.recordings import SUFFIXES
from steps_py.data.segments import cut
from steps_py.data.sources import digest_of_files, state_of_audio
from steps_py.data.split import SplitConfig, split_of_speakers
from steps_py.data.trials import Trials, read_trial_list
from steps_py.errors import ConfigError, DataDirError, did_you_mean, some
from steps_py.registry import Registry
from steps_py.settings.build import build
from steps_py.settings.declare import setting
from steps_py.text_files import read_lines

if TYPE_CHECKING:
    pass

CORPORA = Registry("corpus", home="local")


@dataclasses.dataclass(frozen=True, slots=True)
class Utterance:
    """One line each of wav.scp, utt2spk and utt2dur."""

    utt: str
    spk: str
    wav: str  # a path, or a pipe that ends in |
    duration_sec: float


class Recording(typing.NamedTuple):
    """A file of a corpus, or a segment of it, with the ids of its utterance and speaker."""

    utt: str
    spk: str
    path: str
    segment: tuple[float, float] | None = None  # begin and end in s; None: the whole file
    channel: int | None = None  # of a file of several, 1, 2 ...; None: that of the configuration


class Published(typing.NamedTuple):
    """The published size of a part; speakers are None if they have no meaning, figures that
    nobody published are None too.

    The hours are used for planning only.
    """

    num_speakers: int | None
    num_utts: int | None
    hours: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnTrials:
    """An entry of ``data.corpora.<name>.trials``: a trial list of the user's own."""

    file: str = setting(description="trials: two sides and a label per line, in any common order")
    prefix: str = setting("", "use only trials whose two sides begin with it")
    labels: Literal["names", "list"] = setting(
        "names",
        "if labels disagree with the speakers' names: names: an error; list: use the labels",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """An entry of data.corpora: the keys of every type of corpus."""

    root: str = setting(description="folder of the corpus")
    partial: bool = setting(False, "true: accept fewer files than published")
    sample_rate_hz: int = setting(16000, "sample rate of the recipe", minimum=1)
    resample: bool = setting(False, "convert recordings of another rate")
    channel: int | str | None = setting(None, "for recordings with several: 1, 2, ..., mix or all")
    id_prefix: str = setting("", "prefix of every speaker and utterance id")
    exclude: str | None = setting(None, "file of utterance ids to exclude, one per line")
    exclude_speakers: str | None = setting(
        None, "file of speaker ids whose utterances are excluded, one per line"
    )
    split: SplitConfig | None = setting(
        None,
        "take a share of the utterances of each speaker: the last of every so many in the order of"
        " their ids, or the others; null: all of them",
    )
    shell_pipes: bool | None = setting(
        None, "run shell commands in wav.scp; null: for kaldi_dir only"
    )
    trials: dict[str, OwnTrials] = setting({}, "additional trial lists, by name")


class Corpus:
    """One entry of data.corpora.

    A subclass sets the class attributes and overrides the methods of the first group.
    """

    Config = CorpusConfig
    layout = ""  # the expected folder tree, for messages
    source = ""  # where to get it, and its licence
    licence = ""  # its short name, such as CC BY 4.0; empty: unknown
    takes_shell_pipes = False  # default of the key shell_pipes
    needs_decoder = False  # recordings are in a format that only ffmpeg decodes
    published = types.MappingProxyType({})  # part -> Published
    published_trials = types.MappingProxyType({})  # trial list -> number of trials, or None
    published_labels: Literal["names", "list"] = "names"  # as `OwnTrials.labels`, of those lists
    model_lists: tuple[str, ...] = ()  # published lists of enrolments of several utterances

    def __init__(self, name: str, config):
        self.name, self.config = name, config
        self.key = f"data.corpora.{name}"
        self.root = Path(config.root).expanduser()
        if config.channel not in (None, "mix", "all") and config.channel not in range(1, 65536):
            said = f"'{self.key}.channel' is {config.channel!r}; it must be 1, 2, ..., mix or all."
            raise ConfigError(said)
        self.notes = []  # messages about converted or skipped files
        self.skipped = recordings.SkippedFiles()

    # -- overridden by corpora

    def parts(self) -> list[str]:
        """Names of all parts, whether or not they exist on this disk."""
        return list(self.published)

    def folders(self, part: str) -> list[str]:
        """Candidate folders of the part, below root; the first that exists is used."""
        return [part]

    def lists_of(self, part: str) -> list:
        """Paths below root of the lists that define the part; all of them are needed."""
        return []

    def recordings(self, part: str):
        """Yield a `Recording` for every file of the part."""
        raise NotImplementedError

    def published_files(self, name: str):
        """Candidate paths of a published trial list; the first that exists is used."""
        return []

    def utt_of(self, side: str):
        """Utterance id of a side of a trial as written in a list: a path below root."""
        return side

    def models(self, name: str):
        """Utterance ids of each model of one of `model_lists`: a dict of str to list of str."""
        raise NotImplementedError

    def speakers_excluded(self):
        """The speakers that `exclude_speakers` lists, in all styles of their names."""
        lines = read_lines(self.config.exclude_speakers)
        return {word for _, line in lines for word in line.split()}

    def genders(self):
        """Gender of each speaker, ``f`` or ``m``, as far as known; without `id_prefix`."""
        return {}

    def genders_read(self):
        """Paths of the files that `genders` reads."""
        return []

    def identify(self, sides: set[str], known_utts: set[str]) -> dict[str, str]:
        """Map sides of trials to utterance ids; a side can be the id itself."""
        return {side: side if side in known_utts else self.utt_of(side) for side in sides}

    # -- which files are read; when one changes, the part or list is prepared again

    def files_read(self, part: str) -> list[str]:
        """Paths of the tables and lists that a part is prepared from, except the recordings.

        A subclass that reads more files than the lists of what is excluded adds them.
        """
        lists = (self.config.exclude, self.config.exclude_speakers)
        listed = [self.root / path for path in self.lists_of(part)]
        return [path for path in lists if path is not None] + listed

    def audio_read(self, part: str):
        """(root, paths below it) of a part's recordings; None for all files below root."""
        return next(
            (self.root / folder for folder in self.folders(part) if (self.root / folder).is_dir()),
            self.root,
        ), None

    def list_read(self, name: str):
        """Paths of the files that a trial list is prepared from; the first is the list."""
        path = first_file(self.trial_files(name))
        return [path or next(iter(self.trial_files(name)), name)]

    def models_read(self, name: str):
        """Paths of the files that a list of models is prepared from."""
        return []

    def state_of_part(self, part: str, watch_audio: bool = True) -> str:
        """A digest of the files that the part is prepared from.

        Covers contents of tables and, with `watch_audio`, names, sizes and times of recordings.
        """
        audio = f" {state_of_audio(*self.audio_read(part))}" if watch_audio else ""
        return digest_of_files(self.files_read(part)) + audio

    # -- called by stages

    def utterances(self, part: str, num_threads: int = 8) -> list[Utterance]:
        """All utterances of a part, sorted, with checked headers.

        Raises ConfigError (unknown part, missing folder), DataDirError (figures, ids)
        or AudioError (files), with one line for each kind of error.
        """
        self.check_name(part, self.parts(), "part")
        self.raise_missing(self.missing_part(part))
        found = sorted(self.recordings(part), key=lambda file: file[:3])
        self.notes += filter(None, [self.skipped.describe()])
        self.check_ids(part, found)
        self.check_published(part, found)
        found = self.chosen(found)
        paths = list(dict.fromkeys(file.path for file in found))
        headers = recordings.read_headers(paths, num_threads)
        return self.make_utterances(part, found, dict(zip(paths, headers, strict=True)))

    def make_utterances(
        self, part: str, found: list[Recording], header_of: "dict[str, Any]"
    ) -> list[Utterance]:
        """Utterances of recordings whose headers were read; AudioError if any is bad.

        `header_of` maps the path of each recording to its header.
        """
        where, prefix = f"{self.name}.{part}", self.config.id_prefix
        paths, headers = list(header_of), list(header_of.values())
        for channel in sorted({file.channel or 0 for file in found}):
            chosen = {file.path for file in found if (file.channel or 0) == channel}
            listed = {path: header for path, header in header_of.items() if path in chosen}
            options = self._options_for(channel)
            recordings.check_headers(listed, listed.values(), options, where, self.key)
        self.notes += recordings.count_misnamed(paths, headers)
        self.notes += recordings.count_conversions(headers, self.config)
        utterances = []
        for file in found:
            header, trim = header_of[file.path], None
            if file.segment is not None:
                trim = cut(file.segment, header)
            if file.segment is not None and trim is None:
                begin, end = file.segment
                raise DataDirError(
                    f"{where}: '{file.utt}' is {begin:g} to {end:g} s of {file.path}, which lasts"
                    f" {header.duration_sec:g} s. Is it the file that the corpus's lists are of?"
                )
            utterances.append(
                Utterance(
                    prefix + file.utt,
                    prefix + file.spk,
                    recordings.wav_entry(file.path, header, self._options_for(file.channel), trim),
                    trim[1] if trim else header.duration_sec,
                )
            )
        self.check_pipes(part, (utterance.wav for utterance in utterances))
        return utterances

    def _options_for(self, channel):
        """The configuration with the channel that a list of the corpus gives, if it does."""
        return dataclasses.replace(self.config, channel=channel) if channel else self.config

    def trials(self, name: str, known_utts: set[str]) -> Trials:
        """The `Trials` of a list, in its order, with utterance ids as sides.

        Sides that are none of `known_utts` keep the id derived from the list, for error messages.
        """
        self.check_name(name, self.trial_lists(), "trial list")
        self.raise_missing(self.missing_trials(name))
        prefix = self.config.id_prefix
        known = {utt.removeprefix(prefix) for utt in known_utts if utt.startswith(prefix)}
        raw = Trials.of(self.read_trials(name, known))
        published = self.published_trials.get(name)
        if published and len(raw) != published and not self.config.partial:
            raise DataDirError(
                f"{self.name}: trial list '{name}' has {len(raw)} trials; published are"
                f" {published}. {self.fix_partial}"
            )
        utts = self.identify(set(raw.sides), known)
        return raw.renamed({side: prefix + utt for side, utt in utts.items()})

    def model_utts(self, name: str, known_utts):
        """Utterance ids of each model of a list of the corpus, with `id_prefix`.

        Utterances that are none of `known_utts` are dropped if `partial` is set, and with them
        the models that have no other.
        """
        self.check_name(name, self.model_lists, "list of models")
        prefix, models = self.config.id_prefix, {}
        for model, utts in self.models(name).items():
            utts = [prefix + utt for utt in utts]
            if self.config.partial:
                utts = [utt for utt in utts if utt in known_utts]
            if utts:
                models[prefix + model] = utts
        if not models:
            raise DataDirError(
                f"{self.name}: none of the utterances of the list of models '{name}' is in the"
                " set. Name in `of` a set that has the corpus's enrolment utterances."
            )
        return models

    def trial_lists(self) -> list[str]:
        """Names of the published and the user's own trial lists, on this disk or not."""
        return [*self.published_trials, *self.config.trials]

    def trial_files(self, name: str) -> list[Path]:
        """Candidate paths of a list; relative paths of the recipe start at its folder."""
        own = self.config.trials.get(name)
        return [Path(own.file).expanduser()] if own else self.published_files(name)

    def read_trials(self, name: str, known_utts: set[str]) -> Trials:
        """The trials of a list, with sides as written; with a `prefix`, only those whose two
        sides begin with it."""
        path, own = first_file(self.trial_files(name)), self.config.trials.get(name)
        trials, prefix = read_trial_list(path), own.prefix if own else ""
        if prefix:
            below_S = np.array([side.startswith(prefix) for side in trials.sides], bool)
            trials = trials.where(below_S[trials.enroll_T] & below_S[trials.test_T])
        if not trials:
            said = f" with both sides below '{prefix}'" if prefix else ""
            raise DataDirError(f"{path}: has no trial{said}. Give another list or prefix.")
        return trials

    # -- missing files

    def missing(self, parts=(), lists: Sequence[str] = ()) -> str | None:
        """One message about all requested parts and lists that do not exist, or None."""
        for part in parts:
            self.check_name(part, self.parts(), "part")
        for name in lists:
            self.check_name(name, self.trial_lists(), "trial list")
        if not self.root.is_dir():
            faults = [f"{self.key}.root: {self.config.root} is not a folder."]
        else:
            faults = [self.missing_part(part) for part in parts]
            faults += [self.missing_trials(name) for name in lists]
        faults = [fault for fault in faults if fault]
        return "\n".join([*faults, *self.how_to_get()]) if faults else None

    def missing_part(self, part: str) -> str | None:
        """A message if the folder or a list of the part does not exist, else None."""
        folders = self.folders(part)
        if not any((self.root / folder).is_dir() for folder in folders):
            return (
                f"{self.key}.root: part '{part}' is not in {self.config.root}"
                f" (looked for {', '.join(map(str, folders))})."
            )
        lists = [path for path in self.lists_of(part) if not (self.root / path).is_file()]
        if lists:
            return (
                f"{self.key}.root: a list of part '{part}' is not in {self.config.root}"
                f" (looked for {some(lists)})."
            )
        return None

    def missing_trials(self, name: str) -> str | None:
        """A message if the file of the list does not exist, else None."""
        files = self.trial_files(name)
        if first_file(files):
            return None
        key = f"trials.{name}.file" if name in self.config.trials else "root"
        return f"{self.key}.{key}: trial list '{name}' is not there (looked for {some(files)})."

    def how_to_get(self) -> list[str]:
        """Indented lines: the expected folder tree and the source of the corpus."""
        tree = [f"  Expected below {self.key}.root:"] if self.layout else []
        tree += [f"    {line}" for line in self.layout.strip().splitlines()]
        return tree + [f"  {line}" for line in self.source.strip().splitlines()]

    # -- helpers for subclasses and above

    def walk(self, folder: str | os.PathLike, suffixes: tuple = SUFFIXES) -> Iterator:
        """Paths of recordings below `folder`, relative to it; other audio is counted."""
        return recordings.walk_audio(folder, suffixes, self.skipped)

    def folder(self, part: str) -> Path:
        """The folder of an existing part."""
        return next(f for f in (self.root / name for name in self.folders(part)) if f.is_dir())

    @property
    def fix_partial(self) -> str:
        return f"Set {self.key}.partial: true to use what is there."

    def check_name(self, name: str, known, kind: str) -> None:
        if name not in known:
            raise ConfigError(f"{self.key}: unknown {kind} '{name}'. {did_you_mean(name, known)}")

    def raise_missing(self, fault: str | None) -> None:
        if fault:
            raise ConfigError("\n".join([fault, *self.how_to_get()]))

    def check_ids(self, part: str, found: list[Recording]) -> None:
        """Check that ids fit into tables and are unique; `found` is sorted."""
        where = f"{self.name}.{part}"
        odd = [f.path for f in found if not f.path.isprintable() or "|" in f.path]
        odd += [f.path for f in found if len(f.utt.split()) != 1]
        odd += [f.path for f in found if len(f.spk.split()) != 1]
        if odd:
            raise DataDirError(
                f"{where}: {len(odd)} names do not fit into Kaldi's tables"
                f" ({some(map(ascii, odd))}). Rename the files: UTF-8, no control characters, no |,"
                " no blanks in the names of speakers and utterances."
            )
        twice = [
            f"{a.utt}: {a.path} and {b.path}"
            for a, b in itertools.pairwise(found)
            if a.utt == b.utt
        ]
        if twice:
            raise DataDirError(
                f"{where}: {len(twice)} utterance ids belong to two files"
                f" ({some(twice, limit=1)}). Rename or remove one of the files."
            )

    def check_pipes(self, part: str, entries: Iterable) -> None:
        """Raise errors for shell commands that are not allowed and for missing programs."""
        allowed = self.config.shell_pipes
        allowed = self.takes_shell_pipes if allowed is None else allowed
        entries = list(entries)
        refused = "" if allowed else refused_pipes(entries)
        if refused:
            raise ConfigError(
                f"{self.name}.{part}: {refused}. Decode these recordings to files, or set"
                f" {self.key}.shell_pipes: true to run the commands."
            )
        check_programs(entries, f"{self.name}.{part}")

    def check_published(self, part: str, found: list[Recording]) -> None:
        """Compare with the published counts, unless `partial` is set."""
        num_speakers = len({file.spk for file in found})
        if not found:
            raise DataDirError(
                f"{self.name}.{part}: no recording in {self.config.root}"
                f" ({self.skipped.describe() or self.skipped.taken()}). Check {self.key}.root, or"
                " convert the files."
            )
        published = self.published.get(part)
        if published is None or self.config.partial:
            return
        if published.num_speakers is None:
            got, want = f"{len(found)} recordings", f"{published.num_utts}"
        elif published.num_utts is None:
            got, want = f"{num_speakers} speakers", f"{published.num_speakers}"
        else:
            got = f"{len(found)} utterances of {num_speakers} speakers"
            want = f"{published.num_utts} of {published.num_speakers}"
        agree = published.num_utts in (None, len(found))
        if not agree or published.num_speakers not in (None, num_speakers):
            raise DataDirError(
                f"{self.name}.{part}: {got} in {self.config.root}; published are {want}."
                f" {self.fix_partial}"
            )

    def chosen(self, found: list) -> list:
        """`found`, sorted, without what `exclude`, `exclude_speakers` and `split` leave out."""
        kept, prefix = found, self.config.id_prefix
        if self.config.exclude_speakers is not None:
            listed = self.speakers_excluded()
            kept = [file for file in kept if file.spk not in listed]
        if self.config.exclude is not None:
            lines = read_lines(self.config.exclude)
            listed = {word for _, line in lines for word in line.split()}
            kept = [file for file in kept if prefix + file.utt not in listed]
        if kept is not found:
            self.notes.append(f"{len(found) - len(kept)} of {len(found)} utterances excluded")
        split = self.config.split
        return kept if split is None else split_of_speakers(kept, split)


def load_corpus(name: str, options: dict[str, Any]):
    """Build the corpus of the config entry ``data.corpora.<name>: options``.

    Its class is the one registered as `type`, which is the name unless given.
    Raises ConfigError, one line for every option that does not fit.
    """
    key, fields = f"data.corpora.{name}", dict(options)
    type_name = fields.pop("type", name)
    try:
        cls = CORPORA.find(type_name)
    except ConfigError:
        raise ConfigError(
            f"'{key}.type' is '{type_name}'. {did_you_mean(type_name, CORPORA.names())}"
        ) from None
    return cls(name, build(cls.Config, fields, key))


def missing_corpora(config_data: dict[str, Any], parts: Sequence[str] = ()) -> str | None:
    """One message on all corpora, parts and lists of section ``data`` that do not exist, or None.

    `parts` are further names ``<corpus>.<part>`` in use: those of the augmentation.  Only
    folders and list files are looked for, so the answer comes at once, before any job.
    Raises ConfigError for a name that no corpus has.
    """
    corpora, used_parts, used_lists = config_data["corpora"], {}, {}
    places = [(f"data.sets.{s}", p) for s, parts in config_data["sets"].items() for p in parts]
    places += [("augment.copies", part) for part in parts]
    for place, full_name in places:
        name, _, part = full_name.partition(".")
        _check_corpus(place, name, corpora)
        used_parts.setdefault(name, {})[part] = True
    for trials, section in config_data.get("trials", {}).items():
        if section.get("corpus") is None:
            continue
        _check_corpus(f"data.trials.{trials}.corpus", section["corpus"], corpora)
        used_lists.setdefault(section["corpus"], []).append(section.get("list") or trials)
    messages = []
    for name in {**used_parts, **used_lists}:
        corpus = load_corpus(name, corpora[name])
        messages.append(corpus.missing(used_parts.get(name, ()), used_lists.get(name, ())))
    return "\n".join(message for message in messages if message) or None


def first_file(paths: list[Path]) -> Path | None:
    """The first path that is a file, or None."""
    return next((path for path in paths if os.path.isfile(path)), None)


def make_id(*names) -> str:
    """Join names to an id; blanks, which a table cannot hold, become underscores.

    >>> make_id("corpus", "O'Neil", "session 1", "a")
    "corpus-O'Neil-session_1-a"
    """
    return "_".join("-".join(names).split())


def _check_corpus(place, name, corpora):
    if name not in corpora:
        raise ConfigError(
            f"{place}: there is no corpus '{name}' in data.corpora. {did_you_mean(name, corpora)}"
        )
