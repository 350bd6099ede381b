"""Makes results/system.swx of the files of a finished recipe.

Shape suffixes (scope: this module):
    T = trials
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from steps_py.backend.calibration import fit_logistic
from steps_py.backend.score_lines import read_labels, read_score_lines
from steps_py.embeddings.config import XvectorsConfig
from steps_py.system.config import SystemConfig
from steps_py.system.decisions import log_odds
from steps_py.system.extractors import KINDS
from steps_py.system.system_file import write_system_file

FROM_MANIFEST = ("commit", "commands", "python", "packages", "config")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Material:
    """The files of a finished recipe that a system is made of.

    Attributes
    ----------
    model, manifest : str
        final.pt, or final.ie of i-vectors, and manifest.json.
    scored_by : str or None
        The scoring system; None: the file embeds only.
    chain : list of dict
        Its links, as `steps_py.backend.systems.Systems.kept` gives them.
    is_calibrated : bool
        Whether its scores are log-likelihood ratios.
    lists : mapping of str to (str, str)
        Trial lists to calibrate on: name -> files of the trials and of their scores.
    corpora : list of dict
        ``{"name", "type", "licence"}`` of the corpora of the training.
    own_files : list of str
        The recipe's own files with classes of the system.
    kind : str
        What embeds, of `steps_py.system.extractors.KINDS`.
    of_kind : mapping
        What its ``keep`` takes beside the model.
    """

    model: str
    manifest: str
    scored_by: str | None
    chain: list[dict]
    is_calibrated: bool
    lists: Mapping[str, Sequence[str]]
    corpora: list[dict]
    own_files: list[str]
    kind: str = "network"
    of_kind: Mapping = dataclasses.field(default_factory=dict)


def make_system(
    out: str | os.PathLike, material: Material, config: SystemConfig, xvectors: XvectorsConfig
) -> None:
    """Write the file `out`."""
    kind = KINDS[material.kind]
    options, numbers = kind.keep(material.model, material.of_kind)
    members = {kind.member: numbers}
    chain = _keep_files(material.chain, members, "scores")
    calibration = _calibration(material, config) if material.scored_by else None
    manifest = json.loads(Path(material.manifest).read_text(encoding="utf-8"))
    description = {
        "extractor": options,
        "xvectors": dataclasses.asdict(xvectors),
        "scored_by": material.scored_by,
        "chain": chain,
        "calibration": calibration,
        "thresholds": _thresholds(calibration, config.p_target),
        "prior": config.p_target[0],
        "made_by": {key: manifest[key] for key in FROM_MANIFEST if key in manifest},
        "corpora": material.corpora,
        "own_files": {
            Path(path).name: hashlib.sha256(Path(path).read_bytes()).hexdigest()
            for path in material.own_files
        },
    }
    write_system_file(out, description, members)


def _keep_files(chain, members, folder):
    """The links with names of members in place of paths; the files are added to `members`."""
    kept = []
    for place, link in enumerate(chain):
        names = []
        for path in link["files"]:
            name = f"{folder}/{place}.{link['step']['name']}/{Path(path).name}"
            members[name] = Path(path).read_bytes()
            names.append(name)
        link = {**link, "files": names}
        if "systems" in link:
            link["systems"] = [
                _keep_files(other, members, f"{folder}/{place}.{number}")
                for number, other in enumerate(link["systems"])
            ]
        kept.append(link)
    return kept


def _calibration(material, config):
    """Scale and offset of the scores and what they stand on, or None."""
    if material.is_calibrated:
        return {"scale": 1.0, "offset": 0.0, "said": "a step of the scoring system"}
    if not material.lists:
        return None
    scores, targets = [], []
    for name, (labels, scored) in material.lists.items():
        pairs = read_score_lines(scored, scored)
        scores.append(pairs.score_T)
        targets.append(read_labels(labels, pairs))
        print(f"calibration on {name}: {len(pairs.score_T)} trials")
    score_T, target_T = np.concatenate(scores), np.concatenate(targets)
    fit = fit_logistic(score_T[:, None], target_T)
    if fit.weights_F[0] <= 0:
        print("WARNING: target trials do not score higher than others: not calibrated")
        return None
    return {
        "scale": float(fit.weights_F[0]),
        "offset": fit.offset,
        "said": f"{len(score_T)} trials of {', '.join(material.lists)}, which the recipe's results"
        " are of too",
    }


def _thresholds(calibration, priors):
    """For each prior the ratio, and the score, from which on a trial counts as of one speaker."""
    if calibration is None:
        return []
    return [
        {
            "p_target": prior,
            "llr": 0.0 - log_odds(prior),
            "score": 0.0 + (-log_odds(prior) - calibration["offset"]) / calibration["scale"],
        }
        for prior in priors
    ]
