"""Copies of utterances at extraction: other speeds, and crops of features."""

from pathlib import Path

import numpy as np
import pytest

from steps_py.chunks.host_features import VoicedFeatures
from steps_py.data.data_dir import check_data_dir, read_table
from steps_py.embeddings.config import CopiesConfig, CropsConfig, XvectorsConfig
from steps_py.embeddings.copies import CroppedFeatures, write_copies
from steps_py.errors import ConfigError, DataDirError
from steps_py.feats.config import CmvnConfig
from steps_py.formats.archives import Locations
from steps_py.settings.build import build
from steps_py.stages import copy_values, prepare_copies
from tests.support.small_features import write_data_dir


def write_set(folder, utts):
    """A set of utterances of 1.8 s, each of a speaker of its own."""
    Path(folder).mkdir()
    for name, value in {"wav.scp": "/a b/{0}.wav", "utt2spk": "{0}", "utt2dur": "1.8"}.items():
        lines = "".join(f"{utt} {value.format(utt)}\n" for utt in utts)
        Path(folder, name).write_text(lines)


def test_speeds_make_a_data_directory_whose_durations_follow(tmp_path):
    write_set(tmp_path / "dev", ["ann", "ben"])
    config = CopiesConfig(speeds=[0.9, 1.0, 1.2])
    assert write_copies(str(tmp_path / "dev"), config, str(tmp_path / "out")) == 6
    check_data_dir(tmp_path / "out")
    wav, utt2dur = (read_table(tmp_path / "out" / name) for name in ("wav.scp", "utt2dur"))
    assert wav["ann-sp0.9"] == "sox -t wav '/a b/ann.wav' -t wav - speed 0.9 |"
    assert wav["ann"] == "/a b/ann.wav"
    assert [float(utt2dur[f"ben{end}"]) for end in ("-sp0.9", "", "-sp1.2")] == [2.0, 1.8, 1.5]
    copies = read_table(tmp_path / "out/utt2copies")
    assert copies == {"ann": "ann-sp0.9 ann ann-sp1.2", "ben": "ben-sp0.9 ben ben-sp1.2"}


def test_an_utterance_that_has_the_name_of_a_copy_is_refused(tmp_path):
    write_set(tmp_path / "dev", ["ann", "ann-sp0.9"])
    with pytest.raises(DataDirError, match=r"ann-sp0\.9: copies of two utterances would get"):
        write_copies(str(tmp_path / "dev"), CopiesConfig(speeds=[0.9, 1.0]), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_crops_share_the_tables_of_their_utterances(tmp_path):
    write_set(tmp_path / "dev", ["ann", "ben"])
    Path(tmp_path / "dev/feats.scp").write_text("ann f.ark:4\nben f.ark:99\n")
    copies = str(tmp_path / "copies")
    config = '{"copies": {"crops": {"count": 2, "frames": 30}}}'
    prepare_copies.main(["--data", str(tmp_path / "dev"), "--config", config, "--out", copies])
    words = ["--utt2copies", f"{copies}/utt2copies", "--out", copies, "--tables"]
    copy_values.main([*words, str(tmp_path / "dev/feats.scp")])
    assert read_table(f"{copies}/feats.scp") == {
        "ann-crop1": "f.ark:4",
        "ann-crop2": "f.ark:4",
        "ben-crop1": "f.ark:99",
        "ben-crop2": "f.ark:99",
    }
    Path(tmp_path / "dev/vad.scp").write_text("ann v.ark:4\n")
    with pytest.raises(DataDirError, match=r"1 of 2 utterances are not in it \(ben\)"):
        copy_values.main([*words, str(tmp_path / "dev/vad.scp")])
    assert not Path(copies, "vad.scp").exists()


class Recording:
    """Ten voiced frames, numbered, for every utterance."""

    def __init__(self, utts):
        self.utts, self.voiced = utts, self
        self.num_voiced_U = np.full(len(utts), 10)

    def read(self, row, first=0, num=None):
        return np.arange(10.0)[first:][:num, None]


@pytest.mark.parametrize(
    "count, frames, firsts",
    [(3, 4, [0, 3, 6]), (1, 4, [3]), (4, 4, [0, 2, 4, 6]), (2, 10, [0, 0]), (2, 99, [0, 0])],
)
def test_crops_are_spread_evenly_from_the_first_frame_to_the_last(count, frames, firsts):
    utts = [f"ann-crop{number}" for number in range(1, count + 1)]
    cropped = CroppedFeatures(Recording(utts), CropsConfig(count=count, frames=frames))
    got = [cropped.read(row)[:, 0].tolist() for row in range(count)]
    length = min(frames, 10)
    assert got == [list(range(first, first + length)) for first in firsts]
    assert cropped.num_voiced_U.tolist() == [length] * count


@pytest.mark.parametrize(
    "copies, words",
    [
        ({}, "give speeds or crops, and not both"),
        ({"speeds": [0.9], "crops": {}}, "give speeds or crops, and not both"),
        ({"speeds": [0.9, 0.9]}, "has a speed twice"),
        ({"speeds": [3]}, "xvectors.copies.speeds"),
        ({"speeds": []}, "xvectors.copies.speeds"),
        ({"crops": {"frames": 10}}, "frames' is 10, less than 'xvectors.min_chunk_frames', 25"),
        ({"crops": {"counts": 10}}, "Did you mean 'count'"),
    ],
)
def test_copies_that_cannot_be_are_refused(copies, words):
    with pytest.raises(ConfigError) as caught:
        build(XvectorsConfig, {"copies": copies}, "xvectors")
    assert words in str(caught.value)


def test_crops_have_the_normalisation_of_the_whole_utterance(tmp_path):
    x_TD = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    folder = write_data_dir(tmp_path / "x", {"ann-crop2": ("ann", x_TD, np.arange(60) % 3 > 0)})
    tables = [read_table(folder / name).values() for name in ("feats.scp", "vad.scp")]
    cmvn = CmvnConfig(window_frames=20)
    features = VoicedFeatures(["ann-crop2"], *map(Locations, tables), cmvn)
    crop = CroppedFeatures(features, CropsConfig(count=2, frames=15)).read(0)
    np.testing.assert_array_equal(crop, features.read(0)[-15:])
