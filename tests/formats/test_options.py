"""Command lines are understood, refused and explained as Kaldi's ParseOptions does."""

import dataclasses
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import KaldiError
from steps_py.formats.options import UsageError, option, parse_command_line, quote, usage_text


@dataclasses.dataclass
class Options:
    num_ceps: int = option(13, "Number of cepstra")
    dither: float = option(1.0, "Dithering constant")
    use_energy: bool = option(True, "Use energy")
    window_type: str = option("povey", "Type of window")
    change_dim: int = option(-1, "Odd name", name="change_dim")
    not_an_option: int = 7


def parse(*argv):
    options, arguments, _ = parse_command_line("cmd", "Usage: cmd [options] <in>", Options, [*argv])
    return options, arguments


def refused(*argv):
    with pytest.raises(KaldiError) as caught:
        parse(*argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_options_defaults_hold():
    assert parse("a", "b") == (Options(), ["a", "b"])


def test_values_are_converted():
    given = ("--num-ceps=20", "--dither=1e-3", "--use-energy=false", "--window-type=hamming")
    assert parse(*given)[0] == Options(20, 0.001, False, "hamming")


@pytest.mark.parametrize("name", ["num-ceps", "num_ceps", "Num-Ceps", "NUM_CEPS"])
def test_case_and_underscores_do_not_matter_in_names(name):
    assert parse(f"--{name}=5")[0].num_ceps == 5


@pytest.mark.parametrize(
    "text, value",
    [
        ("=true", True),
        ("=T", True),
        ("=1", True),
        ("", True),
        ("=False", False),
        ("=f", False),
        ("=0", False),
    ],
)
def test_booleans_are_written_in_several_ways(text, value):
    assert parse(f"--use-energy{text}")[0].use_energy is value


def test_values_are_trimmed_and_may_hold_anything():
    assert parse("--window-type= a=b --c ")[0].window_type == "a=b --c"
    assert parse("--window-type=")[0].window_type == ""


def test_the_last_of_several_holds():
    assert parse("--num-ceps=1", "--num-ceps=2")[0].num_ceps == 2


@pytest.mark.parametrize(
    "word, what",
    [
        ("--num-ceps=x", "expected an integer"),
        ("--num-ceps=1.0", "expected an integer"),
        ("--num-ceps=1_0", "expected an integer"),
        ("--num-ceps=99999999999", "expected an integer"),
        ("--num-ceps", "expected an integer"),
        ("--dither=x", "expected a number"),
        ("--dither=1_0", "expected a number"),
        ("--use-energy=yes", "expected true or false"),
        ("--use-energy=", "expected true or false"),
        ("--window-type", "--x=y"),
        ("--=5", "no key"),
        ("--num-cepts=5", "Did you mean 'num-ceps'?"),
        ("--not-an-option=5", "Invalid option --not-an-option=5"),
    ],
)
def test_what_cannot_be_understood_is_explained(word, what):
    assert what in refused(word, "in")


def test_options_end_where_arguments_begin():
    assert parse("in", "--num-ceps=5")[1] == ["in", "--num-ceps=5"]
    assert parse("--num-ceps=5", "--", "--in", "--", "out")[1] == ["--in", "--", "out"]
    assert parse("in", "--", "out")[1] == ["in", "out"]


def test_a_config_file_is_read_first_and_the_command_line_has_the_last_word(tmp_path):
    (tmp_path / "x.conf").write_text(
        "# comment\n\n--num-ceps=7   # as in the paper\n  --use_energy=false\n--window-type=a\n"
    )
    options, _ = parse("--num-ceps=8", f"--config={tmp_path}/x.conf", "in")
    assert options == Options(8, 1.0, False, "a")


def test_faults_in_a_config_file_are_reported_with_their_line(tmp_path):
    (tmp_path / "x.conf").write_text("--num-ceps=7\nuse-energy=false\n")
    assert "x.conf:2: not an option: 'use-energy=false'" in refused(f"--config={tmp_path}/x.conf")
    (tmp_path / "x.conf").write_text("--num-ceps=7\n--dithr=0\n")
    message = refused(f"--config={tmp_path}/x.conf")
    assert "x.conf:2: Invalid option --dithr=0. Did you mean 'dither'?" in message
    assert "cannot open config file" in refused("--config=/none.conf")
    assert "cannot open config file" in refused("--config=/")


def test_the_standard_options_are_known(capsys):
    _, _, standard = parse_command_line("cmd", "", Options, ["--verbose=2", "--strict", "in"])
    assert (standard.verbose, standard.strict) == (2, True)
    assert capsys.readouterr().err == "cmd --verbose=2 --strict in\n"
    _, _, standard = parse_command_line("cmd", "", None, ["--print-args=false", "in"])
    assert standard.strict is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("argv", [["--help"], ["in", "--help"], ["--num-ceps=x", "--help"]])
def test_help_prints_the_usage_and_ends_well(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(*argv)
    assert caught.value.code == 0
    shown = capsys.readouterr().err
    assert shown == usage_text("Usage: cmd [options] <in>", Options)
    assert "  --num-ceps                  : Number of cepstra (int, default = 13)\n" in shown
    assert "  --use-energy                : Use energy (bool, default = true)\n" in shown
    assert '  --window-type               : Type of window (string, default = "povey")\n' in shown
    assert "  --dither                    : Dithering constant (float, default = 1)\n" in shown
    assert "not-an-option" not in shown
    assert shown.index("--change_dim") < shown.index("--dither") < shown.index("--window-type")


def test_a_default_of_another_type_than_declared_is_our_own_mistake():
    @dataclasses.dataclass
    class Wrong:
        frame_shift: float = option(10, "an int where a float is meant")

    with pytest.raises(TypeError, match="frame_shift"):
        parse_command_line("cmd", "", Wrong, [])


def test_the_command_line_in_an_error_can_be_typed_again():
    assert "Command line was: cmd --bad 'scp:head x |'" in refused("--bad", "scp:head x |")


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20))
def test_a_quoted_argument_comes_out_of_a_shell_unchanged(text):
    shown = subprocess.run(["sh", "-c", f"printf %s {quote(text)}"], capture_output=True)
    assert shown.stdout == text.encode()


@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_words_are_parsed_or_refused(words):
    try:
        parse(*(f"--{word}" for word in words if word != "help"))
    except UsageError:
        pass
    except KaldiError as error:
        assert "config" in str(error)  # nobody can read it
