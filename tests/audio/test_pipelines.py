"""The pipes of a wav.scp: evaluated without a shell, and equal to what a shell gives."""

import io
import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from steps_py.audio import decode
from steps_py.audio.errors import WaveError
from steps_py.audio.pipelines import evaluate, inspect, read_recording, split_pipeline
from steps_py.audio.sox import parse_sox
from steps_py.audio.wave import Wave, read_wave, write_wave
from steps_py.formats import log, processes

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "steps_py/kaldi/bin"
RATE = 16000


def noise(num_samples, seed, channels=1):
    rng = np.random.default_rng(seed)
    return np.round(rng.standard_normal((channels, num_samples)) * 2000).astype(np.float32)


def write(path, samples, rate_hz=RATE):
    with open(path, "wb") as file:
        write_wave(file, Wave(rate_hz, samples))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """a.wav (1 s), long.wav (3 s), stereo.wav, rir.wav, and FLAC and Ogg copies of a.wav."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    log.start("test")
    write("a.wav", noise(RATE, 1))
    write("long.wav", noise(3 * RATE, 2))
    write("stereo.wav", noise(RATE, 3, channels=2))
    rir = noise(800, 4) * np.exp(-np.arange(800) / 100)
    rir[0, 20] = 30000
    write("rir.wav", np.trunc(rir))
    soundfile.write("a.flac", noise(RATE, 1)[0].astype(np.int16), RATE)
    soundfile.write("a.ogg", noise(RATE, 1)[0].astype(np.int16), RATE)
    return tmp_path


@pytest.fixture
def no_process(monkeypatch):
    """Whatever starts a process fails the test."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a process was started: {args}")

    monkeypatch.setattr(processes, "Process", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


def samples_of(command):
    wave = evaluate(command)
    assert wave is not None, command
    assert wave.samples_CN.dtype == np.float32
    return wave.samples_CN


def through_a_shell(command):
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=environment, capture_output=True, check=True
    )
    return read_wave(io.BytesIO(done.stdout), command)


NOISY = (
    "cat a.wav | wav-reverberate --shift-output=true --impulse-response=rir.wav"
    " --additive-signals='wav-reverberate --duration=0.7 long.wav - |,stereo.wav'"
    " --start-times='0.25,0' --snrs='10,20' - -"
)


# Without a shell


def test_commands_that_copy_give_the_samples_of_the_file(no_process):
    for command in (
        "cat a.wav",
        "cat a.wav | cat",
        "wav-copy a.wav -",
        "flac -c -d -s a.flac",
        "flac -cds a.flac 2>/dev/null",
        "flac --decode --stdout --silent 'a.flac'",
        "sox a.wav -t wav -",
        "sox a.flac -t wav -r 16k -b 16 -c 1 -e signed -",
        "flac -c -d -s a.flac | sox -t wav - -t wav -",
        "ffmpeg -v 8 -i a.flac -f wav -acodec pcm_s16le -",
        "wav-reverberate a.wav -",
    ):
        np.testing.assert_array_equal(samples_of(command), noise(RATE, 1), command)


def test_lossy_files_are_decoded(no_process):
    got = samples_of("ffmpeg -v 8 -i a.ogg -f wav -acodec pcm_s16le -")
    assert np.corrcoef(got[0], noise(RATE, 1)[0])[0, 1] > 0.9
    assert (got == np.trunc(got)).all()


def test_augmentation_starts_no_process(no_process):
    assert samples_of(NOISY).shape == (1, RATE)


def test_augmentation_equals_that_through_a_shell():
    shell = through_a_shell(NOISY)
    assert shell.rate_hz == RATE
    np.testing.assert_array_equal(samples_of(NOISY), shell.samples_CN)


def test_rooms_may_be_pipes(no_process):
    plain = samples_of("wav-reverberate --impulse-response=rir.wav a.wav -")
    piped = samples_of('wav-reverberate --impulse-response="sox rir.wav -r 16k -t wav - |" a.wav -')
    np.testing.assert_array_equal(piped, plain)


def test_noise_repeats_when_it_is_shorter_than_asked(no_process):
    got = samples_of("wav-reverberate --duration=2.5 a.wav -")
    np.testing.assert_array_equal(got, np.resize(noise(RATE, 1), (1, 40000)))


def test_only_the_needed_part_of_a_noise_is_read(no_process, monkeypatch):
    """The rest can be damaged, as it is not read."""
    data = Path("long.wav").read_bytes()
    Path("long.wav").write_bytes(data[: 44 + 2 * RATE])
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert samples_of("wav-reverberate --duration=0.9 long.wav -").shape == (1, 14400)
    with pytest.raises(WaveError, match="truncated"):
        evaluate("wav-reverberate --duration=1.1 long.wav -")


def test_small_rooms_are_read_once_and_again_when_they_change(monkeypatch):
    reads = []
    real = decode.read_wave
    monkeypatch.setattr(
        decode, "read_wave", lambda file, path, *rest: reads.append(path) or real(file, path, *rest)
    )
    command = "wav-reverberate --impulse-response=rir.wav a.wav -"
    first = samples_of(command)
    samples_of(command)
    assert reads.count("rir.wav") == 1
    assert reads.count("a.wav") == 2
    write("rir.wav", np.float32([[30000, 0, 500]]))
    assert not np.array_equal(samples_of(command), first)


def test_memory_for_small_files_is_bounded(monkeypatch):
    monkeypatch.setattr(decode, "MAX_CACHE_BYTES", 3 * 4 * RATE)
    for number in range(6):
        write(f"n{number}.wav", noise(RATE, number))
        with decode.caching_small_files():
            decode.read_wav_file(f"n{number}.wav")
    kept = sum(wave.samples_CN.nbytes for wave in decode._cache.values())
    assert 0 < kept <= 3 * 4 * RATE


# sox


def test_sox_picks_and_mixes_channels(no_process):
    stereo = noise(RATE, 3, channels=2)
    second = samples_of("sox stereo.wav -t wav - remix 2")
    np.testing.assert_array_equal(second, stereo[1:])
    mixed = np.floor(stereo.mean(axis=0, keepdims=True) + 0.5)
    for command in ("remix -", "remix 1,2", "channels 1"):
        np.testing.assert_array_equal(samples_of(f"sox stereo.wav -t wav - {command}"), mixed)
    np.testing.assert_array_equal(samples_of("sox stereo.wav -c 1 -t wav -"), mixed)
    with pytest.raises(WaveError, match="channel 3 of a recording of 2"):
        evaluate("sox stereo.wav -t wav - remix 3")


def test_sox_cuts_stretches(no_process):
    whole = noise(RATE, 1)
    np.testing.assert_array_equal(samples_of("sox a.wav -t wav - trim 0.5"), whole[:, 8000:])
    got = samples_of("sox a.wav -t wav - trim 0.25 0.5")
    np.testing.assert_array_equal(got, whole[:, 4000:12000])
    with pytest.raises(WaveError, match=r"nothing is left of 1\.00 s"):
        evaluate("sox a.wav -t wav - trim 2")


def test_sox_changes_the_rate(no_process):
    tone = np.sin(2 * np.pi * 500 * np.arange(48000) / 48000) * 10000
    write("tone.wav", tone[None], 48000)
    for command in ("sox tone.wav -r 16000 -t wav -", "sox tone.wav -t wav - rate -h 16k"):
        wave = evaluate(command)
        assert (wave.rate_hz, wave.samples_CN.shape) == (16000, (1, 16000))
        np.testing.assert_allclose(wave.samples_CN[0, 2000:-2000], tone[6000:-6000:3], atol=3)


def test_sox_plays_at_another_speed(no_process):
    tone = np.sin(2 * np.pi * 500 * np.arange(18000) / RATE) * 10000
    write("tone.wav", tone[None], RATE)
    wave = evaluate("cat tone.wav | sox -t wav - -t wav - speed 0.9")
    assert (wave.rate_hz, wave.samples_CN.shape) == (RATE, (1, 20000))
    slower = np.sin(2 * np.pi * 450 * np.arange(20000) / RATE) * 10000
    np.testing.assert_allclose(wave.samples_CN[0, 2000:-2000], slower[2000:-2000], atol=3)


def test_sox_reduces_other_samples_to_16_bits(no_process):
    exact = noise(1000, 5)[0] + 0.25
    for name, subtype in (("w24.wav", "PCM_24"), ("f24.flac", "PCM_24"), ("f.wav", "FLOAT")):
        soundfile.write(name, exact / 32768, RATE, subtype=subtype)
        got = samples_of(f"sox {name} -t wav -b 16 -e signed-integer -")
        np.testing.assert_array_equal(got[0], exact - 0.25)


@pytest.mark.parametrize(
    "command",
    [
        "a.wav -t wav - trim 0:01",
        "a.wav -t wav - gain -3",
        "a.wav -t flac -",
        "a.wav out.wav",
        "a.wav -t wav - remix 1 2",
        "a.wav b.wav -t wav -",
        "a.wav -b 24 -t wav -",
        "-t raw a.raw -t wav -",
        "-v 0.5 a.wav -t wav -",
        "a.wav -t wav - rate",
        "a.wav -t wav - speed 50c",
        "a.wav -t wav - speed 0",
        "",
    ],
)
def test_other_uses_of_sox_are_left_to_sox(command):
    assert evaluate(f"sox {command}") is None


def test_sox_effects_keep_their_order():
    request = parse_sox(shlex.split("a.wav -t wav - trim 1 2 remix 1 rate 8k"))
    assert request.effects == [("trim", (1.0, 2.0)), ("remix", [1]), ("rate", 8000)]


# NIST sphere


def test_sphere_files_are_read(no_process):
    samples = noise(800, 6, channels=2).astype(np.int16)
    soundfile.write("a.sph", samples.T, 8000, format="NIST", subtype="PCM_16")
    wave = evaluate("sph2pipe -f wav -p -c 2 a.sph")
    assert wave.rate_hz == 8000
    np.testing.assert_array_equal(wave.samples_CN, samples[1:])
    with pytest.raises(WaveError, match="cannot open"):
        evaluate("sph2pipe -f wav -p none.sph")
    assert evaluate("sph2pipe -f au a.sph") is None


# What is left to a shell


@pytest.mark.parametrize(
    "command",
    [
        "lame --decode a.mp3 -",
        "cat $HOME/a.wav",
        'cat "$HOME/a.wav"',
        "cat `ls`",
        "cat *.wav",
        "cat ~/a.wav",
        "cat a.wav > b.wav",
        "cat a.wav; cat a.wav",
        "cat a.wav && true",
        "(cat a.wav)",
        "cat a.wav b.wav",
        "cat",
        "cat -n a.wav",
        "cat 'a.wav",
        "| cat a.wav",
        "cat a.wav |",
        "",
        "/usr/bin/cat a.wav",
        "LC_ALL=C cat a.wav",
        "flac -d a.flac",
        "flac -c -d -s --skip=10 a.flac",
        "ffmpeg -i a.m4a -f wav -acodec pcm_s16le -",
        "ffmpeg -i a.flac -f wav -acodec pcm_s16le -af volume=2 -",
        "ffmpeg -i a.flac -f wav -acodec pcm_s16le b.wav",
        "wav-copy scp:wav.scp ark:-",
        "wav-reverberate a.wav b.wav",
    ],
)
def test_what_is_not_known_needs_a_shell(command):
    assert evaluate(command) is None


def test_a_shell_runs_only_what_is_unknown_before_the_rest(monkeypatch):
    ran = []
    real = processes.Process

    class Spy(real):
        def __init__(self, command, **ends):
            ran.append(command.strip())
            super().__init__(command, **ends)

    monkeypatch.setattr(processes, "Process", Spy)
    command = "true; cat a.wav"
    assert evaluate(command) is None
    piped = "tail -c +1 a.wav | cat | wav-reverberate --impulse-response=rir.wav - -"
    plain = samples_of("wav-reverberate --impulse-response=rir.wav a.wav -")
    np.testing.assert_array_equal(samples_of(piped), plain)
    assert ran == ["tail -c +1 a.wav"]
    inner = "wav-reverberate --additive-signals='tail -c +1 long.wav |' --snrs=0 --start-times=0"
    assert samples_of(f"{inner} a.wav -").shape == (1, RATE)
    assert ran[1:] == ["tail -c +1 long.wav"]


def test_words_are_those_of_a_shell():
    stages = split_pipeline(r"""cat "my \"own\" file.wav" | wav-copy 'it|s' a\ b""")
    assert [stage.words for stage in stages] == [
        ["cat", 'my "own" file.wav'],
        ["wav-copy", "it|s", "a b"],
    ]


# Faults


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("flac -c -d -s none.flac", "none.flac: cannot open: No such file"),
        ("flac -c -d -s a.wav", "a.wav: not a FLAC file"),
        ("cat a.flac", "a.flac: FLAC, not WAV. Decode it in wav.scp: flac -c -d -s a.flac |"),
        ("sox none.wav -t wav -", "none.wav: cannot open"),
        ("wav-reverberate --no-such=1 a.wav -", "Invalid option --no-such=1"),
        ("wav-reverberate --additive-signals=a.wav a.wav -", "requires --snrs and --start-times"),
        (
            "wav-reverberate --additive-signals=a.wav --snrs=1,2 --start-times=0 a.wav -",
            "1 additive signals, 2 SNRs and 1 start times",
        ),
        (
            "wav-reverberate --additive-signals=a.wav --snrs=loud --start-times=0 a.wav -",
            "--snrs=loud: expected numbers",
        ),
        ("wav-reverberate --input-wave-channel=1 a.wav -", "--input-wave-channel=1 is none of"),
        ("wav-reverberate --multi-channel-output=true a.wav -", "needs --impulse-response"),
    ],
)
def test_faults_are_named(command, words):
    with pytest.raises(WaveError) as caught:
        evaluate(command)
    assert words in str(caught.value)


def test_a_noise_at_another_rate_is_refused():
    write("n8.wav", noise(800, 7), 8000)
    with pytest.raises(WaveError, match="a.wav has 16000 Hz, additive signal n8.wav 8000 Hz"):
        evaluate("wav-reverberate --additive-signals=n8.wav --snrs=1 --start-times=0 a.wav -")


def test_a_room_at_another_rate_is_a_warning_and_in_strict_mode_an_error(monkeypatch, capsys):
    write("r8.wav", np.float32([[30000, 100]]), 8000)
    command = "wav-reverberate --impulse-response=r8.wav a.wav -"
    assert samples_of(command).shape == (1, RATE)
    assert "r8.wav 8000 Hz" in capsys.readouterr().err
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    with pytest.raises(WaveError, match=r"r8\.wav 8000 Hz"):
        evaluate(command)


def test_a_flac_file_that_ends_early_is_an_error():
    data = Path("a.flac").read_bytes()
    for size in (len(data) * 2 // 3, len(data) - 100):
        Path("cut.flac").write_bytes(data[:size])
        with pytest.raises(WaveError, match="truncated"):
            evaluate("flac -c -d -s cut.flac")


def test_a_flac_file_of_24_bits_is_answered_with_a_sox_command():
    soundfile.write("a24.flac", noise(100, 1)[0] / 32768, RATE, subtype="PCM_24")
    with pytest.raises(WaveError, match=r"24-bit.*sox a24\.flac -t wav -b 16 - \|"):
        evaluate("flac -c -d -s a24.flac")


def test_several_channels_of_room_and_noise(no_process):
    """Channel by channel it is the same as one at a time."""
    write("rooms.wav", np.float32([[30000, 0, 500, 0], [0, 30000, 0, -900]]))
    options = "--impulse-response=rooms.wav --additive-signals=stereo.wav --snrs=5 --start-times=0"
    both = samples_of(f"wav-reverberate --multi-channel-output=true {options} a.wav -")
    for channel in (0, 1):
        chosen = f"--rir-channel={channel} --noise-channel={channel}"
        one = samples_of(f"wav-reverberate {chosen} {options} a.wav -")
        np.testing.assert_array_equal(both[channel], one[0])


# Headers, and reading by name


def test_length_of_a_pipe_comes_from_the_header(no_process, monkeypatch):
    def refuse(*args):
        raise AssertionError("decoded")

    monkeypatch.setattr(decode, "_decode", refuse)
    for command in ("flac -c -d -s a.flac", "cat a.wav"):
        assert inspect(command).num_samples == RATE
    assert inspect("sox a.wav -r 8000 -t wav -").num_samples == 8000
    assert inspect("lame --decode a.mp3 -") is None


def test_recordings_are_read_by_any_name(no_process):
    with open("a.ark", "wb") as file:
        file.write(b"key ")
        write_wave(file, Wave(RATE, noise(RATE, 1)))
    for name in ("a.wav", "cat a.wav |", "a.ark:4"):
        np.testing.assert_array_equal(read_recording(name).samples_CN, noise(RATE, 1))
