"""sidewinder <subcommand> [options], or python -m steps_py.sidewinder

Verifies, identifies and embeds recordings with results/system.swx of a finished recipe.
"""

import argparse
import inspect
import os
import sys

from steps_py.errors import StepsError
from steps_py.program import describe
from steps_py.sidewinder.subcommands import SUBCOMMANDS
from steps_py.version import package_version


class Parser(argparse.ArgumentParser):
    """A wrong argument is one line and exit status 1, as every other error of a user."""

    def error(self, message):
        self.exit(1, f"{self.prog}: {message}. See {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    top = Parser(prog="sidewinder", description=__doc__.strip().splitlines()[-1])
    top.add_argument("--version", action="version", version=package_version())
    choices = top.add_subparsers(dest="subcommand", metavar="<subcommand>", required=True)
    for name in SUBCOMMANDS.names():
        cls = SUBCOMMANDS.find(name)
        text = inspect.cleandoc(cls.__doc__)
        what = text.partition("\n")[0]
        sub = choices.add_parser(
            name,
            help=what,
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        cls.add_arguments(sub)
        sub.set_defaults(cls=cls)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; the exit status."""
    args = parser().parse_args(argv)
    name = f"sidewinder {args.subcommand}"
    try:
        status = args.cls().run(args)
        sys.stdout.flush()
        return status or 0
    except StepsError as error:
        print(f"{name}: {' '.join(str(error).splitlines())}", file=sys.stderr)
    except BrokenPipeError:  # head has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{name}: {describe(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
