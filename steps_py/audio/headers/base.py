"""What the header of an audio file says, whatever its format."""

import os
from dataclasses import dataclass

from steps_py.audio.errors import NotDecodable


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of a recording says; `num_samples` of each channel."""

    rate_hz: int
    num_channels: int
    num_samples: int
    kind: str = "WAV"  # a name of steps_py/audio/headers/kinds.py
    is_16bit: bool = True  # what decodes it gives the 16-bit samples that Kaldi reads

    @property
    def duration_sec(self) -> float:
        return self.num_samples / self.rate_hz


def size_of(file) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def libsndfile_info(path: str | os.PathLike, kind: str) -> AudioInfo:
    """The AudioInfo by libsndfile, where the number of samples takes a decoder to know."""
    import soundfile  # here for start-up time

    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip(" .").replace(". ", "; ")
        raise NotDecodable(f"{path}: {reason}. Is it damaged? Fetch it again.") from None
    return AudioInfo(info.samplerate, info.channels, info.frames, kind, is_16bit=False)
