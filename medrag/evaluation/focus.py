"""Which parts of an answer are about what was asked: the same people, the same drug, no title."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..grounding.candidates import has_verb
from ..grounding.question import fits, groups
from ..grounding.support.alignment import is_name, matches
from ..grounding.support.forms import is_technical
from ..grounding.support.sentences import Clause, Sentence, Term, parse
from ..text.words import words

_PRONOUN = re.compile(r"\b(?:its?|they|their|this|these|such|with|by|to|than)\b", re.I)
_NOBODY = 2  # what `fits` says of a text that names nobody
_SHORT, _LONGEST_TITLE = 6, 10  # words of a bare name, and of a title that only announces
# How the international names of drugs end, and those of some older ones.
_DRUG = re.compile(
    r"[a-z]{2,}(?:pril|sartan|olol|alol|terol|statin|azole|tidine|[aei]dine|mab|n[ei]b|tinib|xaban"
    r"|gatran|grel|cillin|m[iy]cin|oxacin|cycline|vir|dipine|zosin|semide|tanide|thiazide|clazide"
    r"|pamide|samide|gliptin|gliflozin|glitazone|formin|glutide|natide|reotide|parin|farin|irin"
    r"|igoxin|azepam|zolam|barbital|toin|caine|triptan|setron|oxetine|pramine|triptyline|idone"
    r"|apine|azine|coxib|profen|fenac|dronate|lukast|tropium|[lns]isone|olone|asone|onide|actone"
    r"|curium|phylline|quine|oxone|zumab|[nrt][ae]cept|penem|uracil|trexate|oprim|urinol|uxostat"
    r"|chicine|dopa|giline|capone|fibrate|orphine|codone|fentanil|fentanyl|etam|igine|giban|ramine"
    r"|phenamine|renaline|nephrine|darone|setin)"
)
_NUMBERED = re.compile(
    r"\b(?P<noun>[a-z]{4,})[ -](?P<number>\d{1,2}[a-z]?|[ivx]{1,4})\b"
    r"(?!\s*(?:%|[mµ]?c?g\b|m?l\b|mmhg|/|\.\d|,\d|to\b|or\b|-|–|\w+ly\b|times\b|hours?\b"
    r"|minutes?\b|days?\b|weeks?\b|months?\b|years?\b))"
)
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "x": "10"}
# The words of titles, which announce what a text is about and say nothing of it.
_TITLE = re.compile(
    r"\b(?:beyond|revisited|updates?|overview|review|insights?|perspectives?|frontiers?|advances?"
    r"|challenges?|opportunit\w+|introduction|history|story|stories|tale|past|future|present"
    r"|centur(?:y|ies)|era|age of|lessons?|primer|guide|outlook|progress|trends?|hope or hype"
    r"|myths?|(?:and|with) (?:its|their|friends?|more)|what(?:'s| is) new|state of the art)\b",
    re.I,
)


def about(question: str, known: Iterable[str], text: str) -> str:
    """The part of a statement that is about what was asked; "" if none of it is.

    A clause for other people ("in children" for "in adults") is left out, and so is one whose
    subject is another drug than the one in the question, or another of its kind ("ataxia 3" for
    "ataxia 2").

    Args:
        known: what a right answer may say; what it names is no other subject.
    """
    asked, wanted = parse(question), [parse(one) for one in (question, *known)]
    whom, said = groups(question), parse(text)
    if _other_number(_numbered(question), _numbered(text)):
        return ""
    kept, meant = [], True
    for clause in said.clauses:
        named = groups(said.text[clause.start : clause.end])
        if fits(whom, named) == 0 or _other_drug(asked, wanted, said, clause):
            meant = False
        elif fits(whom, named) > _NOBODY and named:
            meant = True  # until then, "and repeated after an hour" goes with what is before it
        if meant:
            kept.append(clause)
    if len(kept) == len(said.clauses):
        return text
    return " ".join(said.text[one.start : one.end].strip(" ,;") for one in kept)


def is_title(text: str) -> bool:
    """Tell whether a text is worded like the title of an article: "CFTR and beyond"."""
    if text.rstrip().endswith(".") or len(words(text)) > _LONGEST_TITLE or has_verb(text):
        return False
    return _TITLE.search(text) is not None


def is_bare_name(text: str) -> bool:
    """Tell whether a text only names something: "Naloxone."."""
    return len(words(text)) <= _SHORT and not has_verb(text) and any(map(is_technical, words(text)))


def drugs(sentence: Sentence) -> list[Term]:
    """The drugs that a sentence names, as far as their endings tell."""
    return list(filter(_is_drug, sentence.terms))


def _other_drug(
    asked: Sentence, wanted: Iterable[Sentence], said: Sentence, clause: Clause
) -> bool:
    """Whether a clause begins with another drug than the one in the question."""
    own = drugs(asked)
    if not own or any(matches(one, said.roots, said.concepts) for one in own):
        return False
    subject = next(filter(_is_drug, clause.terms), None)
    if subject is None or any(matches(subject, one.roots, one.concepts) for one in wanted):
        return False
    before = said.text[clause.start : subject.start]
    return not has_verb(before) and _PRONOUN.search(before) is None


def _other_number(asked: dict[str, set[str]], given: dict[str, set[str]]) -> bool:
    """Whether something only has other numbers than in the question: "type 1" for "type 2".

    "1A" is a kind of "1".
    """
    return any(
        not any(x.startswith(y) or y.startswith(x) for x in asked[one] for y in given[one])
        for one in asked.keys() & given.keys()
    )


def _numbered(text: str) -> dict[str, set[str]]:
    """By word, the numbers and letters that follow it."""
    found: dict[str, set[str]] = {}
    for one in _NUMBERED.finditer(text.lower()):
        noun = one["noun"].removesuffix("s")
        found.setdefault(noun, set()).add(_ROMAN.get(one["number"], one["number"]))
    return found


def _is_drug(term: Term) -> bool:
    return _DRUG.fullmatch(term.word.removesuffix("s")) is not None and is_name(term)
