"""The contract of what names second speakers."""

from dataclasses import dataclass
from typing import Any

from steps_py.conversations.clustered import Clustered
from steps_py.conversations.overlap import Choose
from steps_py.registry import Registry

SECOND_SPEAKERS = Registry("second speaker", home="steps_py.conversations.second_speakers")


class SecondSpeaker:
    """Names the second speaker of stretches in which several speak."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Without options."""

    def __init__(self, config: Any):
        self.config = config

    def of(self, clustered: Clustered) -> Choose:
        """A function ``(begin, end, speaker) -> another speaker`` of the recording, or None.

        The recording has at least two speakers.
        """
        raise NotImplementedError


def choose_for(method: SecondSpeaker, clustered: Clustered) -> Choose:
    """`SecondSpeaker.of`; in a recording with one speaker there is no second one."""
    if len(clustered.speakers) < 2:
        return lambda begin, end, speaker: None
    return method.of(clustered)
