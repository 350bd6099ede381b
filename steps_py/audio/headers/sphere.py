"""The header of NIST SPHERE files: whether the samples are there.

Source: NIST, "SPHERE software package, version 2.6", file header.
"""

import os

from steps_py.audio.errors import WaveError, truncated
from steps_py.audio.headers.base import AudioInfo, size_of

FIRST_BYTES = 16  # NIST_1A, and the size of the header, on lines of 8 bytes
MAX_HEADER = 1 << 20


def sphere_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of an open SPHERE file; WaveError if it ends before its header says."""
    fields, begin = read_fields(file, path)
    try:
        rate_hz, num_channels = int(fields["sample_rate"]), int(fields.get("channel_count", 1))
        sample_bytes = int(fields.get("sample_n_bytes", 2))
        coding = fields.get("sample_coding", "pcm")
        step = num_channels * sample_bytes
        available = (size_of(file) - begin) // step
        num_samples = int(fields.get("sample_count", available))
        if min(rate_hz, step) <= 0:
            raise ValueError
    except (KeyError, ValueError, ZeroDivisionError):
        raise WaveError(
            f"{path}: damaged; the NIST header has no good sample_rate, channel_count,"
            " sample_n_bytes or sample_count. Fetch it again."
        ) from None
    is_compressed = "embedded" in coding
    if is_compressed:
        _require_sph2pipe(path, coding)
    if not is_compressed and available < num_samples:
        raise truncated(path, num_samples / rate_hz, (num_samples - available) / rate_hz)
    return AudioInfo(rate_hz, num_channels, num_samples, "NIST sphere")


def read_fields(file, path: str | os.PathLike) -> tuple[dict[str, str], int]:
    """(the fields of the header, its size in bytes) of a file that is at its start."""
    first = file.read(FIRST_BYTES)
    size_text = first[8:].strip()
    num_bytes = int(size_text) if size_text.isdigit() else 0
    text = file.read(num_bytes - FIRST_BYTES) if FIRST_BYTES < num_bytes <= MAX_HEADER else b""
    if len(text) < num_bytes - FIRST_BYTES or b"end_head" not in text:
        raise WaveError(f"{path}: ends within its header. Fetch the file again.")
    fields = {}
    for line in text.partition(b"end_head")[0].decode(errors="replace").splitlines():
        words = line.split(maxsplit=2)
        if len(words) == 3:
            fields[words[0]] = words[2].strip()
    return fields, num_bytes


def _require_sph2pipe(path, coding):
    import shutil  # start-up time

    if shutil.which("sph2pipe") is None:
        raise WaveError(
            f"{path}: samples compressed ({coding}), which only the program sph2pipe decodes."
            " Install sph2pipe (https://www.openslr.org/3/) and put it on PATH."
        )
