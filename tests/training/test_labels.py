"""Labels of utterances and of their copies."""

from types import SimpleNamespace

import numpy as np

from steps_py.training.labels import original_utts, read_labels


def test_copies_have_the_labels_of_their_originals(tmp_path):
    """Augmented ones by utt2uniq, those at other speeds by their prefix."""
    for name in ("train", "train_augmented"):
        (tmp_path / name).mkdir()
    (tmp_path / "train/utt2language").write_text("a1 fr\nb1 en\nsp0.9-c1 de\n")
    (tmp_path / "train_augmented/utt2uniq").write_text("a1-noise a1\nb1-reverb b1\n")
    folders = [tmp_path / "train", tmp_path / "train_augmented"]
    chunks = SimpleNamespace(utts=["a1", "a1-noise", "b1-reverb"], speed_U=None)
    labels = read_labels("language", chunks, folders, "train.objectives.own")
    assert labels.names == ["en", "fr"] and labels.id_U.tolist() == [1, 1, 0]
    fast = SimpleNamespace(utts=["a1", "sp0.9-a1", "sp0.9-c1"], speed_U=np.array([1.0, 0.9, 1.0]))
    assert original_utts(fast, folders) == ["a1", "a1", "sp0.9-c1"]
