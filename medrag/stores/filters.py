"""Filters: which documents a search may return, as an expression and as the tree it is read into.

    year >= 2015 and journal = Lancet* and not flags = retracted
    mesh in (Asthma, "Pulmonary Disease, Chronic Obstructive") or evidence = guideline

A filter says something about whole documents, and a search applies it before it cuts off. Words are
compared without case and accents; a document passes `=` if any of the values of its field does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeAlias

from ..errors import ConfigError


class Comparison(StrEnum):
    """How a condition compares the values of a field with its own."""

    among = "in"  # equal to one of them
    prefix = "*"  # begins with it; the empty one fits every document that has the field
    below = "<"
    at_most = "<="
    above = ">"
    at_least = ">="


@dataclass(frozen=True, slots=True)
class Condition:
    """What one field of a document has to be.

    Attributes:
        field: its name, in any case.
        values: one, or several for `among`.

    Raises:
        ConfigError: it cannot be used, made in Python of other values than these.
    """

    field: str
    comparison: Comparison
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        is_known = self.comparison in list(Comparison)
        number = len(self.values) if isinstance(self.values, tuple) else -1
        is_right = number == 1 or (number >= 0 and self.comparison == Comparison.among)
        if not (is_known and is_right and all(isinstance(one, str) for one in self.values)):
            raise ConfigError(
                f"{self} cannot be used: give a Comparison and a tuple of texts, one unless it is "
                "Comparison.among"
            )


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part has to be true; no part fits every document."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part at least has to be true; no part fits no document."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not be true; so documents without the field pass `not year < 2015`."""

    part: Filter


Filter: TypeAlias = Condition | AllOf | AnyOf | Not


def in_documents(ids: Iterable[str]) -> Filter:
    """The filter that only the documents with these ids pass."""
    if isinstance(ids, str):
        raise ConfigError(f"in_documents({ids!r}) cannot be used: give a list of ids")
    return Condition("document", Comparison.among, tuple(sorted(set(ids))))


def both(first: Filter | None, second: Filter | None) -> Filter | None:
    """The filter that demands what two demand; None demands nothing."""
    if first is None or second is None:
        return first if second is None else second
    return AllOf((first, second))


def parse_filter(expression: str) -> Filter | None:
    """Read a filter expression; None if it is empty.

    Raises:
        ConfigError: it cannot be read; says where, and how a filter is written.
    """
    try:
        return _Parser(expression).whole() if expression.strip() else None
    except RecursionError:
        raise ConfigError("the filter has too many brackets inside each other") from None


def as_filter(where: Filter | str | None) -> Filter | None:
    """A filter as it is given: parsed already, or as an expression.

    Raises:
        ConfigError: it is neither, or cannot be read.
    """
    given: object = where  # may be anything when it comes from Python
    if given is None or isinstance(given, Condition | AllOf | AnyOf | Not):
        return given
    if isinstance(given, str):
        return parse_filter(given)
    raise ConfigError(f"where={where!r} cannot be used: give a text like {_EXAMPLE}")


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<quoted>"[^"]*"\*?|'[^']*'\*?|[“”„][^“”"]*[“”"]\*?|‘[^’]*’\*?)
    |(?P<sign><=|>=|!=|==|[<>=(),])
    |(?P<word>[^\s"'“”„‘`;<>=!(),][^\s"“”`;<>=!(),]*)
    )""",
    re.VERBOSE,
)
_COMPARISONS = {
    "<": Comparison.below,
    "<=": Comparison.at_most,
    ">": Comparison.above,
    ">=": Comparison.at_least,
}
_EXAMPLE = 'year >= 2015 and journal = Lancet* and mesh in (Asthma, "Lung Diseases")'


class _Parser:
    """Recursive descent: `or` binds weaker than `and`, and `and` weaker than `not`."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens: list[tuple[str, str]] = []  # (kind, text)
        place = 0
        while expression[place:].strip():
            match = _TOKEN.match(expression, place)
            if match is None:
                self._fail(f"“{expression[place:].strip()[:20]}” cannot be read")
            self._tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            place = match.end()

    def whole(self) -> Filter:
        found = self._any()
        if self._tokens:
            self._fail(f"“{self._tokens[0][1]}” is unexpected")
        return found

    def _any(self) -> Filter:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> Filter:
        if self._take("not"):
            return Not(self._one())
        if self._take("("):
            found = self._any()
            self._demand(")", "a closing )")
            return found
        return self._condition()

    def _condition(self) -> Filter:
        if not self._tokens or self._tokens[0][0] == "sign":
            self._fail("the name of a field is missing")
        kind, field = self._tokens.pop(0)
        field = field.removesuffix("*")[1:-1] if kind == "quoted" else field
        negated = self._take("not")
        if self._take("in"):
            found = _among(field, self._list())
        elif not negated and (sign := self._next_sign(*_COMPARISONS)):
            value, is_beginning = self._value()
            if is_beginning:
                self._fail("a star goes with = and in only")
            found = Condition(field, _COMPARISONS[sign], (value,))
        elif not negated and (sign := self._next_sign("=", "==", "!=")):
            found = _among(field, [self._value()])
            negated = sign == "!="
        else:
            self._fail(f"after {field} comes one of = != < <= > >= in, not in")
        return Not(found) if negated else found

    def _list(self) -> list[tuple[str, bool]]:
        self._demand("(", "a list like (a, b)")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._demand(")", "a closing )")
        return values

    def _value(self) -> tuple[str, bool]:
        """A quoted text, or words up to the next sign, `and` or `or`; and if it is a beginning."""
        if self._tokens and self._tokens[0][0] == "quoted":
            text = self._tokens.pop(0)[1]
            return text.removesuffix("*")[1:-1], text.endswith("*")
        if self._is("not", "in"):
            self._fail(f"“{self._tokens[0][1]}” as a value needs quotes")
        words = []
        while self._tokens and self._tokens[0][0] == "word" and not self._is("and", "or"):
            words.append(self._tokens.pop(0)[1])
        if not words:
            self._fail("a value is missing")
        value = " ".join(words)
        if "*" in value[:-1]:
            self._fail("a star may stand only at the end of a value; put others into quotes")
        return value.removesuffix("*"), value.endswith("*")

    def _is(self, *texts: str) -> bool:
        if not self._tokens:
            return False
        kind, text = self._tokens[0]
        return kind != "quoted" and text.lower() in texts

    def _take(self, text: str) -> bool:
        found = self._is(text)
        if found:
            self._tokens.pop(0)
        return found

    def _next_sign(self, *signs: str) -> str:
        return self._tokens.pop(0)[1] if self._is(*signs) else ""

    def _demand(self, text: str, what: str) -> None:
        if not self._take(text):
            self._fail(f"{what} is missing")

    def _fail(self, why: str) -> NoReturn:
        raise ConfigError(
            f"the filter “{self._expression}” cannot be read: {why}; write it like {_EXAMPLE}"
        )


def _among(field: str, values: list[tuple[str, bool]]) -> Filter:
    """Equality with one of the values, or, for those that are beginnings, beginning with one."""
    exact = tuple(value for value, is_beginning in values if not is_beginning)
    parts: list[Filter] = [Condition(field, Comparison.among, exact)] if exact else []
    parts += [
        Condition(field, Comparison.prefix, (value,))
        for value, is_beginning in values
        if is_beginning
    ]
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
