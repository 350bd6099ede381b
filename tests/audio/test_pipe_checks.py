"""What a wav.scp would run: foreign commands are refused, emulated programs are known."""

import json

import numpy as np
import pytest

from steps_py.audio.pipe_base import SWITCH
from steps_py.audio.pipe_checks import (
    check_programs,
    emulated_programs,
    refused_pipes,
    shell_reason,
)
from steps_py.audio.pipelines import evaluate
from steps_py.audio.random_access import unreadable_reason
from steps_py.data.corpora import load_corpus
from steps_py.errors import ConfigError, MissingProgramError
from steps_py.stages import write_manifest
from tests.support.tiny_corpora import write_lines, write_sound, write_wav

OWN = [
    "a.wav",
    "x.ark:17",
    "flac -c -d -s 'a b.flac' |",
    "sox a.mp3 -r 16000 -b 16 -t wav - remix 1 |",
    "ffmpeg -v 8 -i a.m4a -f wav -acodec pcm_s16le - | sox -t wav - -r 8000 -b 16 -t wav - |",
    "sph2pipe -f wav -p -c 1 a.sph |",
    "wav-copy x.ark:17 - | sox -t wav - -b 16 -t wav - trim 1.5 0.25 |",
]
FOREIGN = {
    "curl -s http://x/a.wav |": "runs 'curl'",
    "cat a.wav | tee b.wav |": "runs 'tee'",
    "rm -rf x; cat a.wav |": "needs a shell",
    "cat $(rm -rf x) |": "needs a shell",
    "cat `rm x` |": "needs a shell",
    "cat a.wav > b.wav |": "needs a shell",
    "cat a.wav && rm b |": "needs a shell",
    "sox a.wav -t wav b.wav |": "gives sox unknown options",
    "sox '|rm x' -t wav - |": "has a pipe within",
    "ffmpeg -i a.wav -f wav b.wav |": "gives ffmpeg unknown options",
    "flac -d -o b.wav a.flac |": "gives flac unknown options",
    "wav-reverberate --impulse-response='rm x |' a.wav - |": "has a pipe within",
}


@pytest.mark.parametrize("entry", OWN)
def test_the_entries_that_the_project_writes_are_no_foreign_commands(entry):
    assert shell_reason(entry) is None


@pytest.mark.parametrize("entry", FOREIGN)
def test_any_other_command_is_foreign(entry):
    assert shell_reason(entry) == FOREIGN[entry]


def test_foreign_commands_are_counted_with_examples():
    said = refused_pipes([*OWN, *FOREIGN])
    assert said.startswith("12 of 19 entries of wav.scp are shell commands: curl -s http://x/a.wav")
    assert said.endswith("and 9 more")
    assert refused_pipes(OWN) == ""


def kaldi_dir(folder, entry):
    write_lines(folder / "train/wav.scp", f"s1-u1 {entry}")
    write_lines(folder / "train/utt2spk", "s1-u1 s1")
    return {"type": "kaldi_dir", "root": str(folder)}


def test_a_kaldi_directory_keeps_its_commands_unless_they_are_forbidden(tmp_path):
    path = write_wav(tmp_path / "a.wav", num_samples=16000)
    options = kaldi_dir(tmp_path, f"touch {tmp_path}/ran; cat {path} |")
    with pytest.raises(ConfigError, match=r"needs a shell.*data\.corpora\.mine\.shell_pipes: true"):
        load_corpus("mine", options | {"shell_pipes": False}).utterances("train")
    assert not (tmp_path / "ran").exists()
    assert load_corpus("mine", options).utterances("train")[0].duration_sec == 1
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_other_corpora_write_no_foreign_commands_whatever_the_names(tmp_path, suffix):
    write_sound(tmp_path / f"s p/s1/a $(x) 'b';c.{suffix}", num_samples=16000)
    corpus = load_corpus("mine", {"type": "folder", "root": str(tmp_path)})
    assert len(corpus.utterances("all")) == 1


def test_programs_that_are_emulated_are_named_once():
    entries = [*OWN, "flac -c -d -s c.flac |", "curl x | flac -c -d - |"]
    assert emulated_programs(entries) == ["flac", "sox", "sph2pipe"]
    assert emulated_programs(["ffmpeg -i a.ogg -f wav - |"]) == ["ffmpeg"]
    assert emulated_programs(["sox a.wav -t wav - norm |", "sox a.wav -t wav - | nosuch |"]) == []


def test_with_pipes_programs_nothing_is_emulated(tmp_path, monkeypatch):
    path = write_sound(tmp_path / "a.flac", num_samples=16000)
    command = f"flac -c -d -s {path}"
    assert evaluate(command).samples_CN.shape == (1, 16000)
    monkeypatch.setenv(SWITCH, "programs")
    assert evaluate(command) is None
    assert emulated_programs(OWN) == []
    assert unreadable_reason(f"{command} |") == "needs the program 'flac', as data.pipes says"
    wav = write_wav(tmp_path / "a.wav")
    assert np.array_equal(evaluate(f"cat {wav}").samples_CN, np.zeros((1, 1600)))


@pytest.mark.parametrize(
    ("commands", "model_input", "emulated"),
    [
        ("built-in", "feats", ["flac", "sox"]),
        ("/opt/kaldi", "feats", []),
        ("/opt/kaldi", "waveform", ["flac", "sox"]),
    ],
)
def test_the_manifest_names_the_emulated_programs(tmp_path, commands, model_input, emulated):
    one = write_lines(tmp_path / "a/wav.scp", "u1 flac -c -d -s a.flac |", "u2 b.wav")
    two = write_lines(tmp_path / "b/wav.scp", "u3 sox a.mp3 -b 16 -t wav - |")
    out = tmp_path / "manifest.json"
    config = json.dumps({"train": {"input": model_input}})
    arguments = ["--commands", commands, "--config", config, "--out", out, "--wav-scp", one, two]
    write_manifest.main(list(map(str, arguments)))
    assert json.loads(out.read_text())["emulated_programs"] == emulated


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("/opt/none/sph2pipe -f wav a.sph |", "Install sph2pipe (https://www.openslr.org/3/)"),
        ("ffmpeg -i a.m4a -f wav - |", "Install the package ffmpeg"),
        ("sox a.wav -t wav - norm |", "program sox not found"),
    ],
)
def test_a_program_that_is_not_installed_is_named_before_any_pipe_runs(
    tmp_path, monkeypatch, entry, said
):
    monkeypatch.setenv("PATH", str(tmp_path))
    corpus = load_corpus("mine", kaldi_dir(tmp_path, entry))
    with pytest.raises(MissingProgramError) as error:
        corpus.utterances("train")
    assert said in str(error.value)
    assert str(error.value).startswith("mine.train: program ")


def test_programs_that_are_emulated_need_not_be_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    check_programs([*OWN[:4], "exec x |", "A=1 sox a.wav -t wav - |"], "mine.train")
    monkeypatch.setenv(SWITCH, "programs")
    with pytest.raises(MissingProgramError, match="program flac not found"):
        check_programs(OWN[:4], "mine.train")
