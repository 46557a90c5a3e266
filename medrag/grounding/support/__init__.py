"""Does a source say what a statement says? `check_support` compares meaning, not words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ...generation.prompts import without_markers
from ...types import Support
from ..evidence import sentence_spans
from ..table_rows import is_row
from .clauses import AUXILIARIES, Sentence, Term, parse
from .comparisons import (
    absence_differences,
    certainty_differences,
    dropped_conditions,
    matches,
    order_differences,
    polarity_differences,
    quantity_differences,
    role_differences,
    slot_differences,
)
from .vocabulary import is_medical, is_technical, opposites, root

_REFERS = re.compile(
    r"\s*(?:it|its|they|them|their|theirs|this|these|that|those|he|she|his|her|both|such|doing so|the (?:latter|former|same|drug|"
    r"medicine|dose|course|treatment|tablets?|vaccine|infusion|injection|patients?|child|children|procedure|test|result|effect|"
    r"risk|condition|disease|rash|pain|wound|device|group|trial|study|women|men|infection|solution|cream|duration|interval)"
    r"|then|afterwards|thereafter|otherwise|also|in addition|however|if so|when this)\b",
    re.I,
)
_REFERS_WITHIN = re.compile(r"\b(?:this|these|its|their|it|them|they)\b", re.I)
_CONTEXT_SHARE = 0.85  # of a term that only the title, the section or a sentence before has


def check_support(
    statement: str, source: str, *, title: str = "", section: str = "", min_score: float = 0.5
) -> Support:
    """Judge whether a source, with its title and section, bears out a whole statement.

    Statement and source are taken apart into clauses, terms and quantities. The score is the share
    of the statement's terms that the best sentences of the source say. It is 0 if they differ from
    the statement in a quantity, a negation, a direction, who or whom it is about, how certain it
    is, its conditions, its order or its roles.

    Args:
        statement: one sentence of an answer, without markers.
        source: the passage.
        min_score: the score from which on a statement is supported, 0..1.
    """
    spans = sentence_spans(source)
    for start, end in spans:
        if without_markers(source[start:end]) == statement:
            return Support(True, 1.0, "", ((start, end),))
    said = parse(statement)
    if not said.terms and not said.quantities:
        return Support(False, 0.0, "it says nothing")
    heading = [parse(text) for text in (title, section) if text]
    short = _abbreviations(f"{title}. {section}. {source}")
    best = _judge_all(said, source, spans, heading, short)
    each = [
        _judge_all(parse(part), source, spans, heading, short) for part in _distributed(statement)
    ]
    if each:  # "both A and B rise": each has to
        best = min(best, *each, key=lambda one: one[0])
    elif best[0] < min_score:
        # Clauses that different sentences bear out, one by one.
        parted = _by_clauses(statement, said, source, spans, heading, short, min_score)
        best = max(best, parted, key=lambda one: one[0])
    score, reason, found = best
    supported = score > 0.0 and score >= min_score
    if not supported and not reason:
        reason = "the source does not say it"
    return Support(supported, round(score, 3), "" if supported else reason, tuple(found))


def _spelled_out(line: str) -> str:
    """A row of a table with the unit of a column in its cells: "Dose: 5 mg" for "Dose (mg): 5"."""
    if not is_row(line):
        return line
    return "; ".join(_cell(cell) for cell in line.split("; "))


def _cell(cell: str) -> str:
    name, colon, value = cell.rpartition(": ")
    if not colon or not re.search(r"\d\s*$", value):
        return cell
    if unit := re.search(r"\(([^()]*)\)\s*$|,\s*([^,\s]+)\s*$", name):
        return f"{name[: unit.start()].strip()}: {value} {unit[1] or unit[2]}"
    if re.fullmatch(r"(?:weeks?|days?|months?|years?|hours?|minutes?)", name.strip(), re.I):
        return f"{name}: {value} {name.strip().lower()}"
    return cell


_Judged = tuple[float, str, list[tuple[int, int]]]


def _judge_all(
    said: Sentence,
    source: str,
    spans: Sequence[tuple[int, int]],
    heading: Sequence[Sentence],
    short: dict[str, tuple[str, ...]],
) -> _Judged:
    """The best of the windows of one to three sentences: its score, reason and spans."""
    sentences = [parse(_spelled_out(source[start:end])) for start, end in spans]
    rated = []
    for first in range(len(sentences)):
        for size in (1, 2, 3):
            last = first + size
            if last > len(sentences):
                break
            if size > 1 and not _linked(sentences[last - 2], sentences[last - 1], heading):
                break
            window = sentences[first:last]
            before: list[Sentence] = []
            back = first
            while back and _linked(sentences[back - 1], sentences[back], heading):
                back -= 1
                before.append(sentences[back])
            coverage, missing = _coverage(said, window, [*heading, *before], short)
            rated.append((coverage - 0.02 * (size - 1), window, before, missing, (first, last)))
    if not rated:
        return 0.0, "", []
    rated.sort(key=lambda one: -one[0])
    top = rated[0][0]
    best: _Judged = (0.0, "", [])
    for coverage, window, before, missing, (first, last) in rated:
        if coverage < top - 0.15:
            break
        context = [*heading, *before]
        reasons = _differences(said, window, context)
        factor = 1.0
        for reason, left in dropped_conditions(said, window):
            factor = min(factor, left)
            reasons = [*reasons, reason] if left == 0.0 else reasons
        if missing:
            reasons = [*reasons, f"the source does not mention {missing}"]
        score = 0.0 if reasons else max(0.0, coverage) * factor
        if score > best[0] + 1e-9 or not best[2]:
            best = (score, reasons[0] if reasons else "", list(spans[first:last]))
    return best


def _differences(
    said: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    return [
        *quantity_differences(said, window, context),
        *polarity_differences(said, window),
        *absence_differences(said, window),
        *slot_differences(said, window, context),
        *certainty_differences(said, window),
        *order_differences(said, window),
        *role_differences(said, window),
    ]


def _coverage(
    said: Sentence,
    window: Sequence[Sentence],
    context: Sequence[Sentence],
    short: dict[str, tuple[str, ...]],
) -> tuple[float, str]:
    """Share of the statement's terms that the window says, and the name it does not mention."""
    roots = frozenset[str]().union(*(one.roots for one in window))
    concepts = frozenset[int]().union(*(one.concepts for one in window))
    around_roots = roots.union(*(one.roots for one in context))
    around_concepts = concepts.union(*(one.concepts for one in context))
    directions = {
        axis: {sign for _, sign in signs}
        for sentence in window
        for clause in sentence.clauses
        for axis, signs in clause.directions.items()
    }
    total = held = inside = 0.0
    missing = ""
    for term in said.terms:
        name = _is_name(term)
        weight = 0.15 if term.light else 1.0
        total += weight
        if matches(term, roots, concepts) or _expanded(term, window, short):
            held += weight
            inside += weight
        elif matches(term, around_roots, around_concepts) or _expanded(term, context, short):
            held += weight * _CONTEXT_SHARE
        elif _directed(term, said, directions):
            held += weight * 0.9
        elif name and not term.light:
            missing = missing or term.word
    quantities = len(said.quantities)
    if quantities:  # they are compared elsewhere; here they are part of what is said
        total += quantities
        given = [one for sentence in window for one in sentence.quantities]
        found = sum(any(q.same_value(one) for one in given) for q in said.quantities)
        held += found
        inside += found
    if not total or not inside:
        return 0.0, missing
    return held / total, missing


def _is_name(term: Term) -> bool:
    """Whether a term names something particular, such as a drug, a disease or a person."""
    if term.concepts:
        return any(map(is_medical, term.concepts))
    words = re.findall(r"[a-z]+", term.word)
    return term.name or any(len(word) > 3 and is_technical(word) for word in words)


def _directed(term: Term, said: Sentence, directions: dict[str, set[int]]) -> bool:
    """Whether the source has another word for the direction that a term names."""
    clause = said.clauses[term.clause]
    return any(
        name in term.roots and sign in directions.get(axis, ())
        for axis, signs in clause.directions.items()
        for name, sign in signs
    )


def _linked(before: Sentence, after: Sentence, heading: Sequence[Sentence]) -> bool:
    """Whether a sentence goes on about the subject of the one before it."""
    if _REFERS.match(after.text):
        return True
    if not after.terms:
        return True
    if _REFERS_WITHIN.search(after.text[:60]):
        return True
    subject = after.terms[0]
    if subject.light or before.terms and before.terms[0].light:
        return True
    if subject.start > 40:
        return True
    roots = before.roots.union(*(one.roots for one in heading))
    concepts = before.concepts.union(*(one.concepts for one in heading))
    if matches(subject, roots, concepts):
        return True
    # An instruction has no subject of its own: "Swallow the tablets whole."
    return bool(after.clauses and any(
        axis == "do" and signs and signs[0][0] in subject.roots
        for axis, signs in after.clauses[0].directions.items()
    ))  # fmt: skip


_BOTH = re.compile(
    r"\b(?P<word>both|neither)\s+(?P<one>[^,;.]+?)\s+(?:and|nor)\s+(?P<rest>.+)", re.I | re.S
)


def _distributed(statement: str) -> list[str]:
    """A statement about both or neither of two subjects, as a statement about each."""
    found = _BOTH.search(statement)
    if not found:
        return []
    words = list(re.finditer(r"[\w'’-]+", found["rest"]))
    verb = next(
        (
            w.start()
            for w in words[1:]
            if w[0].lower() in AUXILIARIES or opposites().get(root(w[0].lower()))
        ),
        None,
    )
    if verb is None:
        return []
    other, predicate = found["rest"][:verb], found["rest"][verb:]
    if found["word"].lower() == "neither":
        first, _, rest = predicate.partition(" ")
        predicate = f"{first} not {rest}"
    before = statement[: found.start()]
    return [f"{before}{subject.strip()} {predicate}" for subject in (found["one"], other)]


def _by_clauses(
    statement: str,
    said: Sentence,
    source: str,
    spans: Sequence[tuple[int, int]],
    heading: Sequence[Sentence],
    short: dict[str, tuple[str, ...]],
    min_score: float,
) -> _Judged:
    """The statement's clauses judged one by one; its score is the lowest."""
    cuts = [clause.start for clause in said.clauses if clause.terms]
    if len(cuts) < 2:
        return 0.0, "", []
    parts = [
        statement[start:end].strip(" ,;")
        for start, end in zip(cuts, [*cuts[1:], len(statement)], strict=True)
    ]
    subject = parse(parts[0]).terms[:1]
    score, found = 1.0, []
    for number, part in enumerate(parts):
        text = part if not number else re.sub(r"^(?:and|but|or|while|whereas)\b", "", part).strip()
        if number and subject and not parse(text).terms[:1]:
            return 0.0, "", []
        if number and subject and subject[0].word not in text.lower():
            text = f"{subject[0].word} {text}"
        one = _judge_all(parse(text), source, spans, heading, short)
        if one[0] < min_score:
            return one
        score = min(score, one[0])
        found += [span for span in one[2] if span not in found]
    return score, "", sorted(found)


@lru_cache(maxsize=256)
def _abbreviations_of(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = {}
    for one in re.finditer(r"((?:[\w’'-]+\s+){1,8})\(\s*([A-Za-z][\w&/-]{1,9}?)s?\s*\)", text):
        words, name = one[1].split(), one[2]
        if not any(char.isupper() for char in name):
            continue
        for start in range(len(words)):
            if words[start][:1].lower() == name[0].lower() and _spells(words[start:], name):
                found[name.lower()] = tuple(words[start:])
    return tuple(found.items())


def _abbreviations(text: str) -> dict[str, tuple[str, ...]]:
    """Abbreviations by the text's own definitions, as Schwartz and Hearst (2003) find them."""
    return dict(_abbreviations_of(text))


def _spells(words: Sequence[str], name: str) -> bool:
    """Whether the letters of a name occur in order in the words, the first one at their start."""
    letters = [char for char in name.lower() if char.isalnum()]
    text = " ".join(words).lower()
    at = 0
    for letter in letters:
        at = text.find(letter, at) + 1
        if not at:
            return False
    return len(words) <= len(letters) + 3


def _expanded(term: Term, sentences: Sequence[Sentence], short: dict[str, tuple[str, ...]]) -> bool:
    """Whether a term is an abbreviation of words in the source, or is abbreviated there."""
    name = term.word.replace("-", "").removesuffix("s")
    roots = frozenset[str]().union(*(one.roots for one in sentences)) if sentences else frozenset()
    if name in short and all(root(w.lower()) in roots for w in short[name] if len(w) > 3):
        return True
    for abbreviation, words in short.items():
        long_roots = {root(part) for w in words for part in w.lower().split("-")}
        if root(abbreviation) in roots and all(one in long_roots for one in term.roots):
            return True
    if 2 <= len(name) <= 6 and name.isalpha() and len(term.roots) == 1:
        for sentence in sentences:
            plain = [
                word
                for word in sentence.words
                if word[0].isalnum() and word not in ("of", "the", "and")
            ]
            initials = "".join(word[0] for word in plain)
            if len(name) >= 3 and name in initials:
                return True
    return False
