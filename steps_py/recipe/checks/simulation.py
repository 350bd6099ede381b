"""Section ``simulation``: where speech, rooms and noises are from, and who reads the sets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.recipe.checks.names import corpus_of, unknown

if TYPE_CHECKING:
    from steps_py.registry import Entry

FOLDER = "exp/simulation/"


def check_speech(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Speech is of a set of the recipe or of a data directory."""
    known = config.get("data", {}).get("sets", {})
    for name, given in config["simulation"]["sets"].items():
        if "/" not in given["speech"]:
            yield from unknown(f"simulation.sets.{name}.speech", given["speech"], known, "set")


def check_sounds(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Rooms are of a kind that draws rooms; the parts of all kinds belong to known corpora."""
    known = config.get("data", {}).get("corpora", {})
    for name, given in config["simulation"]["sets"].items():
        for key in ("rooms", "noise"):
            kind = given[key]
            if kind is None:
                continue
            where = f"simulation.sets.{name}.{key}"
            if (kind["name"] == "reverb") != (key == "rooms"):
                what = "no room" if key == "rooms" else "no sound that is added"
                yield f"'{where}' is of kind '{kind['name']}', which draws {what}."
            for part in kind["parts"]:
                yield from unknown(f"{where}.parts", corpus_of(part), known, "corpus")


def check_recordings(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Recordings in exp/simulation/ are of a set that is there."""
    known = config["simulation"]["sets"]
    for name, given in (config["diarization"] or {"sets": {}})["sets"].items():
        if given["recordings"].startswith(FOLDER):
            simulated = given["recordings"].removeprefix(FOLDER).strip("/")
            where = f"diarization.sets.{name}.recordings"
            yield from unknown(where, simulated, known, "simulated set")


CHECKS = [check_speech, check_sounds, check_recordings]
