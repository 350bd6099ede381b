"""The file of Kaldi's option --cached-compiler-out: options and compiled computations.

Nothing is compiled here, so a cache has no computations; Kaldi reads it and compiles its own.
Sources: src/nnet3/nnet-optimize.cc (NnetOptimizeOptions::Write), ComputationCache::Write.
"""

from steps_py.formats.basic_types import MARKER, encode_int

FLAGS = [
    "optimize",
    "consolidate-model-update",
    "propagate-in-place",
    "backprop-in-place",
    "optimize-row-ops",
    "split-row-ops",
    "extend-matrices",
    "convert-addition",
    "remove-assignments",
    "allow-left-merge",
    "allow-right-merge",
    "initialize-undefined",
    "move-sizing-commands",
    "allocate-from-other",
    "snip-row-ops",
]
_TIMES = (
    ("MinDerivTime", -(2**31)),
    ("MaxDerivTime", 2**31 - 1),
    ("MaxDerivTimeRelative", 2**31 - 1),
)


def empty_cache() -> bytes:
    """A binary file with the default options and no computations."""
    parts = [MARKER, b"<NnetOptimizeOptions> "]
    for flag in FLAGS[:-1]:
        parts += [_token(flag), b"T"]
    for name, time in _TIMES:
        parts += [f"<{name}> ".encode(), encode_int(time)]
    parts += [_token(FLAGS[-1]), b"T", b"<MemoryCompressionLevel> ", encode_int(1)]
    parts += [b"</NnetOptimizeOptions> ", b"<ComputationCacheSize> ", encode_int(0)]
    return b"".join([*parts, b"<ComputationCache> "])


def _token(flag):
    return f"<{flag.title().replace('-', '')}> ".encode()
