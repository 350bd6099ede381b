"""A set of recordings with its reference -> data/<set>/, with every table checked.

wav.scp, reco2dur, ref.rttm, all.uem, reco2num_spk and speech.lab.  Tables of what is not given are
empty, except all.uem, which then has whole recordings, and reco2num_spk, the reference's speakers.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from steps_py.audio.file_info import audio_info
from steps_py.conversations.config import ConversationsConfig
from steps_py.data.data_dir import read_table, write_table
from steps_py.diarization.lab import read_lab
from steps_py.diarization.rttm import read_rttm, write_rttm
from steps_py.diarization.turns import Region, Turn, merge_turns
from steps_py.diarization.uem import read_uem, write_uem
from steps_py.errors import AudioError, DataDirError, did_you_mean, some
from steps_py.files import atomic_write
from steps_py.formats.streams import classify_rxfilename
from steps_py.text_files import read_lines


def prepare(config: ConversationsConfig, out: str | Path) -> None:
    """Write the tables of a set to the folder `out`.

    Raises
    ------
    DataDirError
        In one line with file and line number: an unknown recording, a turn or region behind the end
        of its recording, a recording without reference, another number than the published one.
    AudioError
        If a recording is missing or damaged.
    """
    out = Path(out)
    wavs = find_recordings(config)
    durations_sec = {name: duration_of(name, entry) for name, entry in wavs.items()}
    turns = _turns(config, wavs, durations_sec)
    regions = _regions(config, wavs, durations_sec)
    numbers = _numbers(config, turns, wavs)
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "wav.scp", wavs.items())
    write_table(out / "reco2dur", ((name, f"{sec:.4f}") for name, sec in durations_sec.items()))
    write_table(out / "reco2num_spk", ((name, str(number)) for name, number in numbers.items()))
    write_rttm(out / "ref.rttm", turns)
    write_uem(out / "all.uem", regions)
    _write_speech(out / "speech.lab", config, durations_sec)


def find_recordings(config: ConversationsConfig) -> dict[str, str]:
    """{recording: path, or entry of wav.scp}, sorted; the chosen ones of ``list``."""
    folder = Path(config.recordings)
    if not folder.is_dir():
        raise DataDirError(f"{folder}: there is no such folder. Correct diarization.sets.")
    if (folder / "wav.scp").is_file():
        found = dict(read_table(folder / "wav.scp"))
    else:
        found = _recordings_below(folder, config.pattern)
    if config.list is not None:
        wanted = [line.split()[0] for _, line in read_lines(config.list)]
        missing = [name for name in wanted if name not in found]
        if missing:
            raise DataDirError(
                f"{config.list}: {len(missing)} of {len(wanted)} recordings are not in {folder}"
                f" ({some(missing)}). {did_you_mean(missing[0], list(found)[:20])}"
            )
        found = {name: found[name] for name in sorted(set(wanted))}
    if not found:
        raise DataDirError(
            f"{folder}: has no recording {config.pattern}. Correct `pattern` or `recordings`."
        )
    if config.num_recordings not in (None, len(found)):
        raise DataDirError(
            f"{folder}: has {len(found)} recordings, and {config.num_recordings} are published."
            " Fetch the missing ones, or set num_recordings to null."
        )
    return dict(sorted(found.items()))


def _recordings_below(folder, pattern):
    if pattern.count("{recording}") < 1:
        raise DataDirError(f"diarization.sets: pattern '{pattern}' has no {{recording}}.")
    first, *others = map(_as_regex, pattern.split("{recording}"))
    name = re.compile(first + r"(?P<name>[^/]+?)" + r"(?P=name)".join(others))
    found: dict[str, str] = {}
    for path in sorted(folder.glob(pattern.replace("{recording}", "*"))):
        match = name.fullmatch(str(path.relative_to(folder)))
        if match is None:
            continue
        if match["name"].split() != [match["name"]]:
            raise DataDirError(f"{path}: the name has a space. Rename the file.")
        if match["name"] in found:
            raise DataDirError(
                f"{path}: {found[match['name']]} is of the same name. Make `pattern` narrower."
            )
        found[match["name"]] = str(path)
    return found


def _as_regex(text):
    return "[^/]*".join(map(re.escape, text.split("*")))


def duration_of(name: str, entry: str) -> float:
    """Seconds of a recording, by its header; a pipe is evaluated."""
    kind = classify_rxfilename(entry)
    if kind == "file":
        return audio_info(entry).duration_sec
    from steps_py.audio.pipelines import evaluate  # most sets have no pipes

    wave = evaluate(entry[:-1].strip()) if kind == "pipe" else None
    if wave is None:
        raise AudioError(
            f"{name}: '{entry[:200]}' cannot be read here. Write the recordings to files first."
        )
    return wave.duration_sec


def _files(path, suffix):
    path = Path(path)
    if not path.is_dir():
        return [path]
    files = sorted(path.glob(f"*{suffix}"))
    if not files:
        raise DataDirError(f"{path}: has no file *{suffix}. Correct diarization.sets.")
    return files


def _turns(config, wavs, durations_sec) -> list[Turn]:
    """The reference; files of a folder may be of recordings that are not taken."""
    if config.rttm is None:
        return []
    files = _files(config.rttm, ".rttm")
    turns = []
    for path in files:
        taken = config.list is not None
        of_file = read_rttm(path, None if taken else wavs.keys(), durations_sec)
        turns += [turn for turn in of_file if turn.recording in wavs]
    missing = sorted(wavs.keys() - {turn.recording for turn in turns})
    if missing:
        raise DataDirError(
            f"{config.rttm}: {len(missing)} of {len(wavs)} recordings have no turn"
            f" ({some(missing)}). Add them, or leave the recordings out by `list`."
        )
    return merge_turns(turns)


def _regions(config, wavs, durations_sec) -> list[Region]:
    if config.uem is None:
        return [Region(name, 0.0, sec) for name, sec in durations_sec.items()]
    known = None if config.list is not None else wavs.keys()
    regions = [
        region
        for path in _files(config.uem, ".uem")
        for region in read_uem(path, known, durations_sec)
        if region.recording in wavs
    ]
    missing = sorted(wavs.keys() - {region.recording for region in regions})
    if missing:
        raise DataDirError(
            f"{config.uem}: {len(missing)} of {len(wavs)} recordings have no region"
            f" ({some(missing)}). Add a line for each."
        )
    return sorted(regions)


def _numbers(config, turns, wavs) -> dict[str, int]:
    if config.reco2num_spk is None:
        speakers: dict[str, set] = {}
        for turn in turns:
            speakers.setdefault(turn.recording, set()).add(turn.speaker)
        return {name: len(found) for name, found in sorted(speakers.items())}
    table = read_table(config.reco2num_spk)
    missing = sorted(wavs.keys() - table.keys())
    if missing:
        raise DataDirError(
            f"{config.reco2num_spk}: {len(missing)} of {len(wavs)} recordings are missing"
            f" ({some(missing)}). Add them."
        )
    for name in wavs:
        if not table[name].isdigit() or int(table[name]) < 1:
            raise DataDirError(
                f"{config.reco2num_spk}: {name} has '{table[name]}' speakers. Give 1 or more."
            )
    return {name: int(table[name]) for name in wavs}


def _write_speech(path, config, durations_sec: Mapping[str, float]) -> None:
    """Speech of all recordings in one file, ``<recording> <begin> <end>``; empty without LABs."""
    with atomic_write(path) as out:
        if config.lab is None:
            return
        for name, sec in durations_sec.items():
            for region in read_lab(Path(config.lab, f"{name}.lab"), sec):
                out.write(f"{name} {region.start_sec:.3f} {region.end_sec:.3f}\n")
