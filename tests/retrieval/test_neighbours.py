"""Neighbours that were cut inside one paragraph are one passage of a prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import PipelineConfig, RAGPipeline
from medrag.generation.prompts import Pieces, Prompt, Reply
from medrag.indexing import BuildReport
from medrag.ingestion import TextEmbedder
from medrag.retrieval.neighbours import join_neighbours
from medrag.types import Hit

Build = Callable[[], BuildReport]

LONG = (
    "Gout is treated in steps. An acute attack of gout is calmed by colchicine or naproxen. "
    "Ice on the joint eases the pain of gout. Allopurinol lowers uric acid in gout. "
    "It is begun after the attack of gout. Febuxostat is used if allopurinol fails in gout.\n\n"
    "Gout is rare in young women. Beer and sugar raise the risk of gout."
)


@pytest.fixture
def rag(build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder) -> RAGPipeline:
    (corpus / "gout.txt").write_text(LONG, encoding="utf-8")
    config.chunking.max_tokens = 32
    config.retriever.k = 20
    build()
    return RAGPipeline(config, embedder)


@pytest.mark.backends
def test_a_paragraph_that_was_cut_is_one_passage_again(rag: RAGPipeline) -> None:
    hits = [hit for hit in rag.retrieve("How is gout treated?") if hit.document == "gout.txt"]
    assert len(hits) > 3
    text = rag.index.document_text("gout.txt") or ""
    joined = join_neighbours(hits)
    assert sorted((hit.start, hit.text) for hit in joined) == [
        (0, LONG.partition("\n\n")[0]),
        (text.index("Gout is rare"), LONG.partition("\n\n")[2]),
    ]
    for hit in joined:
        assert text[hit.start : hit.end] == hit.text
    best = hits[0]
    assert (joined[0].chunk_id, joined[0].score) == (best.chunk_id, best.score)
    assert join_neighbours(joined) == joined
    rag.close()


def test_a_prompt_has_the_same_text_in_fewer_passages(rag: RAGPipeline) -> None:
    question = "How is gout treated?"
    hits = rag.retrieve(question)
    prompt = rag.prompt(question, hits)
    assert len(prompt.contexts) < len(hits) and prompt.left_out == 0
    content = prompt.messages[0]["content"]
    assert LONG.partition("\n\n")[0] in content
    assert f"[{len(prompt.contexts)}]" in content and f"[{len(prompt.contexts) + 1}]" not in content
    rag.close()


class Citing:
    """A chat model that quotes the last sentence of the passage that holds a word."""

    reads_messages = True

    def generate(self, prompt: Prompt) -> Reply:
        (number,) = (n for n, hit in enumerate(prompt.contexts, 1) if "Febuxostat" in hit.text)
        return Reply(f"Febuxostat is used if allopurinol fails in gout. [{number}]")

    def stream(self, prompt: Prompt) -> Pieces:
        reply = self.generate(prompt)
        yield reply.text
        return reply

    def close(self) -> None:
        """Nothing is held."""


def test_a_citation_of_a_joined_passage_is_the_exact_span(
    rag: RAGPipeline, embedder: TextEmbedder
) -> None:
    rag.config.grounding.min_confidence = 0.0
    with RAGPipeline(rag.config, embedder, Citing()) as chat:
        (source,) = chat.query("What is used in gout if allopurinol fails?").sources
        text = chat.index.document_text("gout.txt") or ""
    assert text[source.start : source.end] == source.text
    assert source.text == "Febuxostat is used if allopurinol fails in gout."


def hit(number: int, start: int, text: str, **more: object) -> Hit:
    fields = {"document": "d", "section": "", "glue": " ", **more}
    return Hit(
        number, str(fields["document"]), "", text, start, start + len(text), None,
        str(fields["section"]), "", 1.0 / number, glue=str(fields["glue"]),
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        hit(2, 5, "Two.", glue="\n\n"),
        hit(2, 5, "Two.", section="Treatment"),
        hit(2, 5, "Two.", document="other"),
        hit(2, 6, "Two."),
        hit(2, 4, "Two.", glue=""),
    ],
)
def test_what_does_not_belong_together_stays_apart(other: Hit) -> None:
    one = hit(1, 0, "One.")
    assert join_neighbours([one, other]) == [one, other]
    assert len(join_neighbours([one, hit(2, 5, "Two.")])) == 1


@given(
    cuts=st.lists(st.sampled_from([" ", "\n", "\n\n"]), min_size=1, max_size=8),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_joined_passages_are_the_text_between_paragraphs(
    cuts: list[str], data: st.DataObject
) -> None:
    text, every = "Piece 0.", [hit(1, 0, "Piece 0.", glue="")]
    for number, glue in enumerate(cuts, 1):
        piece = f"Piece {number}."
        every.append(hit(number + 1, len(text) + len(glue), piece, glue=glue))
        text += glue + piece
    found = data.draw(st.permutations(every))
    joined = join_neighbours(found)
    assert sorted(one.text for one in joined) == sorted(text.split("\n\n"))
    assert all(text[one.start : one.end] == one.text for one in joined)
    assert joined[0].chunk_id == found[0].chunk_id
