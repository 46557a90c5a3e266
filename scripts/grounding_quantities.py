"""False statements with another quantity: number, decimal point, range, exponent, exchange."""

from __future__ import annotations

import re
from random import Random

from grounding_rules import NUMBER, NUMBER_WORDS, UNIT, WORDS, Place, replaced

_COMPARED = re.compile(
    r"(?:\bat (?:least|most)|\bthan|\bover|\bunder|\babove|\bbelow|\bup to|\bwithin|\bto|\band"
    r"|\bexceed\w*|\bpast|\bbetween|[<>≤≥=~-])\s*$",
    re.I,
)
_NAMED = re.compile(
    r"(?:\b(?:types?|grade|stage|phase|fig\w*|tables?|class|group|chromosome|factor|exon|page)"
    r"|[a-z ,][A-Z][\w-]*|^(?!About|Nearly|Almost|In|Of|The|Only|Approx)[A-Z][\w-]*)\.?\s*$"
)


def number(place: Place, draw: Random) -> str | None:
    text, found = place.sentence, []
    for one in re.finditer(rf"({NUMBER}|\b(?:{WORDS.replace(' ', '|')})\b)(?= ?%| [a-z])", text):
        before, after = text[: one.start()], text[one.end() :]
        bounded = re.match(r"\S*(?: \S+)? (?:or|and) (?:more|less|older|younger|over|above)", after)
        if not (_COMPARED.search(before) or _NAMED.search(before) or bounded):
            found.append(one)
    if not found:
        return None
    one = draw.choice(found)
    if one[0] in NUMBER_WORDS:
        return replaced(text, one.span(), draw.choice([w for w in NUMBER_WORDS if w != one[0]]))
    if re.fullmatch(r"(?:19|20)\d\d", one[0]):
        return None  # a year
    value, places = float(one[0].replace(",", "")), len(one[0].partition(".")[2])
    factor = draw.choice((0.5, 2, 3)) if value < 30 else draw.choice((0.5, 0.7, 1.3))
    new = f"{value * factor:,.{places}f}" if "," in one[0] else f"{value * factor:.{places}f}"
    return None if re.search(rf"\b{re.escape(new)}\b", place.source) else replaced(
        text, one.span(), new
    )  # fmt: skip


def decimal_point(place: Place, draw: Random) -> str | None:
    found = re.findall(r"(?<![\w.,/-])\d*\.\d+(?![\w.]| [A-Z])", place.sentence)
    if not found:
        return None
    one = draw.choice(found)
    whole, _, part = one.partition(".")
    new = f"{whole.lstrip('0')}{part[0]}".lstrip("0") + (f".{part[1:]}" if part[1:] else "")
    return None if new.startswith(".") or new == "" else place.sentence.replace(one, new, 1)


def range_end(place: Place, draw: Random) -> str | None:
    found = re.search(
        rf"({NUMBER})(?: ?[-–] ?| to | and )(\d+(?:\.\d+)?)(?![\d.,]*\d)", place.sentence
    )
    if not found or "." in found[0] or "," in found[1]:
        return None
    low, high = int(found[1]), int(found[2])
    joined = " and " not in found[0] or place.sentence[: found.start()].endswith("between ")
    if not (low < high < 1900 and joined):
        return None
    return replaced(place.sentence, found.span(2), str(high + draw.choice((1, 2)) * (high - low)))


def exponent(place: Place, draw: Random) -> str | None:
    raised, plain = "⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"
    found = re.search(
        r"(?:10\^\(?|10\(|[×x] ?10(?=[-−]))[-−]?(\d+)(?![\d.%])|10⁻?([⁰¹²³⁴-⁹]+)", place.sentence
    )
    if not found:
        return None
    group = 1 if found[1] else 2
    old = found[group].translate(str.maketrans(raised, plain))
    new = str(int(old) + draw.choice((2, 3)))
    if found[group] != old:
        new = new.translate(str.maketrans(plain, raised))
    return replaced(place.sentence, found.span(group), new)


def quantity_swap(place: Place, _: Random) -> str | None:
    text = place.sentence
    if re.search(r"\b(?:CI|confidence|SD|range|interquartile|out of)\b", text):
        return None
    bound = re.compile(r"(?:\bto|\bbetween|[–-]) ?$")
    seen: dict[str, re.Match[str]] = {}
    for one in re.finditer(rf"({NUMBER})(?: ?(%)| ({UNIT}))", text):
        unit = one[2] or one[3]
        other = seen.setdefault(unit, one)
        between = re.findall(r"[A-Za-z]{2,}", text[other.end() : one.start()])
        if len(between) >= 2 and other[1] != one[1] and not bound.search(text[: one.start()]):
            changed = replaced(text, one.span(1), other[1])
            return replaced(changed, other.span(1), one[1])
    return None
