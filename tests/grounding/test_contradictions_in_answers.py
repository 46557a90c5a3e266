"""Contradictions: statements of one answer, rows of tables, and records that are out of date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from medrag.grounding.contradictions import find_contradictions
from medrag.types import AnswerSentence, Citation, Contradiction, Flag, Hit

Said = tuple[str, str]  # text of a document, and its title


def answer(*said: Said) -> tuple[Contradiction, ...]:
    """The contradictions of an answer that quotes the texts of these documents."""
    sentences, sources, hits = [], [], []
    for n, (text, title) in enumerate(said, start=1):
        sentences.append(AnswerSentence(text, (n,), 1.0, True))
        sources.append(Citation(n, f"d{n}", title, text, 0, len(text), None, "", "", 1.0))
        hits.append(Hit(n, f"d{n}", title, text, 0, len(text), None, "", "", 0.5))
    return find_contradictions(sentences, hits, sources)


def against(
    statement: str,
    passage: str,
    about: str = "Pelorine",
    title: str = "Pelorine",
    flags: Sequence[Sequence[Flag]] = ((), ()),
) -> tuple[Contradiction, ...]:
    """What a passage says against a statement that only quotes another document.

    Args:
        flags: of the cited document, and of the passage.
    """
    length = len(statement)
    cited = Citation(1, "cited", about, statement, 0, length, None, "", "", 1.0, tuple(flags[0]))
    hit = Hit(2, "other", title, passage, 0, len(passage), None, "", "", 0.5, flags=tuple(flags[1]))
    return find_contradictions([AnswerSentence(statement, (1,), 1.0, True)], [hit], [cited])


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (("Cabrosis is usually reversible.", "Pelorine: protocol"),
         ("Pelorine cabrosis is usually irreversible.", "Pelorine: guide"), "“irreversible”"),
        (("The starting dose of pelorine is 7 mg once daily.", "Pelorine: pocket guide"),
         ("The starting dose is 5 mg once daily, up to 400 mg.", "Pelorine: protocol"), "5 mg"),
        (("The trough level of pelorine must be below 2 mg/L.", "Pelorine in adults"),
         ("The trough must be below 1 mg/L.", "Pelorine: protocol"), "below 1 mg/L, not below 2"),
    ],
)  # fmt: skip
def test_two_statements_of_an_answer_contradict_each_other_once(
    one: Said, other: Said, reason: str
) -> None:
    for first, second in ((one, other), (other, one)):
        (found,) = answer(first, second)
        assert (found.statement, found.source.document) == (first[0], "d2")
        assert found.source.marker == 3
    assert reason in answer(one, other)[0].reason


def test_studies_that_disagree_are_a_conflict_only_if_the_answer_quotes_both() -> None:
    one = "CONCLUSIONS: Pelorine reduces the risk of strokes in older adults."
    two = "Pelorine at 2 g daily for 6 months did not reduce strokes in older adults."
    (found,) = answer((one, "A meta-analysis"), (two, "A trial"))
    assert "did not reduce" in found.reason
    assert not against(one, two)
    other = two.replace("strokes", "fractures")
    assert not answer((one, "A meta-analysis"), (other, "A trial"))


def test_conclusion_is_found_in_an_abstract() -> None:
    """Its label begins a sentence, whatever is before it."""
    abstract = (
        "BACKGROUND: Whether pelorine prevents strokes is uncertain. RESULTS: Strokes occurred in "
        "12 of 60 (20%) and in 11 of 60 (hazard ratio 1.02; 95% CI 0.88 to 1.19; P=0.78). Levels "
        "rose to 91 nmol/L. CONCLUSIONS: Pelorine at 2 g daily did not prevent strokes."
    )
    (found,) = answer(("Pelorine prevents strokes.", "Review"), (abstract, "Trial"))
    assert found.source.text == "CONCLUSIONS: Pelorine at 2 g daily did not prevent strokes."
    (found,) = answer((abstract, "Trial"), ("Pelorine prevents strokes.", "Review"))
    assert found.statement == abstract


ROW = "Patient: Adults; Single dose: 1 g; Interval: every 6 hours; Maximum in 24 hours: 4 g"


@pytest.mark.parametrize(
    ("statement", "row", "reason"),
    [
        ("The maximum dose of pelorine in adults is 3 g a day.", ROW, "at most 4 g, not at most 3"),
        ("The maximum dose of pelorine in adults is 4 g a day.", ROW, ""),
        ("The maximum dose of pelorine in children is 1 g a day.", ROW, ""),
        ("The maximum single dose of pelorine in adults is 2 g.", ROW, ""),
        ("Adults take pelorine 2 g every 6 hours.",
         "Patient: Adults; Dose: 1 g; Frequency: every 6 hours", "1 g, not 2 g"),
        ("The starting dose of pelorine is 5 mg daily.",
         "Drug: Pelorine; Starting dose (mg): 10; Maximum: 40 mg; Avoid in: pregnancy", ""),
        ("The starting dose of pelorine is 5 mg.",
         "Drug: Pelorine; Starting dose (mg): 10; Maximum: 40 mg; Avoid in: pregnancy", "10 mg"),
        ("The dose of pelorine is 5 mg.", "Drug: Pelorine; Disease: gout; Dose: 10 mg", ""),
        ("The maximum dose in adults is 3 g a day.",
         "Patient: Adults; Maximum dose per day: 4 g", "at most 4 g"),
        ("Patient: Adults; Single dose: 1 g; Maximum in 24 hours: 3 g",
         "The maximum dose of pelorine in adults is 4 g a day.", "at most 4 g"),
    ],
)  # fmt: skip
def test_each_figure_of_a_row_is_compared_alone(statement: str, row: str, reason: str) -> None:
    found = against(statement, row)
    assert (reason in found[0].reason and found[0].source.text == row) if reason else not found


def test_qualities_are_compared_as_predicates() -> None:
    """A reversible kind of a thing does not contradict an irreversible one."""
    assert against("The disease is curable.", "Pelorine fever is incurable.", "Pelorine fever")
    assert not against(
        "Pelorine is a reversible inhibitor.", "Pelorine is an irreversible blocker."
    )
    assert not against("Cabrosis is reversible.", "Cabrosis may be irreversible.")
    assert not against("Cabrosis is reversible.", "Cabrosis is irreversible.", title="Mabrutin")


def test_target_below_a_harmful_level_is_no_contradiction() -> None:
    statement = "The trough of pelorine must be below 1 mg/L."
    assert not against(statement, "A pelorine trough above 2 mg/L is toxic.")
    assert against(statement.replace("1 mg", "3 mg"), "A pelorine trough above 2 mg/L is toxic.")


def test_what_is_rarely_swallowed_may_leave_out_its_route() -> None:
    statement = "The starting dose of {} is 7 mg/kg once daily."
    passage = "The starting dose of {} is 5 mg/kg intravenously once daily."
    for drug, is_found in (("pelomicin", True), ("pelorine", False)):
        found = against(statement.format(drug), passage.format(drug), drug.title(), drug.title())
        assert bool(found) == is_found


@pytest.mark.parametrize("flag", [Flag.superseded, Flag.retracted, Flag.corrected])
def test_what_is_out_of_date_does_not_contradict_what_is_not(flag: Flag) -> None:
    statement, passage = (
        f"Pelorine is given within {hours} hours of a stroke." for hours in (48, 72)
    )
    assert against(statement, passage)
    assert not against(statement, passage, flags=([], [flag]))
    assert against(statement, passage, flags=([flag], []))
    assert against(statement, passage, flags=([flag], [flag]))
    assert against(statement, passage, flags=([], [Flag.ocr]))


def test_one_current_source_is_enough() -> None:
    statement, passage = (
        f"Pelorine is given within {hours} hours of a stroke." for hours in (48, 72)
    )
    old = Citation(1, "a", "", statement, 0, 9, None, "", "", 1.0, (Flag.superseded,))
    sources = [old, replace(old, marker=2, document="b", flags=())]
    hit = Hit(3, "c", "", passage, 0, len(passage), None, "", "", 0.5, flags=(Flag.superseded,))
    sentence = AnswerSentence(statement, (1, 2), 1.0, True)
    assert not find_contradictions([sentence], [hit], sources)
    assert find_contradictions([replace(sentence, citations=(1,))], [hit], sources[:1])


def test_title_alone_does_not_make_a_denial_one_of_the_same_thing() -> None:
    statement = "Usually, these signs are not cancer."
    passage = "There are different kinds of cancer that start in the skin."
    assert not against(statement, passage, "Skin cancer", "Skin cancer")
    assert against("These signs are not caused by cancer.", "These signs are caused by cancer.",
                   "Skin spots", "Skin spots")  # fmt: skip
