"""The section of the report on who spoke when."""

from types import SimpleNamespace

from steps_py.conversations.config import ScoringSection
from steps_py.conversations.der_table import SetScores, write_tsv
from steps_py.diarization.error_rate import Errors
from steps_py.diarization.rttm import write_rttm
from steps_py.diarization.turns import Turn
from steps_py.report.sections.diarization import Diarization


def run_in(folder, **given):
    sets = {"dev": {"rttm": "ref.rttm"}}
    return SimpleNamespace(path=folder, config={"diarization": {"sets": sets}} | given)


def test_a_table_of_error_rates_and_a_timeline_of_each_recording(tmp_path):
    for name in ("results", "data/dev"):
        (tmp_path / name).mkdir(parents=True)
    reference = [Turn("a", 0.0, 2.0, "ann"), Turn("b", 1.0, 2.0, "ben")]
    write_rttm(tmp_path / "data/dev/ref.rttm", reference)
    write_rttm(tmp_path / "results/dev.rttm", [Turn("a", 0.0, 2.5, "a-1")])
    errors = {"ahc": {"a": Errors(speech_sec=2, false_alarm_sec=0.5, num_speakers=1, num_found=1)}}
    scores = SetScores("dev", errors, {"ahc": (20.0, 30.0)}, ScoringSection())
    write_tsv(tmp_path / "results/dev_der.tsv", scores)
    table, timelines, _ = Diarization(None, run_in(tmp_path)).blocks()
    assert table.rows[0][:2] == ["ahc", "25.00 [20.00, 30.00]"]
    assert [figure.title.text for figure in timelines.figures] == ["a", "b"]
    assert timelines.figures[0].y_range.factors == ["reference: ann", "system: a-1"]


def test_a_recipe_without_diarization_has_no_such_section(tmp_path):
    assert Diarization(None, run_in(tmp_path, diarization=None)).blocks() == []


def test_sets_that_networks_are_trained_on_have_no_results(tmp_path):
    run = run_in(tmp_path, segmentation={"train_sets": ["dev"]})
    assert len(Diarization(None, run).blocks()) == 1  # the legend
