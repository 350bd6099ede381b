"""python -m benchmarks.gallery [--people 100000] [--runs 30]

Who of 100,000 people is it?  On one core and after loading: an identification beside a product of
numpy's of a matrix of that size and a vector, in turn; then an identification after somebody was
enrolled by another connection.  By cosine and by PLDA, with x-vectors of 512 numbers.

Shape suffixes (scope: this module):
    P = people   E = embedding
"""

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import harness, inputs
from benchmarks.systems import write_system
from steps_py import load_system
from steps_py.system.voice import Voice

MOST_RATIO, MOST_SEC = 1.5, 0.05


def main(argv=None):
    args = _parser().parse_args(argv)
    for scored_by in ("cosine", "plda"):
        with tempfile.TemporaryDirectory() as folder:
            print(measured(Path(folder), scored_by, args.people, args.runs), flush=True)


def measured(folder, scored_by, num_people, num_runs):
    """A line of the times."""
    system = load_system(write_system(folder, scored_by))
    path = folder / "people.sqlite"
    system.gallery(path).close()
    x_PE = inputs.rng_of("gallery").standard_normal((num_people, system.embedding_dim))
    x_PE = x_PE.astype(np.float32)
    fill(path, system, x_PE)
    heard = Voice("heard", x_PE[num_people // 2] + np.float32(0.1), 3.0, 4.0, 0.0)
    with system.gallery(path) as gallery:
        load_sec = seconds(lambda: gallery.identify_voice(heard))
        plain_PE, plain_E = np.array(x_PE), np.array(heard.xvector_E)
        identify_sec, product_sec = [], []
        for _ in range(num_runs):
            identify_sec.append(seconds(lambda: gallery.identify_voice(heard)))
            product_sec.append(seconds(lambda: plain_PE @ plain_E))
        ours_sec, product_sec = np.median(identify_sec), np.median(product_sec)
        with system.gallery(path) as other:
            other.enrol_voices("somebody new", [heard])
        first_sec = seconds(lambda: gallery.identify_voice(heard))
        with system.gallery(path) as other:
            other.enrol_voices("somebody else", [heard])
        update_sec = seconds(lambda: gallery.identify_voice(heard))
    ratio = ours_sec / product_sec
    is_met = ratio <= MOST_RATIO and ours_sec <= MOST_SEC
    return (
        f"{num_people} people by {scored_by}: load {load_sec:.1f} s, identify {1e3 * ours_sec:.1f}"
        f" ms, product {1e3 * product_sec:.1f} ms, ratio {ratio:.2f} (at most {MOST_RATIO}, and"
        f" {1e3 * MOST_SEC:.0f} ms: {'yes' if is_met else 'no'}); after enrolments elsewhere"
        f" {1e3 * first_sec:.1f} and {1e3 * update_sec:.1f} ms"
    )


def fill(path, system, x_PE):
    """Enrol a person by each vector, in one transaction."""
    with sqlite3.connect(path) as database:
        database.execute(
            "INSERT INTO system VALUES (?, ?)", (system.embedding_digest, system.embedding_dim)
        )
        database.executemany(
            "INSERT INTO people (id, name) VALUES (?, ?)",
            ((row + 1, f"person {row}") for row in range(len(x_PE))),
        )
        database.executemany(
            "INSERT INTO recordings (person, name, speech_sec, vector) VALUES (?, 'r', 3.0, ?)",
            ((row + 1, x_E.tobytes()) for row, x_E in enumerate(x_PE)),
        )


def seconds(work):
    """The CPU time of a call, which depends less on other work than the wall time does."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _parser():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=30)
    return parser


if __name__ == "__main__":
    harness.pin_to_one_core()
    main()
