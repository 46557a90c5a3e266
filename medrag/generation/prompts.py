"""The one place where a question and its contexts become messages.

Dataset, training, evaluation and answering all call `build_messages`, so a model is asked in
exactly the words it was trained with. Mistral-7B-Instruct-v0.2 knows no system role, so the
instructions stand in the user's message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..types import Hit

Message = dict[str, str]
CountTokens = Callable[[str], int]

_LOOKS_LIKE_MARKER = re.compile(r"\[(\d+(?:\s*[,;]\s*\d+)*)\]")

REFUSAL = "The documents do not say."

_INSTRUCTIONS = f"""\
Answer the question from the numbered passages below and from nothing else. Use short sentences, \
and end each one with the number of the passage that supports it, such as [1]. If the passages do \
not hold the answer, reply exactly: {REFUSAL}"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question with the contexts that fitted the budget.

    Attributes:
        messages: what a chat model is given; one message, role "user".
        contexts: the hits in it; `[n]` in an answer means `contexts[n - 1]`.
        left_out: hits that did not fit the budget.
    """

    messages: list[Message]
    contexts: tuple[Hit, ...]
    left_out: int


def build_prompt(
    question: str, hits: Sequence[Hit], budget: int, count_tokens: CountTokens
) -> Prompt:
    """Put as many hits, best first, before the question as the token budget allows.

    A context is taken whole or left out: half a passage could say the opposite. The answer's
    tokens are not part of this budget, so they can never be squeezed out.

    Args:
        budget: tokens of the whole prompt, as counted by `count_tokens`.
    """
    contexts: list[Hit] = []
    for hit in hits:
        if count_tokens(_text(question, [*contexts, hit])) > budget:
            break
        contexts.append(hit)
    messages = build_messages(question, contexts)
    return Prompt(messages, tuple(contexts), len(hits) - len(contexts))


def build_messages(question: str, contexts: Sequence[Hit]) -> list[Message]:
    """The messages that ask `question` over numbered contexts."""
    return [{"role": "user", "content": _text(question, contexts)}]


def completion(answer: str) -> list[Message]:
    """The message a model is trained to reply with."""
    return [{"role": "assistant", "content": answer}]


def _text(question: str, contexts: Sequence[Hit]) -> str:
    passages = "\n\n".join(
        f"[{number}] {_heading(hit)}{hit.text}" for number, hit in enumerate(contexts, 1)
    )
    return f"{_INSTRUCTIONS}\n\nPassages:\n\n{passages or '(none)'}\n\nQuestion: {question}"


def _heading(hit: Hit) -> str:
    heading = " > ".join(part for part in (hit.title, hit.section) if part)
    return f"{heading}\n" if heading else ""


def without_markers(text: str) -> str:
    """A source's own references made round, "[12]" to "(12)": they are no markers of ours."""
    return _LOOKS_LIKE_MARKER.sub(r"(\1)", text)
