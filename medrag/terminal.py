"""Text for any terminal: near ASCII for what its encoding lacks, nothing that controls it."""

from __future__ import annotations

import codecs
import os
import re
import sys
import unicodedata
from io import TextIOWrapper
from typing import NoReturn

_READABLE = "medrag.readable"  # name of the error handler below
_PIPE_CLOSED = 141  # what a shell reports for a command whose reader has gone: 128 + SIGPIPE
_SIGNS = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′‹›`´", "'"),
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
    **dict.fromkeys("•‣▪●∙◦", "*"),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
    "…": "...", "≥": ">=", "⩾": ">=", "≧": ">=", "≤": "<=", "⩽": "<=", "≦": "<=", "±": "+/-",
    "∓": "-/+", "×": "x", "⋅": ".", "÷": "/", "⁄": "/", "∕": "/", "≈": "~", "∼": "~", "≃": "~",
    "≠": "!=", "≡": "==", "≪": "<<", "≫": ">>", "∞": "infinity", "√": "sqrt ", "→": "->",
    "←": "<-", "↔": "<->", "⇒": "=>", "⇌": "<=>", "↑": "(up)", "↓": "(down)", "‰": " per 1000",
    "©": "(c)", "®": "(R)", "™": "(TM)", "€": "EUR ", "£": "GBP ", "¥": "JPY ",
    "¢": " cents", "§": "section ", "¶": "", "†": "(+)", "‡": "(++)", "ß": "ss", "æ": "ae",
    "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L",
    "ð": "d", "þ": "th", "ı": "i", "✓": "(yes)", "✔": "(yes)", "✗": "(no)", "✘": "(no)",
    "─": "-", "━": "-", "═": "=", "│": "|", "┃": "|", "\ufffd": "?",
}  # fmt: skip
_MICRO = "µμ"
_KEPT = "\u200c\u200d"  # joiners belong to the spelling
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)")
_UNIT = re.compile(r"(?:g|[lLmsVAUMNK]|mol|kat|Ci|Gy|Sv)(?![a-z]{2})")


def prepare_streams() -> None:
    """Make the standard streams give and take any text, whatever their encoding is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_READABLE)
    if isinstance(sys.stdin, TextIOWrapper):
        if codecs.lookup(sys.stdin.encoding).name == "ascii":  # of which UTF-8 has all
            sys.stdin.reconfigure(encoding="utf-8")
        sys.stdin.reconfigure(errors="replace")


def finish_output() -> None:
    """Write what is left for standard output; see `reader_has_gone`."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        reader_has_gone()


def reader_has_gone() -> NoReturn:
    """Exit without a word when the reader of standard output has gone, as in `… | head -1`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
    sys.exit(_PIPE_CLOSED)


def plain(text: str, lines: bool = False) -> str:
    """Text from elsewhere for the terminal: nothing in it is markup or a control code.

    What the encoding of standard output lacks is replaced here, before lines are wrapped.

    Args:
        lines: keep the ends of lines; where one line is expected, another one could pretend to be
            said by medrag.
    """
    from rich.markup import escape

    parts = text.split("\n") if lines else [text]
    shown = "\n".join("".join(map(_harmless, part)) for part in parts)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return escape(shown.encode(encoding, _READABLE).decode(encoding))


def _harmless(sign: str) -> str:
    """A character, unless it controls the terminal or the direction of the line."""
    if sign.isprintable() or sign in _KEPT:
        return sign
    if sign.isspace() and sign not in "\n\r\v\f":
        return " "
    return {"Cf": "", "Cc": "·"}.get(unicodedata.category(sign), "\ufffd")


def _readable(error: UnicodeError) -> tuple[str, int]:
    """Replace what cannot be encoded; no number and no sign is lost."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object
    return "".join(_near(text, place) for place in range(error.start, error.end)), error.end


codecs.register_error(_READABLE, _readable)


def _near(text: str, place: int) -> str:
    """What stands for a character where there is only ASCII."""
    sign = text[place]
    if sign.isascii():
        return sign
    before, after = text[:place], text[place + 1 :]
    if sign in _MICRO:
        return _micro(before, after)
    if sign == "·":  # a decimal point: "0·5"
        if before[-1:].isalnum() and after[:1].isalnum():
            return "." if before[-1].isdigit() else "*"
        return "|"
    if sign == "°":
        return "deg" if before[-1:].isspace() else " deg"
    if sign in _SIGNS:
        return _SIGNS[sign]
    simple = unicodedata.normalize("NFKD", sign)
    if "<super>" in unicodedata.decomposition(sign):  # 10⁹ is not 109
        raised = "<super>" in unicodedata.decomposition(before[-1:] or "x")
        return ("" if raised or not before[-1:].isalnum() else "^") + _ascii(simple)
    if "⁄" in simple and before[-1:].isdigit():  # 1½ is not 11/2
        return " " + _ascii(simple)
    if greek := _GREEK.match(unicodedata.name(sign, "")):
        return greek[2].capitalize() if greek[1] == "CAPITAL" else greek[2].lower()
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    if sign.isspace():
        return " "
    return _ascii(simple)


def _micro(before: str, after: str) -> str:
    """ "µg" is written "mcg", because "ug" has been read as "mg"; other units take UCUM's "u"."""
    if before[-1:].isalpha() or not _UNIT.match(after):
        return "mu"
    return "mc" if re.match(r"g(?![a-z])", after) else "u"


def _ascii(text: str) -> str:
    return "".join(
        one if one.isascii() else _SIGNS.get(one, _named(one))
        for one in text
        if not unicodedata.combining(one)
    )


def _named(sign: str) -> str:
    """A sign by its name; a letter of another script is a question mark."""
    if unicodedata.category(sign).startswith("S"):
        return f"({unicodedata.name(sign, 'sign').lower()})"
    return "?"
