"""CHiME-5: dinner parties of four people (Barker et al., Interspeech 2018).

Utterances are those of the transcripts, from the microphones that their speaker wore; as in
egs/chime5 of Kaldi, redacted ones and those without length are left out, so that only the
speakers' numbers are compared.  Counts: https://www.chimechallenge.org/challenges/chime5/.
"""

import dataclasses
import json
import re

from steps_py.data.corpora import CORPORA, Corpus, CorpusConfig, Published, Recording, first_file
from steps_py.errors import DataDirError, some
from steps_py.settings.declare import setting
from steps_py.text_files import decode

PUBLISHED = {
    "train": Published(32, None, 40.5),
    "dev": Published(8, None, 4.5),
    "eval": Published(8, None, 5.2),
}
REDACTED = "[redacted]"


@CORPORA.register("chime5")
class Chime5(Corpus):
    """The recordings have two channels, of the left and the right ear."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CorpusConfig):
        channel: int | str | None = setting(1, "1: left, 2: right, or mix")

    layout = """
audio/{train,dev,eval}/S03_P09.wav ...        (or CHiME5/audio/...)
transcriptions/{train,dev,eval}/S03.json ..."""
    source = """
Ask for it at https://licensing.sheffield.ac.uk/product/chime5 (120 GB; not commercial)."""
    published = PUBLISHED

    def folders(self, part):
        return [f"transcriptions/{part}", f"CHiME5/transcriptions/{part}"]

    def files_read(self, part):
        folders = [self.root / name for name in self.folders(part)]
        transcripts = [path for folder in folders for path in sorted(folder.glob("*.json"))]
        return [*super().files_read(part), *transcripts]

    def audio_read(self, part):
        folder = next((f for f in self.folders(part) if (self.root / f).is_dir()), part)
        return self.root / folder.replace("transcriptions", "audio"), None

    def recordings(self, part):
        audio, gone = self.audio_read(part)[0], set()
        for transcript in sorted(self.folder(part).glob("*.json")):
            for number, entry in enumerate(read_transcript(transcript), 1):
                where = f"{transcript}: entry {number}"
                found = recording_of(entry, transcript.stem, audio, where)
                if found is None:
                    continue
                if first_file([found.path]):
                    yield found
                else:
                    gone.add(found.path)
        if gone and not self.config.partial:
            raise DataDirError(
                f"{self.name}.{part}: {len(gone)} recordings are not there ({some(sorted(gone))})."
                f" {self.fix_partial}"
            )

    def missing_part(self, part):
        missing, audio = super().missing_part(part), self.audio_read(part)[0]
        if missing is None and not audio.is_dir():
            return f"{self.key}.root: part '{part}' has no folder {audio}."
        return missing


def read_transcript(path):
    """The entries of a transcript, a list of dicts."""
    try:
        entries = json.loads(decode(path.read_bytes(), path))
    except json.JSONDecodeError as error:
        raise DataDirError(f"{path}: not JSON ({error}). Fetch it again.") from None
    if not isinstance(entries, list):
        raise DataDirError(f"{path}: expected a list of utterances. Fetch it again.")
    return entries


def recording_of(entry, session, audio, where):
    """The Recording of an entry of a transcript; None if it is redacted or has no length."""
    try:
        spk, words = entry["speaker"], entry["words"]
        begin, end = (seconds(entry[key]) for key in ("start_time", "end_time"))
    except (KeyError, TypeError, ValueError):
        raise DataDirError(
            f"{where}: has no speaker, words, start_time or end_time. Fetch it again."
        ) from None
    if REDACTED in words or end <= begin:
        return None
    utt = f"{spk}-{session}-{begin * 100:07.0f}-{end * 100:07.0f}"
    return Recording(utt, spk, f"{audio}/{session}_{spk}.wav", (begin, end))


def seconds(time: str | dict[str, str]) -> float:
    """A time in s, of the worn microphones if there is one for each device.

    >>> seconds({"original": "1:10:05.55", "U01": "1:10:05.61"})
    4205.55
    """
    text = time["original"] if isinstance(time, dict) else time
    if not re.fullmatch(r"\d+:\d+:\d+(\.\d+)?", text):
        raise ValueError(text)
    hours, minutes, rest = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)
