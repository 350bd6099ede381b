"""Extended filenames: files, pipes, standard input and output; failing commands are errors."""

import os
import stat
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steps_py.errors import TableError
from steps_py.formats import log
from steps_py.formats.holders import INT
from steps_py.formats.outputs import classify_wxfilename, open_output
from steps_py.formats.streams import classify_rxfilename, open_input
from steps_py.formats.tables import SequentialReader, TableWriter, read_object, write_object


@pytest.fixture(params=[False, True], ids=["as Kaldi", "strict"])
def strictness(request):
    log.start("test", strict=request.param)
    yield request.param
    log.start("test", strict=False)


@pytest.mark.parametrize(
    "name, reads, writes",
    [
        ("", "stdin", "stdout"),
        ("-", "stdin", "stdout"),
        ("a.ark", "file", "file"),
        ("dir/with:colon", "file", "file"),
        ("a.ark:0", "offset", None),
        ("a.ark:123456789012", "offset", None),
        ("cat a |", "pipe", None),
        ("cat a | head -1 |", "pipe", None),
        ("| gzip -c > a", None, "pipe"),
        ("cat a | head", None, None),
        (" a", None, None),
        ("a ", None, None),
        ("ark:a", None, None),
        ("scp,p:a", None, None),
        ("archive:a", "file", "file"),
        ("ark,t:a", None, None),
    ],
)
def test_names_are_classified_as_kaldi_does(name, reads, writes):
    assert classify_rxfilename(name) == reads
    assert classify_wxfilename(name) == writes


@pytest.mark.parametrize("name", ["ark:a", "a ", "|x"])
def test_a_name_that_is_none_is_explained(name):
    with pytest.raises(TableError, match="not a name to read from"):
        open_input(name)
    with pytest.raises(TableError, match="not a name to write to|failed"):
        open_output(name if name != "|x" else "x|").close()


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(TableError, match="none: cannot open: No such file"):
        open_input(f"{tmp_path}/none")
    with pytest.raises(TableError, match="Is a directory"):
        open_input(str(tmp_path)).read()
    with pytest.raises(TableError, match="none/x: cannot write: No such file"):
        open_output(f"{tmp_path}/none/x")
    with pytest.raises(TableError, match="Is a directory"):
        open_output(str(tmp_path))


@given(st.binary(max_size=300), st.lists(st.sampled_from("wlp4ts"), max_size=40))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_input_returns_every_byte_once_by_any_sequence_of_reads(tmp_path, content, steps):
    (tmp_path / "x").write_bytes(content)
    with open_input(f"{tmp_path}/x") as stream:
        at = 0
        for step in steps:
            assert stream.tell() == at
            if step == "p":
                assert stream.peek(5) == content[at : at + 5]
            elif step == "4":
                got = stream.read(4)
                assert got == content[at : at + 4]
                at += len(got)
            elif step == "l":
                line = stream.line()
                assert (line or b"") == content[at:].split(b"\n")[0]
                at = min(len(content), at + len(line or b"") + 1)
            elif step == "s":
                at //= 2
                stream.seek(at)
            elif step == "t" and len(content) - at >= 3:
                assert stream.take(3) == content[at : at + 3]
                at += 3
            elif step == "w" and content[at:].split() and content[-1:].isspace():
                word = content[at:].split()[0]
                assert stream.word() == word
                at = content.index(word, at) + len(word)
        assert stream.read() == content[at:]
        assert stream.at_end()


def test_long_lines_and_words_do_not_depend_on_chunks(tmp_path):
    line = b"x" * 200_000 + b" " + b"y" * 60_000
    (tmp_path / "x").write_bytes((line + b"\n") * 3)
    for name in (f"{tmp_path}/x", f"cat {tmp_path}/x |"):
        with open_input(name) as stream:
            assert [stream.line() for _ in range(4)] == [line, line, line, None]
    with open_input(f"{tmp_path}/x:200001") as stream:
        assert stream.word() == b"y" * 60_000
        with pytest.raises(TableError, match=r"no end of a key in \d+ bytes"):
            stream.word("a key")


def test_standard_input_continues_where_the_last_reader_stopped():
    code = """
from steps_py.formats.holders import INT
from steps_py.formats.tables import read_object
print(read_object("-", INT), read_object("", INT), read_object("-", INT))
"""
    done = subprocess.run([sys.executable, "-c", code], input=b"1\n2\n3\n", capture_output=True)
    assert done.stdout == b"1 2 3\n"


# pipes


def test_the_exit_status_and_last_message_of_a_failing_pipe_are_reported(strictness, capfd):
    command = "echo 5; echo one >&2; echo 'no such disk' >&2; exit 3 |"
    if strictness:
        with pytest.raises(TableError) as caught:
            read_object(command, INT)
        said = str(caught.value)
        assert capfd.readouterr().err == "one\nno such disk\n"
    else:  # as in Kaldi: the object is there
        assert read_object(command, INT) == 5
        said = capfd.readouterr().err
    assert "exit status 3" in said
    assert "last message: no such disk" in said


def test_a_command_that_does_not_exist_is_an_error(strictness):
    with pytest.raises(
        TableError, match=r"program no-such-command-at-all not found \(exit status 127\)"
    ):
        read_object("no-such-command-at-all |", INT)


@pytest.fixture
def strict_mode():
    log.start("test", strict=True)
    yield
    log.start("test", strict=False)


def test_a_pipe_that_fails_after_its_last_entry_is_a_warning_if_not_strict(capfd):
    with SequentialReader("ark:printf 'a 1\\nb 2\\n'; exit 4 |", INT) as reader:
        assert list(reader) == [("a", 1), ("b", 2)]
    assert "exit status 4" in capfd.readouterr().err


def test_a_pipe_that_fails_after_its_last_entry_is_an_error(strict_mode):
    with (
        pytest.raises(TableError, match="exit status 4"),
        SequentialReader("ark:printf 'a 1\\nb 2\\n'; exit 4 |", INT) as reader,
    ):
        assert list(reader) == [("a", 1), ("b", 2)]


def test_a_failing_script_pipe_is_an_error(strict_mode, tmp_path):
    write_object(f"{tmp_path}/x", INT, 1)
    with (
        pytest.raises(TableError, match="exit status 4"),
        SequentialReader(f"scp:echo a {tmp_path}/x; exit 4 |", INT) as reader,
    ):
        assert list(reader) == [("a", 1)]


def test_permissive_lets_a_failing_pipe_pass_with_a_warning(capfd):
    with SequentialReader("p,ark:echo a 1; exit 4 |", INT) as reader:
        assert list(reader) == [("a", 1)]
    assert "exit status 4" in capfd.readouterr().err


def test_a_command_may_end_by_sigpipe_when_its_output_is_not_read(strictness):
    with SequentialReader("ark:yes a 1 |", INT) as reader:
        assert next(iter(reader)) == ("a", 1)


def test_strict_mode_sees_a_failure_in_front_of_another_command(strictness):
    def read():
        return read_object("(echo 5; exit 2) | cat |", INT)

    if strictness:
        with pytest.raises(TableError, match="exit status 2"):
            read()
    else:
        assert read() == 5


def test_strict_mode_forgives_head_its_leaving_early(strictness):
    assert read_object("yes 7 | head -1 |", INT) == 7


def test_an_error_in_the_reader_does_not_wait_for_the_pipe():
    with pytest.raises(TableError, match="no 32-bit integer"):
        read_object("echo word; exec sleep 100 |", INT)


def test_a_writing_pipe_gets_all_and_its_failure_is_an_error(tmp_path, strictness):
    with TableWriter(f"ark,t:| cat > {tmp_path}/x", INT) as writer:
        for number in range(10_000):
            writer.write("key", number)
    assert (tmp_path / "x").read_text().splitlines()[-1] == "key 9999 "
    with pytest.raises(TableError, match="exit status 5; its last message: full"):
        write_object("| cat > /dev/null; echo full >&2; exit 5", INT, 1)


def test_a_writing_pipe_that_stops_reading_is_an_error():
    with (
        pytest.raises(TableError, match="exit status 6|stopped reading"),
        TableWriter("ark:| exit 6", INT) as writer,
    ):
        for _ in range(100_000):
            writer.write("key", 1)
    with (
        pytest.raises(TableError, match="stopped reading"),
        TableWriter("ark:| head -c 1 > /dev/null", INT) as writer,
    ):
        for _ in range(100_000):
            writer.write("key", 1)


# files appear whole


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    out = open_output(f"{tmp_path}/x")
    out.write(b"1")
    assert not (tmp_path / "x").exists()
    out.close()
    assert (tmp_path / "x").read_bytes() == b"1"
    with pytest.raises(RuntimeError), open_output(f"{tmp_path}/x") as out:
        out.write(b"2")
        raise RuntimeError
    assert (tmp_path / "x").read_bytes() == b"1"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_link_to_other_storage_stays_a_link(tmp_path):
    (tmp_path / "storage").mkdir()
    (tmp_path / "x").symlink_to(tmp_path / "storage/x.1")
    write_object(f"{tmp_path}/x", INT, 1)
    assert (tmp_path / "x").is_symlink()
    assert read_object(f"{tmp_path}/storage/x.1", INT) == 1


def test_devices_and_fifos_are_written_as_they_are(tmp_path):
    write_object("/dev/null", INT, 1)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo(tmp_path / "fifo")
    reader = subprocess.Popen(["cat", tmp_path / "fifo"], stdout=subprocess.PIPE)
    write_object(f"{tmp_path}/fifo", INT, 1, binary=False)
    assert reader.communicate()[0] == b"1 \n"


def test_a_full_disk_is_reported_in_one_line():
    for name in ("/dev/full", "| cat > /dev/full"):
        with pytest.raises(TableError, match="No space left"):
            write_object(name, INT, 1)
