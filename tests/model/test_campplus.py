"""CAM++: the means of segments and the gates made of them."""

import torch

from steps_py.model.encoders.campplus import ContextMaskedConv, means

torch.set_num_threads(1)


def test_the_means_of_segments_are_over_their_real_frames():
    """130 and 20 real frames of 130: segments of 100 and 30, of 20 and none."""
    x_BCT = torch.arange(130.0).repeat(2, 1, 1)
    x_BCT[1, :, 20:] = 0
    mask_BT = torch.arange(130) < torch.tensor([[130], [20]])
    segment_BCS, all_BC1 = means(x_BCT, mask_BT)
    assert segment_BCS[:, 0].tolist() == [[49.5, 114.5, 0.0], [9.5, 0.0, 0.0]]
    assert all_BC1.flatten().tolist() == [64.5, 9.5]


def test_the_gates_of_a_segment_depend_on_the_whole_utterance_and_on_the_segment():
    """With affines that pass their input on, gate = sigmoid(relu(mean + mean of the segment))."""
    conv = ContextMaskedConv(2, 2, dilation=1)
    for layer in (conv.squeeze, conv.excite):
        layer.weight.data.fill_(0.5)
        layer.bias.data.zero_()
    conv.local.conv.weight.data.copy_(torch.eye(2)[:, :, None] * torch.tensor([0.0, 1.0, 0.0]))
    x_BCT = torch.cat([torch.full((1, 2, 100), 1.0), torch.full((1, 2, 50), 4.0)], dim=2)
    y_BCT = conv(x_BCT, None)
    gates = torch.sigmoid(0.5 * torch.tensor([2.0 + 1.0, 2.0 + 4.0]))  # mean of all: 2
    assert torch.allclose(y_BCT[0, 0, [0, 149]], gates * torch.tensor([1.0, 4.0]))
