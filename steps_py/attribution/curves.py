"""Insertion and deletion: does the score follow the features that a map ranks highest?

Features are replaced by the baseline, the highest of the map first (deletion), or restored in the
same order on the baseline (insertion).  The area under the curve of the scores is compared with
that of random orders.  A map that finds what the score stands on has a smaller area of deletion
and a larger one of insertion.

V. Petsiuk, A. Das and K. Saenko, "RISE: randomized input sampling for explanation of black-box
models", BMVC 2018.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   S = steps   R = random orders
"""

from dataclasses import dataclass

import numpy as np
import torch

from steps_py.attribution.explained import Explained


@dataclass(frozen=True)
class Curve:
    """The scores of one direction.

    Attributes
    ----------
    share_S : float array
        The share of features that is replaced, or restored.
    score_S : float array
        By the map's order.
    random_RS : float array
        By random orders.
    """

    share_S: np.ndarray
    score_S: np.ndarray
    random_RS: np.ndarray

    @property
    def area(self) -> float:
        """The mean score along the map's order."""
        return area(self.share_S, self.score_S)

    @property
    def random_areas(self) -> np.ndarray:
        """Those of the random orders, (R,)."""
        return np.array([area(self.share_S, score_S) for score_S in self.random_RS])


@dataclass(frozen=True)
class Curves:
    """Insertion and deletion of a map."""

    insertion: Curve
    deletion: Curve

    def summary(self) -> dict[str, float]:
        """The areas, as numbers for people and tables."""
        found = {}
        for name, curve in (("insertion", self.insertion), ("deletion", self.deletion)):
            found[f"{name}_area"] = curve.area
            found[f"{name}_random_area"] = float(curve.random_areas.mean())
            found[f"{name}_random_std"] = float(curve.random_areas.std())
        return found


def area(share_S, score_S) -> float:
    """The area under a curve from 0 to 1, by trapezoids.

    >>> area(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.0]))
    0.75
    """
    return float(np.trapezoid(score_S, share_S))


def curves_of(
    explained: Explained, map_TD: torch.Tensor, num_steps: int = 10, num_random: int = 3, seed=1
) -> Curves:
    """The curves of a map; features of the same value follow each other at random.

    The first and the last score of each curve are those of the recording and of the baseline, or
    the reverse.
    """
    chance = np.random.default_rng(seed)
    num = map_TD.numel()
    values = map_TD.detach().cpu().double().numpy().ravel()
    by_map = np.lexsort((chance.random(num), -values))
    orders = [by_map, *(chance.permutation(num) for _ in range(num_random))]
    share_S = np.linspace(0, 1, num_steps + 1)
    ends = [
        float(explained.scores(end_TD[None])[0])
        for end_TD in (explained.x_TD, explained.baseline_TD)
    ]
    deletion, insertion = (
        np.array([_scores(explained, order, share_S, *way) for order in orders])
        for way in (
            (explained.x_TD, explained.baseline_TD, ends),
            (explained.baseline_TD, explained.x_TD, ends[::-1]),
        )
    )
    return Curves(
        Curve(share_S, insertion[0], insertion[1:]), Curve(share_S, deletion[0], deletion[1:])
    )


def _scores(explained, order, share_S, from_TD, to_TD, ends):
    """The scores while features are changed in an order, one array at a time."""
    counts = np.rint(share_S * len(order)).astype(int)
    found = [ends[0]]
    for count in counts[1:-1]:
        x_TD = from_TD.flatten().clone()
        changed = torch.from_numpy(order[:count].copy())
        x_TD[changed] = to_TD.flatten()[changed]
        found.append(float(explained.scores(x_TD.view_as(from_TD)[None])[0]))
    return [*found, ends[1]]
