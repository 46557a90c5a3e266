"""Does a source say what a statement says? `check_support` compares meaning, not words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from ...generation.prompts import without_markers
from ...types import Support
from ..evidence import sentence_spans
from ..table_rows import is_row
from .alignment import matches
from .amounts import quantity_differences
from .clauses import AUXILIARIES, Sentence, Term, parse
from .forms import is_technical, root
from .order import order_differences, role_differences
from .polarity import absence_differences, denied_terms, polarity_differences
from .qualifiers import certainty_differences, dropped_conditions, slot_differences
from .quotation import quotation_difference
from .tables import listed
from .vocabulary import is_medical, listed_roots, opposites

_REFERS = re.compile(
    r"\s*(?:it|its|they|them|their|theirs|this|these|that(?! of)|those(?! (?:with|who|on|in|without|taking))|he|she|his|her|both|such|doing so|the (?:latter|former|same|drug|"
    r"medicine|dose|course|treatment|tablets?|vaccine|infusion|injection|patients?|child|children|procedure|test|result|effect|"
    r"risk|condition|disease|rash|pain|wound|device|group|trial|study|women|men|infection|solution|cream|duration|interval)"
    r"|then|you|we|whereas|while|in contrast|by contrast|conversely|but|and|so|thus|hence|as a result|afterwards|thereafter|otherwise|also|in addition|however|if so|when this)\b",
    re.I,
)
_REFERS_WITHIN = re.compile(
    r"\b(?:this|these|its|their|it|them|they|then|afterwards|subsequently|next|otherwise|also|therefore|beforehand|you)\b",
    re.I,
)
_EASE = 0.66  # so that a third of the terms is worth 0.5: rewordings share no more; docs/lab-log.md
_CONTEXT_SHARE = 0.85  # of a term that only the title or the section has
_BEFORE_SHARE = 0.6  # of one that only the sentences before have


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

    def judge(part: str) -> _Judged:
        return _judge_all(parse(part), source, spans, heading, short)

    best = judge(statement)
    each = [judge(part) for part in _distributed(statement)]
    if each:  # "both A and B rise": each has to
        best = min(best, *each, key=lambda one: one[0])
    elif best[0] < min_score:
        # Clauses that different sentences bear out, one by one.
        parted = _parted(statement, judge, min_score)
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
    said = _enriched(said, short)
    sentences = [_enriched(parse(_spelled_out(source[start:end])), short) for start, end in spans]
    rated = []
    for first in range(len(sentences)):
        for size in (1, 2, 3):
            last = first + size
            if last > len(sentences):
                break
            if size > 1 and not _linked(sentences[last - 2], sentences[last - 1]):
                break
            window = sentences[first:last]
            before: list[Sentence] = []
            back = first
            while back and _linked(sentences[back - 1], sentences[back]):
                back -= 1
                before.append(sentences[back])
            coverage, missing = _coverage(said, window, heading, before, short)
            rated.append((coverage - 0.02 * (size - 1), window, before, missing, (first, last)))
    if not rated:
        return 0.0, "", []
    rated.sort(key=lambda one: -one[0])
    top = rated[0][0]
    if quoted := quotation_difference(said, sentences):
        reason, at = quoted
        return 0.0, reason, [spans[at]]
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
        if unsaid := _unsaid_clause(said, [*window, *context]):
            reasons = [*reasons, f"the source does not say “{unsaid}”"]
        if missing:
            reasons = [*reasons, f"the source does not mention {missing}"]
        score = 0.0 if reasons else max(0.0, coverage) ** _EASE * factor
        if score > best[0] + 1e-9 or not best[2]:
            best = (score, reasons[0] if reasons else "", list(spans[first:last]))
    return best


def _differences(
    said: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    return [
        *quantity_differences(said, window, context),
        *polarity_differences(said, window, context),
        *absence_differences(said, window),
        *denied_terms(said, window, context),
        *slot_differences(said, window, context),
        *certainty_differences(said, window, context),
        *order_differences(said, window),
        *role_differences(said, window, context),
    ]


def _coverage(
    said: Sentence,
    window: Sequence[Sentence],
    heading: Sequence[Sentence],
    before: Sequence[Sentence],
    short: dict[str, tuple[str, ...]],
) -> tuple[float, str]:
    """Share of the statement's terms that the window says, and the name it does not mention."""
    roots = frozenset[str]().union(*(one.roots for one in window))
    concepts = frozenset[int]().union(*(one.concepts for one in window))
    context = [*heading, *before]
    around_roots = roots.union(*(one.roots for one in context))
    around_concepts = concepts.union(*(one.concepts for one in context))
    topic_roots = frozenset[str]().union(*(one.roots for one in heading))
    topic_concepts = frozenset[int]().union(*(one.concepts for one in heading))
    directions = {
        axis: {sign for _, sign in signs}
        for sentence in window
        for clause in sentence.clauses
        for axis, signs in clause.directions.items()
    }
    spelled = _spelled_in(said, window)
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
            topic = matches(term, topic_roots, topic_concepts)
            held += weight * (_CONTEXT_SHARE if topic else _BEFORE_SHARE)
        elif spelled.issuperset(term.roots):
            held += weight
        elif _directed(term, said, directions):
            held += weight * 0.9
        elif len(term.roots) > 1 and any(
            one in around_roots for one in term.roots if one not in listed_roots("light")
        ):
            held += weight * 0.6  # "tooth decay" and "decay"
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


def _unsaid_clause(said: Sentence, source: Sequence[Sentence]) -> str:
    """A clause of the statement that the source hardly mentions."""
    roots = frozenset[str]().union(*(one.roots for one in source))
    concepts = frozenset[int]().union(*(one.concepts for one in source))
    for clause in said.clauses if len(said.clauses) > 1 else ():
        content = [term for term in clause.terms if not term.light]
        held = sum(matches(term, roots, concepts) for term in content)
        if len(content) > 1 and held < 0.3 * len(content):
            return said.text[clause.start : clause.end].strip(" ,.;")
    return ""


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


def _linked(before: Sentence, after: Sentence) -> bool:
    """Whether a sentence goes on about the subject of the one before it."""
    if not after.terms or _REFERS.match(after.text) or _REFERS_WITHIN.search(after.text[:60]):
        return True
    # "Treatment lasts", but not "People with asthma"; an instruction has no subject of its own.
    return any(_has_plain_subject(one) or _is_instruction(one) for one in (before, after)) or (
        after.words[0] in ("the", "these")
        and matches(after.terms[0], before.roots, before.concepts)
    )


def _has_plain_subject(sentence: Sentence) -> bool:
    """Whether a sentence begins with a subject that names nothing: "Treatment", "the trial"."""
    first = next((t for t in sentence.terms if t.roots[0] not in opposites()), None)
    if first is None or not first.light or first.start > 25:
        return False
    rest = sentence.text[first.end :].split()
    return not rest or rest[0].lower() not in _NARROWS


def _is_instruction(sentence: Sentence) -> bool:
    first = sentence.words[0] if sentence.words else ""
    return first not in AUXILIARIES and any(
        axis == "do" and first.endswith(("e", "t", "p", "d", "r", "y", "n"))
        for axis, _ in opposites().get(root(first), ())
    )


_NARROWS = listed("narrows")
_BOTH = re.compile(
    r"\b(?P<word>both|neither)\s+(?P<one>[^,;.]+?)\s+(?:and|nor)\s+(?P<rest>.+)", re.I | re.S
)


def _distributed(statement: str) -> list[str]:
    """A statement about both or neither of two subjects, as a statement about each."""
    found = _BOTH.search(statement)
    if not found:
        return []
    words = list(re.finditer(r"[\w'’-]+", found["rest"]))
    no = "not " if found["word"].lower() == "neither" else ""
    if words and words[0][0].lower() in AUXILIARIES:  # of two predicates
        return [f"{statement[: found.start()]}{no}{part}" for part in (found["one"], found["rest"])]
    verb = next(
        (
            w.start()
            for w in words[1:]
            if w[0].lower() in AUXILIARIES or opposites().get(root(w[0].lower()))
        ),
        None,
    )
    before = statement[: found.start()]
    if verb is None:  # of two objects
        no = "no " if found["word"].lower() == "neither" else ""
        return [f"{before}{no}{thing.strip()}" for thing in (found["one"], found["rest"])]
    other, predicate = found["rest"][:verb], found["rest"][verb:]
    if found["word"].lower() == "neither":
        first, _, rest = predicate.partition(" ")
        predicate = f"{first} not {rest}"
    return [f"{before}{subject.strip()} {predicate}" for subject in (found["one"], other)]


_JOINT = re.compile(
    r"\s*;\s*|,?\s+(?:and then|and|but|while|whereas|though|although|after which|so|which|then)\s+",
    re.I,
)
_MOST_JOINTS = 6


def _parted(statement: str, judge: Callable[[str], _Judged], min_score: float) -> _Judged:
    """The statement as two, where each part is borne out on its own; the score is the lower."""
    subject = next((term.word for term in parse(statement).terms), "")
    for joint in list(_JOINT.finditer(statement))[:_MOST_JOINTS]:
        left, right = statement[: joint.start()], statement[joint.end() :]
        if not (_says_something(left) and _says_something(right)):
            continue
        first = judge(left)
        if first[0] < min_score:
            continue
        said = parse(right)
        if _REFERS.match(right) or _begins_with_verb(said):
            right = f"{subject} {right}"
        second = judge(right)
        if second[0] < min_score:
            second = _parted(right, judge, min_score)
        if second[0] >= min_score:
            spans = sorted({*first[2], *second[2]})
            return min(first[0], second[0]), "", spans
    return 0.0, "", []


def _says_something(part: str) -> bool:
    said = parse(part)
    clauses = said.clauses
    return len(said.terms) + len(said.quantities) > 1 and any(
        clause.directions or set(parse(part).words) & AUXILIARIES or len(clause.terms) > 2
        for clause in clauses
    )


def _begins_with_verb(said: Sentence) -> bool:
    first = said.words[0] if said.words else ""
    return first in AUXILIARIES or bool(opposites().get(root(first))) or first.endswith(("ed", "s"))


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


def _enriched(sentence: Sentence, short: dict[str, tuple[str, ...]]) -> Sentence:
    """The sentence with the roots of both forms of what the document abbreviates."""
    more: set[str] = set()
    for name, words in short.items():
        long = {root(part) for word in words for part in word.lower().split("-")}
        if root(name) in sentence.roots:
            more |= long
        elif long <= sentence.roots:
            more.add(root(name))
    return replace(sentence, roots=sentence.roots | more) if more else sentence


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


def _initials(name: str, words: Sequence[str]) -> list[str]:
    """The words in a row that a name such as "DMARD" stands for, or none."""
    letters = name.lower()
    for size in range(2, len(letters) + 1):
        for start in range(len(words) - size + 1):
            some = words[start : start + size]
            if some[0][0] != letters[0]:
                continue
            at = 0  # each word gives its first letter, and perhaps others
            for number, letter in enumerate(letters):
                if at < size and some[at][0] == letter:
                    at += 1
                elif not at or letter not in some[at - 1][1:]:
                    break
                if number == len(letters) - 1 and at == size:
                    return list(some)
    return []


def _plain_words(sentence: Sentence) -> list[str]:
    return [
        w for w in sentence.words if w[0].isalnum() and w not in ("of", "the", "and", "in", "for")
    ]


def _spelled_in(said: Sentence, window: Sequence[Sentence]) -> frozenset[str]:
    """Roots of the statement's words that the source abbreviates: "PSA"."""
    names = {
        name
        for sentence in window
        for name in re.findall(r"\b[A-Z][A-Za-z]*[A-Z]\b", sentence.text)
        if 2 < len(name) < 7
    }
    words = _plain_words(said)
    return frozenset(root(word) for name in names for word in _initials(name, words))


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
    if 3 <= len(name) <= 6 and name.isalpha() and len(term.roots) == 1:
        return any(_initials(name, _plain_words(sentence)) for sentence in sentences)
    return False
