"""What the commands of i-vectors read: extractors, and features with their posteriors."""

import dataclasses
from collections.abc import Iterator

from steps_py.errors import KaldiError
from steps_py.formats.holders import Holder
from steps_py.formats.options import option

_NO_THREADS = "Has no effect here: run parts of the table at the same time instead"


class _ExtractorHolder(Holder):
    """An i-vector extractor, alone in its file."""

    def read(self, stream, span=None):
        from steps_py.ivector.extractor import read_extractor  # start-up time

        return read_extractor(stream)


EXTRACTOR = _ExtractorHolder()


@dataclasses.dataclass
class ThreadOptions:
    num_threads: int = option(1, _NO_THREADS)
    num_threads_total: int = option(0, _NO_THREADS)


def with_posteriors(reader, posteriors, tally) -> Iterator[tuple]:
    """(utterance, features, posteriors) where both are there and of one length."""
    for utt, feats_TD in reader:
        posterior = posterior_of(utt, feats_TD, posteriors, tally)
        if posterior is not None:
            yield utt, feats_TD, posterior


def posterior_of(utt, feats_TD, posteriors, tally):
    """The posteriors of an utterance; None, counted as lost, unless they fit the features."""
    if utt not in posteriors:
        tally.lost(utt, "No posteriors for utterance")
        return None
    posterior = posteriors[utt]
    if posterior.num_frames != len(feats_TD):
        tally.lost(
            utt,
            f"Size mismatch between posterior {posterior.num_frames} and features {len(feats_TD)}",
        )
        return None
    return posterior


class naming:
    """Puts the utterance before the message of an error."""

    def __init__(self, utt):
        self._utt = utt

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, KaldiError):
            raise KaldiError(f"{self._utt}: {error}") from None
