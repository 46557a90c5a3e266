"""Rows of tables as evidence: which row a question asks for.

Rows are lines such as "Weight: 11–20 kg; Dose: 250 mg", as `ingestion.readers.tables` writes them.
The rows of a table resemble each other, so a question resembles all of them. What tells them apart
are its words and numbers, and the bands ("11–20 kg", "over 30 kg") in which its numbers fall.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..text.words import terms
from .bands import Band, Quantity, band, numbers, quantities
from .measured import placed

_LABEL = 60  # characters; a longer beginning of a line is no label
_SENTENCE = re.compile(r"[.?!)] [A-Z]")  # the label of an abstract's part follows a sentence
_FOR_WHOM = re.compile(
    r"\b(?:age|weight|e?gfr|clearance|crcl|gestation\w*|group|patients?|child\w*|infants?"
    r"|neonates?|adults?)\b",
    re.I,
)


def is_row(line: str) -> bool:
    """Tell whether a line of text is a row that names its columns."""
    cells = line.split("; ")
    return len(cells) > 1 and sum(not _SENTENCE.search(name) for name in columns(line)) > 1


def columns(row: str) -> tuple[str, ...]:
    """The names of the columns of a row, which tell one table from another."""
    return tuple(cell.partition(": ")[0] for cell in row.split("; ") if ": " in cell)


def excludes(line: str, question: str) -> bool:
    """Tell whether a row, or a line such as "Age 8–28 days: 5 mg", is for others than the question.

    It is if it has a band of weight, age or kidney function, and the question names a quantity of
    this dimension that is not in the band. Of a row, any cell may also have a band of what the
    question gives a value for, such as "INR: 5–8".
    """
    if not re.search(r"\d", question):
        return False
    asked = [*quantities(question), *numbers(question)]
    for limits in _bands(line, question):
        values = [one.value for one in asked if one.dimension == limits.dimension]
        if values and not any(map(limits.holds, values)):
            return True
    told = [placed(*cell, question) for cell in cells(line)] if is_row(line) else []
    held = {value for column in told for value, inside in column if inside}
    return any(column and held.isdisjoint(value for value, _ in column) for column in told)


def holds_numbers(text: str, row: str, question: str) -> bool:
    """Tell whether all numbers of a question are in a text, or fall into a band of its row."""
    given = numbers(question)
    held = {one.value for one in numbers(text)}
    held |= {
        end
        for cell in cells(row)
        for value, inside in placed(*cell, question)
        if inside
        for end in (value.low, value.high)
    }
    if all(one.value in held for one in given):
        return True
    bands = _bands(row, question)
    bare = [limits for limits in bands if not limits.dimension]
    asked: list[Quantity] = given if bare else quantities(question)
    return len(asked) == len(given) and all(
        any(limits.dimension == one.dimension and limits.holds(one.value) for limits in bands)
        for one in asked
    )


def _bands(line: str, question: str) -> list[Band]:
    """The bands of a line that say for whom it is."""
    found = []
    for number, (name, value) in enumerate(cells(line) if is_row(line) else _label(line)):
        if number and not _FOR_WHOM.search(name):
            continue
        limits = band(value, name)
        if limits is None and not number and _names(name, question):
            limits = band(value, name, bare=True)
        if limits:
            found.append(limits)
    return found


def cells(row: str) -> list[tuple[str, str]]:
    """(name of the column, value) of each cell; the name may be ""."""
    parted = (cell.rpartition(": ") for cell in row.split("; "))
    return [(name, value) for name, _, value in parted]


def _label(line: str) -> list[tuple[str, str]]:
    """What a line is about, if it begins with that: "Age 8–28 days: …"."""
    label, colon, _ = line.partition(":")
    return [("", label)] if colon and len(label) <= _LABEL else []


def _names(name: str, question: str) -> bool:
    """Tell whether a question names a column, apart from its unit: "Potassium (mmol/L)"."""
    wanted = set(terms(re.sub(r"\([^)]*\)", "", name)))
    return bool(wanted) and wanted <= set(terms(question))


def best_rows(rows: Sequence[str], covered: Sequence[float]) -> list[bool]:
    """Which rows to keep: of each table, those that hold most of what the question asks for.

    Args:
        covered: for each row, how much of the question it holds.
    """
    best: dict[tuple[str, ...], float] = {}
    for row, share in zip(rows, covered, strict=True):
        name = columns(row)
        best[name] = max(best.get(name, 0.0), share)
    return [share > best[columns(row)] - 1e-9 for row, share in zip(rows, covered, strict=True)]
