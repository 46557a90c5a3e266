"""Word files through `read_documents`, built from XML as Word writes it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import docx
import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Block, Document, Rejected

NAMESPACES = (
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
)


def word_file(path: Path, body: str, *, properties: bool = True) -> Path:
    """Write a file with the given XML as its body, with or without properties."""
    docx.Document().save(str(path))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    xml = parts["word/document.xml"].decode()
    xml = re.sub("<w:body>.*</w:body>", lambda _: f"<w:body>{body}</w:body>", xml, flags=re.DOTALL)
    for namespace in re.findall(r'xmlns:\w+="[^"]+" ', NAMESPACES):
        xml = (
            xml
            if namespace.split("=")[0] in xml
            else xml.replace("<w:document ", f"<w:document {namespace}")
        )
    parts["word/document.xml"] = xml.encode()
    if not properties:
        del parts["docProps/core.xml"]
        relations = parts["_rels/.rels"]
        parts["_rels/.rels"] = re.sub(rb"<Relationship [^>]*core-properties[^>]*/>", b"", relations)
        types = parts["[Content_Types].xml"]
        parts["[Content_Types].xml"] = re.sub(rb"<Override [^>]*core\.xml[^>]*/>", b"", types)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def read(path: Path) -> tuple[Document, list[Block]]:
    """Read the file as a build does, with its blocks cleaned."""
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert not isinstance(document, Rejected), document
    return document, list(clean_blocks(document.blocks))


def texts(tmp_path: Path, body: str) -> list[str]:
    return [block.text for block in read(word_file(tmp_path / "f.docx", body))[1]]


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content: str, style: str = "") -> str:
    content = content if "<" in content else run(content)
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{content}</w:p>'


def cell(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


def table(*rows: list[str]) -> str:
    lines = "".join(f"<w:tr>{''.join(row)}</w:tr>" for row in rows)
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{lines}</w:tbl>"


RAISED = '<w:vertAlign w:val="superscript"/>'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"{run('not ')}<w:ins>{run('more than ')}</w:ins>{run('5 mg')}", "not more than 5 mg"),
        (f"{run('give ')}<w:del>{run('no ')}</w:del>{run('5 mg')}", "give 5 mg"),
        (f"<w:moveFrom>{run('a')}</w:moveFrom><w:moveTo>{run('b')}</w:moveTo>", "b"),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{run('control')}</w:sdtContent></w:sdt>", "control"),
        (
            f"{run('a')}<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>"
            f"{run('Click here')}</w:sdtContent></w:sdt>",
            "a",
        ),
        (f'<w:fldSimple w:instr="REF x">{run("field")}</w:fldSimple>', "field"),
        (f"<w:r><w:instrText>REF x</w:instrText></w:r>{run('Table 1')}", "Table 1"),
        (f"<w:smartTag>{run('smart')}</w:smartTag>", "smart"),
        (f"<w:hyperlink>{run('link')}</w:hyperlink>", "link"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:noBreakHyphen/><w:t>c</w:t></w:r>", "a b-c"),
        ('<w:r><w:t>a</w:t><w:br w:type="page"/><w:t>b</w:t><w:cr/><w:t>c</w:t></w:r>', "a\nb\nc"),
        (f"{run('a')}{run(' ')}{run('b')}", "a b"),
        (
            "<mc:AlternateContent><mc:Choice Requires='wps'>" + run("new") + "</mc:Choice>"
            "<mc:Fallback>" + run("old") + "</mc:Fallback></mc:AlternateContent>",
            "new",
        ),
        (
            "<mc:AlternateContent><mc:Choice Requires='wps'><w:r/></mc:Choice>"
            "<mc:Fallback>" + run("old") + "</mc:Fallback></mc:AlternateContent>",
            "old",
        ),
    ],
)
def test_elements_around_text_do_not_hide_it(tmp_path: Path, content: str, text: str) -> None:
    assert texts(tmp_path, paragraph(content)) == [text]


@pytest.mark.parametrize(
    ("sign", "character"),
    [
        ('w:font="Symbol" w:char="F0B3"', "≥"),
        ('w:font="Symbol" w:char="00A3"', "≤"),
        ('w:font="Symbol" w:char="F062"', "β"),
        ('w:font="Wingdings" w:char="F0E0"', "→"),
        ('w:font="Arial" w:char="2265"', "≥"),
        ('w:font="Webdings" w:char="F0B3"', "\ufffd"),
        ('w:font="Symbol" w:char="oops"', "\ufffd"),
    ],
)
def test_symbols_are_read(tmp_path: Path, sign: str, character: str) -> None:
    body = paragraph(f"{run('SBP ')}<w:r><w:sym {sign}/></w:r>{run('140')}")
    assert texts(tmp_path, body) == [f"SBP {character}140"]


def test_symbols_typed_in_the_symbol_font_are_read(tmp_path: Path) -> None:
    fonts = '<w:rFonts w:ascii="{}"/>'
    body = (
        run("\uf0b1", fonts.format("Symbol")) + run("5 ") + run("\uf0e0", fonts.format("Wingdings"))
    )
    assert texts(tmp_path, paragraph(body)) == ["±5 →"]


def test_superscripts_do_not_change_numbers(tmp_path: Path) -> None:
    parts = [("10", ""), ("-", RAISED), ("9", RAISED), ("/L in a trial", ""), ("3", RAISED)]
    body = "".join(run(text, properties) for text, properties in parts)
    assert texts(tmp_path, paragraph(body)) == ["10^-9/L in a trial 3"]


def test_formulas_keep_their_meaning(tmp_path: Path) -> None:
    def r(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    fraction = (
        f"<m:f><m:num><m:d><m:dPr/><m:e>{r('140')}{r('-')}{r('age')}</m:e></m:d>{r('×w')}</m:num>"
        f"<m:den>{r('72')}</m:den></m:f>"
    )
    power = f"<m:sSup><m:e>{r('h')}</m:e><m:sup>{r('2')}</m:sup></m:sSup>"
    root = f"<m:rad><m:deg/><m:e>{r('x')}</m:e></m:rad>"
    math = f"<m:oMath>{r('C=')}{fraction}{r('+')}{power}{r('+')}{root}</m:oMath>"
    expected = "C=((140-age)×w)/72+h^2+√(x)"
    assert texts(tmp_path, paragraph(math)) == [expected]
    assert texts(tmp_path, f"<m:oMathPara>{math}</m:oMathPara>") == [expected]


def test_text_boxes_come_after_their_paragraph(tmp_path: Path) -> None:
    box = (
        "<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wps:txbx><w:txbxContent>"
        + paragraph("Never IT.")
        + "</w:txbxContent></wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent>"
        + paragraph("Never IT.")
        + "</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    assert texts(tmp_path, paragraph(run("Vin") + box + run("cristine"))) == [
        "Vincristine",
        "Never IT.",
    ]


def test_content_controls_around_paragraphs_and_cells(tmp_path: Path) -> None:
    control = "<w:sdt><w:sdtPr/><w:sdtContent>{}</w:sdtContent></w:sdt>".format
    row = [cell(paragraph("a")), control(cell(paragraph("b")))]
    body = control(paragraph("Care", "Heading2") + paragraph("inside")) + control(table(row))
    blocks = read(word_file(tmp_path / "f.docx", paragraph("T", "Title") + body))[1]
    assert [(block.section, block.text) for block in blocks] == [
        ("Care", "Care"),
        ("Care", "inside"),
        ("Care", "a; b"),
    ]


def test_the_table_of_contents_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "f.docx"
    styles = '<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>'
    word_file(path, paragraph("Care 3", "TOC1") + paragraph("Text."))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["word/styles.xml"].replace(b"</w:styles>", f"{styles}</w:styles>".encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**parts, "word/styles.xml": sheet}.items():
            archive.writestr(name, data)
    assert [block.text for block in read(path)[1]] == ["Text."]


def test_nested_tables_keep_their_rows(tmp_path: Path) -> None:
    inner = table([cell(paragraph("adult")), cell(paragraph("5 mg"))])
    body = table(
        [cell(paragraph("Drug")), cell(paragraph("Detail"))],
        [cell(paragraph("Warfarin")), cell(paragraph("see") + inner + paragraph("after"))],
        [cell(paragraph("Aspirin")), cell(paragraph("none"))],
    )
    expected = "Drug; Detail\nWarfarin; see adult; 5 mg after\nAspirin; none"
    assert texts(tmp_path, body) == [expected]


def test_cells_merged_downwards(tmp_path: Path) -> None:
    merged = '<w:vMerge w:val="restart"/>'
    rows = [
        [cell(paragraph("NSAID"), merged), cell(paragraph("naproxen"))],
        *([cell("<w:p/>", "<w:vMerge/>"), cell(paragraph(f"drug {n}"))] for n in range(1500)),
    ]
    lines = "\n".join(texts(tmp_path, table(*rows))).splitlines()
    assert lines[:2] == ["NSAID; naproxen", "NSAID; drug 0"]
    assert len(lines) == 1501
    # A cell that continues none, and a long one, which is cut where it is repeated.
    assert texts(tmp_path, table([cell(paragraph("x"), "<w:vMerge/>")])) == ["x"]
    rows[0][0] = cell(paragraph("long " * 1000), merged)
    assert all(len(line) < 300 for line in texts(tmp_path, table(*rows))[-1].splitlines())


def test_deeply_nested_tables_are_read(tmp_path: Path) -> None:
    body = paragraph("deep")
    for _ in range(80):
        body = table([cell(body)])
    assert texts(tmp_path, paragraph("Intro.") + body) == ["Intro.", "deep"]


def test_a_long_heading_keeps_its_end(tmp_path: Path) -> None:
    heading = "Long " + "word " * 100 + "END."
    body = paragraph("T", "Title") + paragraph(heading, "Heading2") + paragraph("after")
    first, after = read(word_file(tmp_path / "f.docx", body))[1]
    assert first.text == heading
    assert after.section.startswith("Long word") and len(after.section) <= 121
    # The title is cut, so the body has it in full, but not as a section.
    body = paragraph(heading, "Title") + paragraph("after")
    document, blocks = read(word_file(tmp_path / "f.docx", body))
    assert document.title.endswith("word…")
    assert [(block.section, block.text) for block in blocks] == [("", heading), ("", "after")]


def test_a_file_without_properties_has_the_title_it_shows(tmp_path: Path) -> None:
    path = word_file(
        tmp_path / "f.docx", paragraph("Gout", "Title") + paragraph("x"), properties=False
    )
    document, blocks = read(path)
    assert document.title == "Gout"
    assert [block.text for block in blocks] == ["x"]
