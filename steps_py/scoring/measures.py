"""The metrics that a recipe names, and their values for every system on a trial list."""

import dataclasses
from pathlib import Path

from steps_py.errors import ConfigError
from steps_py.scoring.metrics import METRICS
from steps_py.scoring.metrics.base import Metric

DEFAULT = ("eer", "min_dcf")


def metrics_of(measures: list, p_targets: list[float]) -> list[Metric]:
    """The metrics of section ``metrics``; `measures` are ``name`` or ``{name: options}``.

    >>> [m.name for m in metrics_of(["eer", "min_dcf", {"min_dcf": {"p_target": 0.5}}], [0.01])]
    ['eer_percent', 'min_dcf_0.01', 'min_dcf_0.5']

    Raises
    ------
    ConfigError
        If a name or an option does not exist, or two metrics would have one name.
    """
    metrics = {}
    for element in measures:
        name, given = next(iter(element.items())) if isinstance(element, dict) else (element, {})
        try:
            found = _of_one_name(name, given or {}, p_targets)
        except ConfigError as error:
            raise ConfigError(f"'metrics.measures': {error}") from None
        for metric in found:
            if metric.name in metrics:
                raise ConfigError(f"'metrics.measures' gives '{metric.name}' twice. Give it once.")
            metrics[metric.name] = metric
    return list(metrics.values())


def measure_systems(trials_path, score_paths, metrics):
    """A table of one row per system and metric.

    `score_paths` are ``.../<system>/<trials>``; the folder names the system.  The columns are
    list, system, metric, value, num_trials, num_targets and list_sha256.
    """
    # The workflow reads this file at its start, and needs no table.
    import pandas as pd

    from steps_py.scoring.scores import checksum, join_scores, read_scores, read_trials

    trials, sha256 = read_trials(trials_path), checksum(trials_path)
    rows = []
    for path in map(Path, score_paths):
        joined = join_scores(trials, read_scores(path), path)
        target, nontarget = joined.score[joined.target], joined.score[~joined.target]
        rows += [
            {
                "list": Path(trials_path).name,
                "system": path.parent.name,
                "metric": metric.name,
                "value": metric.compute(target, nontarget),
                "num_trials": len(joined.score),
                "num_targets": len(target),
                "list_sha256": sha256,
            }
            for metric in metrics
        ]
    return pd.DataFrame(rows)


def results_text(table, metrics, commands):
    """The table of one trial list as a person reads it.

    >>> import pandas as pd
    >>> row = {"list": "vox1", "system": "plda", "num_trials": 4, "num_targets": 2,
    ...     "list_sha256": "ab"}
    >>> table = pd.DataFrame([row | {"metric": "eer_percent", "value": 3.128},
    ...     row | {"metric": "min_dcf_0.01", "value": 0.3258}])
    >>> print(results_text(table, metrics_of(["eer", "min_dcf"], [0.01]), "built-in"))
    list      vox1: 4 trials, 2 of them target, sha256 ab
    commands  built-in
    <BLANKLINE>
    system    EER %   minDCF 0.01
    plda      3.128        0.3258
    <BLANKLINE>
    """
    first = table.iloc[0]
    systems = list(dict.fromkeys(table.system))
    values = table.set_index(["system", "metric"]).value
    columns = [_column(["system", *systems], 8, str.ljust)]
    for metric in metrics:
        texts = [metric.text(values[system, metric.name]) for system in systems]
        columns.append(_column([metric.title, *texts], metric.min_width, str.rjust))
    lines = [
        f"list      {first['list']}: {first.num_trials} trials, {first.num_targets} of them"
        f" target, sha256 {first.list_sha256}",
        f"commands  {commands}",
        "",
        *("  ".join(row) for row in zip(*columns, strict=True)),
    ]
    return "\n".join(lines) + "\n"


def _of_one_name(name, given, p_targets):
    options = {field.name for field in dataclasses.fields(METRICS.find(name).Config)}
    if "p_target" not in options or "p_target" in given:
        return [METRICS.build({"name": name, **given})]
    return [METRICS.build({"name": name, "p_target": p, **given}) for p in p_targets]


def _column(texts, min_width, pad):
    width = max(min_width, *map(len, texts))
    return [pad(text, width) for text in texts]
