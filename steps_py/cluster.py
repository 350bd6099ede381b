"""cluster.yaml: what each rule asks of the machine, in one file that a site edits."""

import dataclasses
from pathlib import Path

import yaml

from steps_py.errors import ConfigError, did_you_mean


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What one job asks for. Memory and time are those of the first attempt."""

    threads: int = 1
    mem_mb: int = 2000
    runtime_min: int = 60
    gpu: int = 0


class Cluster:
    """The table of requests, with ``default`` filled in.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "cluster.yaml")
    >>> _ = path.write_text("default: {mem_mb: 1000}\\nrules: {train_model: {gpu: 1}}")
    >>> Cluster(path).request("train_model")
    Request(threads=1, mem_mb=1000, runtime_min=60, gpu=1)
    """

    def __init__(self, path):
        self.path = Path(path)
        table = yaml.safe_load(self.path.read_text()) or {}
        self._known(table, ["default", "rules"], "section")
        self.default = self._checked(table.get("default") or {}, "default")
        self.rules = {
            rule: self._checked(asked or {}, f"rules.{rule}")
            for rule, asked in (table.get("rules") or {}).items()
        }

    def request(self, rule):
        return Request(**{**self.default, **self.rules.get(rule, {})})

    def threads(self, rule):
        return self.request(rule).threads

    def resources(self, rule):
        """Snakemake resources of `rule`: memory and time grow with each attempt."""
        asked = self.request(rule)
        return {
            "mem_mb": lambda wildcards, attempt: asked.mem_mb * attempt,
            "runtime": lambda wildcards, attempt: asked.runtime_min * attempt,
            "gpu": asked.gpu,
        }

    def check_rules(self, names):
        """Raise for a rule in the table that the workflow does not have."""
        self._known(self.rules, list(names), "rule")

    def _checked(self, asked, where):
        fields = [field.name for field in dataclasses.fields(Request)]
        self._known(asked, fields, f"{where} key")
        for key, value in asked.items():
            least = 0 if key == "gpu" else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigError(
                    f"{self.path}: {where}.{key} is {value!r}; it must be a whole number"
                    f" of at least {least}."
                )
        return asked

    def _known(self, got, known, what):
        for name in got:
            if name not in known:
                raise ConfigError(
                    f"{self.path}: unknown {what} '{name}'. {did_you_mean(name, known)}"
                )
