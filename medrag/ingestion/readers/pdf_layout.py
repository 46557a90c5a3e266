"""Reads the lines of text on each page of a PDF, in reading order."""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from .reader import Source
from .xml import LOOKBACK, superscript

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

_SAMPLE = 16  # characters of a page that show which way its text runs
_HYPHENS = "\x02\ufffe"  # pdfium writes one where a word is divided at a line end
_RAISED_NUMBER = re.compile(r"[-+\u2212\u2013]?\d{1,3}(?:[,\u2013-]\d{1,3})*[-+\u2212]?")
_COLUMN_LINES = 3  # lines side by side that make columns
_COLUMN_WIDTH = 10  # em; columns of tables are narrower than those of prose
_COLUMN_CHARACTERS = 25  # average length of a line of prose, at least
_JUMPS = 100  # jumps up a page; a page with more is a drawing
_SENTENCE_END = re.compile(r"[.:;?!](?:\s|\Z)")


def page_lines(
    source: Source, scanned: Callable[[PdfPage, int, list[str]], list[str]]
) -> Iterator[list[str]]:
    """Yield the lines of each page, without blank ones; every hyphen at a line end is "-".

    Args:
        source: the file.
        scanned: returns the lines of a page, given it, its number from 1 and those of its text
            layer.

    Raises:
        DocumentError: not a PDF, damaged, or encrypted.
    """
    from pypdfium2 import PdfDocument, PdfiumError
    from pypdfium2.raw import FPDF_ERR_PASSWORD

    try:
        document = PdfDocument(source.path)
    except (PdfiumError, OSError, ValueError) as error:
        if getattr(error, "err_code", None) == FPDF_ERR_PASSWORD:
            raise source.error("encrypted; save it without a password") from error
        raise source.error(f"not a readable PDF ({error})") from error
    with closing(document):
        for number in range(len(document)):
            try:
                with closing(document[number]) as page, closing(page.get_textpage()) as layer:
                    lines = scanned(page, number + 1, _lines(_text(layer)))
            except (PdfiumError, OSError, ValueError) as error:
                raise source.error(f"page {number + 1} cannot be read ({error})") from error
            yield lines


def _text(layer: PdfTextPage) -> str:
    # get_text_bounded finds line ends by the height on the page, which does not change in turned
    # text. get_text_range finds them there, but also ends a line at every raised character.
    if _is_turned(layer):
        turned: str = layer.get_text_range()
        return turned
    parts = [
        Piece(left, bottom, right, top)
        for left, bottom, right, top in map(layer.get_rect, range(layer.count_rects()))
    ]
    raised = [part for before, part in pairwise(parts) if _is_raised(before, part)]
    if _is_reordered(merged(parts)):
        pieces = merged(_characters(layer))
        if _is_reordered(pieces):
            return _as_lines(reading_order(pieces))
    text: str = layer.get_text_bounded()
    return _with_superscripts(layer, text, raised) if raised else text


def _is_reordered(pieces: list[Piece]) -> bool:
    return any(a is not b for a, b in zip(pieces, reading_order(pieces), strict=True))


def _characters(layer: PdfTextPage) -> Iterator[Piece]:
    """Yield the characters of a page in the order of drawing, each with the height of its font."""
    from pypdfium2.raw import FS_RECTF, FPDFText_GetLooseCharBox, FPDFText_GetUnicode

    box, last = FS_RECTF(), None
    left, bottom, right, top = layer.page.get_bbox()
    for n in range(layer.count_chars()):
        character = chr(FPDFText_GetUnicode(layer.raw, n))
        if character in "\r\n":
            continue
        if not (character.isspace() or character in _HYPHENS) and FPDFText_GetLooseCharBox(
            layer.raw, n, box
        ):
            if box.left < right and box.right > left and box.bottom < top and box.top > bottom:
                last = Piece(box.left, box.bottom, box.right, box.top, character)
                yield last
        elif last is not None:  # white space and hyphen marks have no box
            yield Piece(last.right, last.bottom, last.right, last.top, character)


def _as_lines(pieces: list[Piece]) -> str:
    """Return the text of the pieces; those that follow each other on one line make one line."""
    text = ""
    for before, piece in zip([None, *pieces], pieces, strict=False):
        if before is not None:
            text += " " if before.beside(piece) and before.left < piece.left else "\n"
        text += piece.text
    return text


def _is_raised(before: Piece, part: Piece) -> bool:
    """Tell whether a piece is smaller and higher than the one drawn before, and touches it."""
    return (
        part.height < before.height
        and part.bottom > before.bottom + 0.35 * before.height
        and part.top > before.top - 0.25 * before.height
        and abs(part.left - before.right) < 0.3 * before.height
    )


def _with_superscripts(layer: PdfTextPage, text: str, raised: list[Piece]) -> str:
    """Return the text of a page with its raised numbers written as by `superscript`."""
    drawn = layer.get_text_range()
    if len(drawn) != layer.count_chars() or _letters(drawn) != _letters(text):
        return text  # characters cannot be matched by their position
    places = [n for n, character in enumerate(text) if not character.isspace()]
    numbers = [n for n, character in enumerate(drawn) if not character.isspace()]
    done, written = 0, ""
    for part in raised:
        start = layer.get_index(part.left + 0.1 * part.height, (part.bottom + part.top) / 2, 2, 2)
        if not start or drawn[start].isspace():
            continue
        stop = start
        while stop < len(drawn) and layer.get_charbox(stop)[0] < part.right and stop - start < 12:
            stop += 1
        first, last = places[bisect_left(numbers, start)], places[bisect_left(numbers, stop) - 1]
        inside = text[first : last + 1]
        if first >= done and _RAISED_NUMBER.fullmatch(inside):
            written += text[done:first]
            written += superscript(written[-LOOKBACK:], inside)
            done = last + 1
    return written + text[done:]


def _letters(text: str) -> str:
    return "".join(re.sub(f"[{_HYPHENS}]", "-", text).split())


def _is_turned(layer: PdfTextPage) -> bool:
    """Tell whether most text runs up or down the page, as in a table set sideways."""
    from pypdfium2.raw import FPDFText_GetCharAngle

    count = layer.count_chars()
    angles = [
        FPDFText_GetCharAngle(layer.raw, n) for n in range(0, count, max(1, count // _SAMPLE))
    ]
    return 2 * sum(abs(math.sin(angle)) > 0.7 for angle in angles) > len(angles)


def _lines(text: str) -> list[str]:
    # pdfium joins a word that is divided at a line end and marks the place: restore the line end.
    text = re.sub(f"[{_HYPHENS}]", "-\n", text).replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(
        "[\ufb00-\ufb06]", lambda ligature: unicodedata.normalize("NFKC", ligature[0]), text
    )
    text = text.replace("\xad\n", "-\n").replace("\0", "")
    return [line.strip() for line in text.split("\n") if line.strip()]


@dataclass(slots=True)
class Piece:
    """Text on one line without a gap; its box is in points from the page's lower left corner."""

    left: float
    bottom: float
    right: float
    top: float
    text: str = ""

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def beside(self, other: Piece) -> bool:
        """Tell whether both are on one line."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        return shared > 0.5 * min(self.height, other.height)

    def continues_in(self, other: Piece) -> bool:
        """Tell whether `other` continues the line, with no more than a space between."""
        em = max(self.height, other.height)
        return self.beside(other) and -em < other.left - self.right < em

    def add(self, other: Piece) -> None:
        self.left, self.right = min(self.left, other.left), max(self.right, other.right)
        self.bottom, self.top = min(self.bottom, other.bottom), max(self.top, other.top)
        self.text += other.text


def merged(parts: Iterable[Piece]) -> list[Piece]:
    """Merge parts that continue each other on a line, in the order of drawing."""
    pieces: list[Piece] = []
    for part in parts:
        if pieces and pieces[-1].continues_in(part):
            pieces[-1].add(part)
        else:
            pieces.append(part)
    return pieces


def reading_order(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces in the order in which they are read.

    This is the order of drawing, which is right in nearly all files and tells a table from
    columns, with two corrections: columns of prose drawn line by line across the gutter, and a
    block that is wholly above blocks drawn before it. Pieces may come without text, to find out
    whether a page needs a correction.
    """
    return _from_top(_by_column(pieces))


def _from_top(pieces: Sequence[Piece]) -> list[Piece]:
    """Move each run of pieces that starts with a jump up before the runs wholly below it."""
    runs: list[list[Piece]] = []
    boxes: list[Piece] = []
    for piece in pieces:
        if not runs or piece.bottom > runs[-1][-1].top + 0.5 * piece.height:
            runs.append([])
            boxes.append(Piece(piece.left, piece.bottom, piece.right, piece.top))
        runs[-1].append(piece)
        boxes[-1].add(Piece(piece.left, piece.bottom, piece.right, piece.top))
    if len(runs) > _JUMPS:
        return list(pieces)
    for n in range(1, len(runs)):
        to = n
        while to and _is_over(boxes[n], boxes[to - 1], 0.25 * runs[n][-1].height):
            to -= 1
        if to < n:
            runs.insert(to, runs.pop(n))
            boxes.insert(to, boxes.pop(n))
    return [piece for run in runs for piece in run]


def _is_over(upper: Piece, lower: Piece, slack: float) -> bool:
    """Tell whether one box is wholly above the other and overlaps it sideways; they may touch."""
    return upper.bottom >= lower.top - slack and min(upper.right, lower.right) > max(
        upper.left, lower.left
    )


def _by_column(pieces: Sequence[Piece]) -> list[Piece]:
    """Put the left column before the right one if their lines alternate."""
    ordered: list[Piece] = []
    start = 0
    while start < len(pieces):
        left, right = _columns(pieces, start)
        stop = start + max(1, len(left) + len(right))
        if _are_prose(left) and _are_prose(right):
            ordered += left + right
        else:
            ordered += pieces[start:stop]
        start = stop
    return ordered


def _columns(pieces: Sequence[Piece], start: int) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces from `start` on that are left and right of one gutter."""
    first, second = pieces[start], pieces[start + 1] if start + 1 < len(pieces) else None
    if second is None or not first.beside(second) or second.left <= first.right + first.height / 2:
        return [], []
    columns: tuple[list[Piece], list[Piece]] = ([first], [second])
    from_, to = first.right, second.left  # the gutter
    last = second
    for piece in pieces[start + 2 :]:
        if piece.bottom > last.top:  # a jump up
            break
        if piece.right < to and piece.left < from_:
            columns[0].append(piece)
            from_ = max(from_, piece.right)
        elif piece.left > from_ and piece.right > to:
            columns[1].append(piece)
            to = min(to, piece.left)
        else:
            break
        last = piece
    return columns


def _are_prose(column: Sequence[Piece]) -> bool:
    """Tell whether a column is prose, not part of a table: full lines and wrapped sentences."""
    if len(column) < _COLUMN_LINES:
        return False
    width = max(piece.right for piece in column) - min(piece.left for piece in column)
    if width < _COLUMN_WIDTH * median(piece.height for piece in column):
        return False
    if any(upper.beside(lower) for upper, lower in pairwise(column)):
        return False  # more than one piece to a line
    if sum(piece.right - piece.left > 0.75 * width for piece in column) <= 0.5 * len(column):
        return False
    texts = [piece.text.strip() for piece in column]
    if not any(texts):
        return True
    wrapped = sum(text[:1].islower() for text in texts[1:])
    return (
        sum(map(len, texts)) >= _COLUMN_CHARACTERS * len(texts)
        and wrapped >= 0.4 * (len(texts) - 1)
        and any(map(_SENTENCE_END.search, texts))
    )
