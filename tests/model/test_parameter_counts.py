"""Numbers of parameters compared with published ones, on the meta device."""

import pytest
import torch

from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig

WESPEAKER = "github.com/wenet-e2e/wespeaker, examples/voxceleb/v2/README.md"


USUAL = {"encoder": {"name": "tdnn"}, "pooling": {"name": "stats"}, "embedding_dim": 512}


def num_parameters(feat_dim, **sections):
    """Of the network with these keys of section `model`, the x-vector for all others."""
    with torch.device("meta"):
        model = build_model(ModelConfig(**USUAL | sections), feat_dim)
    return sum(p.numel() for p in model.parameters())


def ecapa(hidden_dim):
    """Desplanques et al. 2020: 80 MFCCs, 192 dimensions, batch norm after the pooling."""
    return {
        "feat_dim": 80,
        "encoder": {"name": "ecapa_tdnn", "hidden_dim": hidden_dim},
        "pooling": {"name": "attentive_stats"},
        "pooling_norm": True,
        "embedding_dim": 192,
    }


def resnet(depth):
    """80 filterbank channels, statistics pooling, 256 dimensions."""
    encoder = {"name": "resnet", "depth": depth}
    return {"feat_dim": 80, "encoder": encoder, "embedding_dim": 256}


TWO_AFFINES = 256 * 256 + 256  # the table below counts a second layer of the embedding


@pytest.mark.parametrize(
    "millions, source, sections, more",
    [
        (6.2, "Desplanques et al. 2020, table 1", ecapa(512), 0),
        (14.7, "Desplanques et al. 2020, table 1", ecapa(1024), 0),
        (6.19, WESPEAKER, ecapa(512), 0),
        (23.79, WESPEAKER, resnet(221), 0),
        (15.95, f"{WESPEAKER}, first version", resnet(101), TWO_AFFINES),
    ],
)
def test_published_sizes(millions, source, sections, more):
    """Up to the last digit of the publication, whether it rounds or cuts."""
    number = num_parameters(**sections) + more
    digit = 10.0 ** -len(str(millions).partition(".")[2])
    assert abs(number / 1e6 - millions) < digit, (number, source)


def test_the_x_vector_by_hand():
    """Snyder et al. 2018 report 4.2 million without segment7 and softmax, for 24 features.

    (5*24 + 1) 512 + 2 (3*512 + 1) 512 + (512 + 1) 512 + (512 + 1) 1500 + (3000 + 1) 512
    """
    by_hand = 61_952 + 2 * 786_944 + 262_656 + 769_500 + 1_536_512
    assert by_hand == 4_204_508
    assert num_parameters(feat_dim=24) == by_hand


def test_the_extended_tdnn_by_hand():
    """Snyder et al. 2019, table 1: 23 features, five layers over frames, five affines."""
    context = (5 * 23 + 1) * 512 + 3 * (3 * 512 + 1) * 512
    affine = 5 * (512 + 1) * 512 + (512 + 1) * 1500
    assert num_parameters(feat_dim=23, encoder={"name": "e_tdnn"}) == (
        context + affine + (3000 + 1) * 512
    )


def test_the_20_layers_of_unified_hypersphere_embedding_by_hand():
    """Stages of 64 to 512 channels with 1, 2, 4 and 1 blocks, and 17 bins into the affine.

    9 weights a pair of channels, a bias of the first convolution of a stage, a slope for each
    channel of each PReLU.
    """
    first = 9 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 128 + 256 + 512
    blocks = 9 * (2 * 64**2 + 4 * 128**2 + 8 * 256**2 + 2 * 512**2)
    slopes = 3 * 64 + 5 * 128 + 9 * 256 + 3 * 512
    affine = (17 * 512 + 1) * 512
    sections = {"encoder": {"name": "resnet20"}, "pooling": {"name": "mean"}}
    assert num_parameters(feat_dim=257, **sections) == first + blocks + slopes + affine
