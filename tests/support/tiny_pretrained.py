"""Random networks of the package transformers with few weights: the content of config.json."""

COMMON = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
}  # fmt: skip
# One output for 66 samples, of 77; for 33 samples a frame, one for 2 frames, of 3.
OF_SAMPLES = COMMON | {
    "conv_dim": [8, 8], "conv_kernel": [5, 25], "conv_stride": [3, 22],
    "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
OF_FEATURES = COMMON | {"feature_projection_input_dim": 66, "conv_depthwise_kernel_size": 5}
TINY = {
    "wav2vec2 group": OF_SAMPLES | {"model_type": "wav2vec2", "feat_extract_norm": "group"},
    "wav2vec2": OF_SAMPLES | {"model_type": "wav2vec2", "feat_extract_norm": "layer"},
    "hubert": OF_SAMPLES | {"model_type": "hubert", "feat_extract_norm": "group"},
    "wavlm": OF_SAMPLES
    | {"model_type": "wavlm", "feat_extract_norm": "layer", "do_stable_layer_norm": True},
    "wav2vec2-bert": OF_FEATURES | {"model_type": "wav2vec2-bert"},
}
