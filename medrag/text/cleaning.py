"""Where a text may be cut without splitting what a reader sees as one character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..types import Block

_JOINERS = "\u200d\u034f"  # zero-width joiner, combining grapheme joiner: hold both neighbours


def may_cut(text: str, at: int) -> bool:
    """Tell whether no grapheme spans the boundary before `text[at]` (0 < at < len(text)).

    Stricter than Unicode's own rule (UAX #29) in places, never laxer: a text that is all one
    grapheme by it is cut wherever there is no way around.
    """
    before, after = text[at - 1], text[at]
    if after < "\u0300":
        return not (before == "\r" and after == "\n")
    if before in _JOINERS or after in _JOINERS:
        return False
    if unicodedata.category(after).startswith("M"):  # accents, vowel signs, variation selectors
        return False
    if unicodedata.combining(before) == 9:  # a virama: what follows is one with it
        return False
    # Hangul syllables written as letters; emoji skin tones and tags; flags are pairs of letters.
    return not (
        "\u1160" <= after <= "\u11ff"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\U000e0020" <= after <= "\U000e007f"
        or ("\U0001f1e6" <= after <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff")
    )


_NEWLINES = (0x0B, 0x0C, 0x85, 0x2028, 0x2029)  # all the code points that Unicode calls a line end
_SPACES = (0x09, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_DROPPED = (
    *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A, *_NEWLINES)),
    0xAD,  # soft hyphen
    0x180E,  # Mongolian vowel separator, zero width
    *range(0x200B, 0x2010),  # zero-width space, joiners and direction marks
    *range(0x202A, 0x202F),  # direction embeddings
    *range(0x2060, 0x2070),  # word joiner, invisible operators, direction isolates
    0xFEFF,  # BOM
    *range(0xD800, 0xE000),  # half a character, out of a broken \u escape: no encoding takes it
)
_TABLE: dict[int, str | None] = {
    **dict.fromkeys(_DROPPED, None),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_NEWLINES, "\n"),
}


def clean_text(text: str) -> str:
    """Return `text` in the one form that is chunked, stored and cited.

    NFC; LF line ends; no control, zero-width or half characters; every Unicode space and tab a
    plain space; no two spaces in a row; no space before a line end; at most one blank line;
    nothing around. Cleaning twice changes nothing.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
    # After the dropping, because what stood between a letter and its accent may just have gone.
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r" {2,}", " ", text).replace(" \n", "\n")
    return re.sub(r"\n{3,}", "\n\n", text).strip(" \n")


def clean_chunks(texts: Iterable[str]) -> Iterator[str]:
    """Yield each text cleaned; those with nothing left are dropped. Constant memory."""
    for text in texts:
        cleaned = clean_text(text)
        if cleaned:
            yield cleaned


def clean_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield each block with its text and section cleaned; those with nothing left are dropped.

    Glue stays true: white space that cleaning takes off the ends of neighbours glued by "" comes
    back as a space, and a dropped block hands its glue on where that is the stronger one.
    """
    pending = ""  # the least glue that the next block needs
    for block in blocks:
        text = clean_text(block.text)
        glue = _stronger(pending, block.glue)
        if block.text[:1].isspace():
            glue = _stronger(glue, " ")
        pending = " " if block.text[-1:].isspace() else ""
        if text:
            yield replace(block, text=text, glue=glue, section=clean_text(block.section))
        else:
            pending = _stronger(pending, glue)


def _stronger(one: str, other: str) -> str:
    """Return the wider of two separators: "" < " " < a blank line, which is also their length."""
    return max(one, other, key=len)
