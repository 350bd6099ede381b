"""The front-end `pretrained`: networks of each kind, folders, what is trained, final.pt."""

import json
import shutil

import pytest
import torch

from steps_py.errors import ConfigError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, load_extractor, save_extractor
from steps_py.model.front_end_chain import FrontEndChain
from steps_py.training.freezing import Freezing
from steps_py.training.input_digests import digest_of_front_ends
from tests.support.masked_networks import padded
from tests.support.tiny_pretrained import TINY

transformers = pytest.importorskip("transformers")
torch.set_num_threads(1)

FEAT_DIM = 33
LENGTHS = [25, 30, 41]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Networks with random weights, as transformers saves them."""
    parent = tmp_path_factory.mktemp("folders")
    for name in ("wavlm", "wav2vec2 group", "wav2vec2-bert"):
        network = build(architecture=TINY[name]).network
        if name == "wav2vec2 group":  # undo the replacement of the norm
            norm = network.feature_extractor.conv_layers[0].layer_norm
            plain = torch.nn.GroupNorm(norm.num_groups, norm.num_channels)
            network.feature_extractor.conv_layers[0].layer_norm = plain
        network.save_pretrained(parent / name)
    (parent / "wavlm/preprocessor_config.json").write_text('{"do_normalize": false}')
    return parent


def build(**options):
    torch.manual_seed(1)
    return FrontEndChain([{"pretrained": options}], FEAT_DIM)[0].eval()


def draw_utts():
    generator = torch.Generator().manual_seed(2)
    return [1000 * torch.randn(n, FEAT_DIM, generator=generator) for n in LENGTHS]


@pytest.mark.parametrize("name", TINY)
def test_every_kind_of_network_ignores_padding(name):
    front_end = build(architecture=TINY[name], normalise=True)
    x_BTD, num_frames_B = padded(draw_utts(), 47, pad=0.0)
    with torch.inference_mode():
        together, mask_BT = front_end(x_BTD, torch.arange(47) < num_frames_B[:, None])
        for y_TC, utt, num in zip(together, draw_utts(), mask_BT.sum(dim=1), strict=True):
            alone_BTC, _ = front_end(utt[None], None)
            assert alone_BTC.shape[1] == num
            assert torch.allclose(y_TC[:num], alone_BTC[0], atol=2e-5)


@pytest.mark.parametrize("name", ["wavlm", "wav2vec2 group"])
def test_it_is_the_mean_of_all_layers_of_the_network_in_the_folder(folders, name):
    """Oracle: the package itself; samples from -1 to 1, normalised unless the folder says no."""
    front_end = build(folder=str(folders / name))
    x_TD = draw_utts()[0]
    samples_N = x_TD.flatten() / 32768
    if name != "wavlm":
        samples_N = (samples_N - samples_N.mean()) / (samples_N.var(correction=0) + 1e-7).sqrt()
    network = transformers.AutoModel.from_pretrained(folders / name).eval()
    with torch.inference_mode():
        layers = network(samples_N[None], output_hidden_states=True).hidden_states
        assert len(layers) == 3
        expected_TC = torch.stack(layers).mean(dim=0)[0]
        assert torch.allclose(front_end(x_TD[None], None)[0][0], expected_TC, atol=1e-5)


def test_w2v_bert_reads_pairs_of_normalised_frames(folders):
    front_end = build(folder=str(folders / "wav2vec2-bert"))
    x_TD = draw_utts()[0]
    normal_TD = (x_TD - x_TD.mean(dim=0)) / (x_TD.var(dim=0) + 1e-7).sqrt()
    network = transformers.AutoModel.from_pretrained(folders / "wav2vec2-bert").eval()
    with torch.inference_mode():
        layers = network(normal_TD[:24].view(1, 12, 66), output_hidden_states=True).hidden_states
        expected_BTC = torch.stack(layers).mean(dim=0)
        assert torch.allclose(front_end(x_TD[None], None)[0], expected_BTC, atol=1e-5)
    assert (front_end.min_frames, front_end.frame_stride) == (2, 2)


def test_weights_in_the_older_file_are_read(folders, tmp_path):
    shutil.copytree(folders / "wavlm", tmp_path / "old")
    new = build(folder=str(tmp_path / "old"))
    (tmp_path / "old/model.safetensors").unlink()
    torch.save(new.network.state_dict(), tmp_path / "old/pytorch_model.bin")
    old = build(folder=str(tmp_path / "old"))
    x_BTD = draw_utts()[0][None]
    assert torch.equal(old(x_BTD, None)[0], new(x_BTD, None)[0])


@pytest.mark.parametrize("name", ["wavlm", "wav2vec2-bert"])
def test_adapters_and_low_rank_terms_are_all_that_is_trained_and_begin_without_effect(name):
    plain = build(architecture=TINY[name])
    adapted = build(architecture=TINY[name], adapter_dim=4, lora_dim=3)
    x_BTD = draw_utts()[0][None]
    assert torch.allclose(adapted(x_BTD, None)[0], plain(x_BTD, None)[0], atol=1e-6)
    assert [n for n, p in plain.named_parameters() if p.requires_grad] == ["layer_weight_L"]
    num_trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    num_ffns = 2 if name == "wav2vec2-bert" else 1  # of a layer
    of_adapters = num_ffns * 2 * (2 * 16 * 4 + 4 + 16)
    of_low_rank = 2 * 2 * (16 + 16) * 3  # layers, queries and values
    assert num_trained == of_adapters + of_low_rank + 3
    assert adapted.train().training and not adapted.network.training
    for parameter in adapted.parameters():
        parameter.data += 0.1 * parameter.requires_grad
    assert not torch.allclose(adapted(x_BTD, None)[0], plain(x_BTD, None)[0], atol=1e-3)


def test_what_is_frozen_by_the_front_end_is_not_thawed_by_train_freeze():
    front_end = build(architecture=TINY["wavlm"])
    freezing = Freezing({"network": 1.0}, front_end, torch.nn.Linear(1, 1))
    freezing.apply(0)
    freezing.apply(2)
    assert not any(p.requires_grad for p in front_end.network.parameters())
    thawing = build(architecture=TINY["wavlm"], frozen=False)
    assert all(p.requires_grad for p in thawing.network.parameters())
    assert thawing.train().network.training


def test_final_pt_needs_no_folder(folders, tmp_path):
    folder = shutil.copytree(folders / "wavlm", tmp_path / "wavlm")
    config = ModelConfig(
        front_ends=[{"pretrained": {"folder": str(folder), "adapter_dim": 4, "lora_dim": 2}}],
        encoder={
            "name": "tdnn",
            "hidden_dim": 8,
            "out_dim": 8,
            "kernel_sizes": [3],
            "dilations": [1],
        },
        pooling={"name": "stats"},
        embedding_dim=6,
    )
    model = build_model(config, FEAT_DIM).eval()
    assert model.min_frames == 3 + 2 * 2
    extractor = Extractor(model=model, config=config, feat_dim=FEAT_DIM, cmvn=CmvnConfig())
    save_extractor(tmp_path / "final.pt", extractor)
    shutil.rmtree(folder)
    again = load_extractor(tmp_path / "final.pt").model
    x_BTD = draw_utts()[0][None]
    with torch.inference_mode():
        assert torch.equal(again(x_BTD), model(x_BTD))


def test_other_weights_in_the_folder_are_other_settings_of_a_training(folders, tmp_path):
    folder = shutil.copytree(folders / "wavlm", tmp_path / "wavlm")
    first = digest_of_front_ends([build(folder=str(folder))])
    network = build(folder=str(folder)).network
    network.encoder.layer_norm.bias.data += 1
    network.save_pretrained(folder)
    second = digest_of_front_ends([build(folder=str(folder))])
    assert first.keys() == second.keys() == {"front_end_files"} and first != second
    assert digest_of_front_ends([build(architecture=TINY["wavlm"])]) == {}


def without_weights(folder):
    (folder / "model.safetensors").unlink()


def with_damaged_weights(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def with_another_network(folder):
    _edit(folder, num_hidden_layers=3)


def with_another_kind(folder):
    _edit(folder, model_type="wavlmm")


def with_lists_of_two_lengths(folder):
    _edit(folder, conv_dim=[8])


def with_a_damaged_config(folder):
    (folder / "config.json").write_text("{")


def _edit(folder, **changed):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))


@pytest.mark.parametrize(
    "damage, message",
    [
        (shutil.rmtree, "config.json: cannot be read: No such file or directory. Put a folder"),
        (without_weights, "has no model.safetensors or pytorch_model.bin. Put a folder there"),
        (with_damaged_weights, "cannot be loaded: "),
        (with_another_network, "weights are missing (encoder.layers.2."),
        (with_another_kind, "model_type is 'wavlmm'. Did you mean 'wavlm'?"),
        (with_lists_of_two_lengths, "wavlm: config.json: "),
        (with_a_damaged_config, "is not JSON"),
    ],
)
def test_folders_that_cannot_be_used_are_errors_of_one_line(folders, tmp_path, damage, message):
    folder = shutil.copytree(folders / "wavlm", tmp_path / "wavlm")
    damage(folder)
    with pytest.raises(StepsError) as error:
        build(folder=str(folder))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name, in_dim, message",
    [
        ("wavlm", 80, "a frame for 66 samples, no multiple of the 80 features"),
        ("wav2vec2-bert", 40, "frames of 66 values, no multiple of the 40 features"),
    ],
)
def test_features_of_another_size_are_errors(name, in_dim, message):
    with pytest.raises(ConfigError, match=message):
        FrontEndChain([{"pretrained": {"architecture": TINY[name]}}], in_dim)


def test_without_a_folder_there_is_an_error():
    with pytest.raises(ConfigError, match="front-end 'pretrained': give it a folder"):
        FrontEndChain(["pretrained"], FEAT_DIM)
