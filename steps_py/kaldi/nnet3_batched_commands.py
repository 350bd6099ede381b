"""nnet3-xvector-compute-batched: x-vectors from chunks of one size.

Source: src/nnet3bin/nnet3-xvector-compute-batched.cc.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   E = embedding
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.log import Tally, log, strict
from steps_py.formats.memory import keep_freed_memory
from steps_py.formats.options import option
from steps_py.formats.tables import SequentialReader, TableWriter, read_object
from steps_py.kaldi.commands import command
from steps_py.kaldi.nnet3_commands import CommonOptions, compiler_options, network_holder

_CompilerOptions = compiler_options("_CompilerOptions")


@dataclasses.dataclass
class BatchedOptions(_CompilerOptions, CommonOptions):
    chunk_size: int = option(
        150,
        "Size of chunk, in input frames.  Includes the nnet context, so the number of chunks will"
        " be more than total-input-frames / chunk-size.",
    )
    batch_size: int = option(32, "Size of the batches of chunks that we compute at once. ")
    pad_input: bool = option(
        True,
        "If true, for utterances shorter than `chunk-size` frames we will pad with repeats of the"
        " last frame.",
    )


@command(
    "nnet3-xvector-compute-batched",
    usage="""Propagate features through an xvector neural network model and write
the output vectors.  Utterances are cut into chunks of one size, which
overlap or have gaps between them; the mean over the chunks is written.

Usage: nnet3-xvector-compute-batched [options] <raw-nnet-in> """
    """<features-rspecifier> <vector-wspecifier>
e.g.: nnet3-xvector-compute-batched final.raw scp:feats.scp ark:nnet_prediction.ark
See also: nnet3-xvector-compute""",
    options=BatchedOptions,
    min_args=3,
    max_args=3,
)
def nnet3_xvector_compute_batched(options, nnet_in: str, feats_in: str, vectors_out: str) -> int:
    from steps_py.nnet3.chunk_starts import frame_context  # start-up time
    from steps_py.nnet3.compute import Computer

    if options.chunk_size < 1 or options.batch_size < 1:
        raise KaldiError("--chunk-size and --batch-size: expected 1 or more.")
    keep_freed_memory()
    network = read_object(nnet_in, network_holder())
    total_context = frame_context(network)
    if total_context >= options.chunk_size:
        raise KaldiError(
            f"--chunk-size={options.chunk_size}: the network alone has a context of"
            f" {total_context} frames. Use longer chunks."
        )
    means, tally = _Means(Computer(network), options.batch_size), Tally()
    with (
        TableWriter(vectors_out, FLOAT_VECTOR) as writer,
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
    ):
        for utt, x_TD in reader:
            if not len(x_TD):
                tally.lost(utt, "Zero-length utterance")
                continue
            chunks = _chunks(options, x_TD, total_context)
            if not chunks:
                tally.lost(
                    utt,
                    f"shorter than a chunk of {options.chunk_size} frames: its x-vector is zero,"
                    " as in Kaldi",
                )
            else:
                tally.done()
            means.add(utt, chunks)
            _write(writer, means.finished())
        means.flush()
        _write(writer, means.finished())
    log(f"Read {tally.num_seen} utterances, wrote {means.num_finished} xvectors.")
    if means.num_finished <= tally.num_seen // 2:
        return 1
    return tally.exit_code() if strict() else 0


def _write(writer, means):
    for utt, mean_E in means:
        writer.write(utt, mean_E)


def _chunks(options, x_TD, total_context):
    """The chunks (T, D) of an utterance, all of one size; [] if it is too short."""
    import numpy as np  # start-up time

    from steps_py.nnet3.chunk_starts import chunk_starts

    size = options.chunk_size
    if len(x_TD) > size:
        return [x_TD[i : i + size] for i in chunk_starts(len(x_TD), size, total_context)]
    if len(x_TD) < size and not options.pad_input:
        return []
    return [np.pad(x_TD, ((0, size - len(x_TD)), (0, 0)), mode="edge")]


class _Means:
    """Means over the chunks of utterances, computed in batches."""

    def __init__(self, computer, batch_size):
        self._computer, self._batch_size = computer, batch_size
        self.num_finished = 0
        self._utts = []  # [name, number of chunks, sum (E,), chunks that are not computed]
        self._pending = []  # (entry of _utts, chunk)

    def add(self, utt, chunks):
        import numpy as np  # start-up time

        entry = [utt, len(chunks), np.zeros(self._computer.output_dim), len(chunks)]
        self._utts.append(entry)
        for chunk_TD in chunks:
            try:
                self._computer.check(chunk_TD)
            except KaldiError as error:
                raise KaldiError(f"{utt}: {error}") from None
            self._pending.append((entry, chunk_TD))
            if len(self._pending) == self._batch_size:
                self.flush()

    def flush(self):
        """Compute the chunks that wait for a full batch."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        xvectors = self._computer.many([chunk_TD for _, chunk_TD in pending]).astype("float64")
        for (entry, _), xvector_E in zip(pending, xvectors, strict=True):
            entry[2] += xvector_E
            entry[3] -= 1

    def finished(self):
        """(utterance, mean (E,)) of those whose chunks are all computed, in their order."""
        while self._utts and self._utts[0][3] == 0:
            utt, count, sum_E, _ = self._utts.pop(0)
            self.num_finished += 1
            yield utt, sum_E / max(count, 1)
