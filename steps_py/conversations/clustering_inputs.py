"""What the stages that cluster a set read, and their arguments."""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from steps_py.backend.plda_io import read_plda
from steps_py.conversations.cluster_set import build_clusterer, cluster_set
from steps_py.conversations.window_table import Stretch, read_segments
from steps_py.conversations.window_vectors import read_window_xvectors
from steps_py.data.data_dir import read_table
from steps_py.diarization.turns import Turn
from steps_py.settings.declare import setting


@dataclass(frozen=True, kw_only=True)
class SpeakersConfig:
    """The keys of section ``diarization`` about numbers of speakers."""

    known_num_speakers: bool = False
    max_speakers: int | None = setting(None)


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The files of a set that a clusterer reads."""
    parser.add_argument("--segments", required=True, help="windows of cut_windows")
    parser.add_argument("--xvectors", required=True, help="script file of embed_windows")
    parser.add_argument("--num-speakers", help="reco2num_spk of the set")
    parser.add_argument("--plda", help="Kaldi's PLDA of these x-vectors")


class ClusteringInputs:
    """The windows of a set with their x-vectors.

    Parameters
    ----------
    args : Namespace
        Of `add_inputs`.
    config : SpeakersConfig
    """

    def __init__(self, args: argparse.Namespace, config: SpeakersConfig):
        self._config = config
        self.windows: dict[str, list[Stretch]] = read_segments(args.segments)
        self.xvectors: dict[str, np.ndarray] = read_window_xvectors(args.xvectors, self.windows)
        self.plda = read_plda(args.plda) if args.plda else None
        self._numbers = known_numbers(args.num_speakers, config)

    def turns(self, options: dict[str, Any], tuned: dict[str, Any]) -> list[Turn]:
        """The turns by an entry of diarization.systems, with the tuned options."""
        return cluster_set(
            build_clusterer(options, tuned),
            self.xvectors,
            self.windows,
            self.plda,
            self._numbers,
            self._config.max_speakers,
        )


def known_numbers(path: str | None, config: SpeakersConfig) -> dict[str, int] | None:
    """The numbers of speakers of reco2num_spk; None if they are not to be known."""
    if not config.known_num_speakers:
        return None
    return {name: int(number) for name, number in read_table(path).items()}
