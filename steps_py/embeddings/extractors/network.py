"""X-vectors by a neural network."""

import torch

from steps_py.embeddings.config import XvectorsConfig, check_engine
from steps_py.embeddings.copies import CroppedFeatures
from steps_py.embeddings.engines import ENGINES
from steps_py.embeddings.extractors.base import EXTRACTORS, Vectors
from steps_py.embeddings.layers import of_layer
from steps_py.embeddings.xvectors import (
    check_lengths,
    check_model,
    extract_xvectors,
    open_features,
)
from steps_py.errors import ConfigError
from steps_py.model.device import choose_device, keep_freed_memory
from steps_py.model.extractor import load_extractor


@EXTRACTORS.register("network")
class Network:
    """The embedding layer of a network that `steps_py.stages.train_model` trained."""

    Config = XvectorsConfig

    def __init__(self, config):
        self.config = config

    def open(
        self, model: str, feats_scp: str, vad_scp: str, exported: str | None = None
    ) -> Vectors:
        """X-vectors by the network in the file `model`, a final.pt.

        `exported` is the same network in a file for the engine, if it needs one.

        Raises
        ------
        StepsError
            If the file is not a network, the features have another dimension than in training, or
            an utterance is too short.
        """
        torch.set_num_threads(self.config.num_threads)
        keep_freed_memory()
        extractor = load_extractor(model)
        features, num_voiced_U = open_features(feats_scp, vad_scp, extractor.cmvn)
        if self.config.copies and self.config.copies.crops:
            features = CroppedFeatures(features, self.config.copies.crops)
            num_voiced_U = features.num_voiced_U
        if len(features):
            check_lengths(features.utts, num_voiced_U, self.config, feats_scp)
            check_model(extractor, model, features, feats_scp, self.config)
        engine = self._engine(exported)
        device = choose_device("cpu" if engine.format else self.config.device, "xvectors")
        network = of_layer(extractor.model.merge_branches(), self.config.layer).to(device)
        network = engine.open(network, exported)
        xvectors = extract_xvectors(network, features, num_voiced_U, self.config, device)
        return Vectors(len(features), xvectors)

    def _engine(self, exported):
        """The class of the engine; ConfigError if it lacks packages or its file."""
        name = self.config.engine
        check_engine(name)
        engine = ENGINES.find(name)
        if engine.format and exported is None:
            raise ConfigError(
                f"xvectors.engine is {name}, which reads the network in a file of its own. Write it"
                " by python -m steps_py.stages.export_network, and give it as --exported."
            )
        return engine
