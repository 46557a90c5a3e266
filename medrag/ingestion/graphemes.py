"""Where a text may be cut without splitting what a reader sees as one character."""

from __future__ import annotations

import unicodedata

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
