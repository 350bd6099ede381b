"""SITW, Speakers in the Wild: 299 speakers of open media (McLaren et al., Interspeech 2016).

Layout: the README of the corpus, and egs/sitw of Kaldi.  Trials of the conditions core-core and
core-multi: "The 2016 Speakers in the Wild Speaker Recognition Evaluation", Interspeech 2016.
"""

import os
from typing import NamedTuple

from steps_py.data.corpora import CORPORA, Corpus, Recording
from steps_py.data.listed_files import find_listed, read_rows
from steps_py.errors import DataDirError

SIDES = ("dev", "eval")
ENROLMENTS = ("core", "assist")
TESTS = ("core", "multi")
META = "keys/meta.lst"
# of the conditions that the paper counts; the others differ by release
NUM_TRIALS = {
    "dev_core_core": 338226,
    "eval_core_core": 721788,
    "eval_core_multi": 2010683,
}
PUBLISHED_TRIALS = {
    name: NUM_TRIALS.get(name)
    for name in (f"{side}_{e}_{t}" for side in SIDES for e in ENROLMENTS for t in TESTS)
}


@CORPORA.register("sitw")
class Sitw(Corpus):
    """Trial lists are `dev_core_core`, `eval_assist_multi` and so on; labels are the list's.

    Enrolment is by a whole recording (core) or by a segment of one (assist).  Speakers are named
    by keys/meta.lst; where that is missing, each model and each test recording has its own name.

    Exclude the speakers that VoxCeleb1 shares with SITW when you train on it: fetch
    https://www.openslr.org/resources/49/voxceleb1_sitw_overlap.txt and set
    ``exclude_speakers`` of ``voxceleb1`` to it, as Kaldi's recipe does.
    """

    layout = """
{dev,eval}/audio/unotx.flac ...
{dev,eval}/lists/enroll-core.lst, enroll-assist.lst, test-core.lst, test-multi.lst
{dev,eval}/keys/core-core.lst, core-multi.lst, assist-core.lst, assist-multi.lst, meta.lst"""
    source = """
Ask for it at http://www.speech.sri.com/projects/sitw/ (14 GB; for research only)."""
    published_trials = PUBLISHED_TRIALS
    published_labels = "list"

    def parts(self):
        return [f"{side}_{which}" for side in SIDES for which in ("enroll", "test")]

    def folders(self, part):
        return [part.partition("_")[0]]

    def lists_of(self, part):
        side, _, which = part.partition("_")
        names = ENROLMENTS if which == "enroll" else TESTS
        return [f"{side}/lists/{which}-{name}.lst" for name in names]

    def files_read(self, part):
        return [*super().files_read(part), self.root / part.partition("_")[0] / META]

    def recordings(self, part):
        side, _, which = part.partition("_")
        folder, speaker_of, seen = self.folder(part), self.read_speakers(side), set()
        for path in (self.root / path for path in self.lists_of(part)):
            rows = [row_of(words, which, f"{path}:{number}") for number, words in read_rows(path)]
            found = dict(find_listed(self, folder, {row.file for row in rows}, (".wav",), path))
            for row in rows:
                spk = speaker_of.get(row.file, row.model or stem_of(row.file))
                utt = f"{spk}-{row.utt}"
                if row.model in seen:
                    raise DataDirError(f"{path}: model {row.model} comes twice. Fetch it again.")
                if row.file in found and utt not in seen:  # test lists share recordings
                    seen.add(row.model or utt)
                    yield Recording(utt, spk, found[row.file], row.segment)

    def read_speakers(self, side):
        """Name of the speaker of each recording, by meta.lst; {} if there is none."""
        path = self.root / side / META
        if not path.is_file():
            return {}
        rows = (words for _, words in read_rows(path))
        speaker_of = {words[0]: words[1] for words in rows if words[0].endswith(".flac")}
        if not speaker_of:
            raise DataDirError(f"{path}: names no recording audio/<name>.flac. Fetch it again.")
        return speaker_of

    def published_files(self, name):
        side, enrolment, test = name.split("_")
        return [self.root / side / f"keys/{enrolment}-{test}.lst"]

    def list_read(self, name):
        if name in self.config.trials:
            return super().list_read(name)
        side, *_ = name.split("_")
        files = [file for part in ("enroll", "test") for file in self.files_read(f"{side}_{part}")]
        return [*super().list_read(name), *files]

    def identify(self, sides, known_utts):
        """A model is its enrolment utterance; a test recording is ``audio/<name>.flac``."""
        of_end = {utt.partition("-")[2]: utt for utt in known_utts}
        of_model = {end.partition("-")[0]: utt for end, utt in of_end.items() if "-" in end}
        utts = {}
        for side in sides:
            known = of_end.get(stem_of(side)) if "/" in side else of_model.get(side)
            utts[side] = side if side in known_utts else known or side
        return utts


class Row(NamedTuple):
    """A line of a list of enrolments or test recordings."""

    model: str | None
    file: str
    segment: tuple[float, float] | None

    @property
    def utt(self):
        """What follows the speaker in the utterance id."""
        return f"{self.model}-{stem_of(self.file)}" if self.model else stem_of(self.file)


def row_of(words, which, where) -> Row:
    """The Row of the words of a line; DataDirError if they are no such line.

    >>> row_of(["69006", "audio/lywwa.flac", "72.000", "77.310"], "enroll", "list:1")
    Row(model='69006', file='audio/lywwa.flac', segment=(72.0, 77.31))
    """
    model, *rest = words if which == "enroll" else (None, words[0])
    try:
        file, *times = rest
        segment = tuple(map(float, times))
        if "/" in file and len(segment) in (0, 2):
            return Row(model, file, segment or None)
    except ValueError:
        pass
    expected = "<model> audio/<name>.flac [<begin> <end>]" if model else "audio/<name>.flac"
    raise DataDirError(f"{where}: expected '{expected}', got '{' '.join(words)}'. Fetch it again.")


def stem_of(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
