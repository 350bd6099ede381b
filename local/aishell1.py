"""AISHELL-1: 400 speakers reading Mandarin (Bu et al., O-COCOSDA 2017).

Counts: https://www.openslr.org/33/, and egs/aishell of Kaldi, which expects 141,925 recordings; it
uses the 141,600 of them that have a transcript.  Here all recordings are used.
"""

from steps_py.data.corpora import CORPORA, Published
from steps_py.data.speaker_folders import SpeakerFolders

PUBLISHED = {
    "train": Published(340, 120418, 151.2),
    "dev": Published(40, 14331, 18.1),
    "test": Published(20, 7176, 10.0),
}
PLACES = {
    part: [f"{top}wav/{part}" for top in ("", "data_aishell/", "aishell/data_aishell/")]
    for part in PUBLISHED
}


@CORPORA.register("aishell1")
class Aishell1(SpeakerFolders):
    """Has no trial lists of its own; `make` of a trial list in the recipe makes them."""

    layout = """
wav/train/S0002/BAC009S0002W0122.wav ...      (or data_aishell/wav/...; archives unpacked)
wav/dev/..., wav/test/..."""
    source = "Get data_aishell.tgz from https://www.openslr.org/33/ (15 GB; Apache 2.0)."
    published = PUBLISHED
    places = PLACES
