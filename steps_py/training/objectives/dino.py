"""Self-distillation without labels (DINO): crops of an utterance are to look alike to a teacher.

Shape suffixes (scope: this module):
    B = chunks of a batch   S = short crops of each   V = crops of each   T = frames
    D = feature dimension   E = embedding   H = hidden   P = prototypes
"""

import copy
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.device import PRECISIONS, choose_precision
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import OBJECTIVES
from steps_py.settings.declare import Count, Share, setting
from steps_py.training.crops import Crops
from steps_py.training.objectives.base import OUTER, Material, Objective, ObjectiveConfig


class DinoHead(nn.Module):
    """Three affines with batch norm and GELU, and cosines with learned prototypes."""

    def __init__(self, in_dim: int, hidden_dim: int, bottleneck_dim: int, num_prototypes: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_dim, hidden_dim),
            MaskedBatchNorm(hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            MaskedBatchNorm(hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, bottleneck_dim),
        )
        self.prototypes = nn.Parameter(torch.randn(num_prototypes, bottleneck_dim))

    def forward(self, embedding_BE: torch.Tensor) -> torch.Tensor:
        """Cosines (B, P), float32."""
        y_BH = self.layers(embedding_BE).float()
        with torch.autocast(y_BH.device.type, enabled=False):
            return F.linear(F.normalize(y_BH, dim=1), F.normalize(self.prototypes, dim=1))


@OBJECTIVES.register("dino")
class Dino(Objective):
    """Cross-entropy of a student with a teacher, whose weights are an average of the student's.

    Of each utterance there are two long crops, the chunk of the batch and another of its length,
    and several short ones.  The teacher sees the long ones, the student all; each output of the
    teacher is the target of all other crops of its utterance.  The outputs of the teacher are
    centred and sharpened, so that neither one prototype nor all are used for every utterance.
    No speaker label is used: with ``train.loss: {name: none}`` and ``sampler: {name: uniform}``
    the training has none.

    Source: M. Caron et al., "Emerging properties in self-supervised vision transformers", ICCV
    2021; for speakers J. Cho et al., "Non-contrastive self-supervised learning for utterance-level
    speech representations" (2022), and the parameters of wespeaker's recipe.
    """

    num_arrays = 2
    measures = ("teacher_entropy", "batch_entropy", "embedding_std")

    @dataclass(frozen=True, kw_only=True)
    class Config(ObjectiveConfig):
        num_short_crops: Count = setting(4, "short crops of each utterance")
        short_frames: Count = setting(200, "voiced frames of a short crop")
        hidden_dim: Count = setting(2048, "of the projection head")
        bottleneck_dim: Count = setting(256, "of the projection head, before the prototypes")
        num_prototypes: Count = setting(65536, "outputs of the projection head")
        student_temperature: float = setting(
            0.1, "divides the student's outputs", exclusiveMinimum=0
        )
        teacher_temperature: float = setting(
            0.07, "divides the teacher's outputs", exclusiveMinimum=0
        )
        teacher_temperature_start: float = setting(
            0.04, "of the first step, from where it rises evenly", exclusiveMinimum=0
        )
        teacher_temperature_warmup: Share = setting(0.2, "share of the epochs in which it rises")
        teacher_momentum: Share = setting(
            0.996, "share of the teacher that stays in a step, at the start; at the end it is 1"
        )
        centre_momentum: Share = setting(0.9, "share of the centre that stays in a step")
        frozen_prototypes_epochs: float = setting(
            1.0, "epochs at the start in which the prototypes stay as they are", minimum=0
        )

    def __init__(self, config: Config, material: Material):
        super().__init__(config, material)
        train, chunks = material.sections["train"], material.sections["chunks"]
        if chunks.vary_within_batch:
            raise ConfigError(
                f"{self.where}: its long crops have the length of the batch, but"
                " chunks.vary_within_batch is true. Set it to false."
            )
        if config.short_frames < material.model.min_frames:
            raise ConfigError(
                f"{self.where}: short_frames is {config.short_frames}, but the receptive field of"
                f" the network is {material.model.min_frames} frames. Raise it."
            )
        self._num_epochs, self._group = train.num_epochs, material.group
        self._crops = Crops(material.sections, material.chunks)
        self._model = (material.model,)  # in a tuple, as it is no module of this one
        dims = config.hidden_dim, config.bottleneck_dim, config.num_prototypes
        self.head = DinoHead(material.dim_of(OUTER), *dims)
        self.teacher = nn.ModuleList(map(copy.deepcopy, self._student())).requires_grad_(False)
        self.register_buffer("centre_P", torch.zeros(config.num_prototypes))
        self._precision = choose_precision(train.precision, material.device)
        self._epoch, self._last_step = 0.0, None
        self.measured = torch.full((len(self.measures),), math.nan)

    def _student(self):
        return [*self._model, self.head]

    def read(self, batch):
        config = self.config
        short = [config.short_frames] * config.num_short_crops
        long_BTD, *short_BTD = self._crops.read(batch, [batch.num_frames, *short])
        return long_BTD, torch.stack(list(map(torch.from_numpy, short_BTD)), dim=1).numpy()

    def bytes_of_chunk(self, num_frames: int) -> int:
        config = self.config
        short = [config.short_frames] * config.num_short_crops
        return self._crops.num_bytes([num_frames, *short])

    def set_epoch(self, epoch: float) -> None:
        self._epoch = epoch
        self.head.prototypes.requires_grad_(epoch >= self.config.frozen_prototypes_epochs)

    def own_modules(self) -> list[nn.Module]:
        return [self.teacher]

    @torch.no_grad()
    def take_own_steps(self, batch, lr_factor: float) -> None:
        """Move the teacher towards the student, once a step; at first it is the student."""
        if batch.step == self._last_step:
            return
        is_first, self._last_step = self._last_step is None, batch.step
        for teacher, student in zip(self.teacher, self._student(), strict=True):
            if is_first:
                teacher.load_state_dict(student.state_dict())
                continue
            pairs = zip(teacher.parameters(), student.parameters(), strict=True)
            for mine, its in pairs:
                mine.lerp_(its, 1 - self.momentum())

    def momentum(self) -> float:
        """Share of the teacher that stays in this step: a half cosine from the configured to 1."""
        passed = min(1.0, self._epoch / self._num_epochs)
        return 1 - (1 - self.config.teacher_momentum) * (1 + math.cos(math.pi * passed)) / 2

    def own_state(self) -> dict:
        return {"last_step": self._last_step}

    def restore_own(self, state: dict) -> None:
        self._last_step = state["last_step"]

    def forward(self, batch) -> torch.Tensor:
        long_BTD, short_BSTD = batch.extra
        model, first_BE = self._model[0], batch.embeddings[OUTER]
        device = first_BE.device.type
        with torch.autocast(
            device, PRECISIONS[self._precision], enabled=self._precision != "float32"
        ):
            short_BE = model(short_BSTD.flatten(0, 1)).unflatten(0, short_BSTD.shape[:2])
            others = [model(long_BTD), *short_BE.unbind(1)]
            student = [self.head(x_BE) for x_BE in (first_BE, *others)]
            with torch.no_grad():
                embed, project = self.teacher
                teacher = [project(embed(x_BTD)) for x_BTD in (batch.x_BTD, long_BTD)]
        target_2BP = self.targets(torch.stack(teacher))
        loss = self_distillation_loss(
            torch.stack(student), target_2BP, self.config.student_temperature
        )
        self._measure(target_2BP, first_BE)
        self._move_centre(torch.stack(teacher))
        return loss

    def targets(self, logits_2BP: torch.Tensor) -> torch.Tensor:
        """Centred and sharpened probabilities of the teacher's outputs."""
        return ((logits_2BP - self.centre_P) / self.teacher_temperature()).softmax(dim=2)

    def teacher_temperature(self) -> float:
        """Of this step: from that of the start to the configured one."""
        config = self.config
        rises = config.teacher_temperature_warmup * self._num_epochs
        passed = min(1.0, self._epoch / rises) if rises else 1.0
        start = config.teacher_temperature_start
        return start + passed * (config.teacher_temperature - start)

    @torch.no_grad()
    def _move_centre(self, logits_2BP):
        """Towards the mean output, over all processes."""
        mean_P = logits_2BP.mean(dim=(0, 1))
        self._group.all_reduce_mean([], mean_P)
        self.centre_P.lerp_(mean_P, 1 - self.config.centre_momentum)

    @torch.no_grad()
    def _measure(self, target_2BP, embedding_BE):
        direction_BE = F.normalize(embedding_BE, dim=1)
        spread = direction_BE.std(dim=0, correction=0).mean() * math.sqrt(direction_BE.shape[1])
        means = [entropy(target_2BP).mean(), entropy(target_2BP.mean(dim=(0, 1))), spread]
        self.measured = torch.stack(means)

    def warnings(self, means: dict[str, float | None]) -> list[str]:
        """What the measures of an epoch say about a collapse."""
        largest = math.log(self.config.num_prototypes)
        each, of_batch, spread = (means[name] for name in self.measures)
        if each is None:
            return []
        found = []
        if each > 0.99 * largest:
            found.append(
                f"the teacher's outputs are nearly uniform (entropy {each:.2f} of {largest:.2f}"
                " nats). Lower teacher_temperature."
            )
        if of_batch < 0.01 * largest:
            found.append(
                f"all chunks have the same target (entropy of the mean {of_batch:.3f} of"
                f" {largest:.2f} nats). Lower centre_momentum or raise teacher_temperature."
            )
        if spread < 0.01:
            found.append(
                f"all x-vectors have nearly the same direction (spread {spread:.4f} of 1). Lower"
                " the learning rate."
            )
        return [f"{self.where}: {line}" for line in found]


def entropy(p_BP: torch.Tensor) -> torch.Tensor:
    """Entropy in nats over the last dimension.

    >>> entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    return torch.special.entr(p_BP).sum(dim=-1)


def self_distillation_loss(
    student_VBP: torch.Tensor, target_2BP: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Mean cross-entropy of the targets with the student's outputs for all other crops.

    The first two crops of the student are those of the targets.

    >>> target_2BP = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> student_VBP = torch.tensor([[[0.0, 0.0]], [[0.0, 0.0]], [[0.0, math.log(3)]]])
    >>> expected = (2 * math.log(2) + math.log(4) + math.log(4 / 3)) / 4
    >>> loss = self_distillation_loss(student_VBP, target_2BP, 1.0)
    >>> math.isclose(loss.item(), expected, rel_tol=1e-6)
    True
    """
    log_p_VBP = (student_VBP / temperature).log_softmax(dim=2)
    cross_2V = -torch.einsum("tbp,vbp->tv", target_2BP, log_p_VBP) / target_2BP.shape[1]
    same_2V = torch.eye(*cross_2V.shape, dtype=torch.bool, device=cross_2V.device)
    return cross_2V.masked_fill(same_2V, 0).sum() / (cross_2V.numel() - len(target_2BP))
