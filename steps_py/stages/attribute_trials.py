"""Average the maps of scores over trials of a list, for each feature dimension and frame label.

python -m steps_py.stages.attribute_trials --system results/system.swx --trials data/trials/eval \
    --enroll data/eval --test data/eval --out results/attribution.tsv \
    --config '{"trials": "eval", "method": {"name": "gradient"}}'
"""

import argparse
import csv

import numpy as np
import torch

from steps_py.attribution.averages import KINDS, Average, Averages
from steps_py.attribution.config import AttributionConfig
from steps_py.attribution.methods import METHODS
from steps_py.data.trials import read_trial_list
from steps_py.embeddings.api import Frames
from steps_py.embeddings.xvectors import open_features
from steps_py.errors import DataDirError, TableError
from steps_py.files import atomic_write
from steps_py.formats.holders import INTS
from steps_py.formats.tables import RandomReader
from steps_py.program import run
from steps_py.settings.build import load_slice
from steps_py.system.explain import explain_frames
from steps_py.system.system import load_system


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", required=True, help="results/system.swx")
    parser.add_argument("--recipe", help="folder of the recipe, for classes of its own")
    parser.add_argument("--trials", required=True)
    parser.add_argument("--enroll", required=True, help="data directory of the enrolments")
    parser.add_argument("--test", required=True, help="data directory of the tests")
    parser.add_argument("--config", required=True, help="section attribution, as JSON")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)
    config = load_slice(args.config, AttributionConfig, "attribution")
    torch.set_num_threads(1)
    system = load_system(args.system, args.recipe)
    averages = averages_of(system, args.trials, (args.enroll, args.test), config)
    with atomic_write(args.out) as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(Average._fields)
        for row in averages.rows():
            table.writerow([f"{x:.6g}" if isinstance(x, float) else x for x in row])


def averages_of(system, trials, folders, config: AttributionConfig) -> Averages:
    """The averages over trials of a list that are drawn."""
    cmvn = system.embedder.cmvn
    sides = [open_features(f"{x}/feats.scp", f"{x}/vad.scp", cmvn)[0] for x in folders]
    labels = _open_labels(config.frame_labels)
    method = METHODS.build(config.method)
    averages = Averages(system.embedder.front_end.frequencies_hz())
    for enroll, test, is_target in drawn(read_trial_list(trials), config):
        names = (enroll, test)
        frames = [frames_of(side, name) for side, name in zip(sides, names, strict=True)]
        maps, _, _ = explain_frames(system, frames, names, method, checks=False)
        for side in maps:
            label_T = None if labels is None else _labels_of(labels, side)
            averages.add(KINDS[not is_target], side.map_TD, label_T)
    return averages


def drawn(trials, config):
    """Trials of both kinds, `config.num_trials` of each or as many as there are."""
    chance = np.random.default_rng(config.seed)
    for kind in (True, False):
        places = np.flatnonzero(trials.target_T == kind)
        if len(places) > config.num_trials:
            places = np.sort(chance.choice(places, config.num_trials, replace=False))
        yield from (trials[int(place)] for place in places)


def frames_of(features, name) -> Frames:
    """The voiced, normalised frames of an utterance of the recipe's tables."""
    row = features.utts.index(name)
    return Frames(features.read(row), features.voiced.frames(row), np.zeros((0, 0), np.float32))


def _open_labels(path):
    if path is None:
        return None
    kind = "scp" if path.endswith(".scp") else "ark"
    return RandomReader(f"{kind}:{path}", INTS)


def _labels_of(labels, side):
    """The labels of the voiced frames of an utterance."""
    if side.name not in labels:
        raise DataDirError(f"attribution.frame_labels: has no labels of {side.name}. Add them.")
    label_F, rows_T = np.asarray(labels[side.name]), side.frames.rows_T
    if len(rows_T) and rows_T[-1] >= len(label_F):
        raise TableError(
            f"attribution.frame_labels: {side.name} has {len(label_F)} labels, but frame"
            f" {rows_T[-1]} is voiced. Give one for each frame of the features."
        )
    return label_F[rows_T]


if __name__ == "__main__":
    run(main)
