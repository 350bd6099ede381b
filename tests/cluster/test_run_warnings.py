"""What the logs of a run warn of is shown at its end."""

from steps_py.cluster.run_warnings import warning_lines


def test_a_log_is_one_line_with_its_first_warning_and_their_number(tmp_path):
    log = tmp_path / "a.log"
    log.write_text(
        "WARNING (compute-vad[5.5]:main()) no frames for u1\nLOG fine\n"
        "WARNING (compute-vad[5.5]:main()) no frames for u2\n"
    )
    assert warning_lines([("compute_vad", log)], since=0) == [
        "compute_vad: 2 warnings, the first: WARNING (compute-vad[5.5]:main()) no frames for u1"
        f" (log: {log})"
    ]


def test_skipped_items_count_as_a_warning_and_plain_lines_do_not(tmp_path):
    log = tmp_path / "chunks.log"
    log.write_text("chunks: dropped 3 of 9 utterances (too short)\nchunks: done\n")
    (line,) = warning_lines([("allocate_chunks", log)], since=0)
    assert "dropped 3 of 9 utterances" in line


def test_logs_of_an_earlier_run_and_jobs_without_a_log_say_nothing(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("WARNING x\n")
    logs = [("a", log), ("b", tmp_path / "none.log")]
    assert warning_lines(logs, since=log.stat().st_mtime + 1) == []


def test_of_very_many_logs_ten_are_shown(tmp_path):
    logs = []
    for number in range(13):
        log = tmp_path / f"{number}.log"
        log.write_text("WARNING x\n")
        logs.append(("make_feats", log))
    lines = warning_lines(logs, since=0)
    assert len(lines) == 11
    assert lines[-1].startswith("and 3 more logs")
