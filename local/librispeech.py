"""LibriSpeech: 2,484 speakers reading English books (Panayotov et al., ICASSP 2015)."""

from steps_py.data.corpora import CORPORA, Corpus, Published, Recording
from steps_py.errors import DataDirError, some

PUBLISHED = {
    "train-clean-100": Published(251, 28539, 100.6),
    "train-clean-360": Published(921, 104014, 363.6),
    "train-other-500": Published(1166, 148688, 496.7),
    "dev-clean": Published(40, 2703, 5.4),
    "dev-other": Published(33, 2864, 5.3),
    "test-clean": Published(40, 2620, 5.4),
    "test-other": Published(33, 2939, 5.1),
}


@CORPORA.register("librispeech")
class LibriSpeech(Corpus):
    """Has no trial lists of its own; `trials` in the recipe names the user's."""

    layout = """
train-clean-100/19/198/19-198-0000.flac ...
train-clean-360/..., train-other-500/..., {dev,test}-{clean,other}/...
SPEAKERS.TXT"""
    licence = "CC BY 4.0"
    source = "Get it from https://www.openslr.org/12/ (60 GB; CC BY 4.0)."
    published = PUBLISHED

    def folders(self, part):
        return [part, f"LibriSpeech/{part}"]

    def files_read(self, part):
        tables = ["SPEAKERS.TXT", "LibriSpeech/SPEAKERS.TXT"]
        return [*super().files_read(part), *(self.root / table for table in tables)]

    def recordings(self, part):
        folder = self.folder(part)
        part_of = read_speakers(folder.parent / "SPEAKERS.TXT")
        strange = {}
        for path in self.walk(folder, (".flac", ".wav")):
            spk, utt = path.split("/")[0], path.rpartition("/")[2].rpartition(".")[0]
            if path.count("/") != 2 or not utt.startswith("-".join(path.split("/")[:2]) + "-"):
                raise DataDirError(
                    f"{folder}: {path} is not <speaker>/<chapter>/<speaker>-<chapter>-<number>."
                    " Keep only LibriSpeech's own files there."
                )
            if part_of and part_of.get(spk) != part:
                strange[spk] = part_of.get(spk, "unknown")
            yield Recording(utt, spk, f"{folder}/{path}")
        if strange:
            said = [f"{spk}: {where}" for spk, where in strange.items()]
            raise DataDirError(
                f"{folder}: {len(strange)} speakers do not belong here by SPEAKERS.TXT"
                f" ({some(said)}). Move them to their part."
            )

    def genders_read(self):
        tops = (self.root, self.root / "LibriSpeech")
        return [top / "SPEAKERS.TXT" for top in tops if (top / "SPEAKERS.TXT").is_file()]

    def genders(self):
        rows = (row for path in self.genders_read() for row in read_rows(path))
        return {row[0]: row[1].lower() for row in rows if row[1] in ("F", "M")}

    def utt_of(self, side):
        return side.rpartition("/")[2].rpartition(".")[0] if "/" in side else side


def read_speakers(path):
    """speaker -> part, from the lines ``19 | F | train-clean-100 | 25.19 | Kara Shallenberg``."""
    return {row[0]: row[2] for row in read_rows(path)} if path.is_file() else {}


def read_rows(path):
    """The fields of each line of SPEAKERS.TXT."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = ([field.strip() for field in line.split("|")] for line in lines if line[:1] != ";")
    return [row for row in rows if len(row) >= 4]
