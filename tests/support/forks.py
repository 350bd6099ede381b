"""The end of a fork that does the work of a program."""

import atexit
import os
import sys
import threading
import traceback


def end_as_a_program(main, last=lambda: None):
    """Call ``main()``, then ``last()``, and end this process with the exit code of a program.

    What is in memory is not released object by object: of all libraries, that takes a second.
    """
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    last()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
