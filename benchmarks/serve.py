"""python -m benchmarks.serve [--system results/system.swx] [recordings ...]

Load on `sidewinder serve`, on this machine alone: recordings from 32 clients at once, beside batch
extraction of the same recordings by the library on the same cores, in turn; the clients are on
these cores too.  Then a soak: the same load for some time, and by how much the memory of the server
grew.

Without a system and recordings: an x-vector network with random weights, and noise of 3 to 8 s.
"""

import argparse
import http.client
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import harness, inputs
from benchmarks.systems import write_system
from steps_py.audio.wave import Wave, write_wave

RATE_HZ = 16_000
LEAST_RATIO = 0.8
BATCH = """
import sys, time
import torch
from steps_py import load_system
torch.set_num_threads(int(sys.argv[2]))
system, paths = load_system(sys.argv[1]), sys.argv[3:]
list(system.voices(paths[:4]))
started = time.perf_counter()
list(system.voices(paths))
print(time.perf_counter() - started)
"""


class Load(NamedTuple):
    """What clients saw: seconds of each request, those that were not answered with 200, and all."""

    latency_sec: list[float]
    num_errors: int
    wall_sec: float

    def __str__(self):
        p50, p99 = np.percentile(self.latency_sec, [50, 99])
        rate = len(self.latency_sec) / self.wall_sec
        return f"{rate:.1f} a second, p50 {p50:.3f} s, p99 {p99:.3f} s, {self.num_errors} errors"


def main(argv=None):
    args = _parser().parse_args(argv)
    harness.pin_to_cores(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        system, paths = args.system, args.recordings
        if system is None or not paths:
            system, paths = make_inputs(Path(folder), args.recordings_made)
        bodies = [Path(path).read_bytes() for path in paths]
        print(f"{len(paths)} recordings, {args.clients} clients, {args.threads} threads")
        with Server(system, folder, args.threads) as (process, port):
            load(port, bodies[:8], 2)
            ratios = []
            for _ in range(args.runs):
                batch_sec = batch(system, args.threads, paths)
                seen = load(port, bodies, args.clients)
                ratios.append(batch_sec / seen.wall_sec)
                print(f"batch {len(paths) / batch_sec:.1f} a second; server {seen}", flush=True)
            ratio = float(np.median(ratios))
            verdict = "yes" if ratio >= LEAST_RATIO else "no"
            print(f"throughput, server / batch: {ratio:.2f}; at least {LEAST_RATIO}: {verdict}")
            soak(port, process.pid, bodies, args)
            process.send_signal(signal.SIGTERM)
            print(f"ended by SIGTERM with status {process.wait(60)}")


def soak(port, pid, bodies, args):
    """The same load again and again; memory in between."""
    if args.soak_sec <= 0:
        return
    until, sizes_mb, errors, count = time.monotonic() + args.soak_sec, [memory_mb(pid)], 0, 0
    while time.monotonic() < until:
        seen = load(port, bodies, args.clients)
        errors, count = errors + seen.num_errors, count + len(seen.latency_sec)
        sizes_mb.append(memory_mb(pid))
    print(
        f"soak of {args.soak_sec:g} s: {count} requests, {errors} errors, memory"
        f" {sizes_mb[0]:.0f} MB at the start, {sizes_mb[len(sizes_mb) // 2]:.0f} MB in the middle,"
        f" {sizes_mb[-1]:.0f} MB at the end"
    )


class Server:
    """The process and its port."""

    def __init__(self, system, folder, threads):
        command = [sys.executable, "-m", "steps_py.sidewinder", "serve", str(system), "--port=0"]
        command += [f"--gallery={folder}/people.sqlite", f"--threads={threads}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        line = self._process.stdout.readline()
        return self._process, int(line.partition("http://127.0.0.1:")[2].partition(",")[0])

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


def load(port, bodies, num_clients):
    """Send every body once, from clients that each wait for an answer before the next request."""
    waiting, latency_sec, statuses = queue.SimpleQueue(), [], []
    for body in bodies:
        waiting.put(body)

    def client():
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while True:
            try:
                body = waiting.get_nowait()
            except queue.Empty:
                return link.close()
            started = time.perf_counter()
            link.request("POST", "/embed", body, {"Content-Type": "audio/wav"})
            answer = link.getresponse()
            answer.read()
            latency_sec.append(time.perf_counter() - started)
            statuses.append(answer.status)

    threads = [threading.Thread(target=client) for _ in range(num_clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    num_errors = len(bodies) - statuses.count(200)
    return Load(latency_sec, num_errors, time.perf_counter() - started)


def batch(system, threads, paths):
    """Seconds of extraction of all recordings by the library, in a process of its own."""
    command = [sys.executable, "-c", BATCH, str(system), str(threads), *map(str, paths)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def memory_mb(pid):
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [kb] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kb) / 1024


def make_inputs(folder, num_recordings):
    """A system that embeds, and recordings; (its path, their paths)."""
    rng, paths = inputs.rng_of("serve"), []
    for number in range(num_recordings):
        samples_N = 1000 * rng.standard_normal(int(RATE_HZ * rng.uniform(3, 8)))
        paths.append(folder / f"{number:03d}.wav")
        with open(paths[-1], "wb") as file:
            write_wave(file, Wave(RATE_HZ, samples_N[np.newaxis].astype(np.float32)))
    return write_system(folder), paths


def _parser():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("recordings", nargs="*", help="WAV files")
    parser.add_argument("--system", help="results/system.swx")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="and cores, of either side"
    )
    parser.add_argument(
        "--recordings-made", type=int, default=200, help="how many are made where none are given"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--soak-sec", type=float, default=30.0)
    return parser


if __name__ == "__main__":
    main()
