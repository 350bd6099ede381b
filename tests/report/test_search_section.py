"""The report of a recipe with a search: trials, importance of keys, the best ones."""

import shutil

import numpy as np
import pandas as pd
import pytest

from steps_py.report.config import ReportConfig
from steps_py.report.page import report_of
from steps_py.report.run_folder import RunFolder
from steps_py.report.sections.search import UNSET, Axis

TRIALS = """\
trial\tstate\tobjective\tepochs\tseconds\ttrain.optimizer.lr\ttrain.loss.name\ttrain.loss.margin\tfolder\treason
0\tcomplete\t0.3\t4\t10.0\t0.001\tsoftmax\t\texp/search/trials/0000\t
1\tpruned\t\t1\t3.0\t0.9\taam_softmax\t0.1\texp/search/trials/0001\t
2\tcomplete\t0.1\t4\t10.0\t0.1\taam_softmax\t0.2\texp/search/trials/0002\t
3\tfailed\t\t\t1.0\t0.2\taam_softmax\t0.3\texp/search/trials/0003\tout of memory
4\tcomplete\t0.2\t4\t10.0\t0.01\taam_softmax\t0.4\texp/search/trials/0004\t
"""


@pytest.fixture
def searched(finished_run, tmp_path):
    """The finished recipe, for its section `search` alone."""
    shutil.copytree(finished_run.path / "results", tmp_path / "results")
    (tmp_path / "results/search").mkdir()
    (tmp_path / "results/search/trials.tsv").write_text(TRIALS)
    (tmp_path / "results/search/importance.tsv").write_text(
        "key\timportance\ntrain.optimizer.lr\t0.9\ntrain.loss.name\t0.1\n"
    )
    return RunFolder(tmp_path, finished_run.config, ReportConfig(sections=["search"]))


def test_it_counts_the_trials_and_shows_the_best_ones_first(searched):
    html = report_of(searched)
    assert "5 trials: 3 complete, 1 pruned, 1 failed." in html
    cells = [cell.split("</td>")[0].split(">")[-1] for cell in html.split("<td")[1:]]
    assert cells[:10] == [
        *("2", "0.1", "0.1", "aam_softmax", "0.2"),
        *("4", "0.2", "0.01", "aam_softmax", "0.4"),
    ]
    assert "train.optimizer.lr" in html


def test_a_search_without_a_value_and_one_without_importances_have_a_section_too(searched):
    folder = searched.path / "results/search"
    (folder / "importance.tsv").write_text("key\timportance\n")
    assert "Best trials" in report_of(searched)
    lines = TRIALS.splitlines(keepends=True)
    (folder / "trials.tsv").write_text("".join([lines[0], lines[2]]))
    assert "1 trials: 1 pruned." in report_of(searched)


def test_heights_on_an_axis_are_by_size_by_logarithm_or_by_name():
    def heights(*texts):
        return Axis("key", pd.Series(texts)).height.tolist()

    assert heights("1", "3", "2") == [0, 1, 0.5]
    assert heights("0.001", "0.01", "0.1") == pytest.approx([0, 0.5, 1])
    assert heights("cosine", "constant", "cosine", "step") == [0, 0.5, 0, 1]
    assert heights("7", "7") == [0.5, 0.5]
    assert heights("", "2", "4") == [UNSET, 0, 1]
    assert np.isfinite(heights("")).all()


def test_ticks_are_the_ends_of_an_axis_or_its_names():
    assert Axis("key", pd.Series(["1", "3", "2"])).ticks() == [(0, "1"), (1, "3")]
    assert Axis("key", pd.Series(["", "x"])).ticks() == [(UNSET, "not set"), (0, "x")]
