"""What the choice of an extractor means for the rest of a recipe."""

from typing import Any


def trains_on_audio(config: dict[str, Any]) -> bool:
    """Whether the network of a config, with or without defaults, is trained on recordings.

    >>> trains_on_audio({"train": {"input": "waveform"}}), trains_on_audio({"train": None})
    (True, False)
    """
    return (config.get("train") or {}).get("input") == "waveform"
