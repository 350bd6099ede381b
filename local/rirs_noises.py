"""RIRS_NOISES: room impulse responses, simulated and real (Ko et al., ICASSP 2017).

A part is what a ``rir_list`` names, as in Kaldi: lines of options, of which the last
word is the file, ``RIRS_NOISES/...`` whatever the folder is called on this disk.
"""

import dataclasses
import shlex

from steps_py.data.corpora import CORPORA, Corpus, CorpusConfig, Recording, make_id
from steps_py.errors import DataDirError

LISTS = {
    "smallroom": "simulated_rirs/smallroom",
    "mediumroom": "simulated_rirs/mediumroom",
    "largeroom": "simulated_rirs/largeroom",
    "real": "real_rirs_isotropic_noises",
}


@CORPORA.register("rirs_noises")
class RirsNoises(Corpus):
    """Every response is a "speaker" of its own; of one with several channels, the first."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CorpusConfig):
        channel: int | str | None = 1

    layout = """
simulated_rirs/{smallroom,mediumroom,largeroom}/rir_list, Room001/Room001-00001.wav ...
real_rirs_isotropic_noises/rir_list, *.wav"""
    licence = "Apache-2.0"
    source = "Get it from https://www.openslr.org/28/ (1.3 GB; Apache 2.0)."

    def parts(self):
        return list(LISTS)

    def folders(self, part):
        return [LISTS[part], f"RIRS_NOISES/{LISTS[part]}"]

    def files_read(self, part):
        lists = (self.root / folder / "rir_list" for folder in self.folders(part))
        return [*super().files_read(part), *lists]

    def recordings(self, part):
        folder = self.folder(part)
        top = folder.parents[LISTS[part].count("/")]
        path = folder / "rir_list"
        if not path.is_file():
            raise DataDirError(f"{path}: there is no such file. Fetch the corpus again.")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = shlex.split(line)
            if not words:
                continue
            file = words[-1].removeprefix("./").removeprefix("RIRS_NOISES/")
            if not file.endswith(".wav"):
                raise DataDirError(f"{path}:{number}: names no wav file: {line!r}.")
            utt = make_id(part, file.rpartition("/")[2].removesuffix(".wav"))
            yield Recording(utt, utt, f"{top}/{file}")
