"""cluster.yaml: what each rule asks of a machine or a scheduler, in one file that a site edits.

A recipe may bring a cluster.yaml of its own for the sizes of its data (egs/mini asks for
little); it is laid over the site's, so that queues and names stay the site's.
"""

import dataclasses
from pathlib import Path

from steps_py.cluster.schedulers import SCHEDULERS, Sge, Slurm, fault_of_extra
from steps_py.errors import ConfigError, did_you_mean
from steps_py.yaml_files import read_yaml


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What one job asks for. Memory and time are those of the first attempt."""

    threads: int = 1
    mem_mb: int = 2000
    runtime_min: int = 60
    gpu: int = 0
    max_mem_mb: int | None = None
    max_runtime_min: int | None = None
    sge: Sge = dataclasses.field(default_factory=Sge)
    slurm: Slurm = dataclasses.field(default_factory=Slurm)


class Cluster:
    """The table of requests, with ``default`` filled in; later tables are laid over earlier ones.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "cluster.yaml")
    >>> _ = path.write_text("default: {mem_mb: 1000}\\nrules: {train_model: {gpu: 1}}")
    >>> asked = Cluster(path).request("train_model")
    >>> asked.mem_mb, asked.gpu, asked.sge.pe
    (1000, 1, 'smp')
    """

    def __init__(self, *paths):
        self.tables = [read_table(Path(path)) for path in paths]

    def request(self, rule):
        asked = {}
        for table in self.tables:
            for layer in (table["default"], table["rules"].get(rule, {})):
                for key, value in layer.items():
                    asked[key] = {**asked.get(key, {}), **value} if key in SCHEDULERS else value
        parts = {name: kind(**asked.pop(name, {})) for name, kind in SCHEDULERS.items()}
        return Request(**asked, **parts)

    def threads(self, rule):
        return self.request(rule).threads

    def resources(self, rule):
        """Snakemake resources of `rule`: memory and time grow with each attempt, up to the caps.

        The settings of a scheduler are resources too (``sge_queue``, ``slurm_partition``), where
        they differ from the defaults.
        """
        asked = self.request(rule)
        resources = {
            "mem_mb": growing(asked.mem_mb, asked.max_mem_mb),
            "runtime": growing(asked.runtime_min, asked.max_runtime_min),
            "gpu": asked.gpu,
        }
        for name in SCHEDULERS:
            resources |= getattr(asked, name).snakemake_resources()
        return resources

    def check_rules(self, names):
        """Raise for a rule in a table that the workflow does not have."""
        names = list(names)
        for table in self.tables:
            check_known(table["path"], table["rules"], names, "rule")


def growing(first, most):
    """A Snakemake resource that is `first` times the attempt, and never above `most`."""
    return lambda wildcards, attempt: min(first * attempt, most or first * attempt)


def read_table(path):
    """A cluster.yaml as ``{path, default, rules}``, every key and value checked."""
    try:
        table = read_yaml(path) or {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read; {error.strerror}.") from error
    check_mapping(path, table, "the file")
    check_known(path, table, ["default", "rules"], "section")
    rules = table.get("rules") or {}
    check_mapping(path, rules, "rules")
    return {
        "path": path,
        "default": check_request(path, table.get("default") or {}, "default"),
        "rules": {
            rule: check_request(path, asked or {}, f"rules.{rule}") for rule, asked in rules.items()
        },
    }


def check_request(path, asked, where):
    """`asked` as it came, when each key is known and each value of its type."""
    check_mapping(path, asked, where)
    check_known(path, asked, fields_of(Request), f"{where} key")
    for key, value in asked.items():
        if key in SCHEDULERS:
            check_scheduler(path, value, key, f"{where}.{key}")
        elif value is None and key.startswith("max_"):
            continue
        else:
            least = 0 if key == "gpu" else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigError(
                    f"{path}: {where}.{key} is {value!r}; it must be a whole number"
                    f" of at least {least}."
                )
    return asked


def check_scheduler(path, asked, scheduler, where):
    kind = SCHEDULERS[scheduler]
    check_mapping(path, asked, where)
    check_known(path, asked, fields_of(kind), f"{where} key")
    for key, value in asked.items():
        wanted = int if kind.__annotations__[key] == int | None else str
        if value is None and key != "pe":
            continue
        if value is None:
            raise ConfigError(f"{path}: {where}.pe is null; name a parallel environment.")
        if not isinstance(value, wanted) or isinstance(value, bool):
            what = "a whole number" if wanted is int else "text"
            raise ConfigError(f"{path}: {where}.{key} is {value!r}; it must be {what} or null.")
        fault = fault_of_extra(scheduler, value) if key == "extra" else None
        if fault:
            raise ConfigError(f"{path}: {where}.extra is {value!r}; it {fault}.")


def check_mapping(path, got, where):
    if not isinstance(got, dict):
        raise ConfigError(f"{path}: {where} is {got!r}; it must be a table of keys and values.")


def check_known(path, got, known, what):
    for name in got:
        if name not in known:
            raise ConfigError(f"{path}: unknown {what} '{name}'. {did_you_mean(name, known)}")


def fields_of(kind):
    return [field.name for field in dataclasses.fields(kind)]
