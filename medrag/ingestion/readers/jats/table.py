"""Reads the rows of tables in XML: the XHTML and the CALS (OASIS) model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

from ..tables import Cell, Row

_PADDING = re.compile(r"(?:padding-left|text-indent|margin-left)\s*:\s*(\d{1,4}(?:\.\d+)?)")
# Quarters of an em.
_WIDE = {"\xa0": 1, "\u2009": 1, "\u2005": 1, "\u2004": 1, "\u2007": 2, "\u2002": 2, "\u2000": 2}
_WIDE |= {"\u2003": 4, "\u2001": 4, "\u3000": 4}
_SPACES = "".join(_WIDE) + " \n\t\r"


def rows(table: Element, text: Callable[[Element], str]) -> list[Row]:
    """Return the rows of a <table>, header first and footer last, without those of inner tables.

    Args:
        table: its elements have no namespaces.
        text: returns the text of a cell.
    """
    groups = [child for child in table if child.tag == "tgroup"]
    if groups:
        return [row for group in groups for row in _cals(group, text)]
    parts = {"thead": [], "": [], "tfoot": []}  # type: dict[str, list[Row]]
    for child in table:
        found = [child] if child.tag == "tr" else child.findall("tr")
        kind = child.tag if child.tag in parts else ""
        parts[kind] += [_row(one, text, header=kind == "thead") for one in found]
    return parts["thead"] + parts[""] + parts["tfoot"]


def _row(row: Element, text: Callable[[Element], str], header: bool) -> Row:
    cells = (cell for cell in row if cell.tag in ("td", "th"))
    return Row(
        (
            Cell(
                text(cell),
                rows=_number(cell.get("rowspan"), 1),
                columns=_number(cell.get("colspan"), 1) or 1,
                heading=cell.tag == "th",
                indent=_indent(cell),
            )
            for cell in cells
        ),
        header,
    )


def _cals(group: Element, text: Callable[[Element], str]) -> Iterator[Row]:
    """Yield the rows of a <tgroup>."""
    names = {}
    for number, spec in enumerate(group.iterfind("colspec")):
        names[spec.get("colname", "")] = (_number(spec.get("colnum"), 0) or number + 1) - 1
    spans = {
        spec.get("spanname", ""): (spec.get("namest", ""), spec.get("nameend", ""))
        for spec in group.iterfind("spanspec")
    }
    for part in ("thead", "tbody", "tfoot"):
        for row in group.iterfind(f"{part}/row"):
            cells = []
            for entry in row:
                if entry.tag not in ("entry", "entrytbl"):
                    continue
                ends = (entry.get("namest", ""), entry.get("nameend", ""))
                first, last = spans.get(entry.get("spanname", ""), ends)
                start = names.get(first, names.get(entry.get("colname", ""), 0))
                cells.append(
                    Cell(
                        text(entry),
                        rows=_number(entry.get("morerows"), 0) + 1,
                        columns=max(1, names.get(last, start) - start + 1),
                        column=start,
                        indent=_indent(entry),
                    )
                )
            yield Row(cells, header=part == "thead")


def _indent(cell: Element) -> int:
    """Return how far a cell is indented: by style, else by spaces that XML does not collapse."""
    style = _PADDING.search(cell.get("style", ""))
    if style:
        return int(float(style[1]))
    spaces = 0
    for text in cell.itertext():
        rest = text.lstrip(_SPACES)
        spaces += sum(_WIDE.get(sign, 0) for sign in text[: len(text) - len(rest)])
        if rest:
            return spaces
    return 0  # empty


def _number(value: str | None, default: int) -> int:
    return int(value) if value and re.fullmatch(r"\s*[0-9]{1,6}\s*", value) else default
