"""The header of AIFF and AIFC files: whether the samples are there.

Source: Apple, "Audio Interchange File Format AIFF-C", 1991.
"""

import os
import struct

from steps_py.audio.errors import WaveError
from steps_py.audio.headers.base import AudioInfo, libsndfile_info, size_of


def aiff_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of an open AIFF file; WaveError if it ends before its header says."""
    size, at = size_of(file), 12
    while at + 8 <= size:
        file.seek(at)
        tag, num_bytes = struct.unpack(">4sI", file.read(8))
        end = at + 8 + num_bytes
        if tag == b"SSND" and end > size:
            raise WaveError(
                f"{path}: truncated; the header promises {num_bytes} bytes of samples,"
                f" {end - size} of them are missing. Fetch it again."
            )
        if tag == b"SSND":
            return libsndfile_info(path, "AIFF")
        at = end + num_bytes % 2
    raise WaveError(f"{path}: no samples; there is no chunk SSND. Fetch it again.")
