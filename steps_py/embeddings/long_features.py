"""Features of recordings of any length, computed piece by piece.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension
"""

import math
from collections import OrderedDict

import numpy as np

from steps_py.audio.pieces import Sound
from steps_py.audio.wave import Wave
from steps_py.errors import AudioError
from steps_py.feats.feature_options import frame_config
from steps_py.feats.frames import num_frames
from steps_py.feats.front_end import FrontEnd
from steps_py.feats.vad import compute_vad

PIECE_FRAMES = 6000
KEPT_PIECES = 3


class LongFeatures:
    """The features of a recording that may last hours; three pieces of a minute are in memory.

    The rows are those of `FrontEnd.compute` for the whole recording. What that derives from the
    whole, the rounding of ``feats.compress`` and ``--subtract-mean``, is derived from pieces here.

    Parameters
    ----------
    front_end : FrontEnd
        Of the trained network.
    sound : Sound
        At the sample rate of `front_end`.
    name : str
        Of the recording, for messages.

    Examples
    --------
    >>> from steps_py.audio.pieces import SoundInMemory
    >>> noise_CN = np.random.default_rng(0).normal(scale=100, size=(1, 80000)).astype(np.float32)
    >>> wave = Wave(16000, noise_CN)
    >>> front_end = FrontEnd(type="mfcc", conf="--num-ceps=20\\n--dither=0", vad_conf="")
    >>> features = LongFeatures(front_end, SoundInMemory(wave), "noise.wav", piece_frames=100)
    >>> whole_TD, _ = front_end.compute(wave, "noise.wav")
    >>> np.allclose(features.rows(150, 320), whole_TD[150:320], atol=1e-3)
    True
    """

    def __init__(
        self, front_end: FrontEnd, sound: Sound, name: str, piece_frames: int = PIECE_FRAMES
    ):
        self._front_end, self._sound, self.name = front_end, sound, name
        self._frames = frame_config(front_end.options())
        self._piece_frames = piece_frames
        self._margin = math.ceil(self._frames.length_samples / self._frames.shift_samples) + 1
        self.num_frames = num_frames(sound.num_samples, self._frames)
        self._pieces: OrderedDict[int, np.ndarray] = OrderedDict()

    @property
    def frame_shift_sec(self) -> float:
        return self._frames.shift_samples / self._sound.rate_hz

    @property
    def duration_sec(self) -> float:
        return self._sound.num_samples / self._sound.rate_hz

    def rows(self, first: int, end: int) -> np.ndarray:
        """The rows ``[first, end)``, float32 (T, D)."""
        parts = []
        for piece in range(first // self._piece_frames, -(-end // self._piece_frames)):
            start = piece * self._piece_frames
            parts.append(self._piece(piece)[max(0, first - start) : end - start])
        return np.concatenate(parts) if len(parts) != 1 else parts[0]

    def is_voiced(self) -> np.ndarray:
        """The voice decisions by energy of the whole recording, bool (T,)."""
        energy_T1 = np.empty((self.num_frames, 1), np.float32)
        for start in range(0, self.num_frames, self._piece_frames):
            end = min(start + self._piece_frames, self.num_frames)
            energy_T1[start:end, 0] = self.rows(start, end)[:, 0]
        return compute_vad(energy_T1, self._front_end.vad_options().config()) > 0.5

    def _piece(self, piece):
        if piece not in self._pieces:
            self._pieces[piece] = self._compute(piece * self._piece_frames)
            while len(self._pieces) > KEPT_PIECES:
                self._pieces.popitem(last=False)
        self._pieces.move_to_end(piece)
        return self._pieces[piece]

    def _compute(self, start):
        """One piece; the frames around it keep its own away from edges that are not there."""
        end = min(start + self._piece_frames, self.num_frames)
        first, last = max(0, start - self._margin), min(self.num_frames, end + self._margin)
        shift = self._frames.shift_samples
        stop = last * shift
        if last == self.num_frames:
            stop = self._sound.num_samples
        elif self._frames.snip_edges:
            stop += self._frames.length_samples - shift
        wave = Wave(int(self._sound.rate_hz), self._sound.read(first * shift, stop)[np.newaxis])
        x_TD, _ = self._front_end.compute(wave, self.name)
        if len(x_TD) != last - first:
            raise AudioError(
                f"{self.name}: the features of {last - first} frames are {len(x_TD)}, so the times"
                " of speech would be wrong. Use an extractor without feats.signal_steps that"
                " remove samples."
            )
        return x_TD[start - first : end - first]
