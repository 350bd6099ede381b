"""Counter-based random numbers: a stream is determined by a name, not by earlier draws.

`Draws` is plain Python on a hash function: its numbers are the same on every machine and with
every version of every library. `generator` is for arrays.
"""

import hashlib
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Draws:
    """A stream of random numbers for ``(seed, kind, name)``.

    >>> first, again = Draws(1, "noise", "utt1"), Draws(1, "noise", "utt1")
    >>> [first.below(6) for _ in range(9)] == [again.below(6) for _ in range(9)]
    True
    >>> Draws(1, "noise", "utt1").uniform() == Draws(1, "music", "utt1").uniform()
    False
    """

    __slots__ = ("_block", "_number", "_source")

    def __init__(self, seed: int, kind: str, name: str):
        self._source = _hash(seed, kind, 64)
        self._source.update(name.encode())
        self._number = 0
        self._block = iter(())

    def word(self) -> int:
        """The next 64 random bits."""
        for word in self._block:
            return word
        block = self._source.copy()
        block.update(self._number.to_bytes(8, "little"))
        self._number += 1
        self._block = iter(struct.unpack("<8Q", block.digest()))
        return next(self._block)

    def below(self, number: int) -> int:
        """An integer from 0 to ``number - 1``."""
        return self.word() * number >> 64

    def uniform(self) -> float:
        """A number from 0 to just below 1."""
        return (self.word() >> 11) * 2.0**-53

    def choice(self, items):
        return items[self.below(len(items))]

    @staticmethod
    def ranks(seed: int, kind: str, names: Iterable[str]) -> bytes:
        """Eight random bytes (a little-endian number) for each name, joined."""
        empty = _hash(seed, kind, 8)
        digests = []
        for name in names:
            state = empty.copy()
            state.update(name.encode())
            digests.append(state.digest())
        return b"".join(digests)


def generator(seed: int, *names) -> "np.random.Generator":
    """A numpy Generator for ``(seed, *names)``, independent of all other draws.

    >>> a, b = generator(1, "id10001", "noise"), generator(1, "id10001", "noise")
    >>> float(a.random()) == float(b.random())
    True
    >>> float(a.random()) == float(generator(2, "id10001", "noise").random())
    False
    """
    import numpy as np  # start-up time

    text = "\0".join([str(seed), *map(str, names)])
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def _hash(seed, kind, size):
    return hashlib.blake2b(f"{seed}\0{kind}\0".encode(), digest_size=size)
