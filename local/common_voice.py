"""Common Voice: volunteers reading sentences in many languages (Ardila et al., LREC 2020).

A root is the folder of one language of one release.  Counts differ by release and language; none
is checked, but every recording that a table names must be there.
"""

import csv
import io

from steps_py.data.corpora import CORPORA, Corpus, Recording
from steps_py.data.listed_files import find_listed
from steps_py.errors import DataDirError
from steps_py.text_files import decode

PARTS = ("train", "dev", "test", "validated", "other", "invalidated")
SUFFIXES = (".mp3", ".wav", ".flac")


@CORPORA.register("common_voice")
class CommonVoice(Corpus):
    """Parts are the tables of the release; a speaker is a client_id.

    The recordings are MP3 of 32 or 48 kHz: set ``resample: true``.
    """

    layout = """
train.tsv, dev.tsv, test.tsv, validated.tsv ...   below cv-corpus-<release>/<language>
clips/common_voice_en_1234.mp3 ...                (or .wav, .flac, converted)"""
    source = "Get a language from https://commonvoice.mozilla.org/datasets (CC0)."

    def parts(self):
        return list(PARTS)

    def folders(self, part):
        return ["clips"]

    def lists_of(self, part):
        return [f"{part}.tsv"]

    def recordings(self, part):
        rows = dict(self.read_table(part))
        found = find_listed(self, self.folder(part), rows, SUFFIXES, f"{part}.tsv")
        for name, path in found:
            spk = rows[name]["client_id"]
            yield Recording(f"{spk}-{name.rpartition('.')[0]}", spk, path)

    def read_table(self, part):
        """(file below clips/, row) of each line of a table."""
        path = self.root / f"{part}.tsv"
        text = decode(path.read_bytes(), path)
        table = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
        if not {"client_id", "path"} <= set(table.fieldnames or ()):
            raise DataDirError(
                f"{path}: expected a table with the columns client_id and path, separated by tabs."
                " Fetch it again."
            )
        for row in table:
            name = row["path"] or ""
            if not name or not row["client_id"] or "/" in name:
                raise DataDirError(
                    f"{path}:{table.line_num}: no client_id, or no name of a file. Fetch it again."
                )
            yield name if name.endswith(SUFFIXES) else f"{name}.mp3", row

    def genders_read(self):
        return [self.root / f"{part}.tsv" for part in PARTS]

    def genders(self):
        known = {"male": "m", "male_masculine": "m", "female": "f", "female_feminine": "f"}
        parts = (part for part in PARTS if (self.root / f"{part}.tsv").is_file())
        rows = (row for part in parts for _, row in self.read_table(part))
        return {
            row["client_id"]: known[row["gender"]] for row in rows if row.get("gender") in known
        }
