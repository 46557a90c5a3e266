"""What is no answer by its form alone: a question, a heading, an aim, a repetition."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..text.words import terms, words
from .candidates import has_verb
from .question import is_question, read_question
from .roles import Role, role_of

_LONGEST_TITLE = 10  # words of a title that only announces
# The words of titles, which announce what a text is about and say nothing of it.
_TITLE = re.compile(
    r"\b(?:beyond|revisited|updates?|overview|review|insights?|perspectives?|frontiers?|advances?"
    r"|challenges?|opportunit\w+|introduction|history|story|stories|tale|past|future|present"
    r"|centur(?:y|ies)|era|age of|lessons?|primer|guide|outlook|progress|trends?|hope or hype"
    r"|myths?|(?:and|with) (?:its|their|friends?|more)|what(?:'s| is) new|state of the art)\b",
    re.I,
)


def no_answer(
    text: str, question: str, headings: Collection[tuple[str, ...]], *, yes_no: bool = False
) -> str:
    """Why a statement cannot answer a question, whatever it is about; "" if it may.

    Args:
        headings: the words of titles and headings, from `words`, which answer nothing.
        yes_no: whether yes or no is wanted, so that the question's own words may be the answer.
    """
    if is_question(text):
        return "it is a question"
    if is_title(text) or (tuple(words(text)) in headings and not has_verb(text)):
        return "it is a heading"
    if role_of(text) is Role.aim:
        return "it is the aim of a study"
    if not yes_no and _repeats(text, question):
        return "it repeats the question"
    return ""


def is_title(text: str) -> bool:
    """Tell whether a text is worded like the title of an article: "CFTR and beyond"."""
    if text.rstrip().endswith(".") or len(words(text)) > _LONGEST_TITLE or has_verb(text):
        return False
    return _TITLE.search(text) is not None


def _repeats(text: str, question: str) -> bool:
    """Whether a text only says what the question says; to choose or to affirm is more than that."""
    if read_question(question).yes_no:
        return False
    if not {*terms(text)} <= {*terms(question)}:
        return False
    said = words(text)
    if "yes" in said or "no" in said:
        return False
    return "or" in said or "or" not in words(question)
