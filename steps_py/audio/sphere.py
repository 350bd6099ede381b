"""Samples of NIST SPHERE files: 16-bit PCM of both byte orders, mu-law and A-law.

Samples that shorten has compressed are left to the program sph2pipe. Sources: NIST, "SPHERE
software package, version 2.6"; ITU-T G.711 for the two laws.

Shapes: C channels, N samples of each.
"""

import functools
import os
from typing import TYPE_CHECKING

from steps_py.audio.errors import NotDecodable, WaveError
from steps_py.audio.file_info import open_audio
from steps_py.audio.headers.sphere import read_fields, sphere_info
from steps_py.audio.wave import Wave, samples_in

if TYPE_CHECKING:
    import numpy as np

MU_LAW, A_LAW = ("ulaw", "mu-law", "mulaw"), ("alaw", "a-law")


def read_sphere(path: str | os.PathLike, max_sec: float | None = None) -> Wave:
    """The Wave of a SPHERE file, all channels, or its first `max_sec`.

    Raises
    ------
    NotDecodable
        If the samples are compressed, or of a kind that only sph2pipe knows.
    WaveError
        If the file is damaged or truncated.
    """
    with open_audio(path) as file:
        info = sphere_info(file, path)
        file.seek(0)
        fields, begin = read_fields(file, path)
        dtype, table = _sample_type(fields, path)
        num_samples = info.num_samples
        if max_sec is not None:
            num_samples = min(num_samples, samples_in(max_sec, info.rate_hz))
        file.seek(begin)
        data = file.read(num_samples * info.num_channels * dtype.itemsize)
    if not data:
        raise WaveError(f"{path}: no samples. Fetch the file again.")
    import numpy as np  # start-up time

    flat = np.frombuffer(data, dtype)
    flat = flat if table is None else table[flat]
    samples_NC = flat.reshape(-1, info.num_channels)
    return Wave(info.rate_hz, np.ascontiguousarray(samples_NC.T, np.float32))


def is_pcm(path: str | os.PathLike) -> bool:
    """Whether the samples are PCM, which sph2pipe writes without its option -p too."""
    with open_audio(path) as file:
        return read_fields(file, path)[0].get("sample_coding", "pcm").startswith("pcm")


def _sample_type(fields, path):
    """(numpy dtype of the samples, table of their values or None)."""
    import numpy as np  # start-up time

    coding, num_bytes = fields.get("sample_coding", "pcm"), fields.get("sample_n_bytes", "2")
    if coding == "pcm" and num_bytes == "2":
        order = ">" if fields.get("sample_byte_format", "01") == "10" else "<"
        return np.dtype(f"{order}i2"), None
    if coding in MU_LAW and num_bytes == "1":
        return np.dtype("u1"), mu_law_values()
    if coding in A_LAW and num_bytes == "1":
        return np.dtype("u1"), a_law_values()
    raise NotDecodable(
        f"{path}: samples of {num_bytes} bytes, coded as {coding}, which only sph2pipe decodes."
        f" Decode it in wav.scp: sph2pipe -f wav -p {path} |"
    )


@functools.cache
def mu_law_values() -> "np.ndarray":
    """The sample (256,) of each byte of mu-law, int16.

    >>> mu_law_values()[[0x00, 0x7F, 0x80, 0xFF]].tolist()
    [-32124, 0, 32124, 0]
    """
    import numpy as np  # start-up time

    code = ~np.arange(256, dtype=np.uint8)
    size = ((code & 15).astype(np.int32) * 8 + 132 << (code >> 4 & 7)) - 132
    return np.where(code & 128, -size, size).astype(np.int16)


@functools.cache
def a_law_values() -> "np.ndarray":
    """The sample (256,) of each byte of A-law, int16.

    >>> a_law_values()[[0x2A, 0x55, 0xAA, 0xD5]].tolist()
    [-32256, -8, 32256, 8]
    """
    import numpy as np  # start-up time

    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = np.where(exponent, mantissa * 16 + 264 << np.maximum(exponent - 1, 0), mantissa * 16 + 8)
    return np.where(code & 128, size, -size).astype(np.int16)
