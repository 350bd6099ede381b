"""Why a run failed, as its last words: one line for each failed job."""

import re
from pathlib import Path

FAILED = re.compile(r"^Error in rule (\w+):\n((?:    .*\n)*)", re.M)
LOG = re.compile(r"^    log: (\S+?),? ", re.M)


def failure_lines(snakemake_log):
    """``<rule>: <last line of the job's log> (log: <file>)`` for each failed job, in order.

    >>> failure_lines("Error in rule score_plda:\\n    jobid: 1\\n    message: None\\n")
    ['score_plda failed and left no log']
    """
    lines = []
    for rule, block in FAILED.findall(snakemake_log):
        log = LOG.search(block)
        said = last_line(log[1]) if log else None
        if said:
            line = f"{rule}: {said.removeprefix(f'{rule}: ')} (log: {log[1]})"
        else:
            line = f"{rule} failed and left no log"
        if line not in lines:
            lines.append(line)
    return lines


def last_line(path):
    """The last line of a log that says something, or None."""
    try:
        lines = Path(path).read_text(errors="replace").split("\n")
    except OSError:
        return None
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
