"""The speaker who speaks next, or just spoke."""

from steps_py.conversations.second_speakers.base import SECOND_SPEAKERS, SecondSpeaker


@SECOND_SPEAKERS.register("nearest_in_time")
class NearestInTime(SecondSpeaker):
    """The other speaker whose turn is nearest; of two equally near ones the earlier.

    Source: S. Otterson and M. Ostendorf, "Efficient use of overlap information in speaker
    diarization", ASRU 2007.
    """

    def of(self, clustered):
        turns = sorted(clustered.turns)

        def choose(begin, end, speaker):
            distances = [
                (max(turn.start_sec - end, begin - turn.end_sec, 0.0), turn.start_sec, turn.speaker)
                for turn in turns
                if turn.speaker != speaker
            ]
            return min(distances)[2]

        return choose
