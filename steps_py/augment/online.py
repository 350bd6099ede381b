"""Rooms and noise, drawn and done to one chunk of audio at a time.

The kinds, parts and numbers are those that a recipe declares for copies of whole
utterances (`steps_py.augment.copies`); here each chunk gets a new draw, and nothing is stored.

This does what ``wav-reverberate`` does, by one Fourier transform and without the weak tone
that Kaldi's convolution adds.  Three things are other than in a copy, because a chunk is no
whole utterance: levels are those of the chunk; of a sound that is longer than its place a
random stretch is taken; and a room hears only LEAD_SEC of what was said before the chunk.

Array suffixes (scope: this module):
    N = samples   H = samples of an impulse response   F = frequencies
"""

from collections import OrderedDict

import numpy as np
import scipy.fft

from steps_py.audio.random_access import Stretches, check_entries, naming_recording
from steps_py.audio.wave import quantise
from steps_py.augment.config import AugmentConfig
from steps_py.augment.copies import build_kinds
from steps_py.draws import Draws
from steps_py.errors import AudioError, StepsError

LEAD_SEC = 0.5
KEPT_BYTES = 128 << 20  # of spectra
EPSILON = np.finfo(np.float32).eps


class Corruptor:
    """Draws what is done to chunks, and does it.

    Parameters
    ----------
    copies : dict
        Section ``augment.copies``: the kinds.
    online : OnlineConfig
    parts : dict of str to path
        Directories (wav.scp, utt2dur) of the parts that `copies` names.
    rate_hz : int
        Of the chunks; sounds must have it, too.
    seed : int

    Raises
    ------
    ConfigError, DataDirError, AudioError
        If a part is not there, or a sound needs a program to be read.
    """

    def __init__(self, copies, online, parts, rate_hz, seed):
        self._online, self._rate_hz, self._seed = online, rate_hz, seed
        self._kinds = []
        if copies and online.probability > 0:
            kinds = build_kinds(AugmentConfig(copies=copies), parts)
            self._kinds = [kinds[suffix] for suffix in sorted(kinds)]
            entries = sorted({sound.wav for kind in self._kinds for sound in kind.sounds})
            check_entries(entries, entries, "augment.copies")
        self._sounds = Stretches()
        self._rooms = Rooms(self._sounds, rate_hz)

    def draw(self, step, index, num_samples):
        """The Corruption (or None) of chunk `index` of a step, and the draws that are left."""
        draws = Draws(self._seed, "online", f"{step} {index}")
        if not self._kinds or draws.uniform() >= self._online.probability:
            return None, draws
        return draws.choice(self._kinds).draw(draws, num_samples / self._rate_hz), draws

    def reach(self, corruption):
        """Samples that are needed before and after a chunk."""
        if corruption is None or corruption.room is None:
            return 0, 0
        peak = self._rooms.read(corruption.room)[1]
        return int(LEAD_SEC * self._rate_hz), peak

    def apply(self, corruption, draws, x_N, before, num):
        """Samples [before, before + num) of `x_N` altered: float32 (num,), whole numbers."""
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
        room = len(y_N) - start
        if room <= 0:
            return
        # the table of durations may be off by a little; a stretch must not end before its place
        spare = int(added.sound.duration_sec * self._rate_hz) - room
        first = draws.below(spare) if spare > 0 else 0
        noise_N = read_sound(self._sounds, added.sound.wav, self._rate_hz, first, first + room)
        if added.fills and len(noise_N) < room:
            noise_N = np.resize(noise_N, room)
        scale = np.sqrt(10 ** (-added.snr_db / 10) * power / (_power(noise_N) + EPSILON))
        y_N[start : start + len(noise_N)] += np.float32(scale) * noise_N


class Rooms:
    """Convolves chunks with impulse responses, whose spectra are kept for the next time."""

    def __init__(self, stretches, rate_hz):
        self._stretches, self._rate_hz = stretches, rate_hz
        self._spectra, self._free = OrderedDict(), KEPT_BYTES

    def read(self, room):
        """The response (H,) and where its peak is: the direct path."""
        rir_H = read_sound(self._stretches, room.wav, self._rate_hz)
        return rir_H, int(np.argmax(rir_H))

    def reverberate(self, room, x_N, before, num):
        """`num` samples from `before` on as heard in a room, back by the peak's delay."""
        rir_H, peak = self.read(room)
        end = before + peak + num
        # what wraps round falls on samples before the wanted ones
        size = _transform_size(max(num + len(rir_H), end, len(x_N)))
        spec_F = scipy.fft.rfft(x_N, size)
        spec_F *= self._spectrum(room.wav, rir_H, size)
        y_N = scipy.fft.irfft(spec_F, size, overwrite_x=True)
        return y_N[end - num : end]

    def _spectrum(self, wav, rir_H, size):
        key = wav, size
        if key not in self._spectra:
            self._spectra[key] = scipy.fft.rfft(rir_H / np.float32(32768), size)
            self._free -= self._spectra[key].nbytes
            while self._free < 0 and len(self._spectra) > 1:
                self._free += self._spectra.popitem(last=False)[1].nbytes
        self._spectra.move_to_end(key)
        return self._spectra[key]


def read_sound(stretches, wav, rate_hz, first=0, end=None):
    """Samples of a noise or room, float32, with its name in every error."""
    try:
        found_hz, samples_N = stretches.read(wav, first, end)
    except (StepsError, OSError) as error:
        raise naming_recording(f"augment: sound '{wav}'", error) from None
    if found_hz != rate_hz:
        raise AudioError(
            f"augment: sound '{wav}' has {found_hz} Hz, the features {rate_hz} Hz. Of"
            f" its corpus in data.corpora, set sample_rate_hz to {rate_hz} and resample to true."
        )
    if not len(samples_N):
        raise AudioError(
            f"augment: sound '{wav}' ends before sample {first}, which utt2dur promises."
            " Prepare its part again."
        )
    return samples_N.astype(np.float32)


def _transform_size(at_least):
    """2^k or 3 2^k: few sizes, so that spectra of rooms are found again."""
    power = 1 << (at_least - 1).bit_length()
    return 3 * power // 4 if 3 * power // 4 >= at_least else power


def _power(x_N):
    return np.float32(np.dot(x_N, x_N) / np.float32(max(1, len(x_N))))
