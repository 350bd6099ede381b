"""VOiCES from a distance, 2019 challenge (Nandwana et al., Interspeech 2019).

LibriSpeech played in rooms and recorded far away.  Layout: egs/voices_challenge of hyperion.  The
challenge's trial counts are published rounded only (4 million for dev), so none is checked.
"""

import types

from steps_py.data.corpora import CORPORA, Corpus, Recording, first_file
from steps_py.data.listed_files import find_listed, read_rows
from steps_py.errors import DataDirError

TOPS = {
    "dev": "Development_Data/Speaker_Recognition",
    "eval": "Evaluation_Data/Speaker_Recognition",
}
LISTS = {
    "dev": f"{TOPS['dev']}/sid_dev_lists_and_keys/dev-",
    "eval": f"{TOPS['eval']}/sid_eval_lists/eval-",
}
KEYS = {
    "dev": (f"{LISTS['dev']}trial-keys.lst",),
    "eval": (
        "VOiCES_challenge_2019_post-eval-release/VOiCES_challenge_2019_eval.SID.trial-keys.lst",
    ),
}
EVAL_MAP = "VOiCES_challenge_2019_post-eval-release/VOiCES_challenge_2019_eval.SID.map"


@CORPORA.register("voices")
class Voices(Corpus):
    """Trial lists `dev` and `eval`; their labels count.

    Speakers of eval are named by the map of the release after the evaluation; without it each
    recording has a name of its own.
    """

    layout = """
Development_Data/Speaker_Recognition/sid_dev/sp0083/Lab41-SRI-VOiCES-...-sp0083-....wav ...
Development_Data/Speaker_Recognition/sid_dev_lists_and_keys/dev-{enroll,test,trial-keys}.lst
Evaluation_Data/Speaker_Recognition/sid_eval/*.wav
Evaluation_Data/Speaker_Recognition/sid_eval_lists/eval-{enroll,test}.lst
VOiCES_challenge_2019_post-eval-release/VOiCES_challenge_2019_eval.SID.{trial-keys.lst,map}"""
    source = "Get it from https://iqtlabs.github.io/voices/downloads/ (CC BY 4.0)."
    published_trials = types.MappingProxyType({"dev": None, "eval": None})
    published_labels = "list"

    def parts(self):
        return [f"{side}_{which}" for side in TOPS for which in ("enroll", "test")]

    def folders(self, part):
        return [TOPS.get(part.partition("_")[0], part)]

    def lists_of(self, part):
        side, _, which = part.partition("_")
        return [f"{LISTS[side]}{which}.lst"] if side in LISTS else []

    def files_read(self, part):
        return [*super().files_read(part), self.root / EVAL_MAP]

    def recordings(self, part):
        (listed,) = self.lists_of(part)
        names = self.read_list(listed)
        original = self.read_map()
        for name, path in find_listed(self, self.folder(part), set(names), (".wav",), listed):
            yield Recording(*ids_of(name, original), path)

    def read_list(self, listed):
        """Path of each recording of a list -> its enrolment's name, or None; sid_dev/... each."""
        path, names = self.root / listed, {}
        for number, words in read_rows(path):
            if not words[-1].endswith(".wav") or len(words) > 2:
                raise DataDirError(
                    f"{path}:{number}: expected '[<model>] <folder>/<file>.wav', got"
                    f" '{' '.join(words)}'. Fetch it again."
                )
            names[words[-1]] = words[0] if len(words) == 2 else None
        return names

    def read_map(self):
        """Name in eval -> name in the corpus, which has the speaker in it."""
        path = self.root / EVAL_MAP
        if not path.is_file():
            return {}
        rows = [words for _, words in read_rows(path)]
        names = {words[0]: words[-1].rpartition("/")[2] for words in rows if len(words) == 2}
        if not any("VOiCES-" in name for name in names.values()):
            raise DataDirError(f"{path}: maps no name to one of VOiCES. Fetch it again.")
        return names

    def published_files(self, name):
        return [self.root / path for path in KEYS[name]]

    def list_read(self, name):
        if name in self.config.trials:
            return super().list_read(name)
        files = [
            path for which in ("enroll", "test") for path in self.files_read(f"{name}_{which}")
        ]
        return [*super().list_read(name), *files]

    def identify(self, sides, known_utts):
        """A model is its enrolment recording; a test recording is a path or a file's name."""
        utt_of = {utt.partition("-")[2]: utt for utt in known_utts}
        for side in TOPS:
            for name, model in self.enrolments(side).items():
                utt_of.setdefault(model, utt_of.get(stem_of(name)))
        return {
            side: side
            if side in known_utts
            else utt_of.get(side) or utt_of.get(stem_of(side)) or side
            for side in sides
        }

    def enrolments(self, side):
        """Path of each enrolment recording -> name of its model."""
        listed = f"{LISTS[side]}enroll.lst"
        return self.read_list(listed) if first_file([self.root / listed]) else {}


def stem_of(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".wav")


def ids_of(name: str, original: dict[str, str]) -> tuple[str, str]:
    """(utterance, speaker) of a recording; the speaker is a word of the original name.

    >>> ids_of("sid_dev/sp0083/Lab41-SRI-VOiCES-rm1-none-sp0083-ch1.wav", {})
    ('sp0083-Lab41-SRI-VOiCES-rm1-none-sp0083-ch1', 'sp0083')
    """
    stem = stem_of(name)
    words = original.get(stem, stem).removesuffix(".wav").split("-")
    spk = next((word for word in words if word[:2] == "sp" and word[2:].isdigit()), stem)
    return f"{spk}-{stem}", spk
