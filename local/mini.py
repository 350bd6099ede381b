"""The corpora of egs/mini: synthetic, without licence restrictions, made in half a minute.

    voxceleb1/{dev,test}/wav, voxceleb1/veri_test.txt      speakers, layout of VoxCeleb1
    musan/{noise,music,speech}                             layout of MUSAN
    RIRS_NOISES/simulated_rirs/{smallroom,mediumroom}      layout of RIRS_NOISES

The layouts are the official ones, so the recipe reads them with the same
``local/voxceleb1.py``, ``local/musan.py`` and so on as it would the real corpora.
Speech is eSpeak NG's, with a voice drawn for each speaker; a figure measured on
it says that a recipe works, never how well a model does on people.

python -m steps_py.stages.make_corpus --name mini --config '{"seed": 1}' --out corpus
"""

import dataclasses
from pathlib import Path

from steps_py.errors import ConfigError
from steps_py.files import atomic_write
from steps_py.settings.declare import Count, Seed, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes of the corpora."""

    num_train_speakers: Count = setting(40)
    num_eval_speakers: int = setting(20, "nontarget trials need two", minimum=2)
    utts_per_session: Count = setting(6, "each speaker has two sessions")
    min_sec: float = setting(3.0, "shortest utterance", minimum=1)
    max_sec: float = setting(8.0, "longest utterance", minimum=1)
    num_sounds: Count = setting(12, "of each: noise, music, speech")
    num_rirs: Count = setting(8, "of each kind of room")
    seed: Seed = setting(1)

    def __post_init__(self):
        if self.min_sec > self.max_sec:
            raise ConfigError(
                f"mini: min_sec {self.min_sec} is above max_sec {self.max_sec}. Swap them."
            )


def make_corpus(config, root, num_processes=None):
    """Write the corpora below `root`; their bytes depend on `config` only."""
    import scipy.fft  # start-up time
    import scipy.signal  # noqa: F401 - loaded once, here, not in each of the processes

    from steps_py.synthesis.espeak import import_loader

    import_loader()  # raises if it is missing, before anything is written
    root = Path(root)
    _make_speech(config, root / "voxceleb1", num_processes)
    _make_sounds(config, root / "musan", num_processes)
    _make_rirs(config, root / "RIRS_NOISES", num_processes)


def expected_sizes(config):
    """Expected output of `make_corpus`: utterances, speakers and hours of each part, and trials.

    Speech has the configured average length; trials are drawn, and a few are repeated.
    """
    from steps_py.synthesis.musan_corpus import LENGTHS_SEC  # start-up time
    from steps_py.synthesis.spoken_corpus import SESSIONS

    def part(num_speakers, num_utts, mean_sec):
        return {"speakers": num_speakers, "utts": num_utts, "hours": num_utts * mean_sec / 3600}

    mean_sec, sizes = (config.min_sec + config.max_sec) / 2, {}
    speakers = {"dev": config.num_train_speakers, "test": config.num_eval_speakers}
    for name, number in speakers.items():
        sizes[f"voxceleb1.{name}"] = part(
            number, number * SESSIONS * config.utts_per_session, mean_sec
        )
    for kind, lengths_sec in LENGTHS_SEC.items():
        sizes[f"musan.{kind}"] = part(config.num_sounds, config.num_sounds, sum(lengths_sec) / 2)
    for room in ("smallroom", "mediumroom"):
        sizes[f"rirs_noises.{room}"] = part(config.num_rirs, config.num_rirs, 0.3)
    targets_per_speaker = config.utts_per_session**2
    sizes["trials/vox1"] = config.num_eval_speakers * 2 * targets_per_speaker
    return sizes


def _make_speech(config, root, num_processes):
    from steps_py.synthesis.processes import run_each  # start-up time
    from steps_py.synthesis.spoken_corpus import (
        SpeakerJob,
        draw_speakers,
        draw_trials,
        record_speaker,
    )

    train = draw_speakers("dev", config.num_train_speakers, config.seed)
    evaluation = draw_speakers("test", config.num_eval_speakers, config.seed)
    jobs = [
        SpeakerJob(
            root=root,
            speaker=speaker,
            utts_per_session=config.utts_per_session,
            min_sec=config.min_sec,
            max_sec=config.max_sec,
            seed=config.seed,
        )
        for speaker in [*train, *evaluation]
    ]
    run_each(record_speaker, jobs, num_processes)
    trials = draw_trials(evaluation, config.utts_per_session, config.seed)
    with atomic_write(root / "veri_test.txt") as out:
        out.writelines(f"{line}\n" for line in trials)


def _make_sounds(config, root, num_processes):
    # start-up time
    from steps_py.synthesis.musan_corpus import make_sound, sound_jobs, write_annotations
    from steps_py.synthesis.processes import run_each

    jobs = sound_jobs(root, config.num_sounds, config.seed)
    run_each(make_sound, jobs, num_processes)
    write_annotations(jobs)


def _make_rirs(config, root, num_processes):
    from steps_py.synthesis.processes import run_each  # start-up time
    from steps_py.synthesis.rir_corpus import make_rir, rir_jobs, write_rir_lists

    jobs = rir_jobs(root, config.num_rirs, config.seed)
    run_each(make_rir, jobs, num_processes)
    write_rir_lists(jobs)
