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
from steps_py.attribution.frame_labels import FrameLabels
from steps_py.attribution.methods import METHODS
from steps_py.data.trials import read_trial_list
from steps_py.embeddings.api import Frames
from steps_py.embeddings.xvectors import open_features
from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.settings.build import load_slice
from steps_py.system.explain import bands_of, explain_frames
from steps_py.system.system import System, load_system


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", required=True, help="results/system.swx")
    parser.add_argument("--recipe", help="folder of the recipe, for classes of its own")
    parser.add_argument("--trials", required=True)
    parser.add_argument("--enroll", required=True, help="data directory of the enrolments")
    parser.add_argument("--test", required=True, help="data directory of the tests")
    parser.add_argument("--frame-labels", nargs="?", help="table of labels of frames")
    parser.add_argument("--label-names", nargs="?", help="lines `name label`")
    parser.add_argument("--config", required=True, help="section attribution, as JSON")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)
    config = load_slice(args.config, AttributionConfig, "attribution")
    torch.set_num_threads(1)
    system = load_system(args.system, args.recipe)
    labels = FrameLabels(args.frame_labels, args.label_names) if args.frame_labels else None
    averages = averages_of(system, args.trials, (args.enroll, args.test), config, labels)
    with atomic_write(args.out) as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(Average._fields)
        for row in averages.rows():
            table.writerow([f"{x:.6g}" if isinstance(x, float) else x for x in row])


def averages_of(
    system: System,
    trials: str,
    folders: tuple[str, str],
    config: AttributionConfig,
    labels: FrameLabels | None = None,
) -> Averages:
    """The averages over trials that are drawn from a list.

    `folders` are the data directories of its enrolments and its tests.
    """
    cmvn = system.embedder.cmvn
    sides = [open_features(f"{x}/feats.scp", f"{x}/vad.scp", cmvn)[0] for x in folders]
    rows = [{utt: row for row, utt in enumerate(side.utts)} for side in sides]
    method = METHODS.build(config.method)
    bands = bands_of(system.embedder.front_end)
    averages = Averages(bands.frequencies_hz, labels and labels.names)
    for enroll, test, is_target in drawn(read_trial_list(trials), config):
        names = (enroll, test)
        frames = [frames_of(sides[k], rows[k][name]) for k, name in enumerate(names)]
        maps, _, _ = explain_frames(system, frames, names, method, bands, checks=False)
        for side in maps:
            label_T = None if labels is None else labels.of(side.name, side.frames.rows_T)
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


def frames_of(features, row) -> Frames:
    """The voiced, normalised frames of an utterance of the recipe's tables."""
    return Frames(features.read(row), features.voiced.frames(row), np.zeros((0, 0), np.float32))


if __name__ == "__main__":
    run(main)
