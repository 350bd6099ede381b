"""TAL_CSASR: lessons in Mandarin and English (TAL Education, 2021).

The corpus does not say who speaks: as in the recipes of wenet and lhotse, each recording is a
speaker of its own.  It is speech without labels, for pre-training and pseudo-labels.
Counts: examples/multi_cn of wenet expects 370,000 recordings; 587 hours.
"""

from steps_py.data.corpora import CORPORA, Corpus, Published, Recording

PUBLISHED = {"train": Published(None, 370000, 587.0)}


@CORPORA.register("tal_csasr")
class TalCsasr(Corpus):
    """One part, whose speakers are not known."""

    layout = """
cs_wav/*.wav                                  (or TAL_CSASR/cs_wav/...)
label"""
    source = "Ask for it at https://ai.100tal.com/dataset (for academic research only)."
    published = PUBLISHED

    def folders(self, part):
        return ["cs_wav", "TAL_CSASR/cs_wav"]

    def recordings(self, part):
        folder = self.folder(part)
        for path in self.walk(folder, (".wav",)):
            utt = path.rpartition("/")[2].rpartition(".")[0]
            yield Recording(utt, utt, f"{folder}/{path}")

    def utt_of(self, side):
        return side.rpartition("/")[2].rpartition(".")[0] if "/" in side else side
