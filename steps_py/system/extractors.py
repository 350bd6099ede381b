"""What computes the embeddings of a system: one class for each kind, in KINDS.

A kind has the name of the member with its numbers, ``keep``, which makes that member and its
options of a recipe's files, and ``embedder``, which makes of both what embeds recordings: an object
with ``sample_rate_hz``, ``frame_shift_sec``, ``embedding_dim`` and ``embed_waves``.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch

from steps_py.embeddings.api import Embedder
from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.ivectors import IvectorEmbedder, IvectorOptions
from steps_py.errors import StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.formats.streams import open_input
from steps_py.formats.tables import read_object
from steps_py.gmm.full_gmm import FULL_GMM, FullGmm
from steps_py.ivector.extractor import IvectorExtractor, read_extractor
from steps_py.model.extractor import build_extractor, load_extractor, options_of
from steps_py.version import package_version

UBM = ("weights_G", "means_invcovars_GD", "inv_covars_GP")
EXTRACTOR = ("M_IDS", "inv_covs_IQ", "weights_I", "log_weights_IS")


class OfNetwork:
    """X-vectors by a network; `more` is empty."""

    member = "network.safetensors"

    @staticmethod
    def keep(model: str, more: Mapping) -> tuple[dict[str, Any], bytes]:
        """(options, weights) of a final.pt."""
        extractor = load_extractor(model)
        weights = {n: x.detach().cpu().clone() for n, x in extractor.model.state_dict().items()}
        return options_of(extractor), safetensors.torch.save(weights)

    @staticmethod
    def embedder(options: Mapping, data: bytes, config: XvectorsConfig, where: str) -> Embedder:
        """What embeds by the network."""
        saved = {"model": safetensors.torch.load(data), **options}
        return Embedder.of_extractor(build_extractor(saved, where), config, where)


class OfIvectors:
    """I-vectors; `more` has the path ``ubm``, and ``front_end``, ``cmvn`` and ``gaussians``.

    ``front_end`` has the parameters of `FrontEnd.of_recipe`, ``cmvn`` those of `CmvnConfig`,
    ``gaussians`` the others of `IvectorOptions`.
    """

    member = "ivector.safetensors"

    @staticmethod
    def keep(model: str, more: Mapping) -> tuple[dict[str, Any], bytes]:
        """(options, matrices) of a final.ie and of a background model."""
        ubm = read_object(more["ubm"], FULL_GMM)
        with open_input(model) as stream:
            extractor = read_extractor(stream)
        options = IvectorOptions(
            front_end=FrontEnd.of_recipe(**more["front_end"]),
            cmvn=CmvnConfig(**more["cmvn"]),
            **more["gaussians"],
        )
        arrays = {f"ubm.{name}": getattr(ubm, name) for name in UBM}
        arrays |= {f"extractor.{name}": getattr(extractor, name) for name in EXTRACTOR}
        kept = {
            "kind": "ivector",
            "options": dataclasses.asdict(options),
            "offset": extractor.offset,
            "num_gauss": ubm.num_gauss,
            "embedding_dim": extractor.dim,
            "version": package_version(),
        }
        return kept, safetensors.numpy.save(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        )

    @staticmethod
    def embedder(
        options: Mapping, data: bytes, config: XvectorsConfig, where: str
    ) -> IvectorEmbedder:
        """What embeds by i-vectors."""
        arrays = safetensors.numpy.load(data)
        broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
        if broken:
            raise StepsError(f"{where}: {broken[0]} is not finite. Train it again.")
        ubm = FullGmm(*(arrays[f"ubm.{name}"] for name in UBM))
        of_extractor = {name: arrays[f"extractor.{name}"] for name in EXTRACTOR}
        extractor = IvectorExtractor(offset=options["offset"], **of_extractor)
        kept = dict(options["options"])
        front_end, cmvn = FrontEnd(**kept.pop("front_end")), CmvnConfig(**kept.pop("cmvn"))
        described = IvectorOptions(front_end=front_end, cmvn=cmvn, **kept)
        return IvectorEmbedder(ubm, extractor, described, config, where)


KINDS = {"network": OfNetwork, "ivector": OfIvectors}


def kind_of(options: Mapping) -> type[OfNetwork] | type[OfIvectors]:
    """The kind of a system file's options; KeyError for one that this version does not have."""
    return KINDS[options.get("kind", "network")]
