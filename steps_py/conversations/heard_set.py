"""The recordings of a data/<set>/ of conversations, opened one after the other."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from steps_py.conversations.config import ConversationsConfig
from steps_py.conversations.sounds import open_sound_of
from steps_py.conversations.speech.base import Heard
from steps_py.data.data_dir import read_table
from steps_py.diarization.rttm import read_rttm
from steps_py.embeddings.long_features import LongFeatures
from steps_py.feats.front_end import FrontEnd
from steps_py.text_files import read_lines


class HeardSet:
    """Recordings with the features of an extractor.

    Parameters
    ----------
    folder : path
        As `steps_py.conversations.prepare.prepare` writes it.
    config : ConversationsConfig
        Channel and resampling are those of the set.
    front_end : FrontEnd
        Of the extractor.
    """

    def __init__(self, folder: str | Path, config: ConversationsConfig, front_end: FrontEnd):
        self._wavs = dict(read_table(Path(folder, "wav.scp")))
        self._config, self._front_end = config, front_end
        self._reference = _speech_of_reference(Path(folder))

    @property
    def names(self) -> list[str]:
        return list(self._wavs)

    def open(self, names: Sequence[str] | None = None) -> Iterator[Heard]:
        """Each recording, or those of `names`, in their order."""
        for name in self._wavs if names is None else names:
            sound = open_sound_of(
                self._wavs[name],
                name,
                self._front_end.sample_rate_hz,
                self._config.resample,
                self._config.channel,
            )
            features = LongFeatures(self._front_end, sound, name)
            yield Heard(sound, features, self._reference.get(name))


def _speech_of_reference(folder):
    """{recording: stretches of speech}, of speech.lab, or where it is empty of ref.rttm."""
    found: dict[str, list] = {}
    for _, line in read_lines(folder / "speech.lab"):
        name, begin, end = line.split()
        found.setdefault(name, []).append((float(begin), float(end)))
    if not found:
        for turn in read_rttm(folder / "ref.rttm"):
            found.setdefault(turn.recording, []).append((turn.start_sec, turn.end_sec))
    return found
