"""What an attribution explains: a score as a function of the features of one recording.

Shape suffixes (scope: this module):
    B = batch   T = frames   D = feature dimension   E = embedding   N = inputs
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

BATCH_FRAMES = 4000  # of one pass of the network


class Span(NamedTuple):
    """A piece of the frames that is one input of the network, and the frames added before it."""

    start: int
    end: int
    padded_before: int
    padded_after: int

    @property
    def length(self) -> int:
        """The frames of the input."""
        return self.padded_before + self.end - self.start + self.padded_after

    def without_padding(self, values):
        """The rows of values of each frame that are not of padding."""
        return values[self.padded_before : self.length - self.padded_after]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A network, a score of its vectors, and the recording at which it is explained.

    Attributes
    ----------
    network : nn.Module
        In eval mode; features (B, T, D) to vectors (B, E).
    head : callable
        Vectors (B, E) to scores (B,), differentiable.
    x_TD : Tensor
        The features, of the network's type.
    baseline_TD : Tensor
        What stands for the absence of a feature; by default, in `of`, its mean over the frames.
    max_chunk_frames, min_chunk_frames : int
        Longer recordings are split and shorter ones padded, as in the extraction of x-vectors.

    Examples
    --------
    >>> network = nn.Linear(2, 1)
    >>> _ = nn.init.ones_(network.weight), nn.init.zeros_(network.bias)
    >>> x_TD = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> explained = Explained.of(network, lambda y_BTE: y_BTE.mean(dim=(1, 2)), x_TD)
    >>> explained.value(), explained.gradients(x_TD[None])[0]
    (5.0, tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]]))
    """

    network: nn.Module
    head: Callable[[torch.Tensor], torch.Tensor]
    x_TD: torch.Tensor
    baseline_TD: torch.Tensor
    max_chunk_frames: int = 10**9
    min_chunk_frames: int = 1

    @classmethod
    def of(cls, network, head, x_TD, baseline: float | None = None, **chunk_frames) -> "Explained":
        """With a number for all features as the baseline, or None: the mean over the frames."""
        mean_1D = x_TD.mean(dim=0, keepdim=True)
        baseline_TD = mean_1D.expand_as(x_TD) if baseline is None else x_TD * 0 + baseline
        return cls(network=network, head=head, x_TD=x_TD, baseline_TD=baseline_TD, **chunk_frames)

    def spans(self, num_frames: int | None = None) -> list[Span]:
        """The inputs of the network, in order."""
        num_frames = len(self.x_TD) if num_frames is None else num_frames
        spans = []
        for start in range(0, num_frames, self.max_chunk_frames):
            end = min(start + self.max_chunk_frames, num_frames)
            missing = max(0, self.min_chunk_frames - (end - start))
            spans.append(Span(start, end, missing // 2, missing - missing // 2))
        return spans

    def first_input(self) -> torch.Tensor:
        """The first of the inputs of the network, (T, D), with the frames that pad it."""
        return self.x_TD[_rows(self.spans()[0])]

    def vectors(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """The vectors (B, E), means over the spans weighted by their frames."""
        spans = self.spans(x_BTD.shape[1])
        if len(spans) == 1 and not (spans[0].padded_before or spans[0].padded_after):
            return self.network(x_BTD)
        total_BE = 0
        for span in spans:
            vectors_BE = self.network(x_BTD[:, _rows(span)])
            total_BE = total_BE + (span.end - span.start) * vectors_BE
        return total_BE / x_BTD.shape[1]

    def score(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """The scores (B,) of features."""
        return self.head(self.vectors(x_BTD))

    def value(self) -> float:
        """The score of the recording."""
        return float(self.scores(self.x_TD[None])[0])

    def scores(self, x_NTD: torch.Tensor) -> torch.Tensor:
        """`score` without gradients, in batches."""
        with torch.no_grad():
            return torch.cat([self.score(x_BTD) for x_BTD in self._batches(x_NTD)])

    def gradients(self, x_NTD: torch.Tensor) -> torch.Tensor:
        """The gradient of each score by its own features, (N, T, D), in batches."""
        parts = []
        for x_BTD in self._batches(x_NTD):
            x_BTD = x_BTD.detach().clone().requires_grad_()
            (gradient_BTD,) = torch.autograd.grad(self.score(x_BTD).sum(), x_BTD)
            parts.append(gradient_BTD)
        return torch.cat(parts)

    def mean_gradient(self, inputs: Iterable[torch.Tensor], weights: Iterable[float]):
        """The weighted sum of the gradients at features (T, D) each; (T, D)."""
        total_TD, pairs = torch.zeros_like(self.x_TD), zip(inputs, weights, strict=True)
        size = max(1, BATCH_FRAMES // len(self.x_TD))
        while batch := [*itertools.islice(pairs, size)]:
            gradient_BTD = self.gradients(torch.stack([x_TD for x_TD, _ in batch]))
            weight_B = torch.tensor([weight for _, weight in batch], dtype=gradient_BTD.dtype)
            total_TD += torch.tensordot(weight_B, gradient_BTD, dims=1)
        return total_TD

    def _batches(self, x_NTD) -> Iterator[torch.Tensor]:
        return iter(x_NTD.split(max(1, BATCH_FRAMES // x_NTD.shape[1])))


def _rows(span):
    """The frames of an input; the first and the last one are repeated as padding."""
    rows = torch.arange(span.start - span.padded_before, span.end + span.padded_after)
    return rows.clamp(span.start, span.end - 1)
