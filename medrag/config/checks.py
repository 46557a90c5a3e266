"""Checks of settings. A wrong value raises a `ConfigError` that says which values are allowed."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import get_type_hints

from ..errors import ConfigError


def coerce_enums(config: object) -> None:
    """Turn plain strings into the enums that the fields declare."""
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


def key_env(name: str, value: str) -> None:
    """Require the name of an environment variable; the value is not shown: it may be a key."""
    require(not value or value.isidentifier(), name, "…", "name an environment variable")


def require(condition: bool, name: str, value: object, fix: str) -> None:
    """Raise a ConfigError that names the setting, its value and the fix, unless `condition`."""
    if not condition:
        raise ConfigError(f"{name}={value!r} cannot be used: {fix}")


def at_least(minimum: float, group: str, config: object, *names: str) -> None:
    """Require that every named field of a group is `minimum` or more."""
    for name in names:
        value = getattr(config, name)
        require(value >= minimum, f"{group}.{name}", value, f"give {minimum:g} or more")


def positive(group: str, config: object, *names: str) -> None:
    """Require that every named field of a group is a finite number above 0."""
    for name in names:
        value = getattr(config, name)
        right = math.isfinite(value) and value > 0
        require(right, f"{group}.{name}", value, "give a number above 0")


def share(group: str, config: object, *names: str) -> None:
    """Require that every named field of a group is between 0 and 1."""
    for name in names:
        value = getattr(config, name)
        require(0.0 <= value <= 1.0, f"{group}.{name}", value, "give a share between 0 and 1")
