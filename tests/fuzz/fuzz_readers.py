"""Feed the readers random and damaged input, and see that each answers with a StepsError.

    python -m tests.fuzz.fuzz_readers --inputs 1000000 --seed 1
    python -m tests.fuzz.fuzz_readers --replay build/fuzz_failures/plda-81.bin    # one input again

An input is bytes at random, or a valid object changed: bits flipped, cut off, joined with
another, counts made huge, pieces repeated.  A fault is any other exception than a StepsError,
a message with a line that does not begin with its place, or of more than 2,000 characters, an
input that takes too long or too much memory, and a valid input that reads as something else.
Input number n of a seed is always the same; one that shows a fault is kept in a file.
"""

import argparse
import collections
import contextlib
import io
import os
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
from tqdm import tqdm

from steps_py.errors import StepsError
from tests.fuzz.fuzz_targets import close_files, targets

MAX_SEC = 5.0  # of wall time, as other programs may have the machine too
MAX_GROWTH_MB = 64
ADDRESS_SPACE_MB = 1024  # beyond what the process has at the start
LONGEST_MESSAGE = 2000
COUNTS = [0, -1, 1, 2, 255, 65536, 2**24, 2**30, 2**31 - 1, -(2**31)]
WORDS = [
    *(b"\0B", b"FM ", b"DM ", b"FV ", b"CM ", b"CM2 ", b"CM3 ", b" [ ", b" ]\n", b"\n", b"\n\n"),
    *(b" ", b"\t", b"\r\n", b"nan", b"inf", b"-1", b"1e999", b"1_0", b"0x1", b"99999999999"),
    *(b":", b",", b"=", b"[0:1]", b"ark:", b"(", b")", b"<", b"\xff\xff", b"\xe2\x80\xa8", b"--"),
]


_KIND = re.compile(r": .* at |lines: .*|\d+ (characters: .*|MB.*)", re.DOTALL)


class TooSlow(BaseException):
    """Raised by the watchdog; no `except Exception` on the way may catch it."""


def _random(rng, data, other):
    return rng.randbytes(rng.randrange(64))


def _start_then_random(rng, data, other):
    return data[: rng.randrange(len(data) + 1)] + rng.randbytes(rng.randrange(40))


def _cut(rng, data, other):
    return data[: rng.randrange(len(data) + 1)]


def _flip(rng, data, other):
    data = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 2, 5))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _set(rng, data, other):
    data = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 2, 4))):
        data[rng.randrange(len(data))] = rng.choice((0, 255, 127, 128, 10, 32, rng.randrange(256)))
    return bytes(data)


def _huge_count(rng, data, other):
    places = [m.end() for m in re.finditer(rb"\x04|data|fmt |CM. |CM ", data)] or [len(data) // 2]
    at = rng.choice(places)
    order = rng.choice("<>")
    return data[:at] + struct.pack(order + "i", rng.choice(COUNTS)) + data[at + 4 :]


def _splice(rng, data, other):
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(rng, data, other):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(WORDS) + data[at + rng.choice((0, 0, 1, 3)) :]


def _number(rng, data, other):
    places = [m.span() for m in re.finditer(rb"\d+", data)]
    if not places:
        return _insert(rng, data, other)
    start, end = rng.choice(places)
    return data[:start] + (rng.choice(WORDS) or b"%d" % rng.choice(COUNTS)) + data[end:]


def _leave_out(rng, data, other):
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randrange(1, 12) :]


def _repeat(rng, data, other):
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.randrange(1, 16)]
    times = rng.choice((2, 3, 40)) if rng.random() < 0.9 else rng.randrange(5000)
    return data[:start] + piece * times + data[start:]


CHANGES = [
    *(_random, _start_then_random, _cut, _flip, _flip, _set, _set, _huge_count, _huge_count),
    *(_splice, _insert, _insert, _number, _leave_out, _repeat),
]


def make_input(rng, seeds):
    """(data, the seed it equals or None)."""
    seed = rng.choice(seeds)
    if rng.random() < 0.02:
        return seed[0], seed
    data = seed[0]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(CHANGES)(rng, data, rng.choice(seeds)[0])
    return data, None


def plain(value):
    """A value that can be compared, with arrays converted."""
    if isinstance(value, np.ndarray):
        return value.shape, value.astype(np.float64).tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _peak_mb():
    """The most memory this program has held. Not getrusage's: a child begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def check(target, data, seed=None):
    """(fault or None, was it read): feed one input, under the watchdog."""
    before = _peak_mb()
    fault, read = None, False
    try:  # twice, as the bell may ring while another exception is being handled
        signal.setitimer(signal.ITIMER_REAL, MAX_SEC)
        try:
            value = target.feed(data)
            read = True
        except StepsError as error:
            echo = data if target.is_argument else b""
            fault = _fault_of_message(str(error), echo)
        except Exception as error:  # a reader may raise a StepsError only
            fault = f"{type(error).__name__}: {str(error)[:200]} at {_place()}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except TooSlow:
        fault = f"no end within {MAX_SEC} s at {_place()}"
    if seed and not fault and (not read or plain(value) != plain(seed[1])):
        fault = "a valid input reads as something else"
    if not fault and _peak_mb() - before > MAX_GROWTH_MB:
        fault = f"took {_peak_mb() - before:.0f} MB of memory"
    return fault, read


def _fault_of_message(text, echo):
    """A message may repeat an argument, `echo`, in full: its user has just written it."""
    if len(text) > LONGEST_MESSAGE + 4 * len(echo):
        return f"a message of {len(text)} characters: {text[:100]}"
    # All faults of a list are reported at once, one line each that begins with its place.
    without_place = [line for line in text.strip().split("\n")[1:] if ": " not in line]
    if without_place and b"\n" not in echo:
        return f"a message of several lines: {text[:100]!r}"
    return None


def _place():
    """Where in our code the exception that is being handled came from."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    ours = [frame for frame in frames if "steps_py" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


@contextlib.contextmanager
def bounded():
    """A folder of our own, standard input empty, messages unheard, memory and time limited."""
    here, limits = os.getcwd(), resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ADDRESS_SPACE_MB * 2**20

    def raise_too_slow(number, frame):
        raise TooSlow

    handler = signal.signal(signal.SIGALRM, raise_too_slow)
    stdin = os.dup(0)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, open(os.devnull, "rb") as nothing:
        try:
            os.dup2(nothing.fileno(), 0)
            os.chdir(folder)
            resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
            with contextlib.redirect_stderr(io.StringIO()) as unheard:
                yield unheard
        finally:
            close_files()
            resource.setrlimit(resource.RLIMIT_AS, limits)
            os.chdir(here)
            os.dup2(stdin, 0)
            os.close(stdin)
            signal.signal(signal.SIGALRM, handler)


class Tally:
    """Inputs, read ones and seconds by reader, and the first input of each fault."""

    def __init__(self):
        self.inputs, self.read = collections.Counter(), collections.Counter()
        self.seconds, self.slowest = collections.Counter(), collections.Counter()
        self.faults = {}  # (reader, fault) -> (number of the input, data)

    def add(self, target, number, data, fault, read, seconds):
        self.inputs[target.name] += 1
        self.read[target.name] += read
        self.seconds[target.name] += seconds
        self.slowest[target.name] = max(self.slowest[target.name], seconds)
        if fault:
            key = target.name, _KIND.sub(" ", fault)
            self.faults.setdefault(key, (number, data, fault))

    def lines(self):
        yield f"{'reader':<26} {'inputs':>9} {'read':>9} {'a second':>9} {'slowest ms':>11}"
        for name, count in self.inputs.items():
            rate = count / self.seconds[name]
            slowest = 1000 * self.slowest[name]
            yield f"{name:<26} {count:>9} {self.read[name]:>9} {rate:>9.0f} {slowest:>11.1f}"

    def keep(self, out):
        """Write the inputs that show a fault, and yield a line for each."""
        for (name, _), (number, data, fault) in self.faults.items():
            path = Path(out, f"{name.replace(' ', '_')}-{number}.bin")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            yield f"FAULT {name}, input {number}: {fault}  (kept in {path})"


def fuzz(num_inputs, seed, only=None, progress=False):
    """Feed `num_inputs` inputs to the readers (or to `only` one); the Tally."""
    tally, terminal = Tally(), sys.stderr
    with bounded() as unheard:
        chosen = [target for target in targets() if only in (None, target.name)]
        for target in chosen:  # warm-up: imports and caches must not count for an input
            for example in target.seeds:
                fault, _ = check(target, *example[:1], example)
                assert not fault, f"{target.name}: {fault}: {example[0][:200]}"
        weights = [target.weight for target in chosen]
        numbers = tqdm(range(num_inputs), file=terminal, disable=not progress, mininterval=2)
        for number in numbers:
            rng = random.Random(seed << 40 | number)
            target = rng.choices(chosen, weights)[0]
            data, example = make_input(rng, target.seeds)
            start = time.perf_counter()
            fault, read = check(target, data, example)
            tally.add(target, number, data, fault, read, time.perf_counter() - start)
            unheard.seek(0)
            unheard.truncate()
    return tally


def replay(path):
    """Feed the input in a file that `Tally.keep` wrote; the fault or None."""
    name = Path(path).stem.rpartition("-")[0].replace("_", " ")
    data = Path(path).read_bytes()
    with bounded():
        target = next(target for target in targets() if target.name == name)
        return check(target, data)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="the name of one reader")
    parser.add_argument(
        "--out", default="build/fuzz_failures", help="folder for inputs with faults"
    )
    parser.add_argument("--replay", help="a file of that folder")
    args = parser.parse_args()
    if args.replay:
        fault = replay(args.replay)
        print(fault or "no fault")
        return int(fault is not None)
    start = time.perf_counter()
    tally = fuzz(args.inputs, args.seed, args.only, progress=True)
    seconds = time.perf_counter() - start
    print(*tally.lines(), *tally.keep(args.out), sep="\n")
    print(f"{args.inputs} inputs of seed {args.seed} in {seconds:.0f} s,", end=" ")
    print(f"{args.inputs / seconds:.0f} a second: {len(tally.faults)} faults")
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(main())
