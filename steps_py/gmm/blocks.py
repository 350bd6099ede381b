"""Blocks of rows that keep the memory of a computation bounded."""

_BLOCK_BYTES = 1 << 25


def row_blocks(num_rows: int, row_bytes: int):
    """Slices over `num_rows` rows, each of about 32 MiB of `row_bytes` per row.

    >>> list(row_blocks(5, 1 << 24))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, num_rows, size):
        yield slice(start, min(start + size, num_rows))
