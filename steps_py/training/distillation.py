"""Knowledge distillation: a trained network that the one in training is to resemble.

Shape suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension   E = embedding   S = speakers

References: G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network",
arXiv:1503.02531, 2015, section 2, for logits; S. Wang et al., "Knowledge distillation for small
foot-print deep speaker embedding", ICASSP 2019, equations (5) and (6), for embeddings.
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from steps_py.errors import ConfigError
from steps_py.model.extractor import Extractor, load_extractor
from steps_py.model.load_weights import load_weights
from steps_py.model.model_file import read_model_file
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import LOSSES
from steps_py.training.config import LOGITS, DistillationConfig, Sections


class Teacher:
    """A trained network, in eval mode and without gradient, and how far another is from it.

    It gets the same chunks as the network in training, with their masks and mixes.

    Parameters
    ----------
    sections : Sections
        With ``train.distillation``.
    feat_dim, embedding_dim, num_speakers : int
        Of the network in training.
    speakers : list of str or None
        Name of each speaker id.
    device : torch.device

    Raises
    ------
    StepsError
        If the teacher cannot be read, or has other features, embeddings or speakers.
    """

    def __init__(
        self,
        sections: Sections,
        feat_dim: int,
        embedding_dim: int,
        num_speakers: int,
        speakers: list[str] | None,
        device: torch.device,
    ):
        self.config: DistillationConfig = sections["train"].distillation
        path = Path(self.config.teacher)
        extractor = load_extractor(path)
        self.model = extractor.model.to(device)
        _check_features(path, extractor, sections, feat_dim)
        self.head = None
        if self.config.target == LOGITS:
            self._check_loss(sections["train"].loss)
            self.head = _read_head(path, self.model.embedding_dim, num_speakers, speakers)
            self.head.to(device)
        elif self.model.embedding_dim != embedding_dim:
            raise ConfigError(
                f"train.distillation: {path} has x-vectors of {self.model.embedding_dim}"
                f" dimensions, the network has {embedding_dim}. Set model.embedding_dim to"
                f" {self.model.embedding_dim}, or target to logits."
            )

    def _check_loss(self, loss):
        if not LOSSES.find(loss["name"]).classifies:
            raise ConfigError(
                f"train.distillation: loss '{loss['name']}' has no logits. Set target to"
                " embedding_cosine, or the loss to one that classifies."
            )

    def loss(
        self,
        x_BTD: torch.Tensor,
        num_frames_B: torch.Tensor | None,
        embedding_BE: torch.Tensor,
        logits_BS: torch.Tensor | None,
    ) -> torch.Tensor:
        """`weight` times the distance of embeddings or logits from those of the teacher."""
        with torch.no_grad():
            target = self.model(x_BTD, num_frames_B)
            if self.head is not None:
                unknown_B = torch.zeros(len(target), dtype=torch.long, device=target.device)
                _, target = self.head(target, unknown_B)
        student = embedding_BE if self.head is None else logits_BS
        with torch.autocast(x_BTD.device.type, enabled=False):
            pair = at_least_float32(student), at_least_float32(target)
            return self.config.weight * DISTANCES[self.config.target](*pair, self.config)


def cosine_distance(
    x_BE: torch.Tensor, target_BE: torch.Tensor, config: DistillationConfig
) -> torch.Tensor:
    """Mean of 1 - cosine.

    >>> float(cosine_distance(torch.eye(2), torch.tensor([[2.0, 0.0], [3.0, 0.0]]), None))
    0.5
    """
    return (1 - F.cosine_similarity(x_BE, target_BE)).mean()


def mean_squared_error(
    x_BE: torch.Tensor, target_BE: torch.Tensor, config: DistillationConfig
) -> torch.Tensor:
    """Mean squared difference of all values."""
    return F.mse_loss(x_BE, target_BE)


def divergence(
    logits_BS: torch.Tensor, target_BS: torch.Tensor, config: DistillationConfig
) -> torch.Tensor:
    r"""Mean of the divergence of the speakers' probabilities at a temperature.

    .. math:: \tau^2 \sum_s q_s (\log q_s - \log p_s), \qquad p = \mathrm{softmax}(z / \tau)

    >>> config = DistillationConfig(teacher="final.pt", temperature=1.0)
    >>> round(float(divergence(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]), config)), 4)
    0.1109
    """
    log_p_BS = (logits_BS / config.temperature).log_softmax(dim=1)
    log_q_BS = (target_BS / config.temperature).log_softmax(dim=1)
    mean = F.kl_div(log_p_BS, log_q_BS, reduction="batchmean", log_target=True)
    return config.temperature**2 * mean


DISTANCES = {
    "embedding_cosine": cosine_distance,
    "embedding_mse": mean_squared_error,
    LOGITS: divergence,
}


def _of_features(front_end):
    return front_end.type, front_end.options(), list(front_end.signal_steps)


def _check_features(path: Path, extractor: Extractor, sections: Sections, feat_dim: int) -> None:
    if extractor.feat_dim != feat_dim:
        raise ConfigError(
            f"train.distillation: {path} reads features of {extractor.feat_dim} dimensions, but"
            f" those of this recipe have {feat_dim}. Use the features of the teacher."
        )
    own = sections.get("front_end")
    if extractor.cmvn != sections["cmvn"] or (
        own is not None
        and extractor.front_end is not None
        and _of_features(own) != _of_features(extractor.front_end)
    ):
        raise ConfigError(
            f"train.distillation: {path} was trained with other options of its features (feats.conf"
            " or cmvn). Use those of the teacher."
        )
    if sections["chunks"].min_frames < extractor.model.min_frames:
        raise ConfigError(
            f"train.distillation: chunks.min_frames is {sections['chunks'].min_frames}, but the"
            f" receptive field of {path} is {extractor.model.min_frames} frames. Raise"
            " chunks.min_frames."
        )


def _read_head(path, embedding_dim, num_speakers, speakers):
    """The loss of the teacher, which gives its logits, in eval mode."""
    head_path = path.with_name("head.pt")
    saved, _ = read_model_file(head_path, "head")
    if saved["speakers"] != speakers:
        raise ConfigError(
            f"train.distillation: {head_path}: its {len(saved['speakers'] or [])} speakers are not"
            f" the {len(speakers or [])} of the training list. Set target to embedding_cosine."
        )
    head = LOSSES.build(saved["config"], in_dim=embedding_dim, num_speakers=num_speakers)
    if not head.classifies:
        raise ConfigError(
            f"train.distillation: {path} was trained with loss '{saved['config']['name']}', which"
            " has no logits. Set target to embedding_cosine."
        )
    load_weights(head, saved["loss"], f"train.distillation: {head_path}")
    return head.eval()
