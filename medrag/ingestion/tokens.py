"""How text is measured in tokens: by a tokenizer, or by an embedder that only counts them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from tokenizers import Tokenizer


class TokenCounter(Protocol):
    """What chunking needs of an embedder."""

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has, without special tokens."""


@runtime_checkable
class TokenSource(TokenCounter, Protocol):
    """An embedder whose tokenizer can be shared, so that a text is tokenized only once.

    Attributes:
        tokenizer: without padding and truncation.
        tokenizer_file: its tokenizer.json, for other processes.
        document_prompt: text that goes before each document; "" for none.
    """

    @property
    def tokenizer(self) -> Tokenizer: ...
    @property
    def tokenizer_file(self) -> Path: ...
    @property
    def document_prompt(self) -> str: ...


class CountedTokens:
    """Tokens that are only counted: `range(n)` stands for n of them.

    Attributes:
        head, tail: special tokens before and after a text.
        add_up: the tokens of parts that whitespace separates are those of the whole.
        have_ids: the tokens are the model's ids.
    """

    # A counter does not say how many special tokens its model adds: room for two is left.
    head: Sequence[int] = range(2)
    tail: Sequence[int] = range(0)
    add_up = have_ids = False

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter

    def of(self, text: str) -> Sequence[int]:
        """The tokens of a text."""
        return range(self._counter.count_tokens(text))

    def of_each(self, texts: Sequence[str]) -> Iterable[Sequence[int]]:
        """The tokens of several texts."""
        return map(self.of, texts)

    def prefix(self, text: str, limit: int) -> tuple[Sequence[int], int]:
        """The tokens of a text, and about how many of its characters make `limit` tokens."""
        return self.of(text), longest_prefix(text, limit, self._counter)


class TokenIds(CountedTokens):
    """Tokens of a tokenizer."""

    have_ids = True

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # BERT's splits at whitespace, which it drops.
        self.add_up = type(tokenizer.pre_tokenizer).__name__ == "BertPreTokenizer"
        plain, full = self.of("a"), tokenizer.encode("a").ids
        start = next(i for i in range(len(full)) if full[i : i + len(plain)] == plain)
        self.head, self.tail = full[:start], full[start + len(plain) :]

    def of(self, text: str) -> Sequence[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def of_each(self, texts: Sequence[str]) -> Iterable[Sequence[int]]:
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return (encoding.ids for encoding in encoded)

    def prefix(self, text: str, limit: int) -> tuple[Sequence[int], int]:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        fits = len(encoded.ids) <= limit
        return encoded.ids, len(text) if fits else encoded.offsets[limit][0]


def longest_prefix(text: str, limit: int, counter: TokenCounter) -> int:
    """How many characters of a text `limit` tokens hold; exact if more text has more tokens."""
    if counter.count_tokens(text) <= limit:
        return len(text)
    sizes = range(1, len(text))
    return bisect_right(sizes, limit, key=lambda size: counter.count_tokens(text[:size]))
