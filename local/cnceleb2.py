"""CN-Celeb2: more Chinese celebrities, for training (Li et al., Speech Communication 2022).

Layout: egs/cnceleb of Kaldi and of wespeaker.  Counts of the second release: the corpus's page.
"""

from local.cnceleb1 import recordings_of_speakers
from steps_py.data.corpora import CORPORA, Corpus, Published
from steps_py.data.listed_files import read_rows

PUBLISHED = {"train": Published(1996, 524787)}
SPEAKER_LIST = "spk.lst"


@CORPORA.register("cnceleb2")
class CNCeleb2(Corpus):
    """Has one part, to train on; its speakers are none of CN-Celeb1's."""

    layout = """
data/id10000/vlog-01-001.flac ...                (or .wav, converted)
spk.lst                                          the speakers"""
    source = "Get cn-celeb2_v2.tar.gz* from https://www.openslr.org/82/ (75 GB; CC BY-SA 4.0)."
    published = PUBLISHED

    def folders(self, part):
        return ["data"]

    def lists_of(self, part):
        return [SPEAKER_LIST]

    def recordings(self, part):
        speakers = [spk for _, (spk, *_) in read_rows(self.root / SPEAKER_LIST)]
        yield from recordings_of_speakers(self, self.folder(part), speakers, SPEAKER_LIST)
