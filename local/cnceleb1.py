"""CN-Celeb1: Chinese celebrities in eleven genres (Fan et al., ICASSP 2020).

Layout: egs/cnceleb of Kaldi and of wespeaker.  Counts of the second release, whose recordings
are FLAC: the corpus's page; 196 enrolments against 17,777 test utterances are 3,484,292 trials.
"""

from steps_py.data.corpora import CORPORA, Corpus, Published, Recording
from steps_py.data.listed_files import find_listed, read_rows
from steps_py.errors import DataDirError, some

PUBLISHED = {
    "dev": Published(797, 107953),
    "enroll": Published(196, 196),
    "enroll_utts": Published(196, None),
    "test": Published(200, 17777),
}
PUBLISHED_TRIALS = {"eval": 3484292}
SUFFIXES = (".flac", ".wav")
DEV_LIST = "dev/dev.lst"
TRIALS_LIST = "eval/lists/trials.lst"
ENROLL_MAP = "eval/lists/enroll.map"


@CORPORA.register("cnceleb1")
class CNCeleb1(Corpus):
    """Enrolment is by one recording that joins several utterances, or by these utterances.

    For the first use the part `enroll`; for the second the part `enroll_utts`, and as enrolment
    the models that ``data.models.<name>: {of: <its set>, corpus: cnceleb1, list: eval}`` makes.
    The trial list `eval` serves both.
    """

    layout = """
data/id00012/interview-01-001.flac ...           (or .wav, converted)
dev/dev.lst                                      the speakers to train on
eval/enroll/id00800-enroll.flac ..., eval/test/id00800-singing-01-001.flac ...
eval/lists/trials.lst, eval/lists/enroll.map"""
    source = "Get cn-celeb_v2.tar.gz from https://www.openslr.org/82/ (22 GB; CC BY-SA 4.0)."
    published = PUBLISHED
    published_trials = PUBLISHED_TRIALS
    model_lists = ("eval",)

    def folders(self, part):
        return [f"eval/{part}"] if part in ("enroll", "test") else ["data"]

    def lists_of(self, part):
        return {"dev": [DEV_LIST], "enroll_utts": [ENROLL_MAP]}.get(part, [])

    def recordings(self, part):
        folder = self.folder(part)
        if part == "dev":
            yield from self.listed_speakers(folder)
        elif part == "enroll_utts":
            yield from self.enrolment_utterances(folder)
        else:
            for path in self.walk(folder, SUFFIXES):
                utt = path.rpartition(".")[0]
                spk, _, rest = utt.partition("-")
                if "/" in path or not rest:
                    raise DataDirError(
                        f"{folder}: {path} is not <speaker>-<utterance>.flac. Keep only CN-Celeb's"
                        " own files there."
                    )
                yield Recording(utt, spk, f"{folder}/{path}")

    def listed_speakers(self, folder):
        """The recordings of the speakers of dev.lst."""
        speakers = [spk for _, (spk, *_) in read_rows(self.root / DEV_LIST)]
        yield from recordings_of_speakers(self, folder, speakers, DEV_LIST)

    def enrolment_utterances(self, folder):
        """The recordings that enroll.map names, each once."""
        names = {name for names in self.read_map().values() for name in names}
        for name, path in find_listed(self, folder, names, SUFFIXES, ENROLL_MAP):
            spk = name.split("/")[0]
            yield Recording(enrolment_utt(name), spk, path)

    def read_map(self):
        """Model -> paths below data/, of enroll.map."""
        path, models = self.root / ENROLL_MAP, {}
        for number, (model, *names) in read_rows(path):
            odd = [name for name in names if name.count("/") != 1]
            if not names or odd:
                raise DataDirError(
                    f"{path}:{number}: expected '<model> <speaker>/<file> <speaker>/<file> ...',"
                    f" got {some(odd) or 'no file'}. Fetch the list again."
                )
            models[model] = names
        return models

    def models(self, name):
        return {m: [enrolment_utt(n) for n in names] for m, names in self.read_map().items()}

    def models_read(self, name):
        return [self.root / ENROLL_MAP]

    def published_files(self, name):
        return [self.root / TRIALS_LIST]

    def utt_of(self, side):
        return side.rpartition("/")[2].rpartition(".")[0] if "/" in side else side


def enrolment_utt(name: str) -> str:
    """Utterance id of a file of enroll.map, another than that of a test utterance's.

    >>> enrolment_utt("id00800/interview-01-001.wav")
    'id00800-enroll-interview-01-001'
    """
    spk, file = name.split("/")
    return f"{spk}-enroll-{file.rpartition('.')[0] or file}"


def recordings_of_speakers(corpus, folder, speakers, listed_in):
    """The recordings ``<speaker>/<file>`` of the speakers of a list.

    Raises DataDirError for speakers without a folder, unless the corpus is `partial`.
    """
    gone = [spk for spk in speakers if not (folder / spk).is_dir()]
    if gone and not corpus.config.partial:
        raise DataDirError(
            f"{corpus.root / listed_in}: {len(gone)} of {len(speakers)} speakers have no folder in"
            f" {folder} ({some(gone)}). {corpus.fix_partial}"
        )
    for spk in dict.fromkeys(speakers):
        if spk not in gone:
            for path in corpus.walk(folder / spk, SUFFIXES):
                stem = path.rpartition(".")[0].replace("/", "-")
                yield Recording(f"{spk}-{stem}", spk, f"{folder}/{spk}/{path}")
