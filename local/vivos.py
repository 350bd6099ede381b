"""VIVOS: 65 speakers reading Vietnamese sentences (Luong and Vu, Linguistics 2016).

Counts: the corpus's README and its page at https://doi.org/10.5281/zenodo.7068130.
"""

from steps_py.data.corpora import CORPORA, Published
from steps_py.data.listed_files import read_rows
from steps_py.data.speaker_folders import SpeakerFolders

PUBLISHED = {"train": Published(46, 11660, 14.9), "test": Published(19, 760, 0.75)}
PLACES = {part: (f"{part}/waves", f"vivos/{part}/waves") for part in PUBLISHED}


@CORPORA.register("vivos")
class Vivos(SpeakerFolders):
    """Has no trial lists of its own; `make` of a trial list in the recipe makes them."""

    layout = """
train/waves/VIVOSSPK01/VIVOSSPK01_R001.wav ...   (or vivos/train/...)
test/waves/VIVOSDEV01/VIVOSDEV01_R002.wav ..."""
    source = "Get it from https://doi.org/10.5281/zenodo.7068130 (1.5 GB; CC BY-NC-SA 4.0)."
    published = PUBLISHED
    places = PLACES

    def genders_read(self):
        parts = [f"{top}{part}" for top in ("", "vivos/") for part in PUBLISHED]
        paths = [self.root / part / "genders.txt" for part in parts]
        return [path for path in paths if path.is_file()]

    def genders(self):
        rows = (words for path in self.genders_read() for _, words in read_rows(path))
        return {spk: gender.lower() for spk, gender in rows}
