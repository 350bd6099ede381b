"""Voiced frames at another speed: those at the same time of the recording."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steps_py.chunks.voiced_frames import NO_FRAME
from steps_py.chunks.voiced_speed import VoicedAtSpeeds, num_frames_at_speed, voiced_at_speed


@given(
    voiced_T=st.lists(st.booleans(), min_size=1, max_size=60),
    speed=st.sampled_from([0.5, 0.9, 1.0, 1.1, 2.0]),
)
def test_a_frame_is_voiced_where_the_recording_is_at_that_time(voiced_T, speed):
    frames = np.flatnonzero(voiced_T)
    found = set(voiced_at_speed(frames, len(voiced_T), speed).tolist())
    num_frames = num_frames_at_speed(len(voiced_T), speed)
    for t in range(num_frames):
        nearest = min(int(np.rint(t * speed)), len(voiced_T) - 1)
        assert (t in found) == voiced_T[nearest]
    assert num_frames <= max(1, len(voiced_T) / speed)


def test_each_utterance_has_its_own_speed():
    class Voiced:
        num_frames_U = np.array([40, 40])

        def frames(self, row):
            return np.arange(10, 20)

    voiced = VoicedAtSpeeds(Voiced(), np.array([1.0, 2.0]))
    assert voiced.frames(0).tolist() == list(range(10, 20))
    assert voiced.frames(1).tolist() == list(range(5, 10))
    index_BT = np.array([[4, 0], [0, 5]])
    assert voiced.at(np.array([1, 0]), index_BT).tolist() == [[9, 5], [10, 15]]
    assert voiced.at(np.array([1]), np.array([[4, 5]])).tolist() == [[9, NO_FRAME]]
    assert voiced.num_frames_U.tolist() == [40, 19]
