"""VoxBlink: videos of 38,000 people (Lin et al., ICASSP 2024), as lists of local files.

Only lists are published; of the videos, each user has those that are still there.  So the files
on disk are taken that the list names, and their number is noted and not compared.
Layout: https://github.com/VoxBlink/ScriptsForVoxBlink.
"""

import os

from steps_py.data.corpora import CORPORA, Corpus, Recording
from steps_py.data.listed_files import read_rows
from steps_py.errors import DataDirError

SUFFIXES = (".wav", ".flac")
GENDERS = "resource/meta/spk2gender"


@CORPORA.register("voxblink")
class VoxBlink(Corpus):
    """Parts are the lists `clean` (18,000 speakers) and `full`."""

    layout = """
data/id00000/DwgYRqnQZHM/00000.wav ...        (or .flac), as cropper.py writes them
resource/data/utt_clean, resource/data/utt_full, resource/meta/spk2gender"""
    source = """
Get lists and scripts from https://github.com/VoxBlink/ScriptsForVoxBlink (CC BY-NC-SA 4.0)."""

    def parts(self):
        return ["clean", "full"]

    def folders(self, part):
        return ["data"]

    def lists_of(self, part):
        return [f"resource/data/utt_{part}"]

    def recordings(self, part):
        (listed,) = self.lists_of(part)
        folder, total, kept = self.folder(part), 0, 0
        for line, (utt, *_) in read_rows(self.root / listed):
            total += 1
            spk, _, rest = utt.partition("-")
            video, _, name = rest.rpartition("-")
            if not (spk and video and name):
                raise DataDirError(
                    f"{self.root / listed}:{line}: expected '<speaker>-<video>-<number>', got"
                    f" '{utt}'. Fetch it again."
                )
            stem = f"{folder}/{spk}/{video}/{name}"
            path = next((stem + s for s in SUFFIXES if os.path.isfile(stem + s)), None)
            if path is not None:
                kept += 1
                yield Recording(utt, spk, path)
        self.notes.append(f"{kept} of {total} utterances of {listed} are on this disk")

    def genders_read(self):
        return [self.root / GENDERS]

    def genders(self):
        path = self.root / GENDERS
        rows = (words for _, words in read_rows(path)) if path.is_file() else ()
        return {w[0]: w[1][0].lower() for w in rows if w[1:] and w[1][0].lower() in ("f", "m")}

    def utt_of(self, side):
        return "-".join(os.path.splitext(side)[0].split("/")[-3:]) if "/" in side else side
