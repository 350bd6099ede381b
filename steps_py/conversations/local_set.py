"""Speakers of windows of a set: found, with x-vectors, as archives; and clustered.

Shape suffixes (scope: this module):
    T = frames   N = speakers of all windows of a recording   D = dimension of x-vectors
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from steps_py.conversations.cluster_set import known_number, labels_of
from steps_py.conversations.config import LocalWindowsConfig
from steps_py.conversations.local_speakers import LocalSpeakers, one_each, turns_of_windows
from steps_py.conversations.speech.base import Heard
from steps_py.data.data_dir import read_table
from steps_py.diarization.clusterers.base import Clusterer
from steps_py.diarization.turns import Turn
from steps_py.embeddings.windows import WindowEmbedder
from steps_py.errors import DataDirError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.segmentation.segmenter import Segmenter

NAMES = ("local.ark", "local_xvector.ark", "local_shift")


def find_local_speakers(
    segmenter: Segmenter, embedder: WindowEmbedder, heard: Heard, config: LocalWindowsConfig
) -> tuple[LocalSpeakers, list[np.ndarray]]:
    """The speakers of the windows of a recording, and the x-vectors of those who speak enough."""
    features = segmenter.open(heard.sound, heard.features.name)
    shift_sec = features.frame_shift_sec
    step_frames = max(1, round(config.step_sec / shift_sec))
    windows = list(segmenter.local_speakers(features, step_frames))
    first_W, active = zip(*windows, strict=True) if windows else ((), ())
    local = LocalSpeakers(first_W, active, shift_sec)
    ratio, last = shift_sec / heard.features.frame_shift_sec, heard.features.num_frames - 1
    frames = [
        np.unique(np.minimum(np.rint(local.frames_of(*one, config.min_sec) * ratio), last))
        for one in local.speakers(config.min_sec)
    ]
    xvectors = embedder.xvectors_of_frames(heard.features, [own.astype(int) for own in frames])
    return local, list(xvectors)


def write_local_speakers(
    folder: str | Path,
    heard: Iterator[Heard],
    find: Callable[[Heard], tuple[LocalSpeakers, list[np.ndarray]]],
) -> None:
    """Write the archives of a set to `folder`; nothing is left if a recording fails.

    Keys are ``<recording>-<number of the window>``, with ``-<number>`` of the speaker.
    """
    paths = [Path(folder, name) for name in NAMES]
    Path(folder).mkdir(parents=True, exist_ok=True)
    try:
        with (
            TableWriter(f"ark:{paths[0]}", FLOAT_MATRIX) as windows,
            TableWriter(f"ark:{paths[1]}", FLOAT_VECTOR) as vectors,
            open(paths[2], "w") as shifts,
        ):
            for each in heard:
                name, (local, xvectors) = each.features.name, find(each)
                shifts.write(f"{name} {local.shift_sec:g}\n")
                for first, active_TS in zip(local.first_W, local.active, strict=True):
                    windows.write(f"{name}-{first:09d}", active_TS.astype(np.float32))
                for number, xvector_D in enumerate(xvectors):
                    vectors.write(f"{name}-{number:09d}", xvector_D)
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def read_local_speakers(folder: str | Path) -> dict[str, tuple[LocalSpeakers, np.ndarray]]:
    """{recording: (LocalSpeakers, float32 (N, D))} of what `write_local_speakers` wrote."""
    windows_ark, vectors_ark, shifts = (Path(folder, name) for name in NAMES)
    shift_sec = {name: float(shift) for name, shift in read_table(shifts).items()}
    windows: dict[str, list] = {name: [] for name in shift_sec}
    vectors: dict[str, list] = {name: [] for name in shift_sec}
    for path, holder, found in (
        (windows_ark, FLOAT_MATRIX, windows),
        (vectors_ark, FLOAT_VECTOR, vectors),
    ):
        with SequentialReader(f"ark:{path}", holder) as reader:
            for key, value in reader:
                name, _, number = key.rpartition("-")
                found[name].append((int(number), np.array(value)))
    result = {}
    for name, own in windows.items():
        first_W, active = zip(*own, strict=True) if own else ((), ())
        local = LocalSpeakers(first_W, [x_TS > 0.5 for x_TS in active], shift_sec[name])
        x_ND = np.array([x_D for _, x_D in vectors[name]], np.float32)
        result[name] = local, x_ND
    return result


def cluster_local_set(
    clusterer: Clusterer,
    found: Mapping[str, tuple[LocalSpeakers, np.ndarray]],
    config: LocalWindowsConfig,
    plda=None,
    num_speakers: Mapping[str, int] | None = None,
    max_speakers: int | None = None,
) -> list[Turn]:
    """The turns of all recordings, sorted.

    Parameters
    ----------
    clusterer : Clusterer
    found : mapping
        Of `read_local_speakers`.
    config : LocalWindowsConfig
        As the windows were found with.
    plda, num_speakers, max_speakers
        As of `steps_py.conversations.cluster_set.cluster_set`.

    Raises
    ------
    ConfigError
        If the number of speakers of a recording is to be known and is not.
    DataDirError
        If there are other x-vectors than speakers.
    """
    turns: list[Turn] = []
    for name, (local, x_ND) in found.items():
        speakers = local.speakers(config.min_sec)
        if len(speakers) != len(x_ND):
            raise DataDirError(
                f"{name}: has {len(x_ND)} x-vectors, but {len(speakers)} speakers of windows. Find"
                " them again."
            )
        known = known_number(num_speakers, name)
        if not speakers:
            continue
        label_N = labels_of(clusterer, x_ND, plda, known, (None, max_speakers))
        label_N = one_each(speakers, x_ND, label_N)
        turns += turns_of_windows(name, local, speakers, label_N, config.max_pause_sec)
    return sorted(turns)
