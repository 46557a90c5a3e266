"""How text is measured in tokens: by a tokenizer, or by an embedder that only counts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from tokenizers import Tokenizer

# Special tokens that are left room for if an embedder cannot say how many it adds.
_SPECIAL_TOKENS = 2


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


class Tokens(Protocol):
    """How text is measured. A sequence stands for the tokens of a text.

    Attributes:
        head, tail: special tokens before and after a text.
        add_up: the tokens of parts that whitespace separates are those of the whole, so that
            nothing needs to be tokenized twice.
        have_ids: tokens are the model's ids.
    """

    @property
    def head(self) -> Sequence[int]: ...
    @property
    def tail(self) -> Sequence[int]: ...
    @property
    def add_up(self) -> bool: ...
    @property
    def have_ids(self) -> bool: ...

    def of(self, text: str) -> Sequence[int]:
        """The tokens of a text."""

    def of_each(self, texts: Sequence[str]) -> Iterator[Sequence[int]]:
        """The tokens of several texts."""

    def prefix(self, text: str, limit: int) -> tuple[Sequence[int], int]:
        """The tokens of a text, and about how many of its characters make `limit` tokens."""


class _FromTokenizer:
    """Tokens are ids."""

    have_ids = True

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.head, self.tail = _special_ids(tokenizer)
        # It splits at whitespace, which it drops.
        self.add_up = type(tokenizer.pre_tokenizer).__name__ == "BertPreTokenizer"

    def of(self, text: str) -> Sequence[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def of_each(self, texts: Sequence[str]) -> Iterator[Sequence[int]]:
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return (encoding.ids for encoding in encoded)

    def prefix(self, text: str, limit: int) -> tuple[Sequence[int], int]:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        fits = len(encoded.ids) <= limit
        return encoded.ids, len(text) if fits else encoded.offsets[limit][0]


class _FromCounter:
    """Tokens are only counted: `range(n)` stands for n of them."""

    have_ids = False
    add_up = False  # not known
    head, tail = range(_SPECIAL_TOKENS), range(0)

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter

    def of(self, text: str) -> Sequence[int]:
        return range(self._counter.count_tokens(text))

    def of_each(self, texts: Sequence[str]) -> Iterator[Sequence[int]]:
        return map(self.of, texts)

    def prefix(self, text: str, limit: int) -> tuple[Sequence[int], int]:
        return self.of(text), longest_prefix(text, limit, self._counter)


def longest_prefix(text: str, limit: int, counter: TokenCounter) -> int:
    """How many characters of a text `limit` tokens hold; exact if more text has more tokens."""
    if counter.count_tokens(text) <= limit:
        return len(text)
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if counter.count_tokens(text[:middle]) <= limit:
            fits = middle
        else:
            too_long = middle
    return fits


def tokens_of(source: Tokenizer | TokenCounter) -> Tokens:
    """How text is measured by a tokenizer or an embedder."""
    return _FromTokenizer(source) if isinstance(source, Tokenizer) else _FromCounter(source)


def _special_ids(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that the model adds before and after a text."""
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    full = tokenizer.encode("a").ids
    start = next(i for i in range(len(full)) if full[i : i + len(plain)] == plain)
    return full[:start], full[start + len(plain) :]
