"""Stretches of speech of single speakers: pauses cut out, speakers divided, faults named."""

import numpy as np
import pytest

from steps_py.errors import DataDirError
from steps_py.formats.kaldi_io_tables import write_vectors
from steps_py.simulation.speech import read_stretches


def data_dir(folder, speakers=8, voiced=None):
    """Two utterances of 3 s for each speaker; `voiced`: {utterance: decisions}."""
    utts = {f"s{s}-{u}": f"s{s}" for s in range(speakers) for u in range(2)}
    folder.mkdir()
    (folder / "wav.scp").write_text("".join(f"{utt} {utt}.wav\n" for utt in utts))
    (folder / "utt2spk").write_text("".join(f"{utt} {spk}\n" for utt, spk in utts.items()))
    (folder / "utt2dur").write_text("".join(f"{utt} 3.0004\n" for utt in utts))
    if voiced is not None:
        write_vectors(folder / "vad.ark", voiced, scp=folder / "vad.scp")
    return folder


def test_without_voice_decisions_an_utterance_is_one_stretch(tmp_path):
    found = read_stretches(data_dir(tmp_path / "d", 1), 0.3, 0.4, (0, 1))
    assert found == {"s0": [("s0-0", 0.0, 3.0), ("s0-1", 0.0, 3.0)]}


def test_longer_pauses_divide_an_utterance_and_shorter_ones_do_not(tmp_path):
    voiced = np.zeros(300)
    for first, end in ((20, 100), (120, 150), (200, 210), (260, 300)):
        voiced[first:end] = 1
    decisions = {"s0-0": voiced, "s0-1": np.zeros(300)}
    found = read_stretches(data_dir(tmp_path / "d", 1, decisions), 0.3, 0.2, (0, 1))
    assert found == {"s0": [("s0-0", 0.2, 1.515), ("s0-0", 2.6, 3.0)]}


def test_shares_of_speakers_that_do_not_overlap_have_nobody_in_common(tmp_path):
    folder = data_dir(tmp_path / "d")
    shares = [(0, 0.25), (0.25, 0.5), (0.5, 1)]
    found = [set(read_stretches(folder, 0.3, 0.4, share)) for share in shares]
    assert [len(each) for each in found] == [2, 2, 4]
    assert set.union(*found) == {f"s{s}" for s in range(8)}


def test_a_share_without_anybody_and_speech_without_stretches_are_errors(tmp_path):
    folder = data_dir(tmp_path / "d")
    with pytest.raises(DataDirError, match=r"speakers \[0, 0.01\] of 8 is nobody. Widen it"):
        read_stretches(folder, 0.3, 0.4, (0, 0.01))
    with pytest.raises(DataDirError, match="none of 8 speakers has 9 s of speech"):
        read_stretches(folder, 0.3, 9, (0, 1))


def test_an_utterance_without_voice_decisions_is_an_error(tmp_path):
    folder = data_dir(tmp_path / "d", 1, {"s0-0": np.ones(300)})
    with pytest.raises(DataDirError, match=r"vad.scp: 1 missing \(s0-1\)"):
        read_stretches(folder, 0.3, 0.4, (0, 1))


def test_a_missing_table_is_an_error(tmp_path):
    folder = data_dir(tmp_path / "d")
    (folder / "utt2dur").unlink()
    with pytest.raises(DataDirError, match="utt2dur: missing; conversations need it"):
        read_stretches(folder, 0.3, 0.4, (0, 1))
