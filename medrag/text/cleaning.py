"""Brings text into one normal form, and finds where it can be cut between characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..types import Block

_JOINERS = "\u200d\u034f"  # zero-width joiner, combining grapheme joiner: hold both neighbours
_NEWLINES = (0x0B, 0x0C, 0x85, 0x2028, 0x2029)  # what Unicode calls line ends, besides LF and CR
_SPACES = (0x09, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_DROPPED = (
    *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A, *_NEWLINES)),
    0xAD,  # soft hyphen
    0x180E,  # Mongolian vowel separator, zero width
    *range(0x200B, 0x2010),  # zero-width space, joiners and direction marks
    *range(0x202A, 0x202F),  # direction embeddings
    *range(0x2060, 0x2070),  # word joiner, invisible operators, direction isolates
    0xFEFF,  # BOM
    *range(0xD800, 0xE000),  # half a character, from a broken \u escape: no encoding can hold it
)
_TABLE: dict[int, str | None] = {
    **dict.fromkeys(_DROPPED, None),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_NEWLINES, "\n"),
}


def clean_text(text: str) -> str:
    """Return `text` in the form in which it is chunked, stored and cited.

    NFC; line ends are LF; no control, zero-width or half characters; each Unicode space and tab
    is a plain space; no double spaces, no spaces before a line end, at most one blank line in
    a row, no white space at either end. Cleaning a second time changes nothing.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
    # After characters are dropped: one may have stood between a letter and its accent.
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r" {2,}", " ", text).replace(" \n", "\n")
    return re.sub(r"\n{3,}", "\n\n", text).strip(" \n")


def clean_chunks(texts: Iterable[str]) -> Iterator[str]:
    """Yield each text cleaned, and drop empty ones, in constant memory."""
    for text in texts:
        cleaned = clean_text(text)
        if cleaned:
            yield cleaned


def clean_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield each block with its text and section cleaned, and drop empty ones.

    The joined text stays the same: white space that cleaning removes between blocks glued by ""
    returns as a space, and the next block takes over the glue of a dropped one if it is stronger.
    """
    pending = ""  # the next block needs at least this glue
    for block in blocks:
        text = clean_text(block.text)
        glue = _stronger(pending, block.glue)
        if block.text[:1].isspace():
            glue = _stronger(glue, " ")
        pending = " " if block.text[-1:].isspace() else ""
        if text:
            section, header = clean_text(block.section), clean_text(block.header)
            yield replace(block, text=text, glue=glue, section=section, header=header)
        else:
            pending = _stronger(pending, glue)


def _stronger(one: str, other: str) -> str:
    """Return the stronger of two separators, which is the longer: "" < " " < a blank line."""
    return max(one, other, key=len)


def may_cut(text: str, at: int) -> bool:
    """Tell whether `text` can be cut before `text[at]` without splitting a grapheme.

    A grapheme is what people see as one character. Stricter than Unicode's rule (UAX #29) in
    places, never laxer.

    Args:
        text: the text.
        at: an offset inside it, 0 < at < len(text).
    """
    before, after = text[at - 1], text[at]
    if after < "\u0300":
        return not (before == "\r" and after == "\n")
    if before in _JOINERS or after in _JOINERS:
        return False
    if unicodedata.category(after).startswith("M"):  # accents, vowel signs, variation selectors
        return False
    if unicodedata.combining(before) == 9:  # a virama joins the next letter
        return False
    # Hangul letters of one syllable; emoji skin tones and tags; flags, which are pairs of letters.
    return not (
        "\u1160" <= after <= "\u11ff"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\U000e0020" <= after <= "\U000e007f"
        or ("\U0001f1e6" <= after <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff")
    )
