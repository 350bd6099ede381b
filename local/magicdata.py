"""MAGICDATA Mandarin Chinese Read Speech: 1,080 speakers, phones (Magic Data Technology, 2019).

Counts: egs/multi_cn of Kaldi expects 609,552 recordings; https://www.openslr.org/68/ has the
hours, and 1,080 speakers of all parts together.
"""

from steps_py.data.corpora import CORPORA, Published
from steps_py.data.listed_files import read_rows
from steps_py.data.speaker_folders import SpeakerFolders

PUBLISHED = {
    "train": Published(None, 573480, 712.1),
    "dev": Published(None, 11793, 14.8),
    "test": Published(None, 24279, 28.1),
}
PLACES = {part: [part, f"magicdata/{part}"] for part in PUBLISHED}


@CORPORA.register("magicdata")
class MagicData(SpeakerFolders):
    """Has no trial lists of its own; `make` of a trial list in the recipe makes them."""

    layout = """
train/14_3466/14_3466_20170826171159.wav ...  (or magicdata/train/...)
dev/..., test/..., SPKINFO.txt"""
    source = "Get the archives from https://www.openslr.org/68/ (52 GB; CC BY-NC-ND 4.0)."
    published = PUBLISHED
    places = PLACES

    def genders_read(self):
        tops = (self.root, self.root / "magicdata")
        return [top / "SPKINFO.txt" for top in tops if (top / "SPKINFO.txt").is_file()]

    def genders(self):
        rows = (words for path in self.genders_read() for _, words in read_rows(path))
        known = {"male": "m", "female": "f"}
        return {words[0]: known[words[2]] for words in rows if words[2:3] and words[2] in known}
