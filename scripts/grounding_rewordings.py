"""Say what a sentence says in other words, one kind of rewording each."""

from __future__ import annotations

import re
from random import Random

from grounding_rules import (
    NUMBER_WORDS,
    PRONOUN,
    TIME,
    VERBS,
    Place,
    Rule,
    both_ways,
    capital,
    exchange,
    first_of,
    is_plural,
    one_way,
    replaced,
    rewrite,
    sides,
    small,
)

_DIGITS = {str(value): word for word, value in NUMBER_WORDS.items()}
_SYNONYMS = both_ways(
    "heart attack/myocardial infarction, shortness of breath/dyspnea, medicines/medications,"
    "doctor/physician, doctors/physicians, usually/generally, begins/starts,"
    "kidney disease/renal disease, kidney failure/renal failure,"
    "bleeding/hemorrhage, itching/pruritus, difficulty swallowing/dysphagia, illness/sickness,"
    "swelling/edema, liver damage/hepatic damage, bedwetting/nocturnal enuresis,"
    "underactive thyroid/hypothyroidism, overactive thyroid/hyperthyroidism"
) | one_way(
    "people > persons, high blood pressure > hypertension, affects > has an effect on,"
    "pyrexia > fever, show > demonstrate, showed > demonstrated, occurs > happens,"
    "mainly > chiefly,"
    "obtain > get, numerous > many, however > nevertheless, entire > whole, often > frequently,"
    "seldom > rarely, lack of > absence of, approximately > about,"
    "commonly > frequently, throughout > all through, physicians > doctors, permits > allows"
)
_CONTRACTIONS = both_ways(
    "is not/isn't, are not/aren't, was not/wasn't, were not/weren't, does not/doesn't,"
    "do not/don't, did not/didn't, cannot/can't, should not/shouldn't, has not/hasn't,"
    "have not/haven't, will not/won't"
)
_HEDGES = one_way(
    "may > might, might > may, possibly > perhaps, perhaps > possibly, probably > most likely,"
    "is associated with > is linked with, are associated with > are linked with,"
    "was associated with > was linked with, were associated with > were linked with,"
    "appears to > seems to, appear to > seem to, seems to > appears to, seem to > appear to,"
    "sometimes > at times, suggests that > gives reason to think that, usually > as a rule"
)
_ITEM = r"(?!(?:and|or)\b)[\w-]+(?: (?!(?:and|or)\b)[\w-]+){0,2}"
_LIST = re.compile(
    rf"(?<=\b)(include|includes|including|are|such as|causes?) ({_ITEM}), ((?:{_ITEM}, )*)"
    rf"({_ITEM}),? (and|or) ({_ITEM})(?=\.$)"
)
_DEFINED = re.compile(r"(?<![\w'’])((?:[\w-]+ ){1,7})\(([A-Z][A-Za-z]?[A-Z0-9]{1,5})\)")


def number_format(place: Place, draw: Random) -> str | None:
    text = place.sentence
    found = list(
        re.finditer(
            rf"(?<![\w.,/–-])(?:(?P<thousands>\d{{1,3}}(?:,\d{{3}})+)(?![\d.,–-]\d)"
            rf"|(?P<share>\d+(?:\.\d+)?)(?:%| percent\b)"
            rf"|(?P<digits>{'|'.join(_DIGITS)})(?= (?:{TIME}|people|patients|types|children)\b)"
            rf"|(?P<word>{'|'.join(NUMBER_WORDS)})(?= (?!thirds|quarters|fifths)[a-z]+s\b)"
            rf"|(?P<point>0\.\d+)(?![\d.]))",
            text,
        )
    )
    found = [
        one
        for one in found
        if not re.search(r"\b(?:type|grade|stage|to|and|or) $", text[: one.start()])
    ]
    if not found:
        return None
    one = draw.choice(found)
    match one.lastgroup:
        case "thousands":
            new = one[0].replace(",", "")
        case "share":
            new = f"{one['share']} percent" if one[0].endswith("%") else f"{one['share']}%"
        case "digits":
            new = _DIGITS[one[0]]
        case "word":
            new = str(NUMBER_WORDS[one[0]])
        case _:
            new = one[0][1:]
    return replaced(text, one.span(), new)


def unit_conversion(place: Place, draw: Random) -> str | None:
    """A multiple or a part of the unit, where the number stays short."""
    text = place.sentence
    known = {
        "hours": ("minutes", 60), "days": ("hours", 24), "weeks": ("days", 7),
        "years": ("months", 12), "g": ("mg", 1000), "mg": ("micrograms", 1000),
        "grams": ("mg", 1000), "cm": ("mm", 10), "L": ("mL", 1000), "liters": ("mL", 1000),
        "kg": ("g", 1000), "minutes": ("seconds", 60),
    }  # fmt: skip
    small_ones = {fine: (coarse, factor) for coarse, (fine, factor) in known.items()}
    changes = []
    amounts = rf"\d{{1,4}}(?:\.\d+)?|{'|'.join(NUMBER_WORDS)}"
    units = "|".join({*known, *small_ones})
    for one in re.finditer(rf"(?<![\w.,/–-])({amounts}) ({units})(?![\w/])", text):
        before = text[: one.start()]
        if re.search(r"(?:[–-]|\b(?:to|and|or|between|from)) ?$", before) or re.match(
            r" (?:to|or|per|a|of gestation)\b", text[one.end() :]
        ):
            continue  # in a range both ends have to change
        value = float(NUMBER_WORDS.get(one[1], 0) or one[1])
        for unit, amount in (
            (known[one[2]][0], value * known[one[2]][1]) if one[2] in known else ("", 0.0),
            (small_ones[one[2]][0], value / small_ones[one[2]][1])
            if one[2] in small_ones
            else ("", 0.0),
        ):
            limit = 120 if re.fullmatch(TIME + "|seconds", unit) else 5000
            if 2 <= amount <= limit and amount == round(amount, 1):
                changes.append((one.span(), f"{amount:g} {unit}"))
    return replaced(text, *draw.choice(changes)) if changes else None


def abbreviation(place: Place, _: Random) -> str | None:
    """The short for the long form or the other way, as the source defines them."""
    for one in _DEFINED.finditer(place.source):
        short, words = one[2], one[1].split()
        letters = [letter.lower() for letter in short if letter.isalpha()]
        # The plainest definitions only: each letter begins a word.
        long = words[-len(letters) :]
        if len(long) < len(letters) or [word[0].lower() for word in long] != letters:
            continue
        full, text = " ".join(long), place.sentence
        if f"{full} ({short})" in text:
            return text.replace(f"{full} ({short})", short)
        for old, new in ((short, small(full)), (full, short)):
            found = re.search(rf"(?<![\w(-]){re.escape(old)}(?![\w)-])", text)
            if found:
                return replaced(text, found.span(), new)
    return None


def passive_voice(place: Place, _: Random) -> str | None:
    found = sides(place.sentence)
    if not found or re.search(r" (?:in|by|after|during|when|with|at|from|and) ", found["object"]):
        return None
    if found["modal"]:
        verb = f"{found['modal']}be"
    else:
        verb = "are" if is_plural(found["object"]) else "is"
    return f"{capital(found['object'])} {verb} {VERBS[found['verb']]} by {small(found['subject'])}."


def reordered(place: Place, _: Random) -> str | None:
    text = place.sentence
    if found := _LIST.search(text):
        middle = [item for item in found[3].split(", ") if item]
        first, *others = [found[6], found[2], *middle, found[4]]
        items = f"{first}, {', '.join(others[:-1])}, {found[5]} {others[-1]}"
        return replaced(text, found.span(), f"{found[1]} {items}")
    found = re.match(
        r"((?:If|When|Although|Because|In some|In most|During|After) [^,;]+), ([^,;]+)\.$", text
    )
    spoken = found and re.search(r"\b(?:it|they|this|these)\b", found[0])
    if found and not spoken and not re.search(r"\b(?:and|or|then|which)\b", found[2]):
        return f"{capital(found[2])} {found[1][0].lower()}{found[1][1:]}."
    return None


def subset(place: Place, _: Random) -> str | None:
    text = place.sentence
    if (found := _LIST.search(text)) and found[1] not in {"are", "cause", "causes"}:
        return replaced(text, found.span(), f"{found[1]} {found[2]} and {found[6]}") if (
            found[5] == "and"
        ) else None  # fmt: skip
    found = re.match(r"([A-Z][^;:()]{30,}); (?!however)[a-z]", text)
    if found:
        return f"{found[1]}."
    bare = re.sub(
        r" \((?![^)]*\b(?:not|except|only|unless|after|before|if|when)\b)[^)]*\)", "", text, count=1
    )
    return bare if bare != text else None


def pronoun_resolved(place: Place, _: Random) -> str | None:
    named = re.match(
        r"((?:An? |The )?[A-Z]?[\w-]+(?: [\w-]+){0,3}?) (is|are) (?:an?|the)? ?[a-z]", place.before
    )
    found = re.match(
        r"(It|They) (?!(?:is|was|has been|may be|can be|are) (?:\w+ )?(?:that|to|for|possible|"
        r"important|known|not|thought|estimated|common|rare|likely|difficult|believed)\b)"
        r"(?:is|was|has|can|usually|often|affects?|occurs?|causes?|are|were|have|may)\b",
        place.sentence,
    )
    if (
        not named
        or not found
        or PRONOUN.match(named[1])
        or (named[2] == "are") != (found[1] == "They")
    ):
        return None
    if re.search(r"\b(?:which|of|and|by|in|that)\b.*\b(?:which|called)\b", place.before):
        return None  # what "it" is may be something else
    return named[1] + place.sentence[len(found[1]) :]


def merged_sentences(place: Place, _: Random) -> str | None:
    one, two = place.sentence, place.after
    if not two or len(one.split()) > 16 or len(two.split()) > 16 or PRONOUN.match(two):
        return None
    if not re.fullmatch(r"[A-Z][^;:?]+\.", two) or re.match(
        r"(?:However|Also|Then|But|And|Thus)\b", two
    ):
        return None
    return f"{one[:-1]}, and {small(two)}"


def table_row(place: Place, _: Random) -> str | None:
    """The first cell and the last one of a row "column: value; column: value"."""
    cells = [cell.split(": ") for cell in place.sentence.rstrip(".").split("; ")]
    if len(cells) < 2 or any(len(cell) != 2 for cell in cells):
        return None
    (key, value), (name, last) = cells[0], cells[-1]
    return f"For {small(key)} {value}, the {small(name)} is {last}."


REWORDINGS: dict[str, Rule] = {
    "verbatim": lambda place, _: place.sentence,
    "number_format": number_format,
    "unit_conversion": unit_conversion,
    "abbreviation": abbreviation,
    "passive_voice": passive_voice,
    "reordered": reordered,
    "subset": subset,
    "synonym": exchange(_SYNONYMS, unless=r"\bshow(?:ed)? up\b"),
    "pronoun_resolved": pronoun_resolved,
    "merged_sentences": merged_sentences,
    "negated_faithful": first_of(
        [
            exchange(_CONTRACTIONS),
            rewrite(
                (r"^There (is|are) no (?=\w)", r"There \1 not any "),
                (r"\bit is not known\b", "it is unknown"),
            ),
        ]
    ),
    "hedged_faithful": exchange(_HEDGES),
    "table_row": table_row,
}
