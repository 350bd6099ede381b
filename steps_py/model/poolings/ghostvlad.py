"""GhostVLAD pooling: NetVLAD with clusters that take up frames without speech.

Reference: W. Xie, A. Nagrani, J. S. Chung and A. Zisserman, "Utterance-level aggregation for
speaker recognition in the wild", ICASSP 2019, section 2.2.
"""

from dataclasses import dataclass

from steps_py.model.poolings.netvlad import NetVladPooling
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import setting


@POOLINGS.register("ghostvlad")
class GhostVladPooling(NetVladPooling):
    """NetVLAD whose assignment has ghost clusters, the residuals to which are left out.

    >>> import torch
    >>> pooling = GhostVladPooling(GhostVladPooling.Config(), in_dim=3)
    >>> pooling(torch.ones(4, 7, 3)).shape
    torch.Size([4, 24])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(NetVladPooling.Config):
        num_ghosts: int = setting(1, "clusters without an output", minimum=0)

    def __init__(self, config: Config, in_dim: int):
        self.num_ghosts = config.num_ghosts
        super().__init__(config, in_dim)
