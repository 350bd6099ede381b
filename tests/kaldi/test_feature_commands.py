"""compute-mfcc-feats and its relatives: options, faults, what is lost and what is said."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from steps_py.audio.resample import resample
from steps_py.audio.wave import Wave, write_wave
from steps_py.feats.frames import FrameConfig
from steps_py.feats.mel import MelConfig
from steps_py.feats.types.fbank import Fbank, FbankConfig
from steps_py.feats.types.mfcc import Mfcc, MfccConfig
from steps_py.formats import processes
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.kaldi.commands import main

QUIET = FrameConfig(dither=0)


def noise(num_samples, seed=0, channels=1):
    rng = np.random.default_rng(seed)
    return np.round(rng.standard_normal((channels, num_samples)) * 2000).astype(np.float32)


def write(path, samples, rate_hz=16000):
    with open(path, "wb") as file:
        write_wave(file, Wave(rate_hz, samples))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """wav.scp: a WAV file and a FLAC pipe at 16 kHz; other files for single tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    write("a.wav", noise(8000, 1))
    soundfile.write("b.flac", noise(16000, 2)[0].astype(np.int16), 16000)
    write("tiny.wav", noise(100, 3))
    write("stereo.wav", noise(8000, 4, channels=2))
    write("tel.wav", noise(4000, 5), 8000)
    Path("wav.scp").write_text("a a.wav\nb flac -c -d -s b.flac |\n")
    return tmp_path


def kaldi(*argv):
    return main([str(word) for word in argv])


def mfcc(*options, scp="scp:wav.scp"):
    return kaldi("compute-mfcc-feats", "--dither=0", *options, scp, "ark:feats.ark")


def scp(text):
    Path("wav.scp").write_text(text)


def feats(rspecifier="ark:feats.ark"):
    with SequentialReader(rspecifier, FLOAT_MATRIX) as reader:
        return dict(reader)


def refused(capfd, *argv):
    assert kaldi(*argv) == 255
    message = capfd.readouterr().err
    assert "ERROR" in message and "Traceback" not in message
    return message


# Options reach the mathematics


def test_options_of_mfcc_reach_the_extractor():
    Path("mfcc.conf").write_text(
        "--frame-length=20 # ms\n--frame-shift=8\n--num-mel-bins=30\n--num-ceps=25\n"
        "--low-freq=100\n--high-freq=-500\n--snip-edges=false\n--window-type=hamming\n"
        "--preemphasis-coefficient=0.9\n--remove-dc-offset=false\n--use-energy=false\n"
        "--cepstral-lifter=10\n--htk-compat=true\n--round-to-power-of-two=false\n"
    )
    assert mfcc("--config=mfcc.conf") == 0
    frames = FrameConfig(
        dither=0,
        frame_length_ms=20,
        frame_shift_ms=8,
        snip_edges=False,
        window="hamming",
        preemphasis=0.9,
        remove_dc_offset=False,
        round_to_power_of_two=False,
    )
    config = MfccConfig(
        frames=frames,
        mel=MelConfig(num_bins=30, low_freq_hz=100, high_freq_hz=-500),
        num_ceps=25,
        use_energy=False,
        cepstral_lifter=10,
        htk_compat=True,
    )
    np.testing.assert_array_equal(feats()["a"], Mfcc(config).compute(noise(8000, 1)[0]))


def test_options_of_fbank_reach_the_extractor():
    options = "--use-energy=true --energy-floor=1e12 --raw-energy=false --num-mel-bins=20"
    options = ["--dither=0", *options.split(), "--use-power=false", "--use-log-fbank=false"]
    assert kaldi("compute-fbank-feats", *options, "scp:wav.scp", "ark:feats.ark") == 0
    config = FbankConfig(
        frames=QUIET,
        mel=MelConfig(num_bins=20),
        use_energy=True,
        energy_floor=1e12,
        raw_energy=False,
        use_power=False,
        use_log_fbank=False,
    )
    np.testing.assert_array_equal(feats()["a"], Fbank(config).compute(noise(8000, 1)[0]))
    np.testing.assert_allclose(feats()["a"][:, 0], np.log(1e12), rtol=1e-6)


def test_spectrogram_has_a_value_for_each_frequency():
    assert kaldi("compute-spectrogram-feats", "scp:wav.scp", "ark:feats.ark") == 0
    assert feats()["b"].shape == (98, 257)
    command = ("compute-spectrogram-feats", "--return-raw-fft=true", "scp:wav.scp", "ark:feats.ark")
    assert kaldi(*command) == 0
    assert feats()["b"].shape == (98, 512)


def test_mean_can_be_subtracted():
    assert mfcc("--subtract-mean=true") == 0
    for matrix in feats().values():
        np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-4)


def test_durations_are_written():
    assert mfcc("--write-utt2dur=ark,t:utt2dur") == 0
    assert Path("utt2dur").read_text() == "a 0.5 \nb 1 \n"


def test_dithered_features_do_not_depend_on_the_split_into_jobs():
    command = ("compute-mfcc-feats",)
    assert kaldi(*command, "scp:wav.scp", "ark:all.ark") == 0
    scp("b flac -c -d -s b.flac |\n")
    assert kaldi(*command, "scp:wav.scp", "ark:b.ark") == 0
    np.testing.assert_array_equal(feats("ark:all.ark")["b"], feats("ark:b.ark")["b"])


def test_augmented_utterances_start_no_process(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"a process was started: {args}")

    monkeypatch.setattr(processes, "Process", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    scp(
        "a-noise wav-reverberate --shift-output=true"
        " --additive-signals='wav-reverberate --duration=0.5 \"stereo.wav\" - |,a.wav'"
        " --start-times='0,0.1' --snrs='10,5' a.wav - |\n"
        "b-reverb flac -c -d -s b.flac | wav-reverberate --impulse-response=tiny.wav - - |\n"
    )
    assert mfcc() == 0
    assert {key: len(matrix) for key, matrix in feats().items()} == {"a-noise": 48, "b-reverb": 98}


# What does not fit


def test_another_rate_is_named_with_the_way_out(capfd):
    scp("a a.wav\ntel tel.wav\nz cat tel.wav |\n")
    assert mfcc() == 0
    message = capfd.readouterr().err
    assert (
        "tel: tel.wav has 8000 Hz, but --sample-frequency is 16000."
        " Resample in wav.scp: sox tel.wav -r 16000 -t wav - | or set --allow-upsample=true."
    ) in message
    assert "cat tel.wav | sox -t wav - -r 16000 -t wav - |" in message
    assert list(feats()) == ["a"]
    assert mfcc("--strict=true") == 1
    assert "lost 2 of 3 items: tel, z" in capfd.readouterr().err
    scp("tel tel.wav\n")
    assert mfcc() == 1  # nothing is left


def test_the_rate_is_changed_if_the_options_allow_it():
    scp("tel tel.wav\n")
    assert mfcc("--allow-upsample=true") == 0
    up = resample(noise(4000, 5)[0], 8000, 16000)
    np.testing.assert_allclose(
        feats()["tel"], Mfcc(MfccConfig(frames=QUIET)).compute(up), atol=0.01
    )
    scp("a a.wav\n")
    assert mfcc("--allow-upsample=true", "--sample-frequency=8000") == 1
    assert mfcc("--allow-downsample=true", "--sample-frequency=8000") == 0
    assert feats()["a"].shape == (48, 13)
    assert kaldi("compute-spectrogram-feats", "--allow-downsample=true", "--sample-frequency=8000",
                 "scp:wav.scp", "ark:feats.ark") == 0  # fmt: skip


def test_utterances_without_a_frame_are_empty_and_in_strict_mode_lost(capfd):
    scp("a a.wav\ntiny tiny.wav\n")
    assert mfcc() == 0
    assert feats()["tiny"].shape == (0, 0)
    assert "tiny: no frames; 0.00625 s are shorter than one" in capfd.readouterr().err
    assert mfcc("--strict=true") == 1
    assert "lost 1 of 2 items: tiny" in capfd.readouterr().err


def test_short_utterances_are_skipped_by_min_duration():
    scp("a a.wav\nb flac -c -d -s b.flac |\ntiny tiny.wav\n")
    assert mfcc("--min-duration=0.6", "--strict=true") == 0
    assert list(feats()) == ["b"]


def test_channels(capfd):
    scp("s stereo.wav\n")
    extractor = Mfcc(MfccConfig(frames=QUIET))
    for option, channel in (("--channel=-1", 0), ("--channel=0", 0), ("--channel=1", 1)):
        assert mfcc(option) == 0
        wanted = extractor.compute(noise(8000, 4, channels=2)[channel])
        np.testing.assert_array_equal(feats()["s"], wanted)
        warned = "has 2 channels, no --channel is given; taking channel 0" in capfd.readouterr().err
        assert warned == (option == "--channel=-1")
    assert mfcc("--channel=2") == 1
    assert "--channel=2 is none of them" in capfd.readouterr().err


def test_a_missing_or_broken_recording_stops_the_command_and_is_named(capfd):
    scp("a a.wav\nx none.wav\n")
    command = ("compute-mfcc-feats", "scp:wav.scp", "ark:feats.ark")
    message = refused(capfd, *command)
    assert "key x" in message and "none.wav" in message
    assert not Path("feats.ark").exists()
    scp("a a.wav\nx flac -c -d -s none.flac |\n")
    message = refused(capfd, *command)
    assert "key x" in message and "none.flac: cannot open" in message
    assert mfcc(scp="scp,p:wav.scp") == 0
    assert list(feats()) == ["a"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--num-ceps=24"], "24 cepstra of 23 mel filters"),
        (["--window-type=hammming"], "Did you mean 'hamming'"),
        (["--high-freq=9000"], "half the sample rate, 8000 Hz"),
        (["--output-format=sphinx"], "expected kaldi or htk"),
        (["--utt2spk=ark:utt2spk"], "only needed with --vtln-map"),
        (["--num-mel-bin=10"], "num-mel-bins"),
    ],
)
def test_options_without_a_meaning_are_refused(capfd, options, words):
    message = refused(capfd, "compute-mfcc-feats", *options, "scp:wav.scp", "ark:feats.ark")
    assert words in message


def test_filters_are_printed_by_debug_mel(capfd):
    assert mfcc("--debug-mel=true", "--num-mel-bins=20", "--num-ceps=13") == 0
    lines = [line for line in capfd.readouterr().err.splitlines() if ") bin " in line]
    assert len(lines) == 20
    assert "bin 0, offset = 1, vec = [ " in lines[0]


# Vocal tract length


def test_warps_by_utterance_and_by_speaker(capfd):
    Path("warps").write_text("s1 1.1\ns2 0.9\n")
    Path("utt2spk").write_text("a s1\nb s2\n")
    assert mfcc("--vtln-map=ark:warps", "--utt2spk=ark:utt2spk") == 0
    extractor = Mfcc(MfccConfig(frames=QUIET))
    wanted = extractor.compute(noise(8000, 1)[0], vtln_warp=float(np.float32(1.1)))
    np.testing.assert_allclose(feats()["a"], wanted, atol=1e-3)
    assert not np.allclose(feats()["a"], extractor.compute(noise(8000, 1)[0]), atol=0.1)
    Path("utt2spk").write_text("a s1\n")
    assert mfcc("--vtln-map=ark:warps", "--utt2spk=ark:utt2spk") == 0
    assert "b: no speaker in --utt2spk" in capfd.readouterr().err
    assert mfcc("--vtln-map=ark:warps") == 1
    assert mfcc("--vtln-warp=1.1") == 0
    np.testing.assert_allclose(feats()["a"], wanted, atol=1e-3)


# add-deltas


def test_add_deltas_puts_derivatives_beside_the_features(capfd):
    x = np.float32([[0, 5], [1, 5], [4, 5]])
    with TableWriter("ark:in.ark", FLOAT_MATRIX) as writer:
        writer.write("a", x)
        writer.write("b", np.zeros((0, 0), np.float32))
    options = ("add-deltas", "--delta-order=1", "--delta-window=1")
    assert kaldi(*options, "ark:in.ark", "ark:feats.ark") == 0
    assert feats()["a"].tolist() == [[0, 5, 0.5, 0], [1, 5, 2, 0], [4, 5, 1.5, 0]]
    assert "b: empty feature matrix" in capfd.readouterr().err
    assert kaldi(*options, "--truncate=1", "ark:in.ark", "ark:feats.ark") == 0
    assert feats()["a"].tolist() == [[0, 0.5], [1, 2], [4, 1.5]]
    assert "Lower --truncate" in refused(capfd, *options, "--truncate=3", "ark:in.ark", "ark:o")
    message = refused(capfd, "add-deltas", "--delta-window=0", "ark:in.ark", "ark:o")
    assert "window 0" in message
