"""Cuts text into sentences without losing a character of it."""

from __future__ import annotations

import sentencex


def split_sentences(text: str) -> list[str]:
    """The sentences of an English text, each with white space around it; joined, they are the text.

    sentencex drops a blank line now and then in texts of over 9,000 characters; so unless its
    sentences add up, each is looked up in the text, and what lies before it goes with it.
    """
    sentences: list[str] = sentencex.segment("en", text)
    if "".join(sentences) == text:
        return sentences
    whole: list[str] = []
    start = 0
    for body in (sentence.strip() for sentence in sentences):
        at = text.find(body, start)
        if body and at >= 0:
            end = at + len(body)
            whole.append(text[start:end])
            start = end
    return [*whole, text[start:]]
