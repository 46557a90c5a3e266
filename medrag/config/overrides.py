"""Reads `NAME=VALUE` of the shell: one value of a setting that takes a list becomes a list."""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from . import Config

_SETTING = re.compile(r"(\+{0,2}([a-z_.]+))=(.+)", re.DOTALL)
_QUOTED = re.compile(r"""(?:"[^"]*"|'[^']*')\Z""")
_PLAIN_LIST = re.compile(r"""\[([^\[\]{}"'\\$]+)\]\Z""")
# Several values, or what Hydra fills in: these are left as they are.
_NOT_ONE = re.compile(r"[\[\],]|\$\{|null\Z")


def with_lists(argument: str) -> str:
    """Write `corpus.paths=/notes` as `corpus.paths=["/notes"]`; leave every other setting alone.

    Texts are taken as they are, also where Hydra would want quotes: a path may have spaces, round
    brackets or letters like "é" in it. A comma parts values, so one in a name needs quotes:
    `'corpus.paths="a,b"'`.
    """
    setting = _SETTING.fullmatch(argument)
    kind = _element(setting[2]) if setting else None
    if setting is None or kind is None:
        return argument
    name, value = setting[1], setting[3]
    if _QUOTED.match(value):
        return f"{name}=[{value}]"
    if kind is str and (plain := _PLAIN_LIST.match(value)):
        texts = [text.strip() for text in plain[1].split(",")]
        # Hydra says what is wrong with a comma too many.
        return f"{name}=[{','.join(map(_quoted, texts))}]" if all(texts) else argument
    if _NOT_ONE.search(value):
        return argument
    return f"{name}=[{_quoted(value) if kind is str else value}]"


def _quoted(text: str) -> str:
    """A text in quotes, as Hydra reads it: a backslash is an escape only before a quote."""

    def escaped(found: re.Match[str]) -> str:
        return 2 * found[1] + (r"\"" if found[2] else "")

    return '"' + re.sub(r'(\\*)("|\Z)', escaped, text) + '"'


def _element(name: str) -> Any:
    """The type of the elements of a setting that takes a list; None for any other setting."""
    node: Any = Config
    for part in name.split("."):
        node = get_type_hints(node).get(part) if is_dataclass(node) else None
    return get_args(node)[0] if get_origin(node) is list else None
