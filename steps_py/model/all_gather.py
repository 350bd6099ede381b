"""Differentiable collectives over all processes, for losses that compare embeddings, and norms.

Shape suffixes: B batch of a process, A batch of all processes, E embedding.
"""

import torch
from torch import distributed


def gather_embeddings(embedding_BE: torch.Tensor) -> torch.Tensor:
    """All-gather the embeddings (A, E), in the order of ranks; the identity in a single process.

    Every process computes the same loss from them, and `training.processes.ProcessGroup` averages
    the gradients of weights over R processes.  Only process r backpropagates through its own
    embeddings, so their gradient is multiplied by R; the average then equals the gradient of one
    process with the whole batch.  All batches must have the same size.

    >>> gather_embeddings(torch.tensor([[1.0, 2.0]]))
    tensor([[1., 2.]])
    """
    return _Gather.apply(embedding_BE) if _is_distributed() else embedding_BE


def gather_labels(spk_id_B: torch.Tensor) -> torch.Tensor:
    """All-gather the speakers (A,), in the order of ranks."""
    return _all_gather(spk_id_B) if _is_distributed() else spk_id_B


def sum_over_processes(x: torch.Tensor) -> torch.Tensor:
    """All-reduce sum of a tensor; its gradient is summed as well.

    >>> sum_over_processes(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    return _Sum.apply(x) if _is_distributed() else x


def _is_distributed():
    return distributed.is_available() and distributed.is_initialized()


def _all_gather(x):
    parts = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, x.contiguous())
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, embedding_BE):
        ctx.batch_size = len(embedding_BE)
        return _all_gather(embedding_BE)

    @staticmethod
    def backward(ctx, grad_AE):
        start = distributed.get_rank() * ctx.batch_size
        return distributed.get_world_size() * grad_AE[start : start + ctx.batch_size]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return _all_reduce(x)

    @staticmethod
    def backward(ctx, grad):
        return _all_reduce(grad)


def _all_reduce(x):
    x = x.contiguous().clone()
    distributed.all_reduce(x)
    return x
