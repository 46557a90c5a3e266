"""Tells the line ends of a plain text that are meant from those that wrap a paragraph."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..reader import breaks_on_purpose

MARK = re.compile(r"\s*(?:[-*+•‣▪●◦–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+(?=\S)")  # of an item of a list
_PROSE = 55  # characters; prose is rarely wrapped at less
_SIGNS = "+<>≥≤=±~→↑↓#*•†‡§-\u2212\u2013[☐☑☒✓✔✗"
_DOSE = (
    r"\d\s?(?:[km\u00b5\u03bcn]?g|mcg|(?:micro|milli)?grams?|m?l|units?|iu|mmol|tab(?:let)?s?"
    r"|cap(?:sule)?s?|puffs?|drops?|sachets?|patch(?:es)?)(?!\w)"
)
_NAMES_A_DOSE = re.compile(_DOSE, re.IGNORECASE)
# "Bisoprolol 2.5 mg", "Insulin glargine (Lantus) 10 units", "apixaban 5 mg"
_DRUG = re.compile(
    r"\s*(?:[A-Z][\w/-]{2,}(?:\s[\w()/-]+){0,2}|[a-z][\w/-]{4,}(?:\s\w{5,})?)\s+[\d.,/-]*"
    + f"(?i:{_DOSE})"
)
_LABEL = re.compile(r"\s*[A-Z][\w /()&.'-]{0,30}:(?:\s|\Z)")  # "Diagnosis: pneumonia"
_QUOTED = re.compile(r"\s*(?:>\s*)+(?=\S)")
_GOES_ON = re.compile(  # the end of a line whose sentence goes on
    r"(?:[,(]|\w[-/\u2013]|\b(?:a|an|the|and|or|nor|but|of|to|in|on|at|by|for|from|with|without|as"
    r"|than|that|which|who|is|are|was|were|be|been|has|have|had|if|when|his|her|their|its|this"
    r"|these|into|over|under|after|before|between|per|may|should|can|will))\s*\Z"
)


def unquoted(lines: list[str]) -> list[str]:
    """Return lines without the sign ">" before each line of a quoted message.

    In short lines, it is a comparison if a number follows.
    """
    if lines[0].lstrip()[0] != ">" or not all(map(_QUOTED.match, lines)):
        return lines
    found = [_QUOTED.sub("", line) for line in lines]
    prose = max(map(len, lines)) >= _PROSE and found[0][0].isalpha()
    return found if prose or all(line[0].isalpha() for line in found) else lines


def names_a_dose(line: str) -> bool:
    """Tell whether a number with a unit is in a line, as in no heading."""
    return _NAMES_A_DOSE.search(line) is not None


def joints(lines: Sequence[str]) -> list[str]:
    """Return what goes between the lines of a paragraph: newlines or spaces.

    A line end is meant if the next word would have fitted easily, or if both lines are entries:
    items of a list, labels ("Diagnosis: …"), drugs with doses, or lines as `_are_entries` says.
    """
    width = max(map(len, lines))
    labelled = _LABEL.match(lines[0]) is not None
    found: list[str] = []
    listed = False
    for group in _groups(lines, width):
        listed = listed or MARK.match(group[0]) is not None
        entries = _are_entries(group)
        for line, following in pairwise(group):
            if _is_item(following, line, listed) and not _in_brackets(line):
                meant = listed = True
            elif labelled and _LABEL.match(following):
                meant = True
            elif listed and MARK.match(line):
                deeper = _indent(following) > _indent(line)
                meant = (
                    not deeper and _begins(following) and breaks_on_purpose(line, following, width)
                )
            elif _goes_on(line):
                meant = False
            else:
                meant = (
                    (entries and _begins(following))
                    or (_DRUG.match(line) is not None and _DRUG.match(following) is not None)
                    or breaks_on_purpose(line, following, width)
                )
            found.append("\n" if meant else " ")
        found.append("\n")
    return found[:-1]


def _groups(lines: Sequence[str], width: int) -> Iterator[Sequence[str]]:
    """Cut a paragraph after each line that ends with a colon and is followed by an entry.

    A number goes on with the sentence, unless it would have fitted easily.
    """
    start = 0
    for end, (line, following) in enumerate(pairwise(lines), start=1):
        if not line.rstrip().endswith(":") or not _begins(following) or _in_brackets(line):
            continue
        number = following.lstrip()[0].isdigit() and not MARK.match(following)
        if not number or breaks_on_purpose(line, following, width):
            yield lines[start:end]
            start = end
    yield lines[start:]


def _are_entries(lines: Sequence[str]) -> bool:
    """Tell whether lines each begin anew, and are too short or too uneven for wrapped prose.

    A line that is set in and begins with a small letter goes on with the entry above.
    """
    indent = _indent(lines[0])
    entries = [line for line in lines if _begins(line) or _indent(line) <= indent]
    width = max(map(len, lines))
    if (
        len(entries) < (2 if width < _PROSE else 3)
        or not all(map(_begins, entries))
        or any(map(_goes_on, lines[:-1]))
        or not any(map(str.islower, "".join(lines)))  # every word begins with a capital letter
    ):
        return False
    return width < _PROSE or any(
        len(line) + 1 + len(following.split(None, 1)[0]) < 0.9 * width
        for line, following in pairwise(lines)
    )


def _is_item(line: str, above: str, listed: bool) -> bool:
    """Tell whether a line is an item of a list, and not a number or sign in wrapped prose."""
    mark = MARK.match(line)
    if listed or not mark:
        return mark is not None
    sign = mark[0].strip()
    ended = above.rstrip()[-1] in ":;."
    return sign.rstrip(".)") in "1a-*•‣▪●◦–" or (sign.strip("(.)") in "1a+" and ended)


def _goes_on(line: str) -> bool:
    """Tell whether the sentence at the end of a line must go on in the next one."""
    return _GOES_ON.search(line) is not None or _in_brackets(line)


def _in_brackets(line: str) -> bool:
    return line.rfind("(") > line.rfind(")")


def _begins(line: str) -> bool:
    """Tell whether a line begins with a capital letter, a number or a sign."""
    first = line.lstrip()[0]
    return first.isupper() or first.isdigit() or first in _SIGNS


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
