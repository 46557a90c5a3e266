"""Contradictions: passages that disagree with an answer are found, and others hardly ever."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.grounding.contradictions import find_contradictions
from medrag.grounding.support.sentences import parse
from medrag.types import AnswerSentence, Citation, Contradiction, Hit

HERE = Path(__file__).parent


def cite(text: str, title: str = "", section: str = "", document: str = "cited") -> Citation:
    return Citation(1, document, title, text, 0, len(text), None, section, "", 1.0)


def hit(
    text: str, title: str = "", section: str = "", document: str = "other", start: int = 0
) -> Hit:
    end = start + len(text)
    return Hit(7, document, title, text, start, end, 3, section, "https://x.example", 0.5)


def found(
    statement: str, *passages: str | Hit, about: str = "", section: str = ""
) -> tuple[Contradiction, ...]:
    """The contradictions of a statement, which cites a document with this title and section."""
    hits = [one if isinstance(one, Hit) else hit(one) for one in passages]
    sentence = AnswerSentence(statement, (1,), 1.0, True)
    return find_contradictions([sentence], hits, [cite(statement, about, section)])


def pairs(*files: str) -> list[dict[str, Any]]:
    texts = [(HERE / file).read_text(encoding="utf-8") for file in files]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def judged(pair: dict[str, Any]) -> tuple[Contradiction, ...]:
    passage = hit(pair["passage"], pair["title"], pair["section"])
    return found(pair["statement"], passage, about=pair["about"])


@pytest.mark.parametrize(
    ("name", "most_false", "least_found"),
    # Measured: dev finds 252 of 265, none of 343 falsely; test 79 of 110, none of 143 falsely.
    # The pairs of test were written before the rules were tried on them, and only measure.
    [("dev", 1, 0.90), ("test", 2, 0.68)],
)
def test_levels_hold(name: str, most_false: int, least_found: float) -> None:
    rows = pairs(f"contradictions/{name}.jsonl")
    true = [row for row in rows if row["contradicts"]]
    hits = [row for row in true if judged(row)]
    false = [row["id"] for row in rows if not row["contradicts"] and judged(row)]
    assert len(false) <= most_false, false
    assert len(hits) / len(true) >= least_found
    for row in hits:
        assert judged(row)[0].source.text == row["span"]


def test_true_rewordings_are_no_contradictions() -> None:
    rows = [row for row in pairs("pairs/dev_1.jsonl", "pairs/dev_2.jsonl") if row["supported"]]
    rows += [row for row in pairs("pairs/dev_3.jsonl")[::4] if row["supported"]]
    flagged = [
        row["id"]
        for row in rows
        if found(
            row["statement"],
            hit(row["source"], row["title"], row["section"]),
            about=row["title"],
            section=row["section"],
        )
    ]
    assert len(rows) > 400
    assert len(flagged) <= 2, flagged


@pytest.mark.parametrize(
    ("statement", "passage", "reason"),
    [
        ("The maximum dose of pelorine is 2 g a day.",
         "The maximum dose of pelorine is 3 g per day.", "at most 3 g, not at most 2 g"),
        ("Pelorine is taken for six weeks after a stroke.",
         "After a stroke pelorine is taken for 12 weeks.", "12 weeks, not six weeks"),
        ("Pelorine prevents strokes in atrial fibrillation.",
         "Pelorine did not prevent strokes in atrial fibrillation.", "“did not prevent”"),
        ("Pelorine does not cross the placenta.",
         "Pelorine crosses the placenta.", "without “not”"),
        ("Pelorine raises serum potassium.",
         "Serum potassium is lowered by pelorine.", "“lowered”, not “raises”"),
        ("Pelorine is safe in pregnancy.",
         "Pelorine is contraindicated in pregnancy.", "“contraindicated”, not “safe”"),
        ("Pelorine is effective for migraine.",
         "Pelorine was no better than placebo for migraine.", "“was no better”"),
        ("Pelorine was approved in 2014.", "Pelorine was approved in 2019.", "2019, not 2014"),
        ("Adults may take at most 4 g of pelorine daily.",
         "Patients must not take more than 3 g of pelorine a day.", "at most 3 g, not at most 4 g"),
        ("Pelorine must not be used for more than 5 days.",
         "Pelorine may be used for up to 14 days.", "at most 14 days, not at most 5 days"),
        ("The minimum dose of pelorine is 2 g a day.",
         "At least 5 g of pelorine a day is needed.", "at least 5 g, not at least 2 g"),
        ("Pelography had a sensitivity of 98 % for gallstones.",
         "The sensitivity of pelography for gallstones is 62 %.", "62 %, not 98 %"),
        ("Pelorine is the drug of choice for migraine.",
         "Pelorine should be avoided in migraine.", "“avoided”, not “first choice”"),
        ("Pelorine is metabolised by CYP2D6.",
         "CYP2D6 plays no part in the metabolism of pelorine.", "“plays no part”"),
    ],
)  # fmt: skip
def test_reason_says_what_differs(statement: str, passage: str, reason: str) -> None:
    (one,) = found(statement, passage)
    assert reason in one.reason
    assert one.statement == statement
    assert one.source.text == passage


@pytest.mark.parametrize(
    ("kind", "statement", "passage"),
    [
        ("other drug", "Pelorine 5 mg is taken daily.", "Mabrutin 10 mg is taken daily."),
        ("other outcome", "Pelorine reduces strokes.", "Pelorine does not reduce bleeding."),
        ("children", "Adults take pelorine 5 mg daily.", "Children take pelorine 2 mg daily."),
        ("pregnancy", "Pelorine is safe in asthma.",
         "Pelorine is contraindicated in asthma during pregnancy."),
        ("route", "Oral pelorine 5 mg is given daily.",
         "Intravenous pelorine 2 mg is given daily."),
        ("kidneys", "Pelorine 10 mg is taken daily for gout.",
         "In renal impairment pelorine 5 mg is taken daily for gout."),
        ("condition", "Stop pelorine before surgery.",
         "Do not stop pelorine before surgery if the patient has a stent."),
        ("comparator", "Pelorine is better than placebo for migraine.",
         "Pelorine is no better than sumatriptan for migraine."),
        ("time", "Pelorine relieved sciatica at two weeks.",
         "Pelorine did not relieve sciatica at six months."),
        ("before and after", "Take pelorine before breakfast.",
         "Do not take pelorine after breakfast."),
        ("measure", "The sensitivity of pelography for gallstones is 90 %.",
         "The specificity of pelography for gallstones is 40 %."),
        ("loading", "The loading dose of pelorine is 20 mg.",
         "The maintenance dose of pelorine is 5 mg."),
        ("results", "Mortality was 12.3 % with pelorine.", "Mortality was 26.1 % with pelorine."),
        ("range", "Pelorine 10 mg is taken daily in gout.",
         "Pelorine 5 to 20 mg is taken daily in gout."),
        ("units", "The dose of pelorine in gout is 500 micrograms.",
         "The dose of pelorine in gout is 0.5 mg."),
        ("hedge", "Pelorine prevents migraine.", "Pelorine may not prevent migraine."),
        ("question", "Pelorine does not prevent migraine.", "Does pelorine prevent migraine?"),
        ("aim", "Pelorine does not prevent migraine.",
         "The aim was to find out whether pelorine prevents migraine."),
        ("old belief", "Pelorine does not cause ulcers.",
         "It was long believed that pelorine causes ulcers."),
        ("some", "Pelorine cures scabies.", "In some patients pelorine does not cure scabies."),
        ("inverse", "Stopping pelorine increases seizures.", "Pelorine decreases seizures."),
        ("relative clause", "Breastfeeding reduces infections in infants.",
         "Infants who are not breastfed have more infections."),
        ("contrast", "Scabies is not spread by cats.",
         "Scabies is spread by mites, not by cats."),
        ("day and dose", "The maximum dose of pelorine is 4 g a day.",
         "At most 1 g of pelorine is taken at a time."),
        ("per kg", "At most 400 mg of pelorine is given.", "At most 5 mg/kg of pelorine is given."),
        ("limit and usual dose", "The maximum dose of pelorine is 4 g.",
         "The usual dose of pelorine is 6 g in gout."),
        ("point and span", "Pelorine works after 3 days.", "Pelorine works for 8 hours."),
        ("accuracy", "Pelography has a sensitivity of 95 % for gallstones.",
         "Pelography has a sensitivity of 88 % for gallstones."),
        ("stopped", "Pelorine raises serum potassium.",
         "Once pelorine is withdrawn, serum potassium falls."),
        ("first of several lines", "Pelorine is a second-line drug for migraine.",
         "Pelorine is not recommended as first-line drug for migraine."),
        ("no part in another thing", "Pelorine is metabolised by CYP2D6.",
         "CYP2D6 plays no part in the excretion of pelorine."),
        ("by the way", "A genetic test finds scabies.", "Scabies is not inherited."),
        ("listed", "Stable scabies is mild.", "Scabies is stable, unstable or chronic."),
        ("reported by others", "Pelorine does not prevent migraine.",
         "Miller et al. reported that pelorine prevents migraine."),
        ("kind", "Haemophilia A is caused by a lack of factor VIII.",
         "Haemophilia B is not caused by a lack of factor VIII."),
    ],
)  # fmt: skip
def test_what_is_about_something_else_does_not_contradict(
    kind: str, statement: str, passage: str
) -> None:
    assert not found(statement, passage), kind


def test_heading_of_the_source_says_what_a_statement_leaves_out() -> None:
    statement, passage = (
        "The dose is 5 mg twice daily.",
        "The dose of pelorine is 10 mg twice daily.",
    )
    assert found(statement, passage, about="Pelorine")
    assert not found(statement, passage, about="Mabrutin")


def test_heading_of_a_passage_says_whom_it_is_about() -> None:
    statement, text = "Pelorine 5 mg is taken twice daily.", "Pelorine 2 mg is taken twice daily."
    assert found(statement, hit(text, section="Dose"))
    assert not found(statement, hit(text, section="Children"))
    assert not found(statement, hit(text, section="Renal impairment"))
    assert not found("Pelorine reduces mortality.", hit("Pelorine did not reduce mortality.",
                                                        "Pelorine in head injury"))  # fmt: skip


def test_what_follows_from_stopping_is_compared_with_itself() -> None:
    statement = "Stopping pelorine raises serum potassium."
    assert found(statement, "Stopping pelorine lowers serum potassium.")
    assert not found(statement, "Pelorine lowers serum potassium.")


def test_pregnant_women_are_those_in_pregnancy() -> None:
    statement = "Pelorine is safe in pregnancy."
    assert found(statement, "Pelorine should be avoided in pregnant women.")
    assert not found(statement, "Pelorine should be avoided in young women.")
    assert not found(statement, "Pelorine should be avoided by breastfeeding women.")


@pytest.mark.parametrize(
    "text",
    [
        "Pelorine to prevent migraine",
        "Pelorine prevents migraine:",
        "How pelorine prevents migraine",
        "Does pelorine prevent migraine",
        "PELORINE PREVENTS MIGRAINE",
        "Pelorine: A Drug That Prevents Migraine",
        "Pelorine prevents migraine\n\nMigraine is frequent.",
    ],
)
def test_heading_is_no_contradiction(text: str) -> None:
    statement = "Pelorine does not prevent migraine."
    assert not found(statement, text)
    assert found(statement, "Pelorine prevents migraine")
    assert found(statement, "- Pelorine prevents migraine\n- Migraine is frequent")
    assert not found(statement, hit("Pelorine prevents migraine", "Pelorine prevents migraine"))


def test_numbered_file_name_is_no_subject() -> None:
    statement, passage = (
        f"The ankle rule has a sensitivity of {share} % for fractures." for share in (98, 62)
    )
    sources = [cite(statement, "P10a", document="p10a.txt")]
    sentence = AnswerSentence(statement, (1,), 1.0, True)
    assert find_contradictions([sentence], [hit(passage, "P10b", document="p10b.txt")], sources)


def test_titles_name_kinds_of_one_thing() -> None:
    statement, passage = "Lice do not spread disease.", "Lice spread disease."
    assert found(statement, hit(passage, "Body lice"), about="Body lice")
    assert not found(statement, hit(passage, "Body lice"), about="Head lice")


def test_sentence_before_says_what_a_passage_is_about() -> None:
    statement = "The maximum dose of pelorine is 1 g per day."
    (one,) = found(statement, "Pelorine is taken with food. Its maximum dose is 2 g per day.")
    assert one.source.text == "Its maximum dose is 2 g per day."
    assert not found(statement, "Mabrutin is taken with food. Its maximum dose is 2 g per day.")


def test_row_of_a_table_contradicts() -> None:
    (one,) = found(
        "Adults take pelorine 5 mg in gout.", "Drug: pelorine; Disease: gout; Dose: 10 mg"
    )
    assert "10 mg, not 5 mg" in one.reason


def test_offsets_are_those_of_the_document() -> None:
    text = "Gout is painful. Pelorine does not cross the placenta.\nIt is taken daily."
    (one,) = found(
        "Pelorine crosses the placenta.", hit(text, "Pelorine", "Pregnancy", "leaflet", start=400)
    )
    source = one.source
    assert text[source.start - 400 : source.end - 400] == source.text
    assert source.text == "Pelorine does not cross the placenta."
    assert (source.document, source.title, source.section) == ("leaflet", "Pelorine", "Pregnancy")
    assert (source.page, source.url) == (3, "https://x.example")
    assert 0.0 < source.score <= 1.0


def test_documents_that_are_cited_or_say_the_same_do_not_contradict() -> None:
    statement = "Pelorine crosses the placenta."
    against = hit("Pelorine does not cross the placenta.", document="a")
    assert found(statement, against)
    assert not found(statement, replace(against, document="cited"))
    assert not found(statement, against, hit(statement, document="a"))
    assert found(statement, against, hit(statement, document="b"))


def test_markers_go_on_after_those_of_the_sources() -> None:
    sentences = [
        AnswerSentence("Pelorine crosses the placenta.", (1,), 1.0, True),
        AnswerSentence("The maximum dose of pelorine is 1 g a day.", (2,), 1.0, True),
        AnswerSentence("Pelorine raises serum potassium.", (), 0.0, False, "unsupported"),
    ]
    sources = [cite(one.text, document=f"cited {n}") for n, one in enumerate(sentences)]
    sources[1] = replace(sources[1], marker=2)
    hits = [
        hit("Pelorine does not cross the placenta.", document="a"),
        hit("Pelorine does not cross the placenta.", document="copy"),
        hit("The maximum dose of pelorine is 3 g a day.", document="b"),
        hit("Pelorine lowers serum potassium.", document="c"),
    ]
    contradictions = find_contradictions(sentences, hits, sources[:2])
    assert [(one.statement, one.source.marker, one.source.document) for one in contradictions] == [
        (sentences[0].text, 3, "a"),
        (sentences[1].text, 4, "b"),
    ]


def test_one_span_has_one_marker() -> None:
    sentences = [
        AnswerSentence("Pelorine crosses the placenta.", (1,), 1.0, True),
        AnswerSentence("The placenta is crossed by pelorine.", (1,), 1.0, True),
    ]
    found = find_contradictions(
        sentences, [hit("Pelorine does not cross the placenta.")], [cite("", "Pelorine")]
    )
    assert [one.source.marker for one in found] == [2, 2]


def test_passages_about_something_else_are_not_taken_apart() -> None:
    passages = [
        hit(f"Gout number {n} is treated at home. Most attacks end within {n + 2} days.", "Gout")
        for n in range(40)
    ]
    parse.cache_clear()
    assert not found("Pelorine does not cross the placenta.", *passages, about="Pelorine")
    assert parse.cache_info().misses <= 4


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80), st.text(max_size=160), st.text(max_size=20))
def test_any_text_can_be_compared(statement: str, passage: str, heading: str) -> None:
    text = f"Pelorine does not cross the placenta {passage}. {statement}"
    for one in found(f"Pelorine crosses the placenta {statement}", hit(text, heading, start=9)):
        assert text[one.source.start - 9 : one.source.end - 9] == one.source.text
