"""Which module holds which command, and what every command has in common.

A command is a function that returns Kaldi's exit code:

    @command("copy-vector", usage="...", options=CopyVectorOptions, min_args=2, max_args=2)
    def copy_vector(options, vector_in, vector_out):
        ...
        return tally.exit_code()

Modules are imported only when one of their commands runs, so that a job of a thousand
short commands does not pay for all of them.
"""

import dataclasses
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable

from steps_py.errors import KaldiError, StepsError, did_you_mean
from steps_py.formats import log
from steps_py.formats.options import UsageError, parse_command_line, usage_text

FATAL = 255  # the exit code of Kaldi's KALDI_ERR, which returns -1 from main

_FAMILIES = {
    "feature_commands": "compute-mfcc-feats compute-fbank-feats compute-plp-feats"
    " compute-spectrogram-feats",
    "copy_commands": "copy-feats feat-to-len feat-to-dim copy-vector copy-matrix",
    "frame_commands": "subsample-feats splice-feats paste-feats extract-feature-segments",
    "delta_commands": "add-deltas add-deltas-sdc",
    "cmvn_commands": "apply-cmvn-sliding compute-cmvn-stats apply-cmvn",
    "vad_commands": "compute-vad select-voiced-frames",
    "audio_commands": "wav-copy wav-to-duration extract-segments wav-reverberate",
    "vector_commands": "ivector-mean ivector-subtract-global-mean ivector-normalize-length"
    " ivector-transform transform-vec",
    "lda_commands": "ivector-compute-lda est-pca",
    "plda_commands": "ivector-compute-plda ivector-copy-plda ivector-adapt-plda"
    " ivector-plda-scoring ivector-plda-scoring-dense ivector-compute-dot-products",
    "gmm_commands": "gmm-global-init-from-feats gmm-global-acc-stats gmm-global-sum-accs"
    " gmm-global-est gmm-global-copy gmm-global-info gmm-global-to-fgmm"
    " gmm-global-get-frame-likes gmm-gselect gmm-global-gselect-to-post gmm-global-get-post",
    "fgmm_commands": "fgmm-gselect fgmm-global-acc-stats fgmm-global-acc-stats-post"
    " fgmm-global-sum-accs fgmm-global-est fgmm-global-init-from-accs fgmm-global-merge"
    " fgmm-global-copy fgmm-global-info fgmm-global-to-gmm fgmm-global-gselect-to-post"
    " fgmm-global-get-frame-likes",
    "posterior_commands": "scale-post copy-post sum-post post-to-weights weight-post",
    "vad_label_commands": "compute-vad-from-frame-likes merge-vads",
    "selection_commands": "concat-feats select-feats shift-feats subset-feats",
    "transform_commands": "transform-feats modify-cmvn-stats",
    "export_commands": "copy-feats-to-htk copy-feats-to-sphinx",
    "sum_commands": "matrix-sum vector-sum vector-scale",
    "metric_commands": "compute-eer",
    "clustering_commands": "agglomerative-cluster",
    "ivector_extractor_commands": "ivector-extractor-init ivector-extractor-copy"
    " ivector-extractor-acc-stats ivector-extractor-sum-accs ivector-extractor-est",
    "ivector_commands": "ivector-extract ivector-extract-online",
    "logistic_regression_commands": "logistic-regression-train logistic-regression-eval"
    " logistic-regression-copy",
    "pitch_commands": "compute-kaldi-pitch-feats process-kaldi-pitch-feats"
    " compute-and-process-kaldi-pitch-feats",
    "nnet3_commands": "nnet3-copy nnet3-info nnet3-xvector-compute",
    "nnet3_model_commands": "nnet3-init nnet3-average",
    "nnet3_batched_commands": "nnet3-xvector-compute-batched",
    "examples_commands": "nnet3-xvector-get-egs",
}

COMMANDS = {name: module for module, names in _FAMILIES.items() for name in names.split()}


@dataclasses.dataclass(frozen=True)
class Command:
    """One registered command: `run(options, *arguments)` returns the exit code."""

    name: str
    run: Callable
    usage: str
    options: type | None
    min_args: int
    max_args: int | None


_registered = {}


def command(name: str, *, usage: str, min_args: int, max_args: int | None, options=None):
    """Register the decorated function as the Kaldi command `name`.

    `max_args` None means any number.  The function is called with an instance of the
    dataclass `options` (None if there is none) and the arguments as strings.
    """

    def add(function):
        home = COMMANDS.get(name)
        if function.__module__ != f"{__package__}.{home}":
            raise TypeError(f"{name} belongs to {home}.py, not to {function.__module__}")
        if name in _registered:
            raise TypeError(f"{name} is registered twice")
        _registered[name] = Command(name, function, usage, options, min_args, max_args)
        return function

    return add


def load_command(name: str) -> Command:
    """The Command called `name`; imports its module.

    Raises
    ------
    KaldiError
        If there is no such command.
    """
    if name not in COMMANDS:
        _register_feature(name)
    elif name not in _registered:
        importlib.import_module(f"{__package__}.{COMMANDS[name]}")
    return _registered[name]


def _register_feature(name):
    """Register ``compute-<type>-feats`` of a feature type that Kaldi does not have."""
    kind = re.fullmatch("compute-(.+)-feats", name)
    features = importlib.import_module(f"{__package__}.feature_commands")
    found = kind and features.command_of_type(kind[1])
    if not found:
        raise KaldiError(f"{name}: no such command. {did_you_mean(name, COMMANDS)}")
    _registered[name] = found


def main(argv: list[str]) -> int:
    """Run ``argv[0]`` with the rest as its command line; the process's exit code."""
    if not argv:
        print("usage: python3 -m steps_py.kaldi <command> ...", file=sys.stderr)
        return 1
    _open_missing_streams()
    log.start(argv[0])
    try:
        code = run_command(load_command(argv[0]), argv[1:])
        sys.stdout.flush()
        return code
    except UsageError as error:
        spec = _registered[argv[0]]
        sys.stderr.write(usage_text(spec.usage, spec.options))
        log.error(str(error))
    except BrokenPipeError:
        _die_of_broken_pipe()
    except OSError as error:
        where = error.filename or "standard input or output"
        log.error(f"{where}: {error.strerror or error}.")
    except MemoryError:
        log.error("out of memory. Run with more memory, or on smaller parts of the table.")
    except StepsError as error:
        log.error(str(error))
    except KeyboardInterrupt:
        return 130
    return FATAL


def run_command(spec: Command, argv: list[str]) -> int:
    """Parse `argv` for the Command `spec` and run it; its exit code."""
    options, arguments, standard = parse_command_line(spec.name, spec.usage, spec.options, argv)
    log.start(spec.name, verbose=standard.verbose, strict=standard.strict)
    enough = len(arguments) >= spec.min_args
    if not enough or (spec.max_args is not None and len(arguments) > spec.max_args):
        sys.stderr.write(usage_text(spec.usage, spec.options))
        late = [word for word in arguments if word.startswith("--")]
        if late:
            log.error(f"options come before the arguments: {late[0]}.")
        return 1
    return spec.run(options, *arguments)


def _open_missing_streams():
    """Whoever started us with a stream closed gets nothing from it, and no other file instead."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 -- for the whole process


def _die_of_broken_pipe():
    """Whoever read our standard output has stopped; end as a C++ command would, silently."""
    sys.stdout = None  # nothing is left to be flushed
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
