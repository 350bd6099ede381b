"""The network as a whole: sizes, masks, gradients, names."""

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model.build import ModelConfig, build_model
from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.registries import ENCODERS, POOLINGS

torch.set_num_threads(1)

SMALL = ModelConfig(
    encoder={"name": "tdnn", "hidden_dim": 8, "out_dim": 12},
    pooling={"name": "stats"},
    embedding_dim=6,
)


def trained_looking(model):
    """Statistics of batch norm as if it had seen data: not 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.1)
    return model.eval()


def test_number_of_parameters_is_that_of_the_published_x_vector():
    """Snyder et al. 2018 report 4.2 million without segment7 and softmax, for 24 features.

    (5*24 + 1) 512 + 2 (3*512 + 1) 512 + (512 + 1) 512 + (512 + 1) 1500 + (3000 + 1) 512
    """
    by_hand = 61_952 + 2 * 786_944 + 262_656 + 769_500 + 1_536_512
    model = build_model(ModelConfig(), feat_dim=24)
    assert by_hand == 4_204_508
    assert sum(p.numel() for p in model.parameters()) == by_hand


def test_a_tdnn_frame_sees_seven_frames_to_each_side_and_no_more():
    encoder = Tdnn(Tdnn.Config(hidden_dim=8, out_dim=4), in_dim=3).eval()
    x_BTD = torch.randn(1, 40, 3, requires_grad=True)
    encoder(x_BTD, None)[0][0, 10].sum().backward()
    touched = x_BTD.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()
    # offsets of the first three layers: {-2..2} + {-2, 0, 2} + {-3, 0, 3} = -7..7
    assert touched == list(range(10, 25))


def test_the_tdnn_layer_is_a_dilated_convolution():
    """Oracle: torch's own conv1d with the same weights."""
    layer = Tdnn(Tdnn.Config(hidden_dim=5, out_dim=5), in_dim=3).eval().layers[0]
    x_BTD = torch.randn(2, 20, 3)
    weight = layer.affine.weight.view(5, 5, 3).transpose(1, 2)
    conv = torch.nn.functional.conv1d(x_BTD.transpose(1, 2), weight, layer.affine.bias)
    expected = conv.relu().transpose(1, 2) / (1 + 1e-3) ** 0.5
    assert torch.allclose(layer(x_BTD), expected, atol=1e-6)


def test_a_padded_batch_gives_the_embeddings_of_one_by_one():
    torch.manual_seed(1)
    model = trained_looking(build_model(SMALL, feat_dim=3))
    lengths = [15, 16, 40, 33]
    utts = [torch.randn(n, 3) for n in lengths]
    batch = torch.full((4, 40, 3), 7.0)  # pads must not matter, whatever they hold
    mask = torch.zeros(4, 40, dtype=torch.bool)
    for i, utt in enumerate(utts):
        batch[i, : len(utt)], mask[i, : len(utt)] = utt, True
    with torch.inference_mode():
        together = model(batch, mask)
        alone = torch.cat([model(utt[None]) for utt in utts])
    assert torch.allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_training_refuses_masks_because_batch_norm_would_see_the_pads():
    model = build_model(SMALL, feat_dim=3).train()
    with pytest.raises(AssertionError):
        model(torch.randn(2, 20, 3), torch.ones(2, 20, dtype=torch.bool))


@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_encoder_answers_with_its_out_dim_and_lets_gradients_through(name):
    encoder = ENCODERS.build({"name": name}, in_dim=4)
    x_BTD = torch.randn(2, encoder.min_frames + 5, 4, requires_grad=True)
    y_BTC, mask_BT = encoder.eval()(x_BTD, torch.ones(2, encoder.min_frames + 5).bool())
    assert y_BTC.shape[2] == encoder.out_dim
    assert mask_BT.shape == y_BTC.shape[:2]
    y_BTC.square().sum().backward()
    assert x_BTD.grad.isfinite().all() and x_BTD.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("name", ENCODERS.names())
def test_the_shortest_input_of_every_encoder_is_enough(name):
    encoder = ENCODERS.build({"name": name}, in_dim=4).eval()
    assert encoder(torch.randn(1, encoder.min_frames, 4), None)[0].shape[1] >= 1


@pytest.mark.parametrize("pooling", POOLINGS.names())
@pytest.mark.parametrize("encoder", ENCODERS.names())
def test_every_combination_trains_a_step_on_a_batch_of_two(encoder, pooling):
    config = ModelConfig(encoder={"name": encoder}, pooling={"name": pooling}, embedding_dim=5)
    model = build_model(config, feat_dim=4).train()
    embedding_BE = model(torch.randn(2, 30, 4))
    assert embedding_BE.shape == (2, 5)
    embedding_BE.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_silent_batch_gives_finite_gradients():
    """Constant features: all variances are 0, where a square root has no slope."""
    model = build_model(SMALL, feat_dim=3).train()
    model(torch.zeros(2, 20, 3)).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    "config, said",
    [
        ({"encoder": {"name": "tdn"}}, "encoder: unknown name 'tdn'. Did you mean 'tdnn'?"),
        ({"encoder": {"name": "tdnn", "hiden_dim": 5}}, "Did you mean 'hidden_dim'?"),
        ({"pooling": {"name": "stat"}}, "Did you mean 'stats'?"),
        ({"encoder": {"name": "tdnn", "dilations": [1]}}, "5 kernel_sizes and 1 dilations"),
    ],
)
def test_a_wrong_model_section_is_answered_in_words(config, said):
    with pytest.raises(ConfigError) as error:
        build_model(ModelConfig(**config), feat_dim=4)
    assert said in str(error.value)
