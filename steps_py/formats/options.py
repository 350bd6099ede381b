"""Command-line options with Kaldi's grammar (src/util/parse-options.cc).

Options precede the arguments, as ``--name=value``; ``--config=file`` reads further options, one
per line; those of the command line take precedence. ``_`` and ``-`` are equivalent and case is
ignored in names. A command declares its options as a dataclass:

>>> @dataclasses.dataclass
... class SubsampleOptions:
...     n: int = option(1, "Take every n'th feature")
>>> parse_command_line("subsample-feats", "Usage: ...", SubsampleOptions, ["--n=3", "ark:-"])[1]
['ark:-']
"""

import dataclasses
import re
import sys
from typing import Any

from steps_py.errors import KaldiError, did_you_mean
from steps_py.formats.specifiers import shortened

_INTEGER = re.compile(r"[+-]?\d+")
_REAL = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE)
_UNQUOTED = re.compile(r"[A-Za-z0-9\[\]~#^_\-+=:.,/]+")  # printed without quotes by Kaldi


def option(default, help: str, name: str | None = None):
    """A dataclass field that is a command-line option; its type is that of `default`.

    `name` is for options whose Kaldi name is no Python name with ``-`` for ``_``.
    """
    return dataclasses.field(default=default, metadata={"help": help, "name": name})


@dataclasses.dataclass
class StandardOptions:
    """Options of every command."""

    config: str = option("", "Configuration file to read (this option may be repeated)")
    help: bool = option(False, "Print out usage message")
    print_args: bool = option(True, "Print the command line arguments (to stderr)")
    strict: bool = option(False, "Fail if items are lost (default: SIDEWINDER_STRICT)")
    verbose: int = option(0, "Verbose level (higher->more logging)")


class UsageError(KaldiError):
    """An invalid command line; the usage is printed before the message."""


def parse_command_line(
    command: str, usage: str, options_class: type | None, argv: list[str]
) -> "tuple":
    """Kaldi's ParseOptions::Read: (options, arguments, standard options).

    `standard.strict` is None unless --strict is given.

    Raises
    ------
    UsageError
        If an option is unknown or its value has the wrong form.
    SystemExit
        With code 0 after printing the usage, if --help is given.
    """
    parser = _Parser(command, usage, options_class, argv)
    if "--help" in argv[: argv.index("--") if "--" in argv else len(argv)]:
        sys.stderr.write(parser.usage())
        raise SystemExit(0)
    named = _options_of(argv)
    for text in named:
        key, value, _ = _split(text)
        if key == "config":
            parser.read_config(value)
    for text in named:
        parser.set(text)
    return parser.result(argv[len(named) :])


def parse_config_text(command: str, options_class: type, text: str, where: str) -> Any:
    """The options that the text of a --config file sets; `where` is for messages.

    >>> @dataclasses.dataclass
    ... class SubsampleOptions:
    ...     n: int = option(1, "Take every n'th feature")
    >>> parse_config_text("subsample-feats", SubsampleOptions, "--n=3  # of all", "a.conf")
    SubsampleOptions(n=3)
    """
    parser = _Parser(command, "", options_class, [])
    parser.set_lines(text, where)
    return parser.result([], print_args=False)[0]


def usage_text(usage: str, options_class: type | None = None) -> str:
    """The usage as Kaldi prints it: text, the command's options, the standard ones."""
    lines = ["", usage.strip("\n"), ""]
    for title, cls in (("Options:", options_class), ("Standard options:", StandardOptions)):
        known = _fields(cls)
        if known:
            lines.append(title)
        for key in sorted(known):
            field = known[key]
            kind, shown = _describe(field.default)
            what = f"{field.metadata['help']} ({kind}, default = {shown})"
            lines.append(f"  --{_shown_name(field):<25} : {what}")
        if known:
            lines.append("")
    return "\n".join(lines) + "\n"


def quote(argument: str) -> str:
    """The argument quoted for a shell, as Kaldi prints it.

    >>> print(quote("ark:a.ark"), quote("scp:head x |"), quote("it's"))
    ark:a.ark 'scp:head x |' "it's"
    """
    if _UNQUOTED.fullmatch(argument) and argument[0] not in "~#":  # special at the start of a word
        return argument
    if "'" in argument and not set(argument) & set('"`$\\'):
        return f'"{argument}"'
    return "'" + argument.replace("'", "'\\''") + "'"


class _Parser:
    """The option values while a command line is parsed."""

    def __init__(self, command, usage, options_class, argv):
        self._command_line = " ".join(quote(word) for word in [command, *argv])
        self._usage = usage
        self._classes = (options_class, StandardOptions)
        self._fields = {**_fields(StandardOptions), **_fields(options_class)}
        self._values = {}

    def usage(self):
        return usage_text(self._usage, self._classes[0])

    def fail(self, message):
        raise UsageError(f"{message} Command line was: {self._command_line}")

    def set(self, text, where=""):
        key, value, has_equals = _split(text)
        if key not in self._fields:
            names = [_shown_name(field) for field in self._fields.values()]
            self.fail(f"{where}Invalid option {shortened(text)}. {did_you_mean(key, names)}")
        default = self._fields[key].default
        if isinstance(default, str) and not has_equals:
            self.fail(f"{where}Invalid option --{key} (option format is --x=y).")
        if isinstance(default, bool) and has_equals and value == "":
            self.fail(f"{where}Invalid option --{key}= (expected true or false).")
        try:
            self._values[key] = _CONVERT[type(default)](key, value)
        except KaldiError as error:
            self.fail(f"{where}{error}")

    def read_config(self, path):
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
        except OSError as error:
            raise KaldiError(
                f"--config={path}: cannot open config file; {error.strerror}."
                " Give the path of an existing file."
            ) from None
        self.set_lines(text, path)

    def set_lines(self, text, path):
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#")[0].strip()
            if line and not line.startswith("--"):
                self.fail(
                    f"{path}:{number}: not an option: '{shortened(line)}'. Write one option"
                    " --name=value per line (files for a shell lack the '--')."
                )
            if line:
                self.set(line, f"{path}:{number}: ")

    def result(self, words, print_args=True):
        options = []
        for cls in self._classes:
            mine = {key: field.name for key, field in _fields(cls).items()}
            given = {mine[key]: value for key, value in self._values.items() if key in mine}
            options.append(cls(**given) if cls else None)
        if options[1].print_args and print_args:
            print(self._command_line, file=sys.stderr, flush=True)
        if "--" in words:  # the first lone -- only ends the options
            words = [*words[: words.index("--")], *words[words.index("--") + 1 :]]
        if "strict" not in self._values:
            options[1].strict = None
        return options[0], list(words), options[1]


def _fields(cls):
    """Normalised option name -> dataclass field."""
    fields = {}
    for field in dataclasses.fields(cls) if cls else ():
        if "help" not in field.metadata:
            continue
        annotation = getattr(field.type, "__name__", field.type)
        if annotation != type(field.default).__name__:
            raise TypeError(f"{cls.__name__}.{field.name}: {field.default!r} is not {annotation}")
        fields[_normalise(_shown_name(field))] = field
    return fields


def _shown_name(field):
    return field.metadata["name"] or field.name.replace("_", "-")


def _normalise(name):
    return name.lower().replace("_", "-")


def _options_of(argv):
    """The leading words that start with --; a lone -- ends them."""
    count = 0
    while count < len(argv) and argv[count].startswith("--") and argv[count] != "--":
        count += 1
    return argv[:count]


def _split(text):
    """'--Num_ceps= 13' -> ('num-ceps', '13', True)"""
    name, equals, value = text[2:].partition("=")
    if not name:
        raise UsageError(f"Invalid option (no key): {text}. Write --name=value.")
    return _normalise(name), value.strip(), bool(equals)


def _describe(default):
    if isinstance(default, bool):
        return "bool", "true" if default else "false"
    if isinstance(default, str):
        return "string", f'"{default}"'
    return ("int", str(default)) if isinstance(default, int) else ("float", f"{default:g}")


def _to_bool(key, value):
    if value.lower() in ("true", "t", "1", ""):
        return True
    if value.lower() in ("false", "f", "0"):
        return False
    raise KaldiError(f"Invalid value --{key}={shortened(value)}: expected true or false.")


def _to_int(key, value):
    if not _INTEGER.fullmatch(value) or not -(2**31) <= int(value) < 2**32:
        raise KaldiError(f"Invalid value --{key}={shortened(value)}: expected an integer.")
    return int(value)


def _to_float(key, value):
    if not _REAL.fullmatch(value):
        raise KaldiError(f"Invalid value --{key}={shortened(value)}: expected a number.")
    return float(value)


_CONVERT = {bool: _to_bool, int: _to_int, float: _to_float, str: lambda key, value: value}
