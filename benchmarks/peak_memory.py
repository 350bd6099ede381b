"""Run a stage and write the most memory that it held, in MB, to the file ``peak_mb``.

    python -m benchmarks.peak_memory steps_py.stages.combine_parts --parts ...

By VmHWM: unlike ru_maxrss, it starts afresh with exec.  An argument @FILE is that file's text.
"""

import importlib
import sys
from pathlib import Path


def main():
    module, *arguments = sys.argv[1:]
    arguments = [Path(a[1:]).read_text() if a.startswith("@") else a for a in arguments]
    importlib.import_module(module).main(arguments)
    status = Path("/proc/self/status").read_text().splitlines()
    peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    Path("peak_mb").write_text(f"{peak_kb / 1024:.0f}\n")


if __name__ == "__main__":
    main()
