"""Copies of utterances at extraction: at other speeds, or crops, each with its own x-vector.

The copies of a set are a set of their own, ``<set>_copies``.  Its table ``utt2copies`` has the
copies of each utterance, in the order of the config.

Sources: 50 crops, M. Hajibabaei and D. Dai, "Unified hypersphere embedding for speaker
recognition", 2018; speeds as commands, Kaldi's ``utils/perturb_data_dir_speed.sh``.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   U = utterances
"""

import collections
import re
import shlex

import numpy as np

from steps_py.data.data_dir import read_table, spk2utt_of, write_tables
from steps_py.embeddings.config import CopiesConfig, CropsConfig
from steps_py.errors import DataDirError, some

_CROP = re.compile(r".*-crop(\d+)", re.DOTALL)
_IN_ARCHIVE = re.compile(r"\S+:\d+")


def write_copies(data: str, config: CopiesConfig, out: str) -> int:
    """Write the copies of the data directory `data`: utt2copies, and for speeds all tables.

    Returns the number of copies.  Raises DataDirError if two of them have one name.
    """
    wav, utt2spk, utt2dur = (read_table(f"{data}/{n}") for n in ("wav.scp", "utt2spk", "utt2dur"))
    names_of = {utt: copy_names(utt, config) for utt in wav}
    times = collections.Counter(name for names in names_of.values() for name in names)
    twice = sorted(name for name, number in times.items() if number > 1)
    if twice:
        raise DataDirError(
            f"{data}/wav.scp: {some(twice)}: copies of two utterances would get this name. Rename"
            " the utterances."
        )
    tables = {f"{out}/utt2copies": {utt: " ".join(names) for utt, names in names_of.items()}}
    if config.speeds:
        copies = [
            (name, utt, speed)
            for utt, names in names_of.items()
            for name, speed in zip(names, config.speeds, strict=True)
        ]
        spk_of_copy = {name: utt2spk[utt] for name, utt, _ in copies}
        tables |= {
            f"{out}/wav.scp": {name: at_speed(wav[utt], speed) for name, utt, speed in copies},
            f"{out}/utt2spk": spk_of_copy,
            f"{out}/spk2utt": spk2utt_of(spk_of_copy),
            f"{out}/utt2dur": {
                name: f"{float(utt2dur[utt]) / speed:.4f}" for name, utt, speed in copies
            },
        }
    write_tables(tables)
    return len(times)


def copy_names(utt: str, config: CopiesConfig) -> list[str]:
    """The names of an utterance's copies; at speed 1 it is its own copy.

    >>> copy_names("a", CopiesConfig(speeds=[0.9, 1.0]))
    ['a-sp0.9', 'a']
    >>> copy_names("a", CopiesConfig(crops=CropsConfig(count=2)))
    ['a-crop1', 'a-crop2']
    """
    if config.speeds:
        return [utt if speed == 1 else f"{utt}-sp{speed:g}" for speed in config.speeds]
    count = config.crops.count
    return [f"{utt}-crop{number:0{len(str(count))}}" for number in range(1, count + 1)]


def at_speed(wav: str, speed: float) -> str:
    """The value of a wav.scp line, a file or a pipe, at another speed.

    >>> print(at_speed("/corpora/a.wav", 0.9), at_speed("flac -dcs a.flac |", 1.1), sep="\\n")
    sox -t wav /corpora/a.wav -t wav - speed 0.9 |
    flac -dcs a.flac | sox -t wav - -t wav - speed 1.1 |
    """
    if speed == 1:
        return wav
    if wav.endswith("|"):
        return f"{wav} sox -t wav - -t wav - speed {speed:g} |"
    if _IN_ARCHIVE.fullmatch(wav):
        return f"wav-copy {wav} - | sox -t wav - -t wav - speed {speed:g} |"
    return f"sox -t wav {shlex.quote(wav)} -t wav - speed {speed:g} |"


class CroppedFeatures:
    """Utterances named by `copy_names` as crops of their voiced frames, evenly spaced.

    Of utterances that are not longer than a crop each crop is the whole.  The normalisation of
    features is that of the whole utterance.

    Parameters
    ----------
    features : VoicedFeatures
        Of the copies: each has the features of the whole utterance.
    crops : CropsConfig
    """

    def __init__(self, features, crops: CropsConfig):
        self.utts, self._features, self._crops = features.utts, features, crops
        self.num_voiced_U = np.minimum(features.voiced.num_voiced_U, crops.frames)

    def __len__(self):
        return len(self.utts)

    def feat_dim(self, row: int) -> int:
        """Dimension of the features of an utterance."""
        return self._features.feat_dim(row)

    def read(self, row: int) -> np.ndarray:
        """The frames of a crop, float32 (T, D)."""
        number = int(_CROP.fullmatch(self.utts[row])[1])
        spare = self._features.voiced.num_voiced_U[row] - self.num_voiced_U[row]
        first = crop_start(number, self._crops.count, int(spare))
        return self._features.read(row, first, int(self.num_voiced_U[row]))


def crop_start(number: int, count: int, spare: int) -> int:
    """The first frame of a crop, counted from 1, where `spare` frames are left beside it.

    >>> [crop_start(number, 3, 10) for number in (1, 2, 3)], crop_start(1, 1, 10)
    ([0, 5, 10], 5)
    """
    return spare // 2 if count == 1 else (number - 1) * spare // (count - 1)
