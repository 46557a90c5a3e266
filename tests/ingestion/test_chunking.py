"""Chunks tile the cleaned text, fit the budget, and break where a reader would."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from medrag.ingestion import TextEmbedder, clean_blocks
from medrag.ingestion.chunking import Chunker
from medrag.types import Block, BlockKind, Chunk, Flag

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
        kind=st.sampled_from([BlockKind.text, BlockKind.table]),
        header=st.sampled_from(["", "Table 1. Doses of many drugs in children and in adults"]),
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
        embedded = _TOKENIZER.encode(chunker.embedded_text(title, chunk.text, chunk.header))
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


def table(rows: int, header: str = "Table 1. Doses", glue: str = "\n\n") -> Block:
    lines = (f"Drug: D{n}; Dose: {n} mg. Twice a day; Note: none" for n in range(rows))
    return Block("\n".join(lines), glue, kind=BlockKind.table, header=header)


def test_rows_of_a_table_are_whole_and_each_chunk_has_its_caption(tokenizer: Tokenizer) -> None:
    blocks = [
        Block("It is given daily."),
        Block("Table 1. Doses", kind=BlockKind.caption),
        table(30, glue="\n"),
        Block("Then it stops."),
    ]
    chunker = Chunker(tokenizer, 96)
    first, *others = chunker.chunks(blocks, "Drugs")
    assert first.text.startswith("It is given daily.\n\nTable 1. Doses\nDrug: D0; Dose: 0 mg.")
    assert first.header == ""  # the caption is in its text
    assert len(others) > 5
    for chunk in others:
        assert chunk.header == "Table 1. Doses"
        assert "Table 1" not in chunk.text
        assert chunk.text.startswith("Drug: D")
        embedded = chunker.embedded_text("Drugs", chunk.text, chunk.header)
        assert embedded.startswith("Drugs\nTable 1. Doses\nDrug: D")
        assert len(tokenizer.encode(embedded).ids) == chunk.tokens <= 96
    lines = "\n".join(chunk.text for chunk in (first, *others)).splitlines()
    assert [line for line in lines if line.startswith("Drug")] == table(30).text.splitlines()
    assert_tiles([first, *others], joined(blocks))


def test_the_parts_of_a_row_over_the_budget_are_headed_by_its_first_cell(
    tokenizer: Tokenizer,
) -> None:
    row = "Drug: Colchicine; " + "; ".join(f"Effect {n}: {n} of 100 patients" for n in range(40))
    block = Block(f"Drug: Aspirin; Effect 1: none\n{row}", kind=BlockKind.table, header="Table 2")
    whole, *parts = Chunker(tokenizer, 64).chunks([block])
    assert (whole.text.splitlines()[0], whole.header) == (
        "Drug: Aspirin; Effect 1: none",
        "Table 2",
    )
    assert {part.header for part in parts} <= {"Table 2", "Table 2\nDrug: Colchicine"}
    assert {part.header for part in parts[1:]} == {"Table 2\nDrug: Colchicine"}
    assert all(part.text.startswith("Effect") for part in parts[1:])
    assert_tiles([whole, *parts], block.text)


def test_a_chunk_has_the_flags_of_its_blocks(tokenizer: Tokenizer) -> None:
    read = Block("Read from a picture.", flags=frozenset({Flag.ocr}))
    lines = Block("1 2 3", flags=frozenset({Flag.tables_as_lines}))
    (both,) = Chunker(tokenizer, 64).chunks([read, lines, Block("Plain.")])
    assert both.flags == ("ocr", "tables as lines")
    (plain,) = Chunker(tokenizer, 64).chunks([Block("Plain.")])
    assert plain.flags == ()


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
