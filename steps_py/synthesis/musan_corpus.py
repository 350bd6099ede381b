"""Noise, music and speech for augmentation, in the layout of MUSAN (OpenSLR 17).

    <root>/{noise,music,speech}/<source>/<kind>-<source>-<number>.wav
    <root>/{noise,music,speech}/<source>/ANNOTATIONS

The annotations of music are ``<file> <genre> <vocals Y|N> <artist>``, of speech
``<file> <gender> <language>``.
"""

import dataclasses
from pathlib import Path

from steps_py.draws import generator
from steps_py.files import atomic_write
from steps_py.synthesis import SAMPLE_RATE_HZ
from steps_py.synthesis.espeak import Synthesizer
from steps_py.synthesis.sounds import NOISES, music
from steps_py.synthesis.speakers import draw_voice, synthesise
from steps_py.synthesis.waves import set_level, write_wav

SOURCES = {"noise": ("free-sound", "sound-bible"), "music": ("fma",), "speech": ("librivox",)}
LENGTHS_SEC = {"noise": (2, 10), "music": (8, 20), "speech": (8, 20)}
LEVEL_DBFS = -24


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundJob:
    """One file to make."""

    path: Path
    kind: str
    number: int
    seed: int

    @property
    def name(self):
        return self.path.stem


def sound_jobs(root: str | Path, num_files: int, seed: int):
    """`num_files` jobs of each kind, the sources of a kind in turn."""
    jobs = []
    for kind, sources in SOURCES.items():
        for number in range(num_files):
            source = sources[number % len(sources)]
            name = f"{kind}-{source}-{number // len(sources):04d}.wav"
            path = Path(root, kind, source, name)
            jobs.append(SoundJob(path=path, kind=kind, number=number, seed=seed))
    return jobs


def make_sound(job) -> None:
    """Write one file; speech must run in a new process."""
    rng = generator(job.seed, job.name)
    length_sec = round(float(rng.uniform(*LENGTHS_SEC[job.kind])), 2)
    num_samples = round(length_sec * SAMPLE_RATE_HZ)
    if job.kind == "noise":
        samples_N = NOISES[job.number % len(NOISES)](rng, num_samples)
    elif job.kind == "music":
        samples_N = music(rng, num_samples)
    else:
        with Synthesizer(int(rng.integers(2**31))) as synthesizer:
            synthesizer.use(draw_voice(rng, _sex(job)))
            samples_N = synthesise(synthesizer, rng, length_sec)
    write_wav(job.path, set_level(samples_N, LEVEL_DBFS))


def write_annotations(jobs) -> None:
    """One ANNOTATIONS file per folder, in the columns of the official corpus."""
    columns = {
        "noise": lambda job: "",
        "music": lambda job: " electronic N synthesized",
        "speech": lambda job: f" {_sex(job)} english",
    }
    lines = {}
    for job in jobs:
        line = f"{job.name}{columns[job.kind](job)}\n"
        lines.setdefault(job.path.parent, []).append(line)
    for folder, annotations in lines.items():
        with atomic_write(folder / "ANNOTATIONS") as out:
            out.writelines(sorted(annotations))


def _sex(job):
    return "fm"[job.number % 2]
