"""Time whole processes: a built-in command and Kaldi's of the same name, alternating.

Both run the same command line on the same inputs, on one core with one BLAS thread, as A B A B ...;
the result is the median of user + system CPU seconds, start-up and child processes included. Wall
time is reported too, but depends more on the load of the machine.
"""

import dataclasses
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = (ROOT / "steps_py/kaldi/bin",)
KALDI_FOLDERS = ("featbin", "ivectorbin", "nnet3bin", "gmmbin", "fgmmbin", "bin")
NOT_RUN = float("nan")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One line of the table.

    `argv` is the command line of both sides. `at_most_ratio` is the target of the ratio of our time
    to Kaldi's, or to that of `ratio_to`; `at_most_sec` that of our time per unit; `at_most_mb`
    that of the memory of a case that writes it to the file ``peak_mb`` (benchmarks.peak_memory);
    `at_most_memory_ratio` that of our memory to Kaldi's.
    A run does `units` of work, for example 20 utterances; all times are per unit. `rival` is the
    command line for the comparison if Kaldi has no such command, or is not installed; its run
    does `rival_units` of work, if that is not as much.
    """

    name: str
    argv: tuple
    at_most_ratio: float | None = None
    at_most_sec: float | None = None
    at_most_mb: float | None = None
    at_most_memory_ratio: float | None = None
    units: int = 1
    rival: tuple | None = None
    rival_name: str = ""
    rival_units: int | None = None
    ratio_to: str = "Kaldi"


@dataclasses.dataclass(frozen=True)
class Usage:
    """Resources of one or several runs.

    `peak_mb` is what the command reports (benchmarks.peak_memory), otherwise the maximum resident
    set of its processes, which is at least that of this process.
    """

    cpu_sec: float
    wall_sec: float
    peak_mb: float = NOT_RUN


@dataclasses.dataclass(frozen=True)
class Row:
    """Medians of a case, per unit; nan where that side did not run."""

    case: Case
    ours: Usage
    other: Usage
    other_name: str

    @property
    def ratio(self):
        return self.ours.cpu_sec / self.other.cpu_sec

    @property
    def memory_ratio(self):
        return self.ours.peak_mb / self.other.peak_mb

    @property
    def verdict(self):
        """Whether the target is met: yes, no, or '' if it was not measured."""
        if self.case.at_most_mb is not None and not self.ours.peak_mb <= self.case.at_most_mb:
            return "no"
        if self.case.at_most_sec is not None:
            return "yes" if self.ours.cpu_sec <= self.case.at_most_sec else "no"
        if self.case.at_most_ratio is None or self.other_name != self.case.ratio_to:
            return ""
        at_most = self.case.at_most_memory_ratio
        if at_most is not None and not self.memory_ratio <= at_most:
            return "no"
        return "yes" if self.ratio <= self.case.at_most_ratio else "no"


def median_usage(usages, units=1):
    """The medians of CPU time and of wall time per unit, and the maximum of memory.

    >>> median_usage([Usage(4.0, 9.0, 70), Usage(2.0, 8.0, 90), Usage(3.0, 30.0, 80)], units=2)
    Usage(cpu_sec=1.5, wall_sec=4.5, peak_mb=90)
    """
    if not usages:
        return Usage(NOT_RUN, NOT_RUN)
    cpu_sec = statistics.median(usage.cpu_sec for usage in usages)
    wall_sec = statistics.median(usage.wall_sec for usage in usages)
    return Usage(cpu_sec / units, wall_sec / units, max(usage.peak_mb for usage in usages))


def environment(folders):
    """The environment in which the programs of `folders` come first."""
    path = [str(folder) for folder in folders] + [str(Path(sys.executable).parent)]
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOTO_NUM_THREADS"), "1"
    )
    path.append(os.environ.get("PATH", ""))
    return os.environ | threads | {"PATH": ":".join(path), "PYTHONPATH": str(ROOT), "LC_ALL": "C"}


def kaldi_folders(command):
    """Where KALDI_ROOT has its programs; None if it is not set or lacks `command`."""
    root = os.environ.get("KALDI_ROOT")
    folders = [Path(root).resolve() / "src" / name for name in KALDI_FOLDERS] if root else []
    return folders if any((folder / command).is_file() for folder in folders) else None


def run_once(argv, env, folder):
    """Run a command line in `folder`; its Usage, with that of the processes it waited for."""
    with open(Path(folder) / "stderr", "w+b") as log, open(os.devnull, "wb") as null:
        started = time.perf_counter()
        process = subprocess.Popen(argv, env=env, cwd=folder, stdout=null, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        wall_sec = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            tail = log.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(argv)}\n{tail}\nexit code {process.returncode}")
    peak_mb = read_peak_mb(folder) or used.ru_maxrss / 1024
    return Usage(used.ru_utime + used.ru_stime, wall_sec, peak_mb)


def read_peak_mb(folder):
    """The peak memory that the command reported; None if it did not. The file is removed."""
    path = Path(folder) / "peak_mb"
    if not path.exists():
        return None
    peak_mb = float(path.read_text())
    path.unlink()
    return peak_mb


def measure(case, folder, num_runs):
    """The Row of a case: `num_runs` alternating runs of each side, after a warm-up run of each."""
    sides = [(case.argv, environment(OURS))]
    kaldi = kaldi_folders(case.argv[0])
    if kaldi:
        sides.append((case.argv, environment(kaldi)))
    elif case.rival:
        sides.append((case.rival, environment(OURS)))
    usages = [[] for _ in sides]
    for run in range(num_runs + 1):
        for (argv, env), done in zip(sides, usages, strict=True):
            usage = run_once(argv, env, folder)
            if run:
                done.append(usage)
    units = [case.units, (not kaldi and case.rival_units) or case.units]
    medians = [median_usage(*done) for done in zip(usages, units, strict=False)]
    medians.append(median_usage([]))
    return Row(
        case, medians[0], medians[1], "Kaldi" if kaldi else case.rival_name if case.rival else ""
    )


def pin_to_one_core():
    """This process, and all it starts, to one core: the last it may use."""
    pin_to_cores(1)


def pin_to_cores(num_cores):
    """This process, and all it starts, to so many of the cores that it may use: the last."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-num_cores:])


HEADER = (
    *("case", "ours", "wall", "MB", "other", "wall", "MB", "ratio"),
    *("target", "met", "beside"),
)


def table_row(row):
    """The texts below HEADER.

    >>> case = Case(name="x", argv=("x",), at_most_ratio=1.5)
    >>> table_row(Row(case, Usage(4.0, 4.5), Usage(2.0, 2.25), "Kaldi"))
    ('x', '4.000', '4.500', '-', '2.000', '2.250', '-', '2.00', 'ratio <= 1.50', 'no', 'Kaldi')
    """
    case, numbers = row.case, []
    for usage in (row.ours, row.other):
        peak = "-" if usage.peak_mb != usage.peak_mb else f"{usage.peak_mb:.0f}"
        numbers += [_seconds(usage.cpu_sec), _seconds(usage.wall_sec), peak]
    targets = []
    if case.at_most_sec is not None:
        targets.append(f"<= {case.at_most_sec:g} s")
    if case.at_most_mb is not None:
        targets.append(f"<= {case.at_most_mb:g} MB")
    if case.at_most_ratio is not None:
        targets.append(f"ratio <= {case.at_most_ratio:.2f}")
    if case.at_most_memory_ratio is not None:
        targets.append(f"memory <= {case.at_most_memory_ratio:.2f}")
    ratio = "-" if row.ratio != row.ratio else f"{row.ratio:.2f}"
    target = ", ".join(targets) or "-"
    return (case.name, *numbers, ratio, target, row.verdict or "-", row.other_name or "-")


def _seconds(value):
    if value != value:  # nan: not run
        return "-"
    return f"{value:.3f}" if value >= 0.1 else f"{value:.4f}"
