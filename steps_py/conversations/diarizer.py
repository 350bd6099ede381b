"""Who spoke when in one recording, from the recording to turns.

Shape suffixes (scope: this module):
    N = windows of the recording   D = dimension of x-vectors
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steps_py.audio.pieces import Sound
from steps_py.conversations.cluster_set import labels_of, turns_of
from steps_py.conversations.clustered import Clustered
from steps_py.conversations.config import OverlapConfig
from steps_py.conversations.overlap import find_overlap, with_second_speakers
from steps_py.conversations.second_speakers import SECOND_SPEAKERS
from steps_py.conversations.second_speakers.base import choose_for
from steps_py.conversations.speech.base import Heard, SpeechDetector
from steps_py.conversations.windows import WindowsConfig, cut_windows
from steps_py.diarization.clusterers.base import Clusterer
from steps_py.diarization.turns import Turn
from steps_py.embeddings.long_features import LongFeatures
from steps_py.embeddings.windows import WindowEmbedder
from steps_py.segmentation.segmenter import load_segmenter


@dataclass(frozen=True)
class Diarized:
    """The speakers of a recording.

    Attributes
    ----------
    turns : list of Turn
        In order of time.
    xvectors : dict of str to float32 array (D,)
        Speaker -> mean of the x-vectors of the speaker's windows.
    speech_sec : dict of str to float
        Speaker -> seconds of speech.
    duration_sec : float
        Of the recording.
    """

    turns: list[Turn]
    xvectors: dict[str, np.ndarray]
    speech_sec: dict[str, float]
    duration_sec: float


class Diarizer:
    """Finds speech, windows, x-vectors and speakers.

    Parameters
    ----------
    embedder : WindowEmbedder
    detector : SpeechDetector
    clusterer : Clusterer
    windows : WindowsConfig, optional
    plda : Plda, optional
        For a clusterer that needs one.
    overlap : OverlapConfig, optional
        Second speakers are added where its network hears several.

    Examples
    --------
    >>> from steps_py.conversations.extractors import open_extractor        # doctest: +SKIP
    >>> embedder = open_extractor("results/system.swx")                   # doctest: +SKIP
    >>> diarizer = Diarizer(embedder, detector, clusterer)                # doctest: +SKIP
    >>> diarizer.diarize(SoundInFile("meeting.wav"), "meeting").turns     # doctest: +SKIP
    """

    def __init__(
        self,
        embedder: WindowEmbedder,
        detector: SpeechDetector,
        clusterer: Clusterer,
        windows: WindowsConfig | None = None,
        plda=None,
        overlap: OverlapConfig | None = None,
    ):
        self._overlap = overlap
        self._segmenter = load_segmenter(overlap.network) if overlap else None
        self._embedder, self._detector, self._clusterer = embedder, detector, clusterer
        self._windows, self._plda = windows or WindowsConfig(), plda

    def diarize(
        self,
        sound: Sound,
        name: str,
        num_speakers: int | None = None,
        bounds: tuple[int | None, int | None] = (None, None),
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Diarized:
        """The turns of a recording; none if it has no speech.

        Parameters
        ----------
        sound : Sound
            At the sample rate of the extractor.
        name : str
            Of the recording, in turns and messages.
        num_speakers : int, optional
            If it is known.
        bounds : (int or None, int or None)
            Fewest and most speakers, otherwise.
        progress : callable
            Called with the windows that are done, and all.
        """
        features = LongFeatures(self._embedder.front_end, sound, name)
        heard = Heard(sound, features)
        windows = cut_windows(self._detector.stretches(heard), self._windows)
        vectors = []
        for xvector_D in self._embedder.xvectors(features, windows):
            vectors.append(xvector_D)
            progress(len(vectors), len(windows))
        if not vectors:
            return Diarized([], {}, {}, features.duration_sec)
        x_ND = np.stack(vectors)
        label_N = labels_of(self._clusterer, x_ND, self._plda, num_speakers, bounds)
        turns = turns_of(name, windows, label_N)
        if self._overlap is not None:
            turns = self._with_second_speakers(heard, Clustered(turns, windows, x_ND, self._plda))
        xvectors = {
            f"{name}-{label}": x_ND[label_N == label].mean(axis=0, dtype=np.float64)
            for label in np.unique(label_N)
        }
        speech_sec = dict.fromkeys(xvectors, 0.0)
        for turn in turns:
            speech_sec[turn.speaker] += turn.end_sec - turn.start_sec
        return Diarized(
            turns,
            {speaker: x_D.astype(np.float32) for speaker, x_D in xvectors.items()},
            speech_sec,
            features.duration_sec,
        )

    def _with_second_speakers(self, heard, clustered):
        overlaps = find_overlap(self._segmenter, heard, self._overlap)
        method = SECOND_SPEAKERS.build(self._overlap.second)
        return with_second_speakers(clustered.turns, overlaps, choose_for(method, clustered))
