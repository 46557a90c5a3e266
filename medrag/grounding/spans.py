"""Where the sentences, table rows and list items of a text are."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

from ..text import split_sentences
from .table_rows import is_row

_BULLET = re.compile(r"\A\s*(?:[-*•–]|\d{1,3}[.)])\s+")
_LONG = 400  # characters; a longer sentence may be several
_MISSED_STOP = re.compile(r"(?<=[a-z\d)%\]]{2}\.) +(?=[A-Z][a-z]+ [a-z\d])")
# "5.5 mmol/L. It", "every 8 h. It", "vitamin C. It": the splitter takes the letter for an initial.
_AFTER_LETTER = re.compile(
    r"(?:(?<=/[A-Za-z]\.)|(?<=\d [A-Za-z]\.)|(?<=\b[Vv]itamin [A-K]\.)|(?<=\b[Tt]ype [A-D]\.)"
    r"|(?<=\b[Gg]roup [A-D]\.)) +(?=[A-Z][A-Za-z]+:? )"
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Character spans (start, end) of the sentences, table rows and list items of a text."""
    spans: list[tuple[int, int]] = []
    offset = 0
    for is_table, group in groupby(text.splitlines(keepends=True), is_row):
        # A row is whole, whatever full stops are in it.
        for sentence in group if is_table else split_sentences("".join(group)):
            # List items end without a full stop.
            for line in sentence.splitlines(keepends=True):
                bullet = None if is_table else _BULLET.match(line)
                if bullet and bullet[0].strip()[0].isdigit() and not text[offset + bullet.end() :]:
                    bullet = None  # it ends with a number
                said = line[bullet.end() :] if bullet else line.lstrip()
                if body := said.rstrip():
                    start = offset + len(line) - len(said)
                    spans += [(start, start + len(body))] if is_table else _parts(start, body)
                offset += len(line)
    return spans


def _parts(start: int, sentence: str) -> list[tuple[int, int]]:
    """Cut what the splitter left together: brackets with signs in them make it miss full stops."""
    stops = {stop.end() for stop in _AFTER_LETTER.finditer(sentence)}
    if len(sentence) > _LONG:
        stops |= {stop.end() for stop in _MISSED_STOP.finditer(sentence)}
    cuts = [0, *sorted(stops), len(sentence)]
    return [(start + a, start + a + len(sentence[a:b].rstrip())) for a, b in pairwise(cuts)]
