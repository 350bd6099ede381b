"""One round: clusters of x-vectors become speakers, compared with those of the round before.

Shape suffixes (scope: this module):
    N = utterances   D = dimension of x-vectors   K = clusters
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from steps_py.data.data_dir import read_table
from steps_py.errors import DataDirError
from steps_py.files import atomic_write
from steps_py.pseudo_labels.clusterers import CLUSTERERS
from steps_py.pseudo_labels.clusterers.base import centres_of, unit_length
from steps_py.pseudo_labels.config import PseudoLabelsConfig

KEPT, FAR, SMALL = "kept", "far", "small_cluster"
CLUSTERS, LABELS, SETTLED, ROUNDS = "clusters.tsv", "utt2spk", "settled", "rounds.tsv"
CLUSTER_COLUMNS = ("utt", "cluster", "distance", "use")
ROUND_COLUMNS = ("round", "clusters", "utts", "speakers", "kept_utts", FAR, SMALL, "nmi", "settled")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clusters:
    """The clusters of all utterances.

    Attributes
    ----------
    utts, names : list of str
        Utterances, and the clusters that they are in.
    distance_N : float array
        Cosine distance (0 to 2) of each from the mean of its cluster.
    uses : list of str
        "kept" for utterances to train on; "far" and "small_cluster" for the others.
    """

    utts: list
    names: list
    distance_N: np.ndarray
    uses: list

    def labels(self) -> dict[str, str]:
        """``utt2spk`` of the utterances to train on."""
        rows = zip(self.utts, self.names, self.uses, strict=True)
        return {utt: name for utt, name, use in rows if use == KEPT}


def find_clusters(utts: Sequence[str], x_ND: np.ndarray, config: PseudoLabelsConfig) -> Clusters:
    """Cluster x-vectors after subtracting their mean.

    Clusters are named ``pseudo-1``, ``pseudo-2``, ... in the order of their first utterances.

    Raises
    ------
    ConfigError
        If there are more clusters than utterances.

    Examples
    --------
    >>> from steps_py.pseudo_labels.config import StartConfig
    >>> config = PseudoLabelsConfig(
    ...     unlabelled="train",
    ...     start=StartConfig(model="final.pt"),
    ...     clusterer={"name": "agglomerative", "num_clusters": 2},
    ...     min_cluster_utts=2,
    ... )
    >>> x_ND = np.array([[9.0, 0.0], [-3.0, 1.0], [-3.0, -1.0]])
    >>> found = find_clusters(["a", "b", "c"], x_ND, config)
    >>> found.names, found.uses
    (['pseudo-1', 'pseudo-2', 'pseudo-2'], ['small_cluster', 'kept', 'kept'])
    """
    x_ND = np.asarray(x_ND, np.float64)
    x_ND = unit_length(x_ND - x_ND.mean(axis=0))
    label_N = CLUSTERERS.build(config.clusterer, seed=config.seed).labels(x_ND)
    _, first_K, row_N = np.unique(label_N, return_index=True, return_inverse=True)
    label_N = np.argsort(np.argsort(first_K))[row_N]  # numbered by their first utterances
    centre_KD, row_N = centres_of(x_ND, label_N)
    distance_N = 1 - np.einsum("nd,nd->n", x_ND, centre_KD[row_N])
    near_N = np.full(len(x_ND), True)
    if config.max_distance is not None:
        near_N = distance_N <= config.max_distance
    large_N = np.bincount(row_N, near_N)[row_N] >= config.min_cluster_utts
    width = len(str(len(centre_KD)))
    return Clusters(
        utts=list(utts),
        names=[f"pseudo-{label + 1:0{width}d}" for label in label_N.tolist()],
        distance_N=distance_N,
        uses=np.where(~near_N, FAR, np.where(large_N, KEPT, SMALL)).tolist(),
    )


def agreement(names: Sequence[str], others: Sequence[str]) -> float:
    """Normalised mutual information of two clusterings of the same utterances, 0 to 1.

    2 I(A; B) / (H(A) + H(B)); names of clusters do not matter.

    >>> agreement(["a", "a", "b", "b"], ["2", "2", "1", "1"])
    1.0
    >>> agreement(["a", "a", "b", "b"], ["1", "2", "1", "2"])
    0.0
    """
    from sklearn.metrics import normalized_mutual_info_score  # start-up time

    return float(normalized_mutual_info_score(names, others))


def end_round(
    clusters: Clusters,
    before: Path | None,
    config: PseudoLabelsConfig,
    out: Path,
    log: Callable[[str], object] = print,
) -> None:
    """Write the four files of a round; `before` is the folder of the round before.

    clusters.tsv has every utterance, utt2spk those to train on; rounds.tsv has a row for each
    round so far; settled is empty, or says that and when the labels settled.
    """
    rows, nmi = [], None
    if before is not None:
        utts, names = read_clusters(before / CLUSTERS)
        if utts != clusters.utts:
            raise DataDirError(
                f"{before / CLUSTERS}: its {len(utts)} utterances are not the"
                f" {len(clusters.utts)} of this round. Remove its folder to cluster again."
            )
        nmi, rows = agreement(clusters.names, names), read_rounds(before)
    settled = nmi is not None and nmi >= config.settled_nmi
    labels, uses = clusters.labels(), clusters.uses
    counts = [len(set(clusters.names)), len(uses), len(set(labels.values())), len(labels)]
    counts += [uses.count(FAR), uses.count(SMALL)]
    measured = "-" if nmi is None else f"{nmi:.4f}"
    number = len(rows) + 1
    rows.append([number, *counts, measured, "yes" if settled else "no"])
    log(
        f"pseudo_labels: round {number}: {counts[3]} of {counts[1]} utterances of {counts[2]}"
        f" speakers are kept; dropped {counts[4]} as too far from the mean of their cluster and"
        f" {counts[5]} in too small clusters; normalised mutual information with the round before:"
        f" {measured}{', settled' if settled else ''}"
    )
    distances = clusters.distance_N.tolist()
    table = zip(clusters.utts, clusters.names, distances, uses, strict=True)
    with contextlib.ExitStack() as stack:  # all files or none
        files = [stack.enter_context(atomic_write(out / n)) for n in (CLUSTERS, ROUNDS, LABELS)]
        files[0].write(_line(CLUSTER_COLUMNS))
        files[0].writelines(
            _line((utt, name, f"{distance:.4f}", use)) for utt, name, distance, use in table
        )
        files[1].writelines(map(_line, [ROUND_COLUMNS, *rows]))
        files[2].writelines(f"{utt} {name}\n" for utt, name in labels.items())
        file = stack.enter_context(atomic_write(out / SETTLED))
        file.write(f"labels settled in round {number}: NMI {measured}\n" if settled else "")


def repeat_round(before: Path, out: Path, log: Callable[[str], object] = print) -> None:
    """Copy the files of the round before, whose labels are settled."""
    contents = {name: (before / name).read_bytes() for name in (CLUSTERS, ROUNDS, LABELS, SETTLED)}
    log(f"pseudo_labels: {contents[SETTLED].decode().strip()}; they are used again")
    with contextlib.ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(atomic_write(out / name, "wb")).write(content)


def is_settled(folder: Path) -> bool:
    """Whether the labels of a round are settled."""
    return (folder / SETTLED).stat().st_size > 0


def read_clusters(path: Path) -> tuple[list[str], list[str]]:
    """Utterances and their clusters in clusters.tsv."""
    lines = path.read_text().splitlines()[1:]
    pairs = [line.split("\t")[:2] for line in lines]
    return [utt for utt, _ in pairs], [name for _, name in pairs]


def read_rounds(folder: Path) -> list[list[str]]:
    """The rows of rounds.tsv."""
    return [line.split("\t") for line in (folder / ROUNDS).read_text().splitlines()[1:]]


def read_xvectors(scps: Sequence[str], keys: str) -> tuple[list[str], np.ndarray]:
    """Utterances and x-vectors (N, D) of script files that together have the keys of a table."""
    from steps_py.formats.holders import FLOAT_VECTOR  # start-up time
    from steps_py.formats.tables import SequentialReader

    utts, rows = [], []
    for scp in scps:
        with SequentialReader(f"scp:{scp}", FLOAT_VECTOR) as reader:
            for utt, x_D in reader:
                utts.append(utt)
                rows.append(x_D)
    wanted = list(read_table(keys))
    if utts != wanted:
        raise DataDirError(
            f"{scps[0]}: the x-vectors of {len(scps)} parts are of {len(utts)} utterances, and not"
            f" those of {keys}, {len(wanted)}. Extract them again."
        )
    return utts, np.stack(rows)


def _line(values):
    return "\t".join(map(str, values)) + "\n"
