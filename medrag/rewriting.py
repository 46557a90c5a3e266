"""A follow-up in full: a chat model writes it, if there is one, and the rules check it."""

from __future__ import annotations

import re

from .errors import HttpError, ModelError
from .followups import leaves_out, standalone
from .generation import Generator
from .generation.markers import EXPLICIT
from .generation.prompts import rewriting_prompt
from .grounding.question import is_question
from .grounding.support.forms import root
from .subjects import is_drug
from .text.numbers import WORD_NUMBER
from .text.words import fold, words

_NUMBER = re.compile(rf"\d+(?:[.,]\d+)*|\b(?:{WORD_NUMBER})\b")
_LONGEST = 400  # characters of a question that a model writes


def in_full(question: str, before: str, generator: Generator) -> str:
    """As `standalone`, but a chat model writes the question, if one is configured.

    What it writes is used only if it is one question that keeps the numbers and the drugs.
    Otherwise the rules decide.
    """
    by_rule = standalone(question, before)
    if not generator.reads_messages or not (by_rule != question or leaves_out(question)):
        return by_rule
    try:
        reply = generator.generate(rewriting_prompt(question, before))
    except (ModelError, HttpError):  # the answer needs the model, too, and will say so
        return by_rule
    written = " ".join(EXPLICIT.sub("", reply.text).split()).strip('"“” ')
    return written if _keeps(written, question, before, by_rule) else by_rule


def _keeps(written: str, question: str, before: str, by_rule: str) -> bool:
    """Whether a model wrote one question, with the numbers and drugs that were asked about."""
    if not is_question(written) or written.count("?") > 1 or len(written) > _LONGEST:
        return False
    for named in (_numbers, _drugs):
        asked = named(by_rule if by_rule != question else question)
        known = asked if by_rule != question else asked | named(before)
        if not asked <= named(written) <= known:
            return False
    return True


def _numbers(text: str) -> set[str]:
    return {*_NUMBER.findall(fold(text))}


def _drugs(text: str) -> set[str]:
    return {root(word) for word in words(text) if is_drug(word)}
