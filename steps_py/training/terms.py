"""The terms that the objectives of a training add to its loss.

Shape suffixes (scope: this module):
    B = chunks of a batch   N = unlabelled chunks   T = frames   D = feature dimension
    E = embedding
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.sampler import Batch
from steps_py.errors import ConfigError
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import OBJECTIVES
from steps_py.training.config import Sections
from steps_py.training.objectives.base import EmbeddedBatch, Material, Objective
from steps_py.training.processes import ProcessGroup
from steps_py.training.unlabelled import NUM_ARRAYS, Unlabelled


class Terms(nn.Module):
    """The objectives of ``train.objectives``, in the order of their names; there may be none.

    Parameters
    ----------
    sections : Sections
    chunks : Chunks or None
        Training utterances; None only without objectives.
    dims : dict
        Dimension of the embedding at each place of the network.
    model : torch.nn.Module
        The network.
    feat_dim, num_speakers : int
    group : ProcessGroup
    device : torch.device

    Attributes
    ----------
    names : list of str
    columns : list of str
        Names of the values that `add` returns: of each objective, its name and its measures.
    unlabelled : Unlabelled or None
    """

    def __init__(
        self,
        sections: Sections,
        chunks: Chunks | None,
        dims: dict[str, int],
        model: nn.Module,
        feat_dim: int,
        num_speakers: int,
        group: ProcessGroup,
        device: torch.device,
    ):
        super().__init__()
        wanted = sections["train"].objectives
        self.names, self.device = sorted(wanted), device
        self.objectives = nn.ModuleList(
            _build(
                name,
                wanted[name],
                Material(
                    where=f"train.objectives.{name}",
                    sections=sections,
                    chunks=chunks,
                    dims=dims,
                    model=model,
                    feat_dim=feat_dim,
                    num_speakers=num_speakers,
                    group=group,
                    device=device,
                ),
            )
            for name in self.names
        )
        self.columns = [
            column
            for name, objective in zip(self.names, self.objectives, strict=True)
            for column in (name, *(f"{name}_{measure}" for measure in objective.measures))
        ]
        self.unlabelled = None
        users = [o.where for o in self.objectives if o.uses_unlabelled]
        if users:
            if sections.get("unlabelled") is None:
                raise ConfigError(
                    f"{users[0]}: needs train.unlabelled, a set of data.sets. Set it."
                )
            self.unlabelled = Unlabelled(sections["unlabelled"], sections, feat_dim, group)
        self._group = group
        self._step, self._weights, self._lr_factor = 0, [], 1.0

    def __len__(self):
        return len(self.objectives)

    def main_parameters(self) -> list[nn.Parameter]:
        """The parameters that ``train.optimizer`` trains."""
        own = {id(p) for o in self.objectives for m in o.own_modules() for p in m.parameters()}
        return [p for p in self.parameters() if id(p) not in own]

    def settings(self) -> dict[str, str]:
        """Digests of the files that are read, for the settings of a checkpoint."""
        digests = {
            f"objectives.{name}.{key}": digest
            for name, objective in zip(self.names, self.objectives, strict=True)
            for key, digest in objective.digests().items()
        }
        if self.unlabelled is not None:
            digests["unlabelled"] = self.unlabelled.digest[:12]
        return digests

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """All arrays that are read beside this process's share of a batch, in loader processes."""
        arrays = () if self.unlabelled is None else self.unlabelled.read(batch.step)
        return (*arrays, *(x for objective in self.objectives for x in objective.read(batch)))

    def num_bytes(self, num_frames: int, num_chunks: int) -> int:
        """Bytes of what `read` returns beside `num_chunks` chunks of `num_frames` frames."""
        num_bytes = 0 if self.unlabelled is None else self.unlabelled.num_bytes(num_frames)
        return num_bytes + num_chunks * sum(o.bytes_of_chunk(num_frames) for o in self.objectives)

    def split(
        self, batch: tuple[torch.Tensor, ...]
    ) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
        """The arrays of the reader, and those of `read`."""
        num_own = sum(objective.num_arrays for objective in self.objectives)
        num_own += 0 if self.unlabelled is None else NUM_ARRAYS
        place = len(batch) - num_own
        return batch[:place], batch[place:]

    def start_step(self, step: int, epoch: float, lr_factor: float) -> None:
        """Set training mode and weights for a step; `lr_factor` is that of the schedule."""
        self.train()
        self._step, self._lr_factor = step, lr_factor
        self._weights = [objective.config.weight_at(epoch) for objective in self.objectives]
        for objective in self.objectives:
            objective.set_epoch(epoch)

    def join(
        self,
        x_BTD: torch.Tensor,
        num_frames_B: torch.Tensor | None,
        extra: tuple[torch.Tensor, ...],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The labelled chunks, followed by the unlabelled ones: both go through the network once.

        So batch norm has the statistics of both, as at test time.
        """
        if self.unlabelled is None:
            return x_BTD, num_frames_B
        x_NTD, num_frames_N = extra[:NUM_ARRAYS]
        x_NTD, num_frames_N = x_NTD.to(x_BTD), num_frames_N.to(x_BTD.device)
        if num_frames_B is None:
            num_frames_B = num_frames_N.new_full((len(x_BTD),), x_BTD.shape[1])
        size = max(x_BTD.shape[1], x_NTD.shape[1])
        padded = [F.pad(x, (0, 0, 0, size - x.shape[1])) for x in (x_BTD, x_NTD)]
        return torch.cat(padded), torch.cat([num_frames_B, num_frames_N])

    def add(
        self,
        loss: torch.Tensor,
        x_BTD: torch.Tensor,
        spk_id_B: torch.Tensor,
        num_frames_B: torch.Tensor | None,
        embeddings: Mapping[str, torch.Tensor],
        extra: tuple[torch.Tensor, ...],
        first: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss with all weighted terms, and the values of `columns`, nan where the weight is 0.

        `embeddings` are those of `join`; `first` is the number of the first chunk in the batch.
        """
        embeddings = {place: at_least_float32(x) for place, x in embeddings.items()}
        size = len(x_BTD)
        batch = EmbeddedBatch(
            step=self._step,
            first=first,
            x_BTD=x_BTD,
            spk_id_B=spk_id_B,
            num_frames_B=num_frames_B,
            embeddings={place: x[:size] for place, x in embeddings.items()},
            unlabelled={}
            if self.unlabelled is None
            else {place: x[size:] for place, x in embeddings.items()},
            extra=(),
        )
        values = []
        place = 0 if self.unlabelled is None else NUM_ARRAYS
        with torch.autocast(self.device.type, enabled=False):
            for objective, weight in zip(self.objectives, self._weights, strict=True):
                own = tuple(x.to(self.device) for x in extra[place : place + objective.num_arrays])
                place += objective.num_arrays
                own_batch = dataclasses.replace(batch, extra=own)
                if objective.own_modules():
                    objective.take_own_steps(_detached(own_batch), self._lr_factor)
                if not weight:
                    values.append(loss.new_full((1 + len(objective.measures),), math.nan))
                    continue
                term = objective(own_batch)
                values += [term.detach().float().reshape(1), objective.measured]
                loss = loss + weight * term
        return loss, torch.cat(values)

    def warnings(self, means: Mapping[str, float | None]) -> list[str]:
        """Messages of objectives about the means of `columns` over an epoch."""
        lines = []
        for name, objective in zip(self.names, self.objectives, strict=True):
            own = {measure: means[f"{name}_{measure}"] for measure in objective.measures}
            lines += objective.warnings(own)
        return lines

    def own_state(self) -> dict:
        """States of the objectives' own optimisers, for a checkpoint."""
        return {
            name: objective.own_state()
            for name, objective in zip(self.names, self.objectives, strict=True)
        }

    def restore_own(self, state: dict) -> None:
        """Restore an `own_state`."""
        for name, objective in zip(self.names, self.objectives, strict=True):
            objective.restore_own(state[name])

    def reset_own(self) -> None:
        """Forget what own optimisers have learned, such as momentum."""
        for objective in self.objectives:
            objective.reset_own()

    def continue_from(self, previous: "Terms", log: Callable[[str], object]) -> None:
        """Take the weights of the objectives of the same names in the stage before.

        Those whose weights have other names or shapes stay as drawn; `log` is called with them.
        """
        before = dict(zip(previous.names, previous.objectives, strict=True))
        for name, objective in zip(self.names, self.objectives, strict=True):
            if name not in before:
                continue
            state = before[name].state_dict()
            if _shapes(state) == _shapes(objective.state_dict()):
                objective.load_state_dict(state)
            else:
                log(f"train: objective '{name}' has other weights than before; drawn at random")


def _shapes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: x.shape for name, x in state.items()}


def _build(name: str, section: dict, material: Material) -> Objective:
    section = {"name": name, **section}
    cls, config = OBJECTIVES.configure(section, material.where)
    return cls(config, material).to(material.device)


def _detached(batch: EmbeddedBatch) -> EmbeddedBatch:
    embeddings, unlabelled = (
        {place: x.detach() for place, x in of.items()}
        for of in (batch.embeddings, batch.unlabelled)
    )
    return dataclasses.replace(batch, embeddings=embeddings, unlabelled=unlabelled)
