"""What a section of the report is made of: texts, tables, figures and recordings."""

import dataclasses
from collections.abc import Sequence

from bokeh.plotting import figure


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclasses.dataclass(frozen=True)
class Code:
    """Text whose line breaks and blanks count."""

    text: str
    kind: str = "code"


@dataclasses.dataclass(frozen=True)
class Audio:
    """A cell of a table: an utterance with a player, or with the entry of wav.scp alone.

    `source` is a ``data:`` address of the recording; None: it is not in the report.
    """

    utt: str
    entry: str
    source: str | None


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells: texts, or `Audio`. Columns after the first `num_left` are right-aligned.

    `best` are the cells to mark, as (row, column).
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Audio]]
    title: str = ""
    num_left: int = 1
    best: frozenset[tuple[int, int]] = frozenset()
    kind: str = "table"


@dataclasses.dataclass(frozen=True)
class Figures:
    """Figures of one kind, side by side where the window is wide enough."""

    figures: Sequence[figure]
    title: str = ""
    kind: str = "figures"


Block = Text | Code | Table | Figures
