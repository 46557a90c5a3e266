"""Cut cleaned text into chunks that end at sentences and fit the embedder's token budget.

The chunks of a document tile its cleaned text: only whitespace is between two of them,
no text is in two of them, and `cleaned[start:end] == chunk.text` for each. A row of a table is
never cut, unless it alone is over the budget. A chunk that starts within a table is embedded
together with the table's header, which is not part of its text.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

from ..errors import ConfigError
from ..text import split_sentences
from ..text.cleaning import may_cut
from ..types import Block, BlockKind, Chunk, Flag
from .tokens import CountedTokens, TokenCounter, TokenIds, TokenSource

# A paragraph longer than this many characters is cut into sentences before it has ended.
_BUFFER = 1 << 15
# WordPiece makes a word of any length one [UNK] token, so characters have a limit of their own.
_CHARACTERS_PER_TOKEN = 12
# Where a sentence over the budget is cut, best first; the last resort is between two tokens.
_SEPARATORS = ("\n", "; ", ": ", ", ", " ")
_LEAST_BUDGET = 8  # tokens for text, next to prompt, title, header and special tokens
_LABEL = 120  # characters; a longer first cell does not name its row

# Part of a sentence: glue before it, text, characters from the sentence's start, tokens.
_Piece = tuple[str, str, int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence or a row, or a piece of a long one: chunks are packed from units."""

    glue: str  # whitespace between the unit before and this one
    text: str
    start: int
    ids: Sequence[int]  # its tokens
    page: int | None
    section: str
    header: str = ""
    flags: frozenset[Flag] = frozenset()


class Chunker:
    """Packs the sentences of a document into chunks of at most `max_tokens` embedder tokens.

    A chunk is embedded as its document's title, its header if it has one, and its text, each on
    lines of its own (see `embedded_text`). The budget covers all of it, the embedder's prompt, and
    the special tokens that the model adds.

    Args:
        tokens: an embedder, or a tokenizer without truncation and padding.
        max_tokens: budget of one chunk.
        prompt: document prompt of the embedder that a tokenizer belongs to.

    Raises:
        ConfigError: the prompt leaves no room for text.
    """

    def __init__(self, tokens: Tokenizer | TokenCounter, max_tokens: int, prompt: str = "") -> None:
        self.recipe: dict[str, Any] | None = None
        if isinstance(tokens, TokenSource):
            prompt = tokens.document_prompt
            self.recipe = {
                "tokenizer": str(tokens.tokenizer_file),
                "max_tokens": max_tokens,
                "prompt": prompt,
            }
            tokens = tokens.tokenizer
        self._tokens = TokenIds(tokens) if isinstance(tokens, Tokenizer) else CountedTokens(tokens)
        self._special = len(self._tokens.head) + len(self._tokens.tail)
        self._prompt = prompt
        self._max_tokens = max_tokens
        self._prefix = lru_cache(maxsize=1024)(self._make_prefix)
        self._adds_up = self._tokens.add_up and (not prompt or prompt[-1].isspace())
        least = max_tokens - 2 * (max_tokens // 4) - len(self._tokens.of(prompt)) - self._special
        if least < _LEAST_BUDGET:
            raise ConfigError(
                f"chunking.max_tokens={max_tokens} leaves no room for text next to a title and the "
                f"embedder's prompt {prompt!r}; raise it"
            )

    @classmethod
    def from_recipe(cls, recipe: dict[str, Any]) -> Chunker:
        """The same chunker in another process.

        Args:
            recipe: the attribute `recipe`, which is None if only this process can count tokens.
        """
        tokenizer = Tokenizer.from_file(recipe["tokenizer"])
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(tokenizer, recipe["max_tokens"], recipe["prompt"])

    def embedded_text(self, title: str, text: str, header: str = "") -> str:
        """The text that is embedded for a chunk, without the prompt."""
        return self._prefix(title, header)[0] + text

    def chunks(self, blocks: Iterable[Block], title: str = "") -> Iterator[Chunk]:
        """Chunk a stream of cleaned blocks in constant memory.

        A chunk never crosses a section; it may cross a page, and then has the number of its first.
        """
        held: list[_Unit] = []
        used = budget = 0
        for unit in self._units(blocks, title):
            size = len(unit.ids)
            while held and (used + size > budget or unit.section != held[-1].section):
                chunk, held = self._pack(held, title)
                yield chunk
                used = sum(len(other.ids) for other in held)
            held.append(unit)
            used += size
            budget = self._budget(title, held[0].header)
        while held:
            chunk, held = self._pack(held, title)
            yield chunk

    def _budget(self, title: str, header: str) -> int:
        """Tokens for the text of a chunk."""
        return self._max_tokens - self._special - len(self._prefix(title, header)[1])

    def _pack(self, units: list[_Unit], title: str) -> tuple[Chunk, list[_Unit]]:
        """One chunk, and the units that did not fit after all.

        Where tokens of parts do not add up, the joined text is measured again. If it is too long,
        its last sentences wait for the next chunk, or its only one is cut once more.
        """
        fitting = len(units)
        while True:
            rest = "".join(unit.glue + unit.text for unit in units[1:fitting])
            text = units[0].text + rest
            ids = self._joined_ids(units[:fitting], title, text)
            if len(ids) <= self._max_tokens or (fitting == 1 and len(text) == 1):
                break
            if fitting > 1:
                fitting -= 1
            else:
                unit = units[0]
                cut = _best_cut(unit.text, len(unit.text) - 1)
                head, tail = unit.text[:cut].rstrip(), unit.text[cut:].lstrip()
                glue = unit.text[len(head) : len(unit.text) - len(tail)]
                end = unit.start + len(head) + len(glue)
                more = replace(unit, glue=glue, text=tail, start=end, ids=self._tokens.of(tail))
                units = [replace(unit, text=head, ids=self._tokens.of(head)), more, *units[1:]]
        first = units[0]
        chunk = Chunk(
            text=text,
            start=first.start,
            end=first.start + len(text),
            tokens=len(ids),
            page=first.page,
            section=first.section,
            glue=first.glue,
            page_starts=_page_starts(units[:fitting]),
            ids=ids if self._tokens.have_ids else (),
            header=first.header,
            flags=_flags(units[:fitting]),
        )
        return chunk, units[fitting:]

    def _joined_ids(self, units: Sequence[_Unit], title: str, text: str) -> list[int]:
        """Tokens of all that is embedded for these units, with prompt and special tokens."""
        prefix, ids = self._prefix(title, units[0].header)
        if self._adds_up and all(unit.glue for unit in units[1:]):
            ids = [*ids, *(id_ for unit in units for id_ in unit.ids)]
        else:
            ids = self._tokens.of(self._prompt + prefix + text)
        return [*self._tokens.head, *ids, *self._tokens.tail]

    def _units(self, blocks: Iterable[Block], title: str) -> Iterator[_Unit]:
        """Sentences and rows of the joined blocks, each with its offset in the cleaned text."""
        budget = self._budget(title, "")
        paragraph: list[Block] = []
        size = position = 0
        for index, block in enumerate(blocks):
            glue = block.glue if index else ""
            is_table = block.kind is BlockKind.table
            new_paragraph = (
                is_table
                or "\n\n" in glue
                or (bool(paragraph) and block.section != paragraph[-1].section)
            )
            if paragraph and (new_paragraph or size > _BUFFER):
                # The last sentence of a paragraph may go on in the next block, so it is kept back.
                rest = yield from self._sentences(paragraph, position, budget, not new_paragraph)
                consumed = sum(len(b.glue) + len(b.text) for b in paragraph)
                kept = sum(len(b.glue) + len(b.text) for b in rest)
                position += consumed - kept
                paragraph, size = rest, kept
            if is_table:
                yield from self._rows(block, glue, position, title)
                position += len(glue) + len(block.text)
                continue
            paragraph.append(_with_glue(block, glue))
            size += len(glue) + len(block.text)
        if paragraph:
            yield from self._sentences(paragraph, position, budget, False)

    def _rows(self, block: Block, glue: str, position: int, title: str) -> Iterator[_Unit]:
        """The rows of a table. The parts of a row over the budget are headed by its first cell."""
        lines = block.text.split("\n")
        position += len(glue)
        for line, ids in zip(lines, self._short_ids(lines), strict=True):
            header = block.header
            pieces: Iterable[_Piece] = [("", line, 0, ids or ())] if line else []
            if ids is None or len(ids) > self._budget(title, header):
                label = line.split("; ", 1)[0][:_LABEL]
                header = "\n".join(filter(None, (header, label)))
                pieces = self._pieces(line, self._budget(title, header))
            for piece_glue, piece, shift, piece_ids in pieces:
                yield _Unit(
                    glue + piece_glue, piece, position + shift, piece_ids, block.page,
                    block.section, header if shift else block.header, block.flags,
                )  # fmt: skip
                glue = ""
            position += len(line) + 1
            glue += "\n"

    def _sentences(
        self, blocks: list[Block], position: int, budget: int, keep_last: bool
    ) -> Generator[_Unit, None, list[Block]]:
        """Yield the sentences of one run of blocks; return the unfinished rest as blocks."""
        text = "".join(block.glue + block.text for block in blocks)
        sentences = split_sentences(text)
        if keep_last and len(sentences) > 1:
            rest_from = len(text) - len(sentences.pop())
        elif keep_last and len(text) <= 4 * _BUFFER:
            return blocks
        else:
            rest_from = len(text)
        bodies = [sentence.strip() for sentence in sentences]
        glue, offset = "", 0
        for sentence, body, ids in zip(sentences, bodies, self._short_ids(bodies), strict=True):
            lead = len(sentence) - len(sentence.lstrip())
            glue += sentence[:lead]
            if body:
                at = offset + lead
                block = _block_at(blocks, at)
                if ids is not None and len(ids) <= budget:
                    pieces: Iterable[_Piece] = [("", body, 0, ids)]
                else:
                    pieces = self._pieces(body, budget)
                for piece_glue, piece, shift, piece_ids in pieces:
                    yield _Unit(
                        glue + piece_glue, piece, position + at + shift, piece_ids, block.page,
                        block.section, flags=block.flags,
                    )  # fmt: skip
                    glue = ""
                glue = sentence[lead + len(body) :]
            offset += len(sentence)
        # Whitespace before the rest belongs to it: the next call treats it as glue.
        return _cut_blocks(blocks, rest_from - len(glue))

    def _short_ids(self, sentences: Sequence[str]) -> list[Sequence[int] | None]:
        """Tokens of each sentence; None for one that is longer than many budgets."""
        limit = self._max_tokens * _CHARACTERS_PER_TOKEN
        short = [text for text in sentences if len(text) <= limit]
        tokens = iter(self._tokens.of_each(short))
        return [next(tokens) if len(text) <= limit else None for text in sentences]

    def _pieces(self, sentence: str, budget: int) -> Iterator[_Piece]:
        """The parts of a sentence that each fit the budget."""
        shift, glue = 0, ""
        while True:
            rest = sentence[shift:]
            # Never tokenize more than a few budgets' worth at once: the rest may be a gigabyte.
            window = rest[: budget * _CHARACTERS_PER_TOKEN]
            ids, limit = self._tokens.prefix(window, budget)
            if len(ids) <= budget and len(window) == len(rest):
                yield glue, rest, shift, ids
                return
            cut = _best_cut(rest, limit)
            while cut > 1 and len(self._tokens.of(rest[:cut])) > budget:
                cut = _best_cut(rest, cut - 1)
            piece = rest[:cut].rstrip()
            yield glue, piece, shift, self._tokens.of(piece)
            following = rest[cut:].lstrip()
            if not following:  # a single character over the budget
                return
            glue = rest[len(piece) : len(rest) - len(following)]
            shift = len(sentence) - len(following)

    def _make_prefix(self, title: str, header: str) -> tuple[str, Sequence[int]]:
        """Title and header as they are embedded, and the tokens of prompt, title and header.

        Each takes up to a quarter of the budget and is cut at a word.
        """
        parts = (self._shortened(part) for part in (title, header))
        prefix = "".join(f"{part}\n" for part in parts if part)
        return prefix, self._tokens.of(self._prompt + prefix)

    def _shortened(self, part: str) -> str:
        part = " ".join(part.split())
        if not part:
            return ""
        allowed = self._max_tokens // 4
        start = part[: self._max_tokens * _CHARACTERS_PER_TOKEN]
        ids, limit = self._tokens.prefix(start, allowed)
        cut = len(part) if len(ids) <= allowed else limit
        while cut > 1 and len(self._tokens.of(part[:cut])) > allowed:
            cut = _best_cut(part, cut - 1)
        return part[:cut].rstrip()


def split_chunks(
    texts: Iterable[str], tokens: Tokenizer | TokenCounter, max_tokens: int
) -> Iterator[str]:
    """Cut a stream of cleaned texts into pieces that fit `max_tokens`; for chaining by hand.

    Each text starts a new paragraph, as in `embed_chunks(split_chunks(clean_chunks(...)))`.

    Args:
        tokens: an embedder or its tokenizer.
    """
    chunker = Chunker(tokens, max_tokens)
    for chunk in chunker.chunks(Block(text) for text in texts):
        yield chunk.text


def _page_starts(units: Sequence[_Unit]) -> tuple[tuple[int, int], ...]:
    starts: list[tuple[int, int]] = []
    for unit in units:
        if unit.page is not None and (not starts or starts[-1][1] != unit.page):
            starts.append((unit.start, unit.page))
    return tuple(starts)


def _flags(units: Sequence[_Unit]) -> tuple[str, ...]:
    return tuple(sorted(frozenset().union(*(unit.flags for unit in units))))


def _block_at(blocks: Sequence[Block], offset: int) -> Block:
    """The block that holds a character offset of joined blocks."""
    end = 0
    for block in blocks:
        end += len(block.glue) + len(block.text)
        if offset < end:
            break
    return block


def _with_glue(block: Block, glue: str) -> Block:
    # Much faster than dataclasses.replace, and done for every block.
    return Block(block.text, glue, block.page, block.section, block.kind, block.header, block.flags)


def _cut_blocks(blocks: Sequence[Block], offset: int) -> list[Block]:
    """The rest of joined blocks from a character offset on."""
    rest: list[Block] = []
    for block in blocks:
        joined = block.glue + block.text
        if offset <= 0:
            rest.append(block)
        elif offset < len(joined):
            rest.append(replace(block, text=joined[offset:], glue=""))
        offset -= len(joined)
    return rest


def _best_cut(text: str, limit: int) -> int:
    """The last good place to cut `text` at or before `limit`, after at least 1 character."""
    limit = max(1, min(limit, len(text)))
    for separator in _SEPARATORS:
        # A separator in the first half would leave a stub; a worse separator later is better.
        at = text.rfind(separator, limit // 2, limit)
        if at > 0:
            return at + len(separator)
    cut = limit
    while 0 < cut < len(text) and not may_cut(text, cut):
        cut -= 1
    return cut or limit
