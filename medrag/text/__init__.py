"""Split text into sentences without losing a character."""

from __future__ import annotations

import sentencex


def split_sentences(text: str) -> list[str]:
    """The sentences of an English text with the whitespace around them; joined, they are the text.

    sentencex sometimes drops a blank line in texts of over 9,000 characters. If its sentences do
    not add up to the text, each one is searched in the text and gets the characters before it.
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
