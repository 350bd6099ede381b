"""Targets of a command line that no rule makes, with the nearest ones that rules make."""

import itertools
import os
import re
from pathlib import Path

from steps_py.errors import ConfigError, near_names

SNAKEMAKE = ("snakemake", "__main__.py")
# options whose value is not a target; other options need Snakemake's own parser
WITH_VALUE = (
    "--directory",
    "-d",
    "--snakefile",
    "-s",
    "--configfile",
    "--profile",
    "--cores",
    "-c",
)
WILDCARD = re.compile(r"\{(\w+)[^{}]*\}")
MOST_PER_OUTPUT = 2000  # names of one output pattern that are compared


def check_targets(argv: list[str], rules, known) -> None:
    """Raise ConfigError for every target that is neither a rule, a file, nor made by a rule.

    Also for the rules and files after -R, --until and --omit-from, which Snakemake would treat as
    further targets.

    Parameters
    ----------
    argv : list of str
        Snakemake's command line.
    rules : Snakemake's rules
    known : dict of str to list
        The values of the wildcards in the rules' outputs.
    """
    if Path(argv[0]).name not in SNAKEMAKE:
        return
    rules = list(rules)
    names = {rule.name for rule in rules}

    def is_known(word):
        return (
            word in names
            or os.path.exists(word)
            or any(rule.is_producer(os.path.relpath(word)) for rule in rules)
        )

    words = [
        word
        for before, word in itertools.pairwise(argv)
        if not word.startswith("-") and before not in WITH_VALUE
    ]
    if all(map(is_known, words)):
        return
    unknown = [target for target in named_targets(argv) if not is_known(target)]
    if unknown:
        files = [path for rule in rules for path in concrete_outputs(rule, known)]
        raise ConfigError("\n".join(_describe(target, names, files) for target in unknown))


def named_targets(argv: list[str]):
    """The rules and files in a command line of Snakemake, sorted."""
    from snakemake.cli import get_argument_parser  # start-up time: half a second

    args, _ = get_argument_parser().parse_known_args(argv[1:])
    named = {*args.targets, *args.forcerun, *args.until, *args.omit_from}
    return sorted(map(str, named))


def concrete_outputs(rule: str, known):
    """The outputs of a rule, with every known value of each wildcard."""
    for pattern in map(str, rule.output):
        wildcards = list(dict.fromkeys(WILDCARD.findall(pattern)))
        values = itertools.product(*(known.get(name, ()) for name in wildcards))
        for chosen in itertools.islice(values, MOST_PER_OUTPUT):
            path = pattern
            for name, value in zip(wildcards, chosen, strict=True):
                path = re.sub(rf"\{{{name}[^{{}}]*\}}", lambda _, value=value: str(value), path)
            yield path


def _describe(target, names, files):
    near = near_names(target, [*names, *files])
    shown = f"Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    lists = sorted(path for path in files if path.startswith("results/"))
    return (
        f"{target}: no rule makes it, and there is no such file. {shown} Results are"
        f" {', '.join(lists[:10])}; `snakemake --list-rules` names the rules."
    ).replace("  ", " ")
