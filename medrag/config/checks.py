"""Checks that the settings share; a wrong value is a `ConfigError` that says what to give."""

from __future__ import annotations

from enum import StrEnum
from typing import get_type_hints

from ..errors import ConfigError


def coerce_enums(config: object) -> None:
    """Turn plain strings, as people write them in Python, into the enums the fields declare."""
    for name, kind in get_type_hints(type(config)).items():
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            value = getattr(config, name)
            try:
                setattr(config, name, kind(value))
            except ValueError:
                raise ConfigError(
                    f"{type(config).__name__}.{name}={value!r} cannot be used: "
                    f"give one of {', '.join(kind)}"
                ) from None


def require(condition: bool, name: str, value: object, mend: str) -> None:
    if not condition:
        raise ConfigError(f"{name}={value!r} cannot be used: {mend}")


def at_least(minimum: float, group: str, config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        require(value >= minimum, f"{group}.{name}", value, f"give {minimum:g} or more")
