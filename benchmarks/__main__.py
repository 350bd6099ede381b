"""python -m benchmarks [--runs N] [--only features,plda] [--scale X] [--out results.tsv]

Prints the table; with KALDI_ROOT set, both sides of it.  Inputs go to a temporary folder
(1.5 GB) and away at the end.
"""

import argparse
import compileall
import importlib
import os
import platform
import tempfile
from pathlib import Path

from benchmarks import harness

SCRIPTS = (
    *("features", "frames", "reverberation", "plda", "score_norm", "metrics", "xvectors"),
    *(
        "clustering",
        "chunks",
        "training",
        "corpus",
        "table_stages",
        "extraction",
        "masks",
        "gmm",
        "ivectors",
        "diarization",
    ),
)


# these measure parts of processes, and print lines of their own
REPORTS = {"gallery": [], "serve": ["--threads", "1", "--recordings-made", "100"]}


def script_of(name):
    return importlib.import_module(f"benchmarks.{name}")


def main(argv=None):
    args = _parser().parse_args(argv)
    harness.pin_to_one_core()
    # As Python does by itself on the first run, unless PYTHONDONTWRITEBYTECODE forbids it.
    compileall.compile_dir(harness.ROOT / "steps_py", quiet=1)
    load_average = os.getloadavg()[0]
    print(
        f"{platform.machine()}, one core of {os.cpu_count()}, load {load_average:.1f} at the start"
    )
    print(f"{args.runs} runs of each side in turn; CPU seconds, medians, start-up included")
    rows = []
    print("\t".join(harness.HEADER), flush=True)
    names = args.only.split(",")
    for name in (name for name in names if name not in REPORTS):
        script = script_of(name)
        with tempfile.TemporaryDirectory() as folder:
            script.make_inputs(Path(folder), scale=args.scale)
            for case in script.cases():
                rows.append(harness.table_row(harness.measure(case, folder, args.runs)))
                print("\t".join(rows[-1]), flush=True)
    if args.out:
        Path(args.out).write_text("".join("\t".join(row) + "\n" for row in [harness.HEADER, *rows]))
    for name in (name for name in names if name in REPORTS):
        script_of(name).main(REPORTS[name])


def _parser():
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--only", default=",".join([*SCRIPTS, *REPORTS]), help="names of scripts, by commas"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the inputs; of table_stages in millions"
    )
    parser.add_argument("--out", help="also write the table to this file")
    return parser


if __name__ == "__main__":
    main()
