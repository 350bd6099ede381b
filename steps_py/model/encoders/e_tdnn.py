"""Extended time-delay network of the x-vector: wider context, an affine layer after each layer.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

Reference: D. Snyder et al., "Speaker recognition for multi-speaker conversations using
x-vectors", ICASSP 2019, table 1 (layers 1 to 10).
"""

from dataclasses import dataclass

from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("e_tdnn")
class ETdnn(Tdnn):
    """Tdnn with ten layers and a receptive field of 23 frames.

    The offsets of the layers are (-2..2), 0, (-2,0,2), 0, (-3,0,3), 0, (-4,0,4), 0, 0 and 0.

    >>> encoder = ETdnn(ETdnn.Config(hidden_dim=8, out_dim=12), in_dim=3)
    >>> len(encoder.layers), encoder.min_frames, encoder.out_dim
    (10, 23, 12)
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 512
        out_dim: Count = 1500
        norm_scale: bool = setting(
            False, "scale and offset after batch norm, which the next affine could absorb"
        )

    def __init__(self, config: Config, in_dim: int):
        layers = Tdnn.Config(
            hidden_dim=config.hidden_dim,
            out_dim=config.out_dim,
            norm_scale=config.norm_scale,
            kernel_sizes=(5, 1, 3, 1, 3, 1, 3, 1, 1, 1),
            dilations=(1, 1, 2, 1, 3, 1, 4, 1, 1, 1),
        )
        super().__init__(layers, in_dim)
