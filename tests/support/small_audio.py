"""Small data directories of recordings, with features and decisions computed from them."""

import numpy as np

from steps_py.audio.wave import Wave, write_wave
from steps_py.chunks.allocation import allocate_chunks, read_utterances, write_chunks
from steps_py.chunks.audio_rows import add_audio
from steps_py.chunks.config import ChunksConfig
from steps_py.feats.feature_conf import extractor_of, read_feature_conf
from tests.support.small_features import write_data_dir, write_lines

RATE_HZ = 8000
CONFS = {
    "mfcc": "--low-freq=40\n--num-ceps=8\n--num-mel-bins=12\n",
    "fbank": "--low-freq=40\n--num-mel-bins=12\n--use-energy=true\n",
    "waveform": "",
}


def draw_speech(rng, num_samples, tone_hz):
    """A tone with overtones that comes and goes, in noise: whole numbers, as in a file."""
    time_sec = np.arange(num_samples) / RATE_HZ
    beat_N = 1 + np.sin(2 * np.pi * 1.7 * time_sec + rng.uniform(0, 6))
    tones_N = sum(np.sin(2 * np.pi * k * tone_hz * time_sec) / k for k in (1, 2, 3, 5))
    return np.rint(1500 * beat_N * tones_N + 200 * rng.standard_normal(num_samples))


def write_wav(path, samples_N, rate_hz=RATE_HZ):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        write_wave(file, Wave(rate_hz, np.atleast_2d(np.asarray(samples_N, np.float32))))
    return str(path)


def write_conf(folder, kind="mfcc", snip_edges=True, more=""):
    path = folder / f"{kind}.conf"
    path.write_text(
        f"--sample-frequency={RATE_HZ}\n--dither=0\n"
        f"--snip-edges={str(snip_edges).lower()}\n{CONFS[kind]}{more}"
    )
    return str(path)


def write_recordings(folder, conf, kind="mfcc", num_speakers=3, utts_per_speaker=3, sec=(0.6, 2.5)):
    """data/ with wav.scp, feats.scp, vad.scp and the rest; the folder of the data."""
    rng = np.random.default_rng(0)
    extractor = extractor_of(kind, read_feature_conf(kind, conf))
    wavs, utts = {}, {}
    for s in range(num_speakers):
        for u in range(utts_per_speaker):
            utt = f"spk{s}-utt{u}"
            samples_N = draw_speech(rng, int(rng.uniform(*sec) * RATE_HZ), 100 + 60 * s)
            wavs[utt] = write_wav(folder / f"wav/{utt}.wav", samples_N)
            x_TD = extractor.compute(samples_N)
            utts[utt] = (f"spk{s}", x_TD, rng.random(len(x_TD)) < 0.8)
    write_data_dir(folder / "data", utts)
    write_lines(folder / "data/wav.scp", wavs)
    return folder / "data"


def write_part(folder, sounds, rate_hz=RATE_HZ):
    """A part of sounds {name: samples}: its directory."""
    folder.mkdir(parents=True)
    wavs = {name: write_wav(folder / f"{name}.wav", x, rate_hz) for name, x in sounds.items()}
    write_lines(folder / "wav.scp", wavs)
    write_lines(folder / "utt2dur", {name: len(x) / rate_hz for name, x in sounds.items()})
    return str(folder)


def allocate(data, out, speeds=(1.0,), **changed):
    settings = {"min_frames": 40, "max_frames": 60, "short_utts": "tile", "num_valid_utts": 2}
    config = ChunksConfig(**(settings | changed))
    utterances = read_utterances([data])
    allocation = allocate_chunks(utterances, config, log=lambda line: None)
    utterances, allocation = add_audio(
        utterances, allocation, [data], speeds, config.needed_frames, log=lambda line: None
    )
    write_chunks(utterances, allocation, out)
    return out
