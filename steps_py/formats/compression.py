"""Compressed files, recognised by their first bytes, and the commands that unpack them.

Kaldi reads such files only through a pipe.
"""

COMPRESSED = (  # how a file begins, the name of its format, the command that unpacks it
    (b"\x1f\x8b", "gzip", "gunzip -c"),
    (b"BZh", "bzip2", "bunzip2 -c"),
    (b"\xfd7zXZ\0", "xz", "xz -dc"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -dc"),
    (b"\x1f\x9d", "compress", "uncompress -c"),
    (b"PK\x03\x04", "zip", "unzip -p"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "7z x -so"),
)
BZIP2_BLOCK = b"1AY&SY"  # after BZh and a digit: a key of a table may begin with BZh
LONGEST = 10  # bytes that are compared at most


def compression_of(start: bytes) -> tuple[str, str] | None:
    """(name of the format, command that unpacks) by the first bytes of a file, or None.

    >>> import gzip
    >>> compression_of(gzip.compress(b"utt1 [ 1 2 ]"))
    ('gzip', 'gunzip -c')
    >>> compression_of(b"BZhang-utt1 [ 1 2 ]") is None
    True
    """
    for magic, name, command in COMPRESSED:
        if start.startswith(magic) and (name != "bzip2" or start[4:10] == BZIP2_BLOCK):
            return name, command
    return None
