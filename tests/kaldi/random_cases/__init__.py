"""Command lines and inputs drawn at random, for each family of Kaldi's commands.

The golden files hold the built-in commands to what Kaldi did with 90 inputs; these are to
be run with both, on inputs that nobody picked: see tests/kaldi/test_random.py.

    KALDI_ROOT=/path/to/kaldi python -m tests.kaldi.random_cases --draws 300 --seed 1

A case is drawn from its family's name and a number, so it can be drawn again alone.  A
drawn command may be one that Kaldi refuses; then both must.  One module for related families;
each registers its functions in `tests.kaldi.random_cases.draw.FAMILIES`.
"""

from tests.kaldi.random_cases import (  # noqa: F401  the import registers their families
    audio,
    backend,
    cmvn_and_vad,
    features,
    network,
    tables,
    vectors,
)
