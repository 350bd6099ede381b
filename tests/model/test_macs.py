"""Multiply-adds by hand, and of everything that is registered."""

import pytest

from steps_py.model.config import ModelConfig
from steps_py.model.macs import count_macs, shape_of_model
from steps_py.model.registries import POOLINGS


def macs_of(encoder, feat_dim, num_frames):
    config = ModelConfig(encoder=encoder, pooling={"name": "stats"}, embedding_dim=512)
    return count_macs(shape_of_model(config, feat_dim), feat_dim, num_frames)


def test_the_multiply_adds_of_the_x_vector_by_hand():
    """200 frames, of which contexts of 5, 5 and 7 leave 196, 192 and 186."""
    by_hand = 196 * 5 * 80 * 512 + 192 * 3 * 512 * 512 + 186 * 3 * 512 * 512
    by_hand += 186 * 512 * 512 + 186 * 512 * 1500 + 3000 * 512
    assert macs_of({"name": "tdnn"}, 80, 200) == by_hand


def test_the_multiply_adds_of_convolutions_with_strides_by_hand():
    """ResNet-18 of 4 channels: a stem and four stages of two blocks, each half the size."""
    by_hand = 9 * 1 * 4 * 16 * 40
    channels, bins, frames = 4, 16, 40
    for stage in range(4):
        inputs = channels
        if stage:
            channels, bins, frames = 2 * channels, bins // 2, frames // 2
            by_hand += inputs * channels * bins * frames  # the shortcut
        by_hand += 9 * (inputs + 3 * channels) * channels * bins * frames
    by_hand += 2 * channels * bins * 512
    encoder = {"name": "resnet", "depth": 18, "base_dim": 4}
    assert macs_of(encoder, 16, 40) == by_hand


@pytest.mark.parametrize("pooling", POOLINGS.names())
def test_networks_with_any_pooling_can_be_counted(pooling):
    encoder = {"name": "tdnn", "hidden_dim": 4, "out_dim": 8}
    config = ModelConfig(encoder=encoder, pooling={"name": pooling}, embedding_dim=2)
    assert count_macs(shape_of_model(config, 6), 6, num_frames=20) > 0
