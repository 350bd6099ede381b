"""cluster.yaml: the resources that each rule requests, in one file that a site edits.

A recipe may have its own cluster.yaml with requests that fit the size of its data, as egs/mini
does. It overrides the site's file key by key, so the site's queues and complexes are kept.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from steps_py.cluster.schedulers import SCHEDULERS, Sge, Slurm, fault_of_extra
from steps_py.errors import ConfigError, did_you_mean
from steps_py.settings.check import check
from steps_py.settings.declare import Count, Keywords, schema_of
from steps_py.yaml_files import read_yaml


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """The resources of one job. Memory and time are those of the first attempt."""

    threads: Count = 1
    mem_mb: Count = 2000
    runtime_min: Count = 60
    gpu: Annotated[int, Keywords(minimum=0)] = 0
    max_mem_mb: Count | None = None
    max_runtime_min: Count | None = None
    sge: Sge = dataclasses.field(default_factory=Sge)
    slurm: Slurm = dataclasses.field(default_factory=Slurm)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A cluster.yaml: requests for all rules, and those of single rules."""

    default: Request | None = None
    rules: dict[str, Request | None] | None = None


class Cluster:
    """The table of requests, with ``default`` filled in; later files override earlier ones.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "cluster.yaml")
    >>> _ = path.write_text("default: {mem_mb: 1000}\\nrules: {train_model: {gpu: 1}}")
    >>> request = Cluster(path).request("train_model")
    >>> request.mem_mb, request.gpu, request.sge.pe
    (1000, 1, 'smp')
    """

    def __init__(self, *paths: Path):
        self.tables = [(path, *read_table(Path(path))) for path in paths]

    def request(self, rule: str) -> Request:
        """The resources of the first attempt of a job of `rule`."""
        keys = {}
        for _, default, rules in self.tables:
            for layer in (default, rules.get(rule, {})):
                for key, value in layer.items():
                    keys[key] = {**keys.get(key, {}), **value} if key in SCHEDULERS else value
        sections = {name: cls(**keys.pop(name, {})) for name, cls in SCHEDULERS.items()}
        return Request(**keys, **sections)

    def threads(self, rule: str) -> int:
        return self.request(rule).threads

    def resources(self, rule: str) -> dict[str, Any]:
        """Snakemake resources of `rule`: memory and time grow with each attempt, up to the caps.

        The settings of a scheduler are resources too (``sge_queue``, ``slurm_partition``), where
        they differ from the defaults.
        """
        request = self.request(rule)
        resources = {
            "mem_mb": growing(request.mem_mb, request.max_mem_mb),
            "runtime": growing(request.runtime_min, request.max_runtime_min),
            "gpu": request.gpu,
        }
        for name in SCHEDULERS:
            resources |= getattr(request, name).snakemake_resources()
        return resources

    def check_rules(self, names: Iterable[str]) -> None:
        """Raise ConfigError for a rule in a file that the workflow does not have."""
        names = list(names)
        for path, _, rules in self.tables:
            for rule in rules:
                if rule not in names:
                    raise ConfigError(f"{path}: unknown rule '{rule}'. {did_you_mean(rule, names)}")


def rules_in(folder: str | Path) -> list[str]:
    """The names of all rules in a folder of rules files, also of those that a recipe has not."""
    names = re.compile(r"^ *(?:use rule \w+ as|rule) (\w+)", re.MULTILINE)
    return [
        name
        for path in sorted(Path(folder).glob("*.smk"))
        for name in names.findall(path.read_text())
    ]


def growing(first: int, most: int | None) -> Callable[[Any, int], int]:
    """A Snakemake resource: `first` times the attempt, at most `most`."""
    return lambda wildcards, attempt: min(first * attempt, most or first * attempt)


def read_table(path: Path) -> tuple[dict, dict[str, dict]]:
    """(keys for all rules, {rule: keys}) of a cluster.yaml.

    Raises ConfigError with one line for each unknown key and each value of a wrong type.
    """
    try:
        table = read_yaml(path) or {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read; {error.strerror}.") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: expected the sections default and rules, got {table!r}.")
    faults = check(schema_of(Table), table)
    if faults:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults))
    default = table.get("default") or {}
    rules = {rule: keys or {} for rule, keys in (table.get("rules") or {}).items()}
    faults = list(faults_of_extra("default", default))
    for rule, keys in rules.items():
        faults += faults_of_extra(f"rules.{rule}", keys)
    if faults:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults))
    return default, rules


def faults_of_extra(where: str, keys: dict) -> Iterator[str]:
    """A line for each ``extra`` that cannot be passed to its scheduler."""
    for scheduler in SCHEDULERS:
        text = keys.get(scheduler, {}).get("extra")
        fault = fault_of_extra(scheduler, text) if text is not None else None
        if fault:
            yield f"'{where}.{scheduler}.extra' is {text!r}; it {fault}."
