"""Reads the text of each page of a PDF: its lines and tables, in reading order."""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from ctypes import byref, c_double
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING

from ....types import Flag
from ..reader import Source
from ..xml import LOOKBACK, superscript
from .bidi import (
    RIGHT_TO_LEFT,
    has_mirrored_signs,
    is_leftward,
    is_reversed,
    is_right_to_left,
    letters,
    logical,
    repaired,
    unmirrored,
)
from .cells import InColumns, Reading, Table, height, outline
from .finder import (
    aligned,
    looks_tabular,
    may_have_tables,
    ruled,
    with_captions,
)
from .objects import Drawing, look
from .order import (
    Piece,
    has_block_below,
    is_reordered,
    merged,
    reading_order,
    side_by_side,
)

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

_MOST_CHARACTERS = 200_000  # of a page whose layout is looked at
_SAMPLE = 16  # characters of a page that show which way its text runs
_HYPHENS = "\x02\ufffe"  # pdfium writes one where a word is divided at a line end
_SMALLEST = 1.0  # points; text of less height may be too small to be seen
_MIXED = 3  # lines that pdfium may mix up
_SPACE = 0.15  # em; a wider gap between letters is a space
_RAISED_NUMBER = re.compile(r"[-+\u2212\u2013]?\d{1,3}(?:[,\u2013-]\d{1,3})*[-+\u2212]?")
_SIGNS = ("-", "+", "\u2212")
_LONGEST_MARK = 12
_APART = 1.22  # of the usual distance between lines
SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*\Z")
_RAISED_MARK = re.compile(r"[a-l](?:,[a-l])*|[*†‡§¶#]+")
_MARKED = re.compile(r"[\d)%]\Z")  # what a mark stands after
_MARKED_BY_LETTER = re.compile(r"(?:[\d)%]|[^\W\d_]{2})\Z")  # "mg"; but not "x", as in "x^a"
_POWER = re.compile(r"(?:[x×·∙⋅•*]\s?|(?<![\d.,]))10\Z")  # "3 x 10", "10"
# What follows a reference number after "10", but no power of ten.
_NO_POWER = re.compile(
    r"\s(?:adults|and then|but|children|days|during|for|from|hours|in|infants|men|mg|months"
    r"|patients|studies|than|trials|was|weeks|were|when|which|who|with|women|years)\b"
)


class Apart(str):
    """A line that is set apart from the one above it, by space or as a bold heading."""

    __slots__ = ()


class RowLine(Apart):
    """A line in columns, with " | " between them; it goes on in no other line."""

    __slots__ = ()


@dataclass(slots=True)
class PageText:
    """What a page says.

    Attributes:
        lines: its lines without blank ones, and its tables, in reading order; every hyphen at a
            line end is "-". Empty if the page has no text. Some are `Apart`.
        flags: what holds for all of the page.
        hidden: how many pieces of text nobody sees; they are left out.
    """

    lines: list[str | Table]
    flags: frozenset[Flag] = frozenset()
    hidden: int = 0


def page_texts(
    source: Source, scanned: Callable[[PdfPage, int, PageText], PageText]
) -> Iterator[PageText]:
    """Yield the text of each page.

    Args:
        source: the file.
        scanned: reads the picture of a page if the text of the page is in it; it is given the page,
            its number from 1, and its other text.

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
                with closing(document[number]) as page:
                    text = scanned(page, number + 1, _page_text(page))
            except (PdfiumError, OSError, ValueError) as error:
                if not number:
                    raise source.error(f"page 1 cannot be read ({error})") from error
                text = PageText([], frozenset({Flag.truncated}))
            yield text


def _page_text(page: PdfPage) -> PageText:
    drawing = look(page)
    layer = page.get_textpage()
    try:
        if layer.count_chars() > _MOST_CHARACTERS:
            return PageText([*_lines(layer.get_text_bounded())], hidden=drawing.hidden)
        parts = _parts(layer)
        if not drawing.thorough and _may_hide(page, parts):
            drawing = look(page, thorough=True)
            if drawing.hidden:
                layer.close()
                layer = page.get_textpage()
                parts = _parts(layer)
        lines, flags = _lines_and_flags(layer, parts, drawing)
    finally:
        layer.close()
    if drawing.ocr:
        flags.add(Flag.ocr)
    return PageText(with_captions(lines), frozenset(flags), drawing.hidden)


def _parts(layer: PdfTextPage) -> list[Piece]:
    """Return the boxes of runs of text, without it, in the order of drawing."""
    from pypdfium2.raw import FPDFText_CountRects, FPDFText_GetRect

    raw = layer.raw
    left, top, right, bottom = c_double(), c_double(), c_double(), c_double()
    left_, top_, right_, bottom_ = byref(left), byref(top), byref(right), byref(bottom)
    parts = []
    for n in range(FPDFText_CountRects(raw, 0, -1)):
        FPDFText_GetRect(raw, n, left_, top_, right_, bottom_)
        parts.append(Piece(left.value, bottom.value, right.value, top.value))
    return parts


def _may_hide(page: PdfPage, parts: list[Piece]) -> bool:
    """Tell whether some text is outside the page or very small."""
    left, bottom, right, top = page.get_bbox()
    return any(
        part.top - part.bottom < _SMALLEST
        or part.right <= left
        or part.left >= right
        or part.top <= bottom
        or part.bottom >= top
        for part in parts
    )


def _lines_and_flags(
    layer: PdfTextPage, parts: list[Piece], drawing: Drawing
) -> tuple[list[str | Table], set[Flag]]:
    # get_text_bounded finds line ends by the height on the page, which does not change in turned
    # text. get_text_range finds them there, but also ends a line at every raised character.
    if _is_turned(layer):
        return [*_lines(layer.get_text_range())], set()
    text: str = layer.get_text_bounded()
    pieces = merged(parts)
    flags: set[Flag] = set()
    if not text.isascii() and RIGHT_TO_LEFT.search(text):
        characters = [*_leftward(_characters(layer))]
        return _arranged(characters, drawing, _reading_leftward(layer, characters), always=True)
    if side_by_side(pieces) or may_have_tables(parts, drawing.rules) or has_block_below(pieces):
        reading = Reading(str, False, lambda piece: _is_bold(layer, piece))
        characters = [*_with_marks([*_characters(layer)])]
        lines, flags = _arranged(characters, drawing, reading)
        if lines:
            return lines, flags
    raised = [part for before, part in pairwise(parts) if _is_raised(before, part)]
    lines = [*_lines(_with_superscripts(layer, text, raised) if raised else text)]
    boxes: list[Piece] = []
    for piece in pieces:
        if boxes and boxes[-1].beside(piece):
            boxes[-1].surround(piece)
        else:
            boxes.append(piece)
    if len(boxes) == len(lines):
        lines = set_apart(lines, boxes, lambda piece: _is_bold(layer, piece))
    return lines, flags


def _arranged(
    characters: list[Piece], drawing: Drawing, reading: Reading, always: bool = False
) -> tuple[list[str | Table], set[Flag]]:
    """Return lines and tables; no lines if the text is in order and has no table.

    Args:
        always: whether the lines are needed in any case.
    """
    rest, tables = ruled(characters, drawing.rules, reading)
    found = reading.ordered(merged(rest))
    ordered = aligned(reading_order(found, reading.right_to_left), reading)
    flags = {Flag.tables_as_lines} if looks_tabular(ordered) else set()
    new = tables or any(isinstance(piece, (Table, InColumns)) for piece in ordered)
    if always or new or is_reordered(found):
        return [*as_lines(ordered, reading)], flags
    return [], flags


def as_lines(pieces: list[Piece], reading: Reading) -> list[str | Table]:
    """Return the tables, and the lines: pieces that follow each other on one line make one."""
    lines: list[str | Table] = []
    boxes: list[Piece] = []
    line: list[Piece] = []
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        if isinstance(piece, Table):
            found: list[str | Table] = [piece]
        elif isinstance(piece, InColumns):
            found = [RowLine(line) for row in piece.rows for line in _lines(row)]
        else:
            line.append(piece)
            if type(following) is Piece and piece.beside(following) and piece.left < following.left:
                continue
            found = [*_lines(reading.joined(line))]
            piece, line = Piece(*outline([line])), []
        lines += found
        boxes += [piece] * len(found)
    return set_apart(lines, boxes, reading.bold)


def set_apart(
    lines: Sequence[str | Table], boxes: Sequence[Piece], bold: Callable[[Piece], bool]
) -> list[str | Table]:
    """Return lines; those with more space above them than usual are `Apart`.

    So is a bold line below text that is not bold and ends a sentence, if it ends none.

    Args:
        boxes: of each line.
    """
    steps = [min(above.top - box.top, above.bottom - box.bottom) for above, box in pairwise(boxes)]
    usual = median_low([step for step in steps if step > 0] or [math.inf])
    out = [*lines[:1]]
    for n, (line, step) in enumerate(zip(lines[1:], steps, strict=True)):
        if type(line) is str and (
            step > _APART * usual
            or (
                SENTENCE_END.search(str(lines[n]))
                and not SENTENCE_END.search(line)
                and bold(boxes[n + 1])
                and not bold(boxes[n])
            )
        ):
            line = Apart(line)
        out.append(line)
    return out


def _reading_leftward(layer: PdfTextPage, characters: list[Piece]) -> Reading:
    """Return how text with right-to-left scripts is read, given as drawn from left to right."""
    lines = [piece.text for piece in merged(characters)]
    if not is_reversed(lines):
        return Reading(
            lambda line: repaired(letters(line)), False, lambda piece: _is_bold(layer, piece)
        )
    everywhere = is_right_to_left("".join(lines))
    mirrored = has_mirrored_signs(lines, everywhere)
    return Reading(
        lambda line: logical(line, is_leftward(line, everywhere), mirrored),
        everywhere,
        lambda piece: _is_bold(layer, piece),
    )


def _leftward(characters: Iterator[Piece]) -> Iterator[Piece]:
    """Yield the characters of each line from left to right, with a space in each gap."""
    lines: list[list[Piece]] = []
    for piece in characters:
        if not piece.text.isspace():
            if lines and lines[-1][-1].beside(piece):
                lines[-1].append(piece)
            else:
                lines.append([piece])
    for n in range(1, len(lines)):  # pdfium may mix up lines that are close to each other
        for m in range(n, max(0, n - _MIXED), -1):
            upper, lower = lines[m][0], lines[m - 1][0]
            if not 0 <= upper.bottom - lower.top < 2 * upper.height:
                break
            lines[m - 1 : m + 1] = lines[m], lines[m - 1]
    for line in lines:
        # pdfium gives leftward text in the order of reading, and its signs mirrored.
        for before, sign, after in zip([line[0], *line], line, [*line[1:], line[-1]], strict=False):
            if before.left > sign.left or (before is sign and sign.left > after.left):
                sign.text = unmirrored(sign.text)
        yield from _from_left(line)


def _from_left(line: list[Piece]) -> Iterator[Piece]:
    marks = [piece for piece in line if unicodedata.combining(piece.text)]
    line = sorted(
        (piece for piece in line if not unicodedata.combining(piece.text)),
        key=lambda piece: piece.left,
    )
    for mark in marks:
        twice = mark.left + mark.right
        if line:
            min(line, key=lambda one: abs(one.left + one.right - twice)).text += mark.text
    last: Piece | None = None
    for piece in line:
        if last is not None:
            if _is_one_glyph(last, piece):
                last.text, piece.text = piece.text, last.text
            yield last
            if _SPACE * piece.height < piece.left - last.right < piece.height:
                yield Piece(last.right, last.bottom, last.right, last.top, " ", last.number)
        last = piece
    if last is not None:
        yield last


def _is_one_glyph(lam: Piece, alef: Piece) -> bool:
    """Tell whether two letters are a ligature of lam and alef, in the order of reading."""
    return (
        lam.text == "ل"
        and alef.text in "اأإآ"
        and abs(lam.left - alef.left) < 0.1
        and abs(lam.right - alef.right) < 0.1
    )


def _is_bold(layer: PdfTextPage, piece: Piece) -> bool:
    """Tell whether text is in bold type; its ends show it if its first character is not known."""
    if piece.number >= 0:
        return _is_bold_at(layer, piece.number)
    near = piece.height / 4
    ends = [
        layer.get_index(x, height(piece), near, near)
        for x in (piece.left + near, piece.right - near)
    ]
    return all(end is not None and _is_bold_at(layer, end) for end in ends)


def _is_bold_at(layer: PdfTextPage, number: int) -> bool:
    from ctypes import c_int, create_string_buffer

    from pypdfium2.raw import FPDFText_GetFontInfo, FPDFText_GetFontWeight

    name = create_string_buffer(128)
    FPDFText_GetFontInfo(layer.raw, number, name, len(name), c_int())
    return FPDFText_GetFontWeight(layer.raw, number) >= 600 or b"bold" in name.value.lower()


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
                last = Piece(box.left, box.bottom, box.right, box.top, character, n)
                yield last
        elif last is not None:  # white space and hyphen marks have no box
            yield Piece(last.right, last.bottom, last.right, last.top, character, n)


def _is_raised(before: Piece, part: Piece) -> bool:
    """Tell whether a piece is smaller and higher than the one drawn before, and touches it."""
    return (
        part.height < before.height
        and part.bottom > before.bottom + 0.35 * before.height
        and part.top > before.top - 0.25 * before.height
        and abs(part.left - before.right) < 0.3 * before.height
    )


def _with_marks(characters: list[Piece]) -> Iterator[Piece]:
    """Yield the characters; a raised number or mark becomes one piece, written by `_marked`."""
    written = ""
    base: Piece | None = None
    n = 0
    while n < len(characters):
        piece = characters[n]
        n += 1
        if base is None or piece.text.isspace() or not _is_raised(base, piece):
            if base is not None and (
                not base.beside(piece) or piece.left > base.right + piece.height
            ):
                written = ""  # another line or cell
            if not piece.text.isspace():
                base = piece
        else:
            piece = piece.copy()
            while n < len(characters) and len(piece.text) < _LONGEST_MARK:
                after = characters[n]
                if after.text.isspace() or not _is_raised(
                    Piece(base.left, base.bottom, piece.right, base.top), after
                ):
                    break
                piece.add(after)
                n += 1
            after_text = "".join(one.text for one in characters[n : n + LOOKBACK])
            piece.text = _marked(written, piece.text, after_text)
        written = written[-LOOKBACK:] + piece.text
        yield piece


def _marked(before: str, inside: str, after: str) -> str:
    """Return what to append to `before` for a raised `inside` that `after` follows.

    The mark of a footnote gets brackets. A number after a number is a power only if that is 10,
    and if "x" stands before it or what follows does not show that it counts something.
    """
    marked = _MARKED_BY_LETTER if inside[:1].isalpha() else _MARKED
    if _RAISED_MARK.fullmatch(inside) and marked.search(before):
        return f" [{inside}]"
    if not _RAISED_NUMBER.fullmatch(inside):
        return inside
    power = _POWER.search(before)
    cited = (
        before[-1:].isdigit()
        and not inside.endswith(_SIGNS)
        and not (inside.startswith(_SIGNS) and power)
        and (not power or (power[0] == "10" and _NO_POWER.match(after) is not None))
    )
    return superscript(before, inside, citation=cited)


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
        if first >= done and (_RAISED_NUMBER.fullmatch(inside) or _RAISED_MARK.fullmatch(inside)):
            written += text[done:first]
            written += _marked(written[-LOOKBACK:], inside, text[last + 1 : last + 1 + LOOKBACK])
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
