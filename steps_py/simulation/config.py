"""Section ``simulation`` of a recipe: conversations of speech of single speakers."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.data.config import SET_NAME
from steps_py.diarization.simulate import SimulationConfig
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, Keywords, Seed, Share, part, section, setting

Kind = Annotated[dict, part("kind of augmentation")]


@dataclass(frozen=True, kw_only=True)
class SimulatedSetConfig:
    """An entry of ``simulation.sets``."""

    speech: str = setting(
        description="a set of data.sets, or the path of a Kaldi data directory (with a slash, and"
        " relative to the recipe's folder): wav.scp, utt2spk, utt2dur and, if pauses are to be cut"
        " out, vad.scp"
    )
    speakers: Annotated[list[Share], Keywords(minItems=2, maxItems=2)] = setting(
        [0.0, 1.0],
        "the part of its speakers that may speak, from one share to another, in an order that is"
        " the same for all sets: [0, 0.5] and [0.5, 1] have no speaker in common",
    )
    num_recordings: int = setting(10, minimum=1)
    num_speakers: Annotated[list[Count], Keywords(minItems=1)] = setting(
        [2, 3, 4], "speakers of the first recording, the second, ..., and from the first again"
    )
    max_pause_sec: float = setting(
        0.3, "longer pauses within an utterance are cut out, by its voice decisions; s", minimum=0
    )
    layout: SimulationConfig = section(SimulationConfig, "who speaks when")
    rooms: Kind | None = setting(
        None, "kind of augmentation that draws a room for each speaker, such as reverb"
    )
    noise: Kind | None = setting(
        None, "kind of augmentation that draws the noise of a recording, such as noise or music"
    )
    seed: Seed = setting(1)

    def __post_init__(self):
        if not self.speakers[0] < self.speakers[1]:
            raise ConfigError(
                f"simulation.sets: speakers is {self.speakers}, from one share to a larger one."
            )

    def sounds(self) -> dict[str, dict]:
        """The kinds of augmentation that are given, by what they draw."""
        given = {"rooms": self.rooms, "noise": self.noise}
        return {name: kind for name, kind in given.items() if kind is not None}


@dataclass(frozen=True, kw_only=True)
class SimulationSection:
    """Section ``simulation`` of a recipe."""

    sets: dict[str, SimulatedSetConfig] = setting(
        {},
        "sets of conversations; each is a data directory exp/simulation/<set> with the reference"
        " ref.rttm, for diarization.sets and for training. docs/diarization.md",
        propertyNames=SET_NAME,
    )
    num_jobs: Count = setting(1, "jobs of each set; the recordings do not depend on it")
