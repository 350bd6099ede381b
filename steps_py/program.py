"""`run` calls a main function as a program: a user's error is one line and exit status 1."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from steps_py.errors import StepsError

REMEDIES = {
    errno.ENOSPC: "Free some space and start the same command again.",
    errno.EDQUOT: "Free some of your quota and start the same command again.",
    errno.EACCES: "Check the permissions of the file and of its folder.",
}


def run(main: Callable[[], None]) -> None:
    """Call ``main()``; exit with status 1 and one line per fault on a StepsError or OSError.

    Each line begins with the name of the module that runs. Any other exception is a bug and
    keeps its traceback.
    """
    name = (getattr(sys.modules["__main__"], "__spec__", None) or main).name.rpartition(".")[2]
    try:
        main()
    except StepsError as error:
        sys.exit("\n".join(f"{name}: {line}" for line in str(error).splitlines()))
    except OSError as error:
        sys.exit(f"{name}: {describe(error)}")
    except KeyboardInterrupt:
        sys.exit(130)


def describe(error: OSError) -> str:
    """One line for an OSError: the file, the system's reason, and what to do if that is known.

    If the error names no file, the line names the place in the code.

    >>> describe(OSError(errno.ENOSPC, "No space left on device", "exp/x.ark"))
    'exp/x.ark: No space left on device. Free some space and start the same command again.'
    """
    if isinstance(error.filename, str | bytes | Path):
        where = os.fsdecode(error.filename)
    else:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        where = f"{last[0].name} ({last[0].filename}:{last[0].lineno})" if last else "the system"
    return f"{where}: {error.strerror or error}. {REMEDIES.get(error.errno, '')}".rstrip()
