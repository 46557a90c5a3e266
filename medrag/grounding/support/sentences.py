"""Take a sentence apart: terms, quantities, clauses, what is denied and which way things go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache

from ...text.quantities import Quantity, quantities
from ...text.words import STOPWORDS, fold
from .clauses import AUXILIARIES, clause_starts
from .forms import base_of_denied, root
from .results import denies_change, is_not_significant
from .tables import listed
from .vocabulary import is_medical, listed_roots, opposites, slots, synonyms

VERBAL = frozenset(
    {"do", "change", "benefit", "cause", "act", "known", "presence", "make", "contents", "response"}
)
_NEGATORS = listed("negators")
_CONTRACTED = frozenset(
    f"{verb}nt" for verb in ("do", "does", "did", "is", "are", "was", "were", "should", "have")
)
_DETERMINERS = frozenset({"the", "a", "an", "it", "they", "he", "she", "you", "this", "these"})
_ALL = frozenset({"all", "every", "everyone", "everybody", "each", "always"})
_THAN = re.compile(r"\b(?:no|not|n['’]t)\b.*\bthan\b")
_EXCLUDES = re.compile(r"(?: \w+){0,5}? (?:exclude|rule[sd]? out)")  # it stays possible
_SUBORDINATE = frozenset({"whether", "if", "where", "when", "because", "until", "once"})
_RELATIVES = frozenset({"who", "which", "that"})
_PLAIN_ADJECTIVES = listed("plain adjectives")
_DOING = frozenset({"using", "taking", "giving"})
_GIVE = frozenset({"give", "gives", "gave", "giving", "given"})
_MODALS = frozenset({"may", "can", "might", "should", "must", "will", "could", "need", "needs"})
_FAILS = frozenset({"fail", "fails", "failed", "failing"})  # with "to" after it
_LIGHT, _LIGHT_ROOTS = listed("light"), listed_roots("light")
# The point of "0.9" and the dash of "5–15" are no marks.
_TOKEN = re.compile(
    r"n['’]t\b|[^\W_]+(?:['’][^\W_]+)*|[;:()\[\],!?/&%+]|(?<!\b[a-z])\.(?!\w)|(?<!\d)[—–]|[—–](?!\d)"
)
_MORE = r"(?:more|less|fewer|longer|later|earlier|sooner)"
_FALSE_NEGATION = re.compile(
    r"\b(?:not only"
    r"|no (?:more|less|fewer|later|longer|earlier|sooner|greater|higher|lower) than"
    rf"|(?:not|n['’]t|never)\s+(?:\w+\s+){{0,3}}?{_MORE} than(?=\s+(?:an?\s+)?"
    r"(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty"
    r"|forty|fifty|sixty|half))"
    r"|no (?:less|worse) (?:\w+ )?than|not (?:\w+ )?(?:as|so) \w+ as|no doubt|not necessarily"
    r"|not exceed(?:ing)?|whether or not|no longer than|if not)\b"
)
_PREFIXED = re.compile(r"(?:anti|intra|pre|post|peri|extra|sub|trans|inter)-?([a-z]{5,})$")
_UNDER = re.compile(
    r"\b(?:under|below|younger than)(?: the age of)? (?P<years>1[0-8]|[1-9])(?: years?| s|s)?\b"
    r"(?! ?(?:%|mg|kg|mm|g|l|ml|/|\.))"
)

_APOSTROPHES = str.maketrans("ʼ′`´‛", "'" * 5)
_INSTEAD = {("instead", "of"), ("rather", "than"), ("absence", "of"), ("apart", "from")}
_LONGEST = 4_000  # characters of a sentence that are read
_GOING = listed("going")  # verbs that "up" and "down" give a direction
Token = tuple[int, int, str]  # start, end, lower-case word or mark


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or a phrase with a meaning of its own.

    Attributes:
        start, end: character offsets.
        roots: of its words.
        concepts: numbers of its groups of synonyms.
        clause: number of its clause.
        negated: whether a negation before it holds for it.
        absent: whether "without" or "no" stands right before it.
        name: whether it looks like the name of something (capitals within a sentence).
        light: whether it says little about the topic.
    """

    start: int
    end: int
    word: str
    roots: tuple[str, ...]
    concepts: frozenset[int]
    clause: int
    negated: bool
    absent: bool
    name: bool
    light: bool


@dataclass(eq=False)
class Clause:
    """A part of a sentence with one predicate.

    Attributes:
        negations: how often it denies, with "not" and the like.
        denied: its words with a prefix that denies, such as "unreliable".
        directions: by axis, the roots that name a direction and the direction: 1, -1, or 0 if a
            change is denied.
    """

    start: int
    end: int
    terms: list[Term] = field(default_factory=list)
    quantities: list[Quantity] = field(default_factory=list)
    negations: int = 0
    denied: list[str] = field(default_factory=list)
    no_change: bool = False
    directions: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    @cached_property
    def roots(self) -> frozenset[str]:
        """The roots of its terms."""
        return frozenset(one for term in self.terms for one in term.roots)

    @cached_property
    def concepts(self) -> frozenset[int]:
        """The groups of synonyms of its terms."""
        return frozenset(one for term in self.terms for one in term.concepts)

    @cached_property
    def directing(self) -> frozenset[str]:
        """The roots that name a direction."""
        return frozenset(name for signs in self.directions.values() for name, _ in signs)


@dataclass(frozen=True, eq=False)
class Sentence:
    """A sentence taken apart.

    Attributes:
        words: lower-case words and marks.
        slots: by slot ("route"), the classes that it names; see `vocabulary.slots`.
        not_significant: whether it reports no significant result.
        roots, concepts: of its terms and other words.
    """

    text: str
    words: tuple[str, ...]
    terms: tuple[Term, ...]
    clauses: tuple[Clause, ...]
    quantities: tuple[Quantity, ...]
    slots: dict[str, frozenset[int]]
    not_significant: bool
    roots: frozenset[str]
    concepts: frozenset[int]

    @cached_property
    def plain(self) -> tuple[str, ...]:
        """Its words without the marks."""
        return tuple(word for word in self.words if word[0].isalnum() or word == "n't")

    @cached_property
    def plain_roots(self) -> tuple[str, ...]:
        """The roots of its words, in order."""
        return tuple(root(word) for word in self.plain)

    @cached_property
    def lower(self) -> str:
        """Its text in lower case."""
        return self.text.lower()


@lru_cache(maxsize=2048)
def parse(text: str) -> Sentence:
    """Take a sentence, a heading or a row of a table apart."""
    text = text[:_LONGEST]
    lower = _lower(text)
    found = quantities(text)
    tokens = _tokens(lower)
    words = tuple(word for _, _, word in tokens)
    clauses = _clauses(text, lower, tokens, found)
    terms = tuple(term for clause in clauses for term in clause.terms)
    roots = frozenset(map(root, words))
    inner = {root(part[1]) for word in words if (part := _PREFIXED.match(word))}
    groups = [synonyms().get((one,), frozenset()) for one in roots | inner]
    return Sentence(
        text=text,
        words=words,
        terms=terms,
        clauses=tuple(clauses),
        quantities=tuple(found),
        slots=_slots(words),
        not_significant=is_not_significant(lower),
        roots=roots.union(*(term.roots for term in terms)),
        concepts=frozenset[int]().union(*groups, *(term.concepts for term in terms)),
    )


def _lower(text: str) -> str:
    """The text in lower case, without accents where that keeps its length."""
    text = text.translate(_APOSTROPHES)
    for lower in (fold(text), text.lower()):
        if len(lower) == len(text):
            return lower
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def _tokens(lower: str) -> list[Token]:
    """The words and marks of a text; "n't" is a word of its own, "'s" is left out."""
    out = []
    for one in _TOKEN.finditer(lower):
        word, start, end = one[0], one.start(), one.end()
        if word in _CONTRACTED:
            out += [(start, end - 2, word[:-2]), (end - 2, end, "n't")]
        elif len(word) > 3 and word.endswith(("n't", "n’t")):
            out += [(start, end - 3, word[:-3]), (end - 3, end, "n't")]
        elif word.endswith(("'s", "’s")):
            out.append((start, end - 2, word[:-2]))
        else:
            out.append((start, end, word))
    return out


def _clauses(
    text: str, lower: str, tokens: Sequence[Token], found: Sequence[Quantity]
) -> list[Clause]:
    """The clauses of a sentence, with their terms, quantities, negations and directions."""
    words = [word for _, _, word in tokens]
    breaks = clause_starts(words)
    false_negations = [range(*one.span()) for one in _FALSE_NEGATION.finditer(lower)]
    inside = {at for one in found for at in range(one.begin, one.end)}
    covered = [start in inside for start, _, _ in tokens]
    clauses: list[Clause] = []
    scope = 0  # tokens for which a negation holds from here on
    relative = False  # whether a relative pronoun stands in the clause before
    determined = False  # whether that negation is "no"
    at = 0
    while at < len(tokens):
        start, end, word = tokens[at]
        if at in breaks or not clauses:
            if clauses:
                clauses[-1].end = start
            # "Cannot stand or eat" denies both.
            subject = words[at + 1 : at + 2] and words[at + 1] in _DETERMINERS
            goes_on = word == "or" and scope > 0 and not subject
            clauses.append(Clause(start, len(text), negations=int(goes_on)))
            relative = False
            scope = scope if goes_on else 0
        clause = clauses[-1]
        after = words[at + 1] if at + 1 < len(words) else ""
        # "Fails to work", "without waiting".
        fails = (word in _FAILS and after == "to") or (
            word == "without"
            and (after.endswith("ing") or after == "there")
            and after != "anything"
            and not _THAN.search(lower[:start])  # "no longer than an hour without being"
        )
        # "Too small to tell".
        fails = fails or (word == "to" and words[max(0, at - 2) : at - 1] == ["too"])
        negates = fails or word in _NEGATORS
        if negates and not any(start in span for span in false_negations):
            # "No rash, no fever" is denied once.
            clause.negations += not (word == "no" and clause.negations)
            open_ended = (word == "not" and after in _ALL) or _EXCLUDES.match(lower, end)
            scope = 0 if open_ended else len(tokens)
            determined = word == "no"
        if scope and word in _MODALS and words[at - 1] not in _RELATIVES and relative:
            scope = 0  # "people who do not smoke may"
        relative = relative or word in _RELATIVES or word == "unable"
        if (
            word in _SUBORDINATE
            or word in ("except", "unless")
            or (word == "apart" and after == "from")
            or (word == "without" and not fails)
            or (word == "and" and determined)
        ):
            scope = 0  # "no deaths and two admissions"
        # "Otherwise it" is "if not"; "otherwise healthy" denies nothing.
        begins = word == "otherwise" and start == clause.start
        clause.negations += begins and (after == "," or after in _DETERMINERS)
        # "Smoke-free".
        clause.negations += word == "free" and lower[start - 1 : start] == "-"
        if word not in _NEGATORS and _is_denied(word):
            clause.denied.append(word)
        if covered[at] or not word[0].isalnum() or word in _NEGATORS:
            at += 1
            scope = max(0, scope - 1)
            continue
        length, concepts = _longest(words, at, covered)
        parts = words[at : at + length]
        if length > 1 or word not in STOPWORDS or word in ("before", "after", "without"):
            last = tokens[at + length - 1][1]
            whole = lower[start:last]
            roots = tuple(root(base_of_denied(one) if _is_denied(one) else one) for one in parts)
            clause.terms.append(
                Term(
                    start, last, whole, roots, concepts, len(clauses) - 1, scope > 0,
                    absent=_lacks(words, at),
                    name=text[start].isupper() and at > 0,
                    light=len(roots) == 1 and (
                        roots[0] in _LIGHT_ROOTS
                        or whole in _LIGHT
                        or lower[start + 1 : end + 1] == "."  # "E. coli"
                    ),
                )
            )  # fmt: skip
        if length > 1 and concepts & _first_choice():
            sign = -1 if scope else 1
            clause.directions.setdefault("do", []).append(("first choice", sign))
        # "Long-term" and "beta-blocker" name no direction.
        elif "-" not in (lower[start - 1 : start], lower[end : end + 1]):
            _name_directions(clause, words, at, length, concepts, scope > 0)
        scope = max(0, scope - length)
        at += length
    for clause in clauses:
        clause.no_change = denies_change(lower[clause.start : clause.end])
    for quantity in found if clauses else ():
        holds = (one for one in clauses if one.start <= quantity.start < one.end)
        next(holds, clauses[-1]).quantities.append(quantity)
    return clauses


def _lacks(words: Sequence[str], at: int) -> bool:
    """Whether "without" stands before a word, or before the article or adjective before it."""
    back = at - 1
    while back > 0 and words[back] in ("any", "the", "a", "an", "added", "further", "other"):
        back -= 1
    if back >= 0 and words[back] in ("without", "no", "non", "unlike"):
        return True
    return back > 0 and (words[back - 1], words[back]) in _INSTEAD


def _longest(words: Sequence[str], at: int, covered: Sequence[bool]) -> tuple[int, frozenset[int]]:
    """The longest phrase with a meaning of its own that begins here: its length, its groups."""
    table = synonyms()
    phrase: tuple[str, ...] = (root(words[at]),)
    best, groups = 1, table.get(phrase, frozenset())
    for ahead in range(at + 1, min(at + 7, len(words))):
        word = words[ahead]
        if not word[0].isalnum() or covered[ahead]:
            break
        if word in ("the", "a", "an", "your"):
            if words[at] in _PLAIN_ADJECTIVES:
                break  # "slow the heart" is no slow heart
            continue
        phrase = (*phrase, root(word))
        if found := table.get(phrase):
            best, groups = ahead - at + 1, found
    return best, groups


@cache
def _first_choice() -> frozenset[int]:
    """The groups of synonyms of "first-line"."""
    return synonyms()[root("first"), root("line")]


@cache
def _is_denied(word: str) -> bool:
    """Whether a prefix turns a word round: "unreliable", "incomplete"."""
    return not opposites().get(root(word)) and bool(base_of_denied(word))


def _name_directions(
    clause: Clause,
    words: Sequence[str],
    at: int,
    length: int,
    concepts: frozenset[int],
    negated: bool,
) -> None:
    """Add the directions that a word or phrase names to those of its clause.

    Args:
        at, length: which of the words.
        concepts: the groups of synonyms of the phrase.
    """
    word, before = words[at], words[at - 1] if at else ""
    after = words[at + length] if at + length < len(words) else ""
    if word in _GIVE and after == "up":
        _direct(clause, "stop", negated)
        return
    if length == 1 and not clause.directions and after in AUXILIARIES:
        return  # "Falls were not increased"
    if (word in ("up", "down") and before not in _GOING) or (word == "raised" and after == "with"):
        return  # "giving up"
    medical = length > 1 and any(map(is_medical, concepts))
    attribute = before in ("with", "of")  # "not used with a negative test"
    for part in words[at : at + length]:
        if medical and part in _PLAIN_ADJECTIVES:
            continue  # "short sight"
        if part in _DOING and "do" in clause.directions and before not in STOPWORDS:
            continue  # "stopped using": one direction
        if part in ("up", "down") and length > 1 and word not in _GOING:
            continue  # "broken down"
        _direct(clause, part, negated and not attribute)


def _direct(clause: Clause, word: str, negated: bool) -> None:
    """Add the directions that a word names to those of its clause."""
    if word in listed("no direction"):
        return  # "causal" is not "cause"
    for axis, sign in opposites().get(root(word), ()):
        if axis == "change" and word in listed("plain adjectives"):
            continue  # "smaller" is a change, "small" is none
        if negated and axis in VERBAL:
            sign = 0 if axis in ("change", "benefit") else -sign
        clause.directions.setdefault(axis, []).append((root(word), sign))


def _slots(words: Sequence[str]) -> dict[str, frozenset[int]]:
    """By slot, the classes that words name, such as the age of "under 5"."""
    table = slots()
    found: dict[str, set[int]] = {}
    plain = [root(word) for word in words]
    for at in range(len(plain)):
        for length in (1, 2, 3):
            for slot, number in table.get(tuple(plain[at : at + length]), ()):
                found.setdefault(slot, set()).add(number)
    if age := _UNDER.search(" ".join(words)):
        found.setdefault("age", set()).add(1 if int(age["years"]) > 2 else 0)
    return {slot: frozenset(numbers) for slot, numbers in found.items()}
