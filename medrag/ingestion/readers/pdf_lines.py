"""The text layer of a PDF as the lines of each page."""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DocumentError
from .reading_order import Piece, merged, reading_order
from .superscripts import LOOKBACK, superscript

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

_SAMPLE = 16  # characters of a page that tell which way its text runs

_MARKS = "\x02\ufffe"  # stand for a hyphen where a word is divided at a line end
_RAISED_NUMBER = re.compile(r"[-+\u2212\u2013]?\d{1,3}(?:[,\u2013-]\d{1,3})*[-+\u2212]?")


def page_lines(path: Path) -> Iterator[list[str]]:
    """Yield the lines of each page that are not blank; hyphens at line ends are "-".

    Raises:
        DocumentError: not a PDF, damaged, or encrypted.
    """
    from pypdfium2 import PdfDocument, PdfiumError
    from pypdfium2.raw import FPDF_ERR_PASSWORD

    try:
        document = PdfDocument(path)
    except PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            raise DocumentError(f"{path.name}: encrypted") from error
        raise DocumentError(f"{path.name}: not a readable PDF ({error})") from error
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path.name}: not a readable PDF ({error})") from error
    with closing(document):
        for number in range(len(document)):
            try:
                with closing(document[number]) as page, closing(page.get_textpage()) as layer:
                    text = _text(layer)
            except (PdfiumError, OSError, ValueError) as error:
                raise DocumentError(f"{path.name}: page {number + 1}: {error}") from error
            yield _lines(text)


def _text(layer: PdfTextPage) -> str:
    # The one finds line ends by the height on the page, which turned text does not change; the
    # other finds those, but also ends a line after every raised or lowered character.
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
            return _joined(reading_order(pieces))
    text: str = layer.get_text_bounded()
    return _with_superscripts(layer, text, raised) if raised else text


def _is_reordered(pieces: list[Piece]) -> bool:
    return any(a is not b for a, b in zip(pieces, reading_order(pieces), strict=True))


def _characters(layer: PdfTextPage) -> Iterator[Piece]:
    """Yield the characters of a page in the order of drawing, each as high as its font."""
    from pypdfium2.raw import FS_RECTF, FPDFText_GetLooseCharBox, FPDFText_GetUnicode

    box, last = FS_RECTF(), None
    left, bottom, right, top = layer.page.get_bbox()
    for n in range(layer.count_chars()):
        character = chr(FPDFText_GetUnicode(layer.raw, n))
        if character in "\r\n":
            continue
        if not (character.isspace() or character in _MARKS) and FPDFText_GetLooseCharBox(
            layer.raw, n, box
        ):
            if box.left < right and box.right > left and box.bottom < top and box.top > bottom:
                last = Piece(box.left, box.bottom, box.right, box.top, character)
                yield last
        elif last is not None:  # white space and marks have no place of their own
            yield Piece(last.right, last.bottom, last.right, last.top, character)


def _joined(pieces: list[Piece]) -> str:
    """Return the text of the pieces, those that follow each other on one line joined."""
    text = ""
    for before, piece in zip([None, *pieces], pieces, strict=False):
        if before is not None:
            text += " " if before.beside(piece) and before.left < piece.left else "\n"
        text += piece.text
    return text


def _is_raised(before: Piece, part: Piece) -> bool:
    """Tell whether what is drawn next is smaller, higher, and touches what is before it."""
    return (
        part.height < before.height
        and part.bottom > before.bottom + 0.35 * before.height
        and part.top > before.top - 0.25 * before.height
        and abs(part.left - before.right) < 0.3 * before.height
    )


def _with_superscripts(layer: PdfTextPage, text: str, raised: list[Piece]) -> str:
    """Return a page's text with its raised numbers written as `superscript` has it."""
    drawn = layer.get_text_range()
    if len(drawn) != layer.count_chars() or _letters(drawn) != _letters(text):
        return text  # the characters cannot be told by their number
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
    return "".join(re.sub(f"[{_MARKS}]", "-", text).split())


def _is_turned(layer: PdfTextPage) -> bool:
    """Tell whether most of a page's text runs up or down it, as that of a table set sideways."""
    from pypdfium2.raw import FPDFText_GetCharAngle

    count = layer.count_chars()
    angles = [
        FPDFText_GetCharAngle(layer.raw, n) for n in range(0, count, max(1, count // _SAMPLE))
    ]
    return 2 * sum(abs(math.sin(angle)) > 0.7 for angle in angles) > len(angles)


def _lines(text: str) -> list[str]:
    # pdfium joins a word divided at a line end and puts a mark there; the line end is wanted back.
    text = re.sub(f"[{_MARKS}]", "-\n", text).replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(
        "[\ufb00-\ufb06]", lambda ligature: unicodedata.normalize("NFKC", ligature[0]), text
    )
    text = text.replace("\xad\n", "-\n").replace("\0", "")
    return [line.strip() for line in text.split("\n") if line.strip()]
