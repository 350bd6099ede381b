"""What each speaker says, as a WAV file of the speaker's turns one after the other."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steps_py.audio.pieces import Sound
from steps_py.diarization.turns import Turn


def write_speaker_waves(folder: str | os.PathLike, turns: Sequence[Turn], sound: Sound) -> list:
    """Write ``<folder>/<speaker>.wav`` of 16 bits for each speaker; the paths.

    A turn is in memory at a time.
    """
    import soundfile  # start-up time

    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for speaker in dict.fromkeys(turn.speaker for turn in turns):
        path = Path(folder, f"{speaker.replace('/', '_')}.wav")
        with soundfile.SoundFile(path, "w", int(sound.rate_hz), 1, "PCM_16") as out:
            for turn in turns:
                if turn.speaker == speaker:
                    first, end = (
                        round(time * sound.rate_hz) for time in (turn.start_sec, turn.end_sec)
                    )
                    samples_N = sound.read(first, min(end, sound.num_samples))
                    out.write(np.clip(np.rint(samples_N), -32768, 32767).astype(np.int16))
        paths.append(path)
    return paths
