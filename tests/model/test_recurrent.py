"""LSTM in both directions over padded batches, and the last frame of an utterance."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from steps_py.model.encoders.tdnn_lstm import TdnnLstm
from steps_py.model.layers.lstm import MaskedLstm
from steps_py.model.poolings.last import LastPooling

torch.set_num_threads(1)
NUM_FRAMES_B = torch.tensor([7, 4, 1])
MASK_BT = torch.arange(7) < NUM_FRAMES_B[:, None]


def test_both_directions_are_those_of_torch_with_packed_sequences():
    torch.manual_seed(0)
    layer, x_BTD = MaskedLstm(3, 4, num_layers=2, bidirectional=True), torch.randn(3, 7, 3)
    oracle = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    weights = [lstm.named_parameters() for pair in layer.layers for lstm in pair]
    suffixes = ["l0", "l0_reverse", "l1", "l1_reverse"]
    with torch.no_grad():
        for named, suffix in zip(weights, suffixes, strict=True):
            for name, weight in named:
                getattr(oracle, name.replace("l0", suffix)).copy_(weight)
    packed = pack_padded_sequence(x_BTD, NUM_FRAMES_B, batch_first=True)
    expected, _ = pad_packed_sequence(oracle(packed)[0], batch_first=True)
    assert torch.allclose(layer(x_BTD, MASK_BT)[MASK_BT], expected[MASK_BT], atol=1e-6)


def test_one_direction_knows_nothing_of_later_frames():
    layer, x_BTD = MaskedLstm(3, 4, num_layers=2), torch.randn(2, 7, 3)
    assert torch.allclose(layer(x_BTD, None)[:, :5], layer(x_BTD[:, :5], None), atol=1e-6)


def test_the_last_pooling_takes_the_last_real_frame():
    x_BTC = torch.arange(21.0).view(3, 7, 1)
    pooling = LastPooling(LastPooling.Config(), in_dim=1)
    assert pooling(x_BTC, MASK_BT).flatten().tolist() == [6, 10, 14]
    assert pooling(x_BTC).flatten().tolist() == [6, 13, 20]


def test_an_lstm_after_a_tdnn_reads_its_frames():
    config = TdnnLstm.Config(hidden_dim=8, out_dim=4, lstm_dim=4, num_lstm_layers=1)
    encoder, x_BTD = TdnnLstm(config, in_dim=3).eval(), torch.randn(1, 20, 3)
    frames_BTC, _ = encoder.tdnn(x_BTD, None)
    assert torch.equal(encoder(x_BTD, None)[0], encoder.lstm(frames_BTC, None))
    assert encoder.min_frames == 15
