"""AISHELL-2: 1,991 speakers reading Mandarin to a phone (Du et al., arXiv:1808.10583).

Counts: the README of egs/aishell2 of Kaldi; utterances of the training part: the paper.
"""

from steps_py.data.corpora import CORPORA, Published
from steps_py.data.speaker_folders import SpeakerFolders

PUBLISHED = {
    "train": Published(1991, 1009223, 1000.0),
    "dev": Published(5, 2500, 2.0),
    "test": Published(10, 5000, 4.0),
}
PLACES = {
    part: [f"iOS/{name}/wav", f"AISHELL-2/iOS/{name}/wav"]
    for part, name in {"train": "data", "dev": "dev", "test": "test"}.items()
}


@CORPORA.register("aishell2")
class Aishell2(SpeakerFolders):
    """The recordings of the phone with iOS; dev and test are AISHELL2-2018A-EVAL."""

    layout = """
iOS/data/wav/C0001/IC0001W0001.wav ...        (or AISHELL-2/iOS/...)
iOS/dev/wav/D0001/ID0001W0001.wav ..., iOS/test/wav/..."""
    source = """
Ask for it at https://www.aishelltech.com/aishell_2, and get dev and test from
http://www.aishelltech.com/aishell_eval (120 GB; for academic research only)."""
    published = PUBLISHED
    places = PLACES
