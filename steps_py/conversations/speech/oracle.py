"""Speech as the reference has it."""

from steps_py.conversations.speech.base import SPEECH_DETECTORS, SpeechDetector, joined
from steps_py.errors import StepsError


@SPEECH_DETECTORS.register("oracle")
class Oracle(SpeechDetector):
    """Where a speaker of the reference speaks: results without the errors of a detector.

    Results of other systems with "oracle VAD" are comparable to these alone.
    """

    reads_reference = True

    def stretches(self, heard):
        if heard.reference is None:
            raise StepsError(
                f"{heard.features.name}: has no reference, which speech detector 'oracle' reads."
                " Give the set's rttm, or use 'energy'."
            )
        end_sec = heard.features.duration_sec
        return [
            (begin, min(end, end_sec)) for begin, end in joined(heard.reference) if begin < end_sec
        ]
