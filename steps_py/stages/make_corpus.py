"""Make a recipe's own synthetic corpora.

python -m steps_py.stages.make_corpus --name mini --config '{"seed": 1}' --out corpus
"""

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
from pathlib import Path

from steps_py.data.synthetic import load_maker
from steps_py.errors import ConfigError
from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.settings.build import load_slice

MARK = "made_by.json"  # tells our folders from a user's


def parser():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--name", required=True, help="local/<name>.py makes the corpora")
    args.add_argument("--config", default="{}", help="its settings, as JSON")
    args.add_argument("--out", required=True, type=Path, help="folder to make")
    args.add_argument("--num-processes", type=int, help="default: all processors; same bytes")
    return args


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    maker = load_maker(args.name)
    config = load_slice(args.config, maker.Config, args.name)
    with new_folder(args.out) as folder:
        maker.make_corpus(config, folder, args.num_processes)
        with atomic_write(folder / MARK) as out:
            json.dump({"name": args.name, "config": dataclasses.asdict(config)}, out, indent=2)
            out.write("\n")


@contextlib.contextmanager
def new_folder(path: str | os.PathLike):
    """A temporary sibling of `path`, renamed to it when the block succeeds.

    A folder that an earlier run made is replaced; any other is left alone.
    """
    if path.exists() and not (path / MARK).is_file() and any(path.iterdir()):
        raise ConfigError(
            f"{path}: exists, and make_corpus did not make it ({MARK} is not there)."
            " Remove it, or give another --out."
        )
    for left in path.parent.glob(f".{path.name}.*.tmp"):  # by a killed run
        shutil.rmtree(left, ignore_errors=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


if __name__ == "__main__":
    run(main)
