"""RepVGG: one convolution in place of three branches."""

import copy

import pytest
import torch

from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.encoders.repvgg import RepVgg, RepVggBlock
from steps_py.model.registries import ENCODERS
from tests.support.tiny_parts import tiny, trained_looking

torch.set_num_threads(1)


@pytest.mark.parametrize("in_dim, stride", [(4, 1), (4, 2), (3, 1)])
def test_a_merged_block_equals_its_branches(in_dim, stride):
    block = RepVggBlock(in_dim, 4, stride, 1, RepVgg.Config())
    for _ in range(3):
        block(3 * torch.randn(2, in_dim, 9, 6) + 1, None)
    x_BCTF, mask_BT = torch.randn(2, in_dim, 9, 6), torch.arange(9) < torch.tensor([[9], [5]])
    x_BCTF = x_BCTF.masked_fill(~mask_BT[:, None, :, None], 0)
    expected, _ = block.eval()(x_BCTF, mask_BT)
    block.merge_branches()
    assert [type(module).__name__ for module in block.children()] == ["Conv2d"]
    y_BCTF, out_mask_BT = block(x_BCTF, mask_BT)
    assert torch.allclose(y_BCTF, expected, atol=1e-5)
    assert torch.equal(out_mask_BT, mask_BT[:, ::stride])


WITH_A_FORM = [n for n in ENCODERS.names() if hasattr(ENCODERS.find(n), "merge_branches")]


@pytest.mark.parametrize("encoder", WITH_A_FORM)
def test_in_its_form_for_extraction_a_network_gives_the_same_x_vectors(encoder):
    config = ModelConfig(
        encoder=tiny(ENCODERS, encoder), pooling={"name": "stats"}, embedding_dim=6
    )
    torch.manual_seed(1)
    model = trained_looking(build_model(config, feat_dim=10), 10)
    x_BTD, num_frames_B = torch.randn(2, 40, 10), torch.tensor([40, 31])
    with torch.inference_mode():
        expected = model(x_BTD, num_frames_B)
        merged = copy.deepcopy(model).merge_branches()(x_BTD, num_frames_B)
    assert torch.allclose(merged, expected, rtol=1e-5, atol=1e-5)
