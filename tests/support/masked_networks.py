"""Padded batches of utterances, and one step of training on them."""

import copy

import torch


def padded(utts, num_frames, pad):
    """Batch of `num_frames` frames, filled up with `pad`, and the lengths."""
    x_BTD = torch.full((len(utts), num_frames, utts[0].shape[1]), pad)
    for row, utt in zip(x_BTD, utts, strict=True):
        row[: len(utt)] = utt
    return x_BTD, torch.tensor([len(utt) for utt in utts])


def trained_on(model, x_BTD, num_frames_B):
    """Embeddings, gradients and buffers of a copy of the model after one step of training."""
    model = copy.deepcopy(model).train()
    embedding_BE = model(x_BTD, num_frames_B)
    embedding_BE.square().sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    return {"embedding": embedding_BE.detach()} | gradients | dict(model.named_buffers())


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, x in first.items():
        scale = 1 + x.abs().max()
        assert torch.allclose(x / scale, second[name] / scale, atol=2e-5), name
