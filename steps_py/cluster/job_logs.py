"""Why one job failed, by its own log and the exit status of its shell.

The cause is seldom the last line: behind the program that failed in a pipe stand those that
saw an empty input, and behind a stage's message whatever was still running.
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
    signal.SIGKILL: f"most often the system's answer to too little memory. {LESS_MEMORY}.",
    signal.SIGBUS: "most often a full disk or a full /dev/shm. Free some space.",
    signal.SIGSEGV: "a fault in a compiled program or library.",
    signal.SIGABRT: "a program ended itself.",
    signal.SIGTERM: "somebody or the system asked it to end. The same command goes on.",
    signal.SIGINT: "interrupted. The same command goes on.",
}


def causes(text, status=None, memory_kills=0):
    """Lines that say why a job failed, the first the most telling; [] if nothing does.

    Parameters
    ----------
    text : str
        The job's log.
    status : int or None
        Exit status of its shell, above 128 after a signal.
    memory_kills : int
        Processes that the system killed for want of memory during the run.

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
    said = errors if known else [*_missing_programs(text), *errors]
    killed = _signal_of(text, status)
    if killed and not (killed == signal.SIGPIPE and said):
        said.insert(0, describe_signal(killed, memory_kills))
    elif said and OUT_OF_MEMORY.search("\n".join(said)) and "Lower" not in said[0]:
        said[0] = f"out of memory: {said[0].rstrip('.')}. {LESS_MEMORY}."
    if status == 127 and not said:
        said.append("a program was not found")
    return said


def describe_signal(number, memory_kills=0):
    """One line for the signal that ended a job.

    >>> describe_signal(signal.SIGKILL, memory_kills=1)[:62]
    'killed by signal 9 (SIGKILL): the system ended it for want of '
    """
    try:
        name = f"{int(number)} ({signal.Signals(number).name})"
    except ValueError:
        name = str(int(number))
    why = SIGNALS.get(number, "")
    if number == signal.SIGKILL and memory_kills:
        why = f"the system ended it for want of memory. {LESS_MEMORY}."
    return f"killed by signal {name}: {why}".removesuffix(": ")


def last_lines(text, num=3):
    """The last lines of a log that say something, as many as there are up to `num`."""
    return [line.strip() for line in text.split("\n") if line.strip()][-num:]


def memory_kills():
    """Processes that the kernel has killed for want of memory since it started; 0 if unknown."""
    try:
        text = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    found = re.search(r"^oom_kill (\d+)$", text, re.M)
    return int(found[1]) if found else 0


def _missing_programs(text):
    names = [next(filter(None, found.groups())) for found in NO_PROGRAM.finditer(text)]
    return [
        f"the program {name} was not found. Install it, or put its folder on PATH; a command"
        " of a wav.scp can also be wrong there."
        for name in dict.fromkeys(names)
    ]


def _errors(text):
    """What the programs say: a stage's message whole, or Kaldi's first ERROR, or an exception."""
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
