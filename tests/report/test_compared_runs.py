"""Several runs on one list: same numbers as in each run alone, paired tests across them."""

import json

import pytest

from steps_py.errors import StepsError
from steps_py.recipe.config import fill_defaults
from steps_py.report.base import Run
from steps_py.report.compared_runs import SECTIONS, ComparedRuns
from steps_py.report.page import page, parts_of
from steps_py.report.run_folder import RunFolder
from steps_py.stages.compare_runs import main
from tests.report.conftest import write_run


@pytest.fixture(scope="module")
def better_path(tmp_path_factory):
    """The same list, its plda scores further apart."""
    return write_run(tmp_path_factory.mktemp("better") / "recipe", shift=3.0)


@pytest.fixture(scope="module")
def compared(finished_run, better_path):
    return ComparedRuns({"first": finished_run, "better": open_run(better_path)})


def open_run(path):
    manifest = json.loads((path / "results/manifest.json").read_text())
    return RunFolder(path, fill_defaults(manifest["config"]))


def test_one_run_and_several_have_what_their_sections_read(compared, finished_run):
    assert isinstance(compared, Run)
    assert isinstance(finished_run, Run)


def test_values_are_those_of_each_run(compared, finished_run):
    ours = compared.results.set_index(["system", "metric"]).value
    rows = finished_run.results[finished_run.results.condition == ""]
    for row in rows.itertuples():
        assert ours[f"first.{row.system}", row.metric] == pytest.approx(row.value, rel=1e-5)


def test_a_clear_difference_is_significant_and_equal_scores_differ_by_nothing(
    compared,
):
    tests = compared.comparisons.set_index(["metric", "system", "other"])
    plda = tests.loc[("eer_percent", "first.plda", "better.plda")]
    assert plda.difference > 0 and plda.low > 0 and plda.p_value < 0.05
    cosine = tests.loc[("eer_percent", "first.cosine", "better.cosine")]
    assert cosine.difference == cosine.low == cosine.high == 0 and cosine.p_value == 1


def test_the_page_has_all_systems(compared):
    html = page("Comparison", "", parts_of(compared, SECTIONS))
    for name in ("first.plda", "first.cosine", "better.plda", "better.cosine"):
        assert f">{name}</td>" in html


def test_the_command_writes_the_page_and_prints_the_table(run_path, better_path, tmp_path, capsys):
    out = tmp_path / "comparison.html"
    main([f"first={run_path}", f"better={better_path}", "--out", str(out)])
    assert out.stat().st_size > 100_000
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_lists_that_differ_are_refused(finished_run, tmp_path):
    other = write_run(tmp_path / "recipe")
    table = other / "results/metrics.tsv"
    digest = finished_run.results.list_sha256.iloc[0]
    table.write_text(table.read_text().replace(digest, "0" * 16))
    with pytest.raises(StepsError, match="'short' is not the same list in all runs"):
        ComparedRuns({"a": finished_run, "b": open_run(other)})


def test_two_runs_of_one_name_are_refused(run_path, better_path, tmp_path):
    with pytest.raises(StepsError, match="two runs are named 'recipe'"):
        main([str(run_path), str(better_path), "--out", str(tmp_path / "c.html")])


def test_a_folder_without_results_is_refused_in_one_line(tmp_path):
    with pytest.raises(StepsError, match="Run the recipe first"):
        main([str(tmp_path), "--out", str(tmp_path / "c.html")])
