"""Statements are tied to the spans that support them; what nothing supports is taken out."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import check_support
from medrag.generation.prompts import REFUSAL
from medrag.grounding import Grounded, ground, parse_statements
from medrag.types import Hit, Statement

GOUT = (
    "Gout is caused by crystals of uric acid in a joint. Colchicine 0.5 mg calms an acute attack. "
    "Allopurinol lowers uric acid and prevents further attacks. It is not given during an attack."
)
FLU = "Oseltamivir 75 mg is given twice daily for 5 days. It shortens the illness by one day."


def hit(text: str, document: str = "gout.txt", start: int = 0, title: str = "Gout") -> Hit:
    return Hit(1, document, title, text, start, start + len(text), 3, "Care", "", score=1.0)


HITS = [hit(GOUT, start=100), hit(FLU, "flu.txt", start=7, title="Influenza")]


def removed(statements: list[Statement], hits: list[Hit], min_support: float = 0.5) -> list[str]:
    """The statements that nothing supports."""
    return [
        one.text for one in ground(statements, hits, min_support).sentences if not one.supported
    ]


def check_spans(grounded: Grounded, hits: list[Hit]) -> None:
    """Every citation is a span of a hit, word for word, and markers count 1, 2, … in the text."""
    for citation in grounded.citations:
        assert citation.text
        assert any(
            h.text[citation.start - h.start : citation.end - h.start] == citation.text
            for h in hits
            if h.document == citation.document and h.start <= citation.start
        )
    assert [c.marker for c in grounded.citations] == list(range(1, len(grounded.citations) + 1))
    used = [int(n) for n in re.findall(r" \[(\d+)\]", grounded.text)]
    assert list(dict.fromkeys(used)) == [c.marker for c in grounded.citations]


# --- parsing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("It is so [1]. It helps [2].", [("It is so.", (1,)), ("It helps.", (2,))]),
        ("It is so. [1] It helps. [2]", [("It is so.", (1,)), ("It helps.", (2,))]),
        ("It is so.[1]It helps.[2]", [("It is so.", (1,)), ("It helps.", (2,))]),
        ("Is it so? [2] It is! [1]", [("Is it so?", (2,)), ("It is!", (1,))]),
        ("It is so [1][3]. It helps. [2] [1]", [("It is so.", (1, 3)), ("It helps.", (2, 1))]),
        ("It is so [1, 2]. It helps [3; 1].", [("It is so.", (1, 2)), ("It helps.", (3, 1))]),
        ("It is so [2, 2][2].", [("It is so.", (2,))]),
        ("“It is so.” [1] It helps. [2]", [("“It is so.”", (1,)), ("It helps.", (2,))]),
        ("It is so", [("It is so", ())]),
        ("It is so.\n[1]\nIt helps [2].", [("It is so.", (1,)), ("It helps.", (2,))]),
        ("- It is so [1]\n- It helps [2]", [("It is so", (1,)), ("It helps", (2,))]),
        ("1. It is so. [1]\n2. It helps. [2]", [("It is so.", (1,)), ("It helps.", (2,))]),
        ("Give 0.5 mg to Dr. Smith [1].", [("Give 0.5 mg to Dr. Smith.", (1,))]),
        ("Some drugs, e.g. aspirin, help [1].", [("Some drugs, e.g. aspirin, help.", (1,))]),
        ("E. coli grows at 37.5 °C [1].", [("E. coli grows at 37.5 °C.", (1,))]),
        ("[n] [1]", [("[n]", (1,))]),
        ("It is so [99].", [("It is so.", (99,))]),
    ],
)
def test_statements_keep_the_markers_that_belong_to_them(
    text: str, statements: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert parse_statements(text) == [Statement(*pair) for pair in statements]


@pytest.mark.parametrize("text", ["", " \n", "...", "[1]", "[1] [2].", "— !"])
def test_text_without_a_word_says_nothing(text: str) -> None:
    assert parse_statements(text) == []


@pytest.mark.parametrize(
    "text",
    [
        REFUSAL,
        f" {REFUSAL}\n",
        REFUSAL.upper(),
        REFUSAL.rstrip("."),
        f"{REFUSAL} [1]",
    ],
)
def test_a_refusal_makes_no_statement(text: str) -> None:
    assert parse_statements(text) == []


def test_an_answer_that_ends_in_a_doubt_is_not_thrown_away() -> None:
    text = "Allopurinol lowers uric acid [1]. The documents do not say for how long."
    assert [statement.text for statement in parse_statements(text)] == [
        "Allopurinol lowers uric acid.",
        "The documents do not say for how long.",
    ]


# --- grounding --------------------------------------------------------------------------------


def test_supported_statements_are_kept_and_numbered_anew() -> None:
    statements = [
        Statement("Oseltamivir is given twice daily.", (2,)),
        Statement("Allopurinol prevents attacks.", (1,)),
    ]
    grounded = ground(statements, HITS, 0.5)
    assert grounded.text == (
        "Oseltamivir is given twice daily. [1] Allopurinol prevents attacks. [2]"
    )
    assert all(one.supported for one in grounded.sentences)
    first, second = grounded.citations
    assert (first.document, first.text) == ("flu.txt", FLU.split(". ")[0] + ".")
    assert second.text == "Allopurinol lowers uric acid and prevents further attacks."
    assert (second.start, second.title, second.section, second.page) == (
        100 + GOUT.index("Allopurinol"), "Gout", "Care", 3,
    )  # fmt: skip
    assert first.score == second.score == 1.0
    check_spans(grounded, HITS)


def test_statements_on_one_span_share_its_marker() -> None:
    statements = [
        Statement("Allopurinol lowers uric acid.", (1,)),
        Statement("Colchicine calms an acute attack.", (1,)),
        Statement("Allopurinol prevents further attacks.", (1,)),
    ]
    grounded = ground(statements, HITS, 0.5)
    assert re.findall(r"\[(\d)\]", grounded.text) == ["1", "2", "1"]
    assert len(grounded.citations) == 2


@pytest.mark.parametrize(
    "invented",
    [
        "Colchicine 5 mg calms an acute attack.",
        "Colchicine 0.5 mg calms an acute attack within 12 hours.",
        "Colchicine 0,05 mg calms an acute attack.",
        "Gout is caused by 3 crystals of uric acid in a joint.",
    ],
)
def test_an_invented_number_is_not_supported(invented: str) -> None:
    grounded = ground([Statement(invented, (1,))], HITS, 0.5)
    assert (grounded.text, grounded.citations) == ("", ())
    assert removed([Statement(invented, (1,))], HITS) == [invented]


def test_a_number_is_the_same_with_its_unit_close_or_apart() -> None:
    for dose in ("0.5 mg", "0.5mg"):
        assert check_support(f"Colchicine {dose} calms an attack.", GOUT).supported
    assert check_support("Colchicine 5mg calms an acute attack.", GOUT).score == 0.0


def test_a_number_in_the_name_of_the_disease_is_no_dose() -> None:
    hits = [hit("Metformin 500 mg is given first.", title="Type 2 diabetes")]
    named = "In type 2 diabetes metformin is given first."
    assert removed([Statement(named, (1,))], hits, 0.5) == []
    invented = "In type 2 diabetes metformin 2 mg is given first."
    assert removed([Statement(invented, (1,))], hits, 0.5) == [invented]


@pytest.mark.parametrize(
    "turned",
    [
        "Aspirin should be given to children.",
        "Allopurinol does not lower uric acid.",
        "Colchicine never calms an acute attack.",
        "Colchicine doesn't calm an acute attack.",
    ],
)
def test_a_statement_that_turns_its_source_around_is_not_supported(turned: str) -> None:
    hits = [hit(f"{GOUT} Aspirin should not be given to children.")]
    assert removed([Statement(turned, (1,))], hits, 0.5) == [turned]


@pytest.mark.parametrize("scrap", ["No", "so", "col", "Gout", "acid in a"])
def test_a_scrap_that_happens_to_stand_in_the_text_is_not_cited_as_itself(scrap: str) -> None:
    hits = [hit("North Colchicum is also a plant. Nothing else is known. Acid in a joint hurts.")]
    for citation in ground([Statement(scrap, (1,))], hits, 0.5).citations:
        assert citation.text.endswith(".")


def test_the_title_alone_supports_nothing() -> None:
    assert check_support("Gout needs care.", "Crystals hurt.", title="Gout").score == 0.0


def test_a_statement_is_judged_against_what_it_cites_only() -> None:
    statement = "Allopurinol lowers uric acid."
    assert removed([Statement(statement, (2,))], HITS, 0.5) == [statement]
    assert ground([Statement(statement, (1, 2))], HITS, 0.5).citations[0].document == "gout.txt"


def test_an_uncited_statement_finds_its_source() -> None:
    grounded = ground([Statement("It shortens the illness by one day.", ())], HITS, 0.5)
    assert [c.document for c in grounded.citations] == ["flu.txt"]


@pytest.mark.parametrize("number", [0, 3, 10**30])
def test_a_marker_out_of_range_supports_nothing(number: int) -> None:
    for statement in (GOUT.split(". ")[0], FLU.split(". ")[0]):
        assert removed([Statement(statement, (number,))], HITS, 0.5) == [statement]
        assert removed([Statement(statement, (number, 1, 2))], HITS, 0.5) == []


def test_two_neighbouring_sentences_can_support_one_statement() -> None:
    statement = "Oseltamivir 75 mg for 5 days shortens the illness."
    grounded = ground([Statement(statement, (2,))], HITS, 0.9)
    assert " ".join(citation.text for citation in grounded.citations) == FLU
    assert grounded.text == f"{statement} [1] [2]"
    assert grounded.sentences[0].citations == (1, 2)


def test_nothing_supported_means_no_text_and_no_citation() -> None:
    said = ["Aspirin cures everything.", "Zinc is tasty."]
    grounded = ground([Statement(text, ()) for text in said], HITS, 0.5)
    assert (grounded.text, grounded.citations) == ("", ())
    assert [one.text for one in grounded.sentences if not one.supported] == said
    assert removed([Statement("It is so.", ())], [], 0.5) == ["It is so."]


def test_support_is_asked_for_as_configured() -> None:
    statement = Statement("Allopurinol lowers uric acid quickly everywhere tonight.", (1,))
    assert removed([statement], HITS, 0.5) == []
    assert removed([statement], HITS, 0.9) == [statement.text]


WORDS = GOUT.replace(".", "").split() + FLU.replace(".", "").split()
SENTENCES = st.builds(
    lambda words, marker, after: (
        f"{' '.join(words)}. {marker}" if after else f"{' '.join(words)} {marker}."
    ),
    st.lists(
        st.sampled_from([*WORDS, "e.g.", "zinc", "42", "“so”"]), min_size=1, max_size=9
    ).filter(
        # "42." alone is the number of an item, and "[1] and [2]" is one run of markers.
        lambda words: words not in (["42"], ["and"])
    ),
    st.sampled_from(["", "[1]", "[2]", "[1][2]", "[2, 1]", "[7]"]),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(SENTENCES, st.sampled_from([*GOUT.split(". "), *FLU.split(". "), "- "])),
        max_size=6,
    ),
    st.sampled_from([" ", "\n", "\n\n"]),
)
def test_nothing_is_lost_and_every_span_is_exact(sentences: list[str], glue: str) -> None:
    text = glue.join(sentences)
    statements = parse_statements(text)
    grounded = ground(statements, HITS, 0.5)
    check_spans(grounded, HITS)
    kept = [part for part in re.split(r"(?: \[\d+\])+(?: |$)", grounded.text) if part]
    assert Counter([*kept, *(s.text for s in grounded.sentences if not s.supported)]) == Counter(
        s.text for s in statements
    )
    # Parsing itself drops nothing but markers, bullets and the space around them.
    letters = re.sub(r"\[[\d, ]+\]|[^\w]", "", text)
    assert "".join(re.sub(r"\W", "", s.text) for s in statements) == letters


def test_unsupported_statements_can_be_kept_and_are_marked_with_the_reason() -> None:
    statements = [
        Statement("Allopurinol lowers uric acid.", (1,)),
        Statement("Colchicine 5 mg calms an acute attack.", (1,)),
    ]
    kept = ground(statements, HITS, 0.5, keep_unsupported=True)
    assert kept.text == (
        "Allopurinol lowers uric acid. [1] Colchicine 5 mg calms an acute attack. "
        "[not supported: the source says 0.5 mg, not 5 mg]"
    )
    assert [one.supported for one in kept.sentences] == [True, False]
    assert len(kept.citations) == 1


def test_a_statement_may_rest_on_two_passages() -> None:
    statement = "Allopurinol lowers uric acid, and oseltamivir is given twice daily."
    grounded = ground([Statement(statement, (1, 2))], HITS, 0.5)
    assert grounded.text == f"{statement} [1] [2]"
    assert [citation.document for citation in grounded.citations] == ["gout.txt", "flu.txt"]
    wrong = "Allopurinol lowers uric acid, and oseltamivir is given four times daily."
    assert removed([Statement(wrong, (1, 2))], HITS) == [wrong]
