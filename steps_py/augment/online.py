"""Online augmentation: reverberation and noise drawn for each chunk of audio.

The kinds, parts and settings are those of copies of whole utterances
(`steps_py.augment.copies`), but every chunk gets a new draw and nothing is stored.

The computation is that of ``wav-reverberate``, with one Fourier transform and without the weak
tone that Kaldi's convolution adds.  It differs from copies in three respects, as a chunk is not a
whole utterance: levels are measured on the chunk; a random excerpt is taken of sounds that are
longer than needed; and only LEAD_SEC of the audio before the chunk are reverberated into it.

Array suffixes (scope: this module):
    N = samples   H = samples of an impulse response   F = frequencies
"""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft

from steps_py.audio.random_access import RandomAccessAudio, check_entries, with_recording_name
from steps_py.audio.wave import quantise
from steps_py.augment.config import AugmentConfig, OnlineConfig
from steps_py.augment.copies import build_kinds
from steps_py.augment.kinds import Corruption, Sound
from steps_py.draws import Draws
from steps_py.errors import AudioError, StepsError

LEAD_SEC = 0.5
CACHE_BYTES = 128 << 20  # of spectra
EPSILON = np.finfo(np.float32).eps


class OnlineAugmenter:
    """Draws and applies the augmentation of chunks.

    Parameters
    ----------
    copies : dict
        Section ``augment.copies``: the kinds.
    online : OnlineConfig
    parts : dict of str to path
        Directories (wav.scp, utt2dur) of the parts that `copies` names.
    rate_hz : int
        Sample rate of the chunks; sounds must have the same.
    seed : int

    Raises
    ------
    ConfigError, DataDirError, AudioError
        If a part is missing, or a sound needs an external program to be read.
    """

    def __init__(
        self,
        copies: Mapping[str, Any],
        online: OnlineConfig,
        parts: Mapping[str, str | Path],
        rate_hz: int,
        seed: int,
    ):
        self._online, self._rate_hz, self._seed = online, rate_hz, seed
        self._kinds = []
        if copies and online.probability > 0:
            kinds = build_kinds(AugmentConfig(copies=copies), parts)
            self._kinds = [kinds[suffix] for suffix in sorted(kinds)]
            entries = sorted({sound.wav for kind in self._kinds for sound in kind.sounds})
            check_entries(entries, entries, "augment.copies")
        self._sounds = RandomAccessAudio()
        self._rooms = Rooms(self._sounds, rate_hz)

    def draw(self, step: int, index: int, num_samples: int) -> tuple[Corruption | None, Draws]:
        """The Corruption (or None) of chunk `index` of a step, and its random generator."""
        draws = Draws(self._seed, "online", f"{step} {index}")
        if not self._kinds or draws.uniform() >= self._online.probability:
            return None, draws
        return draws.choice(self._kinds).draw(draws, num_samples / self._rate_hz), draws

    def context(self, corruption: Corruption | None) -> tuple[int, int]:
        """Numbers of samples needed before and after a chunk."""
        if corruption is None or corruption.room is None:
            return 0, 0
        peak = self._rooms.read(corruption.room)[1]
        return int(LEAD_SEC * self._rate_hz), peak

    def apply(
        self, corruption: Corruption | None, draws: Draws, x_N: np.ndarray, before: int, num: int
    ) -> np.ndarray:
        """Samples [before, before + num) of `x_N`, augmented: float32 (num,), integer values."""
        y_N = clean_N = x_N[before : before + num]
        if corruption is None:
            return y_N
        if corruption.room:
            y_N = self._rooms.reverberate(corruption.room, x_N, before, len(clean_N))
        power = _power(y_N)
        if corruption.added:
            y_N = y_N.copy()
        for added in corruption.added:
            self._add(y_N, added, power, draws)
        changed = _power(y_N)
        if changed > 0:
            y_N = y_N * np.sqrt(_power(clean_N) / changed)
        return quantise(y_N)

    def _add(self, y_N, added, power, draws):
        start = int(added.start_sec * self._rate_hz)
        num = len(y_N) - start
        if num <= 0:
            return
        # durations of the table can be slightly wrong; the excerpt must not be too short
        spare = int(added.sound.duration_sec * self._rate_hz) - num
        first = draws.below(spare) if spare > 0 else 0
        noise_N = read_sound(self._sounds, added.sound.wav, self._rate_hz, first, first + num)
        if added.fills and len(noise_N) < num:
            noise_N = np.resize(noise_N, num)
        scale = np.sqrt(10 ** (-added.snr_db / 10) * power / (_power(noise_N) + EPSILON))
        y_N[start : start + len(noise_N)] += np.float32(scale) * noise_N


class Rooms:
    """Convolves chunks with room impulse responses; caches the spectra of responses."""

    def __init__(self, recordings: RandomAccessAudio, rate_hz: int):
        self._recordings, self._rate_hz = recordings, rate_hz
        self._spectra, self._free_bytes = OrderedDict(), CACHE_BYTES

    def read(self, room: Sound) -> tuple[np.ndarray, int]:
        """The impulse response (H,) and the index of its peak, the direct path."""
        rir_H = read_sound(self._recordings, room.wav, self._rate_hz)
        return rir_H, int(np.argmax(rir_H))

    def reverberate(self, room: Sound, x_N: np.ndarray, before: int, num: int) -> np.ndarray:
        """`num` reverberated samples from `before` on, shifted back by the delay of the peak."""
        rir_H, peak = self.read(room)
        end = before + peak + num
        # circular wrap-around only affects samples before the needed ones
        size = _transform_size(max(num + len(rir_H), end, len(x_N)))
        spec_F = scipy.fft.rfft(x_N, size)
        spec_F *= self._spectrum(room.wav, rir_H, size)
        y_N = scipy.fft.irfft(spec_F, size, overwrite_x=True)
        return y_N[end - num : end]

    def _spectrum(self, wav, rir_H, size):
        key = wav, size
        if key not in self._spectra:
            self._spectra[key] = scipy.fft.rfft(rir_H / np.float32(32768), size)
            self._free_bytes -= self._spectra[key].nbytes
            while self._free_bytes < 0 and len(self._spectra) > 1:
                self._free_bytes += self._spectra.popitem(last=False)[1].nbytes
        self._spectra.move_to_end(key)
        return self._spectra[key]


def read_sound(
    recordings: RandomAccessAudio,
    wav: str,
    rate_hz: int,
    first: int = 0,
    end: int | None = None,
) -> np.ndarray:
    """Samples of a noise or impulse response, float32; every error names it."""
    try:
        found_hz, samples_N = recordings.read(wav, first, end)
    except (StepsError, OSError) as error:
        raise with_recording_name(f"augment: sound '{wav}'", error) from None
    if found_hz != rate_hz:
        raise AudioError(
            f"augment: sound '{wav}' has {found_hz} Hz, but the features need {rate_hz} Hz. Set"
            f" sample_rate_hz to {rate_hz} and resample to true in its corpus in data.corpora."
        )
    if not len(samples_N):
        raise AudioError(
            f"augment: sound '{wav}' ends before sample {first}, which is within its duration in"
            " utt2dur. Prepare its part again."
        )
    return samples_N.astype(np.float32)


def _transform_size(at_least):
    """2^k or 3 * 2^k: few sizes, so that cached spectra are reused."""
    power = 1 << (at_least - 1).bit_length()
    return 3 * power // 4 if 3 * power // 4 >= at_least else power


def _power(x_N):
    return np.float32(np.dot(x_N, x_N) / np.float32(max(1, len(x_N))))
