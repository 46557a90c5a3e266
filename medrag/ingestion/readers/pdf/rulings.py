"""Finds the ruled lines in the picture of a page, which hide the text of a table from OCR."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .ocr import Picture

    Mask = NDArray[np.bool_]  # [height, width]

_DARK = 0.82  # of the brightness of the paper; a grey line is darker
_LONG = 0.4  # inches; a shorter line may be part of a letter
_FRAME = 2  # lines on opposite sides
_THICK = 0.05  # inches; a thicker line is an area or part of a large letter


class Rulings(NamedTuple):
    """The straight lines along a page.

    Attributes:
        pixels: which belong to lines or touch one.
        many: whether there are as many as in a table, not just the frame of a page or box.
    """

    pixels: Mask
    many: bool


def rulings(picture: Picture, dpi: float) -> Rulings:
    """Return the ruled lines of a picture.

    Args:
        dpi: pixels per inch.
    """
    dark = picture < _DARK * float(np.median(picture[::8, ::8]))
    flat, upright = _flat(dark, dpi), _flat(dark.T, dpi)
    many = max(map(_count, (flat, upright))) > _FRAME
    return Rulings(_wider(flat | upright.T), many)


def _count(flat: Mask) -> int:
    """Return at how many heights there are horizontal lines."""
    rows: NDArray[np.bool_] = np.any(flat, axis=1)
    return int(rows[0]) + int(np.count_nonzero(rows[1:] & ~rows[:-1]))


def _flat(dark: Mask, dpi: float) -> Mask:
    """Return the pixels of horizontal lines."""
    lines = _runs(dark, int(_LONG * dpi))
    return lines & ~_runs(lines.T, max(5, int(_THICK * dpi))).T


def _runs(dark: Mask, length: int) -> Mask:
    """Return the pixels in horizontal runs of at least `length`."""
    if dark.shape[1] < length:
        return np.zeros_like(dark)
    sums = np.zeros((dark.shape[0], dark.shape[1] + 1), np.int32)
    np.cumsum(dark, axis=1, out=sums[:, 1:])
    starts = sums[:, length:] - sums[:, :-length] == length
    width = starts.shape[1]
    count = np.zeros_like(sums)  # of the runs that a pixel is in
    count[:, :width] += starts
    count[:, length : length + width] -= starts
    found: Mask = np.cumsum(count[:, :-1], axis=1) > 0
    return found


def _wider(mask: Mask) -> Mask:
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide
