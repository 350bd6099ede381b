"""Speech as a trained network finds it."""

from dataclasses import dataclass

from steps_py.conversations.speech.base import (
    SPEECH_DETECTORS,
    SpeechDetector,
    joined,
    stretches_of_frames,
)
from steps_py.segmentation.segmenter import load_segmenter
from steps_py.settings.declare import Share, setting


@SPEECH_DETECTORS.register("network")
class NetworkSpeech(SpeechDetector):
    """Frames in which a network of section ``segmentation`` hears somebody."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        network: str = setting(description="exp/segmentation/<name>/final.pt, of any recipe")
        threshold: Share = setting(0.5, "least probability of speech")
        max_pause_sec: float = setting(0.1, "shorter pauses are speech; s", minimum=0)
        min_speech_sec: float = setting(0.1, "shorter sounds are no speech; s", minimum=0)

    def __init__(self, config):
        super().__init__(config)
        self._segmenter = load_segmenter(config.network)

    def stretches(self, heard):
        features = self._segmenter.open(heard.sound, heard.features.name)
        p_T3 = self._segmenter.count_probabilities(features)
        speaks_T = 1 - p_T3[:, 0] >= self.config.threshold
        found = joined(
            stretches_of_frames(speaks_T, features.frame_shift_sec), self.config.max_pause_sec
        )
        return [(begin, end) for begin, end in found if end - begin >= self.config.min_speech_sec]
