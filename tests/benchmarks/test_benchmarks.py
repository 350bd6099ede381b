"""The arithmetic of the benchmarks, and that each one's inputs can be made."""

import math
import os

import pytest

from benchmarks import gallery, harness
from benchmarks.__main__ import SCRIPTS, script_of
from benchmarks.harness import Case, Row, Usage


def row(ours_sec, other_sec, other_name="Kaldi", **targets):
    case = Case(name="x", argv=("x",), **targets)
    return Row(case, Usage(ours_sec, 0), Usage(other_sec, 0), other_name)


def test_medians_are_taken_of_each_time_for_itself_and_per_unit():
    usages = [Usage(10, 1), Usage(30, 5), Usage(20, 3), Usage(100, 2)]
    median = harness.median_usage(usages, units=10)
    assert (median.cpu_sec, median.wall_sec) == (2.5, 0.25)


def test_a_side_that_did_not_run_has_no_time():
    assert math.isnan(harness.median_usage([]).cpu_sec)
    shown = harness.table_row(row(1.0, harness.NOT_RUN, "", at_most_ratio=0.5))
    assert (shown[4], shown[7], shown[9]) == ("-", "-", "-")


def test_the_ratio_is_ours_over_theirs_and_the_target_an_upper_bound():
    assert row(3, 2).ratio == 1.5
    assert row(3, 2, at_most_ratio=1.5).verdict == "yes"
    assert row(3, 2, at_most_ratio=1.49).verdict == "no"
    assert row(3, 2, at_most_sec=2.5).verdict == "no"
    assert row(3, 2).verdict == ""


def test_more_memory_than_kaldis_misses_a_target_of_time_and_memory():
    case = Case(name="x", argv=("x",), at_most_ratio=0.5, at_most_memory_ratio=1.0)
    verdicts = [
        Row(case, Usage(1, 1, peak_mb), Usage(4, 4, 100), "Kaldi").verdict for peak_mb in (100, 101)
    ]
    assert verdicts == ["yes", "no"]


def test_another_packages_time_does_not_decide_a_target_relative_to_kaldi():
    assert row(1, 2, "kaldi-native-fbank", at_most_ratio=1).verdict == ""


def test_a_failing_command_stops_the_benchmark_with_its_message(tmp_path):
    with pytest.raises(SystemExit, match="no such thing"):
        harness.run_once(["sh", "-c", "echo no such thing >&2; exit 3"], os.environ, tmp_path)


def test_kaldi_takes_part_only_with_the_commands_it_has(tmp_path, monkeypatch):
    monkeypatch.delenv("KALDI_ROOT", raising=False)
    assert harness.kaldi_folders("copy-vector") is None
    monkeypatch.setenv("KALDI_ROOT", str(tmp_path))
    (tmp_path / "src/bin").mkdir(parents=True)
    (tmp_path / "src/bin/copy-vector").touch()
    assert tmp_path.resolve() / "src/bin" in harness.kaldi_folders("copy-vector")
    assert harness.kaldi_folders("nnet3-xvector-compute") is None


@pytest.mark.parametrize("name", SCRIPTS)
def test_inputs_of_each_script_can_be_made_and_its_commands_run(name, tmp_path, monkeypatch):
    script = script_of(name)
    if name == "extraction":  # an export takes minutes, and the other networks are alike
        monkeypatch.setattr(script, "has_rival", lambda: False)
        monkeypatch.setattr(script, "SYSTEMS", {"xvector_aam": script.SYSTEMS["xvector_aam"]})
    script.make_inputs(tmp_path, scale=0.01)
    made = {path.name for path in tmp_path.iterdir()}
    env = harness.environment(harness.OURS)
    for case in script.cases():
        harness.run_once(case.argv, env, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} > made


def test_the_benchmark_of_galleries_prints_its_ratio(capsys):
    gallery.main(["--people", "300", "--runs", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["300 people by cosine", "300 people by plda"]
    assert all("ratio" in line for line in lines)
