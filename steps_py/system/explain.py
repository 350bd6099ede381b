"""Why a system scores two recordings as it does: maps of both, with their checks.

Shape suffixes (scope: this module):
    T = voiced frames   F = all frames   D = feature dimension   E = embedding   N = vectors
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from steps_py.attribution.bands import Bands, NoBands
from steps_py.attribution.curves import Curves, curves_of
from steps_py.attribution.differenced import differenced, is_smooth
from steps_py.attribution.explained import Explained
from steps_py.attribution.methods import METHODS
from steps_py.attribution.picture import Row, write_picture
from steps_py.attribution.randomisation import cascade
from steps_py.embeddings.api import Frames
from steps_py.errors import ConfigError
from steps_py.feats.front_end import FrontEnd
from steps_py.system.sound import Reading, wave_of
from steps_py.system.verdict import Verdict

COSINE = "cosine of the x-vectors"
SCORES = ("system", "cosine")


@dataclass(frozen=True)
class SideMap:
    """The map of one of two recordings, given the other.

    Attributes
    ----------
    name : str
    frames : Frames
        Its voiced frames, as the network reads them, and its features.
    map_TD : float32 array
        How much each feature of a voiced frame counts.
    facts : dict
        What the method found, such as the gap of a sum.
    curves : Curves or None
        Insertion and deletion, against random orders.
    cascade : dict
        Rank correlation with the maps of ever more random networks.
    """

    name: str
    frames: Frames
    map_TD: np.ndarray
    facts: dict[str, Any]
    curves: Curves | None
    cascade: dict[str, float]

    def notes(self) -> list[str]:
        """The checks, for people."""
        said = []
        if "completeness_gap" in self.facts:
            gap, total = self.facts["completeness_gap"], self.facts["expected_sum"]
            said.append(f"sum {total:.4f} within {abs(gap):.1g}")
        said += [f"{key} {self.facts[key]}" for key in ("layer", "empty") if key in self.facts]
        if self.curves:
            found = self.curves.summary()
            said += [
                f"mean score of {way} {found[f'{way}_area']:.3f},"
                f" random {found[f'{way}_random_area']:.3f}"
                for way in ("insertion", "deletion")
            ]
        if self.cascade:
            shuffled = " ".join(f"{value:.2f}" for value in self.cascade.values())
            said.append(f"rank correlation with shuffled networks {shuffled}")
        return said

    def summary(self) -> dict[str, Any]:
        """All of it but the arrays."""
        curves = self.curves.summary() if self.curves else {}
        return {"recording": self.name, **self.facts, **curves, "cascade": self.cascade}


@dataclass(frozen=True)
class Explanation:
    """The maps of two recordings.

    Attributes
    ----------
    method : str
    verdict : Verdict
        The decision that is explained.
    explained_score : str
        Which score the maps are of.
    sides : (SideMap, SideMap)
    frame_shift_sec : float
    frequencies_hz : float array (D,) or None
        nan for a dimension without a frequency.
    warnings : tuple of str
    """

    method: str
    verdict: Verdict
    explained_score: str
    sides: tuple[SideMap, SideMap]
    frame_shift_sec: float
    frequencies_hz: np.ndarray | None
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """All of it but the arrays, for JSON."""
        return {
            "method": self.method,
            "explained_score": self.explained_score,
            "recordings": [side.summary() for side in self.sides],
            "verdict": self.verdict.as_dict(),
        }

    def __str__(self):
        lines = [str(self.verdict), f"{self.method} of the {self.explained_score}"]
        for side in self.sides:
            lines.append("  " + "; ".join([side.name, *side.notes()]))
        return "\n".join(lines)

    def arrays(self) -> dict[str, np.ndarray]:
        """The raw maps and what places them, for an .npz file."""
        found = {}
        for number, side in enumerate(self.sides, start=1):
            found[f"map{number}_TD"] = side.map_TD
            found[f"input{number}_TD"] = side.frames.x_TD
            found[f"start{number}_sec_T"] = side.frames.rows_T * self.frame_shift_sec
            found[f"features{number}_FD"] = side.frames.features_FD
        if self.frequencies_hz is not None:
            found["frequencies_hz_D"] = self.frequencies_hz
        return found


def explain(
    system,
    first: Any,
    second: Any,
    method: Mapping[str, Any],
    *,
    score: str = "system",
    checks: bool = True,
    coefficients: bool = False,
    prior: float | None = None,
    reading: Reading | None = None,
) -> Explanation:
    """The maps of two recordings for their score, each with the other one fixed.

    Parameters
    ----------
    system : System
    first, second : as for `System.embed`
    method : mapping
        ``{"name": ..., **options}`` of METHODS.
    score : "system" or "cosine"
        The calibrated score of the system, or the score where it is not calibrated; or the cosine
        of the x-vectors, which is also taken, with a warning, where the system's has no gradient.
    checks : bool
        Compute insertion and deletion curves and the randomisation of the network too.
    coefficients : bool
        Maps of cepstra are of the cepstra, not of the frequency bands that they are linear in.
    prior, reading
        As for `System.verify`.

    Raises
    ------
    AudioError
        If a recording cannot be read or has too little speech.
    ConfigError
        If there is no such method, or option of it.
    """
    built = METHODS.build(dict(method))
    reading = reading or Reading()
    waves = [wave_of(source, reading, system.sample_rate_hz) for source in (first, second)]
    voices = system.voices_of_waves(waves)
    frames = [system.embedder.frames(*wave) for wave in waves]
    verdict = system.compare(*voices, prior)
    bands = bands_of(system.embedder.front_end, coefficients)
    names = [voice.name for voice in voices]
    sides, what, warnings = explain_frames(system, frames, names, built, bands, score, checks)
    return Explanation(
        method=method["name"],
        verdict=verdict,
        explained_score=what,
        sides=sides,
        frame_shift_sec=system.embedder.frame_shift_sec,
        frequencies_hz=bands.frequencies_hz,
        warnings=(*verdict.warnings, *warnings),
    )


def picture_of(explanation: Explanation, path: str | os.PathLike) -> None:
    """Write the picture of an explanation: .png, .svg or .pdf."""
    rows = [
        Row(
            os.path.basename(side.name),
            side.map_TD,
            side.frames.rows_T,
            side.frames.features_FD,
            side.curves,
            side.notes(),
        )
        for side in explanation.sides
    ]
    title = f"{explanation.verdict}\n{explanation.method} of the {explanation.explained_score}"
    write_picture(path, title, rows, explanation.frame_shift_sec, explanation.frequencies_hz)


def bands_of(front_end: FrontEnd, coefficients: bool = False) -> Bands | NoBands:
    """What maps of features are of: bands for cepstra, unless `coefficients`, or the features."""
    found = None if coefficients else front_end.bands()
    return NoBands(front_end.frequencies_hz()) if found is None else Bands(*found)


def explain_frames(system, frames, names, method, bands, score="system", checks=True):
    """`explain` for two `Frames`: the maps, which score they are of, and warnings."""
    if score not in SCORES:
        raise ConfigError(f"score: is '{score}'. Give one of {', '.join(SCORES)}.")
    network = system.embedder.network.eval()
    frames = [_in_bands(side, bands) for side in frames]
    with bands.as_input(network):
        return _explain_inputs(system, frames, names, method, score, checks)


def _in_bands(frames, bands):
    features_FD = frames.features_FD
    return frames._replace(
        x_TD=bands.of(frames.x_TD),
        features_FD=bands.of(features_FD) if features_FD.size else features_FD,
    )


def _explain_inputs(system, frames, names, method, score, checks):
    network, config = system.embedder.network, system.embedder.config
    device = next(network.parameters()).device
    whole = [
        Explained.of(
            network,
            None,
            torch.from_numpy(np.ascontiguousarray(side.x_TD)).to(device),
            max_chunk_frames=config.max_chunk_frames,
            min_chunk_frames=config.min_chunk_frames,
        )
        for side in frames
    ]
    with torch.no_grad():
        vectors = [side.vectors(side.x_TD[None])[0].double().cpu().numpy() for side in whole]
    warnings = []
    if config.copies:
        warnings.append("maps are of the recordings themselves, not of xvectors.copies")
    heads, what = _system_heads(system, vectors), _name_of_score(system)
    if score == "cosine" or heads is None:
        if score == "system":
            warnings.append(
                f"the {what} of {system.scored_by} has no gradient, so the maps are of the cosine"
                " of the x-vectors"
            )
        heads, what = _cosine_heads(vectors), COSINE
    sides = []
    for side, head, frames_of, name in zip(whole, heads, frames, names, strict=True):
        explained = Explained(**{**vars(side), "head": head})
        found = method.attribute(explained)
        sides.append(
            SideMap(
                name=name,
                frames=frames_of,
                map_TD=found.map_TD.detach().float().cpu().numpy(),
                facts=found.facts,
                curves=curves_of(explained, found.map_TD) if checks else None,
                cascade=cascade(explained, method, found.map_TD) if checks else {},
            )
        )
    return tuple(sides), what, warnings


def _name_of_score(system):
    return "log-likelihood ratio" if system.is_calibrated else "score"


def _system_heads(system, vectors):
    """The system's score as a function of either x-vector; None if it has no gradient."""
    chain, (first_E, second_E) = system.chain(), vectors

    def of_first(x_NE):
        rows_N = np.arange(len(x_NE))
        return score_of(x_NE, second_E[None], rows_N, np.zeros_like(rows_N))

    def of_second(x_NE):
        rows_N = np.arange(len(x_NE))
        return score_of(first_E[None], x_NE, np.zeros_like(rows_N), rows_N)

    def score_of(*pairs):
        score_N = chain.score_pairs(*pairs)
        return system.llr(score_N) if system.is_calibrated else score_N

    functions = (of_first, of_second)
    if not all(is_smooth(f, x_E) for f, x_E in zip(functions, vectors, strict=True)):
        return None
    return [differenced(function) for function in functions]


def _cosine_heads(vectors):
    others = [torch.from_numpy(x_E)[None] for x_E in vectors[::-1]]
    return [
        lambda x_BE, other_1E=other_1E: torch.cosine_similarity(x_BE, other_1E.to(x_BE))
        for other_1E in others
    ]
