"""agglomerative-cluster (src/ivectorbin/agglomerative-cluster.cc).

Shape suffixes (scope: this module):
    N = utterances of a recording
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX, INT, TOKENS
from steps_py.formats.options import option
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class ClusterOptions:
    threshold: float = option(0.0, "Merge clusters if their distance is less than this threshold.")
    read_costs: bool = option(
        False,
        "If true, the first argument is interpreted as a matrix of costs rather than a similarity"
        " matrix.",
    )
    reco2num_spk_rspecifier: str = option(
        "",
        "If supplied, clustering creates exactly this many clusters for each recording and the"
        " option --threshold is ignored.",
    )
    max_spk_fraction: float = option(
        1.0,
        "Merge clusters if the total fraction of utterances in them is less than this threshold."
        " This is active only when reco2num-spk-rspecifier is supplied and"
        " 1.0 / num-spk <= max-spk-fraction <= 1.0.",
    )
    first_pass_max_utterances: int = option(
        32767,
        "If the number of utterances is larger than first-pass-max-utterances, then clustering is"
        " done in two passes. In the first pass, input points are divided into contiguous subsets"
        " of size first-pass-max-utterances and each subset is clustered separately. In the"
        " second pass, the first pass clusters are merged into the final set of clusters.",
    )


@command(
    "agglomerative-cluster",
    usage="""Cluster utterances by similarity score, used in diarization.
Takes a table of score matrices indexed by recording, with the
rows/columns corresponding to the utterances of that recording in
sorted order and a reco2utt file that contains the mapping from
recordings to utterances, and outputs a list of labels in the form
<utt> <label>.  Clustering is done using agglomerative hierarchical
clustering with a score threshold as stop criterion.  By default, the
program reads in similarity scores, but with --read-costs=true
the scores are interpreted as costs (i.e. a smaller value indicates
utterance similarity).
Usage: agglomerative-cluster [options] <scores-rspecifier> """
    """<reco2utt-rspecifier> <labels-wspecifier>
e.g.:
 agglomerative-cluster ark:scores.ark ark:reco2utt
   ark,t:labels.txt""",
    options=ClusterOptions,
    min_args=3,
    max_args=3,
)
def agglomerative_cluster(options, scores_in: str, reco2utt: str, labels_out: str) -> int:
    from steps_py.diarization.clustering import cluster  # start-up time

    config_of = _ConfigSource(options)
    with (
        config_of,
        SequentialReader(scores_in, FLOAT_MATRIX) as reader,
        RandomReader(reco2utt, TOKENS) as recordings,
        TableWriter(labels_out, INT) as writer,
    ):
        for reco, cost_NN in reader:
            utts = recordings[reco]
            if cost_NN.shape != (len(utts), len(utts)):
                raise KaldiError(
                    f"{scores_in}: {reco} has a matrix of {cost_NN.shape[0]} x {cost_NN.shape[1]},"
                    f" but {len(utts)} utterances in {reco2utt}."
                )
            if not options.read_costs:
                cost_NN = -cost_NN
            for utt, label in zip(utts, cluster(cost_NN, config_of(reco)).tolist(), strict=True):
                writer.write(utt, label)
    return 0


class _ConfigSource:
    """What to do for a recording: as many clusters as are known, or merge to the threshold."""

    def __init__(self, options):
        self._options = options
        self._num_spk = None
        if options.reco2num_spk_rspecifier:
            self._num_spk = RandomReader(options.reco2num_spk_rspecifier, INT)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self._num_spk:
            self._num_spk.close(failed=kind is not None)

    def __call__(self, reco):
        from steps_py.diarization.clustering import ClusterConfig  # start-up time

        options = self._options
        if not self._num_spk:
            threshold = options.threshold if options.read_costs else -options.threshold
            return ClusterConfig(
                threshold=threshold, first_pass_max_points=options.first_pass_max_utterances
            )
        num_spk = self._num_spk[reco]
        if num_spk < 1:
            raise KaldiError(f"{options.reco2num_spk_rspecifier}: {reco} has {num_spk} speakers.")
        fraction = options.max_spk_fraction
        return ClusterConfig(
            threshold=float("inf"),
            min_clusters=num_spk,
            max_cluster_fraction=fraction if 1 / num_spk <= fraction <= 1 else 1.0,
            first_pass_max_points=options.first_pass_max_utterances,
        )
