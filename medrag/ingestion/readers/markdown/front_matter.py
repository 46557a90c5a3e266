"""Reads the YAML that may stand in front of a Markdown file: texts and lists of texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..reader import one_line

if TYPE_CHECKING:
    from yaml import ScalarNode

LEFT_OUT = "fields of front matter"  # that are no text and no list of texts
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n"
    r"((?:#.*\n)*\w[\w.-]*:(?:[ \t].*)?\n"  # comments, then a key
    r"(?:(?:\w[\w.-]*:(?:[ \t].*)?|[ \t#].*|-(?:[ \t].*)?|[\]}][ \t]*)?\n)*?)?"
    r"(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
_FIELD = re.compile(r"^(\w[\w.-]*):((?:[ \t].*)?(?:\n(?!\w[\w.-]*:(?:[ \t]|$)).*)*)", re.MULTILINE)
# An alias, a list or an object; "[Retracted] Gout" and "*H. pylori* infection" are texts.
_BROKEN = re.compile(r"[*&][\w-]+|[\[{](?:[^\]}]*|.*[\]}])")
_NOTHING = ("", "~", "null", "Null", "NULL")  # plain, in YAML
_LONGEST = 1 << 14  # characters of a field


class FrontMatter(NamedTuple):
    """What stands in front of a text.

    Attributes:
        fields: by lower-case name, in the order of the file. Numbers, dates and truth values are
            texts, as written: YAML would make 750 of "12:30" and false of "no".
        left_out: how many fields and items hold neither.
        rest: the text behind it.
    """

    fields: dict[str, str | list[str]]
    left_out: int
    rest: str


def front_matter(head: str) -> FrontMatter:
    """Split YAML between two `---` lines off the start of a Markdown file.

    Two rules with prose between them look alike, so every line must look like YAML. Each field is
    read alone, so that a mistake costs no other, and no alias can copy another: a few lines of
    those can stand for gigabytes.
    """
    match = _FRONT_MATTER.match(head)
    if not match:
        return FrontMatter({}, 0, head)
    fields: dict[str, str | list[str]] = {}
    left_out = 0
    for name, written in _FIELD.findall(match[1] or ""):
        value, lost = _value(written)
        left_out += lost
        if value:
            left_out += name.lower() in fields  # named twice: the last one counts
            fields[name.lower()] = value
    return FrontMatter(fields, left_out, head[match.end() :])


def as_text(value: str | list[str]) -> str:
    """A field of which one text is wanted."""
    return value if isinstance(value, str) else one_line(", ".join(value))


def _value(written: str) -> tuple[str | list[str], int]:
    """The value of a field, empty if there is none, and how much of it is left out."""
    from yaml import BaseLoader, ScalarNode, SequenceNode, YAMLError, compose

    if len(written) > _LONGEST:
        return "", 1
    try:
        ((_, node),) = compose(f"name:{written}", BaseLoader).value
    except (YAMLError, ValueError, RecursionError):
        return _as_written(written)
    if isinstance(node, SequenceNode):
        texts = [_text(item) for item in node.value if isinstance(item, ScalarNode)]
        return list(filter(None, texts)), len(node.value) - len(texts)
    return (_text(node), 0) if isinstance(node, ScalarNode) else ("", len(node.value[:1]))


def _text(node: ScalarNode) -> str:
    is_nothing = not node.style and node.value in _NOTHING
    return "" if is_nothing else one_line(node.value)


def _as_written(written: str) -> tuple[str, int]:
    """What is no YAML, but clear, on one line: "Asthma: the basics"."""
    lines = [line.strip() for line in written.splitlines() if not line.startswith("#")]
    line, *more = filter(None, lines)
    return ("", 1) if more or _BROKEN.fullmatch(line) else (one_line(line), 0)
