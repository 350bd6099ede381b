"""Base class of the corpora that have a folder of recordings for each speaker."""

import types
from collections.abc import Sequence

from steps_py.data.corpora import Corpus, Recording
from steps_py.errors import DataDirError


class SpeakerFolders(Corpus):
    """Parts are folders ``<speaker>/<utterance>.wav``; a corpus says where they lie.

    The utterance ``S0002/BAC009S0002W0122.wav`` is S0002-BAC009S0002W0122 of speaker S0002; a
    file name that begins with the speaker's has it once, ``VIVOSDEV01/VIVOSDEV01_R002.wav`` is
    VIVOSDEV01-R002.
    """

    places = types.MappingProxyType({})  # part -> folders below root; the first that exists
    suffixes = (".wav",)

    def folders(self, part: str) -> Sequence[str]:
        return self.places.get(part, (part,))

    def recordings(self, part):
        folder = self.folder(part)
        for path in self.walk(folder, self.suffixes):
            if path.count("/") != 1:
                raise DataDirError(
                    f"{folder}: {path} is not <speaker>/<utterance>{self.suffixes[0]}. Keep only"
                    " the corpus's own files there, unpacked."
                )
            utt, spk = ids_of(path)
            yield Recording(utt, spk, f"{folder}/{path}")

    def utt_of(self, side):
        return ids_of(side)[0] if "/" in side else side


def ids_of(path: str) -> tuple[str, str]:
    """(utterance, speaker) of a path that ends in ``<speaker>/<utterance>.<suffix>``.

    >>> ids_of("waves/VIVOSDEV01/VIVOSDEV01_R002.wav")
    ('VIVOSDEV01-R002', 'VIVOSDEV01')
    """
    spk, name = path.split("/")[-2:]
    stem = name.rpartition(".")[0] or name
    rest = stem.removeprefix(spk).lstrip("_-") if stem != spk else stem
    return f"{spk}-{rest or stem}", spk
