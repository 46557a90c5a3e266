"""JATS articles through `read_documents`: titles, authors, superscripts; no part is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Document

MATH = 'xmlns:mml="http://www.w3.org/1998/Math/MathML"'


def read(
    folder: Path, *, titles: str = "<article-title>T</article-title>", authors: str = "", body: str
) -> tuple[Document, list[tuple[str, str]]]:
    """Return an article and the (section, text) of its blocks."""
    path = folder / "f.nxml"
    path.write_text(
        f"<article {MATH}><front><article-meta><title-group>{titles}</title-group>"
        f"<contrib-group>{authors}</contrib-group></article-meta></front>"
        f"<body>{body}</body></article>"
    )
    (document,) = read_documents(path, "f.nxml", CorpusConfig())
    assert isinstance(document, Document), document
    return document, [(block.section, block.text) for block in clean_blocks(document.blocks)]


def texts(folder: Path, body: str) -> list[str]:
    return [text for _, text in read(folder, body=body)[1]]


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        (
            '<article-title>Gout in adults<xref ref-type="fn">*</xref></article-title>'
            "<subtitle>A randomised trial<sup><xref>a</xref></sup></subtitle>",
            "Gout in adults: A randomised trial",
        ),
        ("<article-title>Gout?</article-title><subtitle>A trial</subtitle>", "Gout? A trial"),
        ("<article-title>Gout<fn><p>Funded.</p></fn></article-title><subtitle/>", "Gout"),
    ],
)
def test_the_title_has_its_subtitle_and_no_footnote_marks(
    tmp_path: Path, titles: str, expected: str
) -> None:
    assert read(tmp_path, titles=titles, body="<p>x</p>")[0].title == expected


def test_authors_in_all_forms(tmp_path: Path) -> None:
    inside = "<name><surname>In</surname><given-names>Side</given-names></name>"
    authors = (
        '<contrib contrib-type="author"><name-alternatives><name><surname>Li</surname>'
        "<given-names>Wei</given-names></name><name><surname>李</surname></name>"
        "</name-alternatives></contrib>"
        '<contrib contrib-type="author"><string-name><given-names>Ann</given-names> '
        "<surname>Bo</surname></string-name></contrib>"
        "<contrib><string-name>Jo Public</string-name></contrib>"
        "<contrib><name><surname>No</surname><given-names>Type</given-names></name></contrib>"
        '<contrib contrib-type="author"><collab>RECOVERY Group<xref>1</xref><contrib-group>'
        f'<contrib contrib-type="author">{inside}</contrib></contrib-group></collab></contrib>'
        f'<contrib contrib-type="editor">{inside}</contrib>'
    )
    document, _ = read(tmp_path, authors=authors, body="<p>x</p>")
    assert document.metadata["authors"] == [
        "Wei Li",
        "Ann Bo",
        "Jo Public",
        "Type No",
        "RECOVERY Group",
    ]


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<bold>10</bold><sup>9</sup>/L", "10^9/L"),
        ("10<italic><sup>-3</sup></italic>", "10^-3"),
        ("m<sup>2</sup>", "m2"),
        ("2015<sup>3</sup>", "2015 3"),
        ("5 mg<sup><xref>3</xref>,<xref>4</xref></sup>.", "5 mg 3,4."),
        ("5 mg<xref><sup>3</sup></xref>.", "5 mg 3."),
    ],
)
def test_superscripts_do_not_change_numbers(tmp_path: Path, xml: str, expected: str) -> None:
    assert texts(tmp_path, f"<p>Up to {xml}</p>") == [f"Up to {expected}"]


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<preformat>one\n  two</preformat>", ["one\n two"]),
        (
            "<verse-group><verse-line>one</verse-line><verse-line>two</verse-line></verse-group>",
            ["one two"],
        ),
        ("<statement><label>Rule 1</label><p>Rest.</p></statement>", ["Rule 1", "Rest."]),
        ("<speech><speaker>Dr Bo</speaker><p>Rest.</p></speech>", ["Dr Bo", "Rest."]),
        ("<disp-quote><p>Rest.</p><attrib>Osler</attrib></disp-quote>", ["Rest.", "Osler"]),
        (
            "<supplementary-material><label>S1</label><caption><p>Data.</p></caption>"
            "</supplementary-material>",
            ["S1", "Data."],
        ),
        (
            "<boxed-text><label>Box 1</label><caption><title>Key points</title><p>Care.</p>"
            "</caption><p>Rest.</p></boxed-text>",
            ["Box 1 Key points", "Care.", "Rest."],
        ),
        ("<boxed-text><title>Key points</title><p>Rest.</p></boxed-text>", ["Key points", "Rest."]),
        (
            "<fig-group><caption><p>Both feet.</p></caption><fig><label>Fig 1</label>"
            "<caption><p>Left.</p></caption></fig></fig-group>",
            ["Both feet.", "Fig 1. Left."],
        ),
        (
            "<fig><label>Fig 1</label><caption><p>Toe.</p></caption><alt-text>image</alt-text>"
            "<table-wrap><label>Table 2</label><table><tr><td>1</td></tr></table></table-wrap>"
            "<attrib>WHO</attrib></fig>",
            ["Fig 1. Toe.", "Table 2.\n1", "WHO"],
        ),
        (
            "<table-wrap-group><table-wrap><label>Table 9</label><table><tr><td>1</td><td>2</td>"
            "</tr></table></table-wrap></table-wrap-group>",
            ["Table 9.\n1 | 2"],
        ),
        (
            "<table-wrap><label>Table 1</label><caption><title>Dose</title></caption><alternatives>"
            "<graphic/><table><tr><td><list><list-item><p>ice</p></list-item></list></td>"
            "<td><p>5<fn><p>daily</p></fn></p></td></tr></table></alternatives><table-wrap-foot>"
            "<fn><label>a</label><p>Or 6.</p></fn></table-wrap-foot></table-wrap>",
            ["Table 1. Dose\nice | 5 daily\na Or 6."],
        ),
        ("<table-wrap><label>Table 2</label><p>Rest.</p></table-wrap>", ["Table 2.", "Rest."]),
        (
            "<list><title>Care</title><list-item><p>ice</p></list-item><list-item><label>2.</label>"
            "<p>rest</p></list-item></list>",
            ["Care\n- ice\n- 2. rest"],
        ),
        (
            "<def-list><title>Words</title><def-item><term>BP</term><def><p>pressure</p></def>"
            "</def-item></def-list>",
            ["Words\n- BP: pressure"],
        ),
        ("<new-kind><part>Rest,</part> <part>ice.</part></new-kind>", ["Rest, ice."]),
        ("<new-kind><head>Care</head><list><list-item>ice</list-item></list></new-kind>", None),
    ],
)
def test_every_part_of_a_section_is_read(
    tmp_path: Path, xml: str, expected: list[str] | None
) -> None:
    expected = expected or ["Care", "- ice"]
    _, blocks = read(tmp_path, body=f"<sec><title>Aid</title>{xml}<p>End.</p></sec>")
    assert blocks == [("Aid", text) for text in ("Aid", *expected, "End.")]
    # Inside a paragraph it is a block too, and the sentence continues around it.
    assert texts(tmp_path, f"<p>See {xml.replace('new-kind', 'boxed-text')} there.</p>") == [
        "See there.",
        *expected,
    ]


def test_parts_that_are_not_text_are_left_out(tmp_path: Path) -> None:
    body = (
        "<sec><sec-meta><kwd-group><kwd>gout</kwd></kwd-group></sec-meta><title>Aid</title>"
        "<p>Rest <inline-formula><mml:math><mml:mi>E</mml:mi></mml:math></inline-formula>well.</p>"
        "<disp-formula><label>(1)</label><mml:math><mml:mi>E</mml:mi></mml:math></disp-formula>"
        "<fig><object-id>id1</object-id><graphic><alt-text>image</alt-text></graphic><caption>"
        "<p>Toe.</p></caption></fig>"
        "<ref-list><ref><mixed-citation>Someone 1999</mixed-citation></ref></ref-list></sec>"
    )
    assert texts(tmp_path, body) == ["Aid", "Rest well.", "Toe."]


def test_a_box_with_sections_and_a_footnote_in_a_sentence(tmp_path: Path) -> None:
    body = (
        "<sec><title>Aid</title><boxed-text><sec><title>Box</title><p>In.</p></sec></boxed-text>"
        "<p>Out<fn><label>1</label><p>Note.</p></fn> here.</p></sec>"
    )
    assert read(tmp_path, body=body)[1] == [
        ("Aid", "Aid"),
        ("Aid > Box", "Box"),
        ("Aid > Box", "In."),
        ("Aid", "Out here."),
        ("Aid", "1 Note."),
    ]


@pytest.mark.parametrize("tag", ["sec", "boxed-text", "new-kind", "list"])
def test_the_deepest_nesting_allowed_is_read(tmp_path: Path, tag: str) -> None:
    body = f"<{tag}>" * 190 + "<p>Deep.</p>" + f"</{tag}>" * 190
    assert texts(tmp_path, body) == ["Deep."]
