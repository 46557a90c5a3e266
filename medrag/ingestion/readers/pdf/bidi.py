"""Puts right-to-left text, as drawn from left to right, into the order in which it is read.

This undoes the reordering of the Unicode Bidirectional Algorithm (UAX #9) for a line. Where two
texts look the same on the page ("500 Metformin" and "Metformin 500" in a Hebrew line), words in
Latin letters and the numbers next to them keep the order that they have from left to right.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_PRESENTATION = re.compile("[\ufb1d-\ufdff\ufe70-\ufefc]")
_HEBREW_FINALS = "םןץףך"
_ARABIC_FINALS = "ةى"
_WORD = re.compile("[א-ת\u0621-\u064a]{3,}")
_OPENING, _CLOSING = "([{«‹", ")]}»›"
_MIRRORED = str.maketrans(_OPENING + _CLOSING + "<>≤≥", _CLOSING + _OPENING + "><≥≤")


def letters(text: str) -> str:
    """Return `text` with the presentation forms of Arabic and Hebrew letters as plain letters."""
    return _PRESENTATION.sub(lambda form: unicodedata.normalize("NFKC", form[0]), text)


def is_reversed(lines: Iterable[str]) -> bool:
    """Tell whether lines, read from left to right, have their right-to-left words backwards.

    Some programs draw such text from left to right without reversing it. Letters that only end a
    word, and the Arabic article that only begins one, show it. Without them, the answer is True.
    """
    balance = 0
    for line in lines:
        for word in _WORD.findall(letters(line)):
            balance += word[0] in _HEBREW_FINALS + _ARABIC_FINALS or word.endswith("لا")
            balance -= word[-1] in _HEBREW_FINALS + _ARABIC_FINALS or word.startswith("ال")
    return balance >= 0


def is_leftward(line: str, usually: bool) -> bool:
    """Tell whether a line, given as drawn from left to right, is read from right to left.

    Args:
        usually: whether most lines of its page are.
    """
    found = [character for character in line if character.isalpha()]
    if is_right_to_left(line) or not found:
        return True
    return usually and any(RIGHT_TO_LEFT.match(character) for character in (found[0], found[-1]))


def is_right_to_left(text: str) -> bool:
    """Tell whether at least half of the letters are written from right to left."""
    return 2 * len(RIGHT_TO_LEFT.findall(text)) >= max(1, sum(map(str.isalpha, text)))


def has_mirrored_signs(lines: Sequence[str], right_to_left: bool) -> bool:
    """Tell whether brackets are as drawn on the page, so that "(" opens to the right.

    Some programs do not mirror them in right-to-left text: then they fit together as they are.
    """
    turned, plain = (
        sum(_faults(_turned(line, is_leftward(line, right_to_left), mirrored)) for line in lines)
        for mirrored in (True, False)
    )
    return turned <= plain


def unmirrored(character: str) -> str:
    """Return the sign that looks like the mirror image of this one, or the character itself."""
    return character.translate(_MIRRORED)


def logical(line: str, right_to_left: bool, mirrored: bool = True) -> str:
    """Return a line in the order of reading.

    Args:
        line: its characters from left to right.
        right_to_left: whether its paragraph runs from right to left.
        mirrored: see `has_mirrored_signs`.
    """
    if not RIGHT_TO_LEFT.search(line):
        return line
    return repaired(_turned(line, right_to_left, mirrored))


def _turned(line: str, right_to_left: bool, mirrored: bool) -> str:
    if not RIGHT_TO_LEFT.search(line):
        return line
    clusters = _clusters(line)
    kinds = [unicodedata.bidirectional(letters(cluster)[:1]) for cluster in clusters]
    if right_to_left:
        return _read_leftwards(clusters, kinds, mirrored)
    # Each run of right-to-left words, with the numbers and signs between them, is turned.
    written, n = "", 0
    while n < len(clusters):
        if kinds[n] not in ("R", "AL"):
            written += letters(clusters[n])
            n += 1
            continue
        stop = last = n
        while stop < len(clusters) and kinds[stop] != "L":
            stop += 1
            last = stop if kinds[stop - 1] in ("R", "AL") else last
        written += _read_leftwards(clusters[n:last], kinds[n:last], mirrored)
        n = last
    return written


def repaired(line: str) -> str:
    """Return a line with single brackets turned round where only then they have a partner."""
    faults = _faults(line)
    for n, character in enumerate(line):
        if faults and character in _OPENING + _CLOSING:
            turned = line[:n] + character.translate(_MIRRORED) + line[n + 1 :]
            if (left := _faults(turned)) < faults:
                line, faults = turned, left
    return line


def _clusters(line: str) -> list[str]:
    """Return the characters, each with the marks that combine with it."""
    found: list[str] = []
    for character in line:
        if found and unicodedata.combining(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _read_leftwards(clusters: list[str], kinds: list[str], mirrored: bool) -> str:
    written = ""
    end = len(clusters)
    for start, stop in [*reversed(_rightward(clusters, kinds)), (0, 0)]:
        between = "".join(map(letters, reversed(clusters[stop:end])))
        written += between.translate(_MIRRORED) if mirrored else between
        written += "".join(map(letters, clusters[start:stop]))
        end = start
    return written


def _faults(text: str) -> int:
    """Count the brackets without a partner."""
    open_: list[int] = []
    faults = 0
    for character in text:
        if character in _OPENING:
            open_.append(_OPENING.index(character))
        elif character in _CLOSING:
            if open_ and open_[-1] == _CLOSING.index(character):
                open_.pop()
            else:
                faults += 1
    return faults + len(open_)


def _rightward(clusters: list[str], kinds: list[str]) -> list[tuple[int, int]]:
    """Return where the runs are that are read from left to right: numbers, and Latin words."""
    runs: list[tuple[int, int]] = []
    n = 0
    while n < len(kinds):
        if kinds[n] not in ("L", "EN", "AN"):
            n += 1
            continue
        stop = last = n
        while stop < len(kinds) and kinds[stop] not in ("R", "AL"):
            stop += 1
            last = stop if kinds[stop - 1] in ("L", "EN", "AN") else last
        if "L" in kinds[n:last]:
            inside = "".join(clusters[n:last])
            while last < stop and clusters[last] in _CLOSING and _faults(inside):
                inside += clusters[last]
                last += 1
            while last < stop and kinds[last] == "ET":  # "eGFR 30%"
                last += 1
            runs.append((n, last))
        else:
            runs += _numbers(kinds, n, last, stop)
        n = stop
    return runs


def _numbers(kinds: list[str], start: int, last: int, stop: int) -> Iterable[tuple[int, int]]:
    """Yield the numbers between `start` and `last`, each with its separators and, in Hebrew, signs.

    After Arabic letters, "%" and "-" are not part of a number (rules W2 to W5).
    """
    arabic = next((kind == "AL" for kind in kinds[stop:] if kind in ("R", "AL", "L")), False)
    first = start
    while not arabic and first and kinds[first - 1] == "ET":
        first -= 1
    codes = "".join(
        {"EN": "n", "AN": "n", "CS": "c", "ES": "s", "ET": "t"}.get(kind, " ")
        for kind in kinds[first:stop]
    )
    number = r"n+(?:cn+)*" if arabic else r"t*n+(?:[cs]n+)*t*"
    return [(first + match.start(), first + match.end()) for match in re.finditer(number, codes)]
