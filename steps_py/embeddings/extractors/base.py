"""The registry of extractors and their contract.

EXTRACTORS  ``cls(config)`` with a frozen dataclass ``Config``, section ``xvectors`` of a recipe;
            ``open(model, feats_scp, vad_scp, exported)``, the utterances of a script file as
            `Vectors`; `exported` is the network in the file of an engine, or None.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steps_py.registry import Registry

EXTRACTORS = Registry("extractor", home="steps_py.embeddings.extractors")


@dataclass(frozen=True)
class Vectors:
    """The vectors of the utterances of a script file, computed lazily."""

    num_utts: int
    vectors: Iterator[tuple[str, np.ndarray]]  # utterance and float32 (E,), in the file's order
