"""Speech by Silero VAD, a network whose weights its package has.

Source: https://github.com/snakers4/silero-vad, MIT licence; package silero-vad on PyPI.

Shape suffixes (scope: this module):
    N = samples   T = frames of the network   B = stretches that are computed side by side
"""

import importlib.util
from dataclasses import dataclass

import numpy as np

from steps_py.audio.pieces import ResampledSound, Sound
from steps_py.conversations.speech.base import (
    SPEECH_DETECTORS,
    SpeechDetector,
    joined,
    stretches_of_frames,
)
from steps_py.errors import StepsError
from steps_py.settings.declare import Share, setting

FRAME_SAMPLES = {16000: 512, 8000: 256}  # of 32 ms; the network takes these rates
STREAM_FRAMES = 1000  # 32 s: stretches that are computed side by side, 32 at a time
LEAD_FRAMES = 64  # computed before each, so that the network's state is that of the sound before
NUM_STREAMS = 32


@SPEECH_DETECTORS.register("silero")
class Silero(SpeechDetector):
    """The network's probabilities of speech, smoothed as its package does by default.

    A frame of 32 ms begins speech at `threshold` and ends it at 0.15 less.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        threshold: Share = setting(0.5, "probability at which speech begins")
        max_pause_sec: float = setting(0.1, "shorter pauses are speech; s", minimum=0)
        min_speech_sec: float = setting(0.25, "shorter sounds are no speech; s", minimum=0)
        pad_sec: float = setting(0.03, "added at both ends of each stretch; s", minimum=0)

    def stretches(self, heard):
        config, sound = self.config, heard.sound
        probability_T = speech_probabilities(sound)
        is_speech_T = with_hysteresis(probability_T, config.threshold, config.threshold - 0.15)
        rate_hz = 8000 if sound.rate_hz == 8000 else 16000
        runs = stretches_of_frames(is_speech_T, FRAME_SAMPLES[rate_hz] / rate_hz)
        end_sec = sound.num_samples / sound.rate_hz
        return joined(
            [
                (max(0.0, begin - config.pad_sec), min(end + config.pad_sec, end_sec))
                for begin, end in joined(runs, config.max_pause_sec)
                if end - begin >= config.min_speech_sec
            ]
        )


def speech_probabilities(sound: Sound) -> np.ndarray:
    """The probability of speech in each frame of 32 ms, float32 (T,).

    Sounds of other rates than 8 and 16 kHz are converted to 16 kHz. The last frame is filled up
    with silence. The network begins anew every 32 s, 2 s early: probabilities differ by 0.004 in
    the mean from those of one frame after the other, which would take many times as long.

    Raises
    ------
    StepsError
        If the package is not installed.
    """
    network = _load()
    if sound.rate_hz not in FRAME_SAMPLES:
        sound = ResampledSound(sound, 16000)
    num_frames = -(-sound.num_samples // FRAME_SAMPLES[sound.rate_hz])
    each = max(1, min(STREAM_FRAMES, num_frames))
    starts = range(0, num_frames, each)
    found = [
        _of_streams(network, sound, starts[place : place + NUM_STREAMS], each)
        for place in range(0, len(starts), NUM_STREAMS)
    ]
    return np.concatenate([np.zeros(0, np.float32), *found])[:num_frames]


def _of_streams(network, sound, starts, each):
    """Probabilities of `each` frames from each of `starts` on, (T,)."""
    import torch  # start-up time

    num = FRAME_SAMPLES[sound.rate_hz]
    begin, lead = starts[0] * num, LEAD_FRAMES * num
    size = lead + len(starts) * each * num
    first, end = max(0, begin - lead), min(begin - lead + size, sound.num_samples)
    samples_N = np.zeros(size, np.float32)
    place = first - (begin - lead)
    samples_N[place : place + end - first] = sound.read(first, end) / np.float32(32768)
    windows = np.lib.stride_tricks.sliding_window_view(samples_N, lead + each * num)
    x_BN = torch.from_numpy(windows[:: each * num].copy())
    network.reset_states()
    with torch.inference_mode():
        probability_BT = torch.cat(
            [network(frame_BN, sound.rate_hz) for frame_BN in x_BN.split(num, dim=1)], dim=1
        )
    return probability_BT[:, LEAD_FRAMES:].flatten().numpy()


def with_hysteresis(probability_T: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Whether each frame is speech: it begins at `begin` and lasts while at least `end`.

    >>> with_hysteresis(np.array([0.4, 0.6, 0.4, 0.3, 0.4]), 0.5, 0.35).tolist()
    [False, True, True, False, False]
    """
    decided_T = np.where(probability_T >= begin, 1, np.where(probability_T < end, 0, -1))
    last_T = np.maximum.accumulate(np.where(decided_T >= 0, np.arange(len(decided_T)), -1))
    return np.where(last_T >= 0, decided_T[last_T], 0).astype(bool)


def _load():
    """The network, whose weights the package has."""
    if importlib.util.find_spec("silero_vad") is None:
        raise StepsError(
            "diarization.speech: 'silero' needs the package silero-vad. Install it by pip install"
            " '.[silero]', or use 'energy'."
        )
    import torch  # start-up time

    num_threads = torch.get_num_threads()
    from silero_vad import load_silero_vad  # optional; its import sets the number of threads

    torch.set_num_threads(num_threads)
    return load_silero_vad()
