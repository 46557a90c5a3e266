"""Answers, hits and citations as people and programs read them: `repr`, HTML and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from medrag import Answer, Citation, Hit
from medrag.types import AnswerSentence, Contradiction

HIT = Hit(
    7, "notes/gout.txt", "Gout", "Colchicine calms\nan attack. " * 9, 10, 271, 3, "Treatment",
    "https://example.org/gout?a=1&b=2", 0.91234, 0.7, {"year": 2020, "mesh": ["Gout"]}, "Table 1",
    ("ocr", "retracted"), ("copy.txt",), "guideline",
)  # fmt: skip
SOURCE = Citation.of(HIT, 0, 27, 1, 0.8)
ANSWER = Answer(
    "What calms gout?",
    "Colchicine calms an attack. [1]",
    False,
    0.834,
    (SOURCE,),
    (HIT,),
    (
        AnswerSentence("Colchicine calms an attack.", (1,), 1.0, True),
        AnswerSentence("It is free.", (), 0.0, False, "no source says it"),
    ),
    missing=("dose",),
    contradicting=(Contradiction("Colchicine calms an attack.", "it does not", SOURCE),),
    warnings=("the question is unlike others",),
)


def test_a_repr_is_one_short_line_that_tells_what_it_is() -> None:
    for shown in map(repr, (HIT, SOURCE, ANSWER)):
        assert "\n" not in shown and len(shown) < 200 and "Colchicine calms an attack" in shown
    assert repr(ANSWER).startswith("Answer(conflict, confidence 0.83, 1 source: “Colchicine")
    assert repr(HIT).startswith("Hit(notes/gout.txt 10–271, score 0.912, ocr, retracted: “")
    assert repr(SOURCE).startswith("Citation([1] notes/gout.txt 10–37, ocr, retracted: “")


def test_a_citation_is_the_span_of_its_hit() -> None:
    assert (SOURCE.text, SOURCE.start, SOURCE.end) == (HIT.text[:27], 10, 37)
    assert (SOURCE.flags, SOURCE.duplicates, SOURCE.evidence) == (
        HIT.flags, HIT.duplicates, HIT.evidence,
    )  # fmt: skip


def test_dictionaries_survive_json_and_hold_everything() -> None:
    for record in (HIT, SOURCE, ANSWER):
        made = record.to_dict()
        assert json.loads(json.dumps(made)) == made
        assert set(made) >= set(record.__dataclass_fields__)
    made = ANSWER.to_dict()
    assert made["status"] == "conflict" and made["unsupported"] == ["It is free."]
    assert made["flags"] == ["ocr", "retracted"]
    assert made["hits"][0]["metadata"] == {"year": 2020, "mesh": ["Gout"]}
    assert made["contradicting"][0]["source"]["marker"] == 1


def shown(html: str) -> str:
    text = LexborHTMLParser(html).text(separator=" ")
    return re.sub(r"\s+", " ", text)


def test_a_notebook_shows_all_that_a_reader_must_know() -> None:
    text = shown(ANSWER._repr_html_())
    for part in (
        "What calms gout?", "Colchicine calms an attack. [1]", "confidence 0.83 · conflict",
        "Source 1: retracted", "not said: dose", "the question is unlike others", "page 3",
        "Treatment", "guideline", "characters 10–37", "also in copy.txt", "it does not",
        "removed (no source says it): It is free.",
    ):  # fmt: skip
        assert part in text
    assert "score 0.912 · similarity 0.70" in shown(HIT._repr_html_())
    refused = replace(ANSWER, abstained=True, sources=(), contradicting=(), sentences=())
    text = shown(refused._repr_html_())
    assert "abstained" in text and "nearest documents: Gout" in text


def test_only_web_addresses_become_links() -> None:
    (link,) = LexborHTMLParser(HIT._repr_html_()).css("a")
    assert link.attributes["href"] == "https://example.org/gout?a=1&b=2"
    for url in ("javascript:alert(1)", "file:///etc/passwd", "JAVASCRIPT:x", ""):
        assert not LexborHTMLParser(replace(HIT, url=url)._repr_html_()).css("a")


@given(st.text(max_size=60))
def test_no_text_of_a_document_becomes_markup(text: str) -> None:
    evil = f"{text}<script>alert('x')</script>\"><img src=x onerror=y>"
    hit = replace(
        HIT, title=evil, text=evil, section=evil, document=evil, flags=(evil,), header=evil,
        url=f"https://{evil}", duplicates=(evil,), evidence=evil,
    )  # fmt: skip
    source = Citation.of(hit, 0, len(evil), 1, 1.0)
    answer = replace(
        ANSWER, question=evil, answer=evil, sources=(source,), missing=(evil,), warnings=(evil,)
    )
    for html in (hit._repr_html_(), source._repr_html_(), answer._repr_html_()):
        tree = LexborHTMLParser(html)
        assert tree.css("script, img") == []
        assert {name for one in tree.css("*") for name in one.attributes} <= {
            "style", "href", "rel", "target",
        }  # fmt: skip
