"""i-vectors of utterances: ivector-extract, ivector-extract-online.

Sources: src/ivectorbin/ivector-extract{,-online}.cc; the mathematics is in steps_py/ivector.

Shape suffixes (scope: this module):
    K = i-vectors of an utterance   N = utterances or speakers   S = dimension of the i-vector
"""

import dataclasses

from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR, TOKENS
from steps_py.formats.log import Tally, log, verbose
from steps_py.formats.memory import keep_freed_memory
from steps_py.formats.options import option
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter, read_object
from steps_py.kaldi.commands import command
from steps_py.kaldi.ivector_inputs import (
    EXTRACTOR,
    ThreadOptions,
    naming,
    posterior_of,
    with_posteriors,
)


@dataclasses.dataclass
class ExtractOptions(ThreadOptions):
    acoustic_weight: float = option(
        1.0,
        "Weight on part of auxf that involves the data (e.g. 0.2); if this weight is small, the"
        " prior will have more effect.",
    )
    max_count: float = option(
        0.0,
        "Maximum frame count (affects prior scaling): if >0, the prior term will be scaled up"
        " after the frame count exceeds this value.  Note that this count is considered after"
        " posterior scaling (e.g. --acoustic-weight option, or scale argument to scale-post), so"
        " you would normally use a cutoff 10 times smaller than the corresponding number of"
        " frames.",
    )
    compute_objf_change: bool = option(
        True,
        "If true, compute the change in objective function from using nonzero iVector (a"
        " potentially useful diagnostic).  Combine with --verbose=2 for per-utterance information",
    )
    spk2utt: str = option(
        "",
        "Supply this option if you want iVectors to be output at the per-speaker level, estimated"
        " using stats accumulated from multiple utterances.  Note: this is not the normal way"
        " iVectors are obtained for speaker-id.",
    )


@command(
    "ivector-extract",
    usage="""Extract iVectors for utterances, using a trained iVector extractor,
and features and Gaussian-level posteriors
Usage:  ivector-extract [options] <model-in> <feature-rspecifier> """
    """<posteriors-rspecifier> <ivector-wspecifier>
e.g.:
 fgmm-global-gselect-to-post 1.ubm '$feats' 'ark:gunzip -c gselect.1.gz|' ark:- | \\
  ivector-extract final.ie '$feats' ark,s,cs:- ark,t:ivectors.1.ark""",
    options=ExtractOptions,
    min_args=4,
    max_args=4,
)
def ivector_extract(
    options, extractor_in: str, feats_in: str, posteriors_in: str, ivectors_out: str
) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time
    from steps_py.ivector.extraction import IvectorComputer

    keep_freed_memory()
    computer = IvectorComputer(read_object(extractor_in, EXTRACTOR))
    with (
        RandomReader(posteriors_in, POSTERIOR) as posteriors,
        TableWriter(ivectors_out, FLOAT_VECTOR) as writer,
    ):
        extraction = _Extraction(options, computer, writer)
        if options.spk2utt:
            with (
                SequentialReader(options.spk2utt, TOKENS) as speakers,
                RandomReader(feats_in, FLOAT_MATRIX) as feats,
            ):
                return extraction.of_speakers(speakers, feats, posteriors)
        with SequentialReader(feats_in, FLOAT_MATRIX) as reader:
            return extraction.of_utterances(reader, posteriors)


class _Extraction:
    """Collects statistics of utterances or speakers and writes their i-vectors."""

    def __init__(self, options, computer, writer):
        self._options, self._computer, self._writer = options, computer, writer
        self._batch = computer.new_batch()
        self._count = self._gain = self._norm = 0.0

    def of_utterances(self, reader, posteriors):
        tally = Tally()
        for utt, feats_TD, posterior in with_posteriors(reader, posteriors, tally):
            scale = self._options.acoustic_weight
            count = scale * float(posterior.weight_P.sum(dtype="float64"))
            if 0 < self._options.max_count < count:
                scale *= self._limit(utt, "utterance", count)
                count = self._options.max_count
            self._batch.start((utt, count))
            with naming(utt):
                self._batch.add(feats_TD, posterior.scaled(scale))
            self._end_item()
            tally.done()
        self._flush()
        log(
            f"Done {tally.num_done} files, {tally.num_lost} with errors.  Total (weighted) frames"
            f" {self._count:.6g}"
        )
        self._log_gain()
        return tally.exit_code()

    def of_speakers(self, speakers, feats, posteriors):
        utts_tally, tally = Tally(), Tally()
        for spk, utts in speakers:
            self._batch.start((spk, 0.0))
            for utt in utts:
                self._add_of_speaker(utt, feats, posteriors, utts_tally)
            count = float(self._batch.gamma_NI[-1].sum())
            if count == 0:
                self._batch.drop()
                tally.lost(spk, "No stats accumulated for speaker")
                continue
            if 0 < self._options.max_count < count:
                self._batch.scale(self._limit(spk, "speaker", count))
                count = self._options.max_count
            self._batch.items[-1] = (spk, count)
            self._end_item()
            tally.done()
        self._flush()
        log(
            f"Done {tally.num_done} speakers; {tally.num_lost} with errors.  {utts_tally.num_done}"
            f" utterances were processed, {utts_tally.num_lost} with errors."
        )
        self._log_gain()
        return tally.exit_code() or (utts_tally.exit_code() if tally.num_done else 1)

    def _add_of_speaker(self, utt, feats, posteriors, tally):
        if utt not in feats:
            tally.lost(utt, "No features present for utterance")
            return
        feats_TD = feats[utt]
        posterior = posterior_of(utt, feats_TD, posteriors, tally)
        if posterior is not None:
            with naming(utt):
                self._batch.add(feats_TD, posterior.scaled(self._options.acoustic_weight))
            tally.done()

    def _limit(self, name, kind, count):
        """The scale that lowers a count to --max-count."""
        scale = self._options.max_count / count
        log(
            f"Scaling stats for {kind} {name} by scale {scale:.6g} due to"
            f" --max-count={self._options.max_count:g}"
        )
        return scale

    def _end_item(self):
        if self._batch.is_full:
            self._flush()

    def _flush(self):
        if not len(self._batch):
            return
        x_NS, gain_N = self._computer.compute(self._batch, self._options.compute_objf_change)
        for (name, count), x_S, gain in zip(self._batch.items, x_NS, gain_N, strict=True):
            norm = float(x_S @ x_S) ** 0.5
            verbose(2, f"Ivector norm for {name} was {norm:.6g}")
            self._count += count
            self._gain += float(gain)
            self._norm += norm * count
            self._writer.write(name, x_S)
        self._batch.clear()

    def _log_gain(self):
        if not self._count:
            return
        if self._options.compute_objf_change:
            log(
                "Overall average objective-function change from estimating ivector was"
                f" {self._gain / self._count:.6g} per frame  over {self._count:.6g} (weighted)"
                " frames."
            )
        log(f"Average iVector norm (weighted by frames) was {self._norm / self._count:.6g}")


@dataclasses.dataclass
class OnlineOptions:
    num_cg_iters: int = option(
        15,
        "Number of iterations of conjugate gradient descent to perform each time we re-estimate"
        " the iVector.",
    )
    ivector_period: int = option(
        10, "Controls how frequently we re-estimate the iVector as we get more data."
    )
    num_threads: int = option(8, "Has no effect here")
    max_count: float = option(
        0.0,
        "If >0, when the count of posteriors exceeds max-count we will start using a stronger"
        " prior term.  Can make iVectors from longer than normal utterances look more 'typical'."
        "  Interpret this value as a number of frames multiplied by your posterior scale (so"
        " typically 0.1 times a number of frames).",
    )


@command(
    "ivector-extract-online",
    usage="""Extract iVectors for utterances, using a trained iVector extractor,
and features and Gaussian-level posteriors.  This version extracts an
iVector every n frames (see the --ivector-period option), by including
all frames up to that point in the utterance.  This is designed to
correspond with what will happen in a streaming decoding scenario;
the iVectors would be used in neural net training.  The iVectors are
output as an archive of matrices, indexed by utterance-id; each row
corresponds to an iVector.

Usage:  ivector-extract-online [options] <model-in> <feature-rspecifier>"""
    """<posteriors-rspecifier> <ivector-wspecifier>
e.g.:
 gmm-global-get-post 1.dubm '$feats' ark:- | \\
  ivector-extract-online --ivector-period=10 final.ie '$feats' ark,s,cs:- ark,t:ivectors.1.ark""",
    options=OnlineOptions,
    min_args=4,
    max_args=4,
)
def ivector_extract_online(
    options, extractor_in: str, feats_in: str, posteriors_in: str, ivectors_out: str
) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time
    from steps_py.ivector.online import OnlineConfig, OnlineIvectors

    config = OnlineConfig(
        period=options.ivector_period,
        num_cg_iters=options.num_cg_iters,
        max_count=options.max_count,
    )
    computer = OnlineIvectors(read_object(extractor_in, EXTRACTOR), config)
    tally, count, gain = Tally(), 0.0, 0.0
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        RandomReader(posteriors_in, POSTERIOR) as posteriors,
        TableWriter(ivectors_out, FLOAT_MATRIX) as writer,
    ):
        for utt, feats_TD, posterior in with_posteriors(reader, posteriors, tally):
            with naming(utt):
                x_KS, utt_gain = computer.compute(feats_TD, posterior)
            total = float(posterior.weight_P.sum(dtype="float64"))
            verbose(2, f"For utterance {utt} objf impr/frame is {utt_gain:.6g} per frame")
            writer.write(utt, x_KS)
            count += total
            gain += utt_gain * total
            tally.done()
    log(f"Estimated iVectors for {tally.num_done} files, {tally.num_lost} with errors.")
    if count:
        log(
            f"Average objective-function improvement was {gain / count:.6g} per frame, over"
            f" {count:.6g} frames (weighted)."
        )
    return tally.exit_code()
