"""Stages: thin command lines, one for each rule that is not a Kaldi command.

A stage parses its arguments, calls the library once and writes its outputs.
`run` turns a user's mistake into one line on stderr and exit code 1; a traceback
means a bug of ours.
"""

import errno
import os
import sys
import traceback
from pathlib import Path

from steps_py.errors import StepsError


def run(main):
    """Call ``main()`` as a program: exit 1 with one line for what a user can mend."""
    stage = (getattr(sys.modules["__main__"], "__spec__", None) or main).name.rpartition(".")[2]
    try:
        main()
    except StepsError as error:
        sys.exit("\n".join(f"{stage}: {line}" for line in str(error).splitlines()))
    except OSError as error:
        sys.exit(f"{stage}: {describe(error)}")
    except KeyboardInterrupt:
        sys.exit(130)


def describe(error):
    """One line for an OSError: the file, the system's reason, what to do where it is known.

    An error that names no file is told with the place in the code.

    >>> describe(OSError(errno.ENOSPC, "No space left on device", "exp/x.ark"))
    'exp/x.ark: No space left on device. Free some space and start the same command again.'
    """
    cure = {
        errno.ENOSPC: " Free some space and start the same command again.",
        errno.EDQUOT: " Free some of your quota and start the same command again.",
        errno.EACCES: " Check who may read and write there.",
    }.get(error.errno, "")
    if isinstance(error.filename, str | bytes | Path):
        where = os.fsdecode(error.filename)
    else:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        where = f"{last[0].name} ({last[0].filename}:{last[0].lineno})" if last else "the system"
    return f"{where}: {error.strerror or error}.{cure}"
