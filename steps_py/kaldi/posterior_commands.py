"""Tables of posteriors: copied, scaled, summed, and turned into weights of frames.

Sources: src/bin/{copy,scale,sum,weight}-post.cc, src/bin/post-to-weights.cc.
"""

import contextlib
import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT, FLOAT_VECTOR
from steps_py.formats.log import Tally, log
from steps_py.formats.options import option
from steps_py.formats.specifiers import is_rspecifier
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class CopyOptions:
    scale: float = option(1.0, "Scale for posteriors")


@command(
    "copy-post",
    usage="""Copy archives of posteriors, with optional scaling

Usage: copy-post <post-rspecifier> <post-wspecifier>
See also: post-to-weights, scale-post, sum-post, weight-post ...""",
    options=CopyOptions,
    min_args=2,
    max_args=2,
)
def copy_post(options, posteriors_in: str, posteriors_out: str) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time

    tally = Tally()
    with (
        SequentialReader(posteriors_in, POSTERIOR) as reader,
        TableWriter(posteriors_out, POSTERIOR) as writer,
    ):
        for key, posterior in reader:
            writer.write(key, posterior.scaled(options.scale))
            tally.done()
    log(f"Done copying {tally.num_done} posteriors.")
    return tally.exit_code()


@command(
    "scale-post",
    usage="""Scale posteriors with either a global scale, or a different scale for """
    """ each utterance.
Usage: scale-post <post-rspecifier> (<scale-rspecifier>|<scale>) <post-wspecifier>""",
    min_args=3,
    max_args=3,
)
def scale_post(_options, posteriors_in: str, scale_in: str, posteriors_out: str) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time

    tally = Tally()
    with contextlib.ExitStack() as stack:
        scale_of = _scales(scale_in, stack)
        reader = stack.enter_context(SequentialReader(posteriors_in, POSTERIOR))
        writer = stack.enter_context(TableWriter(posteriors_out, POSTERIOR))
        for key, posterior in reader:
            scale = scale_of(key)
            if scale is None:
                tally.lost(key, "no scale available")
                continue
            writer.write(key, posterior.scaled(scale))
            tally.done()
    log(f"Done {tally.num_done} posteriors;  {tally.num_lost} had no scales.")
    return tally.exit_code()


def _scales(scale_in, stack):
    """A function of the key: its scale, or None."""
    if is_rspecifier(scale_in):
        table = stack.enter_context(RandomReader(scale_in, FLOAT))

        def of(key):
            if key not in table:
                return None
            return table[key]

        return of
    try:
        scale = float(scale_in)
    except ValueError:
        raise KaldiError(
            f"scale-post: bad second argument '{scale_in}'. Write a number or an rspecifier of"
            " scales."
        ) from None
    return lambda key: scale


@dataclasses.dataclass
class SumOptions:
    scale1: float = option(1.0, "Scale for first set of posteriors")
    scale2: float = option(1.0, "Scale for second set of posteriors")
    merge: bool = option(
        True,
        "If true, merge posterior entries for same transition-id (canceling positive and negative"
        " parts)",
    )
    zero_if_disjoint: bool = option(
        False,
        "If true, zero posteriors on all frames when the two sets of posteriors are disjoint (this"
        " option for back-compatibility only; use '--drop-frames'",
    )
    drop_frames: bool = option(
        False, "If true, zero posteriors on all frames when the two sets are disjoint"
    )


@command(
    "sum-post",
    usage="""Sum two sets of posteriors for each utterance, e.g. useful in fMMI.
To take the difference of posteriors, use e.g. --scale2=-1.0

Usage: sum-post <post-rspecifier1> <post-rspecifier2> <post-wspecifier>""",
    options=SumOptions,
    min_args=3,
    max_args=3,
)
def sum_post(options, first_in: str, second_in: str, posteriors_out: str) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time
    from steps_py.gmm.posterior_sums import summed

    tally, num_frames, num_disjoint = Tally(), 0, 0
    drop = options.drop_frames or options.zero_if_disjoint
    with (
        SequentialReader(first_in, POSTERIOR) as reader,
        RandomReader(second_in, POSTERIOR) as table,
        TableWriter(posteriors_out, POSTERIOR) as writer,
    ):
        for key, first in reader:
            if key not in table:
                tally.lost(key, "second set of posteriors has nothing, producing no output.")
                continue
            second = table[key]
            if second.num_frames != first.num_frames:
                tally.lost(key, f"mismatched sizes {first.num_frames} vs. {second.num_frames}")
                continue
            first, second = first.scaled(options.scale1), second.scaled(options.scale2)
            total, disjoint_T = summed(first, second, options.merge)
            if drop:
                total = total.kept(~disjoint_T[total.frame_P()])
            num_frames += total.num_frames
            num_disjoint += int(disjoint_T.sum())
            writer.write(key, total)
            tally.done()
    share = num_disjoint * 100.0 / num_frames if num_frames else float("nan")
    log(
        f"Processed {num_frames} frames; for {num_disjoint} frames there was no overlap, i.e."
        f" {share:g}%"
    )
    log(f"Done adding {tally.num_done} posteriors;  {tally.num_lost} with errors.")
    return tally.exit_code()


@command(
    "post-to-weights",
    usage="""Turn posteriors into per-frame weights (typically most useful after
weight-silence-post, to get silence weights)
Usage: post-to-weights <post-rspecifier> <weights-wspecifier>""",
    min_args=2,
    max_args=2,
)
def post_to_weights(_options, posteriors_in: str, weights_out: str) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time

    tally = Tally()
    with (
        SequentialReader(posteriors_in, POSTERIOR) as reader,
        TableWriter(weights_out, FLOAT_VECTOR) as writer,
    ):
        for key, posterior in reader:
            writer.write(key, posterior.sums_T())
            tally.done()
    log(f"Done converting {tally.num_done} posteriors to weights.")
    return tally.exit_code()


@dataclasses.dataclass
class WeightOptions:
    length_tolerance: int = option(
        2, "Tolerate this many frames of length mismatch between posteriors and weights"
    )


@command(
    "weight-post",
    usage="""Takes archives (typically per-utterance) of posteriors and per-frame weights,
and weights the posteriors by the per-frame weights

Usage: weight-post <post-rspecifier> <weights-rspecifier> <post-wspecifier>""",
    options=WeightOptions,
    min_args=3,
    max_args=3,
)
def weight_post(options, posteriors_in: str, weights_in: str, posteriors_out: str) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time
    from steps_py.gmm.posterior_sums import weighted

    tally = Tally()
    with (
        SequentialReader(posteriors_in, POSTERIOR) as reader,
        RandomReader(weights_in, FLOAT_VECTOR) as table,
        TableWriter(posteriors_out, POSTERIOR) as writer,
    ):
        for key, posterior in reader:
            if key not in table:
                tally.lost(key, "no weights available")
                continue
            weights_T = table[key]
            if abs(len(weights_T) - posterior.num_frames) > options.length_tolerance:
                tally.lost(
                    key, f"weights of wrong size, {len(weights_T)} vs. {posterior.num_frames}"
                )
                continue
            writer.write(key, weighted(posterior, weights_T))
            tally.done()
    log(f"Scaled {tally.num_done} posteriors; errors on {tally.num_lost}")
    return tally.exit_code()
