"""Looks at what is drawn on a page of a PDF: takes out text that nobody sees, finds ruled lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from ctypes import byref, c_float, c_int, c_uint
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_MOST_OBJECTS = 50_000  # of a page that are looked at; the rest is taken as it is
_MOST_SEGMENTS = 20_000  # of the paths of a page
_DEPTH = 8  # forms within forms
_TESTS = 1_000_000  # comparisons of texts with what lies under or over them
_SMALLEST = 1.0  # points; smaller text cannot be read
_SAME = 8  # of 255; colours that differ by less look the same
_THIN = 3.0  # points; a longer object that is thinner is a line
_SHORTEST = 5.0  # points; a shorter line is a part of a drawing
_PICTURE = 0.6  # of the page, covered by pictures: a scan
_WHITE = (255, 255, 255)

Box = tuple[float, float, float, float]  # left, bottom, right, top; points from the lower left
_Matrix = tuple[float, float, float, float, float, float]
_UNCHANGED: _Matrix = (1, 0, 0, 1, 0, 0)


class Rule(NamedTuple):
    """A straight line: `at` is its height on the page, or its distance from the left edge."""

    flat: bool  # horizontal
    at: float
    start: float
    stop: float


@dataclass(slots=True)
class Drawing:
    """What `look` finds on a page.

    Attributes:
        hidden: how many pieces of text were taken out.
        ocr: whether the page is a picture with its text hidden behind or under it.
        rules: the straight lines.
        thorough: whether all text was compared with its surroundings.
    """

    hidden: int = 0
    ocr: bool = False
    rules: list[Rule] = field(default_factory=list)
    thorough: bool = False


class _Object(NamedTuple):
    raw: Any
    kind: int
    matrix: _Matrix  # of the form that it is in


def look(page: PdfPage, thorough: bool = False) -> Drawing:
    """Take out the text that nobody sees, and return what else matters of the drawing.

    Text is not seen if it is drawn in an invisible mode, without opacity, smaller than 1 point,
    outside the page, in the colour of what is under it, or under something opaque. The invisible
    text of a scan is its OCR layer and stays. So does that of a page without other text.

    Call it before the text of the page is loaded.

    Args:
        thorough: compare all text with its surroundings, even if nothing calls for it.
    """
    from pypdfium2 import raw as pdf

    if not thorough and _is_plain(page.raw, pdf):
        return Drawing()
    drawn = list(_objects(page.raw, pdf))
    drawing = Drawing(rules=list(_rules(drawn, pdf)), thorough=True)
    _hide(drawn, page.raw, page.get_bbox(), drawing, pdf)
    return drawing


def _is_plain(page: Any, pdf: Any) -> bool:
    """Tell whether all objects of a page are visible text. This costs little."""
    get, kind = pdf.FPDFPage_GetObject, pdf.FPDFPageObj_GetType
    mode, fill = pdf.FPDFTextObj_GetTextRenderMode, pdf.FPDFPageObj_GetFillColor
    count = pdf.FPDFPage_CountObjects(page)
    red, green, blue, alpha = (c_uint(0) for _ in range(4))
    red_, green_, blue_, alpha_ = byref(red), byref(green), byref(blue), byref(alpha)
    for n in range(min(count, _MOST_OBJECTS)):
        found = get(page, n)
        if kind(found) != pdf.FPDF_PAGEOBJ_TEXT or mode(found) != 0:
            return False
        if fill(found, red_, green_, blue_, alpha_) and (
            alpha.value == 0 or (red.value > 247 and green.value > 247 and blue.value > 247)
        ):
            return False
    return True


def _objects(page: Any, pdf: Any) -> Iterator[_Object]:
    """Yield the objects of a page and of its forms, in the order of drawing."""
    left = _MOST_OBJECTS

    def inside(
        count: int, get: Callable[[Any, int], Any], parent: Any, matrix: _Matrix, depth: int
    ) -> Iterator[_Object]:
        nonlocal left
        for n in range(count):
            if left <= 0:
                return
            left -= 1
            found = get(parent, n)
            kind = pdf.FPDFPageObj_GetType(found)
            if kind != pdf.FPDF_PAGEOBJ_FORM:
                yield _Object(found, kind, matrix)
            elif depth < _DEPTH:
                yield from inside(
                    pdf.FPDFFormObj_CountObjects(found),
                    pdf.FPDFFormObj_GetObject,
                    found,
                    _product(_matrix(found, pdf), matrix),
                    depth + 1,
                )

    return inside(pdf.FPDFPage_CountObjects(page), pdf.FPDFPage_GetObject, page, _UNCHANGED, 0)


class _Text(NamedTuple):
    place: int  # in the order of drawing
    raw: Any
    box: Box
    faint: bool  # in an invisible mode or without opacity
    small: bool
    colour: tuple[int, int, int] | None


class _Cover(NamedTuple):
    place: int
    box: Box
    colour: tuple[int, int, int] | None  # None for a picture
    opaque: bool


def _hide(drawn: list[_Object], raw: Any, page: Box, drawing: Drawing, pdf: Any) -> None:
    texts: list[_Text] = []
    covers: list[_Cover] = []
    pictures = 0.0
    for place, thing in enumerate(drawn):
        if thing.kind == pdf.FPDF_PAGEOBJ_TEXT:
            texts.append(_text(place, thing, pdf))
        elif cover := _cover(place, thing, raw, pdf):
            covers.append(cover)
            if thing.kind == pdf.FPDF_PAGEOBJ_IMAGE:
                pictures += _area(_common(cover.box, page))
    if not texts:
        return
    many = len(texts) * len(covers) > _TESTS  # then only the largest are compared
    if many:
        covers = sorted(covers, key=lambda cover: -_area(cover.box))[: _TESTS // len(texts)]
        covers.sort(key=lambda cover: cover.place)
    layer: list[_Text] = []  # what may be the OCR layer of a picture
    unseen: list[_Text] = []
    seen = 0.0
    for text in texts:
        if not _area(text.box):  # white space
            continue
        outside = _area(_common(text.box, page)) <= 0
        if text.faint or _is_covered(text, covers):
            layer.append(text)
        elif text.small or outside or (not many and _is_camouflaged(text, covers)):
            unseen.append(text)
        else:
            seen += text.box[2] - text.box[0]
    behind = sum(text.box[2] - text.box[0] for text in layer)
    drawing.ocr = behind > seen and pictures > _PICTURE * _area(page)
    if seen and not drawing.ocr:
        unseen += layer
    for text in unseen:
        pdf.FPDFPageObj_SetIsActive(text.raw, False)
    drawing.hidden = len(unseen)


def _text(place: int, thing: _Object, pdf: Any) -> _Text:
    mode = pdf.FPDFTextObj_GetTextRenderMode(thing.raw)
    fill, fill_alpha = _colour(thing.raw, pdf.FPDFPageObj_GetFillColor)
    _, stroke_alpha = _colour(thing.raw, pdf.FPDFPageObj_GetStrokeColor)
    filled, stroked = mode in (0, 2, 4, 6), mode in (1, 2, 5, 6)
    size = c_float()
    pdf.FPDFTextObj_GetFontSize(thing.raw, size)
    c, d = _product(_matrix(thing.raw, pdf), thing.matrix)[2:4]
    return _Text(
        place,
        thing.raw,
        _box(thing, pdf),
        not (filled and fill_alpha) and not (stroked and stroke_alpha),
        abs(size.value) * math.hypot(c, d) < _SMALLEST,
        fill if filled and not stroked else None,
    )


def _cover(place: int, thing: _Object, page: Any, pdf: Any) -> _Cover | None:
    """Return a picture, a shading or a filled area as what may lie under or over text."""
    colour: tuple[int, int, int] | None = None
    opaque = not pdf.FPDFPageObj_HasTransparency(thing.raw)
    if thing.kind == pdf.FPDF_PAGEOBJ_PATH:
        mode, stroke = c_int(), c_int()
        pdf.FPDFPath_GetDrawMode(thing.raw, mode, stroke)
        colour, alpha = _colour(thing.raw, pdf.FPDFPageObj_GetFillColor)
        if not mode.value or not alpha:
            return None
        segments = pdf.FPDFPath_CountSegments(thing.raw)
        opaque = opaque and alpha == 255 and segments <= 5
    elif thing.kind == pdf.FPDF_PAGEOBJ_IMAGE:
        opaque = opaque and not _is_stencil(thing.raw, page, pdf)
    box = _box(thing, pdf)
    clip = _clip(thing, pdf)
    if clip is None:  # of any shape
        opaque = False
    else:
        box = _common(box, clip)
    if min(box[2] - box[0], box[3] - box[1]) <= _THIN:
        return None
    return _Cover(place, box, colour, opaque)


def _is_covered(text: _Text, covers: list[_Cover]) -> bool:
    left, bottom, right, top = text.box
    return any(
        cover.place > text.place
        and cover.opaque
        and cover.box[0] <= left + 1
        and cover.box[1] <= bottom + 1
        and cover.box[2] >= right - 1
        and cover.box[3] >= top - 1
        for cover in covers
    )


def _is_camouflaged(text: _Text, covers: list[_Cover]) -> bool:
    """Tell whether text has the colour of what it is drawn on."""
    if text.colour is None:
        return False
    x, y = (text.box[0] + text.box[2]) / 2, (text.box[1] + text.box[3]) / 2
    ground: tuple[int, int, int] | None = _WHITE
    for cover in covers:
        if cover.place > text.place:
            break
        if cover.box[0] < x < cover.box[2] and cover.box[1] < y < cover.box[3]:
            ground = cover.colour
    return (
        ground is not None
        and max(abs(one - other) for one, other in zip(text.colour, ground, strict=True)) <= _SAME
    )


def _rules(drawn: list[_Object], pdf: Any) -> Iterator[Rule]:
    """Yield the straight lines: drawn as such, as thin areas, or as the sides of rectangles."""
    left = _MOST_SEGMENTS
    for thing in drawn:
        if thing.kind != pdf.FPDF_PAGEOBJ_PATH or left <= 0:
            continue
        x0, y0, x1, y1 = _box(thing, pdf)
        if x1 - x0 <= _THIN or y1 - y0 <= _THIN:
            left -= 1
            if x1 - x0 > max(_SHORTEST, y1 - y0):
                yield Rule(True, (y0 + y1) / 2, x0, x1)
            elif y1 - y0 > _SHORTEST:
                yield Rule(False, (x0 + x1) / 2, y0, y1)
            continue
        count = pdf.FPDFPath_CountSegments(thing.raw)
        left -= count
        if left > 0:
            yield from _sides(thing, count, pdf)


def _sides(thing: _Object, count: int, pdf: Any) -> Iterator[Rule]:
    a, b, c, d, e, f = _product(_matrix(thing.raw, pdf), thing.matrix)
    x_, y_ = c_float(), c_float()
    x = y = first_x = first_y = 0.0
    for n in range(count):
        segment = pdf.FPDFPath_GetPathSegment(thing.raw, n)
        pdf.FPDFPathSegment_GetPoint(segment, x_, y_)
        to_x, to_y = a * x_.value + c * y_.value + e, b * x_.value + d * y_.value + f
        kind = pdf.FPDFPathSegment_GetType(segment)
        ends = [(to_x, to_y)] if kind == pdf.FPDF_SEGMENT_LINETO else []
        if kind == pdf.FPDF_SEGMENT_MOVETO:
            first_x, first_y = to_x, to_y
        elif pdf.FPDFPathSegment_GetClose(segment):
            ends.append((first_x, first_y))
        x0, y0 = x, y
        for x1, y1 in ends:
            if abs(y1 - y0) < 1 and abs(x1 - x0) > _SHORTEST:
                yield Rule(True, (y0 + y1) / 2, min(x0, x1), max(x0, x1))
            elif abs(x1 - x0) < 1 and abs(y1 - y0) > _SHORTEST:
                yield Rule(False, (x0 + x1) / 2, min(y0, y1), max(y0, y1))
            x0, y0 = x1, y1
        x, y = to_x, to_y


def _colour(thing: Any, get: Callable[..., int]) -> tuple[tuple[int, int, int] | None, int]:
    """Return a colour, or None for a pattern, and its opacity from 0 to 255."""
    red, green, blue, alpha = c_uint(), c_uint(), c_uint(), c_uint(255)
    if not get(thing, red, green, blue, alpha):
        return None, 255
    return (red.value, green.value, blue.value), alpha.value


def _is_stencil(image: Any, page: Any, pdf: Any) -> bool:
    """Tell whether an image is a mask through which a colour is drawn."""
    data = pdf.FPDF_IMAGEOBJ_METADATA()
    return bool(
        pdf.FPDFImageObj_GetImageMetadata(image, page, data)
        and data.bits_per_pixel <= 1
        and data.colorspace == pdf.FPDF_COLORSPACE_UNKNOWN
    )


def _clip(thing: _Object, pdf: Any) -> Box | None:
    """Return the box that the object is clipped to; None if its shape is not a rectangle."""
    box: Box = (-math.inf, -math.inf, math.inf, math.inf)
    path = pdf.FPDFPageObj_GetClipPath(thing.raw)
    x, y = c_float(), c_float()
    for n in range(max(0, pdf.FPDFClipPath_CountPaths(path))):
        points = []
        count = pdf.FPDFClipPath_CountPathSegments(path, n)
        if count > 5:
            return None
        for m in range(count):
            pdf.FPDFPathSegment_GetPoint(pdf.FPDFClipPath_GetPathSegment(path, n, m), x, y)
            points.append((x.value, y.value))
        if points:
            xs, ys = zip(*points, strict=True)
            box = _common(box, _moved((min(xs), min(ys), max(xs), max(ys)), thing.matrix))
    return box


def _box(thing: _Object, pdf: Any) -> Box:
    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    pdf.FPDFPageObj_GetBounds(thing.raw, left, bottom, right, top)
    return _moved((left.value, bottom.value, right.value, top.value), thing.matrix)


def _matrix(thing: Any, pdf: Any) -> _Matrix:
    matrix = pdf.FS_MATRIX()
    if not pdf.FPDFPageObj_GetMatrix(thing, matrix):
        return _UNCHANGED
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _product(inner: _Matrix, outer: _Matrix) -> _Matrix:
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def _moved(box: Box, matrix: _Matrix) -> Box:
    if matrix == _UNCHANGED:
        return box
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in box[::2] for y in box[1::2]]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _common(one: Box, other: Box) -> Box:
    return (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
