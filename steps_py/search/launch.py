"""How the runs of trials are started: as the run that the search is a job of.

The workflow writes a `Launch` into the environment of its jobs: which profile, which options of
executors, and how many cores or jobs there are to divide. They are no parameter of rule search, so
a search that began on one machine can go on at another.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

VARIABLE = "SIDEWINDER_SEARCH"
# options of Snakemake, with their values, that trials have too
PASSED = {
    *("--profile", "--executor", "-e", "--resources", "--res", "--retries", "-T"),
    *("--latency-wait", "-w", "--set-resources", "--set-threads", "--default-resources"),
    *("--seconds-between-status-checks", "--max-status-checks-per-second"),
    *("--max-jobs-per-timespan", "--local-cores"),
}
PREFIXES = ("--slurm-", "--cluster-generic-")


@dataclasses.dataclass(frozen=True)
class Launch:
    """The run that a search belongs to.

    Attributes
    ----------
    options : list of str
        Options of Snakemake that trials have too.
    cores : int
        Of this machine, for all trials together.
    jobs : int or None
        Jobs in a cluster at one time, for all trials together; None: jobs run on this machine.
    """

    options: list[str]
    cores: int
    jobs: int | None

    def export(self) -> None:
        """Write it into the environment, for the job."""
        os.environ[VARIABLE] = json.dumps(dataclasses.asdict(self))

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Launch":
        """What the workflow exported; without it, two cores of this machine."""
        return cls(
            **json.loads(environment.get(VARIABLE) or '{"options":[],"cores":2,"jobs":null}')
        )

    def command(self, root: Path, folder: Path, parallel: int, target: str) -> list[str]:
        """The run of one of `parallel` trials.

        >>> launch = Launch(["--profile", "/site/sge"], cores=4, jobs=100)
        >>> launch.command(Path("/sw"), Path("/r/0001"), 4, "all")[3:]
        ... # doctest: +NORMALIZE_WHITESPACE
        ['--snakefile', '/sw/Snakefile', '--directory', '/r/0001', '--profile', '/site/sge',
         '--jobs', '25', '--', 'all']
        """
        if self.jobs is None:
            share = ["--cores", str(max(1, self.cores // parallel))]
        else:
            share = ["--jobs", str(max(1, self.jobs // parallel))]
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
        return [*command, "--directory", str(folder), *self.options, *share, "--", target]


def passed_options(argv: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """The options of a command line of Snakemake that trials have too.

    A profile in one of `folders` becomes an absolute path.

    >>> passed_options(["snakemake", "--retries", "2", "--directory", "egs/mini", "search"], [])
    ['--retries', '2']
    """
    passed, is_passed = [], False
    for word in argv[1:]:
        option, equals, _ = word.partition("=")
        if word.startswith("-") and not _is_number(word):
            is_passed = option in PASSED or option.startswith(PREFIXES)
            passed += [word] if is_passed else []
            is_passed &= not equals
        elif is_passed:
            passed.append(word)
            # options of several values are last before -- or another option
            is_passed = (
                passed[-2]
                in (
                    "--resources",
                    "--res",
                    "--set-resources",
                    "--set-threads",
                    "--default-resources",
                )
                or "=" in word
            )
    return [_absolute(passed, place, folders) for place in range(len(passed))]


def _is_number(word):
    return word.lstrip("-").replace(".", "", 1).isdigit()


def _absolute(words, place, folders):
    word = words[place]
    if word.startswith("--profile="):
        return f"--profile={_found(word.partition('=')[2], folders)}"
    return _found(word, folders) if place and words[place - 1] == "--profile" else word


def _found(profile, folders):
    paths = (folder / profile for folder in folders)
    return next((str(path.resolve()) for path in paths if path.is_dir()), profile)
