"""Write a trial list that is made by a rule, and its checksum."""

import hashlib
import os
from collections.abc import Mapping

from steps_py.data.made_trials import MAKERS
from steps_py.data.made_trials.base import Sides
from steps_py.errors import ConfigError, DataDirError
from steps_py.files import atomic_write
from steps_py.text_files import read_lines

GENDERS = ("f", "m")


def write_made_trials(out: str, maker, sides: Sides) -> tuple[int, int]:
    """Write the trials of a maker as ``<enrol> <test> target|nontarget``, piece by piece.

    ``<out>.sha256`` gets the checksum, in the form that ``sha256sum --check`` reads.

    Returns
    -------
    (int, int)
        Numbers of target and of nontarget trials.

    Raises
    ------
    DataDirError
        If there is no trial of one of the two kinds.
    """
    counts, digest = [0, 0], hashlib.sha256()
    with atomic_write(out, "wb") as file:
        for e, places in maker.pairs(sides):
            if not places.size:
                continue
            own = set(sides.targets(e, each_once=False).tolist())
            enroll, lines = sides.enroll[e], []
            for place in places.tolist():
                is_target = place in own
                counts[is_target] += 1
                label = "target" if is_target else "nontarget"
                lines.append(f"{enroll} {sides.test[place]} {label}\n")
            content = "".join(lines).encode()
            digest.update(content)
            file.write(content)
        if not all(counts):
            kind = "nontarget" if counts[1] else "target"
            raise DataDirError(
                f"{out}: the sets give no {kind} trial; error rates need both kinds. Name sets"
                " with several speakers, and several utterances of each."
            )
    with atomic_write(f"{out}.sha256") as file:
        file.write(f"{digest.hexdigest()}  {out}\n")
    return counts[1], counts[0]


def make_trials(
    out: str,
    options: Mapping,
    enroll: dict[str, str],
    test: dict[str, str],
    utts_of: dict[str, list[str]] | None = None,
    genders: dict[str, str] | None = None,
) -> tuple[int, int]:
    """`write_made_trials` for the section ``make`` of a recipe, with tables name -> speaker."""
    maker = MAKERS.build(options)
    if maker.needs_genders() and genders is None:
        raise ConfigError(
            f"'{options['name']}' needs the genders of the speakers, and the corpora of the sets do"
            " not have them. Name a file of lines `<speaker> f|m` as `genders`."
        )
    sides = Sides(enroll, test, utts_of, genders if maker.needs_genders() else None)
    return write_made_trials(out, maker, sides)


def read_genders(path: str | os.PathLike) -> dict[str, str]:
    """The gender of each speaker, ``f`` or ``m``, from lines ``<speaker> <gender>``."""
    genders = {}
    for number, line in read_lines(path):
        spk, *rest = line.split()
        if len(rest) != 1 or rest[0].lower() not in GENDERS:
            raise DataDirError(f"{path}:{number}: expected '<speaker> f|m', got {line!r}.")
        genders[spk] = rest[0].lower()
    return genders
