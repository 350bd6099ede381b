"""Front-ends: the contract of every registered one, and values by hand or by other code."""

import copy
import dataclasses
import importlib.util
import itertools

import numpy as np
import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.deltas import DeltaConfig, add_deltas
from steps_py.feats.frames import FrameConfig
from steps_py.feats.mel import MelConfig
from steps_py.feats.types.fbank import Fbank, FbankConfig
from steps_py.feats.types.spectrogram import Spectrogram, SpectrogramConfig
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, load_extractor, save_extractor
from steps_py.model.front_end_chain import FrontEndChain
from steps_py.model.registries import ENCODERS, FRONT_ENDS
from steps_py.plan.amounts import measure_network
from steps_py.training.freezing import Freezing
from tests.support.masked_networks import assert_same, padded, trained_on
from tests.support.tiny_parts import tiny, trained_looking
from tests.support.tiny_pretrained import TINY

torch.set_num_threads(1)

FEAT_DIM = 33
OPTIONS = {
    "sinc_conv": {"stride_samples": 11},
    "pretrained": {"architecture": TINY["wav2vec2 group"], "normalise": True},
}
LENGTHS = [30, 25, 41, 33]  # frames
needs_package = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs the package transformers"
)
NAMES = [
    pytest.param(name, marks=needs_package) if name == "pretrained" else name
    for name in FRONT_ENDS.names()
]
each_front_end = pytest.mark.parametrize("name", NAMES)


def options_of(name):
    """The front-end as an element of a chain, small."""
    options = tiny(FRONT_ENDS, name, **OPTIONS.get(name, {}))
    return {options.pop("name"): options}


def section(*front_ends):
    encoder = {"name": "tdnn", "hidden_dim": 8, "out_dim": 8, "kernel_sizes": [3], "dilations": [1]}
    return ModelConfig(
        front_ends=list(front_ends), encoder=encoder, pooling={"name": "stats"}, embedding_dim=6
    )


def build(*front_ends):
    torch.manual_seed(1)
    return build_model(section(*front_ends), FEAT_DIM)


def draw_utts():
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(n, FEAT_DIM, generator=generator) for n in LENGTHS]


def seeded(function, *args):
    """The result of a function whose random numbers are always the same."""
    torch.manual_seed(7)
    return function(*args)


@each_front_end
def test_a_padded_batch_gives_the_embeddings_of_single_utterances(name):
    model, utts = trained_looking(build(options_of(name)), FEAT_DIM), draw_utts()
    with torch.inference_mode():
        together = model(*padded(utts, 47, pad=torch.nan))
        alone = torch.cat([model(utt[None]) for utt in utts])
    assert alone.std(dim=0).min() > 0
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)


@each_front_end
def test_training_depends_neither_on_content_nor_on_amount_of_padding(name):
    """Outputs, statistics and gradients."""
    model, utts = build(options_of(name)), draw_utts()
    first = seeded(trained_on, model, *padded(utts, 41, pad=0.0))
    assert_same(first, seeded(trained_on, model, *padded(utts, 53, pad=100.0)))


@each_front_end
def test_a_batch_without_padding_trains_as_without_lengths(name):
    model = build(options_of(name))
    x_BTD = torch.stack([utt[:25] for utt in draw_utts()])
    with_lengths = seeded(trained_on, model, x_BTD, torch.full((4,), 25))
    assert_same(with_lengths, seeded(trained_on, model, x_BTD, None))


@each_front_end
def test_padding_of_the_output_is_zero_and_as_many_frames_remain_as_declared(name):
    """Of every length, also the shortest, of which one frame remains."""
    chain = FrontEndChain([options_of(name)], FEAT_DIM)
    (front_end,) = chain
    shortest, stride = front_end.min_frames, front_end.frame_stride
    lengths = range(shortest, shortest + 2 * stride + 1)
    num_frames_B = torch.tensor(lengths)
    for mode in (chain.train(), chain.eval()):
        utts = [torch.randn(n, FEAT_DIM) for n in lengths]
        x_BTD, _ = padded(utts, shortest + 9, pad=0.0)
        mask_BT = torch.arange(shortest + 9) < num_frames_B[:, None]
        y_BTD, out_mask_BT = mode(x_BTD, mask_BT)
        assert y_BTD.shape == (*out_mask_BT.shape, chain.out_dim)
        assert y_BTD.shape[1] == 9 // stride + 1
        assert out_mask_BT.sum(dim=1).tolist() == [(n - shortest) // stride + 1 for n in lengths]
        assert (out_mask_BT.int().diff(dim=1) <= 0).all()  # real frames come first
        assert (y_BTD[~out_mask_BT] == 0).all()
    assert chain.frames_needed(3) == shortest + 2 * stride


@each_front_end
def test_it_trains_in_bf16_and_every_weight_and_the_input_have_gradients(name):
    model = build(options_of(name)).train()
    x_BTD, num_frames_B = padded(draw_utts(), 41, pad=0.0)
    x_BTD.requires_grad_()
    exact_BE = seeded(copy.deepcopy(model), x_BTD, num_frames_B)
    with torch.autocast("cpu", torch.bfloat16):
        embedding_BE = seeded(model, x_BTD, num_frames_B)
    assert (embedding_BE - exact_BE).norm() < 0.2 * exact_BE.norm()
    embedding_BE.float().square().sum().backward()
    assert x_BTD.grad.isfinite().all() and x_BTD.grad.abs().sum() > 0
    trained = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)


@each_front_end
def test_a_silent_batch_gives_finite_gradients(name):
    model = build(options_of(name)).train()
    model(torch.zeros(2, 30, FEAT_DIM)).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@each_front_end
def test_ten_steps_of_training_lower_the_loss(name):
    model, classifier = build(options_of(name)).train(), torch.nn.Linear(6, 4)
    x_BTD, num_frames_B = padded(draw_utts(), 41, pad=0.0)
    optimizer = torch.optim.SGD([*model.parameters(), *classifier.parameters()], lr=0.05)
    losses = []
    for _ in range(10):
        logits_BS = classifier(seeded(model, x_BTD, num_frames_B))
        losses.append(torch.nn.functional.cross_entropy(logits_BS, torch.arange(4)))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]


@each_front_end
def test_exported_and_compiled_it_gives_the_same_output_at_any_length(name):
    chain = FrontEndChain([options_of(name)], FEAT_DIM).eval()
    if not getattr(chain[0], "exportable", True):
        pytest.skip("declared as not exportable")
    torch.compiler.reset()  # each class has graphs of its own
    compiled = torch.compile(chain, backend="eager", dynamic=True, fullgraph=True)
    frames = torch.export.Dim("frames", min=24, max=4000)
    args = torch.randn(2, 40, FEAT_DIM), None
    exported = torch.export.export(chain, args, dynamic_shapes=({1: frames}, None)).module()
    for num_frames, run in itertools.product((31, 40), (exported, compiled)):
        x_BTD = torch.randn(2, num_frames, FEAT_DIM)
        with torch.inference_mode():
            assert torch.allclose(run(x_BTD, None)[0], chain(x_BTD, None)[0], atol=1e-5)


@each_front_end
def test_final_pt_restores_it(name, tmp_path):
    model = trained_looking(build(options_of(name)), FEAT_DIM)
    save_extractor(
        tmp_path / "final.pt",
        Extractor(
            model=model, config=section(options_of(name)), feat_dim=FEAT_DIM, cmvn=CmvnConfig()
        ),
    )
    again = load_extractor(tmp_path / "final.pt").model
    x_BTD = torch.randn(1, 30, FEAT_DIM)
    with torch.inference_mode():
        assert torch.equal(again(x_BTD), model(x_BTD))


@pytest.mark.parametrize("encoder", ENCODERS.names())
def test_every_encoder_takes_the_dimensions_of_the_front_ends(encoder):
    config = ModelConfig(
        front_ends=[{"select_columns": {"drop": [0, -1]}}, "batch_norm"],
        encoder=tiny(ENCODERS, encoder),
        pooling={"name": "stats"},
        embedding_dim=6,
    )
    model = build_model(config, feat_dim=12).eval()
    assert model(torch.randn(1, 60, 12)).shape == (1, 6)


def test_deltas_equal_those_of_add_deltas_for_any_length():
    """Oracle: the command's function, which golden files of a real Kaldi check."""
    chain = FrontEndChain([{"deltas": {"order": 2, "window_frames": 3}}], in_dim=5)
    utts = [torch.randn(n, 5) for n in (1, 4, 20)]
    x_BTD, num_frames_B = padded(utts, 23, pad=0.0)
    y_BTD, _ = chain(x_BTD, torch.arange(23) < num_frames_B[:, None])
    for y_TD, utt in zip(y_BTD, utts, strict=True):
        expected_TD = add_deltas(utt.numpy(), DeltaConfig(order=2, window_frames=3))
        assert np.allclose(y_TD[: len(utt)], expected_TD, atol=1e-5)


def test_instance_norm_is_torchs_of_each_utterance():
    chain = FrontEndChain([{"instance_norm": {"affine": True}}], in_dim=5)
    norm = torch.nn.InstanceNorm1d(5, affine=True)
    norm.weight.data, norm.bias.data = torch.rand(2, 5)
    chain[0].scale_D.data, chain[0].offset_D.data = norm.weight.data, norm.bias.data
    x_BTD = 3 + 2 * torch.randn(2, 9, 5)
    assert torch.allclose(chain(x_BTD, None)[0], norm(x_BTD.mT).mT, atol=1e-5)


def test_batch_norm_learns_its_statistics_from_real_frames():
    """Frames 1 and 3 of one utterance, 5 of the other: mean 3; momentum 0.1 of 0."""
    chain = FrontEndChain(["batch_norm"], in_dim=1).train()
    x_BTD, num_frames_B = padded([torch.tensor([[1.0], [3]]), torch.tensor([[5.0]])], 4, pad=0.0)
    chain(x_BTD, torch.arange(4) < num_frames_B[:, None])
    assert chain[0].norm.running_mean.item() == pytest.approx(0.3)


def spectrogram_and_fbank():
    """Log power spectra of noise, and the 40 features that the Kaldi command makes of the same."""
    frames = FrameConfig(dither=0)
    samples_N = np.random.default_rng(0).normal(scale=1000, size=4000).astype(np.float32)
    fbank = Fbank(FbankConfig(frames=frames, mel=MelConfig(num_bins=40)))
    spectrogram = Spectrogram(SpectrogramConfig(frames=frames))
    return torch.tensor(spectrogram.compute(samples_N))[None], fbank.compute(samples_N)


def test_an_untrained_filter_bank_on_spectrograms_gives_filter_bank_features():
    x_BTD, expected_TD = spectrogram_and_fbank()
    chain = FrontEndChain([{"filter_bank": {"out_dim": 40, "learned": False}}], in_dim=257)
    assert np.allclose(chain(x_BTD, None)[0][0], expected_TD, atol=1e-3)
    assert not list(chain.parameters()) and not chain.state_dict()


def test_untrained_band_passes_follow_filter_bank_features():
    """Gaussians in place of triangles of the same width at half their height."""
    x_BTD, expected_TD = spectrogram_and_fbank()
    y_TD = FrontEndChain([{"band_pass": {"out_dim": 40}}], in_dim=257)(x_BTD, None)[0][0]
    assert np.abs(y_TD.detach().numpy() - expected_TD)[:, 8:].mean() < 0.2  # of 8 to 16


def test_weights_of_a_filter_bank_that_fell_below_zero_can_rise_again():
    (bank,) = FrontEndChain([{"filter_bank": {"out_dim": 8}}], in_dim=33)
    bank.weight_FM.data -= 0.2
    bank.constrain_weights()
    bank(torch.zeros(1, 3, 33), None)[0].sum().backward()
    assert bank.weight_FM.min() == 0 and (bank.weight_FM.grad > 0).all()


def test_a_sinc_filter_passes_the_tone_in_its_band_at_its_amplitude():
    """Mean of |1000 sin| is 1000 * 2 / pi; far bands pass next to nothing."""
    chain = FrontEndChain([{"sinc_conv": {"out_dim": 8}}], in_dim=160)
    low_khz = chain[0].low_khz_M.tolist()
    tone_hz = 1000 * (low_khz[3] + low_khz[4]) / 2
    samples_N = 1000 * np.sin(2 * np.pi * tone_hz / 16000 * np.arange(16000))
    y_TD = chain(torch.tensor(samples_N, dtype=torch.float32).view(1, 100, 160), None)[0][0]
    gain_D = y_TD[10:-10].expm1().mean(dim=0) / (1000 * 2 / np.pi)
    assert gain_D[3].item() == pytest.approx(1, abs=0.02)
    assert (gain_D[[0, 1, 6, 7]] < 0.01).all()


def test_masks_are_ranges_of_real_frames_of_uniform_width_and_place():
    options = {"num_time_masks": 1, "max_time_frames": 3, "num_freq_masks": 0}
    chain = FrontEndChain([{"spec_masks": options}], in_dim=2).train()
    torch.manual_seed(0)
    num_frames_B = torch.full((20_000,), 8)
    num_frames_B[:5000] = 2
    mask_BT = torch.arange(10) < num_frames_B[:, None]
    hidden_BT = (chain(torch.ones(20_000, 10, 2), mask_BT)[0] == 0).all(dim=2)
    long_BT = hidden_BT[5000:, :8]
    width_B = long_BT.sum(dim=1)
    assert np.bincount(width_B) == pytest.approx([3750] * 4, abs=250)
    start_B = long_BT[width_B == 2].int().argmax(dim=1)
    assert np.bincount(start_B) == pytest.approx([len(start_B) / 7] * 7, abs=120)
    assert hidden_BT[:5000, :2].sum(dim=1).max() == 2  # no wider than the utterance


def test_masks_of_dimensions_cover_all_frames():
    options = {"num_time_masks": 0, "num_freq_masks": 2, "max_freq_bins": 3}
    chain = FrontEndChain([{"spec_masks": options}], in_dim=12).train()
    hidden_BTD = chain(torch.ones(50, 4, 12), None)[0] == 0
    assert (hidden_BTD.all(dim=1) == hidden_BTD.any(dim=1)).all()
    assert hidden_BTD[:, 0].sum(dim=1).max() in (4, 5, 6)


def test_noise_has_one_of_the_deviations_for_the_chosen_share_of_chunks():
    options = {"stds": [0.1, 0.01], "probability": 0.5}
    chain = FrontEndChain([{"gaussian_noise": options}], in_dim=40).train()
    noise_BTD = seeded(chain, torch.zeros(400, 50, 40), None)[0]
    std_B = noise_BTD.flatten(1).std(dim=1)
    counts = [int((std_B - std).abs().lt(0.1 * std + 1e-9).sum()) for std in (0, 0.01, 0.1)]
    assert sum(counts) == 400
    assert counts == pytest.approx([200, 100, 100], abs=35)
    assert noise_BTD.mean().item() == pytest.approx(0, abs=1e-3)


def test_reversal_turns_the_real_frames_of_the_chosen_share_of_chunks():
    chain = FrontEndChain([{"time_reversal": {"probability": 0.25}}], in_dim=1).train()
    x_BTD = torch.tensor([1.0, 2.0, 3.0, 0.0]).view(1, 4, 1).expand(2000, 4, 1)
    mask_BT = torch.tensor([[True, True, True, False]]).expand(2000, 4)
    y_BT = seeded(chain, x_BTD, mask_BT)[0][:, :, 0]
    is_reversed_B = (y_BT == torch.tensor([3.0, 2.0, 1.0, 0.0])).all(dim=1)
    assert ((y_BT == x_BTD[:, :, 0]).all(dim=1) | is_reversed_B).all()
    assert is_reversed_B.sum().item() == pytest.approx(500, abs=80)


@pytest.mark.parametrize(
    "front_end",
    [
        {"time_reversal": {"probability": 1.0}},
        {"gaussian_noise": {"stds": [0.1], "probability": 1.0}},
    ],
    ids=str,
)
def test_nothing_is_drawn_in_validation_and_extraction(front_end):
    x_BTD = torch.arange(24.0).view(2, 4, 3)
    chain = FrontEndChain([front_end], in_dim=3)
    assert not torch.equal(seeded(chain.train(), x_BTD, None)[0], x_BTD)
    assert torch.equal(seeded(chain.eval(), x_BTD, None)[0], x_BTD)


def test_a_frame_is_normalised_over_its_dimensions_whatever_its_level():
    """By hand: mean 2 and deviation sqrt(2/3) of (1, 2, 3)."""
    chain = FrontEndChain(["frame_norm"], in_dim=3)
    levels_T1 = torch.tensor([[1.0], [1e-4], [3e9]])
    y_TD = chain((levels_T1 * torch.tensor([1.0, 2.0, 3.0]))[None], None)[0][0]
    expected = 1.5**0.5
    np.testing.assert_allclose(y_TD, [[-expected, 0, expected]] * 3, rtol=1e-4, atol=1e-6)


def test_front_ends_can_be_frozen_by_their_place():
    model = build({"batch_norm": {"affine": True}})
    Freezing({"front_ends.0": None}, model, torch.nn.Linear(1, 1)).apply(0)
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == [
        "front_ends.0.norm.weight",
        "front_ends.0.norm.bias",
    ]


@pytest.mark.parametrize(
    "front_end, message",
    [
        ("delta", "front-end: unknown name 'delta'. Did you mean 'deltas'?"),
        ({"deltas": {"ordre": 1}}, "unknown key 'deltas.ordre'. Did you mean 'order'?"),
        ({"sinc_conv": {"stride_samples": 10}}, "10, no divisor of the 33 samples"),
        ({"select_columns": {"drop": [33]}}, "cannot drop [33] of 33 columns"),
    ],
)
def test_mistakes_in_the_chain_are_errors(front_end, message):
    with pytest.raises(ConfigError) as error:
        build(front_end)
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["filter_bank", "band_pass"])
def test_features_that_are_no_spectrum_are_refused(name):
    with pytest.raises(ConfigError, match=r"80 dimensions; a spectrum has a power of two and one"):
        FrontEndChain([name], in_dim=80)


@each_front_end
def test_weights_and_operations_are_counted_without_computing_anything(name):
    model = section(options_of(name))
    num_gflop_per_frame, num_weights = measure_network(dataclasses.asdict(model), FEAT_DIM)
    assert num_weights == sum(x.numel() for x in build(options_of(name)).state_dict().values())
    assert num_gflop_per_frame > 0
