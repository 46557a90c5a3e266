"""Reads the pages of a PDF that have no text layer, by OCR, and says how far to trust them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from ....config import Ocr
from ....errors import DocumentError
from ....types import Flag
from ..reader import Source
from .cells import Reading, Table
from .finder import aligned, looks_tabular, with_captions
from .layout import PageText, as_lines
from .ocr import INSTALL, OcrError, Word, confidence, engine_for
from .order import Piece, reading_order
from .rulings import rulings

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

    from .ocr import Picture
    from .rulings import Mask

_DPI = 300  # where a page is not one picture
_LEAST_DPI, _MOST_DPI = 150, 400
_WIDEST = 12  # inches of a page that has letters of usual size
_PIXELS = 9_000_000  # of a picture at most: A4 at 300 dpi
_STAMP = 200  # characters of text at most that may have been added to the picture of a page
_FULL = 0.8  # share of a page that its picture covers
_OBJECTS = 1_000  # of a page that are looked at
_LINE_SIGNS, _DASHES = "|_¦", "[]{}-–—=~"  # dashes are signs of a line only if they are alone
# Engines read a raised exponent as if it stood on the line ("4.5 × 109/L"), or lose it.
_POWER = re.compile(
    r"(?<=\d)(?P<base>\s?[×xX*]\s?10)(?P<exponent>[3-9]|1[0-2])?(?P<unread>[^\s\d^/]?)"
    r"(?=\s?/\s?(?:[µμum]?[lL]|mm|cm|kg)\b)"
)

_READING = Reading(str, False, lambda piece: False)


class Scans:
    """The pages of one document that have no text layer.

    Args:
        source: the document.
        metadata: of the document; gets "ocr_confidence": {page: mean confidence of its characters,
            in [0, 1]}, the pages as strings, because JSON has no other keys.
        left_out: of the document; counts the pages that have no text or could not be read.
    """

    def __init__(self, source: Source, metadata: dict[str, Any], left_out: Counter[str]) -> None:
        self._source = source
        self._metadata = metadata
        self._left_out = left_out
        self._engine = engine_for(source.corpus.ocr)
        self._drawn = False  # some page without text is not blank
        self._problem = ""  # why a page could not be read

    def read(self, page: PdfPage, number: int, text: PageText) -> PageText:
        """Return the text of a page: that of its text layer, or else that of its picture.

        A stamp or fax header over the picture of a page is kept before the text of the picture.
        """
        layer = [line for line in text.lines if isinstance(line, str)]
        if len(layer) < len(text.lines) or not _is_picture(page, layer):
            return text
        self._drawn = True
        if self._engine is None:
            self._left_out["pages without text"] += 1
            return text
        try:
            picture = _picture(page)
            pixel = page.get_width() / picture.shape[1]  # points
            # The letters of a poster are as large as its page.
            ruled = rulings(picture, max(72 / pixel, min(picture.shape) / _WIDEST))
            picture[ruled.pixels] = 255
            words = self._engine.read(picture, self._source.corpus.max_parser_seconds / 2)
            words = [*_without_lines(words, ruled.pixels)]
        except (OcrError, MemoryError) as error:
            self._problem = str(error) or "out of memory"
            self._left_out["pages that OCR could not read"] += 1
            return text
        finally:
            self._source.alive()
        letters = sum(character.isalnum() for word in words for character in word.text)
        if not letters and not layer:
            self._left_out["pages without words"] += 1
        if letters <= 3 * sum(map(len, layer)):
            return text  # nothing, or a figure whose caption is text
        # Tesseract's own order reads a table column by column, so that its rows are lost.
        pieces = reading_order(_by_row(_pieces(words, pixel)))
        lost = _restore_powers(pieces)
        sure = confidence(words)
        self._metadata.setdefault("ocr_confidence", {})[str(number)] = round(sure, 3)
        flags = {Flag.ocr}
        if lost or sure < self._engine.doubt:
            flags.add(Flag.low_ocr_confidence)
        found = aligned(pieces, _READING)
        tables = any(isinstance(one, Table) for one in found)
        if looks_tabular(found) or (ruled.many and not tables):
            flags.add(Flag.tables_as_lines)
        known = set(map(_letters, layer))
        lines = [
            line
            for line in with_captions(as_lines(found, _READING))
            if not isinstance(line, str) or _letters(line) not in known
        ]
        return PageText([*layer, *lines], text.flags | flags, text.hidden)

    def error(self) -> DocumentError:
        """Return the error that says why there is no text, and what can be done about it."""
        if not self._drawn:
            return self._source.error("no text: its pages are blank")
        if self._problem:
            return self._source.error(f"a scan that OCR could not read: {self._problem}")
        if self._engine:
            return self._source.error("no text layer, and OCR found no text on its pages")
        if self._source.corpus.ocr is Ocr.off:
            return self._source.error("no text layer, and corpus.ocr=off; try corpus.ocr=auto")
        return self._source.error(
            "no text layer, so probably a scan; to read it, install an OCR engine "
            f"(corpus.ocr={self._source.corpus.ocr}): {INSTALL[self._source.corpus.ocr]}"
        )


def _is_picture(page: PdfPage, layer: list[str]) -> bool:
    """Tell whether what a page says is drawn on it, but not in its text layer."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE, FPDFPage_CountObjects

    if not layer:
        return bool(FPDFPage_CountObjects(page))
    if sum(map(len, layer)) > _STAMP:
        return False
    width, height = page.get_size()
    covered = 0.0
    for object_ in islice(page.get_objects([FPDF_PAGEOBJ_IMAGE]), _OBJECTS):
        left, bottom, right, top = object_.get_bounds()
        covered += (right - left) * (top - bottom)
    return bool(covered >= _FULL * width * height)


def _letters(line: str) -> str:
    return "".join(filter(str.isalnum, line)).lower()


def _picture(page: PdfPage) -> Picture:
    """Return the picture of a page, at its own resolution if it is one picture."""
    width, height = page.get_size()
    scale = min(_dpi(page) / 72, (_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    picture: Picture = bitmap.to_numpy()
    return picture.reshape(picture.shape[:2]).copy()


def _dpi(page: PdfPage) -> float:
    from pypdfium2 import PdfImage
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    pictures = [*islice(page.get_objects([FPDF_PAGEOBJ_IMAGE]), 2)]
    if len(pictures) != 1 or not isinstance(pictures[0], PdfImage):
        return _DPI
    left, bottom, right, top = pictures[0].get_bounds()
    area = (right - left) * (top - bottom)
    if area < _FULL * page.get_width() * page.get_height():
        return _DPI
    dpi = 72 * math.sqrt(math.prod(pictures[0].get_px_size()) / area)  # it may be turned
    return min(max(dpi, _LEAST_DPI), _MOST_DPI)


def _without_lines(words: Iterable[Word], lines: Mask) -> Iterator[Word]:
    """Yield the words without the signs, such as "|", that are read from ends of ruled lines."""
    for word in words:
        box = (word.top - 2, word.bottom + 2, word.left - 2, word.right + 2)
        top, bottom, left, right = (max(0, round(at)) for at in box)
        text = word.text
        if lines[top:bottom, left:right].any():
            signs = _LINE_SIGNS if any(map(str.isalnum, text)) else _LINE_SIGNS + _DASHES
            text = text.strip(signs)
        if text:
            yield word._replace(text=text)


def _pieces(words: Iterable[Word], pixel: float) -> Iterator[Piece]:
    """Yield the words, joined where only a space is between them on a line, as pieces.

    Args:
        words: of a page.
        pixel: its size in points.
    """
    piece: Piece | None = None
    for word in words:  # y grows downwards in the picture and upwards in a piece
        left, bottom, right, top = word.left, -word.bottom, word.right, -word.top
        box = Piece(left * pixel, bottom * pixel, right * pixel, top * pixel, word.text)
        if piece is None:
            piece = box
        elif piece.continues_in(box):
            piece.text += " "
            piece.add(box)
        else:
            yield piece
            piece = box
    if piece is not None:
        yield piece


def _by_row(pieces: Iterable[Piece]) -> list[Piece]:
    """Return the pieces from the top down, and those beside each other from left to right."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: -(piece.top + piece.bottom)):
        if rows and any(map(piece.beside, rows[-1])):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    ordered = [piece for row in rows for piece in sorted(row, key=lambda piece: piece.left)]
    for number, piece in enumerate(ordered):
        piece.number = number
    return ordered


def _restore_powers(pieces: list[Piece]) -> bool:
    """Write "4.5 × 109/L" as "4.5 × 10^9/L"; return whether some exponent is lost."""
    lost = False

    def power(match: re.Match[str]) -> str:
        nonlocal lost
        if match["exponent"] and not match["unread"]:
            return f"{match['base']}^{match['exponent']}"
        lost = True
        return match[0]

    for piece in pieces:
        piece.text = _POWER.sub(power, piece.text)
    return lost
