"""Losses of few speakers and embeddings."""

import torch

from steps_py.model.registries import LOSSES

torch.set_num_threads(1)


def build(name, in_dim=2, num_speakers=2, **fields):
    return LOSSES.build({"name": name, **fields}, in_dim=in_dim, num_speakers=num_speakers)


def groups(num_speakers=5, num_utts=3, in_dim=4):
    """Embeddings that are scattered round their speakers' directions, speaker by speaker."""
    generator = torch.Generator().manual_seed(4)
    spk_id_B = torch.arange(num_speakers).repeat_interleave(num_utts)
    center_SE = torch.randn(num_speakers, in_dim, generator=generator)
    noise_BE = torch.randn(len(spk_id_B), in_dim, generator=generator)
    return center_SE[spk_id_B] + 0.7 * noise_BE, spk_id_B
