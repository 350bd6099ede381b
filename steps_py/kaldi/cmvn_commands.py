"""Cepstral mean and variance normalisation: apply-cmvn-sliding, compute-cmvn-stats, apply-cmvn.

Sources: src/featbin/{apply-cmvn-sliding,compute-cmvn-stats,apply-cmvn}.cc.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension
"""

import contextlib
import dataclasses

from steps_py.errors import KaldiError, StepsError
from steps_py.formats.holders import DOUBLE_MATRIX, FLOAT_MATRIX, FLOAT_VECTOR, TOKEN, TOKENS
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.memory import keep_freed_memory
from steps_py.formats.options import option
from steps_py.formats.specifiers import is_rspecifier, is_wspecifier
from steps_py.formats.tables import (
    RandomReader,
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class SlidingCmnOptions:
    cmn_window: int = option(600, "Window in frames for running average CMN computation")
    min_cmn_window: int = option(
        100, "Minimum window at the start (only applicable if center == false)"
    )
    max_warnings: int = option(
        5, "Maximum warnings to report per utterance. 0 to disable, -1 to show all."
    )
    norm_vars: bool = option(False, "If true, normalize variance to one.")
    center: bool = option(
        False,
        "If true, use a window centered on the current frame (to the extent possible, modulo"
        " end effects). If false, window is to the left.",
    )


@command(
    "apply-cmvn-sliding",
    usage="""Apply sliding-window cepstral mean (and optionally variance)
normalization per utterance.  If center == true, window is centered
on frame being normalized; otherwise it precedes it in time.
Useful for speaker-id; see also apply-cmvn-online

Usage: apply-cmvn-sliding [options] <feats-rspecifier> <feats-wspecifier>""",
    options=SlidingCmnOptions,
    min_args=2,
    max_args=2,
)
def apply_cmvn_sliding(options, feats_in: str, feats_out: str) -> int:
    from steps_py.feats.cmvn import sliding_cmn  # start-up time

    if options.center and not 0 < options.min_cmn_window <= options.cmn_window:
        raise KaldiError(
            f"apply-cmvn-sliding: --min-cmn-window={options.min_cmn_window} is not between 1 and"
            f" --cmn-window={options.cmn_window}. A centred window does not use it, but Kaldi"
            " stops; set both."
        )
    keep_freed_memory()
    tally = Tally()
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, x_TD in reader:
            if len(x_TD) == 0:
                tally.lost(utt, "empty feature matrix")
                continue
            y_TD = sliding_cmn(
                x_TD,
                options.cmn_window,
                options.min_cmn_window,
                options.center,
                options.norm_vars,
                _FloorWarnings(options.max_warnings) if len(x_TD) > 1 else None,
            )
            writer.write(utt, y_TD)
            tally.done()
    log(
        f"Applied sliding-window cepstral mean {'and variance ' if options.norm_vars else ''}"
        f"normalization to {tally.num_done} utterances, {tally.num_lost} had errors."
    )
    return tally.exit_code()


class _FloorWarnings:
    """Warns of floored variances, a few times for an utterance."""

    def __init__(self, max_warnings):
        self._max_warnings = max_warnings
        self._count = 0

    def __call__(self, num_elements, num_frames):
        if self._count == self._max_warnings:
            warn(
                "Suppressing the remaining variance flooring warnings. Run program with"
                " --max-warnings=-1 to see all warnings."
            )
        elif self._max_warnings < 0 or self._count < self._max_warnings:
            warn(
                f"Flooring when normalizing variance, floored {num_elements} elements;"
                f" num-frames was {num_frames}"
            )
        self._count += 1


@dataclasses.dataclass
class CmvnStatsOptions:
    spk2utt: str = option("", "rspecifier for speaker to utterance-list map")
    binary: bool = option(True, "write in binary mode (applies only to global CMN/CVN)")
    weights: str = option(
        "", "rspecifier for a vector of floats for each utterance, that's a per-frame weight."
    )


@command(
    "compute-cmvn-stats",
    usage="""Compute cepstral mean and variance normalization statistics
If wspecifier provided: per-utterance by default, or per-speaker if
spk2utt option provided; if wxfilename: global
Usage: compute-cmvn-stats  [options] <feats-rspecifier> (<stats-wspecifier>|<stats-wxfilename>)
e.g.: compute-cmvn-stats --spk2utt=ark:data/train/spk2utt """
    """scp:data/train/feats.scp ark,scp:/foo/bar/cmvn.ark,data/train/cmvn.scp
See also: apply-cmvn, modify-cmvn-stats""",
    options=CmvnStatsOptions,
    min_args=2,
    max_args=2,
)
def compute_cmvn_stats(options, feats_in: str, stats_out: str) -> int:
    to_table = is_wspecifier(stats_out)
    if options.spk2utt and not to_table:
        raise KaldiError(
            "compute-cmvn-stats: --spk2utt needs a table to write to. Did you forget ark:?"
        )
    tally = Tally()
    with contextlib.ExitStack() as stack:
        weights = options.weights and stack.enter_context(
            RandomReader(options.weights, FLOAT_VECTOR)
        )
        accumulator = _Accumulator(weights, tally)
        if options.spk2utt:
            _stats_of_speakers(options.spk2utt, feats_in, stats_out, accumulator)
        elif to_table:
            _stats_of_utterances(feats_in, stats_out, accumulator)
        else:
            _global_stats(feats_in, stats_out, accumulator, options.binary)
    log(
        f"Done accumulating CMVN stats for {tally.num_done} utterances;"
        f" {tally.num_lost} had errors."
    )
    return tally.exit_code()


class _Accumulator:
    """Adds the statistics of utterances; counts them in `tally`."""

    def __init__(self, weights, tally):
        self._weights = weights
        self.tally = tally

    def add(self, stats, utt, x_TD):
        """`stats` (None at first) plus those of the utterance, if it can be used."""
        from steps_py.feats.cmvn import cmvn_stats  # start-up time

        if self._weights and utt not in self._weights:
            self.tally.lost(utt, "no weights available")
            return stats
        try:
            more = cmvn_stats(x_TD, self._weights[utt] if self._weights else None)
        except StepsError as error:
            self.tally.lost(utt, str(error))
            return stats
        if stats is not None and stats.shape != more.shape:
            raise KaldiError(
                f"compute-cmvn-stats: {utt} has {more.shape[1] - 1}-dimensional features, those"
                f" before it had {stats.shape[1] - 1}."
            )
        self.tally.done()
        return more if stats is None else stats + more


def _stats_of_speakers(spk2utt, feats_in, stats_out, accumulator):
    with (
        SequentialReader(spk2utt, TOKENS) as speakers,
        RandomReader(feats_in, FLOAT_MATRIX) as feats,
        TableWriter(stats_out, DOUBLE_MATRIX) as writer,
    ):
        for spk, utts in speakers:
            stats = None
            for utt in utts:
                if utt in feats:
                    stats = accumulator.add(stats, utt, feats[utt])
                else:
                    accumulator.tally.lost(utt, "did not find features for utterance")
            if stats is None:
                warn(f"No stats accumulated for speaker {spk}")
            else:
                writer.write(spk, stats)


def _stats_of_utterances(feats_in, stats_out, accumulator):
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(stats_out, DOUBLE_MATRIX) as writer,
    ):
        for utt, x_TD in reader:
            stats = accumulator.add(None, utt, x_TD)
            if stats is not None:
                writer.write(utt, stats)


def _global_stats(feats_in, stats_out, accumulator, binary):
    stats = None
    with SequentialReader(feats_in, FLOAT_MATRIX) as reader:
        for utt, x_TD in reader:
            stats = accumulator.add(stats, utt, x_TD)
    if stats is not None:
        write_object(stats_out, FLOAT_MATRIX, stats, binary)
        log(f"Wrote global CMVN stats to {stats_out}")


@dataclasses.dataclass
class CmvnOptions:
    utt2spk: str = option("", "rspecifier for utterance to speaker map")
    norm_vars: bool = option(False, "If true, normalize variances.")
    norm_means: bool = option(True, "You can set this to false to turn off mean normalization.")
    skip_dims: str = option(
        "", "Dimensions for which to skip normalization: colon-separated, e.g. 13:14:15"
    )
    reverse: bool = option(
        False,
        "If true, apply CMVN in a reverse sense, so as to transform zero-mean, unit-variance"
        " input into data with the given mean and variance.",
    )


@command(
    "apply-cmvn",
    usage="""Apply cepstral mean and (optionally) variance normalization
Per-utterance by default, or per-speaker if utt2spk option provided
Usage: apply-cmvn [options] (<cmvn-stats-rspecifier>|<cmvn-stats-rxfilename>) """
    """<feats-rspecifier> <feats-wspecifier>
e.g.: apply-cmvn --utt2spk=ark:data/train/utt2spk scp:data/train/cmvn.scp """
    """scp:data/train/feats.scp ark:-
See also: modify-cmvn-stats, matrix-sum, compute-cmvn-stats""",
    options=CmvnOptions,
    min_args=3,
    max_args=3,
)
def apply_cmvn(options, stats_in: str, feats_in: str, feats_out: str) -> int:
    from steps_py.feats.cmvn import apply_cmvn as normalise  # start-up time

    if options.norm_vars and not options.norm_means:
        raise KaldiError("apply-cmvn: you cannot normalize the variance but not the mean.")
    tally = Tally()
    with contextlib.ExitStack() as stack:
        stats_of = _copy_only if not options.norm_means else _stats_source(options, stats_in, stack)
        reader = stack.enter_context(SequentialReader(feats_in, FLOAT_MATRIX))
        writer = stack.enter_context(TableWriter(feats_out, FLOAT_MATRIX))
        for utt, x_TD in reader:
            stats = stats_of(utt)
            if stats is None:
                tally.lost(utt, "no normalization statistics available, producing no output")
                continue
            if options.norm_means:
                x_TD = normalise(x_TD, stats, options.norm_vars, options.reverse)
            writer.write(utt, x_TD)
            tally.done()
    if not options.norm_means:
        log(f"Copied {tally.num_done} utterances.")
    else:
        log(
            f"Applied cepstral mean {'and variance ' if options.norm_vars else ''}normalization to"
            f" {tally.num_done} utterances, errors on {tally.num_lost}"
        )
    return tally.exit_code()


def _copy_only(utt):
    return ()


def _stats_source(options, stats_in, stack):
    """A function from an utterance to its statistics, or None."""
    from steps_py.feats.cmvn import ignore_dims  # start-up time

    skipped = _dims(options.skip_dims)

    def prepared(stats):
        return ignore_dims(stats, skipped) if skipped else stats

    if not is_rspecifier(stats_in):
        if options.utt2spk:
            raise KaldiError(
                "apply-cmvn: --utt2spk needs a table of statistics. Did you forget ark:?"
            )
        stats = prepared(read_object(stats_in, DOUBLE_MATRIX))
        return lambda utt: stats

    table = stack.enter_context(RandomReader(stats_in, DOUBLE_MATRIX))
    if not options.utt2spk:
        return lambda utt: prepared(table[utt]) if utt in table else None
    speakers = stack.enter_context(RandomReader(options.utt2spk, TOKEN))

    def of_speaker(utt):
        if utt not in speakers or speakers[utt] not in table:
            return None
        return prepared(table[speakers[utt]])

    return of_speaker


def _dims(text):
    """'13:14' -> [13, 14]"""
    try:
        return [int(word) for word in text.split(":")] if text else []
    except ValueError:
        raise KaldiError(
            f"apply-cmvn: --skip-dims={text}: expected numbers with colons between, as in 13:14."
        ) from None
