"""Section ``diarization`` of a recipe: who spoke when."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.conversations.windows import WindowsConfig
from steps_py.data.config import SET_NAME
from steps_py.errors import ConfigError, did_you_mean
from steps_py.settings.declare import Keywords, Seed, Share, part, section, setting

FOLDERS = ["parts", "trials", "train", "train_augmented"]  # of data/ that are other things


@dataclass(frozen=True, kw_only=True)
class ConversationsConfig:
    """An entry of ``diarization.sets``.  Paths are relative to the recipe's folder."""

    recordings: str = setting(
        description="a folder of recordings, or a Kaldi data directory with wav.scp"
    )
    pattern: str = setting(
        "{recording}.wav",
        "of a folder: paths below it; {recording} stands for the recording's name, and * for any"
        " text",
    )
    list: str | None = setting(
        None, "file with the names of the recordings to take, one per line; null: all"
    )
    rttm: str | None = setting(
        None, "reference: an RTTM file, or a folder of them; null: there is none, and no DER"
    )
    uem: str | None = setting(
        None, "UEM file, or a folder of them: the regions that are scored; null: whole recordings"
    )
    lab: str | None = setting(
        None,
        "folder of <recording>.lab, the speech that speech detector oracle takes; null: where"
        " speakers of the reference speak",
    )
    reco2num_spk: str | None = setting(
        None, "numbers of speakers, for known_num_speakers; null: those of the reference"
    )
    channel: int | str = setting(
        1, "of recordings with several: 1, 2 ..., or mix, their mean", pattern="^mix$", minimum=1
    )
    resample: bool = setting(
        False,
        "convert recordings of another rate than the extractor's, which are refused otherwise",
    )
    num_recordings: int | None = setting(
        None, "published number of recordings; another number is an error", minimum=1
    )


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """Section ``diarization.tune``: options that are chosen by the DER of a development set."""

    set: str = setting(description="the development set, one of diarization.sets with a reference")
    values: dict[str, dict[str, Annotated[list[float], Keywords(minItems=1)]]] = setting(
        description="system -> its options and the values of each that are tried, in all"
        " combinations",
        minProperties=1,
    )


@dataclass(frozen=True, kw_only=True)
class OverlapConfig:
    """Section ``diarization.overlap``."""

    network: str = setting(description="exp/segmentation/<name>/final.pt, of any recipe")
    threshold: Share = setting(0.5, "least probability of several speakers")
    max_gap_sec: float = setting(0.1, "shorter gaps are closed; s", minimum=0)
    min_overlap_sec: float = setting(0.1, "shorter overlaps do not count; s", minimum=0)
    second: Annotated[dict, part("second speaker")] = setting(
        {"name": "nearest_in_time"},
        "who speaks there, too: nearest_in_time, next_likely by x-vectors, or vb, by the posteriors"
        " of VBx",
    )


@dataclass(frozen=True, kw_only=True)
class LocalWindowsConfig:
    """The keys of ``diarization.end_to_end`` about windows."""

    step_sec: float = setting(2.0, "from one window of the network to the next; s", minimum=0.1)
    min_sec: float = setting(
        0.5,
        "speakers of a window with less speech have no x-vector, and do not count; s",
        minimum=0.05,
    )
    max_pause_sec: float = setting(0.1, "shorter pauses of a speaker are closed; s", minimum=0)


@dataclass(frozen=True, kw_only=True)
class EndToEndConfig(LocalWindowsConfig):
    """Section ``diarization.end_to_end``."""

    network: str = setting(
        description="exp/segmentation/<name>/final.pt of a network with task powerset"
    )
    systems: dict[str, Annotated[dict, part("diarization clusterer", named_by_key=True)]] = setting(
        description="clusterers of the speakers of windows, with names of their own",
        minProperties=1,
        propertyNames=SET_NAME,
    )


@dataclass(frozen=True, kw_only=True)
class ScoringSection:
    """Section ``diarization.scoring``."""

    collar_sec: float = setting(
        0.0,
        "so much before and after each begin and end in the reference is not scored; s; 0.25 is"
        " NIST's forgiving setting",
        minimum=0,
    )
    score_overlap: bool = setting(
        True, "false: parts in which several speakers of the reference speak are not scored"
    )
    draws: int = setting(1000, "of the bootstrap over recordings; 0: no intervals", minimum=0)
    seed: Seed = setting(0, "of the bootstrap")


@dataclass(frozen=True, kw_only=True)
class DiarizationConfig:
    """Section ``diarization`` of a recipe."""

    extractor: str | None = setting(
        None,
        "results/system.swx or final.pt of another recipe, relative to the recipe's folder; null:"
        " the network of this recipe",
    )
    sets: dict[str, ConversationsConfig] = setting(
        description="sets of recordings; each gives results/<set>.rttm, and results/<set>_der.txt"
        " if it has a reference",
        minProperties=1,
        propertyNames=SET_NAME | {"not": {"enum": FOLDERS}},
    )
    speech: Annotated[dict, part("speech detector")] = setting(
        {"name": "energy"},
        "what finds speech: energy, network, or oracle for that of the reference",
    )
    windows: WindowsConfig = section(WindowsConfig, "windows of speech that have an x-vector each")
    systems: dict[str, Annotated[dict, part("diarization clusterer", named_by_key=True)]] = setting(
        {"ahc": {}},
        "clusterers that are compared: a name of one, or any name with the clusterer's as `name`",
        minProperties=1,
        propertyNames=SET_NAME,
    )
    fuse: dict[str, Annotated[list[str], Keywords(minItems=2)]] = setting(
        {},
        "votes of systems by DOVER-Lap: name -> names of systems; each is a system of the tables",
        propertyNames=SET_NAME,
    )
    result: str | None = setting(
        None,
        "the system, or vote, of results/<set>.rttm; null: the first of systems, after all of its"
        " steps",
    )
    plda: str | None = setting(
        None, "Kaldi's PLDA of the extractor's x-vectors, for clusterers that need one"
    )
    known_num_speakers: bool = setting(
        False, "the number of speakers of each recording is given, not estimated"
    )
    max_speakers: int | None = setting(
        None, "at most so many speakers in a recording; null: no limit", minimum=1
    )
    tune: TuneConfig | None = setting(
        None, "options chosen on a development set; its own results are marked"
    )
    resegmentation: Annotated[dict, part("resegmentation")] | None = setting(
        None, "a step after the clustering: vb; each system has a second one, <system>_resegmented"
    )
    overlap: OverlapConfig | None = setting(
        None,
        "a second speaker where several speak; each system, or resegmented one, has another with"
        " _overlap after its name",
    )
    end_to_end: EndToEndConfig | None = setting(
        None, "systems whose windows are those of a network that tells speakers apart"
    )
    scoring: ScoringSection = section(ScoringSection, "how the diarization error rate is counted")

    def __post_init__(self):
        self._check_votes()
        if self.tune is None:
            return
        if self.tune.set not in self.sets:
            raise ConfigError(
                f"diarization.tune.set is '{self.tune.set}', which is none of diarization.sets"
                f" ({', '.join(self.sets)})."
            )
        if self.sets[self.tune.set].rttm is None:
            raise ConfigError(
                f"diarization.tune.set is '{self.tune.set}', which has no rttm to tune on."
            )
        for name in self.tune.values:
            if name not in self.systems:
                raise ConfigError(
                    f"diarization.tune.values: '{name}' is none of diarization.systems"
                    f" ({', '.join(self.systems)})."
                )

    def _check_votes(self):
        for name, voters in self.fuse.items():
            if name in self.systems:
                raise ConfigError(
                    f"diarization.fuse.{name} is also one of diarization.systems. Rename one."
                )
            for voter in voters:
                if voter not in self.systems:
                    raise ConfigError(
                        f"diarization.fuse.{name} names the system '{voter}'."
                        f" {did_you_mean(voter, self.systems)}"
                    )
        known = [*self.systems, *self.fuse, *self._later_systems()]
        if self.result is not None and self.result not in known:
            raise ConfigError(
                f"diarization.result is '{self.result}', which is no system."
                f" {did_you_mean(self.result, known)}"
            )

    def _later_systems(self):
        """Names of systems after the steps that follow the clustering, and of those end to end."""
        names, later = list(self.systems), []
        if self.resegmentation is not None:
            names = [f"{name}_resegmented" for name in names]
            later += names
        if self.overlap is not None:
            later += [f"{name}_overlap" for name in names]
        return later + list(self.end_to_end.systems if self.end_to_end is not None else [])
