"""Speech by the energy of frames."""

from dataclasses import dataclass

from steps_py.conversations.speech.base import (
    SPEECH_DETECTORS,
    SpeechDetector,
    joined,
    stretches_of_frames,
)
from steps_py.settings.declare import setting


@SPEECH_DETECTORS.register("energy")
class Energy(SpeechDetector):
    """The voice decisions of the extractor, its conf/vad.conf, smoothed.

    Short pauses become speech, then short sounds become silence, as Kaldi's
    ``diarization/vad_to_segments.sh`` does for its recipes.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        max_pause_sec: float = setting(0.5, "shorter pauses are speech; s", minimum=0)
        min_speech_sec: float = setting(0.2, "shorter sounds are no speech; s", minimum=0)
        pad_sec: float = setting(0.0, "added at both ends of each stretch; s", minimum=0)

    def stretches(self, heard):
        features, config = heard.features, self.config
        if not features.num_frames:
            return []
        voiced = stretches_of_frames(features.is_voiced(), features.frame_shift_sec)
        kept = [
            (max(0.0, begin - config.pad_sec), min(features.duration_sec, end + config.pad_sec))
            for begin, end in joined(voiced, config.max_pause_sec)
            if end - begin >= config.min_speech_sec
        ]
        return joined(kept)
