"""What generated text is split into: markers in all their forms, refusals, and cut replies."""

from __future__ import annotations

import time

import pytest

from medrag.generation.control import without_control
from medrag.generation.markers import disarmed, without_markers
from medrag.generation.prompts import REFUSAL, Reply
from medrag.grounding.statements import CUT, Parsed, parse_reply, parse_statements
from medrag.types import AnswerSentence, Statement

PASSAGES = 5


def parsed(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(one.text, one.cited) for one in parse_reply(Reply(text), PASSAGES).statements]


@pytest.mark.parametrize(
    ("marker", "cited"),
    [
        ("[1]", (1,)),
        ("[ 1 ]", (1,)),
        ("[1][2]", (1, 2)),
        ("[1] [2]", (1, 2)),
        ("[1], [2]", (1, 2)),
        ("[1] and [3]", (1, 3)),
        ("[1, 2]", (1, 2)),
        ("[1; 2]", (1, 2)),
        ("[1,2,3]", (1, 2, 3)),
        ("[1, 2 and 4]", (1, 2, 4)),
        ("[1 & 2]", (1, 2)),
        ("[1-2]", (1, 2)),
        ("[1–3]", (1, 2, 3)),
        ("[1—3]", (1, 2, 3)),
        ("[1-2, 4]", (1, 2, 4)),
        ("[1]–[3]", (1, 2, 3)),
        ("[passage 1]", (1,)),
        ("[Passage 1, 2]", (1, 2)),
        ("[PASSAGES 1-3]", (1, 2, 3)),
        ("[passage #2]", (2,)),
        ("[Source 4]", (4,)),
        ("[doc 2]", (2,)),
        ("(passage 2)", (2,)),
        ("(Passages 1 and 2)", (1, 2)),
        ("【1】", (1,)),
        ("【1】【2】", (1, 2)),
        ("【3†source】", (3,)),
        ("【4:0†gout.txt】", (4,)),
        ("［2］", (2,)),
        ("[^1]", (1,)),
        ("[#2]", (2,)),
        ("[[1]]", (1,)),
        ("[[1]][[2]]", (1, 2)),
        ("([1])", (1,)),
        ("([1], [2])", (1, 2)),
        ("(see [1])", (1,)),
        ("(passage [1])", (1,)),
        ("(Source: [1, 2])", (1, 2)),
        ("[Source: 1]", (1,)),
        ("(1)", (1,)),
        ("(1, 2)", (1, 2)),
        ("(1)(2)", (1, 2)),
        ("（2）", (2,)),
    ],
)
def test_every_form_of_a_marker_is_understood(marker: str, cited: tuple[int, ...]) -> None:
    assert parsed(f"It is so {marker}.") == [("It is so.", cited)]
    assert parsed(f"It is so. {marker}") == [("It is so.", cited)]
    assert parsed(f"It is so.{marker}") == [("It is so.", cited)]
    assert parsed(f"It is so {marker}") == [("It is so", cited)]
    assert parsed(f"It is so {marker}. It helps {marker}.") == [
        ("It is so.", cited),
        ("It helps.", cited),
    ]
    assert parsed(f"It is so. {marker} It helps. {marker}") == [
        ("It is so.", cited),
        ("It helps.", cited),
    ]
    assert parsed(f"- It is so {marker}\n- It helps {marker}") == [
        ("It is so", cited),
        ("It helps", cited),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Anaemia comes from a lack of vitamin B (12).",
        "It is due to vitamin B (1).",
        "Bleeding is due to vitamin K (2), not to the drug.",
        "He has diabetes type (2).",
        "Cancer of stage (3), which has spread, is treated.",
        "The maximum is two (2).",
        "Take two (2) tablets.",
        "The number of doses (4), not their size, matters.",
        "The steps are: (1) first rinse, (2) then dry.",
        "(1) First rinse.\n(2) Then dry.",
        "Do this. (1) First rinse. (2) Then dry.",
        "The mean was 5 (2).",
        "The risk is high (9).",  # there are five passages
        "The risk is high (0).",
        "The risk is high (2019).",
        "The risk is high (1.5).",
        "The risk (1) is high.",
        "Some (5%) had pain (12/27).",
    ],
)
def test_a_number_in_round_brackets_is_often_none(text: str) -> None:
    statements = parsed(text)
    assert [cited for _, cited in statements] == [()] * len(statements)
    assert " ".join(said for said, _ in statements) == " ".join(text.split())


def test_round_brackets_are_markers_after_a_quantity_that_is_complete() -> None:
    assert parsed("Take it for 3 days (1). The dose is 75 mg (2).") == [
        ("Take it for 3 days.", (1,)),
        ("The dose is 75 mg.", (2,)),
    ]


def test_round_brackets_are_content_beside_real_markers() -> None:
    assert parsed("The score is low (3). [1] It is so (2) [4].") == [
        ("The score is low (3).", (1,)),
        ("It is so (2).", (4,)),
    ]


def test_a_marker_before_a_sentence_belongs_to_it() -> None:
    assert parsed("[1] It is so.\n[2] It helps.") == [("It is so.", (1,)), ("It helps.", (2,))]
    assert parsed("[1] | It is so.\n| It helps [2].") == [("It is so.", (1,)), ("It helps.", (2,))]


@pytest.mark.parametrize(
    ("text", "cited", "stray"),
    [
        ("It is so [6].", (), 1),
        ("It is so [0].", (), 1),
        ("It is so [1][9].", (1,), 1),
        ("It is so [4-7].", (4, 5), 2),
        ("It is so [1–999999].", (1,), 1),
        ("It is so【8】【9】.", (), 2),
        ("It is so [passage 7].", (), 1),
        ("It is so [2]. [7]", (2,), 1),
    ],
)
def test_markers_of_passages_that_were_not_given_are_removed_and_counted(
    text: str, cited: tuple[int, ...], stray: int
) -> None:
    found = parse_reply(Reply(text), PASSAGES)
    assert found == Parsed((Statement("It is so.", cited),), (), stray)


def test_a_number_of_absurd_length_is_no_marker() -> None:
    text = f"It is so [{'1' * 5000}]."
    assert parse_reply(Reply(text), PASSAGES).stray_markers == 0


@pytest.mark.parametrize(
    "refusal", [REFUSAL, REFUSAL.upper(), REFUSAL.rstrip("."), f"“{REFUSAL}”", f"{REFUSAL} [1]"]
)
def test_a_refusal_says_nothing_and_takes_nothing_away(refusal: str) -> None:
    assert parse_reply(Reply(refusal), PASSAGES) == Parsed(())
    for text in (f"{refusal}\nIt is so [2].", f"It is so [2].\n{refusal}"):
        assert parse_reply(Reply(text), PASSAGES) == Parsed((Statement("It is so.", (2,)),))


def test_a_refusal_in_more_words_is_reported() -> None:
    text = "The documents do not say how much is safe. It is so [2]."
    found = parse_reply(Reply(text), PASSAGES)
    assert [one.text for one in found.statements] == ["It is so."]
    (removed,) = found.removed
    assert removed.text == "The documents do not say how much is safe."
    assert not removed.supported and removed.reason


@pytest.mark.parametrize(
    ("text", "kept", "lost"),
    [
        ("It is so [1]. Give 5", ["It is so."], "Give 5"),
        ("It is so [1]. Give 5.", ["It is so."], "Give 5."),  # of 5.5 mg, perhaps
        ("It is so. [1] Do not", ["It is so."], "Do not"),
        ("It is so [1].", ["It is so."], "…"),
        ("It is so. [1]", ["It is so."], "…"),
        ("It is so. [1", ["It is so."], "…"),
        ("It is so [1, ", [], "It is so [1,"),
        ("- It is so [1].\n- It he", ["It is so."], "It he"),
        ("It is so [1]. The documents do", ["It is so."], "The documents do"),
        ("The documents", [], "The documents"),
        ("", [], "…"),
    ],
)
def test_a_reply_that_is_cut_off_loses_its_last_statement_and_says_so(
    text: str, kept: list[str], lost: str
) -> None:
    found = parse_reply(Reply(text, cut=True), PASSAGES)
    assert [one.text for one in found.statements] == kept
    assert found.removed == (AnswerSentence(lost, (), 0.0, False, CUT),)
    assert "generator.max_new_tokens" in CUT


def test_the_text_of_an_answer_that_is_known_has_no_round_markers() -> None:
    text = "It is so (1). It helps (2)."
    assert [one.text for one in parse_statements(text, passages=0)] == text.replace(
        "). ", ").\n"
    ).split("\n")
    assert [one.cited for one in parse_statements(text)] == [(1,), (2,)]


def test_quotes_of_passages_are_read_as_they_were_before_they_were_quoted() -> None:
    assert parsed("| Give ‹b›5 mg‹/b› {BMI} {3}. [1]") == [("Give <b>5 mg</b> [BMI] (3).", (1,))]


def test_what_is_quoted_from_passages_stays_whole() -> None:
    quotes = {"Take one of these:\n- aspirin. Now\n- ibuprofen (2)", "See Fig. 2) for it."}
    said = "\n".join(f"{quote} [{number}]" for number, quote in enumerate(sorted(quotes), 1))
    found = parse_reply(Reply(said), PASSAGES, quotes)
    assert [(one.text, one.cited) for one in found.statements] == [
        (quote, (number,)) for number, quote in enumerate(sorted(quotes), 1)
    ]
    assert len(parse_reply(Reply(f"{said} More."), PASSAGES, quotes).statements) > 2


@pytest.mark.parametrize(
    "text",
    [" " * 50_000, "\n" * 50_000, "[" * 50_000, "<" * 50_000, "x (1). " * 8_000, "[1, " * 10_000,
     "x [1]\n" * 8_000, "(1) " * 10_000, "It is so.\n" * 5_000, "[1] [" * 10_000, ". " * 20_000],
)  # fmt: skip
def test_strange_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    parse_reply(Reply(f"x{text}x"), PASSAGES, {"It is so."})
    without_control(text)
    without_markers(disarmed(text))
    assert time.process_time() - started < 3
