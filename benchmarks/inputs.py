"""Inputs of the benchmarks: noise from a fixed seed.

Shape suffixes (scope: this module):
    T = frames   D = dimension   N = vectors or samples
"""

import os
import subprocess

import numpy as np

from benchmarks import harness
from steps_py.audio.wave import Wave, write_wave
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import TableWriter

RATE_HZ = 16000


def rng_of(name):
    """A random generator per file, so that files do not depend on the order of writing."""
    return np.random.default_rng(list(name.encode()))


def write_noise(path, duration_sec):
    """Noise of changing loudness, 16 kHz, 16 bits."""
    rng = rng_of(path.name)
    noise_N = rng.standard_normal(max(int(duration_sec * RATE_HZ), 1), np.float32)
    noise_N *= 1500 * (1.05 + np.sin(np.arange(len(noise_N), dtype=np.float32) * (9 / RATE_HZ)))
    with open(path, "wb") as file:
        write_wave(file, Wave(RATE_HZ, np.rint(noise_N)[np.newaxis].clip(-32768, 32767)))


def write_room(path, duration_sec=0.5):
    """A room impulse response: noise that dies out, 60 dB over its length."""
    rng = rng_of(path.name)
    num_samples = max(int(duration_sec * RATE_HZ), 2)
    decay_N = np.exp(-6.9 * np.arange(num_samples) / num_samples)
    room_N = (3000 * decay_N * rng.standard_normal(num_samples)).astype(np.float32)
    room_N[0] = 20000
    with open(path, "wb") as file:
        write_wave(file, Wave(RATE_HZ, np.rint(room_N)[np.newaxis]))


def write_speaker_vectors(path, names, dim, text):
    """A vector of each of `names`, speaker-utterance: the speaker's mean and as much noise."""
    rng = rng_of(path.name)
    means = {}
    with TableWriter(f"ark{',t' if text else ''}:{path}", FLOAT_VECTOR) as writer:
        for name in names:
            spk = name.partition("-")[0]
            if spk not in means:
                means[spk] = rng.standard_normal(dim)
            writer.write(name, (means[spk] + rng.standard_normal(dim)).astype(np.float32))


def frame_counts(name, total, low, high):
    """Lengths of utterances from `low` to `high` frames, about `total` together."""
    rng = rng_of(name)
    counts = []
    while total > 0 or not counts:
        counts.append(int(rng.integers(low, high + 1)))
        total -= counts[-1]
    return counts


def write_lines(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines))


def run_ours(folder, *argv):
    """Run a built-in command in `folder`, for inputs that a command makes."""
    env = harness.environment(harness.OURS)
    with open(os.devnull, "wb") as null:
        subprocess.run(argv, env=env, cwd=folder, stdout=null, stderr=null, check=True)
