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
from ..grounding.question import is_question
from ..grounding.roles import Role, role_of
from ..text import split_sentences
from ..text.quantities import quantities
from ..text.words import STOPWORDS, fold, stem, terms, words
from ..types import Answer, AnswerSentence, Example, Hit, QuestionKind

# Bounds for texts, chosen on 143 answers that were read by hand: docs/evaluation.md.
LEAD = 40  # words of a reference that an answer is compared with: its first sentences
LEAST_RECALL, LEAST_F1 = 0.5, 0.25  # of the lead's terms that the question lacks; either will do
_NUGGET = 0.6  # share of the terms of a nugget from which on an answer holds it
_SHARE = 0.5  # of the things or nuggets that a right answer holds
_LONG_NAME, _OF_NAME = 2, 0.75  # content words of a name from which on so many of them do
_TELLING, _SAME_WORDS = 4, 0.75  # terms of a statement; share of them that a reference has
_SAYS = "the source says"  # begins a reason of the support check that is no lack of words
_PREFIX = 6  # letters that the forms of a long word share
_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*")
_GREEK = str.maketrans(
    {
        "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa",
        "λ": "lambda", "μ": "mu", "ω": "omega",
    }
)  # fmt: skip
_DENIED = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|without|except|unlike|excluding|cannot|rather than"
    r"|instead of|other than|apart from)|n['’]t)\s+(?:\w+\s+){0,2}\Z",
    re.I,
)


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
    said, faults = _answering(example.question, answer)
    if not said:
        return Verdict(False, Basis.form, faults[0] if faults else "it says nothing")
    text = " ".join(said)
    if example.kind is QuestionKind.yes_no and example.exact:
        return _by_stance(example.exact[0][0], answer, text)
    things = [names for names in example.exact if not _is_asked(names, example.question)]
    if things:
        return _by_names(things, said)
    if example.nuggets:
        return _by_nuggets(example.nuggets, said)
    references = [text for text in (example.answer, *example.alternatives) if text]
    if references:
        verdicts = (_by_reference(example.question, reference, said) for reference in references)
        return max(verdicts, key=lambda one: (one.right is True, one.score))
    return Verdict(None, Basis.nothing, "no reference is known")


def statements(answer: Answer) -> list[str]:
    """The sentences of an answer that are shown, without markers."""
    if answer.sentences:
        return [one.text for one in answer.sentences if one.supported]
    return split_sentences(without_markers(answer.answer))


def _answering(question: str, answer: Answer) -> tuple[list[str], list[str]]:
    """The statements that may answer, and why the others do not."""
    headings = {
        tuple(words(part))
        for hit in answer.hits
        for part in (hit.title, *hit.section.split(" > "), hit.header)
    }
    asked = {*terms(question)}
    said, faults = [], []
    for text in statements(answer):
        if is_question(text):
            faults.append("it is a question")
        elif tuple(words(text)) in headings and not has_verb(text):
            faults.append("it is a heading")
        elif role_of(text) is Role.aim:
            faults.append("it is the aim of a study")
        elif {*terms(text)} <= asked and not _says_yes_or_no(text):
            faults.append("it repeats the question")
        else:
            said.append(text)
    return said, faults


def _says_yes_or_no(text: str) -> bool:
    return (words(text) or [""])[0] in ("yes", "no")


def _by_stance(right: str, answer: Answer, text: str) -> Verdict:
    first = (words(text) or [""])[0]
    said = first if first in ("yes", "no") else answer.stance
    said = "maybe" if said == "unclear" else said
    if not said:
        return Verdict(False, Basis.stance, "it says neither yes nor no")
    return Verdict(said == right, Basis.stance, f"it says {said}", float(said == right))


def _is_asked(names: Sequence[str], question: str) -> bool:
    """Whether the question itself names the thing: then naming it says nothing."""
    return any(_holds(question, name) for name in names)


def _by_names(things: Sequence[Sequence[str]], said: Sequence[str]) -> Verdict:
    # "Epidermal growth factor (EGF) family" is read with and without what is in brackets.
    texts = [form for text in said for form in {text, _BRACKETS.sub(" ", text)}]
    held = [
        next((name for name in names if any(_holds(text, name) for text in texts)), None)
        for names in things
    ]
    score = sum(name is not None for name in held) / len(things)
    if len(things) == 1:
        why = f"it names {held[0]}" if held[0] else f"it does not name {things[0][0]}"
    else:
        why = f"it names {sum(name is not None for name in held)} of {len(things)}"
    return Verdict(score >= _SHARE, Basis.exact, why, score)


def _holds(text: str, name: str) -> bool:
    """Whether a text gives a name, or its quantity, and does not deny it.

    A short name has to be there word for word; of a longer one, most words near each other.
    """
    wanted = [one for one in quantities(name) if one.dimension]
    if len(wanted) == 1 and wanted[0].text.strip() == name.strip():
        return any(wanted[0].same_value(one) for one in quantities(text))
    plain = words(fold(text).translate(_GREEK))
    found = [_form(word) for word in plain]
    for form in filter(None, map(_forms, _names(name))):
        content = [word for word in form if word not in STOPWORDS]
        for at in range(len(found)):
            if found[at : at + len(form)] == form and not _is_denied(plain, at):
                return True
            if len(content) < _LONG_NAME or found[at] not in content:
                continue
            near = {*found[at : at + 2 * len(form)]}
            shared = sum(word in near for word in content)
            if shared >= _OF_NAME * len(content) and not _is_denied(plain, at):
                return True
    return False


def _names(name: str) -> list[str]:
    """A name, and "X" and "Y" for "X (Y)"."""
    inside = re.findall(r"\(([^()]+)\)", name)
    return [name, _BRACKETS.sub(" ", name), *inside] if inside else [name]


def _forms(name: str) -> list[str]:
    return [_form(word) for word in words(fold(name).translate(_GREEK))]


def _form(word: str) -> str:
    """A word in a form that its inflections share: its stem, cut to six letters."""
    return word if len(word) < 4 else stem(word)[:_PREFIX]


def _is_denied(plain: Sequence[str], at: int) -> bool:
    """Whether a denial stands right before a place: "not X", "rather than X"."""
    return _DENIED.search(" ".join(plain[max(0, at - 4) : at]) + " ") is not None


def _by_nuggets(nuggets: Sequence[str], said: Sequence[str]) -> Verdict:
    held = [nugget for nugget in nuggets if holds_nugget(nugget, said)]
    score = len(held) / len(nuggets)
    why = f"it holds {len(held)} of {len(nuggets)} nuggets"
    return Verdict(score >= _SHARE, Basis.nuggets, why, score)


def holds_nugget(nugget: str, said: Iterable[str]) -> bool:
    """Whether statements say most of a nugget and none of them contradicts it."""
    wanted = {*terms(nugget)}
    said = list(said)
    shared = wanted & {term for text in said for term in terms(text)}
    if not wanted or len(shared) < _NUGGET * len(wanted):
        return False
    return not any(_contradicts(text, nugget) for text in said)


def _by_reference(question: str, reference: str, said: Sequence[str]) -> Verdict:
    """Compare with the first sentences of a reference: the rest of a long one is details."""
    first = lead(reference)
    recall, f1 = overlap(question, first, " ".join(said))
    score = max(recall, f1)
    for text in said:
        if differs := _contradicts(text, reference):
            return Verdict(False, Basis.reference, f"against the reference: {differs}", score)
    right = recall >= LEAST_RECALL or f1 >= LEAST_F1
    shares = f"it shares {recall:.0%} of the reference's terms (F1 {f1:.2f})"
    return Verdict(right, Basis.reference, shares, score)


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

    A reference that only has terms of the question is compared with all of its words.
    """
    asked = {*terms(question)}
    wanted, said = {*terms(reference)} - asked, {*terms(answer)} - asked
    if not wanted:
        wanted, said = {*words(reference)} - STOPWORDS, {*words(answer)} - STOPWORDS
    shared = len(wanted & said)
    if not shared:
        return 0.0, 0.0
    return shared / len(wanted), 2 * shared / (len(wanted) + len(said))
