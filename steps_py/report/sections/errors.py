"""The worst errors."""

import numpy as np

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Table, Text
from steps_py.report.recordings import Recordings


@REPORT_SECTIONS.register("errors")
class Errors(Section):
    """The nontarget trials of highest and the target trials of lowest score, to listen to."""

    title = "Worst errors"

    def blocks(self):
        recordings = Recordings(self.run)
        blocks = [
            Text(
                "Of the best system of each list. A trial high up is often a wrong label, a"
                " recording with two speakers, or one without speech."
            )
        ]
        for trials in self.run.lists:
            system = self.run.best_system(trials)
            scored = self.run.scored(system, trials)
            for title, wrong, sign in (
                ("false accepts: other speakers, highest scores", ~scored.target, -1),
                ("false rejects: same speaker, lowest scores", scored.target, 1),
            ):
                order = np.argsort(sign * scored.score[wrong], kind="stable")
                worst = np.flatnonzero(wrong)[order[: self.run.options.num_errors]]
                rows = [self._row(recordings, scored, trials, t) for t in worst]
                columns = ["enrolment", "test", "score"]
                blocks.append(
                    Table(columns, rows, title=f"{trials}, {system}: {title}", num_left=2)
                )
        return blocks

    def _row(self, recordings, scored, trials, t):
        sides = {"enroll": str(scored.enroll[t]), "test": str(scored.test[t])}
        cells = [recordings.cell(self.run.set_of(trials, side), utt) for side, utt in sides.items()]
        return [*cells, f"{scored.score[t]:.4g}"]
