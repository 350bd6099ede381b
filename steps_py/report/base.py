"""What all sections of the report share.

REPORT_SECTIONS  ``cls(run)`` with a finished recipe, `steps_py.report.run_folder.RunFolder`, or
                 any other `Run`; ``title``, and ``blocks()``, the content as
                 `steps_py.report.blocks` has it.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import pandas as pd

from steps_py.registry import Registry
from steps_py.report.blocks import Block
from steps_py.report.run_folder import Scored
from steps_py.scoring.metrics.base import Metric

REPORT_SECTIONS = Registry("section of the report", home="steps_py.report.sections")


@runtime_checkable
class Run(Protocol):
    """What a section may read of one finished recipe and of several that are compared.

    `RunFolder` has more, which sections of one recipe read.

    Attributes
    ----------
    config : dict
        With all defaults; of several recipes, that of the first.
    metrics : list of Metric
        In the order of the recipe.
    results, comparisons : DataFrame
        results/metrics.tsv and results/comparisons.tsv.
    lists, systems : list of str
    """

    config: dict
    metrics: list[Metric]
    results: pd.DataFrame
    comparisons: pd.DataFrame
    lists: list[str]
    systems: list[str]

    def scored(self, system: str, trials: str) -> Scored:
        """The scores of a system on a list."""

    def best_system(self, trials: str) -> str:
        """The best system of a list by the first metric."""

    def note(self, trials: str) -> str:
        """Which systems were trained on the list; empty: none."""


class Section:
    """Base of all sections.

    Attributes
    ----------
    title : str
        Its heading.
    run : Run
        The finished recipe.
    """

    title: ClassVar[str]

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """A section has no options of its own; those of all are in section ``report``."""

    def __init__(self, config, run: Run):
        self.run = run

    def blocks(self) -> list[Block]:
        """The content; an empty list leaves the section out."""
        raise NotImplementedError
