"""The registry of subcommands and their contract.

SUBCOMMANDS  ``cls.add_arguments(parser)`` declares the options, ``cls().run(args)`` does the work
             and returns an exit status or None.  The docstring is the text of ``--help``; its first
             line is that of the list of subcommands.  Modules import torch within ``run`` alone, so
             that ``--help`` is fast.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from steps_py.errors import ConfigError
from steps_py.registry import Registry

SUBCOMMANDS = Registry("subcommand", home="steps_py.sidewinder.subcommands")


class Subcommand:
    """Base of all subcommands."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int | None:
        """Do it; StepsError for what the user can correct."""
        raise NotImplementedError


def add_system(parser: argparse.ArgumentParser) -> None:
    """The arguments of all subcommands that load a system."""
    parser.add_argument("system", help="results/system.swx of a finished recipe")
    parser.add_argument(
        "--recipe", help="folder of the recipe, if it has classes of its own (local/*.py)"
    )
    parser.add_argument("--threads", type=int, help="processor threads; default: all cores")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """What may be done to recordings that do not fit."""
    parser.add_argument(
        "--resample", action="store_true", help="convert recordings of another sample rate"
    )
    parser.add_argument("--channel", help="of recordings with several: 1, 2 ... or mix")


def add_gallery(parser: argparse.ArgumentParser) -> None:
    """The file of the people."""
    parser.add_argument(
        "--gallery", default="people.sqlite", help="file of the people (default: people.sqlite)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Output for programs."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def open_system(args: argparse.Namespace):
    """The system that the arguments name."""
    import torch  # start-up time

    from steps_py.system.system import load_system

    if args.threads:
        torch.set_num_threads(args.threads)
    return load_system(args.system, args.recipe)


def reading_of(args: argparse.Namespace) -> dict[str, Any]:
    """Keywords ``resample`` and ``channel`` of the arguments."""
    channel = args.channel
    if channel is not None and channel != "mix":
        if not channel.isdigit() or int(channel) < 1:
            raise ConfigError(f"--channel: is '{channel}'. Give 1, 2 ... or mix.")
        channel = int(channel)
    return {"resample": args.resample, "channel": channel}


def print_answer(answer, as_json: bool) -> None:
    """An answer as a line or as JSON; its warnings go to standard error in the first case."""
    if as_json:
        print(json.dumps(answer.as_dict(), indent=1))
        return
    print(answer)
    warn(answer.warnings)


def warn(lines: Iterable[str]) -> None:
    """Lines of warnings on standard error."""
    for line in lines:
        print(f"WARNING: {line}", file=sys.stderr)
