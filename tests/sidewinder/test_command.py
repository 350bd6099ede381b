"""The command sidewinder: answers, tables, errors in one line with status 1."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from steps_py import load_system
from steps_py.embeddings.outputs.base import VECTOR_FORMATS, VectorRow, format_of
from steps_py.errors import ConfigError
from steps_py.formats.kaldi_io_tables import read_vectors
from steps_py.sidewinder.__main__ import main
from steps_py.sidewinder.subcommands import SUBCOMMANDS
from tests.support.small_audio import RATE_HZ, write_wav
from tests.support.small_extractor import write_model, write_recording
from tests.support.small_system import write_system

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """system.swx, and a.wav, b.wav, c.wav in recordings/, with a silent one in bad/."""
    folder = tmp_path_factory.mktemp("command")
    write_system(folder / "system.swx", write_model(folder, more="--dither=0\n"))
    for n, name in enumerate(("a", "b", "x/c")):
        write_recording(folder / f"recordings/{name}.wav", seed=n)
    write_wav(folder / "bad/silent.wav", np.zeros(RATE_HZ))
    return folder


@pytest.fixture
def sidewinder(folder, capsys, monkeypatch):
    """Runs a subcommand in the folder: (status, standard output, standard error)."""
    monkeypatch.chdir(folder)

    def run(*words):
        try:
            status = main([str(word) for word in words])
        except SystemExit as exit_:
            status = exit_.code
        return status, *capsys.readouterr()

    return run


def test_verify_prints_a_line_or_json(sidewinder, folder):
    status, out, _ = sidewinder("verify", "system.swx", "recordings/a.wav", "recordings/a.wav")
    assert status == 0
    assert out.startswith("same speaker: probability")
    files = "recordings/a.wav", "recordings/b.wav"
    status, out, _ = sidewinder("verify", "system.swx", *files, "--prior", "0.01", "--json")
    verdict = load_system(folder / "system.swx").verify(*files, 0.01)
    assert json.loads(out) == json.loads(json.dumps(verdict.as_dict()))


def test_explain_writes_the_maps_and_says_their_checks(sidewinder, folder):
    files = "system.swx", "recordings/a.wav", "recordings/b.wav"
    status, out, _ = sidewinder("explain", *files, "--method", "gradient", "--npz", "ab.npz")
    assert status == 0
    assert "gradient of the log-likelihood ratio" in out
    with np.load(folder / "ab.npz") as found:
        assert found["map1_TD"].shape == found["input1_TD"].shape
        summary = json.loads(str(found["summary"]))
    assert [side["recording"] for side in summary["recordings"]] == list(files[1:])
    assert set(summary["recordings"][0]["cascade"]) == {"1/3", "2/3", "3/3"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "gradcan"), "unknown name 'gradcan'"),
        (("--method", "{name: gradcam, layers: 1}"), "layers"),
        (("--method", "[1]"), "is no method"),
        (("--out", "ab.jpeg"), "ab.jpeg: is no name of a picture"),
    ],
)
def test_explain_refuses_in_a_line(sidewinder, words, message):
    files = "system.swx", "recordings/a.wav", "recordings/b.wav"
    status, out, error = sidewinder("explain", *files, "--no-checks", *words)
    assert (status, out, error.count("\n")) == (1, "", 1)
    assert message in error


def test_people_are_enrolled_identified_renamed_and_removed(sidewinder, tmp_path):
    people = "--gallery", tmp_path / "people.sqlite"
    assert sidewinder("enrol", "system.swx", "anna", "recordings/a.wav", *people)[0] == 0
    files = "recordings/b.wav", "recordings/x/c.wav"
    status, out, _ = sidewinder("enrol", "system.swx", "ben", *files, *people)
    assert (status, out.startswith("ben: 2 recordings, ")) == (0, True)
    _, out, _ = sidewinder("identify", "system.swx", "recordings/a.wav", *people, "--json")
    assert {candidate["name"] for candidate in json.loads(out)["candidates"]} == {"anna", "ben"}
    _, out, _ = sidewinder("identify", "system.swx", "recordings/a.wav", *people, "--top", 1)
    assert len(out.splitlines()) == 2
    assert sidewinder("rename", "anna", "anne", *people)[0] == 0
    assert sidewinder("remove", "ben", *people)[0] == 0
    status, out, _ = sidewinder("people", *people)
    assert (status, out.split("\t")[:2]) == (0, ["anne", "1"])


@pytest.mark.parametrize("suffix", ["ark", "npz", "parquet"])
def test_embed_writes_what_the_package_reads(sidewinder, folder, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"x.{suffix}"
    status, said, _ = sidewinder("embed", "system.swx", "recordings", "--out", out)
    assert (status, said) == (0, f"{out}: 3 x-vectors, 0 left out\n")
    if suffix == "ark":
        found = read_vectors(out)
        assert found.keys() == read_vectors(tmp_path / "x.scp").keys()
    elif suffix == "npz":
        found = dict(np.load(out))
    else:
        import pandas

        table = pandas.read_parquet(out)
        found = dict(zip(table["key"], table["xvector"], strict=True))
    assert list(found) == ["a", "b", "x-c"]
    expected_E = load_system(folder / "system.swx").embed(folder / "recordings/b.wav")
    np.testing.assert_allclose(found["b"], expected_E, atol=1e-6)


def test_embed_takes_a_kaldi_data_directory(sidewinder, folder, tmp_path):
    wavs = {"u1": f"{folder}/recordings/a.wav", "u2": f"cat {folder}/recordings/b.wav |"}
    data = tmp_path / "data"
    data.mkdir()
    (data / "wav.scp").write_text("".join(f"{utt} {wav}\n" for utt, wav in wavs.items()))
    status, _, error = sidewinder("embed", "system.swx", data, "--out", tmp_path / "x.ark")
    if status:  # cat is not evaluated here
        assert "which is not run here" in error
        wavs["u2"] = f"sox {folder}/recordings/b.wav -t wav - |"
        (data / "wav.scp").write_text("".join(f"{utt} {wav}\n" for utt, wav in wavs.items()))
        status, _, error = sidewinder("embed", "system.swx", data, "--out", tmp_path / "x.ark")
    assert (status, error) == (0, "")
    found = read_vectors(tmp_path / "x.ark")
    assert list(found) == ["u1", "u2"]
    system = load_system(folder / "system.swx")
    np.testing.assert_allclose(found["u2"], system.embed(f"{folder}/recordings/b.wav"), atol=1e-5)


def test_a_command_of_a_data_directory_is_never_run(sidewinder, tmp_path):
    (tmp_path / "wav.scp").write_text(f"u touch {tmp_path}/was_run; cat x.wav |\n")
    status, _, error = sidewinder("embed", "system.swx", tmp_path, "--out", tmp_path / "x.ark")
    assert (status, len(error.splitlines())) == (1, 1)
    assert not (tmp_path / "was_run").exists()


def test_a_bad_recording_stops_embed_unless_it_is_to_keep_going(sidewinder, tmp_path):
    words = "embed", "system.swx", "recordings", "bad", "--out", tmp_path / "x.ark"
    status, _, error = sidewinder(*words)
    assert (status, len(error.splitlines())) == (1, 1)
    assert "bad/silent.wav: 1.0 s of silence" in error
    assert list(tmp_path.iterdir()) == []
    status, out, error = sidewinder(*words, "--keep-going")
    assert (status, out.endswith("3 x-vectors, 1 left out\n")) == (0, True)
    assert "WARNING: silent: left out" in error


@pytest.mark.parametrize(
    "words, said",
    [
        (["verify", "gone.swx", "a", "b"], "gone.swx: cannot be read"),
        (["verify", "system.swx", "gone.wav", "b"], "gone.wav"),
        (["verify", "system.swx", "recordings/a.wav"], "arguments are required: second"),
        (["verify", "system.swx", *["recordings/a.wav"] * 2, "--prior", "2"], "no probability"),
        (["verify", "system.swx", *["recordings/a.wav"] * 2, "--channel", "x"], "--channel: is"),
        (["vrify"], "invalid choice: 'vrify'"),
        (["people", "--gallery", "gone.sqlite"], "gone.sqlite: is not there"),
        (["remove", "anna", "--gallery", "gone.sqlite"], "gone.sqlite: is not there"),
        (
            ["identify", "system.swx", "recordings/a.wav", "--gallery", "gone.sqlite"],
            "gone.sqlite: is not there",
        ),
        (["embed", "system.swx", "bad", "--out", "x.csv"], "no format has the suffix '.csv'"),
        (["embed", "system.swx", "bad", "--out", "x", "--format", "npy"], "Did you mean 'npz'"),
        (["embed", "system.swx", *["recordings/a.wav"] * 2, "--out", "x.npz"], "have the key 'a'"),
        (["info", "recordings/a.wav"], "has no seal of sidewinder"),
        (["info", "final.pt"], "is a file of kind 'model'"),
    ],
    ids=lambda words: "-".join(words[:1] + words[-1:]) if isinstance(words, list) else "",
)
def test_a_user_s_error_is_one_line_and_status_1(sidewinder, folder, words, said):
    status, out, error = sidewinder(*words)
    assert (status, out) == (1, "")
    assert len(error.splitlines()) == 1
    assert error.startswith("sidewinder")
    assert said in error
    assert not (folder / "gone.sqlite").exists()


def test_info_names_scoring_calibration_and_licences(sidewinder):
    status, out, _ = sidewinder("info", "system.swx")
    assert status == 0
    assert "mine: centre, lda, length_norm, plda, logistic" in out
    assert "licence: unknown" in out
    described = json.loads(sidewinder("info", "system.swx", "--json")[1])
    assert described["prior"] == 0.5


@pytest.mark.parametrize("name", SUBCOMMANDS.names())
def test_every_subcommand_explains_itself(sidewinder, name):
    status, out, _ = sidewinder(name, "--help")
    assert status == 0
    assert f"sidewinder {name} " in out


def test_help_starts_without_torch():
    code = (
        "import sys\nfrom steps_py.sidewinder.__main__ import main"
        "\ntry: main(['--help'])\nexcept SystemExit: pass"
        "\nassert not {'torch', 'scipy', 'pandas', 'snakemake'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", VECTOR_FORMATS.names())
def test_every_format_writes_its_file_whole_or_not_at_all(name, tmp_path):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    cls = VECTOR_FORMATS.find(name)
    assert format_of(f"x{cls.suffix}") is cls
    row = VectorRow("a", np.ones(3, np.float32), 1.0)
    with pytest.raises(KeyError), cls(tmp_path / "lost") as out:
        out.write(row)
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with cls(tmp_path / f"kept{cls.suffix}") as out:
        out.write(row)
    assert (tmp_path / f"kept{cls.suffix}").stat().st_size > 0


def test_parquet_without_its_package_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Exception, match=r"need the package pyarrow\. Install it"):
        format_of("x.parquet")(tmp_path / "x.parquet")


def test_a_format_is_chosen_by_name_or_suffix():
    with pytest.raises(ConfigError, match="no format has the suffix ''"):
        format_of("voices")
