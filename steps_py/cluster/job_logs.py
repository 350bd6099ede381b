"""Why one job failed, by its own log and the exit status of its shell.

The cause is seldom the last line: programs later in a pipe report an empty input after the one
that failed, and processes that were still running write after a stage's message.
"""

import re
import signal
from pathlib import Path

STAGES = [path.stem for path in Path(__file__).parents[1].glob("stages/[!_]*.py")]

OUT_OF_MEMORY = re.compile(
    r"MemoryError|cannot allocate memory|std::bad_alloc|can't allocate memory|out of memory"
    r"|oom.?kill",
    re.I,
)
NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.I)
NO_PROGRAM = re.compile(
    r"^(?:.*/)?(?:ba|da|z|k)?sh: (?:line )?(?:\d+: )?(?P<first>\S+): (?:command )?not found$"
    r"|^env: '(?P<second>[^']+)': No such file or directory$"
    r"|^\S*sh: (?:line )?(?:\d+: )?(?P<third>/\S+): No such file or directory$",
    re.M,
)
KALDI_ERROR = re.compile(r"^(?:ASSERTION_FAILED|ERROR) \(.*$", re.M)
STAGE_LINES = re.compile(rf"^(?:(?:{'|'.join(STAGES)}): .*\n?)+", re.M)
EXCEPTION = re.compile(
    r"^(?!subprocess\.)[\w.]*(?:Error|Exception|Interrupt|Warning|Exit|Iteration)(?:: .*)?$", re.M
)
KILLED = re.compile(r"^\S*sh: line \d+: +\d+ (Killed|Bus error|Segmentation fault|Aborted)", re.M)
SIGNAL_NAMES = {
    "Killed": signal.SIGKILL,
    "Bus error": signal.SIGBUS,
    "Segmentation fault": signal.SIGSEGV,
    "Aborted": signal.SIGABRT,
}
STOPPED = re.compile(r"train: stopped by SIG.*")  # the training's own line, with a checkpoint
STOPPED_STATUS = (128 + signal.SIGTERM, 128 + signal.SIGINT, None)
LESS_MEMORY = "Run fewer jobs at a time (--cores), or on a machine with more memory"
SIGNALS = {
    signal.SIGKILL: f"usually because the host ran out of memory. {LESS_MEMORY}.",
    signal.SIGBUS: "most often a full disk or a full /dev/shm. Free some space.",
    signal.SIGSEGV: "an error in a compiled program or library.",
    signal.SIGABRT: "a program aborted.",
    signal.SIGTERM: "stopped by a user or the system. Start the same command again to continue.",
    signal.SIGINT: "interrupted. Start the same command again to continue.",
}


def causes(text: str, status: int | None = None, memory_kills: int = 0) -> list[str]:
    """Lines that say why a job failed, the most informative first; [] if none is found.

    Parameters
    ----------
    text : str
        The job's log.
    status : int or None
        Exit status of its shell, above 128 after a signal.
    memory_kills : int
        Number of processes that the kernel killed for lack of memory during the run.

    >>> causes("ERROR (compute-mfcc-feats:main()) no bin\\nLOG (copy-feats:main()) Copied 0\\n")
    ['ERROR (compute-mfcc-feats:main()) no bin']
    >>> causes("train: epoch 1 of 3\\n", 137)[0][:27]
    'killed by signal 9 (SIGKILL'
    """
    stopped = STOPPED.findall(text)
    if stopped and status in STOPPED_STATUS:
        return stopped[-1:]
    errors = _errors(text)
    known = any(re.search("program .* (not found|cannot be run)", line) for line in errors)
    lines = errors if known else [*_missing_programs(text), *errors]
    killed = _signal_of(text, status)
    if killed and not (killed == signal.SIGPIPE and lines):
        lines.insert(0, describe_signal(killed, memory_kills))
    elif lines and OUT_OF_MEMORY.search("\n".join(lines)) and "Lower" not in lines[0]:
        lines[0] = f"out of memory: {lines[0].rstrip('.')}. {LESS_MEMORY}."
    if status == 127 and not lines:
        lines.append("a program was not found")
    return lines


def describe_signal(number, memory_kills: int = 0) -> str:
    """One line for the signal that ended a job.

    >>> describe_signal(signal.SIGKILL, memory_kills=1)[:63]
    'killed by signal 9 (SIGKILL): the kernel killed it because the '
    """
    try:
        name = f"{int(number)} ({signal.Signals(number).name})"
    except ValueError:
        name = str(int(number))
    why = SIGNALS.get(number, "")
    if number == signal.SIGKILL and memory_kills:
        why = f"the kernel killed it because the host ran out of memory. {LESS_MEMORY}."
    return f"killed by signal {name}: {why}".removesuffix(": ")


def last_lines(text: str, num: int = 3) -> list[str]:
    """The last `num` lines of a log that are not blank."""
    return [line.strip() for line in text.split("\n") if line.strip()][-num:]


def memory_kills():
    """Number of processes that the kernel has killed for lack of memory; 0 if unknown."""
    try:
        text = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    found = re.search(r"^oom_kill (\d+)$", text, re.M)
    return int(found[1]) if found else 0


def _missing_programs(text):
    names = [next(filter(None, found.groups())) for found in NO_PROGRAM.finditer(text)]
    return [
        f"the program {name} was not found. Install it, or add its folder to PATH; if it is in a"
        " pipe of wav.scp, check its spelling there."
        for name in dict.fromkeys(names)
    ]


def _errors(text):
    """The first ERROR of a Kaldi command, the last message of a stage, or the last exception."""
    stages = [found.group().splitlines() for found in STAGE_LINES.finditer(text)]
    kaldi = KALDI_ERROR.findall(text)
    if kaldi:
        return kaldi[:1]
    if stages:
        return stages[-1]
    full = [line.strip() for line in text.splitlines() if NO_SPACE.search(line)]
    return full[:1] or [line.strip() for line in EXCEPTION.findall(text)[-1:]]


def _signal_of(text, status):
    if status is not None and 128 < status < 193:
        return status - 128
    found = KILLED.search(text)
    return SIGNAL_NAMES[found[1]] if found else None
