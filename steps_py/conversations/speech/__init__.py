"""What finds the speech of a recording: one class per file, a subclass of SpeechDetector.

See `steps_py.conversations.speech.base.SpeechDetector` for the contract.
"""

from steps_py.conversations.speech.base import SPEECH_DETECTORS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["SPEECH_DETECTORS"]
