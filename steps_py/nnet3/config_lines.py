"""Lines such as ``component-node name=tdnn1.relu component=tdnn1.relu input=tdnn1.affine``.

The language of nnet3's config files and of the upper part of its models
(src/util/text-utils.h, ConfigLine).
"""

import re

from steps_py.errors import KaldiError, did_you_mean, some
from steps_py.formats.streams import open_input

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ITEM = re.compile(
    r"\s*(?P<key>[^\s=]+)=(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\""
    r"|(?P<plain>[^=]*?)(?=\s+[^\s=]+=|\s*$))"
)
_REQUIRED = object()


def is_name(text: str) -> bool:
    """Whether a node or a component may have this name.

    >>> is_name("tdnn1.affine"), is_name("1a"), is_name("a b")
    (True, False, False)
    """
    return _NAME.fullmatch(text) is not None


class ConfigLine:
    """One line: its first word and its values, each of which is taken once.

    >>> line = ConfigLine("output-node name=output input=Offset(a, -1) objective=linear")
    >>> line.first, line.take("input"), line.take("name")
    ('output-node', 'Offset(a, -1)', 'output')
    >>> line.finish()
    Traceback (most recent call last):
        ...
    steps_py.errors.KaldiError: config: 'objective' is not understood here. Known: input, name. \
Line: output-node name=output input=Offset(a, -1) objective=linear
    """

    def __init__(self, text: str, where: str = "config"):
        self.where, self.text = where, text
        self.first, _, rest = text.strip().partition(" ")
        if "=" in self.first:
            self.first, rest = "", text
        self._values, self._taken = {}, []
        at = 0
        while rest[at:].strip():
            match = _ITEM.match(rest, at)
            if not match or not is_name(match["key"]):
                self.fail("expected key=value after the first word")
            found = [match[kind] for kind in ("single", "double", "plain")]
            value = next(text for text in found if text is not None)
            self._values.setdefault(match["key"], value)
            at = match.end()

    def fail(self, problem: str):
        raise KaldiError(f"{self.where}: {problem}. Line: {self.text[:200]}")

    def take(self, key: str, kind: str = str, default=_REQUIRED):
        """The value called `key` as str, int, float or bool; `default` if there is none."""
        self._taken.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                self.fail(f"'{key}' is missing")
            return default
        text = self._values.pop(key)
        try:
            return _CONVERT[kind](text)
        except ValueError:
            self.fail(f"{key}={text[:60]} is no {kind.__name__}")

    def finish(self) -> None:
        """Raise KaldiError if there are values that were not taken."""
        if self._values:
            hint = did_you_mean(next(iter(self._values)), set(self._taken)).rstrip(".")
            self.fail(f"'{some(self._values)}' is not understood here. {hint}")


def _to_int(text):
    if not re.fullmatch(r"[+-]?\d{1,10}", text.strip()) or abs(int(text)) >= 2**31:
        raise ValueError(text)
    return int(text)


def _to_float(text):
    if "_" in text:
        raise ValueError(text)
    return float(text)


def _to_bool(text):
    if text not in ("true", "t", "false", "f", "T", "F"):
        raise ValueError(text)
    return text[0] in "tT"


_CONVERT = {str: str, int: _to_int, float: _to_float, bool: _to_bool}


def parse_lines(text: str, where: str) -> list[ConfigLine]:
    """The ConfigLines of a text, without comments and empty lines."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if line:
            lines.append(ConfigLine(line, f"{where}:{number}"))
    return lines


def read_lines(rxfilename: str):
    """The ConfigLines of a file or a pipe."""
    with open_input(rxfilename) as stream:
        text = stream.read()
    return parse_lines(text.decode(errors="replace"), rxfilename)
