"""What a cell of a row says to a yes/no question: "Breastfeeding: no", "Avoid in: pregnancy"."""

from __future__ import annotations

import re

from ..details.mentions import Mentions, without
from ..question import Question, allows, forbids, groups
from ..table_rows import is_row
from .topic import asks_use, share_of

_MARKS = {
    "yes": re.compile(r"\W*(?:yes|allowed|✓|✔|✅|☑)\W*", re.I),
    "no": re.compile(r"\W*(?:no|never|none)\W*|[\s.]*[✗✘✕×❌][\s.]*", re.I),
}
# What a cell lists by its label: "Avoid in: pregnancy".
_LABELS = tuple(
    (
        told,
        re.compile(rf"(?:{pattern})(?:\s+(?:in|for|with|if|to|by|during|use[dr]?|given))*", re.I),
    )
    for told, pattern in (
        ("unclear", r"(?:pre)?cautions?|warnings?|(?:take|special|use with) (?:care|caution)"),
        (
            "no",
            r"(?:to be )?avoid(?:ed|ance)?|contra-?indicat(?:ed|ions?)|(?:do |must )?not(?: be)?"
            r"(?: (?:safe|suitable|recommended|licensed|advised|indicated))?|never|unsafe"
            r"|unsuitable",
        ),
        ("yes", r"safe|suitable|allowed|permitted|licensed|(?:may|can) be"),
    )
)


def listed(asked: Question, subjects: set[str], sentence: str) -> str | None:
    """What a cell that lists for whom something is or is not says: "Avoid in: pregnancy".

    Returns:
        None if there is no such cell; "" if none lists whom the question is about, and no column
        is for them.
    """
    cells = [cell.partition(": ")[::2] for cell in sentence.split("; ")]
    lists = [
        (told, value)
        for name, value in cells
        if (told := _label(name)) and not (forbids(value) or allows(value) or _is_mark(value))
    ]
    if not lists or not asks_use(asked):
        return None
    others = " ".join(f"{name} {value}" for name, value in cells if not _label(name))
    named = Mentions(without(asked.text, others))
    for told, value in lists:
        about = groups(value)
        whom = any(names & about.get(axis, frozenset()) for axis, names in asked.groups.items())
        if whom or (named.content and Mentions(value).speak_of(named)):
            turned = told != "unclear" and forbids(asked.text)
            return {"yes": "no", "no": "yes"}[told] if turned else told
    return None if nearest(subjects, sentence) else ""


def lists_whom(cell: str) -> bool:
    """Tell whether a cell lists for whom something is or is not: "Not for: children under 12"."""
    name, colon, value = cell.partition(": ")
    return bool(colon and _label(name) and not _is_mark(value))


def _label(name: str) -> str:
    """What the label of a list of people or conditions says of them: "no" if "Avoid in"; or ""."""
    return next((told for told, pattern in _LABELS if pattern.fullmatch(name.strip())), "")


def _is_mark(value: str) -> bool:
    """Whether a cell has no list, but "yes", "no" or a mark."""
    return any(marks.fullmatch(value) for marks in _MARKS.values())


def nearest(subjects: set[str], sentence: str) -> tuple[str, str] | None:
    """(column, value) of the cell of a row that shares most with the question.

    The first cell is what the whole row is about.
    """
    cells = [cell.rpartition(": ") for cell in sentence.split("; ")] if is_row(sentence) else []
    if not cells:
        return None
    name, _, value = max(cells[1:], key=lambda one: share_of(subjects, one[0]))
    return (name, value) if share_of(subjects, name) else None


def mark(asked: Question, name: str, value: str) -> str:
    """What "yes", "no" or a mark in a cell says to the question; "" if it has none."""
    told = next((one for one, marks in _MARKS.items() if marks.fullmatch(value)), "")
    # "Breastfeeding: no" allows no use, and so it is yes to "Is it contraindicated?".
    turned = asks_use(asked) and forbids(asked.text) and not forbids(name)
    return {"yes": "no", "no": "yes"}[told] if told and turned else told
