"""Commands for nnet3 networks: nnet3-copy, nnet3-info, nnet3-xvector-compute.

Sources: src/nnet3bin/nnet3-{copy,info,xvector-compute}.cc.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   E = embedding
"""

import dataclasses
import re
import time

from steps_py.errors import KaldiError, StepsError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.log import Tally, log
from steps_py.formats.memory import keep_freed_memory
from steps_py.formats.options import UsageError, option, parse_command_line
from steps_py.formats.outputs import open_output
from steps_py.formats.tables import SequentialReader, TableWriter, read_object, write_object
from steps_py.kaldi.commands import command
from steps_py.nnet3.compiler_cache import FLAGS, empty_cache


@dataclasses.dataclass
class CopyOptions:
    binary: bool = option(True, "Write output in binary mode")
    learning_rate: float = option(
        -1.0, "If supplied, all the learning rates of updatable components are set to this value"
    )
    nnet_config: str = option(
        "", "Name of nnet3 config file that can add or replace components or nodes"
    )
    edits_config: str = option(
        "", "Name of edits-config file that can modify the network (applied after nnet-config)"
    )
    edits: str = option(
        "",
        "Inline alternative to edits-config; semicolons are converted to newlines before"
        " parsing.  E.g. '--edits=remove-orphans'",
    )
    scale: float = option(1.0, "The parameter matrices are scaled by the specified value")
    prepare_for_test: bool = option(
        False,
        "If true, prepares the model for test time: sets test mode in dropout and batch-norm"
        " components and removes what no output needs",
    )
    batchnorm_test_mode: bool = option(
        False, "Batch-norm components' test mode is set to this value (see --prepare-for-test)"
    )


@command(
    "nnet3-copy",
    usage="""Copy 'raw' nnet3 neural network to standard output
Also supports setting all the learning rates to a value
(the --learning-rate option)

Usage:  nnet3-copy [options] <nnet-in> <nnet-out>
e.g.:
 nnet3-copy --binary=false 0.raw text.raw""",
    options=CopyOptions,
    min_args=2,
    max_args=2,
)
def nnet3_copy(options, nnet_in: str, nnet_out: str) -> int:
    from steps_py.nnet3.network_file import NNET  # start-up time

    write_object(nnet_out, NNET, _edited_network(options, nnet_in), options.binary)
    log(f"Copied raw neural net from {nnet_in} to {nnet_out}")
    return 0


def network_holder():
    """The holder of networks that runs ``nnet3-copy ... -`` in this process; numpy comes late."""
    from steps_py.nnet3.network_file import NetworkHolder  # start-up time

    return NetworkHolder(evaluate_copy)


def evaluate_copy(shell_command: str):
    """The Network that ``nnet3-copy [options] <nnet-in> -`` writes, or None if it needs a shell.

    Kaldi's recipes use such pipes; this saves a process, and a copy of the network.
    """
    from steps_py.audio.pipelines import split_pipeline  # start-up time

    stages = split_pipeline(shell_command)
    if not stages or len(stages) > 1 or not stages[0].words or stages[0].words[0] != "nnet3-copy":
        return None
    words = stages[0].words[1:]
    if words[-1:] != ["-"] or "--help" in words:
        return None
    try:
        options, arguments, _ = parse_command_line("nnet3-copy", "", CopyOptions, words)
    except UsageError:
        return None  # the command reports the error
    if len(arguments) != 2 or not options.binary or arguments[0] == "-":
        return None
    return _edited_network(options, arguments[0])


def _edited_network(options, nnet_in):
    """The network that nnet3-copy writes."""
    from steps_py.nnet3 import edits  # start-up time
    from steps_py.nnet3.config_lines import parse_lines, read_lines

    network = read_object(nnet_in, network_holder())
    if options.nnet_config:
        network.configure(read_lines(options.nnet_config))
    if options.learning_rate >= 0:
        edits.set_learning_rate(network, options.learning_rate)
    if options.scale != 1:
        edits.scale(network, options.scale)
    if options.edits_config:
        edits.edit(network, read_lines(options.edits_config))
    if options.edits:
        edits.edit(network, parse_lines(options.edits.replace(";", "\n"), "--edits"))
    if options.prepare_for_test:
        edits.prepare_for_test(network)
    else:
        edits.set_batch_norm_test_mode(network, options.batchnorm_test_mode)
    return network


@command(
    "nnet3-info",
    usage="""Print some text information about 'raw' nnet3 neural network, to
standard output

Usage:  nnet3-info [options] <raw-nnet>
e.g.:
 nnet3-info 0.raw
See also: nnet3-am-info""",
    min_args=1,
    max_args=1,
)
def nnet3_info(options, nnet_in: str) -> int:
    from steps_py.nnet3.info import describe  # start-up time

    print(describe(read_object(nnet_in, network_holder())), end="")
    return 0


_NO_EFFECT = "Has no effect here: nothing is compiled"


# Enough for large products, but few enough for operands and results to stay in the cache.
_BATCH_FRAMES = 4000


def compiler_options(name: str, prefix: str = "", computation_prefix: str = ""):
    """A dataclass of the options of Kaldi's compiler of computations, which have no effect.

    `prefix` precedes the names of those that optimise, `computation_prefix` that of ``debug``.
    """
    defaults = {
        **dict.fromkeys(FLAGS, True),
        "min-deriv-time": -(2**31),
        "max-deriv-time": 2**31 - 1,
        "max-deriv-time-relative": 2**31 - 1,
        "memory-compression-level": 1,
    }
    named = {f"{prefix}{key}": default for key, default in defaults.items()}
    named[f"{computation_prefix}debug"] = False
    fields = [
        (re.sub(r"\W", "_", key), type(value), option(value, _NO_EFFECT, name=key))
        for key, value in named.items()
    ]
    return dataclasses.make_dataclass(name, fields)


@dataclasses.dataclass
class CommonOptions:
    use_gpu: str = option("no", "yes|no|optional|wait; has no effect, as in a Kaldi without CUDA")
    cache_capacity: int = option(64, _NO_EFFECT)
    use_shortcut: bool = option(True, _NO_EFFECT)


_CompilerOptions = compiler_options("_CompilerOptions", "optimization.", "computation.")


@dataclasses.dataclass
class XvectorOptions(_CompilerOptions, CommonOptions):
    chunk_size: int = option(
        -1,
        "If set, extracts xvectors from specified chunk-size, and averages.  If not set,"
        " extracts an xvector from all available features",
    )
    min_chunk_size: int = option(100, "Minimum chunk-size allowed when extracting xvectors")
    pad_input: bool = option(
        True,
        "If true, duplicate the first and last frames of the input features as required to"
        " equal min-chunk-size",
    )
    cached_compiler_in: str = option("", _NO_EFFECT)
    cached_compiler_out: str = option(
        "", "If set, write a cache of compiled computations to here: one without entries"
    )
    acoustic_scale: float = option(1.0, "Has no effect, as in Kaldi's command")
    frames_per_chunk: int = option(50, "Has no effect, as in Kaldi's command")
    frame_subsampling_factor: int = option(1, "Has no effect, as in Kaldi's command")
    extra_left_context: int = option(0, "Has no effect, as in Kaldi's command")
    extra_right_context: int = option(0, "Has no effect, as in Kaldi's command")
    extra_left_context_initial: int = option(-1, "Has no effect, as in Kaldi's command")
    extra_right_context_final: int = option(-1, "Has no effect, as in Kaldi's command")
    debug_computation: bool = option(False, "Has no effect here")


@command(
    "nnet3-xvector-compute",
    usage="""Propagate features through an xvector neural network model and write
the output vectors.  "Xvector" is our term for a vector or
embedding which is the output of a particular type of neural network
architecture found in speaker recognition.  This architecture
consists of several layers that operate on frames, a statistics
pooling layer that aggregates over the frame-level representations
and possibly additional layers that operate on segment-level
representations.  The xvectors are generally extracted from an
output layer after the statistics pooling layer.  By default, one
xvector is extracted directly from the set of features for each
utterance.  Optionally, xvectors are extracted from chunks of input
features and averaged, to produce a single vector.

Usage: nnet3-xvector-compute [options] <raw-nnet-in> <features-rspecifier> <vector-wspecifier>
e.g.: nnet3-xvector-compute final.raw scp:feats.scp ark:nnet_prediction.ark
See also: nnet3-compute""",
    options=XvectorOptions,
    min_args=3,
    max_args=3,
)
def nnet3_xvector_compute(options, nnet_in: str, feats_in: str, vectors_out: str) -> int:
    from steps_py.nnet3.compute import Computer  # start-up time

    _check_options(options)
    keep_freed_memory()
    started = time.monotonic()
    computer = Computer(read_object(nnet_in, network_holder()))
    tally, num_frames = Tally(), 0
    with (
        TableWriter(vectors_out, FLOAT_VECTOR) as writer,
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
    ):
        chunks = _all_chunks(options, reader, computer, tally)
        for utt, count, xvector_E in _means(computer, _batches(chunks)):
            writer.write(utt, xvector_E)
            num_frames += count
            tally.done()
    if options.cached_compiler_out:
        log(f"Writing cache to {options.cached_compiler_out}")
        with open_output(options.cached_compiler_out) as out:
            out.write(empty_cache())
    elapsed_sec = time.monotonic() - started
    factor = elapsed_sec * 100 / num_frames if num_frames else 0
    log(f"Time taken {elapsed_sec:.6g}s: real-time factor assuming 100 frames/sec is {factor:.6g}")
    log(f"Done {tally.num_done} utterances, failed for {tally.num_lost}")
    return tally.exit_code()


def _check_options(options):
    if options.chunk_size != -1 and options.chunk_size < 1:
        raise KaldiError(
            f"--chunk-size={options.chunk_size}: expected -1, for no chunks, or 1 and more."
        )
    if not options.pad_input and -1 < options.chunk_size < options.min_chunk_size:
        raise KaldiError(
            f"--chunk-size={options.chunk_size} is less than --min-chunk-size="
            f"{options.min_chunk_size}: no chunk would be used. Lower --min-chunk-size."
        )


def _unusable(options, utt, x_TD):
    """Why an utterance gives no x-vector; None if it does."""
    if not len(x_TD):
        return "Zero-length utterance"
    if not options.pad_input and len(x_TD) < options.min_chunk_size:
        return (
            f"Minimum chunk size of {options.min_chunk_size} is greater than the number of rows"
            f" in utterance, {len(x_TD)}"
        )
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class _Chunk:
    """What the network reads at once, of an utterance of `num_frames`, whose last it may be."""

    utt: str
    num_frames: int
    weight: int  # its true length
    x_TD: object
    is_last: bool


def _all_chunks(options, reader, computer, tally):
    """The chunks of all utterances that give an x-vector; KaldiError if one cannot."""
    for utt, x_TD in reader:
        why = _unusable(options, utt, x_TD)
        if why:
            tally.lost(utt, why)
            continue
        chunks = _chunks(options, utt, x_TD)
        for number, (weight, chunk_TD) in enumerate(chunks, 1):
            try:
                computer.check(chunk_TD)
            except KaldiError as error:
                raise KaldiError(f"{utt}: {error}") from None
            yield _Chunk(utt, len(x_TD), weight, chunk_TD, number == len(chunks))


def _batches(chunks):
    """Lists of neighbouring chunks; what comes before an error is given out before it is raised."""
    batch, num_frames, failure = [], 0, None
    try:
        for chunk in chunks:
            if batch and num_frames + len(chunk.x_TD) > _BATCH_FRAMES:
                yield batch
                batch, num_frames = [], 0
            batch.append(chunk)
            num_frames += len(chunk.x_TD)
    except StepsError as error:
        failure = error
    if batch:
        yield batch
    if failure is not None:
        raise failure


def _means(computer, batches):
    """(utterance, frames, mean (E,) of its chunks' x-vectors weighted by length, float32)."""
    import numpy as np  # start-up time

    sum_E, total = np.zeros(computer.output_dim), 0
    for batch in batches:
        xvectors = computer.many([chunk.x_TD for chunk in batch]).astype(np.float64)
        for chunk, xvector_E in zip(batch, xvectors, strict=True):
            sum_E += chunk.weight * xvector_E
            total += chunk.weight
            if chunk.is_last:
                yield chunk.utt, chunk.num_frames, (sum_E / total).astype(np.float32)
                sum_E, total = np.zeros(computer.output_dim), 0


def _chunks(options, utt, x_TD):
    """(weight, frames (T, D)) of each chunk: its true length, and what the network reads."""
    import numpy as np  # start-up time

    size = options.chunk_size
    if len(x_TD) < size:
        log(
            f"Chunk size of {size} is greater than the number of rows in utterance: {utt}, using"
            f" chunk size  of {len(x_TD)}"
        )
    size = len(x_TD) if size == -1 else min(size, len(x_TD))
    chunks = []
    for start in range(0, len(x_TD), size):
        chunk_TD = x_TD[start : start + size]
        missing = options.min_chunk_size - len(chunk_TD)
        if missing > 0 and not options.pad_input:
            continue
        weight = len(chunk_TD)
        if missing > 0:
            pads = ((missing // 2, missing - missing // 2), (0, 0))
            chunk_TD = np.pad(chunk_TD, pads, mode="edge")
        chunks.append((weight, chunk_TD))
    return chunks
