"""The start of losses whose weights are estimated from embeddings, such as discriminative PLDA.

Shape suffixes: B chunks of a batch of this process, N chunks of all.
"""

from collections.abc import Callable, Iterator

import torch

from steps_py.errors import ConfigError
from steps_py.model.all_gather import gather_embeddings, gather_labels
from steps_py.model.loss import Loss
from steps_py.training.network import Network


def start_losses(
    network: Network,
    batches: Callable[[int], tuple[torch.Tensor, ...]],
    batch_size: int,
    log: Callable[[str], object] = print,
) -> None:
    """Call `start_from` of every loss within the network's loss that needs it.

    Parameters
    ----------
    network : Network
        Its embeddings are those of eval mode.
    batches : callable
        ``batches(step)`` returns this process's share of a batch, as tensors.
    batch_size : int
        Chunks of a batch, over all processes.
    log : callable
        Called with a message about each loss.

    Raises
    ------
    ConfigError
        If a loss of an objective needs it.
    """
    for objective in network.terms.objectives:
        if _waiting(objective):
            raise ConfigError(
                f"{objective.where}: its loss starts from x-vectors. Make it train.loss, or a part"
                " of a weighted_sum there."
            )
    waiting = _waiting(network.loss)
    if not waiting:
        return
    num_chunks = max(loss.chunks_to_start for loss in waiting)
    network.set_eval_mode(0)
    with torch.no_grad():
        parts = list(_embedded(network, batches, -(-num_chunks // batch_size)))
    embeddings, speakers = zip(*parts, strict=True) if parts else ((), ())
    for loss in waiting:
        needed = loss.chunks_to_start
        if not needed:
            loss.start_from(torch.empty(0, 0), torch.empty(0))
            log(f"train: {type(loss).__name__} starts from files")
            continue
        loss.start_from(torch.cat(embeddings)[:needed], torch.cat(speakers)[:needed])
        log(f"train: {type(loss).__name__} starts from the embeddings of {needed} chunks")


def _waiting(module):
    losses = [loss for loss in module.modules() if isinstance(loss, Loss)]
    return [loss for loss in losses if loss.needs_start]


def _embedded(network, batches, num_steps) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Embeddings and speakers of all processes, batch by batch."""
    for step in range(num_steps):
        x_BTD, spk_id_B, *num_frames_B = batches(step)
        embedding_BE = network.embed(x_BTD, *num_frames_B)
        yield gather_embeddings(embedding_BE), gather_labels(spk_id_B.to(network.device))
