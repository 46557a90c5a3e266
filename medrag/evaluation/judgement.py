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
from ..grounding import check_support
from ..grounding.candidates import has_verb
from ..grounding.contradictions import find_contradictions
from ..grounding.question import is_question, read_question
from ..grounding.roles import Role, role_of
from ..text import split_sentences
from ..text.quantities import quantities
from ..text.words import STOPWORDS, terms, words
from ..types import Answer, AnswerSentence, Example, Hit, QuestionKind
from .naming import Said, denied_terms, measured_terms

# Bounds for texts, chosen on 143 answers that were read by hand: docs/evaluation.md.
LEAD = 40  # words of a reference that an answer is compared with: its first sentences
LEAST_RECALL, LEAST_F1 = 0.5, 0.25  # of the lead's terms that the question lacks; either will do
_NUGGET = 0.6  # share of the terms of a nugget from which on an answer holds it
_SHARE = 0.5  # of the things or nuggets that a right answer holds
_TELLING, _SAME_WORDS = 4, 0.75  # terms of a statement; share of them that a reference has
_SAYS = "the source says"  # begins a reason of the support check that is no lack of words
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
        return _by_stance(example.exact[0][0], _told(answer, said))
    things = [names for names in example.exact if not _is_asked(names, example.question)]
    if things:
        return _by_names(things, Said(said, example.question))
    if example.nuggets:
        return _by_nuggets(example.nuggets, said)
    references = [text for text in (example.answer, *example.alternatives) if text]
    if references:
        told = _told(answer, said)
        verdicts = (_by_reference(example.question, one, said, told) for one in references)
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
    said, faults = [], []
    for text in statements(answer):
        if is_question(text):
            faults.append("it is a question")
        elif tuple(words(text)) in headings and not has_verb(text):
            faults.append("it is a heading")
        elif role_of(text) is Role.aim:
            faults.append("it is the aim of a study")
        elif _repeats(text, example):
            faults.append("it repeats the question")
        else:
            said.append(text)
    return said, faults


def _repeats(text: str, example: Example) -> bool:
    """Whether a text only says what the question says; to choose or to affirm is more than that."""
    question = example.question
    if example.kind is QuestionKind.yes_no or read_question(question).yes_no:
        return False
    if not {*terms(text)} <= {*terms(question)}:
        return False
    said = words(text)
    if "yes" in said or "no" in said:
        return False
    return "or" in said or "or" not in words(question)


def _told(answer: Answer, said: Sequence[str]) -> str:
    """ "yes", "no" or "maybe", as an answer says; "" if it says neither."""
    first = (words(said[0]) or [""])[0]
    told = first if first in ("yes", "no") else answer.stance
    return "maybe" if told == "unclear" else told


def _by_stance(right: str, told: str) -> Verdict:
    if not told:
        return Verdict(False, Basis.stance, "it says neither yes nor no")
    return Verdict(told == right, Basis.stance, f"it says {told}", float(told == right))


def _is_asked(names: Sequence[str], question: str) -> bool:
    """Whether the question itself names the thing, and offers no choice: naming it says nothing."""
    asked = Said([question])
    return " or " not in question and any(map(asked.names, names))


def _by_names(things: Sequence[Sequence[str]], said: Said) -> Verdict:
    held = [next(filter(said.names, names), None) for names in things]
    score = sum(name is not None for name in held) / len(things)
    if len(things) == 1:
        why = f"it names {held[0]}" if held[0] else f"it does not name {things[0][0]}"
    else:
        why = f"it names {sum(name is not None for name in held)} of {len(things)}"
    return Verdict(score >= _SHARE, Basis.exact, why, score)


def _by_nuggets(nuggets: Sequence[str], said: Sequence[str]) -> Verdict:
    held = [nugget for nugget in nuggets if holds_nugget(nugget, said)]
    score = len(held) / len(nuggets)
    why = f"it holds {len(held)} of {len(nuggets)} nuggets"
    return Verdict(score >= _SHARE, Basis.nuggets, why, score)


def holds_nugget(nugget: str, said: Iterable[str]) -> bool:
    """Whether statements say most of a nugget with all its quantities, and do not contradict it."""
    said = list(said)
    wanted = measured_terms(nugget)
    shared = wanted & {term for text in said for term in measured_terms(text)}
    if not wanted or len(shared) < _NUGGET * len(wanted) or not Said(said).has_quantities(nugget):
        return False
    return not any(_contradicts(text, nugget) for text in said)


def _by_reference(question: str, reference: str, said: Sequence[str], told: str) -> Verdict:
    """Compare with the first sentences of a reference: the rest of a long one is details."""
    first = lead(reference)
    recall, f1 = overlap(question, first, " ".join(said))
    score = max(recall, f1)
    contradicted = (_contradicts(text, reference) for text in said)
    if differs := next(filter(None, contradicted), "") or _other_quantity(question, first, said):
        return Verdict(False, Basis.reference, f"against the reference: {differs}", score)
    wanted = words(first)[0] if words(first) else ""
    if wanted in ("yes", "no") and told in ("yes", "no"):
        return _by_stance(wanted, told)
    right = recall >= LEAST_RECALL or f1 >= LEAST_F1
    shares = f"it shares {recall:.0%} of the reference's terms (F1 {f1:.2f})"
    return Verdict(right, Basis.reference, shares, score)


def _other_quantity(question: str, reference: str, said: Sequence[str]) -> str:
    """The quantity of a reference in whose place an answer has another; "" if there is none.

    Only if a quantity is asked for: other texts may well speak of other quantities.
    """
    if read_question(question).form is None:
        return ""
    given = [one for text in said for one in quantities(text)]
    for wanted in quantities(reference):
        rivals = [one for one in given if one.dimension == wanted.dimension]
        if rivals and not any(one.same_value(wanted) for one in rivals):
            return f"{_SAYS} {wanted.text}, not {rivals[0].text}"
    return ""


def _contradicts(statement: str, reference: str) -> str:
    """What a statement says otherwise than a reference; "" if nothing.

    A statement in nearly the words of a sentence has to agree with it in every value and direction.
    """
    told = AnswerSentence(statement, (), 1.0, True)
    whole = Hit(0, "", "", reference, 0, len(reference), None, "", "", 0.0)
    if found := find_contradictions([told], [whole], ()):
        return found[0].reason
    own = {*terms(statement)}
    near = max((len(own & {*terms(one)}) for one in split_sentences(reference)), default=0)
    if len(own) < _TELLING or near < _SAME_WORDS * len(own):
        return ""
    support = check_support(statement, reference)
    return "" if support.supported or not support.reason.startswith(_SAYS) else support.reason


def lead(reference: str) -> str:
    """The first sentences of a reference, up to `LEAD` words, and always the first one."""
    taken: list[str] = []
    for sentence in split_sentences(reference):
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
