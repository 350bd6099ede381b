"""A map of x-vectors.

Shape suffixes (scope: this module):
    N = x-vectors   E = embedding
"""

import collections

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.palettes import Turbo256

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Text
from steps_py.report.style import new_figure


@REPORT_SECTIONS.register("embeddings")
class Embeddings(Section):
    """The x-vectors of some test speakers in two dimensions, by t-SNE of their cosines.

    L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 2008.
    """

    title = "X-vectors"

    def blocks(self):
        options = self.run.options
        dsets = dict.fromkeys(self.run.set_of(trials, "test") for trials in self.run.lists)
        figures = [plot for plot in map(self._plot, dsets) if plot is not None]
        text = (
            f"t-SNE of the x-vectors of at most {options.num_map_speakers} speakers, drawn by seed"
            f" {options.seed}; a colour is a speaker. Distances between far groups mean little."
        )
        return [Figures(figures), Text(text)] if figures else []

    def _plot(self, dset):
        options = self.run.options
        utt2spk = self.run.table(dset, "utt2spk")
        utts_of = collections.defaultdict(list)
        for utt, spk in utt2spk.items():
            utts_of[spk].append(utt)
        chance = np.random.default_rng(options.seed)
        speakers = sorted(spk for spk, utts in utts_of.items() if len(utts) > 1)
        if len(speakers) < 2:
            return None
        if len(speakers) > options.num_map_speakers:
            chosen = chance.choice(len(speakers), options.num_map_speakers, replace=False)
            speakers = [speakers[k] for k in sorted(chosen)]
        wanted = [utt for spk in speakers for utt in utts_of[spk][: options.num_map_utts]]
        utts, x_NE = self.run.xvectors(dset, wanted)
        place_N2 = _tsne(x_NE, options.seed)
        palette = [Turbo256[k] for k in np.linspace(20, 235, len(speakers)).astype(int)]
        number = {spk: k for k, spk in enumerate(speakers)}
        spk_N = [utt2spk[utt] for utt in utts]
        plot = new_figure(dset, "", "", [("speaker", "@spk"), ("utterance", "@utt")])
        columns = {"x": place_N2[:, 0], "y": place_N2[:, 1], "spk": spk_N, "utt": utts}
        columns["colour"] = [palette[number[spk]] for spk in spk_N]
        plot.scatter("x", "y", source=ColumnDataSource(columns), color="colour", size=7, alpha=0.8)
        plot.axis.visible = False
        return plot


def _tsne(x_NE, seed):
    from sklearn.manifold import TSNE  # start-up time: only this section needs it

    x_NE = x_NE - x_NE.mean(axis=0)
    x_NE /= np.maximum(np.linalg.norm(x_NE, axis=1, keepdims=True), 1e-10)
    perplexity = min(30, (len(x_NE) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(x_NE)
