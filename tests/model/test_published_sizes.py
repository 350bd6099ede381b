"""Encoders have the published numbers of weights: tests/golden/parameters, on the meta device."""

import csv
import itertools
from pathlib import Path

import pytest
import torch

from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.registries import ENCODERS

TABLE = Path(__file__).parents[1] / "golden/parameters/published_sizes.tsv"
ROWS = {row["name"]: row for row in csv.DictReader(TABLE.open(), delimiter="\t")}
STATS = {"name": "stats"}
ASP = {"name": "attentive_stats", "global_context": False}
REPVGG = {
    "TINY_A0": {"num_blocks": [3, 4, 23, 3], "width_factors": [0.5] * 4},
    "A0": {"num_blocks": [2, 4, 14, 1], "width_factors": [0.75, 0.75, 0.75, 2.5]},
    "A1": {"num_blocks": [2, 4, 14, 1], "width_factors": [1, 1, 1, 2.5]},
    "A2": {"num_blocks": [2, 4, 14, 1], "width_factors": [1.5, 1.5, 1.5, 2.75]},
    "B0": {"num_blocks": [4, 6, 16, 1], "width_factors": [1, 1, 1, 2.5]},
    "B1": {"num_blocks": [4, 6, 16, 1], "width_factors": [2, 2, 2, 4]},
    "B2": {"num_blocks": [4, 6, 16, 1], "width_factors": [2.5, 2.5, 2.5, 5]},
    "B3": {"num_blocks": [4, 6, 16, 1], "width_factors": [3, 3, 3, 5]},
}


def redimnet(base_dim, kind, group_width, bin_strides, num_blocks, expansions, reductions):
    encoder = {"name": "redimnet", "base_dim": base_dim, "kind": kind, "group_width": group_width}
    lists = {"bin_strides": bin_strides, "num_blocks": num_blocks}
    lists |= {"expansions": expansions, "reductions": reductions}
    return encoder | {key: [int(x) for x in values.split()] for key, values in lists.items()}


GATED = "1 2 1 2 1 2", "4 4 6 6 8 4", "2 2 2 1 1 1", "48 48 48 32 24 16"
REDIMNET = {
    "B0": redimnet(10, "residual", 1, "1 2 1 2 1", "2 3 3 4 3", "1 2 3 2 1", "30 30 30 10 10"),
    "B1": redimnet(12, "convnext", 8, "1 2 3 2 2", "2 3 4 5 3", "1 1 1 1 1", "0 0 12 12 8"),
    "B2": {"name": "redimnet"},
    "B3": redimnet(
        *(16, "gated_residual", 1),
        *("1 2 1 2 1 2", "6 6 8 10 10 8", "4 2 2 2 1 1", "32 32 32 16 16 16"),
    ),
    "B4": redimnet(32, "gated_residual", 1, *GATED),
    "B5": redimnet(32, "gated_residual", 16, *GATED),
    "B6": redimnet(
        *(32, "residual", 32),
        *("1 2 1 3 1 2", "4 6 6 8 8 8", "4 2 2 1 1 1", "32 32 24 24 16 16"),
    ),
}


def conformer(name):
    """Of a row such as "conformer_weight conv2d2 rel_pos 3 blocks (emb192)"."""
    words = name.removeprefix("MFA-Conformer ").split()
    kind, output = words[0].split("_")[0], words[0].partition("_")[2] or "last"
    encoder = {"name": {"conformer": "mfa_conformer"}.get(kind, kind)}
    if kind == "transformer":  # its relative positions are not read by the public code
        encoder["positions"] = "none" if "no_pos" in words else "absolute"
    return encoder | {
        "subsampling": 2 if "conv2d2" in words else 4,
        "output": {"cat": "all", "weight": "weighted", "last": "last"}[output],
        "num_blocks": int(words[words.index("blocks") - 1]),
    }


def ret_tdnn(name):
    """Of a row such as "RET_v2 agg_v2 size 14 (feat 40, emb512, STAP)"."""
    _, block, _, size, *_ = name.split()
    num_blocks = {"14": (1, 1, 1), "17": (1, 1, 1, 1), "18": (2, 2, 2, 2)}[size]
    kinds = {"agg": "aggregate", "agg_v2": "bottleneck", "shublock": "shuffle"}
    gates = {"cbam": "cbam", "cbam_v2": "cbam", "seblock_v2": "squeeze_excitation"}
    return {
        "name": "ret_tdnn",
        "kernel_sizes": (5, 3, 3, 5)[: len(num_blocks)],
        "strides": [1] * len(num_blocks),
        "num_blocks": num_blocks,
        "block": kinds.get(block, "basic"),
        "gate": gates.get(block, "none"),
        "norm_first": "_v2" in block,
    }


def lo_resnet(name):
    """Of a row such as "LoResNet10 basic channels [32, 64, 128, 256] STAP avg4 (feat 40)"."""
    blocks = {"8": [1] * 3, "10": [1] * 4, "14": [2] * 3, "18": [2] * 4}
    num_blocks = blocks[name.split()[0].removeprefix("LoResNet")]
    return {"name": "lo_resnet", "base_dim": 256 >> len(num_blocks) - 1, "num_blocks": num_blocks}


LAYERS = {"kernel_sizes": [5, 5, 5, 7, 1], "dilations": [1] * 5}
TRANSFORMER = {
    "name": "tdnn_attention",
    "kernel_sizes": [7, 5],
    "dilations": [1, 1],
    "out_dim": 512,
    "num_attention_layers": 5,
    "num_heads": 8,
    "feed_forward_dim": 768,
}

REDIMNET2_B6 = {
    "name": "redimnet2",
    "base_dim": 64,
    "num_blocks": [3, 4, 5, 5, 4, 3],
    "expansions": [3, 2, 2, 1, 0.75, 0.5],
    "reductions": [64, 64, 48, 48, 32, 24],
    "out_dim": 224,
    "out_per_bin": True,
    "both_outputs": True,
}
REDIMNET2 = {
    "B1": {
        "name": "redimnet2",
        "base_dim": 16,
        "expansions": [2, 1, 1, 1, 1, 1],
        "reductions": [32, 32, 32, 32, 16, 16],
        "out_dim": 64,
    },
    "B2": {
        "name": "redimnet2",
        "base_dim": 20,
        "bin_strides": [1, 2, 1, 3, 1, 2],
        "expansions": [2, 1, 1, 1, 1, 1],
        "reductions": [40, 30, 30, 20, 20, 10],
        "out_dim": 64,
    },
    "B4": {"name": "redimnet2"},
    "B5": {
        "name": "redimnet2",
        "base_dim": 48,
        "reductions": [48, 48, 48, 48, 32, 32],
        "out_dim": 256,
    },
    "B6 (both outputs, group norm False)": REDIMNET2_B6,
    "B6 (both outputs, group norm True)": {**REDIMNET2_B6, "group_norm": True},
}

# name in the table -> encoder, pooling, and weights of the table's network that ours has not
CONFIGS = {
    "CAMPPlus (emb192)": ({"name": "campplus"}, STATS, -192),
    "CAM++ (emb192)": ({"name": "campplus"}, STATS, -192),
    "ERes2Net34_Base (emb512)": ({"name": "eres2net"}, STATS, 0),
    "ERes2Net34_Large (emb192)": ({"name": "eres2net", "base_dim": 64}, STATS, 0),
    "ERes2Net-base (m32, emb192)": ({"name": "eres2net"}, STATS, 0),
    "ERes2Net-large (m64, emb192)": ({"name": "eres2net", "base_dim": 64}, STATS, 0),
    "ERes2Net-huge (m64, scale3, width24, expansion4, emb192)": (
        {"name": "eres2net", "base_dim": 64, "scale": 3, "group_width": 24, "expansion": 4},
        STATS,
        0,
    ),
    "ERes2NetV2 (m64, baseWidth 24, scale 4, expansion 4, emb192)": (
        {
            "name": "eres2net",
            "base_dim": 64,
            "scale": 4,
            "group_width": 24,
            "expansion": 4,
            "first_fused_output": 3,
        },
        STATS,
        0,
    ),
    "Res2Net34_Base (emb192)": ({"name": "res2net"}, STATS, 0),
    "Res2Net (m32, emb192)": ({"name": "res2net"}, STATS, 0),
    "SimAM_ResNet34_ASP (emb256)": (  # a batch norm of 128 in the attention of the pooling
        {"name": "resnet", "depth": 34, "base_dim": 64, "gate": "simam"},
        ASP,
        256,
    ),
    "Gemini_DF_ResNet60 (emb256)": (
        {"name": "gemini_df_resnet", "num_blocks": [3, 3, 9, 3]},
        STATS,
        0,
    ),
    "Gemini_DF_ResNet114 (emb256)": ({"name": "gemini_df_resnet"}, STATS, 0),
    "Gemini_DF_ResNet237 (emb256)": (
        {"name": "gemini_df_resnet", "num_blocks": [3, 8, 63, 3]},
        STATS,
        0,
    ),
    **{
        name: ({"name": "repvgg", **REPVGG[name.split(" ")[0].removeprefix("REPVGG_")]}, STATS, 0)
        for name in ROWS
        if name.startswith("REPVGG_")
    },
    **{
        f"ReDimNet-{size}": (encoder, {"name": "attentive_stats"}, 0)
        for size, encoder in REDIMNET.items()
    },
    **{
        f"ReDimNet2-{size}": (encoder, {"name": "attentive_stats"}, 0)
        for size, encoder in REDIMNET2.items()
    },
    # a batch norm of 128 in the attention of the pooling
    **{
        name: (conformer(name), {"name": "attentive_stats"}, 256)
        for name, row in ROWS.items()
        if row["repository"] == "zyzisyz/mfa_conformer"
    },
    # a batch norm after the embedding
    **{name: (ret_tdnn(name), STATS, 1024) for name in ROWS if name.startswith("RET")},
    "LSTM_End (2 x 128)": ({"name": "lstm"}, {"name": "last"}, 512),
    "GE2E LSTM (3 x 768)": (
        {"name": "lstm", "hidden_dim": 768, "num_layers": 3},
        {"name": "last"},
        0,
    ),
    "TDNN_att (23 features)": ({"name": "tdnn", **LAYERS}, STATS, 0),
    "TDNN_multihead (23 features)": ({"name": "tdnn_attention", **LAYERS}, STATS, 0),
    "TDNN_aspp (23 features)": ({"name": "tdnn_aspp", **LAYERS}, STATS, 0),
    "transformer_enc (23 features)": (TRANSFORMER, STATS, 0),
    # a batch norm of 128 after the embedding
    **{
        name: (lo_resnet(name), STATS if "STAP" in name else {"name": "mean"}, 256)
        for name in ROWS
        if name.startswith("LoResNet")
    },
    **{
        f"ThinResNet{depth} of {dim} to {8 * dim} channels": (
            {"name": "resnet", "depth": depth, "base_dim": dim, "first_kernel_size": 5},
            STATS,
            0,
        )
        for depth, dim in itertools.product((18, 34), (16, 32))
    },
    "ResCNN (emb512)": ({"name": "rescnn"}, {"name": "mean"}, 0),
    # a batch norm of 512 after the embedding
    "FTDNN (feat 80)": ({"name": "f_tdnn"}, STATS, 1024),
    "D-TDNN (feat 30, emb512)": ({"name": "d_tdnn"}, STATS, -512),
    "D-TDNN (feat 80, emb512)": ({"name": "d_tdnn"}, STATS, -512),
    # a batch norm of 256 in the estimator of the precisions
    "XI_VEC_ECAPA_TDNN_c512 (emb192)": ({"name": "ecapa_tdnn"}, {"name": "xi"}, 512),
}


# Scales and offsets of batch norms that the next affine absorbs, or biases that a batch norm does
ABSORBED = {
    "TDNN_att (23 features)": 4 * 1024,
    "TDNN_multihead (23 features)": 4 * 1024,
    "TDNN_aspp (23 features)": 4 * 1024,
    "transformer_enc (23 features)": 2 * 1024,
    "ResCNN (emb512)": 7 * (64 + 128 + 256 + 512),
} | {
    name: encoder["base_dim"]
    for name, (encoder, _, _) in CONFIGS.items()
    if name.startswith(("LoResNet", "ThinResNet"))
}


def num_weights(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", ROWS)
def test_an_encoder_has_as_many_weights_as_the_public_code(name):
    encoder, _, _ = CONFIGS[name]
    with torch.device("meta"):
        encoder = ENCODERS.build(encoder, in_dim=int(ROWS[name]["feat_dim"]))
    if "deploy" in name:
        encoder.merge_branches()
    published = int(ROWS[name]["encoder_weights"])
    assert num_weights(encoder) + ABSORBED.get(name, 0) == published


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row["total_weights"]])
def test_with_pooling_and_embedding_it_has_so_too(name):
    """Up to the bias of an embedding that the public code leaves to its batch norm."""
    encoder, pooling, more = CONFIGS[name]
    row = ROWS[name]
    config = ModelConfig(
        encoder=encoder,
        pooling=pooling,
        pooling_norm="ReDimNet" in name or "former" in name or "ECAPA" in name,
        embedding_dim=int(row["embedding_dim"]),
    )
    with torch.device("meta"):
        model = build_model(config, feat_dim=int(row["feat_dim"]))
    if "deploy" in name:
        model.merge_branches()
    assert num_weights(model) + ABSORBED.get(name, 0) + more == int(row["total_weights"])


def test_the_second_eres2net_of_17_8_million_weights():
    """3D-Speaker's README states the size; 192 dimensions, statistics of 10 bins."""
    encoder = {"name": "eres2net", "base_dim": 64, "group_width": 26, "first_fused_output": 3}
    config = ModelConfig(encoder=encoder, pooling=STATS, embedding_dim=192)
    with torch.device("meta"):
        model = build_model(config, feat_dim=80)
    assert num_weights(model) == pytest.approx(17.8e6, abs=0.1e6)
