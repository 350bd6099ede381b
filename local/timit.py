"""TIMIT: 630 speakers of American English, ten sentences each (Garofolo et al., LDC93S1).

The recordings are NIST SPHERE files called .WAV; their content says so, and they are read as such.
Counts: the documentation of the corpus.
"""

from steps_py.data.corpora import CORPORA, Corpus, Published, Recording
from steps_py.errors import DataDirError

PUBLISHED = {"train": Published(462, 4620, 3.9), "test": Published(168, 1680, 1.4)}
TOPS = ("", "TIMIT/", "timit/", "timit/TIMIT/", "data/")


@CORPORA.register("timit")
class Timit(Corpus):
    """Ids are in upper case, whatever the case of the files; SA1 and SA2 are kept.

    All speakers read the sentences SA1 and SA2: name these utterances in `exclude` where a system
    should not learn a text.
    """

    layout = """
TRAIN/DR1/FCJF0/SA1.WAV ...                   (or TIMIT/TRAIN/..., or all in lower case)
TEST/DR1/FAKS0/SA1.WAV ..."""
    source = """
Buy it at https://catalog.ldc.upenn.edu/LDC93S1 (600 MB; licence of the LDC)."""
    published = PUBLISHED

    def folders(self, part):
        return [f"{top}{name}" for top in TOPS for name in (part.upper(), part)]

    def recordings(self, part):
        folder = self.folder(part)
        for path in self.walk(folder, (".wav",)):
            match path.upper().split("/"):
                case [region, spk, name] if region.startswith("DR") and spk[:1] in ("F", "M"):
                    utt = f"{spk}-{name.partition('.')[0]}"
                    yield Recording(utt, spk, f"{folder}/{path}")
                case _:
                    raise DataDirError(
                        f"{folder}: {path} is not DR<region>/<speaker>/<sentence>.WAV. Keep only"
                        " TIMIT's own files there."
                    )

    def genders(self):
        folders = [self.root / name for part in PUBLISHED for name in self.folders(part)]
        speakers = {path.name.upper() for folder in folders for path in folder.glob("*/*")}
        return {spk: spk[0].lower() for spk in speakers if spk[0] in "FM"}

    def utt_of(self, side):
        if "/" not in side:
            return side
        spk, name = side.upper().split("/")[-2:]
        return f"{spk}-{name.partition('.')[0]}"
