"""Take a sentence apart: terms, quantities, clauses, what is denied and which way things go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from ...text.quantities import Quantity, quantities
from ...text.words import STOPWORDS, fold
from .forms import base_of_denied, root
from .tables import listed
from .vocabulary import listed_roots, opposites, slots, synonyms

_TOKEN = re.compile(r"n['’]t\b|[^\W_]+(?:['’][^\W_]+)*|[;:()\[\],.!?—–/&%+]")
_BREAKS = frozenset(";:()[].!?—–")
_JOINTS = listed("joints")
_LISTS = frozenset({"and", "or", "then"})
_SUBJECTS = listed("subjects")
AUXILIARIES = listed("auxiliaries")
_VERBS = listed_roots("verbs")
_NEGATORS = listed("negators")
_FALSE_NEGATION = re.compile(
    r"\b(?:not only|no (?:more|less|fewer|later|longer|earlier|sooner|greater|higher|lower) than|(?:not|n['’]t|never)\s+(?:\w+\s+){0,3}?(?:more|less|fewer|longer|later|earlier|sooner) than(?=\s+(?:an?\s+)?(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|half))|(?:cannot|can['’]?t|could not|couldn['’]t|not|never) be (?:completely |entirely )?(?:ruled out|excluded)|not (?:\w+ )?(?:as|so) \w+ as|no doubt|not necessarily|not exceed(?:ing)?|whether or not|no longer than|if not)\b"
)
_NO_CHANGE = re.compile(
    r"\b(?:no(?:t)?|n['’]t|neither|nor|without|never)\b[^.;]{0,40}\b(?:differ\w*|change\w*|effect|affect\w*|influence\w*|impact|significan\w*|association|associated|correlat\w*|benefit\w*|advantage|alter\w*|improve\w*|better|worse|superior\w*|evidence)\b"
    r"|\b(?:unchanged|similar|comparable|equal|the same|unaffected|non-?significant|insignificant|nonsignificant|non-?inferior|unrelated|as (?:often|common|effective|frequent|likely|many|high|low|good|well) (?:as|with|in))\b"
    r"|\b(?:evidence|effect|difference|benefit)\b[^.;]{0,40}\b(?:lacking|absent)\b|\black of\b"
    r"|\bfail(?:ed|s)? to\b|\bno (?:difference|change|effect)\b|\bdid nothing\b",
    re.I,
)
_NOT_SIGNIFICANT = re.compile(
    r"\b(?:no(?:t)?|n['’]t|without|never|nor|neither)\b[^.;]{0,30}\bsignifican\w*|\bnon-?significant\w*|\binsignificant\w*|\b(?:not|n['’]t) reach significance",
    re.I,
)
_SIGNIFICANT = re.compile(r"(?<!not )(?<!n't )(?<!non-)(?<!nor )\bsignificantly\b", re.I)
_INTERVAL = re.compile(
    r"\b(?:ci|confidence interval|cri|credible interval)\b[^\d−+-]{0,12}(?P<low>[-−+]?\d*[.·]?\d+)\s?%?\s?(?:to|,|-|–|and)\s?(?P<high>[-−+]?\d*[.·]?\d+)",
    re.I,
)
_RATIO = re.compile(r"\b(?:ratio|rr|or|hr|irr|relative risk|hazard|odds)\b", re.I)
_INCLUDES = re.compile(
    r"\b(?:interval|ci)\b.{0,40}\b(?:includ|contain|cross|span|overlap|straddl)\w*\s+(?:the null|no (?:effect|difference)|unity|1|0|zero|one)\b",
    re.I,
)
_PREFIXED = re.compile(r"(?:anti|intra|pre|post|peri|extra|sub|trans|inter)-?([a-z]{5,})$")
_UNDER = re.compile(
    r"\b(?:under|below|younger than)(?: the age of)? (?P<years>1[0-8]|[1-9])(?: years?| s|s)?\b(?! ?(?:%|mg|kg|mm|g|l|ml|/|\.))"
)
_P_VALUE = re.compile(r"\bp\s?(?P<sign>[=<>≤≥])\s?(?P<value>0?[.·]\d+)", re.I)


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
    """

    start: int
    end: int
    word: str
    roots: tuple[str, ...]
    concepts: frozenset[int]
    clause: int
    negated: bool
    absent: bool = False
    name: bool = False

    @property
    def light(self) -> bool:
        """Whether it says little about the topic."""
        return len(self.roots) == 1 and (
            self.roots[0] in listed_roots("light") or self.word in listed("light")
        )


@dataclass(slots=True)
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


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence taken apart."""

    text: str
    words: tuple[str, ...]
    plain: tuple[str, ...]
    plain_roots: tuple[str, ...]
    terms: tuple[Term, ...]
    clauses: tuple[Clause, ...]
    quantities: tuple[Quantity, ...]
    slots: dict[str, frozenset[int]]
    not_significant: bool
    roots: frozenset[str]
    concepts: frozenset[int]


@lru_cache(maxsize=2048)
def parse(text: str) -> Sentence:
    """Take a sentence, a heading or a row of a table apart."""
    lower = fold(text) if len(fold(text)) == len(text) else text.lower()
    found = quantities(text)
    covered = [False] * (len(text) + 1)
    for one in found:
        covered[one.begin : one.end] = [True] * (one.end - one.begin)
    false_negations = [range(*one.span()) for one in _FALSE_NEGATION.finditer(lower)]
    tokens = list(_split(lower))
    words = [word for _, _, word in tokens]
    breaks = _clause_starts(words)
    clauses: list[Clause] = []
    terms: list[Term] = []
    scope = 0  # tokens for which a negation holds from here on
    at = 0
    while at < len(tokens):
        start, end, word = tokens[at]
        if at in breaks or not clauses:
            clauses.append(Clause(start, len(text)))
            if len(clauses) > 1:
                clauses[-2].end = start
            scope = 0
        clause = clauses[-1]
        if word in _NEGATORS and not any(start in span for span in false_negations):
            # "No rash, no fever" is denied once.
            clause.negations += not (word == "no" and clause.negations)
            scope = len(tokens)
        if word in ("whether", "if"):
            scope = 0
        if _is_denied(word):
            clause.denied.append(word)
        if word == "free" and lower[start - 1 : start] == "-":
            clause.negations += 1  # "smoke-free"
        if covered[start] or not word[0].isalnum() or word in _NEGATORS:
            at += 1
            scope = max(0, scope - 1)
            continue
        length, concepts = _longest(words, at, covered, tokens)
        last = tokens[at + length - 1][1]
        if length > 1 or word not in STOPWORDS or word in ("before", "after", "without"):
            term = Term(
                start, last, lower[start:last],
                tuple(
                    root(base_of_denied(part) if _is_denied(part) else part)
                    for part in words[at : at + length]
                ), concepts,
                len(clauses) - 1, scope > 0, _lacks(words, at),
                text[start].isupper() and at > 0,
            )  # fmt: skip
            terms.append(term)
            clause.terms.append(term)
        if "-" not in (
            lower[start - 1 : start],
            lower[end : end + 1],
        ):  # "long-term", "beta-blocker"
            for part in words[at : at + length]:
                _direct(clause, part, scope > 0)
        scope = max(0, scope - length)
        at += length
    for quantity in found:
        for clause in clauses:
            if clause.start <= quantity.start < clause.end or clause is clauses[-1]:
                clause.quantities.append(quantity)
                break
    for clause in clauses:
        clause.no_change = _NO_CHANGE.search(lower[clause.start : clause.end]) is not None
    held_roots = {one for term in terms for one in term.roots} | {root(word) for word in words}
    inner = {root(part[1]) for word in words if (part := _PREFIXED.match(word))}
    p_values = [
        float(one["value"].replace("·", "."))
        for one in _P_VALUE.finditer(lower)
        if one["sign"] in "=>≥"
    ]
    plain = tuple(word for word in words if word[0].isalnum() or word == "n't")
    claimed = _SIGNIFICANT.search(lower) is not None
    return Sentence(
        text=text,
        words=tuple(words),
        plain=plain,
        plain_roots=tuple(root(word) for word in plain),
        terms=tuple(terms),
        clauses=tuple(clauses),
        quantities=tuple(found),
        slots=_slots(words),
        not_significant=_NOT_SIGNIFICANT.search(lower) is not None
        or (bool(p_values) and min(p_values) > 0.05 and not claimed)
        or _INCLUDES.search(lower) is not None
        or (_holds_null(lower) and not claimed),
        roots=frozenset(held_roots),
        concepts=frozenset(one for term in terms for one in term.concepts)
        | frozenset(number for word in words for number in synonyms().get((root(word),), ()))
        | frozenset(number for one in inner for number in synonyms().get((one,), ())),
    )


def _lacks(words: list[str], at: int) -> bool:
    """Whether "without" stands before a word, or before the article or adjective before it."""
    back = at - 1
    while back > 0 and words[back] in ("any", "the", "a", "an", "added", "further", "other"):
        back -= 1
    return back >= 0 and words[back] in ("without", "no", "non")


def _holds_null(lower: str) -> bool:
    """Whether all confidence intervals of a sentence include no effect: 1 for ratios, 0 for others."""
    found = [
        tuple(float(one[end].replace("−", "-").replace("·", ".")) for end in ("low", "high"))
        for one in _INTERVAL.finditer(lower)
    ]
    null = 1.0 if _RATIO.search(lower) else 0.0
    return bool(found) and all(low <= null <= high for low, high in found)


def _split(lower: str) -> list[tuple[int, int, str]]:
    out = []
    for one in _TOKEN.finditer(lower):
        word = one[0]
        if len(word) > 3 and re.search(r"n['’]t$", word):
            cut = one.end() - 3
            out.append((one.start(), cut, word[:-3]))
            out.append((cut, one.end(), "n't"))
        elif re.search(r"['’]s$", word):
            out.append((one.start(), one.end() - 2, word[:-2]))
        else:
            out.append((one.start(), one.end(), word))
    return out


def _clause_starts(words: list[str]) -> set[int]:
    """Where clauses begin: numbers of words."""
    starts = set()
    predicate = False  # whether the clause so far has one
    for at, word in enumerate(words):
        begins = at
        if word in _BREAKS and at + 1 < len(words):
            begins = at + 1
        elif not (
            (word in _JOINTS and at)
            or (
                (word in _LISTS or word == ",")
                and (
                    (words[at + 1 : at + 2] == ["with"] and word == ",")
                    or _begins_clause(words, at + 1)
                    or (predicate and _holds_predicate(words, at + 1))
                )
            )
        ):
            predicate = predicate or word in AUXILIARIES or _is_change(word)
            continue
        starts.add(begins)
        predicate = False
    return starts


def _is_change(word: str) -> bool:
    """Whether a word is a verb of change: "rises", "fell", "improved"."""
    return word.endswith(("s", "ed", "ell", "ose", "ew")) and any(
        axis in ("change", "benefit") for axis, _ in opposites().get(root(word), ())
    )


def _holds_predicate(words: list[str], at: int) -> bool:
    """Whether a noun phrase and a predicate follow: "and arterial carbon dioxide falls"."""
    for ahead in range(at, min(at + 7, len(words))):
        word = words[ahead]
        if (
            word in _BREAKS
            or word in _JOINTS
            or word in _LISTS
            or word in (",", "which", "who", "that", "of")
        ):
            return False
        if ahead > at and (word in AUXILIARIES or _is_change(word)):
            return words[ahead + 1 : ahead + 2] not in (["in"], ["of"])
    return False


def _begins_clause(words: list[str], at: int) -> bool:
    while at < len(words) and (words[at] in _LISTS or words[at].endswith("ly")):
        at += 1
    if at >= len(words):
        return False
    word = words[at]
    if word in AUXILIARIES or word in _SUBJECTS or word in ("n't", "not", "never", "to"):
        return True
    directed = opposites().get(root(word), ())
    verb = root(word) in _VERBS or any(
        axis in ("do", "change", "benefit", "cause", "act") for axis, _ in directed
    )
    # "increase in" and "use of" are nouns, "higher doses" an adjective.
    return (
        verb
        and not word.endswith(("er", "tion", "ment"))
        and words[at + 1 : at + 2] not in (["in"], ["of"], ["and"])
    )


def _longest(
    words: list[str], at: int, covered: list[bool], tokens: list[tuple[int, int, str]]
) -> tuple[int, frozenset[int]]:
    """The longest phrase with a meaning of its own that begins here: its length, its groups."""
    table = synonyms()
    best, groups = 1, table.get((root(words[at]),), frozenset())
    phrase = [root(words[at])]
    for ahead in range(at + 1, min(at + 7, len(words))):
        word = words[ahead]
        if not word[0].isalnum() or covered[tokens[ahead][0]]:
            break
        if word in ("the", "a", "an", "your"):
            continue
        phrase.append(root(word))
        if found := table.get(tuple(phrase)):
            best, groups = ahead - at + 1, found
    return best, groups


VERBAL = frozenset({"do", "change", "benefit", "cause", "act", "known", "presence", "make"})


def _is_denied(word: str) -> bool:
    """Whether a prefix turns a word round: "unreliable", "incomplete"."""
    return not opposites().get(root(word)) and bool(base_of_denied(word))


def _direct(clause: Clause, word: str, negated: bool) -> None:
    if word == "causal" or word.startswith("position"):
        return  # "causal" is not "cause"
    for axis, sign in opposites().get(root(word), ()):
        if negated and axis in VERBAL:
            sign = 0 if axis in ("change", "benefit") else -sign
        clause.directions.setdefault(axis, []).append((root(word), sign))


def _slots(words: list[str]) -> dict[str, frozenset[int]]:
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
