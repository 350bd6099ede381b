"""The batch of all processes, for losses that compare its embeddings with each other, and norms.

Shape suffixes: B batch of a process, A batch of all processes, E embedding.
"""

import torch
from torch import distributed


def gather_embeddings(embedding_BE):
    """The embeddings (A, E) of all processes, in the order of their ranks.

    Every process then computes the same loss from them, and DistributedDataParallel averages
    the gradients of all.  So that the average over R processes is the gradient of one process
    with the whole batch, the gradient that comes back is multiplied by R: process r alone sends
    it through its own embeddings.  All must hold batches of one size.

    Without torch.distributed it is the identity.

    >>> gather_embeddings(torch.tensor([[1.0, 2.0]]))
    tensor([[1., 2.]])
    """
    return _Gather.apply(embedding_BE) if _several() else embedding_BE


def gather_labels(spk_id_B):
    """The speakers (A,) of all processes, in the order of their ranks."""
    return _all_gather(spk_id_B) if _several() else spk_id_B


def sum_over_processes(x):
    """The sum of a tensor over all processes; its gradient is summed alike.

    >>> sum_over_processes(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    return _Sum.apply(x) if _several() else x


def _several():
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
