"""Brings text into one normal form, and finds where it can be cut between characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..types import Block

# Zero-width non-joiner and joiner, combining grapheme joiner: hold both neighbours.
_JOINERS = "\u200c\u200d\u034f"
# The scripts in which a zero-width joiner or non-joiner is part of the spelling: Arabic and its
# relatives, Indic scripts and those of their family, Mongolian.
_JOINING = re.compile(
    "[\u0600-\u0dff\u0f00-\u109f\u1700-\u18af\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff]"
)
_JOINER_RUN = re.compile("[\u200c\u200d]+")
_MARKS_LIMIT = 30  # marks on one letter: as many as in Unicode's "stream-safe" text
_NEWLINES = (0x0B, 0x0C, 0x85, 0x2028, 0x2029)  # what Unicode calls line ends, besides LF and CR
_SPACES = (0x09, *range(0x1C, 0x20), 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_DROPPED = (
    *(code for code in (*range(0x1C), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A, *_NEWLINES)),
    0xAD,  # soft hyphen
    0x180E,  # Mongolian vowel separator, zero width
    0x200B,  # zero-width space
    *range(0x200E, 0x2010),  # direction marks
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

    NFC; line ends are LF; no control, zero-width or half characters, except joiners that belong to
    the spelling; each Unicode space and tab is a plain space; no double spaces, no spaces before a
    line end, at most one blank line in a row, no white space at either end. Cleaning a second time
    changes nothing.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
    if "\u200c" in text or "\u200d" in text:
        text = _JOINER_RUN.sub(_needed_joiner, text)
    # After characters are dropped: one may have stood between a letter and its accent.
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r" {2,}", " ", text).replace(" \n", "\n")
    return re.sub(r"\n{3,}", "\n\n", text).strip(" \n")


def _needed_joiner(run: re.Match[str]) -> str:
    """Return the first joiner of a run if the text is spelled with it, else nothing.

    It stays between two letters of which one is of a script that uses joiners, after a virama (a
    letter that is written as half of itself), and between emoji.
    """
    text, at, after = run.string, run.start() - 1, run.string[run.end() : run.end() + 1]
    marked = False
    # Composing may change the order and the number of the marks, so none of them decides alone.
    for _ in range(_MARKS_LIMIT):
        if at < 0 or not (text[at] in _JOINERS or unicodedata.category(text[at]).startswith("M")):
            break
        marked = marked or unicodedata.combining(text[at]) == 9  # a virama
        at -= 1
    else:
        return ""
    if at < 0:
        return ""
    base = text[at]
    if unicodedata.category(after or " ") == "So":
        needed = unicodedata.category(base) in ("So", "Sk")  # Sk: skin tones
    elif not _JOINING.match(base):
        needed = base.isalnum() and after.isalnum() and _JOINING.match(after) is not None
    else:
        on_letter = after.isalnum() or unicodedata.category(after or " ").startswith("M")
        needed = base.isalnum() and (marked or on_letter)
    return run[0][0] if needed else ""


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
        return not (before == "\r" and after == "\n") and (
            before not in _JOINERS or after.isspace()
        )
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
