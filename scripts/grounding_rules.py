"""What the rules that change a sentence share: places, patterns, exchanges of words.

These files import nothing from medrag: with its tables the check would mark its own homework.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Place:
    """A sentence with the ones before and after it ("" where there is none)."""

    before: str
    sentence: str
    after: str

    @property
    def source(self) -> str:
        return " ".join(part for part in (self.before, self.sentence, self.after) if part)


# Changes the sentence of a place; None where it does not apply.
Rule = Callable[[Place, Random], str | None]
Table = dict[str, str]

NUMBER = r"(?<![\w.,/^×()+−–-])(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?![\w^]|[.,]\d)"
WORDS = "two three four five six seven eight nine ten eleven twelve"
NUMBER_WORDS = dict(zip(WORDS.split(), range(2, 13), strict=True))
COUNT = rf"(?:{NUMBER}|\b(?:{WORDS.replace(' ', '|')})\b)"
MASS = r"(?:mg|mcg|µg|μg|micrograms?|milligrams?|g|grams?|kg|mL|ml|L|liters?|litres?)"
TIME = r"(?:minutes?|hours?|days?|weeks?|months?|years?)"
UNIT = rf"(?:{MASS}|{TIME}|mm|cm|mmHg|mm Hg|mmol/L|percent|people|patients|women|men|children)\b"
NEGATED = re.compile(
    r"\b(?:no|not|nor|never|neither|none|cannot|without|unlikely|fails?|failed)\b|n['’]t\b", re.I
)
PRONOUN = re.compile(
    r"(?:it|its|they|their|this|these|those|that|there|he|she|we|you|your|our|some|most|many|other"
    r"|others|such|both|all|each|one|if|when|while|although|in|as|for|to|what|which|who|more|no|of|by"
    r"|sometimes|occasionally|using|usually|often|how|on|with|at|from|them|him|us|because|based"
    r"|however|also|then|there|here|known|only|about|less|but|and|yet|so|or|whether|little|few|another)\b",
    re.I,
)
CLAUSE = re.compile(
    r"\b(?:which|that|who|whose|where|when|if|is|are|was|were|can|may|might|could|should|will|has"
    r"|have|had|do|does|did|to|not|also|often|usually|because|than|how|what|remains?"
    r"|[a-z]+ly)\b|[,;:()]",
    re.I,
)
# Verbs that say something else when their sides are exchanged: base form, participle.
VERBS = {
    "cause": "caused", "inhibit": "inhibited", "affect": "affected", "activate": "activated",
    "induce": "induced", "suppress": "suppressed", "regulate": "regulated", "treat": "treated",
    "prevent": "prevented", "damage": "damaged", "block": "blocked", "predict": "predicted",
    "produce": "produced", "target": "targeted", "trigger": "triggered", "mediate": "mediated",
    "promote": "promoted", "encode": "encoded", "attack": "attacked", "destroy": "destroyed",
    "recognize": "recognized", "control": "controlled", "impair": "impaired",
}  # fmt: skip
ACTIVE = re.compile(
    rf"(?P<subject>[A-Z][^.]*?) (?P<modal>can |may |could )?(?P<verb>{'|'.join(VERBS)})(?P<s>s?)"
    r" (?P<object>[^.]+)\."
)


def replaced(text: str, span: tuple[int, int], new: str) -> str:
    """The text with other words at a span; a capital stays one."""
    start, end = span
    if text[start].isupper() and (start == 0 or not text[start + 1 : start + 2].isupper()):
        new = capital(new)
    before = text[:start]
    if article := re.search(r"\b([Aa])n? $", before):
        vowel = "n" if new[0].lower() in "aeiou" else ""
        before = f"{before[: article.start()]}{article[1]}{vowel} "
    return before + new + text[end:]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def small(text: str) -> str:
    """The text without the capital of its first word, unless that is a name or an abbreviation."""
    first, _, rest = text.partition(" ")
    named = not first[1:].islower() or re.match(r"[A-Z]", rest)
    plain = re.fullmatch(r"The|An?|In|For|With|At|On|People|Mutations|Some|Most|Many", first)
    return text if named and not plain else text[0].lower() + text[1:]


def sides(sentence: str) -> re.Match[str] | None:
    """Subject, verb and object of a sentence that has nothing else."""
    found = ACTIVE.fullmatch(sentence)
    if not found or PRONOUN.match(found["subject"]):
        return None
    parts = found["subject"], found["object"]
    plain = all(len(part.split()) <= 9 and not CLAUSE.search(part) for part in parts)
    # "The most common cause of …" has no verb here: "most common" and "cause" do not agree.
    agrees = found["modal"] or is_plural(found["subject"]) != bool(found["s"])
    # Not "prevents X from doing Y", "causes X and does Y", "affects X differently".
    more = re.search(r" (?:and|from) |ly$", found["object"]) or re.search(
        r"(?:\b(?:and|or|always|sometimes|helps?)|ly)$|n['’]?t\b", found["subject"]
    )
    return found if plain and agrees and not more and not PRONOUN.match(found["object"]) else None


def is_plural(noun: str) -> bool:
    noun = noun.lower()
    head = re.split(r" (?:of|in|for|with|from|by|on|at|about|to|between) ", noun)[0].split()[-1]
    return " and " in noun or head in {"people", "children", "mice", "bacteria"} or bool(
        re.search(r"(?<![siu])s$", head)
    )  # fmt: skip


def both_ways(text: str) -> Table:
    """A table out of "one/other, one/other"."""
    pairs = [part.strip().split("/") for part in text.split(",")]
    return {a: b for one, other in pairs for a, b in ((one, other), (other, one))}


def one_way(text: str) -> Table:
    """A table out of "from > to, from > to"."""
    return dict(part.strip().split(" > ") for part in text.split(","))  # type: ignore[misc]


def exchange(
    table: Table, before: str = "", after: str = "", unless: str = r"(?!)", exact: bool = False
) -> Rule:
    """Exchanges a word for its counterpart, unless the sentence has both.

    Args:
        before, after: what stands around the word: regular expressions.
        unless: sentences with this are left alone.
        exact: keeps upper and lower case apart.
    """
    names = "|".join(map(re.escape, sorted(table, key=len, reverse=True)))
    pattern = re.compile(
        rf"{before}(?<![\w/-])({names})(?![\w/-]){after}", re.NOFLAG if exact else re.IGNORECASE
    )
    excluded = re.compile(unless, re.I)

    def change(place: Place, draw: Random) -> str | None:
        text = place.sentence
        found = []
        for one in pattern.finditer(text):
            new = table[one[1] if exact else one[1].lower()]
            if not re.search(rf"\b{re.escape(new)}\b", text, re.I):
                found.append((one.span(1), new))
        return replaced(text, *draw.choice(found)) if found and not excluded.search(text) else None

    return change


def one_of(names: str) -> Rule:
    """Exchanges a name of a set for another one that is not in the source."""
    known = [name.strip() for name in names.split(",")]
    pattern = re.compile(rf"(?<![\w-])({'|'.join(known)})(?![\w-])", re.I)

    def change(place: Place, draw: Random) -> str | None:
        found = pattern.search(place.sentence)
        others = [name for name in known if name.split()[-1] not in place.source.lower()]
        return replaced(place.sentence, found.span(), draw.choice(others)) if found else None

    return change


def rewrite(*rules: tuple[str, str], unless: str = r"(?!)") -> Rule:
    """The first of some substitutions (pattern, replacement) that applies."""
    compiled = [(re.compile(pattern, re.I), new) for pattern, new in rules]
    excluded = re.compile(unless, re.I)

    def change(place: Place, _: Random) -> str | None:
        if excluded.search(place.sentence):
            return None
        for pattern, new in compiled:
            if pattern.search(place.sentence):
                return capital(pattern.sub(new, place.sentence, count=1))
        return None

    return change


def first_of(rules: Iterable[Rule]) -> Rule:
    """Whatever the first rule that applies says."""
    known = list(rules)

    def change(place: Place, draw: Random) -> str | None:
        return next((new for rule in known if (new := rule(place, draw)) is not None), None)

    return change
