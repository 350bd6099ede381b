"""The results of one trial list as a person reads them."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from steps_py.scoring.evaluation import Evaluation

SIGNIFICANCE = 0.05
TRAINED = "trained on this list:"  # begins the line that names systems, at the end of the text
BEST, AS_GOOD = "*", "="
LEGEND = (
    f"{BEST} best system of the column   {AS_GOOD} not significantly different from it"
    f" (paired test, p > {SIGNIFICANCE})"
)


def results_text(
    evaluation: "Evaluation", metrics, commands: str, bootstrap: str | None = None
) -> str:
    """The tables of an `Evaluation`: systems by metrics, then the same of each condition.

    Parameters
    ----------
    evaluation : Evaluation
    metrics : list of Metric
    commands : str
        Whose commands made the scores.
    bootstrap : str, optional
        What the intervals are, where there are any.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace
    >>> from steps_py.scoring.measures import metrics_of
    >>> row = {"list": "vox1", "system": "plda", "condition": "", "num_trials": 4,
    ...     "num_targets": 2, "list_sha256": "ab", "low": 2.9, "high": 3.41}
    >>> measures = pd.DataFrame([row | {"metric": "eer_percent", "value": 3.128}])
    >>> evaluation = SimpleNamespace(measures=measures, comparisons=pd.DataFrame())
    >>> print(results_text(evaluation, metrics_of(["eer"], [0.01]), "built-in", "95 %"))
    list      vox1: 4 trials, 2 of them target, sha256 ab
    commands  built-in
    intervals 95 %
    <BLANKLINE>
    system                 EER %
    plda      3.128 [2.90, 3.41]
    <BLANKLINE>
    """
    measures = evaluation.measures
    pooled = measures[measures.condition == ""]
    first = pooled.iloc[0]
    systems = list(dict.fromkeys(pooled.system))
    columns = [_column(["system", *systems], 8, str.ljust)]
    marked = len(systems) > 1 and bootstrap
    for metric in metrics:
        marks = marks_of(evaluation, metric) if marked else {}
        of_metric = pooled[pooled.metric == metric.name].set_index("system")
        texts = [cell(metric, of_metric, system) for system in systems]
        if marked:
            texts = [f"{text} {marks.get(s, ' ')}" for text, s in zip(texts, systems, strict=True)]
        title = metric.title + ("  " if marked else "")
        columns.append(_column([title, *texts], metric.min_width, str.rjust))
    lines = [
        f"list      {first['list']}: {first.num_trials} trials, {first.num_targets} of them"
        f" target, sha256 {first.list_sha256}",
        f"commands  {commands}",
        *([f"intervals {bootstrap}"] if bootstrap else []),
        "",
        *_rows(columns),
        *(["", LEGEND] if marked else []),
        *_conditions(measures[measures.condition != ""], metrics),
    ]
    return "\n".join(lines) + "\n"


def marks_of(evaluation: "Evaluation", metric) -> dict[str, str]:
    """{system: mark} of the best system and of those that a paired test does not tell from it."""
    measures, comparisons = evaluation.measures, evaluation.comparisons
    of_metric = measures[(measures.condition == "") & (measures.metric == metric.name)]
    values = of_metric.set_index("system").value
    if len(values) < 2:
        return {}
    best = values.idxmax() if metric.higher_is_better else values.idxmin()
    marks = {best: BEST}
    pooled = comparisons[(comparisons.condition == "") & (comparisons.metric == metric.name)]
    for row in pooled.itertuples():
        if best in (row.system, row.other) and not row.p_value <= SIGNIFICANCE:
            marks[row.other if row.system == best else row.system] = AS_GOOD
    return marks


def cell(metric, rows, key: str) -> str:
    """Value and interval of one row; '-' where there is none."""
    if key not in rows.index or np.isnan(rows.value[key]):
        return "-"
    row = rows.loc[key]
    interval = "" if np.isnan(row.low) else f" {metric.interval_text(row.low, row.high)}"
    return metric.text(row.value) + interval


def _conditions(measures, metrics):
    """Lines of a table of all conditions and systems; none without conditions."""
    if measures.empty:
        return []
    keyed = measures.set_index(["condition", "system"])
    keys = list(dict.fromkeys(keyed.index))
    counts = keyed[~keyed.index.duplicated()]
    columns = [
        _column(["condition", *(condition for condition, _ in keys)], 8, str.ljust),
        _column(["trials", *(str(counts.num_trials[key]) for key in keys)], 0, str.rjust),
        _column(["targets", *(str(counts.num_targets[key]) for key in keys)], 0, str.rjust),
        _column(["system", *(system for _, system in keys)], 8, str.ljust),
    ]
    for metric in metrics:
        of_metric = keyed[keyed.metric == metric.name]
        texts = [cell(metric, of_metric, key) for key in keys]
        columns.append(_column([metric.title, *texts], metric.min_width, str.rjust))
    return ["", *_rows(columns)]


def _rows(columns):
    return ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]


def _column(texts, min_width, pad):
    width = max(min_width, *map(len, texts))
    return [pad(text, width) for text in texts]
