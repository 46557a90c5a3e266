"""JATS articles through `read_documents`: the text says what the article says."""

from __future__ import annotations

import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import BlockKind, Document, Flag, Rejected

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
        ("10 <sup>9</sup>/L", "10 ^9/L"),
        ("10<sup>3</sup>155", "10^3 155"),
        ("2<sup>1</sup>/<sub>2</sub> tablets", "2 1/2 tablets"),
        ("1<sup>3</sup>\u2044<sub>4</sub>, 1<sup>1/2</sup>", "1 3/4, 1 1/2"),
        ("log<sub>10</sub>2.5", "log10 2.5"),
        ("10<sub>2</sub>", "10_2"),
        ("<overline>x</overline> = 2", "x\u0304 = 2"),
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
            ["Fig 1. Toe.", "Table 2.", "1", "WHO"],
        ),
        (
            "<table-wrap-group><table-wrap><label>Table 9</label><table><tr><td>1</td><td>2</td>"
            "</tr></table></table-wrap></table-wrap-group>",
            ["Table 9.", "1; 2"],
        ),
        (
            "<table-wrap><label>Table 1</label><caption><title>Dose</title></caption><alternatives>"
            "<graphic/><table><tr><td><list><list-item><p>ice</p></list-item></list></td>"
            "<td><p>5<fn><p>daily</p></fn></p></td></tr></table></alternatives><table-wrap-foot>"
            "<fn><label>a</label><p>Or 6.</p></fn></table-wrap-foot></table-wrap>",
            ["Table 1. Dose", "• ice; 5", "[a] Or 6.", "daily"],
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
    # Inside a paragraph it is a block too. Floats come after the paragraph.
    found = texts(tmp_path, f"<p>See {xml.replace('new-kind', 'boxed-text')} there.</p>")
    floats = ("<boxed-text", "<fig", "<table-wrap", "<supplementary", "<new-kind")
    in_order = ["See", *expected, "there."]
    assert found == (["See there.", *expected] if xml.startswith(floats) else in_order)


def test_parts_that_are_not_text_are_left_out(tmp_path: Path) -> None:
    body = (
        "<sec><sec-meta><kwd-group><kwd>gout</kwd></kwd-group></sec-meta><title>Aid</title>"
        "<fig><object-id>id1</object-id><graphic><alt-text>image</alt-text></graphic><caption>"
        "<p>Toe.</p></caption></fig>"
        "<ref-list><ref><mixed-citation>Someone 1999</mixed-citation></ref></ref-list></sec>"
    )
    assert texts(tmp_path, body) == ["Aid", "Toe."]


def test_a_box_with_sections_and_a_footnote_in_a_sentence(tmp_path: Path) -> None:
    body = (
        "<sec><title>Aid</title><boxed-text><sec><title>Box</title><p>In.</p></sec></boxed-text>"
        "<p>Out<fn><label>1</label><p>Note.</p></fn> here.</p></sec>"
    )
    assert read(tmp_path, body=body)[1] == [
        ("Aid", "Aid"),
        ("Aid > Box", "Box"),
        ("Aid > Box", "In."),
        ("Aid", "Out [1] here."),
        ("Aid", "[1] Note."),
    ]


@pytest.mark.parametrize("tag", ["sec", "boxed-text", "new-kind", "list"])
def test_the_deepest_nesting_allowed_is_read(tmp_path: Path, tag: str) -> None:
    body = f"<{tag}>" * 190 + "<p>Deep.</p>" + f"</{tag}>" * 190
    assert texts(tmp_path, body) == ["Deep."]


# --- references and notes ---------------------------------------------------------------------

REFS = "<back><ref-list><ref id='r1'/><ref id='r2'/></ref-list></back>"


def cited(number: str) -> str:
    return f'<xref ref-type="bibr" rid="r1">{number}</xref>'


@pytest.mark.parametrize(
    ("xml", "expected", "count"),
    [
        (f"below 30{cited('12')} in adults.", "below 30 in adults.", 1),
        (f"below 30{cited('12')}.", "below 30.", 1),
        (f"a 5{cited('9')}% risk", "a 5% risk", 1),
        (f"45<sup>{cited('3')}</sup> mg", "45 mg", 1),
        (f"45<sup>{cited('3')},{cited('4')}&#8211;{cited('6')}</sup> mg", "45 mg", 3),
        (f"45{cited('<sup>3</sup>')}<sup>,</sup>{cited('<sup>4</sup>')} mg", "45 mg", 2),
        (f"10<sup>9{cited('3')}</sup>/L", "10^9/L", 1),
        (f"low [{cited('1')}, {cited('2')}]. Next", "low. Next", 2),
        (f"low [{cited('1')}&#8211;{cited('3')}] and", "low and", 2),
        (f"low {cited('[1]')}, {cited('[2]')} and", "low and", 2),
        (f"low ({cited('1')}; {cited('2')}).", "low.", 2),
        (f"low [{cited('1')},2,{cited('3')}].", "low.", 2),
        (f"(a ratio; [{cited('1')},{cited('2')}])", "(a ratio)", 2),
        (f"low [[{cited('56')}], pp. 57-59]", "low [pp. 57-59]", 1),
        (f"a trial,{cited('2')},{cited('3')} and", "a trial, and", 2),
        (f"by Bo et al. [{cited('7')}].", "by Bo et al.", 1),
        (f"a trial{cited('7')}The", "a trial The", 1),
        (f"given {cited('5,6')} here", "given here", 1),
        ('to 30<xref rid="r2">2</xref> mg', "to 30 mg", 1),
        (f"(Bo, {cited('1998')}) and {cited('Li 2010a')}", "(Bo, 1998) and Li 2010a", 0),
        (f"30{cited('12')}&#8211;40 mL", "30–40 mL", 1),
        (f"4 (5{cited('9')}) patients", "4 (5) patients", 1),
        ("[<italic>n</italic> = 12] in (12) and [3, 4]", "[n = 12] in (12) and [3, 4]", 0),
        ('see Table <xref ref-type="table" rid="t1">2</xref>', "see Table 2", 0),
        ('5<xref ref-type="fn" rid="f1">a</xref> mmol', "5 [a] mmol", 0),
        ('5<xref ref-type="table-fn" rid="f1"><sup>2</sup></xref> mmol', "5 [2] mmol", 0),
        ('5<sup><xref ref-type="fn">*</xref>,<xref ref-type="fn">†</xref></sup>', "5 [*] [†]", 0),
        ('5<xref ref-type="fn" rid="f1">a,b</xref>mg', "5 [a] [b] mg", 0),
    ],
)
def test_numbers_of_sources_go_and_marks_of_notes_stay_apart(
    tmp_path: Path, xml: str, expected: str, count: int
) -> None:
    body = f"<p>It was {xml}</p>"
    document, (block,) = read(tmp_path, body=f"{body}</body>{REFS}<body>")
    assert block == ("", f"It was {expected}")
    assert document.left_out["reference marks"] == count
    cell = (
        f"<table><tr><th>Dose</th><th>n</th></tr><tr><td>It was {xml}</td><td>3</td></tr></table>"
    )
    found = texts(tmp_path, f"<table-wrap>{cell}</table-wrap></body>{REFS}<body>")
    assert found == [f"Dose: It was {expected}; n: 3"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("5<sup>a</sup> mmol", "5 [a] mmol"),
        ("5 <sup>a,b</sup>", "5 [a] [b]"),
        ("5<sup>1</sup>", "5 [1]"),
        ("5<sup>Bb</sup>", "5 [Bb]"),
        ("5<sup>*</sup>", "5 [*]"),
        ("5 kg/m<sup>2</sup>", "5 kg/m2"),
        ("10<sup>2</sup>", "10^2"),
        ("the 2<sup>nd</sup>", "the 2nd"),
    ],
)
def test_superscripts_in_a_table_with_notes(tmp_path: Path, cell: str, expected: str) -> None:
    notes = "".join(f"<fn><p><sup>{mark}</sup>Note.</p></fn>" for mark in "12a")
    found = texts(
        tmp_path,
        f"<table-wrap><table><tr><th>Dose</th><th>n</th></tr><tr><td>{cell}</td><td>3</td></tr>"
        f"</table><table-wrap-foot>{notes}<p>*p &lt; 0.05</p></table-wrap-foot></table-wrap>",
    )
    assert found == [
        f"Dose: {expected}; n: 3",
        *("[1] Note.", "[2] Note.", "[a] Note.", "[*] p < 0.05"),
    ]


# --- struck and hidden text -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xml", "expected", "reason"),
    [
        ("<strike>20</strike>2 mg", "2 mg", "deleted text"),
        ("2<strike>0</strike> mg", "2 mg", "deleted text"),
        ("iron<strike>20</strike>or zinc", "iron or zinc", "deleted text"),
        ('<styled-content style="text-decoration: line-through">9</styled-content>2',
         "2", "deleted text"),
        ('<named-content content-type="strikethrough">9</named-content>2', "2", "deleted text"),
        ('<styled-content style="display: none">9</styled-content>2', "2", "hidden text"),
    ],
)  # fmt: skip
def test_struck_and_hidden_text_is_left_out(
    tmp_path: Path, xml: str, expected: str, reason: str
) -> None:
    document, blocks = read(tmp_path, body=f"<p>Give {xml}</p>")
    assert blocks == [("", f"Give {expected}")]
    assert document.left_out == {reason: 1}
    assert document.flags == ({Flag.hidden_text} if reason == "hidden text" else set())


# --- formulas ---------------------------------------------------------------------------------


def math(xml: str) -> str:
    tagged = re.sub(r"<(/?)m", r"<\1mml:m", xml)
    return f"<inline-formula><mml:math>{tagged}</mml:math></inline-formula>"


def tex(source: str) -> str:
    preamble = r"\documentclass[12pt]{minimal}\usepackage{amsmath}\begin{document}"
    return (
        f"<inline-formula><tex-math>{preamble}{source}\\end{{document}}</tex-math></inline-formula>"
    )


FRACTION = "<mfrac><mrow><mn>140</mn><mo>-</mo><mi>age</mi></mrow><mn>72</mn></mfrac>"
CELL = "<mtr><mtd><mi>{}</mi></mtd></mtr>"
SUM = "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<inline-formula>0.7</inline-formula>", "0.7"),
        ("<inline-formula>10<sup>-3</sup></inline-formula>", "10^-3"),
        (math("<mn>0.5</mn>"), "0.5"),
        (math("<mi>CL</mi><mo>=</mo><mn>4.2</mn>"), "CL = 4.2"),
        (math("<mo>-</mo><mn>3</mn><mo>-</mo><mn>1</mn>"), "-3 - 1"),
        (math(FRACTION), "(140 - age)/72"),
        (math("<mn>2</mn><mfrac><mn>1</mn><mn>2</mn></mfrac><mi>mg</mi>"), "2 1/2 mg"),
        (math("<msup><mn>10</mn><mrow><mo>-</mo><mn>6</mn></mrow></msup>"), "10^-6"),
        (math("<msup><mn>37</mn><mo>∘</mo></msup><mtext>C</mtext>"), "37°C"),
        (math("<msub><mi>x</mi><mn>1</mn></msub><mn>2</mn>"), "x_1 2"),
        (math("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"), "x_i^2"),
        (math("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>"), "√(a + b)"),
        (math("<mroot><mi>x</mi><mn>3</mn></mroot>"), "√[3](x)"),
        (math(f"{SUM}<msub><mi>x</mi><mi>i</mi></msub>"), "∑_(i = 1)^n x_i"),
        (math("<mover><mi>x</mi><mo>¯</mo></mover><mo>±</mo><mi>s</mi>"), "x̄ ± s"),
        (math("<mi>sin</mi><mi>x</mi>"), "sin x"),
        (math("<mfenced><mi>a</mi><mi>b</mi></mfenced>"), "(a, b)"),
        (math(f"<mtable>{CELL.format('a')}{CELL.format('b')}</mtable>"), "a; b"),
        (math("<menclose notation='updiagonalstrike'><mn>9</mn></menclose><mn>2</mn>"), "2"),
        (math("<mphantom><mn>9</mn></mphantom><mn>2</mn>"), "2"),
        (tex(r"$8$"), "8"),
        (tex(r"$\frac{140-\text{age}}{72}\times 10^{-6}$"), "(140 - age)/72 × 10^-6"),
        (tex(r"$\mathrm{CL}_{cr}\le 5\,\text{mg/kg}$"), "CL_cr ≤ 5 mg/kg"),
        (tex(r"$\left(\frac{a+b}{2}\right)^2$"), "((a + b)/2)^2"),
        (tex(r"$\sqrt{x} \pm \bar{y} \ge 5\%$"), "√(x) ± ȳ ≥ 5%"),
        (tex(r"$1{,}000$"), "1,000"),
        ("<inline-formula><alternatives><inline-graphic/><tex-math>$7$</tex-math>"
         "<mml:math><mml:mn>8</mml:mn></mml:math></alternatives></inline-formula>", "8"),
        ("<disp-formula><label>1</label><tex-math>$8$</tex-math></disp-formula>", "(1) 8"),
        ("<chem-struct><textual-form>CH</textual-form></chem-struct>", "CH"),
    ],
)  # fmt: skip
def test_formulas_keep_their_place_as_text(tmp_path: Path, xml: str, expected: str) -> None:
    document, blocks = read(tmp_path, body=f"<p>The dose {xml} holds.</p>")
    assert blocks == [("", f"The dose {expected} holds.")]
    assert not document.left_out


@pytest.mark.parametrize(
    "xml",
    [
        '<inline-formula><inline-graphic/></inline-formula>',
        "<inline-formula><alternatives><inline-graphic/></alternatives></inline-formula>",
        tex(r"$\unknowncommand{5}$"),
        tex(r"$\frac{1}{$"),
        tex("{" * 5_000),
        math("<mapply/>").replace("mml:mapply", "mml:apply"),
        "<disp-formula><graphic/></disp-formula>",
    ],
)  # fmt: skip
def test_a_formula_that_cannot_be_written_is_named(tmp_path: Path, xml: str) -> None:
    document, blocks = read(tmp_path, body=f"<p>The dose {xml} mg.</p>")
    assert blocks == [("", "The dose [formula] mg.")]
    assert document.left_out == {"formulas": 1}


# --- tables -----------------------------------------------------------------------------------


def test_a_cals_table_with_spans(tmp_path: Path) -> None:
    body = (
        '<table-wrap xmlns:o="urn:oasis"><label>Table 1</label><caption><p>Doses</p></caption>'
        '<o:table><o:tgroup cols="3"><o:colspec colname="a"/><o:colspec colname="b"/>'
        '<o:colspec colname="c"/><o:thead><o:row><o:entry morerows="1">Drug</o:entry>'
        '<o:entry namest="b" nameend="c">Dose</o:entry></o:row><o:row>'
        '<o:entry colname="b">Child</o:entry><o:entry>Adult</o:entry></o:row></o:thead>'
        '<o:tbody><o:row><o:entry morerows="1">Iron</o:entry><o:entry>1 mg</o:entry>'
        "<o:entry>2 mg</o:entry></o:row><o:row>"
        '<o:entry colname="c">3 mg</o:entry></o:row></o:tbody></o:tgroup></o:table></table-wrap>'
    )
    assert texts(tmp_path, body) == [
        "Table 1. Doses",
        "Drug: Iron; Dose, Child: 1 mg; Dose, Adult: 2 mg\nDrug: Iron; Dose, Adult: 3 mg",
    ]


def test_a_table_as_a_picture_is_named(tmp_path: Path) -> None:
    body = (
        "<table-wrap><label>Table 1</label><caption><p>Doses</p></caption>"
        "<alternatives><graphic/><graphic/></alternatives></table-wrap>"
    )
    document, blocks = read(tmp_path, body=body)
    assert [text for _, text in blocks] == ["Table 1. Doses", "[table as picture]"]
    assert document.left_out == {"tables as pictures": 1}


def test_rows_of_all_parts_of_a_table(tmp_path: Path) -> None:
    def row(*cells: str, tag: str = "td") -> str:
        return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"

    body = (
        f"<table-wrap><table><thead>{row('Drug', 'Dose', tag='th')}</thead>"
        f"<tfoot>{row('Zinc', '4 mg')}</tfoot><tbody>{row('Iron', '1 mg')}</tbody>"
        f"<tbody>{row('Tin', '<list><list-item><p>2 mg</p></list-item></list>')}</tbody></table>"
        f"<table>{row('Age', 'n', tag='th')}{row('6', '9')}</table></table-wrap>"
    )
    assert texts(tmp_path, body) == [
        "Drug: Iron; Dose: 1 mg\nDrug: Tin; Dose: • 2 mg\nDrug: Zinc; Dose: 4 mg",
        "Age: 6; n: 9",
    ]


def test_indented_rows_are_part_of_the_row_above(tmp_path: Path) -> None:
    def row(*cells: str) -> str:
        return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

    rows = [
        row("Age", "50"),
        row("Sex", ""),
        row("&#x2003;Male", "7"),
        row("&#x2003;Female", "8"),
        row("Fever, n (%)", "9"),
        row("&#x2003;High", "4"),
        row("Weight", "70"),
    ]
    body = (
        "<table-wrap><table><thead><tr><th>Trait</th><th>All</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></table-wrap>"
    )
    assert texts(tmp_path, body) == [
        "Trait: Age; All: 50\nSex; Trait: Male; All: 7\nSex; Trait: Female; All: 8\n"
        "Trait: Fever, n (%); All: 9\nFever, n (%); Trait: High; All: 4\nTrait: Weight; All: 70"
    ]


def test_an_impossible_span_costs_nothing(tmp_path: Path) -> None:
    body = (
        '<table-wrap><table><tr><td rowspan="999999" colspan="999999">a</td><td>b</td></tr>'
        "<tr><td>c</td></tr></table></table-wrap>"
    )
    (text,) = texts(tmp_path, body)
    assert "a" in text


# --- collections ------------------------------------------------------------------------------


def small(title: str, ids: str = "", text: str = "Text.") -> str:
    return (
        f"<article><front><article-meta>{ids}<title-group><article-title>{title}</article-title>"
        f"</title-group></article-meta></front><body><p>{text}</p></body></article>"
    )


PMC = '<article-id pub-id-type="pmc">PMC7</article-id>'
PMID = '<article-id pub-id-type="pmid">8</article-id>'
DOI = '<article-id pub-id-type="doi">10.5/x</article-id>'


@pytest.mark.parametrize("root", ["pmc-articleset", "articles", "OAI-PMH", "ListRecords"])
def test_each_article_of_a_collection_is_a_document(tmp_path: Path, root: str) -> None:
    articles = [small("A", PMC + PMID), small("B", PMID + DOI), small("C", DOI), small("D")]
    inside = "".join(f"<record><metadata>{one}</metadata></record>" for one in articles)
    path = tmp_path / "f.xml"
    path.write_text(f'<{root} xmlns="urn:any">{inside}</{root}>')
    found = []
    for document in read_documents(path, "dir/f.xml", CorpusConfig()):
        assert isinstance(document, Document), document
        found.append((document.id, document.title, [block.text for block in document.blocks]))
    assert found == [
        ("dir/f.xml#PMC7", "A", ["Text."]),
        ("dir/f.xml#8", "B", ["Text."]),
        ("dir/f.xml#10.5/x", "C", ["Text."]),
        ("dir/f.xml#4", "D", ["Text."]),
    ]


def test_a_broken_article_does_not_lose_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    path.write_text(f"<pmc-articleset>{small('A', PMC)}<article><body></article></pmc-articleset>")
    first, second = read_documents(path, "f.xml", CorpusConfig())
    assert isinstance(first, Document) and first.id == "f.xml#PMC7"
    assert isinstance(second, Rejected) and "malformed XML" in second.reason


def test_a_large_collection_takes_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    article = small("A", text="Text. " * 200)
    with path.open("w") as file:
        file.write("<OAI-PMH><ListRecords>")
        for _ in range(1_000):
            file.write(f"<record><header/><metadata>{article}</metadata></record>")
        file.write("</ListRecords></OAI-PMH>")
    tracemalloc.start()
    try:
        found = read_documents(path, "f.xml", CorpusConfig(max_document_mb=1))
        assert sum(1 for one in found if isinstance(one, Document) and list(one.blocks)) == 1_000
        assert tracemalloc.get_traced_memory()[1] < 600_000
    finally:
        tracemalloc.stop()


# --- status -----------------------------------------------------------------------------------


def status(
    folder: Path, kind: str, link: str, title: str = "A trial"
) -> tuple[set[Flag], dict[str, Any]]:
    xlink = 'xmlns:x="http://www.w3.org/1999/xlink" x:href="https://doi.org/10.5/n"'
    related = f'<related-article related-article-type="{link}" {xlink}/>' if link else ""
    path = folder / "f.nxml"
    body = "" if "only" in title else "<p>Text.</p>"
    path.write_text(
        f'<article article-type="{kind}"><front><article-meta><title-group><article-title>{title}'
        f"</article-title></title-group>{related}</article-meta></front><body>{body}</body>"
        "</article>"
    )
    (document,) = read_documents(path, "f.nxml", CorpusConfig())
    assert isinstance(document, Document), document
    assert [block.text for block in document.blocks]
    return document.flags, dict(document.metadata)


@pytest.mark.parametrize(
    ("kind", "link", "title", "flags"),
    [
        ("research-article", "retraction-forward", "A trial", {Flag.retracted}),
        ("research-article", "partial-retraction", "A trial", {Flag.retracted}),
        ("research-article", "correction-forward", "A trial", {Flag.corrected}),
        ("research-article", "Corrected_By", "A trial", {Flag.corrected}),
        ("research-article", "addendum", "A trial", {Flag.corrected}),
        ("research-article", "update", "A trial", {Flag.superseded}),
        ("research-article", "updated-article", "A trial", set()),
        ("research-article", "commentary", "A trial", set()),
        ("research-article", "", "RETRACTED: A trial", {Flag.retracted}),
        ("research-article", "", "Retracted article: a trial", {Flag.retracted}),
        ("research-article", "", "[Retracted] A trial", {Flag.retracted}),
        ("research-article", "", "Retracted nipples in the young", set()),
        ("retracted-article", "", "A trial", {Flag.retracted}),
        ("retraction", "retracted-article", "Retraction: A trial", set()),
        ("partial-retraction", "partial-retraction", "A notice", set()),
        ("retraction", "retracted-article", "Only a title: only", set()),
        ("correction", "corrected-article", "A notice", set()),
        ("expression-of-concern", "object-of-concern", "A notice", set()),
    ],
)
def test_the_status_of_an_article(
    tmp_path: Path, kind: str, link: str, title: str, flags: set[Flag]
) -> None:
    found, metadata = status(tmp_path, kind, link, title)
    assert found == flags
    assert metadata["article_type"] == kind
    kept = [{"type": link.lower().replace("_", "-"), "id": "10.5/n"}] if link else None
    assert metadata.get("related") == kept


# --- every element ----------------------------------------------------------------------------

READ = "read"  # in the text
META = "metadata"
IN_BODY = {
    READ: """
        p bold italic sub sup monospace overline underline roman sans-serif sc fixed-case
        styled-content named-content abbrev email ext-link uri institution institution-id milestone
        related-article related-object product mixed-citation nlm-citation
        price chem-struct textual-form code preformat disp-quote attrib boxed-text statement speech
        speaker verse-group verse-line caption list/list-item def-list/def-item/term
        def-list/def-item/def
        question-wrap question answer answer-set explanation option supplementary-material
        inline-supplementary-material media fn fn-group/fn notes/p ack/p app/p app-group/app/p
        glossary/p sec/p sec/title sec/label array/tbody/tr/td fig/caption fig/label fig/attrib
        inline-formula disp-formula disp-formula-group fig-group/caption table-wrap/label
        table-wrap/caption table-wrap/table/tr/td table-wrap/table/thead/tr/th table-wrap/attrib
        table-wrap/table-wrap-foot/fn table-wrap/table-wrap-foot/p table-wrap-group/caption
        chem-struct-wrap/caption boxed-text/caption/title floats-group/fig/label xref ruby/rb
        abbrev-journal-title x version date year month
        """,
    "deleted text": "strike",
    "references": "ref-list element-citation citation-alternatives",
    "descriptions of pictures": "alt-text long-desc",
    "licence texts": "permissions copyright-statement license",
    "author details": "contrib-group aff bio author-notes",
    "publication details": "sec-meta kwd-group subj-group object-id custom-meta-group",
    "index entries": "index-term",
    "phonetic guides": "ruby/rt ruby/rp",
    "funding": "funding-group support-group",
}
IN_FRONT = {
    READ: "abstract/p trans-abstract/p notes/p product supplementary-material",
    "author details": "aff author-notes contrib-group/contrib/role contrib-group/aff bio",
    "other titles": "title-group/alt-title title-group/trans-title-group",
    "licence texts": "permissions",
    "funding": "funding-group",
    "publication details": """
        article-categories volume volume-id volume-series issue issue-id issue-title issue-part isbn
        supplement fpage lpage page-range elocation-id email ext-link uri history pub-history
        self-uri conference counts custom-meta-group article-version article-version-alternatives
        """,
    META: "title-group/article-title title-group/subtitle kwd-group/kwd related-article",
}


def nested(path: str) -> str:
    """Return the elements of "outer/inner" around a word that is nowhere else."""
    tags = path.split("/")
    opened = "".join(f"<{tag}>" for tag in tags)
    return f"{opened}quokka{''.join(f'</{tag}>' for tag in reversed(tags))}"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [(tag, fate) for fate, tags in IN_BODY.items() for tag in tags.split()],
)
def test_each_element_of_a_body_is_read_or_counted(tmp_path: Path, tag: str, expected: str) -> None:
    element = nested(tag)
    for body in (f"<sec><title>T</title>{element}</sec>", f"<p>{element}</p>"):
        document, blocks = read(tmp_path, body=f"{body}<p>End.</p>")
        found = any("quokka" in text for _, text in blocks)
        assert found == (expected == READ), (body, blocks)
        assert list(document.left_out) == ([] if found else [expected])


@pytest.mark.parametrize(
    ("tag", "expected"),
    [(tag, fate) for fate, tags in IN_FRONT.items() for tag in tags.split()],
)
def test_each_element_of_front_matter_is_read_or_counted(
    tmp_path: Path, tag: str, expected: str
) -> None:
    path = tmp_path / "f.nxml"
    path.write_text(
        f"<article><front><article-meta>{nested(tag)}</article-meta></front><body><p>End.</p></body>"
        "</article>"
    )
    (document,) = read_documents(path, "f.nxml", CorpusConfig())
    assert isinstance(document, Document), document
    text = " ".join(block.text for block in document.blocks)
    assert ("quokka" in text) == (expected == READ)
    told = "quokka" in f"{document.title} {document.metadata}"
    assert told == (expected == META)
    assert list(document.left_out) == ([] if expected in (READ, META) else [expected])


def test_back_matter_and_articles_within_the_article(tmp_path: Path) -> None:
    path = tmp_path / "f.nxml"
    inner = "<front-stub><title-group><article-title>{}</article-title></title-group></front-stub>"
    path.write_text(
        "<article><front><article-meta><abstract><p>Short.</p></abstract>"
        '<trans-abstract xml:lang="fr"><p>Bref.</p></trans-abstract></article-meta></front>'
        "<body><sec><label>1</label><title>Aim</title><p>Body.</p></sec></body>"
        "<back><ack><p>Thanks.</p></ack><app-group><app><title>Appendix: doses</title>"
        "<p>300 mg.</p></app><app><p>Untitled.</p></app></app-group>"
        "<glossary><def-list><def-item><term>BP</term><def><p>pressure</p></def></def-item>"
        "</def-list></glossary><fn-group><fn><label>a</label><p>Note.</p></fn></fn-group>"
        "<sec><title>Data</title><p>Open.</p></sec></back>"
        "<floats-group><fig><label>Fig 1</label><caption><p>Toe.</p></caption></fig></floats-group>"
        f"<sub-article>{inner.format('Review')}<body><sec><title>Major</title><p>Fine.</p></sec>"
        f"</body></sub-article><response>{inner.format('Reply')}<body><p>Thanks too.</p></body>"
        "</response></article>"
    )
    (document,) = read_documents(path, "f.nxml", CorpusConfig())
    assert isinstance(document, Document), document
    assert [(block.section, block.text) for block in clean_blocks(document.blocks)] == [
        ("Abstract", "Short."),
        ("Abstract (fr)", "Bref."),
        ("1 Aim", "1 Aim"),
        ("1 Aim", "Body."),
        ("Acknowledgements", "Thanks."),
        ("Appendix: doses", "Appendix: doses"),
        ("Appendix: doses", "300 mg."),
        ("Appendix", "Untitled."),
        ("Glossary", "- BP: pressure"),
        ("", "[a] Note."),
        ("Data", "Data"),
        ("Data", "Open."),
        ("", "Fig 1. Toe."),
        ("Review", "Review"),
        ("Review > Major", "Major"),
        ("Review > Major", "Fine."),
        ("Reply", "Reply"),
        ("Reply", "Thanks too."),
    ]


def test_lists_keep_their_place_and_their_inner_lists(tmp_path: Path) -> None:
    body = (
        "<p>Give: <list><list-item><p>iron</p><list><list-item><p>5 mg</p></list-item></list>"
        "</list-item></list> Do not give: <list><list-item><p>zinc</p></list-item></list></p>"
    )
    assert texts(tmp_path, body) == ["Give:", "- iron\n- 5 mg", "Do not give:", "- zinc"]


def test_options_of_a_question_are_not_statements(tmp_path: Path) -> None:
    path = tmp_path / "f.nxml"
    path.write_text(
        "<article><front/><body><question-wrap><question><p>Which dose?</p><option><p>50 mg</p>"
        "</option></question><answer><p>5 mg</p></answer></question-wrap></body></article>"
    )
    (document,) = read_documents(path, "f.nxml", CorpusConfig())
    assert isinstance(document, Document), document
    assert [(block.text, block.kind) for block in clean_blocks(document.blocks)] == [
        ("Which dose?", BlockKind.question),
        ("50 mg", BlockKind.question),
        ("5 mg", BlockKind.text),
    ]


def test_comments_and_instructions_do_not_cut_a_word(tmp_path: Path) -> None:
    assert texts(tmp_path, "<p>1<!-- 9 -->0 m<?page 3?>g</p>") == ["10 mg"]


def test_hostile_text_takes_no_time(tmp_path: Path) -> None:
    signs = "<mml:mo>=</mml:mo><mml:mn>1</mml:mn>" * 20_000
    bodies = [
        f"<p>30{cited('1')}{' ' * 200_000}x</p>",
        f"<p>{cited('1')}{' , ' * 100_000}x{cited('2')}</p>",
        f"<p>{'[' * 100_000}{cited('1')}</p>",
        f"<p>{cited('1,' * 100_000 + '!')}</p>",
        f"<p>5<sup>{cited('1')}{'1,' * 100_000}!</sup></p>",
        f"<p><inline-formula><mml:math>{signs}</mml:math></inline-formula></p>",
        f"<table-wrap><table>{'<tr><td/><td/></tr>' * 20_000}</table></table-wrap><p>x</p>",
    ]
    for body in bodies:
        start = time.process_time()
        texts(tmp_path, body)
        assert time.process_time() - start < 3, body[:80]
