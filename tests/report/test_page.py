"""The report as text: every section, the numbers of the tables, hostile names."""

import copy
import dataclasses
import re

import numpy as np
import pytest
from scipy.special import ndtr

from steps_py.errors import ConfigError
from steps_py.report.config import SECTIONS, ReportConfig
from steps_py.report.page import report_of
from steps_py.report.run_folder import RunFolder
from steps_py.report.sections import REPORT_SECTIONS
from steps_py.report.sections.det import Det
from tests.report.conftest import HOSTILE, write_run

NOT_RUN = ("lr_search", "search", "diarization", "attribution")  # by the recipe of these tests


@pytest.fixture(scope="module")
def html(finished_run):
    return report_of(finished_run)


def with_options(run, **options):
    return RunFolder(run.path, run.config, dataclasses.replace(ReportConfig(), **options))


def test_all_sections_are_in_it_in_the_order_of_the_config(html):
    shown = [name for name in SECTIONS if name not in NOT_RUN]
    assert re.findall(r'<section id="(\w+)">', html) == shown


def test_the_default_names_every_section_there_is():
    assert sorted(SECTIONS) == REPORT_SECTIONS.names()


def test_it_is_one_file_below_5_mb_that_loads_nothing(html):
    assert len(html.encode()) < 5e6
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', markup)
    assert not re.findall(r"<script[^>]*src=", markup)


def test_the_table_has_the_values_of_metrics_tsv(html, finished_run):
    rows = finished_run.results[finished_run.results.condition == ""]
    for row in rows[rows.metric == "eer_percent"].itertuples():
        assert f"{row.value:.3f} [{row.low:.2f}, {row.high:.2f}]" in html


def test_the_f_ratio_has_a_bar_for_each_dimension_and_says_what_it_is_of(html, finished_run):
    section = re.search(r'<section id="f_ratio">.*?</section>', html, re.S)[0]
    assert "13 speakers and 50 utterances, drawn by seed 0" in section
    (figures, _) = REPORT_SECTIONS.build({"name": "f_ratio"}, run=finished_run).blocks()
    source = figures.figures[0].renderers[0].data_source
    assert source.data["x"].tolist() == [0, 1, 2, 3, 4]


def test_false_accepts_are_on_the_horizontal_axis_of_a_det_curve(finished_run):
    plot = Det(Det.Config(), finished_run).blocks()[0].figures[0]
    labels = plot.xaxis.axis_label, plot.yaxis.axis_label
    assert labels == ("false accepts, %", "false rejects, %")
    points = plot.renderers[0].data_source.data
    for axis, rate in (("x", "p_fa"), ("y", "p_miss")):
        np.testing.assert_allclose(100 * ndtr(points[axis]), np.float64(points[rate]), rtol=6e-3)
    assert (np.diff(points["x"]) <= 0).all() and (np.diff(points["y"]) >= 0).all()


def test_systems_that_were_trained_on_a_list_are_named(html):
    assert "<p>short: trained on this list: cosine</p>" in html


def test_a_name_is_text_and_never_markup(html):
    assert HOSTILE not in html
    assert "utt&lt;script&gt;alert(1)" in html


def test_the_worst_false_accept_is_the_nontarget_trial_of_highest_score(html, finished_run):
    system = finished_run.best_system("short")
    lines = (finished_run.path / f"exp/scores/{system}/short").read_text().splitlines()
    labels = (finished_run.path / "data/trials/short").read_text().splitlines()
    wrong = [
        (float(score.split()[2]), score.split()[:2])
        for score, label in zip(lines, labels, strict=True)
        if label.endswith(" nontarget")
    ]
    score, _ = max(wrong)
    table = html[html.index("false accepts: other speakers") :]
    assert re.search(r'<td class="">([-\d.]+)</td>', table)[1] == f"{score:.4g}"


def test_recordings_stop_at_the_limit_and_their_paths_are_shown(finished_run):
    errors = {"sections": ["errors"]}
    sizes = [
        len(report_of(with_options(finished_run, **errors, audio_mb=mb))) for mb in (0, 0.02, 2)
    ]
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[1] - sizes[0] <= 20_000 + 100 * 40  # and the tags of its cells
    silent = report_of(with_options(finished_run, **errors, audio_mb=0))
    assert "<audio" not in silent and "wav/0.wav" in silent


def test_hours_and_memory_of_a_rule_are_those_of_its_benchmarks(finished_run):
    text = report_of(with_options(finished_run, sections=["cost"]))
    row = re.search(r"<tr><td[^>]*>make_feats</td>(.*)</tr>", text)[1]
    assert re.findall(r">([\d.,]+)<", row) == ["2", "1.00", "0.50", "30.0", "512"]


def test_an_enrolment_side_of_models_has_no_recordings_and_is_no_error(finished_run):
    config = copy.deepcopy(finished_run.config)
    config["data"]["trials"]["short"]["enroll"] = "models"  # no set: no wav.scp
    options = dataclasses.replace(ReportConfig(), sections=["errors", "data"])
    text = report_of(RunFolder(finished_run.path, config, options))
    assert "<audio" in text  # of the test side


def test_an_unknown_section_is_refused_with_the_nearest_name(finished_run):
    with pytest.raises(ConfigError, match="Did you mean 'histograms'"):
        report_of(with_options(finished_run, sections=["histogram"]))


def test_a_run_without_conditions_training_or_draws_has_a_report(tmp_path, finished_run):
    run = RunFolder(write_run(tmp_path / "plain", draws=0), finished_run.config)
    run.results = run.results[run.results.condition == ""]
    (run.path / "exp/model/epochs.tsv").unlink()
    text = report_of(run)
    assert 'id="conditions"' not in text and 'id="learning"' not in text
    assert "Paired tests" not in text
