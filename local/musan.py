"""MUSAN: 109 hours of noise, music and speech for augmentation (Snyder et al., 2015)."""

import dataclasses
import os

from steps_py.data.corpora import CORPORA, Corpus, CorpusConfig, Published, Recording
from steps_py.errors import DataDirError, some
from steps_py.settings.declare import setting

PUBLISHED = {
    "noise": Published(None, 930, 6.0),
    "music": Published(None, 660, 42.5),
    "speech": Published(None, 426, 60.4),
}


@CORPORA.register("musan")
class Musan(Corpus):
    """Every file is a "speaker" of its own: who speaks or plays does not matter here."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CorpusConfig):
        vocals: bool = setting(True, "false: leave out music with vocals")

    layout = """
noise/{free-sound,sound-bible}/noise-free-sound-0000.wav ...
music/{fma,fma-western-art,hd-classical,jamendo,rfm}/music-fma-0000.wav ..., ANNOTATIONS
speech/{librivox,us-gov}/speech-librivox-0000.wav ..."""
    licence = "CC BY 4.0"
    source = "Get it from https://www.openslr.org/17/ (11 GB; CC BY 4.0)."
    published = PUBLISHED

    def folders(self, part):
        return [part, f"musan/{part}"]

    def recordings(self, part):
        folder = self.folder(part)
        for path in self.walk(folder, (".wav",)):
            utt = os.path.splitext(os.path.basename(path))[0]
            yield Recording(utt, utt, f"{folder}/{path}")

    def chosen(self, found):
        found = super().chosen(found)
        if self.config.vocals or not found[0].utt.startswith("music"):
            return found
        vocals = read_vocals(self.folder("music"))
        strange = [file.utt for file in found if file.utt not in vocals]
        if strange:
            raise DataDirError(
                f"{self.folder('music')}: {len(strange)} files are in no ANNOTATIONS"
                f" ({some(strange)}). Set {self.key}.vocals: true, or fetch them again."
            )
        kept = [file for file in found if not vocals[file.utt]]
        self.notes.append(f"{len(found) - len(kept)} of {len(found)} pieces with vocals dropped")
        return kept


def read_vocals(folder):
    """utterance -> whether somebody sings, from the files <name> <genres> <Y|N> <artist>."""
    vocals = {}
    for path in sorted(folder.glob("*/ANNOTATIONS")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split()
            if len(fields) >= 3:
                vocals[fields[0]] = fields[2] == "Y"
    return vocals
