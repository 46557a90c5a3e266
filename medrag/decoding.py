"""JSON of unknown origin becomes the typed records that it claims to be, or a clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

_MOST = 1 << 53  # up to here a whole number is the same in every JSON reader


def decoded(kind: Any, value: Any, place: str = "") -> Any:
    """A JSON value as the type that a field declares.

    Numbers are at most 2^53, whole ones are not negative, and texts have no half characters. What
    is no field of a dataclass is ignored; a field with a default may be missing.

    Args:
        kind: a dataclass, `tuple[X, ...]`, `Mapping[str, X]`, `X | None`, a `StrEnum`, `str`,
            `int`, `float`, `bool` or `Any`.
        place: of the value in its file, for errors.

    Raises:
        ValueError: the value is something else; names the place.
        ConfigError: a settings dataclass refuses it.
    """
    if isinstance(kind, UnionType):
        return None if value is None else decoded(get_args(kind)[0], value, place)
    if is_dataclass(kind) and isinstance(value, dict):
        return _record(kind, value, f"{place}." if place else "")
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and isinstance(value, list):
        return tuple(decoded(arguments[0], one, f"{place}[{n}]") for n, one in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {name: decoded(arguments[1], one, f"{place}.{name}") for name, one in value.items()}
    if isinstance(kind, type) and issubclass(kind, str) and isinstance(value, str):
        value.encode()  # the error for half a character is a ValueError
        return kind(value) if issubclass(kind, StrEnum) else value
    if kind is int and type(value) is int and 0 <= value <= _MOST:
        return value
    if kind is float and type(value) in (int, float) and -_MOST <= value <= _MOST:
        return float(value)
    if kind is Any or (kind is bool and isinstance(value, bool)):
        return value
    raise ValueError(f"{place or 'it'} has the wrong type")


def _record(kind: Any, value: Mapping[str, Any], above: str) -> Any:
    types = get_type_hints(kind)
    given: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in value:
            given[field.name] = decoded(types[field.name], value[field.name], above + field.name)
        elif field.default is MISSING:
            raise ValueError(f"{above}{field.name} is missing")
    make: Callable[..., Any] = kind
    return make(**given)


def each_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook` for `json.loads` that refuses an object with one name twice.

    People read the first of the two, programs the last.

    Raises:
        ValueError: names it.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"it has {name!r} twice")
        found[name] = value
    return found
