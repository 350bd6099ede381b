"""Steps after the clustering read the turns and the windows of one set."""

import pytest

from steps_py.conversations.refine_set import resegment_set
from steps_py.conversations.resegmentation.base import Resegmentation
from steps_py.diarization.turns import Turn
from steps_py.errors import DataDirError


def test_turns_of_a_recording_without_windows_are_refused_by_its_name():
    with pytest.raises(DataDirError, match="^meeting: has turns, but no windows"):
        resegment_set(Resegmentation(None), [Turn("meeting", 0.0, 1.0, "anna")], {}, {})
