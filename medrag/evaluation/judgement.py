"""Is an answer right? By what it says, never by the document that it cites.

A question's exact answers decide, else its nuggets, else how much the answer shares with the
reference. A question, a heading, an aim or a repetition of the question is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..generation.prompts import without_markers
from ..grounding.candidates import has_verb
from ..grounding.form import no_answer
from ..grounding.question import allows, forbids, is_question
from ..grounding.support.results import denies_change
from ..grounding.support.sentences import parse
from ..text import split_sentences
from ..text.quantities import quantities
from ..text.words import STOPWORDS, terms, words
from ..types import Answer, Example, QuestionKind
from .differences import contradicts, difference
from .focus import about, is_bare_name, is_elliptic, roles
from .naming import TEXT, Said, denied_terms, measured_terms

# Bounds for texts, chosen on 143 answers that were read by hand: docs/evaluation.md.
LEAD = 40  # words of a reference that an answer is compared with: its first sentences
LEAST_RECALL, LEAST_F1 = 0.5, 0.25  # of the lead's terms that the question lacks; either will do
_MANY = 4  # terms of a reference from which on two of them have to stand in one clause
_NUGGET = 0.6  # share of the terms of a nugget from which on an answer holds it
_SHARE = 0.5  # of the things or nuggets that a right answer holds
_CONTROL = re.compile(
    r"\b(?:placebos?|sham|dummy|(?:control|untreated) (?:group|arm|patient)s?"
    r"|(?:as|than) without)\b"
)
_NO_MORE = re.compile(
    r"\b(?:no|not|n['’]t)\b(?: \w+){0,3}? (?:more|less|fewer|better|worse|\w{3,}er)\b.*\bthan\b"
    r"|\bas \w+ (?:with|on|in|after)\b.*\bas (?:with|on|in|after)\b"
    r"|\b(?:identical|indistinguishable)\b"
)
_AND = re.compile(r",\s+(?:and|while)\s")
_THEN = re.compile(r"[,;]\s+(?=(?:and\s+)?(?:then|thereafter|afterwards|followed by)\b)")
_PARTS = re.compile(r"[;:]|\bbut\b|\balthough\b|\bwhereas\b")
_NO_BRACKETS = str.maketrans("()", "  ")
_ASKS_LEAVE = re.compile(
    r"\A\W*(?:should|can|could|may|must)\b|\b(?:safe\w*|allowed|recommended|suitable|advisable"
    r"|contra-?indicated)\b",
    re.I,
)
_ASKS_SAMENESS = re.compile(
    r"\b(?:similar|comparable|equivalent|equal|same|identical|differ\w*|non-?inferior|as \w+ as)\b",
    re.I,
)
_NEGATED = re.compile(r"\b(?:not?|never|neither|nor|cannot|without|avoid\w*)\b|n['’]t\b", re.I)


class Basis(StrEnum):
    """By what an answer was judged."""

    form = "form"  # it is no answer, whatever it says
    exact = "exact answer"
    stance = "yes or no"
    nuggets = "nuggets"
    reference = "reference"
    unanswerable = "no document answers"
    nothing = ""  # neither an exact answer nor nuggets nor a reference is known


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer is right.

    Attributes:
        right: None if nothing tells.
        why: in words.
        score: how much of what is wanted the answer holds, in [0, 1]; 0 or 1 for yes and no.
    """

    right: bool | None
    basis: Basis
    why: str
    score: float = 0.0


def judge(example: Example, answer: Answer) -> Verdict:
    """Judge the text of an answer, whether or not it would have been shown.

    A refusal is never right here: whether it should have been an answer is another question.
    """
    if answer.abstained:
        return Verdict(False, Basis.form, "it refuses")
    if example.answerable is False:
        return Verdict(False, Basis.unanswerable, "no document answers the question")
    said, faults = _answering(example, answer)
    if not said:
        return Verdict(False, Basis.form, faults[0] if faults else "it says nothing")
    if example.kind is QuestionKind.yes_no and example.exact:
        return _by_stance(example.exact[0][0], _told(example.question, answer, said))
    things = [names for names in example.exact if not _is_asked(names, example.question)]
    known = [*(name for names in example.exact for name in names), *example.nuggets]
    known += [text for text in (example.answer, *example.alternatives) if text]
    fitting = [part for text in said if (part := about(example.question, known, text))]
    if not fitting:
        return Verdict(False, Basis.form, "it is about others than the question")
    if things:
        # "Naloxone. It was compared with X." answers naloxone.
        whole = is_bare_name if len(things) == 1 else is_elliptic
        first = [*filter(whole, fitting[:1])]
        return _by_names(things, first or fitting, example.question)
    if example.nuggets:
        return _by_nuggets(example.nuggets, fitting, example.question)
    references = [text for text in (example.answer, *example.alternatives) if text]
    if references:
        told = _told(example.question, answer, fitting)
        verdicts = (_by_reference(example.question, one, fitting, told) for one in references)
        return max(verdicts, key=lambda one: (one.right is True, one.score))
    return Verdict(None, Basis.nothing, "no reference is known")


def statements(answer: Answer) -> list[str]:
    """The sentences of an answer that are shown, without markers."""
    if answer.sentences:
        return [one.text for one in answer.sentences if one.supported]
    return split_sentences(without_markers(answer.answer))


def _answering(example: Example, answer: Answer) -> tuple[list[str], list[str]]:
    """The statements that may answer, and why the others do not."""
    headings = {
        tuple(words(part))
        for hit in answer.hits
        for part in (hit.title, *hit.section.split(" > "), hit.header)
    }
    yes_no = example.kind is QuestionKind.yes_no
    said, faults = [], []
    for text in statements(answer):
        if fault := no_answer(text, example.question, headings, yes_no=yes_no):
            faults.append(fault)
        else:
            said.append(text)
    return said, faults


def _told(question: str, answer: Answer, said: Sequence[str]) -> str:
    """ "yes", "no" or "maybe", as an answer says; "" if it says neither."""
    first = (words(said[0]) or [""])[0]
    if first in ("yes", "no"):
        return first
    told = "maybe" if answer.stance == "unclear" else answer.stance
    if told == "yes" and not _ASKS_SAMENESS.search(question) and any(map(equals_control, said)):
        return "no"
    return told if told in ("yes", "no") else _permits(question, said) or told


def _permits(question: str, said: Sequence[str]) -> str:
    """Whether an answer allows or forbids what a question asks about: "yes", "no" or ""."""
    about_it = [one for one in said if not {*terms(one)}.isdisjoint(terms(question))] or said
    amounts = quantities(question)
    given = [one for text in about_it for one in quantities(text)]
    if not _ASKS_LEAVE.search(question) or any(
        not any(map(one.same_value, amounts)) for one in given
    ):
        return ""  # where a line is drawn elsewhere, it depends
    forbidden, allowed = (any(map(tells, about_it)) for tells in (forbids, allows))
    if forbidden == allowed:
        return ""
    return "yes" if allowed != forbids(question) else "no"


def equals_control(text: str) -> bool:
    """Tell whether something is said to be no better than nothing: "as often as with placebo"."""
    return any(
        _CONTROL.search(part) and (_NO_MORE.search(part) or denies_change(part))
        for part in _PARTS.split(text.lower())
    )


def _by_stance(right: str, told: str) -> Verdict:
    if not told:
        return Verdict(False, Basis.stance, "it says neither yes nor no")
    return Verdict(told == right, Basis.stance, f"it says {told}", float(told == right))


def _is_asked(names: Sequence[str], question: str) -> bool:
    """Whether the question itself names the thing, and offers no choice: naming it says nothing."""
    asked = Said([question])
    return " or " not in question and any(map(asked.names, names))


def _by_names(things: Sequence[Sequence[str]], fitting: Sequence[str], question: str) -> Verdict:
    said = Said(fitting, question)
    held = [next(filter(said.names, names), None) for names in things]
    score = sum(name is not None for name in held) / len(things)
    if len(things) == 1:
        if held[0] and _has_other_role(things[0], fitting, question):
            why = f"it names {held[0]}, but answers something else"
            return Verdict(False, Basis.exact, why)
        why = f"it names {held[0]}" if held[0] else f"it does not name {things[0][0]}"
    else:
        why = f"it names {sum(name is not None for name in held)} of {len(things)}"
    return Verdict(score >= _SHARE, Basis.exact, why, score)


def _has_other_role(names: Sequence[str], fitting: Sequence[str], question: str) -> bool:
    """Whether something else is said to be what is asked for, wherever a thing is named."""
    names = [one for one in names if len(one) <= TEXT]
    naming = [one for one in fitting if any(map(Said([one], question).names, names))]
    return bool(naming) and all(_is_beside(names, one, question) for one in naming)


def _is_beside(names: Sequence[str], text: str, question: str) -> bool:
    """Whether a thing is only named in clauses of a statement that answer less than others."""
    clauses = roles(question, names, text)
    naming = [one for one in clauses if any(map(Said([one.text], question).names, names))]
    if not naming or (clauses[0] in naming and clauses[0].bare):
        return False
    return max(one.weight for one in naming) < max(one.weight for one in clauses)


def _by_nuggets(nuggets: Sequence[str], said: Sequence[str], question: str) -> Verdict:
    held = [nugget for nugget in nuggets if holds_nugget(nugget, said, question)]
    score = len(held) / len(nuggets)
    why = f"it holds {len(held)} of {len(nuggets)} nuggets"
    return Verdict(score >= _SHARE, Basis.nuggets, why, score)


def holds_nugget(nugget: str, said: Iterable[str], question: str = "") -> bool:
    """Whether statements say most of a nugget with all its quantities, and do not contradict it.

    What they deny counts only if the nugget denies something, too.
    """
    said = list(said)
    wanted, denies = measured_terms(nugget), _NEGATED.search(nugget) is not None
    shared = wanted & {
        term
        for text in said
        for term in measured_terms(text) - (set() if denies else denied_terms(text, question))
    }
    if not wanted or len(shared) < _NUGGET * len(wanted) or not Said(said).has_quantities(nugget):
        return False
    return not any(contradicts(_step(text, nugget), nugget) for text in said)


def _step(text: str, nugget: str) -> str:
    """The step of a treatment that has a nugget's quantities: of "10 mg, then 5 mg" the latter."""
    steps = _THEN.split(text) if quantities(nugget) else []
    return next((one for one in steps if Said([one]).has_quantities(nugget)), text)


def _by_reference(question: str, reference: str, said: Sequence[str], told: str) -> Verdict:
    """Compare with the first sentences of a reference: the rest of a long one is details."""
    first = lead(reference)
    recall, f1 = overlap(question, first, " ".join(said))
    score = max(recall, f1)
    if differs := difference(question, reference, first, said):
        return Verdict(False, Basis.reference, f"against the reference: {differs}", score)
    wanted = words(first)[0] if words(first) else ""
    if wanted in ("yes", "no") and told in ("yes", "no"):
        return _by_stance(wanted, told)
    right = recall >= LEAST_RECALL or f1 >= LEAST_F1
    shares = f"it shares {recall:.0%} of the reference's terms (F1 {f1:.2f})"
    if right and _is_scattered(question, first, said):
        return Verdict(False, Basis.reference, f"{shares}, no two of them together", score)
    return Verdict(right, Basis.reference, shares, score)


def _is_scattered(question: str, reference: str, said: Sequence[str]) -> bool:
    """Whether each clause of an answer has one term of a reference at most: it says other things.

    One is enough where hardly more is wanted.
    """
    wanted = measured_terms(reference) - measured_terms(question)
    if len(wanted) < _MANY:
        return False
    held = [
        len(wanted & measured_terms(part))
        for text in (one.translate(_NO_BRACKETS) for one in said)
        for clause in parse(text).clauses
        for part in _predicates(text[clause.start : clause.end])
    ]
    return sum(held) > 1 and max(held) == 1


def _predicates(clause: str) -> list[str]:
    """The parts of a clause that "and" joins, if each has a verb of its own."""
    parts = _AND.split(clause)
    return parts if all(map(has_verb, parts)) else [clause]


def lead(reference: str) -> str:
    """The first sentences of a reference, up to `LEAD` words, and always the first one.

    A question at its beginning is the title of what follows.
    """
    taken: list[str] = []
    sentences = split_sentences(reference)
    for sentence in [one for one in sentences if not is_question(one)] or sentences:
        if taken and len(words(" ".join([*taken, sentence]))) > LEAD:
            break
        taken.append(sentence)
    return " ".join(taken)


def overlap(question: str, reference: str, answer: str) -> tuple[float, float]:
    """Recall and F1 of a reference's distinct terms, without those of the question.

    A reference that only has terms of the question is compared with all of its words. What an
    answer denies counts only if the reference denies something, too. F1 is 0 if a single term is
    shared, unless the answer says nothing else.
    """
    asked = measured_terms(question)
    wanted, said = measured_terms(reference) - asked, measured_terms(answer) - asked
    if not wanted:
        wanted, said = {*words(reference)} - STOPWORDS, {*words(answer)} - STOPWORDS
    if not _NEGATED.search(reference):
        said -= denied_terms(answer, question)
    shared = len(wanted & said)
    if not shared:
        return 0.0, 0.0
    f1 = 2 * shared / (len(wanted) + len(said))
    return shared / len(wanted), f1 if shared > 1 or len(said) == 1 else 0.0
