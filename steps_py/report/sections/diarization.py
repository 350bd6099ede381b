"""Who spoke when: error rates, and turns over those of the reference."""

import pandas as pd
from bokeh.models import ColumnDataSource

from steps_py.diarization.rttm import read_rttm
from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Table, Text
from steps_py.report.style import colour, new_figure
from steps_py.segmentation.config import trained_sets

MOST_TIMELINES = 8  # of a set
COLUMNS = ("der", "miss", "false_alarm", "confusion", "jer")


@REPORT_SECTIONS.register("diarization")
class Diarization(Section):
    """The DER of each system on each set, and the turns of the first recordings of a set."""

    title = "Who spoke when"

    def blocks(self):
        given = self.run.config.get("diarization")
        if not given:
            return []
        blocks = []
        trained = trained_sets(self.run.config)
        for name, entry in given["sets"].items():
            if name in trained:
                continue
            if entry["rttm"]:
                blocks.append(self._table(name))
            blocks.append(Figures(self._timelines(name), title=f"{name}: turns"))
        return [*blocks, Text("Upper rows: the system; lower rows: the reference.")]

    def _table(self, name):
        rates = pd.read_csv(self.run.path / f"results/{name}_der.tsv", sep="\t", dtype=str)
        totals = rates[rates.recording == "*"]
        rows = []
        for row in totals.itertuples():
            cells = [f"{float(getattr(row, column)):.2f}" for column in COLUMNS]
            cells[0] += f" [{float(row.low):.2f}, {float(row.high):.2f}]"
            rows.append([row.system, *cells, row.num_speakers, row.num_found])
        columns = ["system", "DER %", "miss %", "false alarm %", "confusion %", "JER %"]
        return Table([*columns, "speakers", "found"], rows, title=f"{name}: error rates")

    def _timelines(self, name):
        found = read_rttm(self.run.path / f"results/{name}.rttm")
        reference = read_rttm(self.run.path / f"data/{name}/ref.rttm")
        recordings = sorted({turn.recording for turn in [*found, *reference]})
        return [
            timeline(
                recording,
                [turn for turn in reference if turn.recording == recording],
                [turn for turn in found if turn.recording == recording],
            )
            for recording in recordings[:MOST_TIMELINES]
        ]


def timeline(title, reference, found):
    """A figure of the turns of a recording, a row for each speaker, the system's above."""
    rows = [("reference", turn) for turn in reference] + [("system", turn) for turn in found]
    speakers = list(dict.fromkeys(f"{side}: {turn.speaker}" for side, turn in rows))
    source = ColumnDataSource(
        {
            "speaker": [f"{side}: {turn.speaker}" for side, turn in rows],
            "start": [turn.start_sec for _, turn in rows],
            "end": [turn.end_sec for _, turn in rows],
            "colour": [colour(side == "system") for side, _ in rows],
        }
    )
    tooltips = [("speaker", "@speaker"), ("from", "@start{0.00} s"), ("to", "@end{0.00} s")]
    plot = new_figure(title, "time (s)", "", tooltips, y_range=speakers or [""])
    plot.hbar(
        y="speaker", left="start", right="end", height=0.7, color="colour", source=source, alpha=0.8
    )
    return plot
