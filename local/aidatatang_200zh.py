"""aidatatang_200zh: 600 speakers reading Mandarin to phones (DataTang, 2019).

OpenSLR has retracted the resource since; it is read where you have it.
Counts: https://www.openslr.org/62/ (200 hours, 600 speakers, 7:1:2), and egs/aidatatang_200zh of
Kaldi, which expects 237,265 recordings.
"""

from steps_py.data.corpora import CORPORA, Published
from steps_py.data.speaker_folders import SpeakerFolders

PUBLISHED = {
    "train": Published(420, 164905, 139.9),
    "dev": Published(60, 24216, 20.2),
    "test": Published(120, 48144, 40.3),
}
PLACES = {part: [f"corpus/{part}", f"aidatatang_200zh/corpus/{part}"] for part in PUBLISHED}


@CORPORA.register("aidatatang_200zh")
class Aidatatang200zh(SpeakerFolders):
    """Has no trial lists of its own; `make` of a trial list in the recipe makes them."""

    layout = """
corpus/train/G0013/T0055G0013S0001.wav ...    (or aidatatang_200zh/corpus/...; unpacked)
corpus/dev/..., corpus/test/..."""
    source = """
Get aidatatang_200zh.tgz from https://www.openslr.org/62/ (18 GB; CC BY-NC-ND 4.0)."""
    published = PUBLISHED
    places = PLACES
