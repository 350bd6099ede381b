"""python3 -m steps_py.kaldi <command> [options] <arguments>"""

import os
import sys

# One BLAS thread, as in a Kaldi build: a job takes the cores it was given, and sums
# come out the same on every machine.  Set before anything imports numpy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import warnings

from steps_py.formats import log
from steps_py.kaldi.commands import main


def _show(message, *place, **more):
    """A warning of numpy, on nan or overflow, without the line of this program."""
    log.warn(str(message))


warnings.showwarning = _show

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
