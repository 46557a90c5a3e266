"""Properties of any text on its way from a file to chunks."""

from __future__ import annotations

import re
import tempfile
from itertools import accumulate
from pathlib import Path

import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medrag.config import CorpusConfig
from medrag.ingestion import Chunker, TextEmbedder, clean_blocks, clean_text, read_documents
from medrag.types import Block, Chunk, Document

_TOKENIZER = TextEmbedder().tokenizer
_WORDS = ["zinc", "colchicine", "in", "hyperparathyroidism", "was", "5", "mg", "given", "β-blocker"]
_SENTENCE = st.builds(
    lambda words, end: f"The {' '.join(words)}{end}",
    st.lists(st.sampled_from(_WORDS), min_size=1, max_size=40),
    st.sampled_from([".", "?", "!"]),
)
# Graphemes in several scripts.
_GRAPHEMES = [
    "e\u0301\u0323",
    "ก\u0e33",
    "क्षि",
    "👍🏽",
    "🇩🇪",
    "1\ufe0f\u20e3",
    "ᄀᆞᆫ",
    "x",
    " ",
    "한",
]


def chunks_of(text: str, budget: int) -> list[Chunk]:
    return list(Chunker(_TOKENIZER, budget).chunks(clean_blocks([Block(text)])))


@settings(max_examples=100, deadline=None)
@given(sentences=st.lists(_SENTENCE, min_size=1, max_size=20), budget=st.sampled_from([32, 64]))
def test_no_sentence_is_cut_unless_it_is_too_long_itself(sentences: list[str], budget: int) -> None:
    text = " ".join(sentences)
    ends = list(accumulate(len(sentence) + 1 for sentence in sentences))
    inside_long = set()
    for sentence, end in zip(sentences, ends, strict=True):
        if len(_TOKENIZER.encode(sentence).ids) > budget:
            inside_long |= set(range(end - len(sentence) - 1, end))
    starts = {0, *ends}
    chunks = chunks_of(text, budget)
    assert "".join(chunk.glue + chunk.text for chunk in chunks) == text
    for chunk in chunks:
        assert chunk.start in starts or chunk.start in inside_long
        assert chunk.end + 1 in starts or chunk.end in inside_long


@settings(max_examples=25, deadline=None)
@given(
    paragraphs=st.lists(st.lists(_SENTENCE, min_size=1, max_size=9), min_size=10, max_size=20),
    times=st.integers(1, 5),
)
def test_chunks_of_a_long_text_in_one_block_tile_it(
    paragraphs: list[list[str]], times: int
) -> None:
    text = "\n\n".join(" ".join(sentences) for sentences in paragraphs * times)
    chunks = chunks_of(text, 128)
    assert "".join(chunk.glue + chunk.text for chunk in chunks) == text
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.sampled_from(_GRAPHEMES), min_size=1, max_size=800))
@example(parts=["x", *["🇩🇪"] * 300])
@example(parts=["x", *["क्षि"] * 300])
@example(parts=[*["ᄀᆞᆫ"] * 20, "-"] * 40)
@example(parts=[*["🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"] * 9, "-"] * 40)
def test_no_grapheme_is_split(parts: list[str]) -> None:
    text = clean_text("".join(parts))
    boundaries = {0, *accumulate(len(cluster) for cluster in regex.findall(r"\X", text))}
    for chunk in chunks_of(text, 32):
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.start in boundaries
        assert chunk.end in boundaries


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(
        st.text(alphabet="Gout zinc,é\u0301.\u00a0\t😀", max_size=120), min_size=1, max_size=30
    ),
    suffix=st.sampled_from([".txt", ".md"]),
)
def test_nothing_of_a_text_file_is_lost(lines: list[str], suffix: str) -> None:
    def letters(text: str) -> str:
        return "".join(clean_text(text).split())

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"note{suffix}")
        path.write_text("\n".join(lines), encoding="utf-8")
        (item,) = read_documents(path, path.name, CorpusConfig())
        if not isinstance(item, Document):
            assert item.reason == "no text"
            assert sum(1 for line in lines if letters(line)) <= 1  # no more than a title
            return
        found = letters(
            " ".join(c.text for c in Chunker(_TOKENIZER, 32).chunks(clean_blocks(item.blocks)))
        )
    if any(re.search(r"\t|[ \u00a0]{2}", line) for line in lines):  # rows repeat their names
        cells = {letters(cell) for line in lines for cell in re.split(r"\s+", line)}
        assert all(cell in letters(item.title) + found for cell in cells)
        return
    whole = letters("\n".join(lines))
    # A first line that is a title is not text.
    assert found == whole or letters(item.title) + found == whole
