"""Voice decisions of many utterances, in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.chunks.voiced_frames import NO_FRAME, VoicedFrames
from steps_py.errors import TableError
from steps_py.formats.archives import Locations
from tests.support.small_features import vector_bytes, write_archive


def test_decisions_are_counted_and_copies_share_them(tmp_path):
    vad = write_archive(
        tmp_path / "v.ark",
        tmp_path / "v.scp",
        {"a": vector_bytes([1, 0, 1]), "b": vector_bytes([0, 0])},
    )
    utts = ["a", "a-noise", "b"]
    voiced = VoicedFrames(utts, Locations([vad["a"], vad["a"], vad["b"]]))
    assert voiced.num_frames_U.tolist() == [3, 3, 2]
    assert voiced.num_voiced_U.tolist() == [2, 2, 0]
    assert [voiced.frames(row).tolist() for row in range(3)] == [[0, 2], [0, 2], []]


@given(st.lists(st.lists(st.booleans(), max_size=40), min_size=1, max_size=5))
def test_frames_are_the_indices_of_positive_decisions(tmp_path_factory, decisions):
    folder = tmp_path_factory.mktemp("v")
    utts = [str(i) for i in range(len(decisions))]
    data = {u: vector_bytes(np.array(d, float)) for u, d in zip(utts, decisions, strict=True)}
    vad = write_archive(folder / "v.ark", folder / "v.scp", data)
    voiced = VoicedFrames(utts, Locations([vad[u] for u in utts]))
    for row, decision in enumerate(decisions):
        assert voiced.frames(row).tolist() == [t for t, yes in enumerate(decision) if yes]


@pytest.mark.parametrize("at_once", [1, 30, 2**17])
@given(
    decisions=st.lists(st.lists(st.booleans(), max_size=40), min_size=1, max_size=5),
    data=st.data(),
)
def test_frames_of_many_utterances_equal_those_of_each(tmp_path_factory, at_once, decisions, data):
    folder = tmp_path_factory.mktemp("v")
    utts = [str(i) for i in range(len(decisions))]
    bytes_of = {u: vector_bytes(np.array(d, float)) for u, d in zip(utts, decisions, strict=True)}
    vad = write_archive(folder / "v.ark", folder / "v.scp", bytes_of)
    voiced = VoicedFrames(utts, Locations([vad[u] for u in utts]))
    rows = data.draw(st.lists(st.integers(0, len(utts) - 1), min_size=1, max_size=8))
    index = data.draw(st.lists(st.integers(0, 41), min_size=1, max_size=4))
    index_BT = np.array(index) + np.arange(len(rows))[:, np.newaxis] % 3
    expected = [
        [dict(enumerate(voiced.frames(row).tolist())).get(i, NO_FRAME) for i in index_T]
        for row, index_T in zip(rows, index_BT.tolist(), strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steps_py.chunks.voiced_frames._FRAMES_AT_ONCE", at_once)
        frame_BT = voiced.at(np.array(rows), index_BT)
    assert frame_BT.dtype == np.int32 and frame_BT.tolist() == expected


@pytest.mark.parametrize("wrong", [2, 0.7, -1, np.nan, np.inf])
def test_decisions_other_than_0_and_1_are_errors(wrong, tmp_path):
    vad = write_archive(
        tmp_path / "v.ark",
        tmp_path / "v.scp",
        {"a": vector_bytes([1, 0]), "b": vector_bytes([1, wrong, 0])},
    )
    with pytest.raises(TableError, match=r"^b: .*v\.ark:\d+: decisions other than 0 and 1"):
        VoicedFrames(["a", "b"], Locations([vad["a"], vad["b"]]))
