"""SRE16: the 2016 speaker recognition evaluation of NIST, telephone calls in Tagalog and Cantonese.

Layout: egs/sre16 of Kaldi, make_sre16_eval.pl and make_sre16_unlabeled.pl.  The evaluation
and the unlabelled training data are two deliveries, so two entries of data.corpora.
"""

import os

from steps_py.data.corpora import CORPORA, Corpus, Recording
from steps_py.data.listed_files import read_rows
from steps_py.data.trials import LABELS, Trial, Trials
from steps_py.errors import DataDirError

ENROLMENT = "docs/sre16_eval_enrollment.tsv"
KEY = "docs/sre16_eval_trial_key.tsv"
SEGMENTS = "docs/sre16_eval_segment_key.tsv"
CALLS = "metadata/calls.tsv"
FOLDERS = {
    "enrollment": "data/enrollment",
    "test": "data/test",
    "major": "data/unlabeled/major",
    "minor": "data/unlabeled/minor",
}
LANGUAGES = {"eval": None, "eval_tgl": "tgl", "eval_yue": "yue"}  # trial list -> language


@CORPORA.register("sre16")
class Sre16(Corpus):
    """Trial lists are `eval` (pooled), `eval_tgl` (Tagalog) and `eval_yue` (Cantonese).

    A model is of one or three calls: ``data.models.<name>: {of: <set of the part enrollment>,
    corpus: sre16, list: eval}`` makes the models that the lists name.  The parts `major` and
    `minor` are unlabelled: each recording is a speaker.
    """

    layout = """
data/enrollment/<segment>.sph ..., data/test/<segment>.sph ...         (LDC2019S20, R149_0_1)
docs/sre16_eval_enrollment.tsv, sre16_eval_trial_key.tsv, sre16_eval_segment_key.tsv
metadata/calls.tsv
data/unlabeled/major/<segment>.sph ..., data/unlabeled/minor/...       (LDC2016E46)"""
    source = "Ask the LDC for LDC2019S20 and LDC2016E46: https://www.ldc.upenn.edu/"
    published_trials = dict.fromkeys(LANGUAGES)
    published_labels = "list"
    model_lists = ("eval",)

    def parts(self):
        return list(FOLDERS)

    def folders(self, part):
        return [FOLDERS[part]]

    def lists_of(self, part):
        return [ENROLMENT] if part == "enrollment" else []

    def recordings(self, part):
        folder = self.folder(part)
        path_of = {}
        for path in self.walk(folder, (".sph",)):
            path_of[os.path.basename(path).partition(".")[0]] = f"{folder}/{path}"
        if part != "enrollment":
            yield from (Recording(utt, utt, path) for utt, path in path_of.items())
            return
        for model, segments in self.read_models().items():
            for segment in segments:
                if segment in path_of:
                    yield Recording(f"{model}-{segment}", model, path_of[segment])
                elif not self.config.partial:
                    raise DataDirError(
                        f"{self.root / ENROLMENT}: segment {segment} of model {model} is not in"
                        f" {folder}. {self.fix_partial}"
                    )

    def read_models(self):
        """Model -> its segments, of the table of enrolments."""
        models = {}
        for _, (model, segment) in self.rows(ENROLMENT, num_words=2):
            models.setdefault(model, []).append(segment)
        return models

    def rows(self, table, num_words):
        """(place, first words) of the lines of a table below its head."""
        path = self.root / table
        for number, words in read_rows(path):
            if len(words) < num_words:
                raise DataDirError(
                    f"{path}:{number}: has {len(words)} words, expected {num_words} or more. Fetch"
                    " it again."
                )
            if not {"segment", "segmentid", "call_id"} & set(words[:2]):
                yield f"{path}:{number}", words[:num_words]

    def models(self, name):
        return {
            model: [f"{model}-{segment}" for segment in segments]
            for model, segments in self.read_models().items()
        }

    def models_read(self, name):
        return [self.root / ENROLMENT]

    def published_files(self, name):
        return [self.root / KEY]

    def list_read(self, name):
        others = [SEGMENTS, CALLS] if LANGUAGES.get(name) else []
        return [*super().list_read(name), *(self.root / table for table in others)]

    def read_trials(self, name, known_utts):
        if name in self.config.trials:
            return super().read_trials(name, known_utts)
        language, trials = LANGUAGES[name], []
        language_of = self.languages() if language else {}
        for where, (model, segment, _, label) in self.rows(KEY, num_words=4):
            if label not in LABELS:
                raise DataDirError(f"{where}: '{label}' is no label of a trial. Fetch it again.")
            if language is None or language_of.get(segment) == language:
                trials.append(Trial(model, segment, LABELS[label]))
        if not trials:
            raise DataDirError(f"{self.root / KEY}: has no trial of '{name}'. Fetch it again.")
        return Trials.of(trials)

    def languages(self):
        """Test segment -> language of its call."""
        language_of = {call: language for _, (call, language) in self.rows(CALLS, num_words=2)}
        calls = dict(words for _, words in self.rows(SEGMENTS, num_words=2))
        return {segment: language_of.get(call) for segment, call in calls.items()}
