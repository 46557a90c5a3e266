"""The page of an evaluation: what it shows, that it needs nothing else, and that it is safe."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from medrag.evaluation.html import QUESTIONS, SIZE, cut, write_report
from medrag.evaluation.records import Blame, Record
from tests.evaluation.made_records import made, refused, summary_of, wrong


def page(folder: Path, records: Iterable[Record], **changed: Any) -> LexborHTMLParser:
    records = list(records)
    path = folder / "report.html"
    write_report(path, summary_of(records, **changed), records)
    return LexborHTMLParser(path.read_text(encoding="utf-8"))


def text(node: LexborNode | LexborHTMLParser | None) -> str:
    assert node is not None
    return " ".join(node.text(separator=" ").split())


def cards(tree: LexborHTMLParser) -> list[LexborNode]:
    return tree.css("#cards .card")


def asked(tree: LexborHTMLParser) -> list[str]:
    return [re.sub(r".* in (\w+)\?", r"\1", text(one.css_first(".asked"))) for one in cards(tree)]


def test_the_header_says_what_was_measured(tmp_path: Path) -> None:
    tree = page(tmp_path, [made("q1"), refused("q2")], samples=True, left_out_seen_in_training=3)
    assert text(tree.css_first("h1")) == "gout.jsonl"
    header = text(tree.css_first("header"))
    assert "2 questions: 1 answerable, 1 unanswerable" in header
    assert "over 7 passages of 3 documents" in header
    assert "Medrag's own samples: says little about other corpora." in header
    assert "left out, as a model was trained on them: 3 questions" in header.replace("Left", "left")
    assert all("Samples." in text(one) for one in tree.css("figcaption"))
    method = text(tree.css_first("#method"))
    assert "Judged by: reference 1 · no document answers 1." in method
    assert "fingerprint ffffffffffffffff" in method
    assert "medrag 0.1.0" in method
    assert "retriever.mode=hybrid" in method
    assert "95 %" in method


def test_other_question_sets_are_not_called_samples(tmp_path: Path) -> None:
    assert "amples" not in text(page(tmp_path, [made("q1")]).css_first("main"))


def test_the_figures_of_all_systems_stand_side_by_side(tmp_path: Path) -> None:
    records = [made("q1"), made("q2"), made("q1", system="dense"), wrong("q2", system="dense")]
    tree = page(tmp_path, records)
    rows = {
        text(row.css_first("th")): [text(cell) for cell in row.css("td")]
        for row in tree.css("#figures table")[0].css("tr")
        if row.css_first("th")
    }
    (right,) = (cells for name, cells in rows.items() if name.startswith("right answers"))
    assert right[0] == "2"
    assert right[1:] == ["100.0 100–100", "50.0 0–100"]
    assert rows["retrieved, not used"] == ["", "0", "1"]
    assert rows["query"][1:] == ["120 / 120", "120 / 120"]
    differences = text(tree.css("#figures table")[1])
    assert "−50.0 −100.0 to 0.0" in differences


def test_every_panel_is_drawn_into_the_page(tmp_path: Path) -> None:
    tree = page(tmp_path, [made("q1"), wrong("q2")])
    assert len(tree.css("figure svg")) == 4
    ids = [one.attributes["id"] for one in tree.css("[id]")]
    assert len(ids) == len({*ids})


def test_the_worst_comes_first(tmp_path: Path) -> None:
    records = [
        made("sure", confidence=0.9),
        made("unsure", confidence=0.3),
        refused("rightly"),
        made("unjudged", right=None, basis="", why="", answerable=None),
        refused("withheld", answerable=True, right=True, blame=Blame.wrongly_refused.value),
        wrong("unlucky", confidence=0.3),
        wrong("bad", confidence=0.9),
    ]
    order = ["bad", "unlucky", "withheld", "unjudged", "rightly", "unsure", "sure"]
    tree = page(tmp_path, records)
    assert asked(tree) == order
    assert [text(one.css_first(".marks .tag")) for one in cards(tree)] == [
        "wrong", "wrong", "refused, though right", "not judged", "refused, rightly", "right",
        "right",
    ]  # fmt: skip
    assert asked(page(tmp_path, [*records, wrong("sure", system="dense")]))[1] == "sure"


def test_an_answer_is_shown_with_all_that_was_found_about_it(tmp_path: Path) -> None:
    first = made("q1")
    other = {**first.sources[0], "marker": 2, "text": "It is 50 mg.", "flags": ["retracted"]}
    record = replace(
        first,
        exact="allopurinol / Zyloric",
        status="conflict",
        stance="yes",
        missing=["maximum", "in children"],
        warnings=["The question was cut."],
        statements=[
            {**first.statements[0], "citations": [1, 2]},
            {"text": "It cures.", "citations": [], "support": 0.1, "supported": False,
             "reason": "nothing says so"},
        ],
        sources=[first.sources[0], other],
        contradicting=[
            {"statement": "It is 100 mg.", "reason": "the source says 50 mg", "source": other}
        ],
    )  # fmt: skip
    (card,) = cards(page(tmp_path, [record]))
    said = text(card)
    for part in (
        "Reference Allopurinol.", "Wanted allopurinol / Zyloric", "answered in gout.txt",
        "conflict", "yes", "it shares 100% of the reference's terms",
        "confidence 0.80, shown from 0.20", "support 1.00", "It cures. not supported: nothing says",
        "Does not say: maximum, in children", "The question was cut.",
        "gout.txt · p. 3 · Treatment",
        "retracted", "Otherwise: the source says 50 mg", "about: It is 100 mg.", "2 passages read",
        "In asthma.md",
    ):  # fmt: skip
        assert part in said, part
    links = [one.attributes["href"] or "" for one in card.css(".said a")]
    assert [text(one) for one in card.css(".said a")] == ["[1]", "[2]"]
    assert "It is 50 mg." in text(card.css_first(links[1]))
    gold = [text(one) for one in card.css(".hits li") if one.css_first(".tag")]
    assert [one.split()[0] for one in gold] == ["gout.txt"]


def test_a_quotation_is_not_said_twice(tmp_path: Path) -> None:
    (card,) = cards(page(tmp_path, [made("q1")]))
    assert text(card).count("Allopurinol lowers uric acid, says q1.") == 1
    assert "says so word for word" in text(card.css_first(".sources"))


def test_a_refusal_shows_what_was_held_back(tmp_path: Path) -> None:
    (card,) = cards(page(tmp_path, [refused("q1")]))
    assert "rightly refused: no document answers the question" in text(card)
    assert "says q1." in text(card.css_first(".held"))
    (card,) = cards(page(tmp_path, [refused("q1", answerable=True, right=False, why="it is old")]))
    assert "held back: it is old" in text(card)
    (card,) = cards(page(tmp_path, [refused("q1", draft="", statements=[], sources=[])]))
    assert "held back" not in text(card)
    assert text(card.css_first(".held")) == "I do not know."


def test_an_answer_without_statements_is_shown_as_it_is(tmp_path: Path) -> None:
    record = made("q1", statements=[], sources=[], hits=[], draft="From memory.", gold=[])
    (card,) = cards(page(tmp_path, [record]))
    assert text(card.css_first(".said")) == "From memory."
    assert card.css_first(".hits") is None


def test_filters_offer_what_there_is(tmp_path: Path) -> None:
    records = [made("q1"), wrong("q2", kind="yes/no"), refused("q3")]
    tree = page(tmp_path, records)
    offered = {
        one.attributes["name"]: [text(option) for option in one.css("option")][1:]
        for one in tree.css("#filters select")
    }
    assert offered == {
        "verdict": ["wrong", "right"],
        "shown": ["shown", "refused"],
        "kind": ["yes/no", "text"],
        "status": ["answered", "abstained"],
    }
    for name, values in offered.items():
        found = {one.attributes[f"data-{name}"] for one in tree.css("article")}
        assert found == {*values}
    assert "hidden" in tree.css("#filters")[0].attributes  # until a script can filter
    assert tree.css_first("[name=disagree]") is None  # there is one system only
    tree = page(tmp_path, [*records, made("q1", system="dense")])
    assert tree.css_first("[name=disagree]") is not None
    assert tree.css_first("select[name=system]") is not None


def test_changes_are_shown_with_both_answers(tmp_path: Path) -> None:
    change = {"id": "q1", "question": "Which?", "before": "This <b>.", "now": "That.",
              "verdict": "right → wrong", "reasons": ["other hits"]}  # fmt: skip
    against = {"directory": "old", "kind": "evaluation", "asked": 2, "changed": 1,
               "verdicts": {"right → wrong": 1},
               "reasons": {"other hits": 1}, "changes": [change]}  # fmt: skip
    tree = page(tmp_path, [made("q1"), made("q2")], against=against)
    found = text(tree.css_first("#changes"))
    assert "1 of 2 answers changed, compared with the evaluation in old: right → wrong 1" in found
    assert "Which? right → wrong · other hits" in found
    assert "before This <b>. now That." in found
    assert page(tmp_path, [made("q1")]).css_first("#changes") is None


# ------------------------------------------------------------------ self-contained and safe


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    tree = page(tmp_path, [made("q1"), wrong("q2")])
    assert tree.css("link, img, iframe, script[src], object, embed, base") == []
    raw = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http://" not in raw
    assert "https://" not in raw
    assert not re.search(r"@import|url\((?!#)", raw)


def test_only_its_own_script_may_run(tmp_path: Path) -> None:
    tree = page(tmp_path, [made("q1")])
    (script,) = tree.css("script")
    digest = base64.b64encode(hashlib.sha256(script.text().encode()).digest()).decode()
    (policy,) = tree.css("meta[http-equiv=Content-Security-Policy]")
    content = policy.attributes["content"] or ""
    assert f"script-src 'sha256-{digest}'" in content
    assert content.startswith("default-src 'none'")


HOSTILE = (
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> \" onfocus='alert(1)' "
    "{{ 7 * 7 }} {% raw %} &lt; \u2028\u2029\u202e\x00\ud800 ]]> </style></details></article>"
)


def hostile_record(system: str) -> Record:
    """Every text that can come from a document, a question file or a model is hostile."""
    source = {"marker": 1, "document": HOSTILE, "title": HOSTILE, "start": 0, "end": 1, "page": 1,
              "section": HOSTILE, "text": HOSTILE, "flags": [HOSTILE]}  # fmt: skip
    hit = {"document": HOSTILE, "title": HOSTILE, "start": 0, "end": 1, "score": 1.0,
           "text": HOSTILE}  # fmt: skip
    return made(
        HOSTILE, system=system, question=HOSTILE, reference=HOSTILE, exact=HOSTILE, gold=[HOSTILE],
        answer=HOSTILE, draft=HOSTILE, why=HOSTILE, basis=HOSTILE, stance=HOSTILE, kind=HOSTILE,
        status=HOSTILE, missing=[HOSTILE], warnings=[HOSTILE], sources=[source, source],
        statements=[{"text": HOSTILE, "citations": [1], "support": 0.0, "supported": False,
                     "reason": HOSTILE}],
        contradicting=[{"statement": HOSTILE, "reason": HOSTILE, "source": source}], hits=[hit],
    )  # fmt: skip


@pytest.mark.parametrize("statements", [True, False])
def test_texts_are_texts_whatever_they_hold(statements: bool, tmp_path: Path) -> None:
    first, second = (
        hostile_record("hybrid"),
        hostile_record("</script> <b onfocus='alert(1)'> & \""),
    )
    if not statements:
        first, second = (replace(one, statements=[]) for one in (first, second))
    change = {"id": HOSTILE, "question": HOSTILE, "before": HOSTILE, "now": HOSTILE,
              "verdict": HOSTILE, "reasons": [HOSTILE]}  # fmt: skip
    tree = page(
        tmp_path,
        [first, second],
        questions_file=HOSTILE,
        shared_documents=[HOSTILE],
        majority={"answer": HOSTILE, "share": 0.5},
        index={"directory": HOSTILE, "fingerprint": HOSTILE, "documents": 1, "chunks": 1,
               "embedder": HOSTILE},
        against={"directory": HOSTILE, "kind": HOSTILE, "asked": 1, "changed": 1,
                 "verdicts": {HOSTILE: 1}, "reasons": {HOSTILE: 1}, "changes": [change]},
    )  # fmt: skip
    assert len(tree.css("script")) == 1
    assert tree.css("img, [onfocus], [onerror]") == []
    assert len(cards(tree)) == 1
    assert len(tree.css("article")) == 4  # two answers, and a change before and now
    assert "alert(1)" in text(cards(tree)[0])
    assert "{{ 7 * 7 }}" in text(cards(tree)[0])
    assert "49" not in text(tree.css_first("#cards"))


def test_control_characters_do_not_reach_the_page(tmp_path: Path) -> None:
    page(tmp_path, [made("q1", question="What\x00 is \x1b[31mgout\ud83d?")])
    written = next(tmp_path.rglob("*.html")).read_text(encoding="utf-8")
    assert "What\ufffd is \ufffd[31mgout??" in written
    assert "\x00" not in written and "\x1b" not in written


# ------------------------------------------------------------------ size


def test_what_does_not_fit_is_counted_and_the_worst_stay(tmp_path: Path) -> None:
    records = [made(f"fine{n}") for n in range(QUESTIONS)]
    records += [wrong(f"bad{n}") for n in range(20)]
    tree = page(tmp_path, records)
    assert len(cards(tree)) == QUESTIONS
    assert all(one.startswith("bad") for one in asked(tree)[:20])
    assert "20 questions with less to complain of are left out here" in text(
        tree.css_first("#answers")
    )


def test_a_page_of_long_texts_stays_below_its_size(tmp_path: Path) -> None:
    long = "<ö> " * 5_000
    hit = {"document": "d", "title": "t", "start": 0, "end": 1, "score": 1.0, "text": long}
    statement = {"text": long, "citations": [], "support": 1.0, "supported": True, "reason": ""}
    records = [
        wrong(f"q{n}", system=system, reference=long, statements=[statement] * 4, hits=[hit] * 20)
        for system in ("hybrid", "dense")
        for n in range(QUESTIONS)
    ]
    tree = page(tmp_path, records)
    size = (tmp_path / "report.html").stat().st_size
    assert 0.9 * SIZE < size <= SIZE
    kept = len(cards(tree))
    assert 0 < kept < QUESTIONS
    assert f"{QUESTIONS - kept} questions with less" in text(tree.css_first("#answers"))


def test_a_cut_text_ends_between_words() -> None:
    assert cut("short", 10) == "short"
    assert cut("one two three four", 9) == "one two …"
    assert cut("x" * 50, 10) == "x" * 10 + " …"
