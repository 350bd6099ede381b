"""Pseudo-labels in the place of speakers that are not known.

Array suffixes (scope: this module):
    U = utterances
"""

import dataclasses
from collections.abc import Callable, Mapping, Set

from steps_py.chunks.allocation import Utterances
from steps_py.errors import DataDirError, some


def relabel(
    utterances: Utterances,
    unlabelled: Set[str],
    labels: Mapping[str, str],
    log: Callable[[str], object] = print,
) -> Utterances:
    """Give the `unlabelled` utterances, and their augmented copies, their labels.

    Unlabelled utterances without a label are dropped; others keep their speakers.

    Raises
    ------
    DataDirError
        If a label is the name of a known speaker, or of an utterance that is not unlabelled.
    """
    strange = labels.keys() - unlabelled
    if strange:
        raise DataDirError(
            f"pseudo_labels: labels of {len(strange)} utterances ({some(sorted(strange))}) that are"
            " not in the unlabelled set. Cluster its x-vectors again."
        )
    sources = utterances.sources
    known = [spk for spk, u in zip(utterances.spks, sources, strict=True) if u not in unlabelled]
    both = set(known) & set(labels.values())
    if both:
        raise DataDirError(
            f"pseudo_labels: {some(sorted(both))} is the name of a cluster and of a known speaker."
            " Set id_prefix of that speaker's corpus in data.corpora."
        )
    rows = [u for u, source in enumerate(sources) if source in labels or source not in unlabelled]
    spks = [labels.get(sources[u], utterances.spks[u]) for u in rows]
    log(
        f"pseudo_labels: {len(labels)} of {len(unlabelled)} unlabelled utterances have labels, of"
        f" {len(set(labels.values()))} clusters; dropped {len(sources) - len(rows)} utterances,"
        " copies included, that have none"
    )
    names = [field.name for field in dataclasses.fields(utterances)]
    values = {name: getattr(utterances, name) for name in names if name != "num_voiced_U"}
    kept = {name: list_ and [list_[u] for u in rows] for name, list_ in values.items()}
    return dataclasses.replace(
        utterances, **kept | {"spks": spks, "num_voiced_U": utterances.num_voiced_U[rows]}
    )
