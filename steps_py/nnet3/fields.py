"""The grammar of components on file: ``<Dim> 24 <ValueAvg>  [ ] ...``, binary and text.

A component lists its Fields in the order of the file.  Sources: src/base/io-funcs.cc and the
Read and Write functions in src/nnet3.
"""

from dataclasses import dataclass
from typing import Any

from steps_py.formats.objects import ObjectReader, ObjectWriter

REQUIRED = object()


@dataclass(frozen=True)
class Field:
    """One value of a component.

    `token` precedes it on file (None: the value follows the last one); `kind` is "int",
    "float", "double" (in 8 bytes), "bool", "flag" (the token alone), "vector" or "matrix".  A
    field with a `default` may be missing, and is written where it differs or is `always`
    written.  A `legacy` field is read over and never written.
    """

    token: str | None
    name: str
    kind: str
    default: object = REQUIRED
    always: bool = False
    legacy: bool = False


class FieldReader(ObjectReader):
    """Reads the Fields of components."""

    def fields(self, fields: tuple[Field, ...]) -> dict[str, Any]:
        """The values of `fields`, which come next: {name: value}."""
        values = {field.name: field.default for field in fields if not field.legacy}
        for field in fields:
            optional = field.legacy or field.default is not REQUIRED
            if optional and self.peek() != field.token:
                continue
            if field.token is not None:
                self.expect(field.token)
            values[field.name] = True if field.kind == "flag" else self.value(field.kind)
        return values


class FieldWriter(ObjectWriter):
    """Writes the Fields of components."""

    def fields(self, fields: tuple[Field, ...], owner) -> None:
        """The attributes of `owner` that `fields` name, without those that may be missing."""
        for field in fields:
            value = None if field.legacy else getattr(owner, field.name)
            if field.legacy or not (
                field.always or field.default is REQUIRED or value != field.default
            ):
                continue
            if field.token is not None:
                self.token(field.token)
            if field.kind != "flag":
                self.value(field.kind, value)
