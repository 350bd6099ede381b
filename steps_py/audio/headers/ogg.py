"""Ogg without decoding (Vorbis, Opus, FLAC, Speex): whether the file goes on to its end.

A file is a sequence of pages; a mark in its last page ends the stream.

Source: RFC 3533, section 6 (pages).
"""

import os

from steps_py.audio.errors import WaveError
from steps_py.audio.headers.base import AudioInfo, libsndfile_info, size_of

PAGE_HEADER = 27
MAX_PAGE = PAGE_HEADER + 255 + 255 * 255
END_OF_STREAM = 4


def ogg_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of an open Ogg file; WaveError if its last page is not there whole."""
    size = size_of(file)
    file.seek(max(0, size - 2 * MAX_PAGE))
    data = file.read()
    page = _last_page(data)
    if page is None:
        raise WaveError(f"{path}: damaged; no Ogg page is at its end. Fetch it again.")
    at, num_bytes = page
    if at + num_bytes > len(data):
        missing = at + num_bytes - len(data)
        raise WaveError(
            f"{path}: truncated; {missing} bytes of the last Ogg page are missing. Fetch it again."
        )
    if not data[at + 5] & END_OF_STREAM:
        there = libsndfile_info(path, "Ogg")
        raise WaveError(
            f"{path}: truncated; the last Ogg page does not end the stream,"
            f" {there.duration_sec:.2f} s are there. Fetch it again; if that is all, rewrite it:"
            f" ffmpeg -i {path} -c copy NEW.ogg"
        )
    return libsndfile_info(path, "Ogg")


def _last_page(data):
    """(position, bytes) of the last page that begins in `data`, or None."""
    at = len(data)
    while (at := data.rfind(b"OggS\0", 0, at)) >= 0:
        if at + PAGE_HEADER > len(data):
            return at, PAGE_HEADER  # cut off in its header
        num_segments = data[at + 26]
        sizes = data[at + PAGE_HEADER : at + PAGE_HEADER + num_segments]
        return at, PAGE_HEADER + num_segments + sum(sizes)
    return None
