"""The header of AU files (Sun, NeXT): whether the samples are there."""

import os
import struct

from steps_py.audio.errors import WaveError
from steps_py.audio.headers.base import AudioInfo, libsndfile_info, size_of

UNKNOWN = 0xFFFFFFFF


def au_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of an open AU file; WaveError if it ends before its header says."""
    head = file.read(24)
    if len(head) < 24:
        raise WaveError(f"{path}: ends within its header. Fetch the file again.")
    order = ">" if head.startswith(b".snd") else "<"
    begin, num_bytes = struct.unpack(order + "II", head[4:12])
    missing = begin + num_bytes - size_of(file)
    if num_bytes != UNKNOWN and missing > 0:
        raise WaveError(
            f"{path}: truncated; the header promises {num_bytes} bytes of samples, {missing} of"
            " them are missing. Fetch it again."
        )
    return libsndfile_info(path, "AU")
