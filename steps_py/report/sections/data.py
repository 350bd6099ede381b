"""The data."""

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Table


@REPORT_SECTIONS.register("data")
class Data(Section):
    """Utterances, speakers and hours of every set, and how much of them is speech."""

    title = "Data"

    def blocks(self):
        dsets = list(self.run.config["data"]["sets"])
        if self.run.has_table("train_augmented", "wav.scp"):
            dsets.insert(1, "train_augmented")
        columns = ["set", "utterances", "speakers", "hours", "seconds, median", "seconds, range"]
        lists = [
            [trials, self.run.set_of(trials, "enroll"), self.run.set_of(trials, "test")]
            for trials in self.run.lists
        ]
        return [
            Table(columns, [self._row(dset) for dset in dsets]),
            Table(["list", "enrolment set", "test set"], lists, num_left=3),
        ]

    def _row(self, dset):
        utt2spk = self.run.table(dset, "utt2spk")
        seconds = sorted(map(float, self.run.table(dset, "utt2dur").values()))
        return [
            dset,
            f"{len(utt2spk):,}",
            f"{len(set(utt2spk.values())):,}",
            f"{sum(seconds) / 3600:.2f}",
            f"{seconds[len(seconds) // 2]:.1f}",
            f"{seconds[0]:.1f} to {seconds[-1]:.1f}",
        ]
