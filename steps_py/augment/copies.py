"""Copies of training utterances with noise, music, babble or reverberation.

Nothing is computed here: a copy is a line of wav.scp with a pipe that calls Kaldi's
``wav-reverberate`` when it is read.  The recipe is that of D. Snyder et al.,
"X-vectors: robust DNN embeddings for speaker recognition", ICASSP 2018, section 3.3,
with the semantics of Kaldi's ``steps/data/{augment,reverberate}_data_dir.py``.

Random numbers of a copy depend on the seed, the utterance and the kind only, so any subset or
split of the data gives the same lines.
"""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steps_py.augment.config import AugmentConfig
from steps_py.augment.kinds import KINDS, Sound
from steps_py.data.data_dir import compare_keys, read_table, spk2utt_of, write_tables
from steps_py.draws import Draws
from steps_py.errors import ConfigError, DataDirError, did_you_mean, some
from steps_py.files import atomic_write

UNSAFE = frozenset(',"`$\\')  # commas separate signals; the others end or change double quotes


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Copy:
    """One copy to make."""

    utt: str  # of the copy
    clean: str
    suffix: str


def augment_data_dir(
    data: str | Path, parts: Mapping[str, str | Path], config: AugmentConfig, out: str | Path
) -> int:
    """Write the data directory `out`: wav.scp, utt2spk, spk2utt, utt2dur and utt2uniq.

    Parameters
    ----------
    data : path
        Directory with wav.scp, utt2spk and utt2dur of the clean utterances.
    parts : dict of str to path
        Directories (wav.scp, utt2dur) of the parts that `config` draws sounds from.
    config : AugmentConfig
    out : path

    Returns
    -------
    num_copies : int

    Raises
    ------
    ConfigError, DataDirError
        If the config names a part or kind that does not exist, or a table is missing, empty or
        does not match the others.
    """
    wavs, utt2spk, utt2dur = _read_clean(Path(data))
    kinds = build_kinds(config, parts)
    copies = draw_copies(list(wavs), sorted(kinds), config)
    _check_names(copies, wavs, data)
    out = Path(out)
    with atomic_write(out / "wav.scp") as scp:
        for copy in copies:
            draws = Draws(config.seed, copy.suffix, copy.clean)
            duration_sec = utt2dur[copy.clean]
            options = kinds[copy.suffix].draw(draws, duration_sec).options(duration_sec)
            scp.write(f"{copy.utt} {reverberate(wavs[copy.clean], options)}\n")
        _write_maps(out, copies, utt2spk, utt2dur)
    return len(copies)


def _write_maps(out, copies, utt2spk, utt2dur):
    spk_of_copy = {copy.utt: utt2spk[copy.clean] for copy in copies}
    write_tables(
        {
            out / "utt2spk": spk_of_copy,
            out / "spk2utt": spk2utt_of(spk_of_copy),
            out / "utt2dur": {copy.utt: utt2dur[copy.clean] for copy in copies},
            out / "utt2uniq": {copy.utt: copy.clean for copy in copies},
        }
    )


def reverberate(wav: str, options: str) -> str:
    """A pipe that reads `wav`, a file or a pipe, and augments it.

    Reverberation is shifted back by the peak of the response, so that the copy has the length
    and timing of the original and the clean vad.scp applies to it.

    >>> reverberate("/corpora/a.wav", "--impulse-response=h.wav")
    'wav-reverberate --shift-output=true --impulse-response=h.wav /corpora/a.wav - |'
    >>> reverberate("flac -dcs a.flac |", "--impulse-response=h.wav")
    'flac -dcs a.flac | wav-reverberate --shift-output=true --impulse-response=h.wav - - |'
    """
    command = f"wav-reverberate --shift-output=true {options}"
    if wav.endswith("|"):
        return f"{wav} {command} - - |"
    return f"{command} {shlex.quote(wav)} - |"


def draw_copies(utts: Sequence[str], suffixes: Sequence[str], config: AugmentConfig) -> list[Copy]:
    """`config.num_utts` of all copies of `utts`, sorted by their names.

    Each possible copy has a fixed random rank and the first ones are taken, so a
    larger `num_utts` only adds copies.

    >>> config = AugmentConfig(copies={}, num_utts=1)
    >>> [copy.utt for copy in draw_copies(["a-1", "a-2"], ["music", "noise"], config)]
    ['a-2-noise']
    """
    num_copies = len(utts) * len(suffixes)
    wanted = num_copies if config.num_utts is None else min(config.num_utts, num_copies)
    chosen = range(num_copies)
    if wanted < num_copies:
        chosen = _first_ranked(utts, suffixes, wanted, config.seed)
    copies = []
    for index in chosen:
        clean, suffix = utts[index % len(utts)], suffixes[index // len(utts)]
        copies.append(Copy(f"{clean}-{suffix}", clean, suffix))
    return sorted(copies)


def _first_ranked(utts, suffixes, wanted, seed):
    """Indices into the concatenation, over suffixes, of all utterances."""
    import numpy as np  # start-up time

    ranks = b"".join(Draws.ranks(seed, suffix, utts) for suffix in suffixes)
    return np.argsort(np.frombuffer(ranks, "<u8"), kind="stable")[:wanted].tolist()


def build_kinds(config: AugmentConfig, parts: Mapping[str, str | Path]) -> dict[str, Any]:
    """The kinds of `config`, by suffix, with their sounds read from the directories `parts`."""
    if not config.copies:
        raise ConfigError("augment: copies is empty. Name at least one kind of copy.")
    sounds, kinds = {}, {}
    for suffix, section in config.copies.items():
        where = f"augment.copies.{suffix}"
        if not suffix or any(letter.isspace() for letter in suffix):
            raise ConfigError(f"{where}: a suffix of utterance names has no blanks. Rename it.")
        if not isinstance(section, dict):
            raise ConfigError(f"{where}: is {section!r}; it must be a section with 'parts'.")
        cls, options = KINDS.configure({"name": suffix, **section}, where)
        for part in options.parts:
            if part not in parts:
                raise ConfigError(f"{where}: unknown part '{part}'. {did_you_mean(part, parts)}")
            if part not in sounds:
                sounds[part] = read_sounds(parts[part])
        kinds[suffix] = cls(options, {part: sounds[part] for part in options.parts})
    return kinds


def read_sounds(folder: str | Path) -> list[Sound]:
    """The recordings of a part, sorted by name."""
    wavs, utt2dur = _read(folder, "wav.scp"), _read(folder, "utt2dur")
    where = Path(folder, "utt2dur")
    if faults := compare_keys(utt2dur.keys(), wavs.keys(), where, Path(folder, "wav.scp")):
        raise DataDirError(faults[0])
    unsafe = [name for name, wav in wavs.items() if not UNSAFE.isdisjoint(wav)]
    if unsafe:
        raise DataDirError(
            f"{folder}/wav.scp: {some(unsafe)}: a comma, double quote, backslash, ` or $ in"
            " the path or pipe, which wav-reverberate cannot be given. Rename the files."
        )
    durations_sec = read_durations(utt2dur, where)
    return [Sound(wav, durations_sec[name]) for name, wav in wavs.items()]


def read_durations(utt2dur: Mapping[str, str], where: str | Path) -> dict[str, float]:
    """Durations in s; DataDirError unless all are positive."""
    durations_sec = {}
    for utt, text in utt2dur.items():
        try:
            durations_sec[utt] = float(text)
        except ValueError:
            durations_sec[utt] = 0.0
        if not 0 < durations_sec[utt] < float("inf"):
            raise DataDirError(f"{where}: '{utt}' lasts '{text}' s; a duration is above 0.")
    return durations_sec


def _read_clean(data):
    """wav.scp, utt2spk and utt2dur of a data directory, checked to have the same keys."""
    wavs, utt2spk, utt2dur = (_read(data, name) for name in ("wav.scp", "utt2spk", "utt2dur"))
    for name, table in (("utt2spk", utt2spk), ("utt2dur", utt2dur)):
        if faults := compare_keys(table.keys(), wavs.keys(), data / name, data / "wav.scp"):
            raise DataDirError(faults[0])
    read_durations(utt2dur, data / "utt2dur")
    return wavs, utt2spk, utt2dur


def _read(folder, name):
    path = Path(folder, name)
    if not path.is_file():
        raise DataDirError(f"{path}: missing; augmentation needs it. Prepare {folder} again.")
    table = read_table(path)
    if not table:
        raise DataDirError(f"{path}: is empty; there is nothing to augment or to draw from.")
    return table


def _check_names(copies, wavs, data):
    taken = [copy.utt for copy in copies if copy.utt in wavs]
    if taken:
        raise DataDirError(
            f"{data}/wav.scp: {some(taken)}: a copy of another utterance would get this name."
            " Rename the suffix in augment.copies."
        )
