"""A split of the utterances of each speaker, for closed sets of speakers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from steps_py.settings.declare import setting


class OfSpeaker(Protocol):
    """Something with a speaker, such as a `steps_py.data.corpora.Recording`."""

    spk: str


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Key ``split`` of an entry of data.corpora.

    Two entries of one corpus, one with `last` and one with `others`, have the same speakers and
    different utterances.
    """

    every: int = setting(description="size of the groups", minimum=2)
    take: Literal["last", "others"] = setting(
        description="last: the last utterance of each whole group; others: all other utterances"
    )


def split_of_speakers(found: Sequence[OfSpeaker], config: SplitConfig) -> list[OfSpeaker]:
    """The utterances of `found`, in its order, that the split takes of each speaker.

    >>> from types import SimpleNamespace
    >>> found = [SimpleNamespace(spk=spk, number=i) for i, spk in enumerate("aaaabb")]
    >>> [utt.number for utt in split_of_speakers(found, SplitConfig(every=2, take="last"))]
    [1, 3, 5]
    """
    numbers, kept = defaultdict(int), []
    for utt in found:
        numbers[utt.spk] += 1
        is_last = numbers[utt.spk] % config.every == 0
        if is_last == (config.take == "last"):
            kept.append(utt)
    return kept
