"""Who speaks beside the first speaker: one class per file, a subclass of SecondSpeaker.

See `steps_py.conversations.second_speakers.base.SecondSpeaker` for the contract.
"""

from steps_py.conversations.second_speakers.base import SECOND_SPEAKERS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["SECOND_SPEAKERS"]
