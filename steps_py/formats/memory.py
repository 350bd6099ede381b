"""Memory that a command uses again and again."""


def keep_freed_memory():
    """Have malloc keep what is freed for the next utterance, rather than give it back.

    Arrays of some 100 KB are what malloc takes from the system each time anew, and fresh
    memory costs more than the arithmetic on it.  The C library of Linux (glibc) raises
    its limit to the largest block that it has seen freed; others do nothing here.
    """
    import numpy as np  # start-up time

    np.empty(31 << 20, np.uint8)  # never touched, so free of cost; 32 MB is the most that counts
