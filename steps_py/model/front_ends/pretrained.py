"""Networks that were trained without labels: wav2vec 2.0, HuBERT, WavLM, W2V-BERT 2.0.

Shape suffixes: B batch, T frames, D feature dimension, N samples, C channels, L layers.

References: A. Baevski et al., "wav2vec 2.0: A framework for self-supervised learning of speech
representations", NeurIPS 2020; W.-N. Hsu et al., "HuBERT", TASLP 29, 2021; S. Chen et al.,
"WavLM: Large-scale self-supervised pre-training for full stack speech processing", JSTSP 16(6),
2022; L. Barrault et al., "Seamless: Multilingual expressive and streaming speech translation",
arXiv:2312.05187, 2023 (W2V-BERT 2.0); for weights of layers, S. Yang et al., "SUPERB: Speech
processing universal performance benchmark", Interspeech 2021.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.layers.adapters import Adapter, add_low_rank
from steps_py.model.layers.masked_group_norm import MaskedChannelNorm
from steps_py.model.layers.masks import mean_over_frames, zero_padding
from steps_py.model.registries import FRONT_ENDS
from steps_py.model.transformers_folder import (
    build_network,
    files_of_folder,
    load_network,
    read_folder,
)
from steps_py.settings.declare import setting

WHERE = "front-end 'pretrained'"
LOW_RANK_LAYERS = ("q_proj", "v_proj", "linear_q", "linear_v")  # as in Hu et al. 2022
NORMALISED_VARIANCE = 1e-7  # added to variances, as by the feature extractors of transformers
SAMPLE_SCALE = 1 / 32768


@FRONT_ENDS.register("pretrained")
class Pretrained(nn.Module):
    """A network of the package transformers; the output is a learned mean of all of its layers.

    wav2vec 2.0, HuBERT and WavLM read samples, ``feats.type: waveform`` after the front-end
    ``select_columns``; W2V-BERT 2.0 reads 80 filter bank features, ``feats.type: fbank``, and
    ``cmvn.window_frames: 0``.  The trained network is in final.pt; extraction needs no folder.

    Padding changes nothing: attention ignores it, and so does the norm of the first convolution,
    which is replaced.  SpecAugment and dropping of layers in training are switched off.
    """

    exportable = False  # the code of transformers depends on the length

    @dataclass(frozen=True, kw_only=True)
    class Config:
        folder: str | None = setting(
            None,
            "with config.json and model.safetensors or pytorch_model.bin, relative to the recipe's"
            " folder; nothing is downloaded",
        )
        frozen: bool = setting(
            True, "weights of the folder are not trained, and nothing in it is dropped out"
        )
        adapter_dim: int = setting(
            0, "width of adapters (Houlsby 2019) after the feed-forward layers; 0: none", minimum=0
        )
        lora_dim: int = setting(
            0, "rank of what is added to queries and values (Hu 2022); 0: none", minimum=0
        )
        lora_scale: float = setting(2.0, "factor of what is added", exclusiveMinimum=0)
        architecture: dict | None = setting(
            None, "content of config.json, in place of the folder; the weights are random"
        )
        normalise: bool | None = setting(
            None, "samples of an utterance to mean 0 and variance 1; null: as the folder says"
        )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        if (config.folder is None) == (config.architecture is None):
            raise ConfigError(f"{WHERE}: give it a folder.")
        self.architecture, self.normalise = config.architecture, config.normalise
        self.files = []
        if config.folder is not None:
            self.files = files_of_folder(config.folder)
            self.architecture, normalise = read_folder(config.folder)
            self.normalise = normalise if config.normalise is None else config.normalise
        # nothing is loaded to count weights
        if config.folder is None or torch.get_default_device().type == "meta":
            self.network = build_network(self.architecture, WHERE)
        else:
            self.network = load_network(config.folder)
        self.frozen = config.frozen
        self.network.requires_grad_(not config.frozen)
        self.reads_samples = hasattr(self.network, "feature_extractor")
        self.frame_stride, self.min_frames = self._frames(in_dim)
        self._adapt(config)
        self._replace_group_norm()
        options = self.network.config
        self.layer_weight_L = nn.Parameter(torch.zeros(1 + options.num_hidden_layers))
        self.out_dim = options.hidden_size

    def portable_options(self) -> dict[str, Any]:
        """Options in place of those that name the folder."""
        return {
            "folder": None,
            "architecture": self.architecture,
            "normalise": bool(self.normalise),
        }

    def train(self, mode: bool = True) -> "Pretrained":
        super().train(mode)
        if self.frozen:
            self.network.eval()
        return self

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T', C), of which each is computed of all frames of the utterance."""
        if self.reads_samples:
            x, inner_mask = self._samples(x_BTD, mask_BT)
        else:
            x, inner_mask = self._stacked(x_BTD, mask_BT)
        layers = self.network(x, attention_mask=inner_mask, output_hidden_states=True).hidden_states
        weights = self.layer_weight_L.softmax(dim=0).unbind()
        y_BTC = sum(weight * layer_BTC for weight, layer_BTC in zip(weights, layers, strict=True))
        if mask_BT is not None:
            mask_BT = mask_BT[:, self.min_frames - 1 :: self.frame_stride]
        return zero_padding(y_BTC.mT, mask_BT).mT, mask_BT

    def _samples(self, x_BTD, mask_BT):
        """Samples (B, N) from -1 to 1, or normalised, and their mask."""
        frame_samples = x_BTD.shape[2]
        mask_BN = None if mask_BT is None else mask_BT.repeat_interleave(frame_samples, dim=1)
        x_B1N = SAMPLE_SCALE * x_BTD.flatten(1)[:, None]
        if self.normalise:
            x_B1N = normalised(x_B1N, mask_BN, unbiased=False)
        first = self.network.feature_extractor.conv_layers[0]
        if isinstance(getattr(first, "layer_norm", None), MaskedChannelNorm):
            (kernel,), (stride,) = first.conv.kernel_size, first.conv.stride
            num_B = None if mask_BN is None else (mask_BN.sum(dim=1) - kernel) // stride + 1
            first.layer_norm.num_frames_B = num_B
        return x_B1N[:, 0], mask_BN if mask_BN is None else mask_BN.long()

    def _stacked(self, x_BTD, mask_BT):
        """Frames that are normalised, several in one, and their mask."""
        stride = self.frame_stride
        x_BTD = normalised(x_BTD.mT, mask_BT, unbiased=True).mT
        num_frames = x_BTD.shape[1] // stride
        x_BTD = x_BTD[:, : num_frames * stride].unflatten(1, (num_frames, stride)).flatten(2)
        return x_BTD, None if mask_BT is None else mask_BT[:, stride - 1 :: stride].long()

    def _frames(self, in_dim):
        """Frames of the input per frame of the output, and for the first of them."""
        options = self.network.config
        if not self.reads_samples:
            stride, rest = divmod(options.feature_projection_input_dim, in_dim)
            if rest:
                raise ConfigError(
                    f"{WHERE}: the network reads frames of {options.feature_projection_input_dim}"
                    f" values, no multiple of the {in_dim} features. Use 80 filters."
                )
            return stride, stride
        length, step = 1, 1  # samples of one output, and between two
        for kernel, stride in zip(options.conv_kernel, options.conv_stride, strict=True):
            length += (kernel - 1) * step
            step *= stride
        if step % in_dim:
            raise ConfigError(
                f"{WHERE}: the network has a frame for {step} samples, no multiple of the {in_dim}"
                " features. They must be the samples of 10 ms at 16 kHz: feats.type waveform, and"
                " the front-end select_columns before."
            )
        return step // in_dim, math.ceil(length / in_dim)

    def _adapt(self, config):
        """Add adapters and terms of low rank to all layers."""
        for module in list(self.network.encoder.layers.modules()):
            if config.adapter_dim and isinstance(getattr(module, "output_dense", None), nn.Linear):
                dense = module.output_dense
                adapter = Adapter(dense.out_features, config.adapter_dim)
                module.output_dense = nn.Sequential(dense, adapter)
            for name in LOW_RANK_LAYERS:
                if config.lora_dim and isinstance(getattr(module, name, None), nn.Linear):
                    add_low_rank(getattr(module, name), config.lora_dim, config.lora_scale)

    def _replace_group_norm(self):
        """The norm over frames of the first convolution, which then ignores padding."""
        if not self.reads_samples:
            return
        first = self.network.feature_extractor.conv_layers[0]
        if isinstance(getattr(first, "layer_norm", None), nn.GroupNorm):
            first.layer_norm = MaskedChannelNorm(first.layer_norm)


def normalised(x_BCN: torch.Tensor, mask_BN: torch.Tensor | None, unbiased: bool) -> torch.Tensor:
    """(x - mean) / std of each channel over what is real; padding is 0."""
    centred_BCN = x_BCN - mean_over_frames(x_BCN, mask_BN)[:, :, None]
    centred_BCN = zero_padding(centred_BCN, mask_BN)
    num_B = x_BCN.new_full((len(x_BCN),), x_BCN.shape[2]) if mask_BN is None else mask_BN.sum(dim=1)
    num_B11 = (num_B - int(unbiased)).clamp(min=1)[:, None, None]
    var_BC1 = centred_BCN.square().sum(dim=2, keepdim=True) / num_B11
    return centred_BCN * (var_BC1 + NORMALISED_VARIANCE).rsqrt()
