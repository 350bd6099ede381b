"""Descriptors of the input of a node: ``Append(Offset(input, -1), input, Offset(input, 1))``.

Grammar and normal form are those of src/nnet3/nnet-descriptor.h.  In normal form Append
stands outside, then Sum, Failover, IfDefined and Const, then the terms that choose a frame
(Offset, Round, ReplaceIndex, Switch), then Scale, then the name of a node.
"""

import re
from dataclasses import dataclass

from steps_py.errors import KaldiError, did_you_mean
from steps_py.nnet3.config_lines import is_name

SUMS = ("Sum", "Failover", "IfDefined", "Const")
_NUM_TERMS = {"Failover": 2, "IfDefined": 1, "Offset": 1, "Round": 1, "ReplaceIndex": 1, "Scale": 1}
KINDS = ("Append", "Sum", "Switch", "Const", *_NUM_TERMS)
_TOKEN = re.compile(r"\s*([(),]|[^\s(),]+)")
_DEEPEST = 100
_MOST_TOKENS = 20_000


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a descriptor.

    `kind` is "node" or one of KINDS; `terms` are the pieces within; `values` are the name of
    the node, the offsets (t, x) of Offset, the period of Round, ("t", value) of ReplaceIndex,
    the factor of Scale, or (value, dimension) of Const.
    """

    kind: str
    terms: tuple = ()
    values: tuple = ()

    def __str__(self):
        inner = [str(term) for term in self.terms]
        if self.kind == "node":
            return self.values[0]
        if self.kind == "Scale":
            return f"Scale({self.values[0]:.6g}, {inner[0]})"
        if self.kind == "Const":
            return f"Const({self.values[0]:.6g}, {self.values[1]})"
        values = self.values
        if self.kind == "Offset" and values[1] == 0:
            values = values[:1]
        return f"{self.kind}({', '.join([*inner, *map(str, values)])})"

    def names(self) -> list[str]:
        """The nodes that are read, in order, with repeats."""
        if self.kind == "node":
            return [self.values[0]]
        return [name for term in self.terms for name in term.names()]

    def parts(self) -> "tuple":
        """The terms that are appended to each other."""
        return self.terms if self.kind == "Append" else (self,)

    def renamed(self, old, new):
        if self.kind == "node":
            return node(new) if self.values[0] == old else self
        return Term(self.kind, tuple(t.renamed(old, new) for t in self.terms), self.values)


def node(name: str) -> Term:
    return Term("node", values=(name,))


def parse(text: str, known: set[str], where: str = "descriptor") -> Term:
    """The Term of a descriptor, in normal form; `known` are the nodes it may read.

    Raises
    ------
    KaldiError
        If it cannot be understood.

    >>> str(parse("Append(-1, Offset(Sum(a, b, a), 2))".replace("-1", "b"), ["a", "b"]))
    'Append(b, Sum(Offset(a, 2), Sum(Offset(b, 2), Offset(a, 2))))'
    """
    parser = _Parser(text, known, where)
    term = parser.term(0)
    if parser.tokens:
        parser.fail(f"'{parser.tokens[-1]}' follows its end")
    try:
        parts = [_normal(part) for part in _append_terms(term)]
    except _Unsupported as error:
        parser.fail(str(error))
    return parts[0] if len(parts) == 1 else Term("Append", tuple(parts))


class _Unsupported(Exception):
    """A combination of terms that has no normal form."""


class _Parser:
    """The tokens that are still to be read, last one first."""

    def __init__(self, text, known, where):
        self.text, self.known, self.where = text, known, where
        self.tokens = _TOKEN.findall(text)[::-1]
        if len(self.tokens) > _MOST_TOKENS:
            self.fail(f"it has more than {_MOST_TOKENS} words")

    def fail(self, problem):
        raise KaldiError(f"{self.where}: descriptor '{self.text[:100]}': {problem}.")

    def next(self):
        if not self.tokens:
            self.fail("it ends too early")
        return self.tokens.pop()

    def expect(self, token):
        found = self.next()
        if found != token:
            self.fail(f"expected '{token}', found '{found}'")

    def integer(self):
        self.expect(",")
        found = self.next()
        if not re.fullmatch(r"[+-]?\d{1,9}", found):
            self.fail(f"'{found}' is no integer of up to nine digits")
        return int(found)

    def real(self):
        found = self.next()
        try:
            return float(found)
        except ValueError:
            self.fail(f"'{found}' is no number")

    def term(self, depth):
        if depth > _DEEPEST:
            self.fail(f"terms are nested deeper than {_DEEPEST}")
        kind = self.next()
        if kind in KINDS and self.tokens and self.tokens[-1] == "(":
            self.tokens.pop()
            term = self.inside(kind, depth + 1)
            self.expect(")")
            return term
        if self.tokens and self.tokens[-1] == "(":
            self.fail(f"unknown term '{kind}'. {did_you_mean(kind, KINDS).rstrip('.')}")
        if kind not in self.known:
            what = "no node" if is_name(kind) else "neither a node nor a term"
            self.fail(f"'{kind}' is {what}")
        return node(kind)

    def inside(self, kind, depth):
        """What stands between the parentheses of `kind`."""
        if kind == "Const":
            value, dim = self.real(), self.integer()
            if dim <= 0 or value - value != 0:
                self.fail("Const needs a finite value and a dimension above 0")
            return Term(kind, values=(value, dim))
        values = (self.scale(),) if kind == "Scale" else ()
        terms = [self.term(depth)]
        while (
            self.tokens and self.tokens[-1] == "," and len(terms) < _NUM_TERMS.get(kind, _DEEPEST)
        ):
            self.tokens.pop()
            terms.append(self.term(depth))
        if len(terms) < _NUM_TERMS.get(kind, 1):
            self.fail(f"{kind} needs {_NUM_TERMS[kind]} terms")
        return Term(kind, tuple(terms), values + self.numbers(kind))

    def scale(self):
        value = self.real()
        self.expect(",")
        return value

    def numbers(self, kind):
        """The values that follow the terms."""
        if kind == "Offset":
            t = self.integer()
            return (t, self.integer() if self.tokens and self.tokens[-1] == "," else 0)
        if kind == "Round":
            period = self.integer()
            if period < 1:
                self.fail("the period of Round must be 1 or more")
            return (period,)
        if kind == "ReplaceIndex":
            self.expect(",")
            which = self.next()
            if which not in ("t", "x"):
                self.fail(f"ReplaceIndex replaces t or x, not '{which}'")
            return (which, self.integer())
        return ()


def _append_terms(term):
    """The terms that `term` appends, none of which contains Append."""
    if term.kind in ("node", "Const"):
        return [term]
    inner = [_append_terms(child) for child in term.terms]
    if term.kind == "Append":
        return [part for parts in inner for part in parts]
    if len({len(parts) for parts in inner}) > 1:
        raise _Unsupported(f"{term.kind} of terms that append different numbers of parts")
    return [Term(term.kind, tuple(parts), term.values) for parts in zip(*inner, strict=True)]


def _normal(term):
    """The normal form of a term without Append."""
    terms = tuple(_normal(child) for child in term.terms)
    term = Term(term.kind, terms, term.values)
    rule = _RULES.get(term.kind)
    return rule(term, *terms) if rule else term


def _normal_offset(term, child):
    t, x = term.values
    if child.kind == "Offset":
        values = (t + child.values[0], x + child.values[1])
        return _normal_offset(Term("Offset", child.terms, values), child.terms[0])
    return child if t == x == 0 else _normal_choice(term, child)


def _normal_choice(term, *children):
    child = children[0]
    if not any(c.kind in SUMS for c in children):
        return term
    if term.kind == "Switch" or child.kind == "Const":
        raise _Unsupported(f"{child.kind} within {term.kind} has no meaning")
    inner = tuple(_normal(Term(term.kind, (c,), term.values)) for c in child.terms)
    return Term(child.kind, inner, child.values)


def _normal_sum(term, *children):
    if len(children) == 1:
        return children[0]
    return Term("Sum", (children[0], _normal_sum(term, *children[1:])))


def _normal_scale(term, child):
    if child.kind == "node":
        return term
    if child.kind == "Scale":
        return Term("Scale", child.terms, (term.values[0] * child.values[0],))
    if child.kind in ("Offset", "Round", "ReplaceIndex", "Sum"):
        inner = tuple(_normal(Term("Scale", (c,), term.values)) for c in child.terms)
        return Term(child.kind, inner, child.values)
    raise _Unsupported(f"Scale of {child.kind} is not supported; write Scale within it")


_RULES = {
    "Offset": _normal_offset,
    "Round": _normal_choice,
    "ReplaceIndex": _normal_choice,
    "Switch": _normal_choice,
    "Sum": _normal_sum,
    "Scale": _normal_scale,
}
