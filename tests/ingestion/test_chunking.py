"""Chunks tile the cleaned text, fit the budget, and break where a reader would."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from medrag.ingestion import TextEmbedder, clean_blocks
from medrag.ingestion.chunking import Chunker
from medrag.types import Block, Chunk

_TOKENIZER = TextEmbedder().tokenizer

_TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("abc XYZ.,;!?\n\n-|()5"),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    max_size=600,
)
_BLOCKS = st.lists(
    st.builds(
        Block,
        text=_TEXT,
        glue=st.sampled_from(["\n\n", " ", "\n\n"]),
        page=st.one_of(st.none(), st.integers(1, 3)),
        section=st.sampled_from(["", "A", "A > B"]),
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return _TOKENIZER


def joined(blocks: list[Block]) -> str:
    return "".join((b.glue if i else "") + b.text for i, b in enumerate(blocks))


def assert_tiles(chunks: list[Chunk], text: str) -> None:
    end = 0
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert text[end : chunk.start] == (chunk.glue if end else "")
        assert not text[end : chunk.start].strip()
        end = chunk.end
    assert not text[end:].strip()


@settings(max_examples=150, deadline=None)
@given(blocks=_BLOCKS, title=st.text(max_size=200), budget=st.sampled_from([32, 64, 256]))
def test_chunks_tile_the_cleaned_text_and_fit_the_budget(
    blocks: list[Block], title: str, budget: int
) -> None:
    cleaned = list(clean_blocks(blocks))
    chunker = Chunker(_TOKENIZER, budget)
    chunks = list(chunker.chunks(cleaned, title))
    assert_tiles(chunks, joined(cleaned))
    for chunk in chunks:
        embedded = _TOKENIZER.encode(chunker.embedded_text(title, chunk.text))
        assert len(embedded.ids) == chunk.tokens <= budget


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="e\u0301\u0323👩\u200d🏽🇩🇪x", min_size=1, max_size=3000))
def test_no_grapheme_is_split(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    for chunk in list(Chunker(_TOKENIZER, 32).chunks([Block(text)]))[1:]:
        assert not unicodedata.combining(chunk.text[0])
        assert chunk.text[0] not in "\u200d🏽"


def test_short_sentences_are_never_cut(tokenizer: Tokenizer) -> None:
    sentence = "Dr. Lee gave 5 mg of warfarin (see Fig. 2A) on day {}."
    text = " ".join(sentence.format(day) for day in range(200))
    chunks = list(Chunker(tokenizer, 128).chunks([Block(text)], "Warfarin"))
    assert len(chunks) > 5
    assert all(chunk.text.startswith("Dr. Lee") for chunk in chunks)
    assert all(chunk.text.endswith(".") for chunk in chunks)


def test_a_long_sentence_is_cut_at_a_clause(tokenizer: Tokenizer) -> None:
    text = "The patient took " + ", ".join(f"drug number {n}" for n in range(200)) + "."
    chunks = list(Chunker(tokenizer, 64).chunks([Block(text)]))
    assert len(chunks) > 5
    assert all(chunk.text.endswith((",", ".")) for chunk in chunks)


def test_a_chunk_stays_within_its_section_but_may_cross_a_page(tokenizer: Tokenizer) -> None:
    blocks = [
        Block("The rash spreads to the", page=1, section="Signs"),
        Block("trunk. It fades in a week.", " ", page=2, section="Signs"),
        Block("Rest and fluids.", page=2, section="Treatment"),
    ]
    first, second = Chunker(tokenizer, 256).chunks(blocks)
    assert first.text == "The rash spreads to the trunk. It fades in a week."
    assert (first.page, first.section) == (1, "Signs")
    assert first.page_starts == ((0, 1), (31, 2))
    assert (second.text, second.page, second.section) == ("Rest and fluids.", 2, "Treatment")


def test_the_title_counts_towards_the_budget(tokenizer: Tokenizer) -> None:
    text = "Aspirin thins the blood. " * 60
    with_title = list(
        Chunker(tokenizer, 64).chunks(
            [Block(text.strip())], "A title that has a dozen words or more in it, to be sure"
        )
    )
    without = list(Chunker(tokenizer, 64).chunks([Block(text.strip())]))
    assert len(with_title) > len(without)
    assert max(chunk.tokens for chunk in with_title) <= 64


def test_a_stream_without_end_is_chunked_as_it_comes(tokenizer: Tokenizer) -> None:
    drawn = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal drawn
        while True:
            drawn += 1
            yield Block("word " * 5000 + "end.", " ")

    stream = Chunker(tokenizer, 256).chunks(endless())
    for _ in range(50):
        next(stream)
    assert drawn < 20
