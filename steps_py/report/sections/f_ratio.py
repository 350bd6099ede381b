"""The F-ratio of each feature dimension.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension
"""

import collections

import numpy as np
from bokeh.models import ColumnDataSource

from steps_py.feats.f_ratio import f_ratio
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import RandomReader
from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Text
from steps_py.report.style import colour, new_figure

DSET = "train"


@REPORT_SECTIONS.register("f_ratio")
class FRatio(Section):
    """Variance between speakers over variance within them, of each dimension of the features.

    J. J. Wolf, "Efficient acoustic parameters for speaker recognition", JASA 51, 1972.
    """

    title = "Features and speakers"

    def blocks(self):
        run = self.run
        if not (run.has_table(DSET, "feats.scp") and run.has_table(DSET, "vad.scp")):
            return []
        chosen = self._choose()
        ratio_D = f_ratio(self._voiced(chosen))
        if not np.isfinite(ratio_D).any():
            return []
        plot = new_figure(
            f"features of {DSET}", "dimension, from 0", "F-ratio", [("", "@x: @y{0.000}")]
        )
        source = ColumnDataSource({"x": np.arange(len(ratio_D)), "y": ratio_D})
        plot.vbar("x", top="y", width=0.8, source=source, color=colour(0))
        text = (
            "The variance of the means of speakers, divided by the mean variance within speakers,"
            f" of voiced frames before normalisation. {len(set(chosen.values()))} speakers and"
            f" {len(chosen)} utterances, drawn by seed {run.options.seed}."
        )
        return [Figures([plot]), Text(text)]

    def _choose(self):
        """utterance -> speaker of some utterances of some speakers."""
        options, utts_of = self.run.options, collections.defaultdict(list)
        for utt, spk in self.run.table(DSET, "utt2spk").items():
            utts_of[spk].append(utt)
        speakers = sorted(utts_of)
        if len(speakers) > options.num_map_speakers:
            chance = np.random.default_rng(options.seed)
            drawn = chance.choice(len(speakers), options.num_map_speakers, replace=False)
            speakers = [speakers[k] for k in sorted(drawn)]
        return {utt: spk for spk in speakers for utt in utts_of[spk][: options.num_map_utts]}

    def _voiced(self, chosen):
        """Yield the speaker and the voiced frames (T, D) of each utterance."""
        data = self.run.path / "data" / DSET
        feats, vad = (
            RandomReader(f"scp:{data}/{name}.scp", holder)
            for name, holder in (("feats", FLOAT_MATRIX), ("vad", FLOAT_VECTOR))
        )
        for utt, spk in chosen.items():
            if utt in feats and utt in vad:
                yield spk, feats[utt][vad[utt] > 0.5]
