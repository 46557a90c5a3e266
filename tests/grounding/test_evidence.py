"""Sentences of the retrieved chunks: their spans, which one answers, and how surely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.grounding.evidence import Rarity, weigh
from medrag.grounding.spans import sentence_spans
from medrag.ingestion import TextEmbedder
from medrag.retrieval.cross_encoder import READER
from medrag.retrieval.pairs import CrossEncoder
from medrag.types import Evidence, Hit


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def hit(text: str, title: str = "Gout", section: str = "", start: int = 0) -> Hit:
    return Hit(1, "gout.txt", title, text, start, start + len(text), None, section, "", score=1.0)


def evenly(word: str) -> float:
    """A rarity under which all words weigh the same."""
    return 1.0


def weighed(
    question: str, hits: list[Hit], embedder: TextEmbedder, rarity: Rarity = evenly
) -> list[Evidence]:
    return weigh(question, embedder.embed_queries([question])[0], hits, embedder, rarity)


# --- spans ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Gout hurts. It is treated.", ["Gout hurts.", "It is treated."]),
        ("Give 0.5 mg, e.g. to Dr. Hu. Wait.", ["Give 0.5 mg, e.g. to Dr. Hu.", "Wait."]),
        ("Drugs:\n- rest\n* ice\n• heat", ["Drugs:", "rest", "ice", "heat"]),
        ("1. Rest.\n2) Ice", ["Rest.", "Ice"]),
        ("Drug | Dose\nColchicine | 0.5 mg", ["Drug | Dose", "Colchicine | 0.5 mg"]),
        ("  Gout hurts.  \n\n  Much. ", ["Gout hurts.", "Much."]),
        ("-5 degrees", ["-5 degrees"]),
        ("Gout . 75. ", ["Gout .", "75."]),
        ("Stop above 5 mmol/L. Potassium falls.", ["Stop above 5 mmol/L.", "Potassium falls."]),
        ("Give it every 8 h. Food helps it.", ["Give it every 8 h.", "Food helps it."]),
        ("Take vitamin C. Avoid all tea.", ["Take vitamin C.", "Avoid all tea."]),
        (
            "Doses. Of it.\nDrug: A; Dose: 5 mg. Now; Age: 2 y\nDrug: B; Dose: 1 mg; Age: 3\nEnd.",
            [
                "Doses.",
                "Of it.",
                "Drug: A; Dose: 5 mg. Now; Age: 2 y",
                "Drug: B; Dose: 1 mg; Age: 3",
                "End.",
            ],
        ),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_prose_lists_and_tables_are_cut_where_they_say_their_piece(
    text: str, parts: list[str]
) -> None:
    assert sentences(text) == parts


def test_an_item_that_repeats_its_own_number_is_where_it_stands() -> None:
    assert sentence_spans("1. 1") == [(3, 4)]
    assert sentence_spans("Dose:\n- -\n12) 12") == [(0, 5), (8, 9), (14, 16)]


PIECES = st.sampled_from(
    [
        *(
            "Gout",
            "hurts.",
            "It",
            "is",
            "so!",
            "e.g.",
            "0.5",
            "mg",
            "(see",
            "Fig. 2)",
            "Dr.",
            "ß",
            "“Why?”",
        ),
        *(
            "- ",
            "* ",
            "1. ",
            "12) ",
            "• ",
            "|",
            "\n",
            "\n\n",
            "  ",
            "\u2028",
            "\r\n",
            "[1]",
            "“Why?”",
        ),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=25).map(" ".join) | st.text(max_size=60))
def test_spans_are_in_order_disjoint_and_hold_all_but_bullets(text: str) -> None:
    end_before = 0
    for start, end in [*sentence_spans(text), (len(text), len(text))]:
        between = text[end_before:start]
        assert re.fullmatch(r"(\s*([-*•–]|\d{1,3}[.)]))*\s*", between), (between, text)
        assert start >= end_before
        if start < len(text):
            assert text[start:end] and text[start:end] == text[start:end].strip()
        end_before = end


# --- weighing ---------------------------------------------------------------------------------


@pytest.mark.backends
def test_the_sentence_that_answers_comes_first_with_its_place(embedder: TextEmbedder) -> None:
    text = (
        "Gout is caused by crystals of uric acid. Allopurinol lowers uric acid for good. "
        "The big toe hurts most."
    )
    other = hit("Salbutamol opens the airways within minutes.", "Asthma", start=9)
    hits = [other, hit(text, start=40)]
    found = weighed("Which drug lowers uric acid?", hits, embedder)
    best = found[0]
    assert (best.number, best.text) == (2, "Allopurinol lowers uric acid for good.")
    assert len(found) == 3  # without what is about something else
    for item in found:
        source = hits[item.number - 1]
        assert source.text[item.start - source.start : item.end - source.start] == item.text
    assert [item.score for item in found] == sorted((i.score for i in found), reverse=True)
    assert 0.0 <= found[-1].coverage <= best.coverage <= 1.0


@pytest.mark.backends
def test_headings_and_fragments_never_answer(embedder: TextEmbedder) -> None:
    question = "What is the first-line treatment of acute gout in adults?"
    title, section = "First-line treatment of acute gout", "Adults > Acute gout, first-line drugs"
    text = f"{title}\n\nAcute gout, first-line drugs:\n\nNaproxen is often tried.\n\nSee below."
    found = weighed(question, [hit(text, title, section)], embedder)
    assert [item.text for item in found] == ["Naproxen is often tried."]
    assert weighed(question, [hit(title, title)], embedder) == []
    assert weighed(question, [], embedder) == []


@pytest.mark.backends
def test_a_rare_word_weighs_more_than_a_common_one(embedder: TextEmbedder) -> None:
    hits = [hit("Gout attacks strike the joints at night.", "")]

    def coverage(rare: str) -> float:
        rarity = {rare: 9.0}.get
        (item,) = weighed("gout febuxostat", hits, embedder, lambda word: rarity(word, 1.0))
        return item.coverage

    assert coverage("gout") > 0.9  # it is there
    assert coverage("febuxostat") < 0.1  # the rare word is not
    assert coverage("neither") == pytest.approx(0.5)


# ------------------------------------------------------------------ retracted, and read by a model


def test_nothing_is_taken_from_a_retracted_article(embedder: TextEmbedder) -> None:
    text = "Febuxostat lowers uric acid in gout."
    retracted = replace(hit(text, "Gout"), flags=("retracted",))
    assert weighed("What lowers uric acid in gout?", [retracted], embedder) == []
    other = hit("Allopurinol also lowers uric acid in gout.", "Gout")
    found = weighed("What lowers uric acid in gout?", [retracted, other], embedder)
    assert [(one.number, one.text) for one in found] == [(2, other.text)]  # numbers stay


class Prefers:
    """A reader model that likes the texts with one word, and counts what it reads."""

    def __init__(self, word: str, logit: float) -> None:
        self._word, self._logit = word, logit
        self.read: list[str] = []

    def logits(self, question: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        return [self._logit if self._word in text else -self._logit for text in texts]


def test_a_reader_model_orders_the_best_candidates_only(embedder: TextEmbedder) -> None:
    texts = [f"Gout drug number {n} lowers uric acid a lot." for n in range(9)]
    hits = [hit(text, "Gout") for text in texts]
    plain = weighed("Which drug lowers uric acid in gout?", hits, embedder)
    last = plain[5].text
    model = Prefers(last, 9.0)
    read = weigh(
        "Which drug lowers uric acid in gout?",
        embedder.embed_queries(["Which drug lowers uric acid in gout?"])[0],
        hits,
        embedder,
        lambda word: 1.0,
        model,
    )
    assert read[0].text == last
    assert len(model.read) == 6
    assert model.read[0].startswith("Gout\n")  # under its heading
    assert [one.logit is not None for one in read] == [True] * 6 + [False] * (len(read) - 6)
    assert read[6:] and {one.text for one in read} == {one.text for one in plain}
    scores = [one.score for one in read]
    assert scores == sorted(scores, reverse=True)


def test_what_answers_far_less_likely_is_not_worth_saying(embedder: TextEmbedder) -> None:
    texts = [f"Gout drug number {n} lowers uric acid a lot." for n in range(9)]
    hits = [hit(text, "Gout") for text in texts]

    def added(question: str, logit: float) -> list[bool]:
        vector = embedder.embed_queries([question])[0]
        model = Prefers("number 3", logit)
        found = weigh(question, vector, hits, embedder, lambda word: 1.0, model)
        return [one.adds for one in found]

    assert added("How is uric acid lowered in gout?", 2.0) == [True] + [False] * 8
    near = added("How is uric acid lowered in gout?", 0.5)  # 1.0 apart
    assert near == [True] * 6 + [False] * 3  # nobody knows of those that were not read
    assert all(added("Which drugs lower uric acid in gout?", 2.0))  # a list


def test_the_packaged_reader_tells_answers_from_what_is_about_the_subject() -> None:
    """Invented substances, so that nothing but the reading helps."""
    reader = CrossEncoder("packaged", READER)
    texts = (
        "{} belongs to the newer medicines of this class and is made by several companies.",
        "{} may cause nausea, headache and a dry mouth in the first weeks.",
        "{} works by blocking an enzyme that breaks down cartilage.",
        "It was not examined whether {} can be stored at room temperature.",
    )
    asked = {1: "What are the side effects of {}?", 2: "How does {} work?"}
    right = 0
    for name in ("Zorvexin", "Quilpamide", "Mintrolol", "Baskeline", "Drevonase"):
        for answer, question in asked.items():
            logits = reader.logits(question.format(name), [text.format(name) for text in texts])
            right += logits.index(max(logits)) == answer
    assert right >= 9  # of 10


# --- what completes the best evidence ----------------------------------------------------------


def test_what_gives_the_other_half_of_a_question_comes_next(embedder: TextEmbedder) -> None:
    text = (
        "The dose of orlex is 2 g at night. In old age the dose of orlex is 1 g. "
        "The course lasts 14 days."
    )
    found = weighed("What is the dose of orlex?", [hit(text, "Orlex")], embedder)
    assert "14 days" not in found[1].text
    question = "What is the dose of orlex and how long is it given?"
    found = weighed(question, [hit(text, "Orlex")], embedder)
    assert found[1].text == "The course lasts 14 days."


def test_what_is_about_something_else_completes_nothing(embedder: TextEmbedder) -> None:
    hits = [
        hit("The dose of orlex is 2 g at night. Orlex 1 g is given in old age.", "Orlex"),
        hit("A course of ramolor lasts 14 days.", "Ramolor"),
    ]
    found = weighed("What is the dose of orlex and how long is it given?", hits, embedder)
    assert "ramolor" not in found[1].text


def test_the_other_one_of_two_subjects_comes_next(embedder: TextEmbedder) -> None:
    hits = [
        hit("Side effects of orlex are rash and itch. Side effects of orlex are rare.", "Orlex"),
        hit("Ramolor may cause nausea.", "Ramolor"),
    ]
    found = weighed("What are the side effects of orlex and of ramolor?", hits, embedder)
    assert {one.number for one in found[:2]} == {1, 2}


def test_a_question_of_several_may_be_answered_in_the_form_of_any(embedder: TextEmbedder) -> None:
    text = "Orlex is used for absence seizures. Orlex 250 mg is taken twice a day."
    question = "Which drug is used for absence seizures and at what dose?"
    found = {one.text for one in weighed(question, [hit(text, "Orlex")], embedder)}
    assert found == {
        "Orlex is used for absence seizures.",
        "Orlex 250 mg is taken twice a day.",
    }


def test_a_row_about_something_else_adds_nothing(embedder: TextEmbedder) -> None:
    test = hit("A blood test cannot tell latent from active tuberculosis.", "Tuberculosis")
    row = hit("Situation: past infection; Marker: positive", "Hepatitis B")
    found = weighed("Can a positive blood test tell active tuberculosis?", [test, row], embedder)
    assert [one.text for one in found] == [test.text]
