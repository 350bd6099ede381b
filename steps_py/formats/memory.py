"""Reuse of freed memory by malloc."""


def keep_freed_memory() -> None:
    """Let malloc keep freed blocks for the next utterance instead of returning them.

    glibc maps arrays above 128 KB from the system at each allocation, and page faults cost more
    than the arithmetic on them. It raises this threshold to the size of the largest mapped block
    that was freed. No effect with other C libraries.
    """
    import numpy as np  # start-up time

    np.empty(31 << 20, np.uint8)  # never touched, so without cost; the maximum is 32 MB
