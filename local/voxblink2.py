"""VoxBlink2: videos of more than 100,000 people (Lin et al., Interspeech 2024), as local files.

Only lists are published; of the videos, each user has those that are still there.  So the files
on disk are taken whose speaker and video the list names, and their number is not compared.
Layout: https://github.com/VoxBlink2/ScriptsForVoxBlink2.
"""

import os

from steps_py.data.corpora import CORPORA, Corpus, Recording
from steps_py.data.listed_files import read_rows
from steps_py.errors import DataDirError

SUFFIXES = (".wav", ".flac")
LIST = "data/spk2videos"


@CORPORA.register("voxblink2")
class VoxBlink2(Corpus):
    """Has one part, the videos of data/spk2videos that are on this disk."""

    layout = """
audio/id000000/DwgYRqnQZHM/00000.wav ...      (or .flac), as cropper_audio.py writes them
data/spk2videos                               lines <speaker>,<video>,<video>,..."""
    source = """
Get lists and scripts from https://github.com/VoxBlink2/ScriptsForVoxBlink2 (CC BY-NC-SA 4.0)."""

    def parts(self):
        return ["all"]

    def folders(self, part):
        return ["audio"]

    def lists_of(self, part):
        return [LIST]

    def recordings(self, part):
        folder, number, there = self.folder(part), 0, 0
        for line, words in read_rows(self.root / LIST):
            spk, *videos = (word for word in ",".join(words).split(",") if word)
            if not videos or "/" in spk:
                raise DataDirError(
                    f"{self.root / LIST}:{line}: expected '<speaker>,<video>,<video>,...', got"
                    f" '{' '.join(words)}'. Fetch it again."
                )
            for video in dict.fromkeys(videos):
                number += 1
                if not os.path.isdir(f"{folder}/{spk}/{video}"):
                    continue
                there += 1
                for path in self.walk(folder / spk / video, SUFFIXES):
                    utt = f"{spk}-{video}-{path.rpartition('.')[0].replace('/', '-')}"
                    yield Recording(utt, spk, f"{folder}/{spk}/{video}/{path}")
        self.notes.append(f"{there} of {number} videos of {LIST} are on this disk")

    def utt_of(self, side):
        return "-".join(os.path.splitext(side)[0].split("/")[-3:]) if "/" in side else side
