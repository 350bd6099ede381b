"""Costs per unit of work: a table, overridden by a site's table and by times of earlier runs."""

import csv
import dataclasses
import fnmatch
import math
import statistics
from pathlib import Path

import yaml

from steps_py.errors import ConfigError, did_you_mean

TABLE = Path(__file__).with_name("costs.yaml")
SECTIONS = ("measured", "rules", "files")
UNITS = (
    *(
        "job",
        "utt",
        "hour",
        "frame",
        "decoded",
        "speaker",
        "feat_byte",
        "xvector_byte",
        "trial",
        "chunk",
    ),
    *("audio_chunk", "altered_chunk", "weight", "train_gflop", "extract_gflop"),
    *("gauss_gflop", "full_ubm_byte", "extractor_byte"),
)
UNKNOWN_SEC = 10.0  # a job of a rule that is in no table


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of a job of one rule.

    `about` names the input of a rule without wildcards; `sec` and `gpu_sec` are seconds per unit
    on one slot or one GPU; with `assumed`, `gpu_sec` was calculated, not measured. With
    `parallel`, all but the start-up is divided by the job's threads, at most by the "threads" of
    its amounts.
    """

    about: str | None = None
    sec: dict = dataclasses.field(default_factory=dict)
    gpu_sec: dict | None = None
    assumed: bool = False
    parallel: bool = False
    source: str = "table"


class Costs:
    """Seconds per rule and bytes per file."""

    def __init__(self, site=None):
        table = read_table_of_costs(TABLE)
        self.notes = []
        if site is not None:
            own = read_table_of_costs(site)
            table["rules"] |= own["rules"]
            table["files"] = own["files"] | table["files"]
            self.notes.append(f"costs of {len(own['rules'])} rules are those of {site}")
        self.rules = {name: _cost(name, entry) for name, entry in table["rules"].items()}
        self.files = table["files"]
        self.measured = table["measured"]

    def about(self, rule: str):
        """The input of a rule without wildcards, for `Amounts.of`."""
        return self.rules[rule].about if rule in self.rules else None

    def seconds(self, job, amounts, with_gpus: bool):
        """Wall time of a job on the slots that it requests."""
        cost = self.rules.get(job.rule)
        if cost is None:
            return UNKNOWN_SEC
        if with_gpus and job.gpus and cost.gpu_sec is not None:
            return dot(cost.gpu_sec, amounts)
        start = cost.sec.get("job", 0)
        work = dot(cost.sec, amounts) - start
        threads = min(job.threads, amounts.get("threads", job.threads)) if cost.parallel else 1
        return start + work / threads

    def bytes(self, path: str | Path, amounts):
        """Size of an output of a job with these amounts; None if it is unknown."""
        for pattern, per_unit in self.files.items():
            if fnmatch.fnmatchcase(path, pattern):
                return dot(per_unit, amounts)
        return None

    def learn(self, directory: str | Path, jobs, amounts, with_gpus: bool):
        """Scale the seconds of rules to the times in exp/benchmark of this recipe.

        `amounts` are those of `jobs`. A rule is scaled if all of its jobs were timed, so that
        measured and expected times are of the same work. Returns the names of these rules.
        """
        took, expected = {}, {}
        for job, amount in zip(jobs, amounts, strict=True):
            seconds = read_benchmark(directory, job)
            took[job.rule] = took.get(job.rule, 0) + seconds
            expected[job.rule] = expected.get(job.rule, 0) + self.seconds(job, amount, with_gpus)
        learnt = [rule for rule in self.rules if took.get(rule, math.nan) > 0 and expected[rule]]
        for rule in learnt:
            self.rules[rule] = _scaled(self.rules[rule], took[rule] / expected[rule])
        return learnt


def dot(per_unit, amounts) -> float:
    """Sum over units of cost times amount.

    >>> dot({"job": 1.0, "hour": 8.0}, {"job": 1, "hour": 0.5, "utt": 200})
    5.0
    """
    return float(sum(cost * amounts.get(unit, 0) for unit, cost in per_unit.items()))


def read_table_of_costs(path: str | Path):
    """The sections measured, rules and files of a costs.yaml; ConfigError for unknown keys."""
    try:
        table = yaml.safe_load(Path(path).read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"plan.costs: {path} cannot be read: {reason}.") from None
    for name in table:
        if name not in SECTIONS:
            raise ConfigError(f"{path}: unknown section '{name}'. {did_you_mean(name, SECTIONS)}")
    table = {name: table.get(name) or {} for name in SECTIONS}
    for pattern, per_unit in table["files"].items():
        _check_units(per_unit, f"{path}: files.{pattern}")
    for rule, entry in table["rules"].items():
        for key in ("sec", "gpu_sec"):
            _check_units(entry.get(key) or {}, f"{path}: rules.{rule}.{key}")
    return table


def read_benchmark(directory: str | Path, job):
    """Median seconds in the benchmark file of a job; nan if there is none."""
    if job.benchmark is None:
        return math.nan
    try:
        with open(Path(directory, job.benchmark), newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return statistics.median(float(row["s"]) for row in rows)
    except (OSError, ValueError, KeyError):  # a StatisticsError, of no row, is a ValueError
        return math.nan


def _cost(name, entry):
    fields = [field.name for field in dataclasses.fields(Cost)]
    for key in entry:
        if key not in fields:
            raise ConfigError(
                f"costs: rules.{name}: unknown key '{key}'. {did_you_mean(key, fields)}"
            )
    return Cost(**entry)


def _check_units(per_unit, where):
    for unit, cost in per_unit.items():
        if unit not in UNITS:
            raise ConfigError(f"{where}: unknown unit '{unit}'. {did_you_mean(unit, UNITS)}")
        if isinstance(cost, bool) or not isinstance(cost, (int, float)) or cost < 0:
            raise ConfigError(f"{where}.{unit} is {cost!r}; it must be a number, 0 or more.")


def _scaled(cost, ratio):
    def scaled(per_unit):
        return per_unit and {unit: seconds * ratio for unit, seconds in per_unit.items()}

    return dataclasses.replace(
        cost,
        sec=scaled(cost.sec),
        gpu_sec=scaled(cost.gpu_sec),
        assumed=False,
        source="exp/benchmark",
    )
