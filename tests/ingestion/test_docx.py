"""Word files through `read_documents`, built from XML as Word writes it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import docx
import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Block, BlockKind, Document, Flag, Rejected

MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
NAMESPACES = (
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
)


def word_file(
    path: Path,
    body: str,
    *,
    properties: bool = True,
    styles: str = "",
    parts_of: dict[str, str] | None = None,
) -> Path:
    """Write a file with the given XML as its body.

    Args:
        properties: whether it has a title and an author.
        styles: XML of more styles.
        parts_of: XML inside the root of more parts, by their kind: "footnotes", "header".
    """
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
    sheet = parts["word/styles.xml"].decode()
    parts["word/styles.xml"] = sheet.replace("</w:styles>", f"{styles}</w:styles>").encode()
    for kind, xml in (parts_of or {}).items():
        root = {"header": "hdr", "footer": "ftr"}.get(kind, kind)
        xml = f'<w:{root} xmlns:w="{MAIN}">{xml}</w:{root}>'
        parts[f"word/{kind}.xml"] = xml.encode()
        relation = (
            f'<Relationship Id="x{kind}" Target="{kind}.xml" Type="http://schemas.openxmlformats.org'
            f'/officeDocument/2006/relationships/{kind}"/></Relationships>'
        )
        relations = parts["word/_rels/document.xml.rels"].decode()
        relations = relations.replace("</Relationships>", relation)
        parts["word/_rels/document.xml.rels"] = relations.encode()
        override = (
            f'<Override PartName="/word/{kind}.xml" ContentType="application/vnd.openxmlformats-'
            f'officedocument.wordprocessingml.{kind}+xml"/></Types>'
        )
        types = parts["[Content_Types].xml"].decode().replace("</Types>", override)
        parts["[Content_Types].xml"] = types.encode()
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


def texts(tmp_path: Path, body: str, **more: Any) -> list[str]:
    return [block.text for block in read(word_file(tmp_path / "f.docx", body, **more))[1]]


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
    styles = '<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>'
    body = paragraph("Care 3", "TOC1") + paragraph("Text.")
    assert texts(tmp_path, body, styles=styles) == ["Text."]


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


def field(code: str, result: str) -> str:
    """Return a field as Word writes most of them: in runs that start, part and end it."""
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f"<w:r><w:instrText>{code}</w:instrText></w:r>"
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{result}'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def control(content: str, properties: str = "") -> str:
    return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def drawing(content: str) -> str:
    return f"<w:r><w:drawing><wp:inline>{content}</wp:inline></w:drawing></w:r>"


WORD = run("Word")
BOX = f"<w:txbxContent>{paragraph('Word')}</w:txbxContent>"
DELETED_WORD = "<w:del><w:r><w:delText>Word</w:delText></w:r></w:del>"


@pytest.mark.parametrize(
    "content",
    [
        WORD,
        f"<w:ins>{WORD}</w:ins>",
        f"<w:moveTo>{WORD}</w:moveTo>",
        f'<w:hyperlink w:anchor="x">{WORD}</w:hyperlink>',
        f'<w:smartTag w:element="x"><w:smartTagPr/>{WORD}</w:smartTag>',
        f'<w:customXml w:element="x"><w:customXmlPr/>{WORD}</w:customXml>',
        f'<w:dir w:val="rtl">{WORD}</w:dir>',
        f'<w:bdo w:val="rtl">{WORD}</w:bdo>',
        control(WORD),
        control(control(WORD)),
        f'<w:fldSimple w:instr=" REF x ">{WORD}</w:fldSimple>',
        field("REF x", WORD),
        field("HYPERLINK x", field("REF y", WORD)),
        f"<w:r><w:ruby><w:rubyBase>{WORD}</w:rubyBase></w:ruby></w:r>",
        "<w:r><w:t>W</w:t><w:softHyphen/><w:t>or</w:t><w:lastRenderedPageBreak/><w:t>d</w:t></w:r>",
        run("Word", "<w:webHidden/>"),
        run("Word", '<w:vanish w:val="0"/><w:strike w:val="false"/><w:caps/>'),
        run("Word", '<w:color w:val="FFFFFF"/><w:highlight w:val="black"/>'),
        run("Word", '<w:color w:val="FFFFFF"/><w:shd w:val="clear" w:fill="000000"/>'),
        run("Word", '<w:color w:val="auto"/><w:sz w:val="3"/>'),
        run("Word", "<w:rPrChange><w:rPr><w:vanish/></w:rPr></w:rPrChange>"),
        "<m:oMath><m:r><m:t>Word</m:t></m:r></m:oMath>",
        "<m:oMath><m:box><m:e><m:r><m:t>Word</m:t></m:r></m:e></m:box></m:oMath>",
        f"<w:r><w:pict><v:shape><v:textbox>{BOX}</v:textbox></v:shape></w:pict></w:r>",
        '<w:r><w:pict><v:shape><v:textpath string="Word"/></v:shape></w:pict></w:r>',
        f"<w:r><w:object><v:shape><v:textbox>{BOX}</v:textbox></v:shape></w:object></w:r>",
        drawing(f"<wps:txbx>{BOX}</wps:txbx>"),
        drawing("<a:txBody><a:p><a:r><a:t>Word</a:t></a:r></a:p></a:txBody>"),
    ],
)
def test_every_element_with_text_is_read(tmp_path: Path, content: str) -> None:
    document, blocks = read(word_file(tmp_path / "f.docx", paragraph(run("One. ") + content)))
    assert " ".join(block.text for block in blocks) == "One. Word"
    assert not document.left_out and not document.flags


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (DELETED_WORD, "deleted text"),
        (f"<w:ins>{DELETED_WORD}</w:ins>", "deleted text"),
        (f"<w:moveFrom>{WORD}</w:moveFrom>", "deleted text"),
        (run("Word", "<w:strike/>"), "deleted text"),
        (run("Word", "<w:dstrike/>"), "deleted text"),
        (run("Word", "<w:vanish/>"), "hidden text"),
        (run("Word", "<w:vanish/><w:strike/>"), "hidden text"),
        (run("Word", '<w:sz w:val="2"/>'), "hidden text"),
        (run("Word", '<w:color w:val="FEFEFE"/>'), "hidden text"),
        (
            run("Word", '<w:color w:val="FFFFFF"/><w:shd w:val="clear" w:fill="FFFFFF"/>'),
            "hidden text",
        ),
        (
            '<m:oMath><m:phant><m:phantPr><m:show m:val="0"/></m:phantPr><m:e><m:r><m:t>Word</m:t>'
            "</m:r></m:e></m:phant></m:oMath>",
            "hidden text",
        ),
        (f"<w:r><w:ruby><w:rt>{WORD}</w:rt></w:ruby></w:r>", "phonetic guides"),
        ("<w:r><w:pgNum/></w:r>", "page furniture"),
        *(
            (f"<w:r><w:{length}/></w:r>", "dates that the program fills in")
            for length in (
                "dayShort",
                "dayLong",
                "monthShort",
                "monthLong",
                "yearShort",
                "yearLong",
            )
        ),
        ('<w:r><w:commentReference w:id="1"/></w:r>', "comments"),
        ("<w:subDoc/>", "embedded documents"),
        ("<w:r><w:object><o:OLEObject/></w:object></w:r>", "embedded objects"),
        (drawing("<c:chart/>"), "charts"),
        (drawing("<dgm:relIds/>"), "diagrams"),
        (control(WORD, "<w:showingPlcHdr/>"), "empty fields"),
        (field(r"EQ \f(1,2)", ""), "formulas"),
    ],
)
def test_what_is_left_out_is_counted(tmp_path: Path, content: str, reason: str) -> None:
    document, blocks = read(word_file(tmp_path / "f.docx", paragraph(run("One.") + content)))
    assert [block.text for block in blocks] == ["One."]
    assert document.left_out == {reason: 1}
    assert document.flags == ({Flag.hidden_text} if reason == "hidden text" else set())


def test_field_codes_and_properties_are_no_text(tmp_path: Path) -> None:
    body = (
        field("IF 1 = 1", run("yes"))
        + field("XE hidden", "")
        + '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>IF </w:instrText></w:r>'
        + field("MERGEFIELD x", run("condition"))
        + '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
        + run(" then")
        + '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    assert texts(tmp_path, paragraph(body)) == ["yes then"]
    # A code that never ends hides nothing of the next paragraph.
    start = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
    assert texts(tmp_path, paragraph(run("a") + start) + paragraph("b")) == ["a", "b"]


def test_fields_that_show_something_without_a_result(tmp_path: Path) -> None:
    def form(data: str) -> str:
        return (
            f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{data}</w:ffData></w:fldChar></w:r>'
            '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )

    body = (
        field(r"SYMBOL 179 \f Symbol \s 12", "")
        + run("5 ")
        + form('<w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox>')
        + form("<w:checkBox><w:default w:val='0'/></w:checkBox>")
        + form(
            '<w:ddList><w:result w:val="1"/><w:listEntry w:val="a"/><w:listEntry w:val="b"/>'
            "</w:ddList>"
        )
    )
    assert texts(tmp_path, paragraph(body)) == ["≥5 ☒☐b"]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("[12]", "below 30."),
        ("[3, 5–7]", "below 30."),
        ("(Smith 2010)", "below 30 (Smith 2010)."),
        ("(2010)", "below 30 (2010)."),
    ],
)
def test_numbers_of_references_are_left_out(tmp_path: Path, result: str, text: str) -> None:
    for content in (
        field(" ADDIN ZOTERO_ITEM CSL_CITATION {}", run(result)),
        field(" ADDIN EN.CITE x", field("ADDIN EN.CITE.DATA", "") + run(result)),
        f'<w:fldSimple w:instr=" CITATION Smi10 ">{run(result)}</w:fldSimple>',
        control(run(result), "<w:citation/>"),
        control(run(result), '<w:tag w:val="MENDELEY_CITATION_v3_x"/>'),
        f'<w:hyperlink w:anchor="_ENREF_12">{run(result)}</w:hyperlink>',
    ):
        body = paragraph(run("below 30 ") + content + run("."))
        document, (block,) = read(word_file(tmp_path / "f.docx", body))
        assert block.text == text
        assert document.left_out == ({} if "2010" in result else {"reference marks": 1})
    raised = field("ADDIN ZOTERO_ITEM x", run("12", RAISED))
    assert texts(tmp_path, paragraph(run("30") + raised + run(" mg"))) == ["30 mg"]


def test_tracked_changes_are_exact_and_struck_words_do_not_run_together(tmp_path: Path) -> None:
    cut = "<w:del><w:r><w:delText>{}</w:delText></w:r></w:del>".format
    for content, text in [
        (run("Give ") + cut("50") + f"<w:ins>{run('5')}</w:ins>" + run(" mg"), "Give 5 mg"),
        (run("hyper") + cut("tension") + run("kalaemia"), "hyperkalaemia"),
        (run("Give") + run(" 50 ", "<w:strike/>") + run("5 mg"), "Give 5 mg"),
        (run("Give 5") + run("0", "<w:strike/>") + run(" mg"), "Give 5 mg"),
        (run("5") + run("x", "<w:vanish/>") + run("0 mg"), "50 mg"),
    ]:
        assert texts(tmp_path, paragraph(content)) == [text]


@pytest.mark.parametrize("mark", ["del", "moveFrom", "vanish"])
def test_a_paragraph_whose_end_is_deleted_goes_on_in_the_next(tmp_path: Path, mark: str) -> None:
    first = f"<w:p><w:pPr><w:rPr><w:{mark}/></w:rPr></w:pPr>{run('Give 5')}</w:p>"
    assert texts(tmp_path, first + paragraph("0 mg")) == ["Give 50 mg"]
    assert texts(tmp_path, first) == ["Give 5"]
    gone = f"<w:p><w:pPr><w:rPr><w:{mark}/></w:rPr></w:pPr>{DELETED_WORD}</w:p>"
    document, blocks = read(word_file(tmp_path / "f.docx", gone + paragraph("Rest.")))
    assert ([block.text for block in blocks], document.left_out["deleted text"]) == (["Rest."], 1)


def style(name: str, kind: str, properties: str, based: str = "") -> str:
    return (
        f'<w:style w:type="{kind}" w:styleId="{name}"><w:name w:val="{name}"/>'
        f'<w:basedOn w:val="{based}"/><w:rPr>{properties}</w:rPr></w:style>'
    )


def test_styles_hide_text(tmp_path: Path) -> None:
    styles = (
        style("Gone", "paragraph", "<w:vanish/>", "Later")
        + style("Below", "paragraph", '<w:color w:val="FF0000"/>', "Gone")
        + style("Back", "paragraph", '<w:vanish w:val="0"/>', "Gone")
        + style("Secret", "character", "<w:vanish/>")
        + style("Cut", "character", "<w:strike/>", "Cut")  # based on itself
        + style("Power", "character", RAISED)
    )
    secret, cut, power = (f'<w:rStyle w:val="{name}"/>' for name in ("Secret", "Cut", "Power"))
    body = (
        paragraph("not one", "Gone")
        + paragraph("not two", "Below")
        + paragraph("One", "Back")
        + paragraph(run("Two") + run(" not three", secret) + run(" not four", cut))
        + paragraph(run("Three", secret + '<w:vanish w:val="0"/>') + run(" 10") + run("9", power))
        + paragraph(run("Four", secret), "Gone")  # two styles that hide cancel each other
    )
    document, blocks = read(word_file(tmp_path / "f.docx", body, styles=styles))
    assert [block.text for block in blocks] == ["One", "Two", "Three 10^9", "Four"]
    assert document.left_out == {"hidden text": 3, "deleted text": 1}


def test_white_text_is_kept_where_there_may_be_a_colour_behind_it(tmp_path: Path) -> None:
    white = run("white", '<w:color w:val="FFFFFF"/>')
    black = '<w:shd w:val="clear" w:fill="1F3864"/>'
    styles = (
        '<w:style w:type="table" w:styleId="Dark"><w:name w:val="Dark"/><w:tblStylePr '
        f'w:type="firstRow"><w:tcPr>{black}</w:tcPr></w:tblStylePr></w:style>'
    )
    row = [cell(paragraph(white)), cell(paragraph("x"))]
    shaded_cell = table([cell(paragraph(white), black), cell(paragraph("x"))])
    styled = table(row).replace("<w:tblPr/>", '<w:tblPr><w:tblStyle w:val="Dark"/></w:tblPr>')
    shaded = table(row).replace("<w:tblPr/>", f"<w:tblPr>{black}</w:tblPr>")
    picture = '<w:p><w:r><w:drawing><wp:anchor behindDoc="1"/></w:drawing></w:r></w:p>'
    for body in (
        shaded_cell,
        styled,
        shaded,
        f"<w:p><w:pPr>{black}</w:pPr>{white}</w:p>",
        picture + paragraph(white),
        paragraph(
            drawing(f"<wps:txbx><w:txbxContent>{paragraph(white)}</w:txbxContent></wps:txbx>")
        ),
    ):
        assert "white" in texts(tmp_path, body, styles=styles)[0]
    document, blocks = read(word_file(tmp_path / "f.docx", table(row)))
    assert ([block.text for block in blocks], document.left_out) == (["x"], {"hidden text": 1})


def test_notes_follow_what_refers_to_them_with_their_marks(tmp_path: Path) -> None:
    def note(kind: str, number: int, text: str, ref: bool = True) -> str:
        own = f"<w:r><w:{kind}Ref/></w:r>" if ref else ""
        return f'<w:{kind} w:id="{number}">{paragraph(own + run(text))}</w:{kind}>'

    def mark(kind: str, number: int, more: str = "") -> str:
        return f'<w:r><w:rPr>{RAISED}</w:rPr><w:{kind}Reference w:id="{number}"/>{more}</w:r>'

    custom = mark("footnote", 4, "<w:t>*</w:t>").replace(
        "<w:footnoteReference ", '<w:footnoteReference w:customMarkFollows="1" '
    )
    body = (
        paragraph(run("Give 5") + mark("footnote", 2) + run(" mg") + mark("endnote", 1) + run("."))
        + table(
            [cell(paragraph("Drug")), cell(paragraph("Dose"))],
            [cell(paragraph("A")), cell(paragraph(run("10") + mark("footnote", 3) + run("mg")))],
        )
        + paragraph(run("Take 7") + custom + run(" mg."))
        + paragraph(f"<w:del>{mark('footnote', 5)}</w:del>{run('End.')}")
    )
    notes = (
        '<w:footnote w:type="separator" w:id="0"><w:p><w:r><w:separator/></w:r></w:p></w:footnote>'
        + note("footnote", 2, "Not in renal failure.")
        + note("footnote", 3, "By mouth.", ref=False)
        + f'<w:footnote w:id="4">{paragraph(run("*", RAISED) + run("At night."))}</w:footnote>'
        + note("footnote", 5, "Never.")
    )
    path = word_file(
        tmp_path / "f.docx",
        body,
        parts_of={"footnotes": notes, "endnotes": note("endnote", 1, "See below.")},
    )
    assert [block.text for block in read(path)[1]] == [
        "Give 5 [1] mg [i].",
        "[1] Not in renal failure.",
        "[i] See below.",
        "Drug: A; Dose: 10 [2] mg",
        "[2] By mouth.",
        "Take 7 [*] mg.",
        "[*] At night.",
        "End.",
    ]


def test_page_furniture_is_counted(tmp_path: Path) -> None:
    parts = {"header": paragraph("Clinic"), "footer": "<w:p/>"}
    document, _ = read(word_file(tmp_path / "f.docx", paragraph("x"), parts_of=parts))
    assert document.left_out == {"page furniture": 1}


def test_raised_letters_are_marks_and_raised_numbers_are_powers(tmp_path: Path) -> None:
    def raised(before: str, mark: str, after: str) -> str:
        return run(before) + run(mark, RAISED) + run(after)

    for content, text in [
        (raised("5", "a", " mmol"), "5 [a] mmol"),
        (raised("5", "a, b", "mmol"), "5 [a, b] mmol"),
        (raised("Dose", "†", ""), "Dose [†]"),
        (raised("Dose", "c", ""), "Dose [c]"),
        (raised("10", "9", "/L"), "10^9/L"),
        (raised("kg/m", "2", ""), "kg/m2"),
    ]:
        assert texts(tmp_path, table([cell(paragraph(content)), cell("<w:p/>")])) == [text]
    assert texts(tmp_path, paragraph(run("a", RAISED) + run("Not in children."))) == [
        "[a] Not in children."
    ]
    assert texts(tmp_path, paragraph(raised("on the 1", "st", " day"))) == ["on the 1st day"]
    half = (
        run("2")
        + run("1", RAISED)
        + run("/")
        + run("2", RAISED.replace("superscript", "subscript"))
        + run(" tablets")
    )
    assert texts(tmp_path, paragraph(half)) == ["2 1/2 tablets"]
    lifted = '<w:position w:val="6"/>'
    assert texts(tmp_path, paragraph(run("10") + run("9", lifted))) == ["10^9"]


def words(*texts: str, properties: str = "") -> list[str]:
    return [cell(paragraph(run(text, properties))) for text in texts]


def rows_of(tmp_path: Path, body: str, **more: Any) -> list[str]:
    blocks = read(word_file(tmp_path / "f.docx", body, **more))[1]
    return [line for b in blocks if b.kind == BlockKind.table for line in b.text.splitlines()]


def test_rows_name_their_columns(tmp_path: Path) -> None:
    body = table(words("Weight", "Dose"), words("5–10 kg", "125 mg"), words("over 10 kg", "250 mg"))
    assert rows_of(tmp_path, body) == [
        "Weight: 5–10 kg; Dose: 125 mg",
        "Weight: over 10 kg; Dose: 250 mg",
    ]
    bold = table(words("2019", "2020", properties="<w:b/>"), words("5", "6"))
    assert rows_of(tmp_path, bold) == ["2019: 5; 2020: 6"]
    across = table(words("Drug", "5–10 kg", "11–20 kg"), words("Amoxicillin", "125 mg", "250 mg"))
    assert rows_of(tmp_path, across) == ["Drug: Amoxicillin; 5–10 kg: 125 mg; 11–20 kg: 250 mg"]
    marked = table(words("a1", "b1"), words("1", "2"), words("3", "4"))
    marked = marked.replace("<w:tr>", "<w:tr><w:trPr><w:tblHeader/></w:trPr>", 1)
    assert rows_of(tmp_path, marked) == ["a1: 1; b1: 2", "a1: 3; b1: 4"]
    look = '<w:tblPr><w:tblLook w:val="04A0"/></w:tblPr>'
    plain = table(
        words("Drug", "Route", "When"), words("A", "oral", "noon"), words("B", "IV", "night")
    )
    assert rows_of(tmp_path, plain)[0] == "Drug; Route; When"
    assert rows_of(tmp_path, plain.replace("<w:tblPr/>", look)) == [
        "Drug: A; Route: oral; When: noon",
        "Drug: B; Route: IV; When: night",
    ]
    names = table(
        words("Drug", properties="<w:b/>") + words("warfarin"),
        words("Route", properties="<w:b/>") + words("by mouth"),
    )
    assert rows_of(tmp_path, names) == ["Drug: warfarin", "Route: by mouth"]


def test_a_header_of_two_levels(tmp_path: Path) -> None:
    top = [
        cell(paragraph("Age"), '<w:vMerge w:val="restart"/>'),
        cell(paragraph("Dose"), '<w:gridSpan w:val="2"/>'),
    ]
    second = [cell("<w:p/>", "<w:vMerge/>"), *words("Oral", "Rectal")]
    body = table(top, second, words("1 year", "5", "10"), words("Adult", "–", "20"))
    expected = [
        "Age: 1 year; Dose, Oral: 5; Dose, Rectal: 10",
        "Age: Adult; Dose, Oral: –; Dose, Rectal: 20",
    ]
    assert rows_of(tmp_path, body) == expected
    marked = body.replace("<w:tr>", "<w:tr><w:trPr><w:tblHeader/></w:trPr>", 2)
    assert rows_of(tmp_path, marked) == expected


def test_merged_shifted_and_old_cells(tmp_path: Path) -> None:
    restart = '<w:hMerge w:val="restart"/>'
    body = table(
        words("Drug", "Day", "Night"),
        [*words("A"), cell(paragraph("5 mg"), restart), cell("<w:p/>", "<w:hMerge/>")],
        words("9 mg"),
        [cell(paragraph("B"), '<w:gridSpan w:val="2"/>'), *words("7 mg")],
    ).replace(
        f"<w:tr>{words('9 mg')[0]}",
        '<w:tr><w:trPr><w:gridBefore w:val="2"/></w:trPr>' + words("9 mg")[0],
    )
    assert rows_of(tmp_path, body) == [
        "Drug: A; Day / Night: 5 mg",
        "Night: 9 mg",
        "Drug / Day: B; Night: 7 mg",
    ]


def test_deleted_and_hidden_rows_and_cells(tmp_path: Path) -> None:
    def changed(row: list[str], change: str) -> list[str]:
        return [f"<w:trPr>{change}</w:trPr>", *row]

    gone = "<w:cellDel/>"
    body = table(
        [*words("Weight", "Dose"), cell(paragraph("Old"), gone)],
        changed(words("5 kg", "5 mg"), "<w:del/>"),
        changed(words("6 kg", "6 mg"), "<w:hidden/>"),
        changed([*words("7 kg", "7 mg"), cell(paragraph("70 mg"), gone)], "<w:ins/>"),
        [*words("8 kg"), cell(paragraph("8 mg"), "<w:cellIns/>")],
    )
    document, (block,) = read(word_file(tmp_path / "f.docx", body))
    assert block.text == "Weight: 7 kg; Dose: 7 mg\nWeight: 8 kg; Dose: 8 mg"
    assert document.left_out == {"deleted text": 3, "hidden text": 1}
    merge = '<w:cellMerge w:vMerge="{}"/>'.format
    body = table(
        words("Drug", "Dose"),
        [cell(paragraph("A"), merge("rest")), *words("1 mg")],
        [cell("<w:p/>", merge("cont")), *words("2 mg")],
    )
    assert rows_of(tmp_path, body) == ["Drug: A; Dose: 1 mg", "Drug: A; Dose: 2 mg"]


CAPTION = '<w:style w:type="paragraph" w:styleId="Cap"><w:name w:val="caption"/></w:style>'


def test_a_row_of_one_cell_without_rows_below_is_kept(tmp_path: Path) -> None:
    def across(text: str) -> list[str]:
        return [cell(paragraph(text), '<w:gridSpan w:val="2"/>')]

    body = table(
        words("Drug", "Dose"), across("Adults"), across("Oral"), words("A", "1 mg"), across("Note.")
    )
    assert rows_of(tmp_path, body) == ["Adults", "Oral; Drug: A; Dose: 1 mg", "Note."]


def test_captions_go_with_their_tables(tmp_path: Path) -> None:
    def small(value: str) -> str:
        return table(words("Drug", "Dose"), words("A", value))

    def found(body: str) -> list[tuple[str, str]]:
        blocks = read(word_file(tmp_path / "f.docx", body, styles=CAPTION))[1]
        return [(b.header, b.text) for b in blocks if b.kind == BlockKind.table]

    first, second = paragraph("Table 1. One", "Cap"), paragraph("Table 2. Two", "Cap")
    rows = ["Drug: A; Dose: 1 mg", "Drug: A; Dose: 2 mg"]
    named = list(zip(["Table 1. One", "Table 2. Two"], rows, strict=True))
    text = paragraph("Text.")
    assert found(first + small("1 mg") + second + small("2 mg")) == named
    assert found(text + small("1 mg") + first + small("2 mg") + second + text) == named
    assert found(paragraph("Table 1: One") + small("1 mg"))[0][0] == "Table 1: One"
    assert found(paragraph("Table 1 shows doses.") + small("1 mg"))[0][0] == ""
    field_caption = paragraph(run("Table ") + field("SEQ Table", run("1")) + run(". One"), "Cap")
    assert found(field_caption + small("1 mg"))[0][0] == "Table 1. One"
    title = [cell(paragraph("Doses"), '<w:gridSpan w:val="2"/>')]
    assert found(table(title, words("Drug", "Dose"), words("A", "1 mg"))) == [("Doses", rows[0])]
    figure = paragraph("Figure 1. A toe", "Cap") + small("1 mg")
    blocks = read(word_file(tmp_path / "f.docx", figure, styles=CAPTION))[1]
    assert [(b.kind, b.header) for b in blocks] == [(BlockKind.caption, ""), (BlockKind.table, "")]


def test_content_controls_around_rows(tmp_path: Path) -> None:
    rows = [f"<w:tr>{''.join(words('A', f'{n} mg'))}</w:tr>" for n in range(2)]
    body = table(words("Drug", "Dose")).replace("</w:tbl>", control("".join(rows)) + "</w:tbl>")
    assert rows_of(tmp_path, body) == ["Drug: A; Dose: 0 mg", "Drug: A; Dose: 1 mg"]


def test_a_table_that_frames_text_is_no_table(tmp_path: Path) -> None:
    body = table([cell(paragraph("Care", "Heading2") + paragraph("Rest.") + paragraph("Ice."))])
    blocks = read(word_file(tmp_path / "f.docx", paragraph("T", "Title") + body))[1]
    assert [(block.section, block.text) for block in blocks] == [
        ("Care", "Care"),
        ("Care", "Rest."),
        ("Care", "Ice."),
    ]


def test_questions_are_told_from_answers(tmp_path: Path) -> None:
    body = (
        paragraph("T", "Title")
        + paragraph("What is gout?", "Heading2")
        + paragraph("Gout hurts. Why? Crystals.")
        + paragraph("Q: Is ice used? A: Yes.")
        + paragraph("Can I run?")
    )
    blocks = read(word_file(tmp_path / "f.docx", body))[1]
    assert [(block.kind.value, block.text) for block in blocks] == [
        ("question", "What is gout?"),
        ("text", "Gout hurts. Why? Crystals."),
        ("question", "Q: Is ice used?"),
        ("text", "A: Yes."),
        ("question", "Can I run?"),
    ]


def test_a_digit_after_a_raised_number_is_another_number(tmp_path: Path) -> None:
    raised = '<w:vertAlign w:val="superscript"/>'
    body = paragraph(run("Of 10") + run("9", raised) + run("5 grew"))
    assert texts(tmp_path, body) == ["Of 10^9 5 grew"]


def numbered(text: str, list_id: int, level: int = 0) -> str:
    numbers = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>'
    return f"<w:p><w:pPr>{numbers}</w:pPr>{run(text) if text else ''}</w:p>"


def definition(number: int, text: str, style: str = "decimal", start: int = 1) -> str:
    return (
        f'<w:abstractNum w:abstractNumId="{number}"><w:lvl w:ilvl="0"><w:start w:val="{start}"/>'
        f'<w:numFmt w:val="{style}"/><w:lvlText w:val="{text}"/></w:lvl><w:lvl w:ilvl="1">'
        '<w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%2."/></w:lvl>'
        "</w:abstractNum>"
    )


def test_plain_numbers_of_lists_are_read(tmp_path: Path) -> None:
    again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
    numbering = (
        definition(0, "%1.")
        + definition(1, "%1)", start=4)
        + definition(2, "%1.", "lowerLetter")
        + definition(3, "Step %1.")
        + "".join(
            f'<w:num w:numId="{n}"><w:abstractNumId w:val="{of}"/>{more}</w:num>'
            for n, of, more in [(1, 0, ""), (2, 0, again), (3, 0, ""), (4, 1, ""), (5, 2, ""),
                                (6, 3, "")]
        )
    )  # fmt: skip
    body = (
        numbered("Stop heparin.", 1)
        + numbered("Check the platelets.", 1, level=1)
        + numbered("", 1)
        + numbered("Start argatroban.", 1)
        + paragraph(run("Later:"))
        + numbered("Go on.", 3)
        + paragraph(run("In children:"))
        + numbered("Call.", 2)
        + numbered("Wait.", 2)
        + paragraph(run("Others:"))
        + numbered("Four.", 4)
        + numbered("Letter.", 5)
        + numbered("Named.", 6)
        + numbered("Unknown.", 9)
    )
    path = word_file(tmp_path / "f.docx", body)
    with zipfile.ZipFile(path) as archive:  # python-docx brings a part with lists of its own
        parts = {name: archive.read(name) for name in archive.namelist()}
    xml = f'<w:numbering xmlns:w="{MAIN}">{numbering}</w:numbering>'
    parts["word/numbering.xml"] = xml.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document)
    assert [block.text for block in clean_blocks(document.blocks)] == [
        "1. Stop heparin.\n- Check the platelets.\n3. Start argatroban.",
        "Later:",
        "4. Go on.",
        "In children:",
        "1. Call.\n2. Wait.",
        "Others:",
        "4) Four.\n- Letter.\n- Named.\n- Unknown.",
    ]
