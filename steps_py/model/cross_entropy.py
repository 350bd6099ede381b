"""Cross-entropy of logits, with label smoothing and focusing on hard utterances.

Shape suffixes: B batch, S speakers.

References: C. Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR
2016, section 7 (label smoothing); T.-Y. Lin et al., "Focal loss for dense object detection",
ICCV 2017, equation (4).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from steps_py.model.loss import weighted_mean
from steps_py.settings.declare import Share, setting


@dataclass(frozen=True, kw_only=True)
class CrossEntropyConfig:
    """Keys of every loss that ends in a cross-entropy over speakers."""

    label_smoothing: Share = 0.0
    focal_exponent: float = setting(
        0.0, "of the factor (1 - probability of the true speaker)", minimum=0
    )
    relative: bool = setting(
        False, "divide by the logarithm of the number of speakers: 1 is the loss of chance"
    )


def cross_entropy(
    logits_BS: torch.Tensor,
    spk_id_B: torch.Tensor,
    config: CrossEntropyConfig,
    weight_B: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""Mean cross-entropy of a batch.

    .. math:: L = -\tfrac1B \sum_i (1-p_{iy_i})^\gamma \sum_s q_{is} \log p_{is}, \qquad
              q_{is} = (1-\varepsilon)\,[s = y_i] + \varepsilon / S

    with p the softmax of the logits, :math:`\varepsilon` = `label_smoothing` and
    :math:`\gamma` = `focal_exponent`, divided by :math:`\log S` if `relative`.  The `weight_B`
    multiply the losses of the utterances.

    >>> logits_BS, spk_id_B = torch.tensor([[0.0, 0.0]]), torch.tensor([1])
    >>> cross_entropy(logits_BS, spk_id_B, CrossEntropyConfig())                    # log 2
    tensor(0.6931)
    >>> cross_entropy(logits_BS, spk_id_B, CrossEntropyConfig(focal_exponent=2))    # a quarter
    tensor(0.1733)
    >>> cross_entropy(logits_BS, spk_id_B, CrossEntropyConfig(relative=True))
    tensor(1.)
    """
    loss = _cross_entropy(logits_BS, spk_id_B, config, weight_B)
    return loss / math.log(logits_BS.shape[1]) if config.relative else loss


def _cross_entropy(logits_BS, spk_id_B, config, weight_B):
    smoothing, exponent = config.label_smoothing, config.focal_exponent
    if exponent == 0 and weight_B is None:
        return F.cross_entropy(logits_BS, spk_id_B, label_smoothing=smoothing)
    loss_B = F.cross_entropy(logits_BS, spk_id_B, label_smoothing=smoothing, reduction="none")
    if exponent:
        log_p_B = -F.cross_entropy(logits_BS, spk_id_B, reduction="none")
        # away from 0, where a power below 1 has no finite slope
        loss_B = (-log_p_B.expm1()).clamp(min=1e-7).pow(exponent) * loss_B
    return weighted_mean(loss_B, weight_B)
