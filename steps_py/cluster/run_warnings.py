"""Warnings in the logs of a run's jobs, for the terminal at the end of the run."""

import re
from pathlib import Path

WARNING = re.compile(
    r"^WARNING\b|: (?:kept|dropped|excluded|skipped|left out) \d+|\bnot finite\b|no voiced frame"
)
MOST_LOGS = 10


def warning_lines(logs: list[tuple[str, Path]], since: float) -> list[str]:
    """One line for each log with warnings: how many, and the first.

    Parameters
    ----------
    logs : iterable of (str, path)
        A rule and the log of one of its jobs.
    since : float
        Time in s since the epoch; logs that are older are of another run.
    """
    lines = []
    for rule, log in logs:
        try:
            if Path(log).stat().st_mtime < since:
                continue
            text = Path(log).read_text(errors="replace")
        except OSError:  # a job without a log
            continue
        warnings = [line.strip() for line in text.splitlines() if WARNING.search(line)]
        if warnings:
            count = f"{len(warnings)} warnings, the first: " if len(warnings) > 1 else ""
            lines.append(f"{rule}: {count}{warnings[0]} (log: {log})")
    if len(lines) > MOST_LOGS:
        lines[MOST_LOGS:] = [f"and {len(lines) - MOST_LOGS} more logs with warnings below logs/"]
    return lines
