"""Cut cleaned text into chunks that end at sentences and fit the embedder's token budget.

The chunks of a document tile its cleaned text: nothing but whitespace lies between two of them,
nothing is in two of them, and `cleaned[start:end] == chunk.text` for each.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tokenizers import Tokenizer

from ..text.cleaning import may_cut
from ..text.sentences import split_sentences
from ..types import Block, Chunk

# A paragraph longer than this many characters is cut into sentences before it has ended.
_BUFFER = 1 << 15
# A word of any length is one [UNK] token to WordPiece, so characters need a bound of their own.
_CHARACTERS_PER_TOKEN = 12
# Where a sentence over the budget is cut, best first; the last resort is between two tokens.
_SEPARATORS = ("\n", "; ", ": ", ", ", " ")

# Part of a sentence: glue before it, text, characters from the sentence's start, token ids.
_Piece = tuple[str, str, int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, or a piece of one that is too long: the smallest thing chunks are packed from."""

    glue: str  # whitespace between the unit before and this one
    text: str
    start: int
    ids: Sequence[int]  # tokens, without the special ones
    page: int | None
    section: str


class Chunker:
    """Packs the sentences of a document into chunks of at most `max_tokens` embedder tokens.

    What is embedded for a chunk is its document's title, a newline and the chunk's text (see
    `embedded_text`); the budget covers all of it and the special tokens the model adds.

    Args:
        tokenizer: the embedder's; its truncation and padding must be off.
        max_tokens: budget of one chunk.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._head, self._tail = _special_ids(tokenizer)
        self._max_tokens = max_tokens
        self._prefix = lru_cache(maxsize=1024)(self._make_prefix)
        # BERT's pre-tokenizer cuts at white space and throws it away: tokens of parts that it
        # separates are the tokens of the whole, so that no text needs to be tokenized twice.
        self._adds_up = type(tokenizer.pre_tokenizer).__name__ == "BertPreTokenizer"

    def embedded_text(self, title: str, text: str) -> str:
        """The string that stands for a chunk in the vector space."""
        return self._prefix(title)[0] + text

    def chunks(self, blocks: Iterable[Block], title: str = "") -> Iterator[Chunk]:
        """Chunk a stream of cleaned blocks in constant memory.

        A chunk never crosses a section; it may cross a page, and then carries its first one.
        """
        budget = self._max_tokens - len(self._head) - len(self._tail) - len(self._prefix(title)[1])
        held: list[_Unit] = []
        used = 0
        for unit in self._units(blocks, budget):
            size = len(unit.ids)
            while held and (used + size > budget or unit.section != held[-1].section):
                chunk, held = self._pack(held, title)
                yield chunk
                used = sum(len(other.ids) for other in held)
            held.append(unit)
            used += size
        while held:
            chunk, held = self._pack(held, title)
            yield chunk

    def _pack(self, units: list[_Unit], title: str) -> tuple[Chunk, list[_Unit]]:
        """One chunk, and the units that did not fit after all.

        Where tokens of sentences do not add up to those of the joined text, it is tokenized once
        more, and the last sentences wait for the next chunk if it is too long.
        """
        fitting = len(units)
        while True:
            text = _join(units[:fitting])
            ids = self._joined_ids(units[:fitting], title, text)
            if len(ids) <= self._max_tokens or fitting == 1:
                break
            fitting -= 1
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
            ids=ids,
        )
        return chunk, units[fitting:]

    def _joined_ids(self, units: Sequence[_Unit], title: str, text: str) -> list[int]:
        """Tokens of what is embedded for these units, special ones included."""
        prefix, ids = self._prefix(title)
        if self._adds_up and all(unit.glue for unit in units[1:]):
            ids = [*ids, *(id_ for unit in units for id_ in unit.ids)]
        else:
            ids = self._ids(prefix + text)
        return [*self._head, *ids, *self._tail]

    def _units(self, blocks: Iterable[Block], budget: int) -> Iterator[_Unit]:
        """Sentences of the joined blocks, each with its place in the cleaned text."""
        paragraph: list[Block] = []
        size = position = 0
        for index, block in enumerate(blocks):
            glue = block.glue if index else ""
            new_paragraph = "\n\n" in glue or (
                bool(paragraph) and block.section != paragraph[-1].section
            )
            if paragraph and (new_paragraph or size > _BUFFER):
                # Inside a paragraph the last sentence may go on in the next block: keep it back.
                rest = yield from self._sentences(paragraph, position, budget, not new_paragraph)
                consumed = sum(len(b.glue) + len(b.text) for b in paragraph)
                kept = sum(len(b.glue) + len(b.text) for b in rest)
                position += consumed - kept
                paragraph, size = rest, kept
            paragraph.append(Block(block.text, glue, block.page, block.section))
            size += len(glue) + len(block.text)
        if paragraph:
            yield from self._sentences(paragraph, position, budget, False)

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
                page, section = _place(blocks, at)
                if ids is not None and len(ids) <= budget:
                    pieces: Iterable[_Piece] = [("", body, 0, ids)]
                else:
                    pieces = self._pieces(body, budget)
                for piece_glue, piece, shift, piece_ids in pieces:
                    yield _Unit(
                        glue + piece_glue, piece, position + at + shift, piece_ids, page, section
                    )
                    glue = ""
                glue = sentence[lead + len(body) :]
            offset += len(sentence)
        # The whitespace before the rest belongs to it, so that the next call finds it as glue.
        return _cut_blocks(blocks, rest_from - len(glue))

    def _short_ids(self, sentences: Sequence[str]) -> list[Sequence[int] | None]:
        """Tokens of each sentence in one call; None for those that hold many budgets at once."""
        limit = self._max_tokens * _CHARACTERS_PER_TOKEN
        short = [sentence for sentence in sentences if len(sentence) <= limit]
        encoded = iter(self._tokenizer.encode_batch_fast(short, add_special_tokens=False))
        return [next(encoded).ids if len(text) <= limit else None for text in sentences]

    def _pieces(self, sentence: str, budget: int) -> Iterator[_Piece]:
        """The parts of a sentence that each fit the budget."""
        shift, glue = 0, ""
        while True:
            rest = sentence[shift:]
            # Never tokenize more than a few budgets' worth at once: the rest may be a gigabyte.
            window = rest[: budget * _CHARACTERS_PER_TOKEN]
            encoded = self._tokenizer.encode(window, add_special_tokens=False)
            offsets = encoded.offsets
            if len(offsets) <= budget and len(window) == len(rest):
                yield glue, rest, shift, encoded.ids
                return
            limit = offsets[budget][0] if len(offsets) > budget else len(window)
            cut = _best_cut(rest, limit)
            while cut > 1 and len(self._ids(rest[:cut])) > budget:
                cut = _best_cut(rest, cut - 1)
            piece = rest[:cut].rstrip()
            yield glue, piece, shift, self._ids(piece)
            following = rest[cut:].lstrip()
            glue = rest[len(piece) : len(rest) - len(following)]
            shift = len(sentence) - len(following)

    def _make_prefix(self, title: str) -> tuple[str, Sequence[int]]:
        """The title as it is embedded, with its ids: a quarter of the budget, cut at a word."""
        title = " ".join(title.split())
        if not title:
            return "", ()
        start = title[: self._max_tokens * _CHARACTERS_PER_TOKEN]
        offsets = self._tokenizer.encode(start, add_special_tokens=False).offsets
        allowed = self._max_tokens // 4
        cut = offsets[allowed][0] if len(offsets) > allowed else len(title)
        while cut > 1 and len(self._ids(title[:cut])) > allowed:
            cut = _best_cut(title, cut - 1)
        prefix = title[:cut].rstrip() + "\n"
        return prefix, self._ids(prefix)

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids


def split_chunks(texts: Iterable[str], tokenizer: Tokenizer, max_tokens: int) -> Iterator[str]:
    """Cut a stream of cleaned texts into pieces that fit `max_tokens`; for chaining by hand.

    Each text starts a new paragraph, as in `embed_chunks(split_chunks(clean_chunks(...)))`.
    """
    chunker = Chunker(tokenizer, max_tokens)
    for chunk in chunker.chunks(Block(text) for text in texts):
        yield chunk.text


def _special_ids(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that the model wants before and after a text."""
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    full = tokenizer.encode("a").ids
    start = next(i for i in range(len(full)) if full[i : i + len(plain)] == plain)
    return full[:start], full[start + len(plain) :]


def _join(units: Sequence[_Unit]) -> str:
    return units[0].text + "".join(unit.glue + unit.text for unit in units[1:])


def _page_starts(units: Sequence[_Unit]) -> tuple[tuple[int, int], ...]:
    starts: list[tuple[int, int]] = []
    for unit in units:
        if unit.page is not None and (not starts or starts[-1][1] != unit.page):
            starts.append((unit.start, unit.page))
    return tuple(starts)


def _place(blocks: Sequence[Block], offset: int) -> tuple[int | None, str]:
    """Page and section of a character offset within joined blocks."""
    end = 0
    for block in blocks:
        end += len(block.glue) + len(block.text)
        if offset < end:
            return block.page, block.section
    return blocks[-1].page, blocks[-1].section


def _cut_blocks(blocks: Sequence[Block], offset: int) -> list[Block]:
    """What remains of joined blocks from a character offset on."""
    rest: list[Block] = []
    end = 0
    for block in blocks:
        joined = block.glue + block.text
        start, end = end, end + len(joined)
        if end <= offset:
            continue
        if start >= offset:
            rest.append(block)
            continue
        tail = joined[offset - start :]
        rest.append(Block(tail, "", block.page, block.section))
    return rest


def _best_cut(text: str, limit: int) -> int:
    """The last good place to cut `text` at or before `limit`: at least 1 character in."""
    limit = max(1, min(limit, len(text)))
    for separator in _SEPARATORS:
        # A separator in the first half would leave a stub; a worse one further on is better.
        at = text.rfind(separator, limit // 2, limit)
        if at > 0:
            return at + len(separator)
    cut = limit
    while 0 < cut < len(text) and not may_cut(text, cut):
        cut -= 1
    return cut or limit
