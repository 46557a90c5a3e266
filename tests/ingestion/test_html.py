"""HTML pages through `read_documents`: which parts are read, and how words stay apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Block, Document, Rejected


def read(
    tmp_path: Path, body: str, title: str = "<title>Page</title>"
) -> tuple[Document, list[Block]]:
    """Read a page as a build does, with its blocks cleaned."""
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><html><head>{title}</head><body>{body}</body></html>")
    (document,) = read_documents(path, "page.html", CorpusConfig())
    assert not isinstance(document, Rejected), document
    return document, list(clean_blocks(document.blocks))


def texts(tmp_path: Path, body: str) -> list[str]:
    return [block.text for block in read(tmp_path, body)[1]]


def test_a_form_around_the_page_hides_only_its_controls(tmp_path: Path) -> None:
    body = (
        '<form id="aspnetForm"><h2>Gout</h2><p>Colchicine 0.5 mg.</p><select><option>1</select>'
        "<textarea>note</textarea><button>Send</button></form>"
    )
    assert texts(tmp_path, body) == ["Gout", "Colchicine 0.5 mg."]


def test_words_around_a_control_stay_apart(tmp_path: Path) -> None:
    body = "<p>one<input>two<button>x</button>three<select><option>4</select>five</p>"
    assert texts(tmp_path, body) == ["one two three five"]
    assert texts(tmp_path, "<p>para<script>x()</script>cetamol</p>") == ["paracetamol"]


def test_a_button_inside_a_heading_is_read(tmp_path: Path) -> None:
    blocks = read(tmp_path, "<h2><button>Why?</button></h2><p>So.</p><button>Share</button>")[1]
    assert [(block.section, block.text) for block in blocks] == [("Why?", "Why?"), ("Why?", "So.")]


@pytest.mark.parametrize("place", ["article", "main"])
def test_the_head_and_the_boxes_of_an_article_are_read(tmp_path: Path, place: str) -> None:
    body = (
        f"<header>Logo</header><{place}><header><p>Abstract.</p></header><p>Body.</p>"
        f"<aside>Never give IT vincristine.</aside></{place}><aside>Advertisement</aside>"
    )
    assert texts(tmp_path, body) == ["Abstract.", "Body.", "Never give IT vincristine."]


@pytest.mark.parametrize("tag", ["center", "form", "hgroup"])
def test_old_and_rare_elements_break_the_text(tmp_path: Path, tag: str) -> None:
    assert texts(tmp_path, f"a<{tag}>Warning</{tag}>Do not take.") == [
        "a",
        "Warning",
        "Do not take.",
    ]


def test_a_dir_is_a_list(tmp_path: Path) -> None:
    assert texts(tmp_path, "a<dir><li>x<li>y</dir>b") == ["a", "- x\n- y", "b"]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("50 × 10<sup>9</sup>/L", "50 × 10^9/L"),
        ("10<sup>-3</sup> and <b>10</b><sup>\u22126</sup>", "10^-3 and 10^\u22126"),
        ("weight/(height)<sup>2</sup>", "weight/(height)^2"),
        ("SO<sub>4</sub><sup>2-</sup>", "SO4^2-"),
        ("in 2015<sup>3</sup>.", "in 2015 3."),
        ("in 2015<sup>3\u20135</sup>", "in 2015 3\u20135"),
        ("a trial<sup>3</sup> and<br>word.<sup>4</sup>", "a trial 3 and\nword. 4"),
        ("65<sup>1,2</sup> 65<sup>[7]</sup>", "65 1,2 65 [7]"),
        ('65<sup><a href="#r">7</a></sup>', "65 7"),
        ('65<a href="#r"><sup>7</sup></a>', "65 7"),
        ('<a href="#r">10<sup>9</sup>/L</a>', "10^9/L"),
        ("kg/m<sup>2</sup>, min<sup>-1</sup>", "kg/m2, min-1"),
        ("Na<sup>+</sup>, Ca<sup>2+</sup>, 1<sup>st</sup>", "Na+, Ca2+, 1st"),
        ("give <sup>131</sup>I", "give 131I"),
        ("x<sup>a<sup>b</sup></sup>c", "xabc"),
        ("10<sup>9 </sup>cells", "10^9 cells"),
    ],
)
def test_superscripts_do_not_change_numbers(tmp_path: Path, markup: str, text: str) -> None:
    assert texts(tmp_path, f"<p>{markup}</p>") == [text]


def test_a_superscript_with_blocks_in_it_loses_nothing(tmp_path: Path) -> None:
    body = "<p>one <sup>two <p>three</p> four</sup> 10<sup>9</sup>"
    assert " ".join(texts(tmp_path, body)) == "one two three four 10^9"


def test_a_long_heading_keeps_its_end(tmp_path: Path) -> None:
    heading = "Long " + "word " * 100 + "END."
    (first, after) = read(tmp_path, f"<h2>{heading}</h2><p>after</p>")[1]
    assert first.text == heading
    assert after.section.startswith("Long word") and len(after.section) <= 121
    # The title is cut, so the body has it in full, but not as a section.
    document, blocks = read(tmp_path, f"<h1>{heading}</h1><p>after</p>", title="")
    assert document.title.endswith("word…")
    assert [(block.section, block.text) for block in blocks] == [("", heading), ("", "after")]
