"""Every format through `read_documents`: what good files give, and why bad ones are rejected."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from reportlab.pdfgen.canvas import Canvas

from medrag.config import CorpusConfig, FieldsConfig
from medrag.errors import DocumentError
from medrag.ingestion.readers import SUFFIXES, read_documents
from medrag.ingestion.readers import rows as rows_module
from medrag.text.cleaning import clean_blocks
from medrag.types import Block, Document, Rejected


def read(
    path: Path, corpus: CorpusConfig | None = None
) -> Iterator[tuple[Document, list[Block]] | Rejected]:
    """Read a file as a build does: each document's blocks, cleaned, before the next document."""
    for item in read_documents(path, f"dir/{path.name}", corpus or CorpusConfig()):
        yield item if isinstance(item, Rejected) else (item, list(clean_blocks(item.blocks)))


def read_one(path: Path, corpus: CorpusConfig | None = None) -> tuple[Document, list[Block]]:
    (item,) = read(path, corpus)
    assert not isinstance(item, Rejected), item
    return item


def reason(path: Path, corpus: CorpusConfig | None = None) -> str:
    """Return why a file as a whole is rejected."""
    (item,) = read(path, corpus)
    assert isinstance(item, Rejected)
    assert item.id == f"dir/{path.name}"
    assert "\n" not in item.reason
    return item.reason


def text_of(blocks: list[Block]) -> str:
    return "".join((block.glue if n else "") + block.text for n, block in enumerate(blocks))


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- any format -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_has_no_text(tmp_path: Path, suffix: str) -> None:
    assert reason(write(tmp_path / f"f{suffix}", b"")) == "no text"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.txt", " \n\u200b\n"),
        ("f.md", "# Only a title\n"),
        ("f.jsonl", "\n\n"),
        ("f.csv", "id,text\n"),
        ("f.html", "<title>T</title><nav>menu</nav><script>x()</script>"),
        ("f.xml", "<PubmedArticleSet/>"),
        ("f.nxml", "<article><front/><body><p> </p></body></article>"),
    ],
)
def test_a_file_without_a_word_has_no_text(tmp_path: Path, name: str, content: str) -> None:
    assert reason(write(tmp_path / name, content)) == "no text"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_random_bytes_are_rejected_not_raised(tmp_path: Path, suffix: str) -> None:
    noise = b"\x89\x00\xfe\x13" * 50 + b"\n"
    items = list(read(write(tmp_path / f"f{suffix}", noise)))
    assert items and all(isinstance(item, Rejected) for item in items)


def test_missing_and_irregular_files_are_rejected(tmp_path: Path) -> None:
    assert "cannot be opened" in reason(tmp_path / "missing.txt")
    (tmp_path / "folder.txt").mkdir()
    assert reason(tmp_path / "folder.txt") == "not a regular file"
    os.mkfifo(tmp_path / "pipe.txt")
    assert reason(tmp_path / "pipe.txt") == "not a regular file"
    assert "unknown suffix" in reason(write(tmp_path / "f.exe", "x"))


def test_a_suffix_is_known_in_any_case(tmp_path: Path) -> None:
    assert read_one(write(tmp_path / "NOTE.TXT", "Some text."))[0].id == "dir/NOTE.TXT"


@pytest.mark.parametrize("name", ["f.html", "f.pdf", "f.docx"])
def test_a_large_file_is_rejected_naming_the_setting(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"x" * 1_100_000)
    found = reason(path, CorpusConfig(max_document_mb=1))
    assert found == "1.1 MB, above corpus.max_document_mb=1"


def test_heavy_libraries_load_only_when_needed() -> None:
    code = (
        "import sys, medrag.ingestion.readers, medrag.ingestion; "
        "print([m for m in ('pypdfium2', 'docx', 'selectolax', 'defusedxml', 'torch', 'numpy', "
        "'medrag.ingestion.readers.pdf') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# --- .txt and .md -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Gout in adults\n\nGout is painful.", "Gout in adults"),
        ("Gout in adults\n==============\nGout is painful.", "Gout in adults"),
        ("Gout is painful.\n\nVery.", "Acute gout 2"),
        ("Gout in adults\nis painful.", "Acute gout 2"),
        ("Gout " * 30 + "\n\nVery.", "Acute gout 2"),
    ],
)
def test_the_title_of_a_text(tmp_path: Path, text: str, title: str) -> None:
    assert read_one(write(tmp_path / "acute-gout_2.txt", text))[0].title == title


def test_hard_wrapped_prose_is_unwrapped_and_lists_and_tables_are_not(tmp_path: Path) -> None:
    path = write(
        tmp_path / "f.txt",
        "Gout is an inflammatory arthritis caused by deposits of\r\n"
        "monosodium urate crystals. The first attack often strikes\r\n"
        "the big toe. E. coli has nothing to do with it, nor has\r\n"
        "E. coli elsewhere.\r\n"
        "\r\n"
        "- rest and ice, which nobody likes but which help a lot\r\n"
        "  more than expected\r\n"
        "- colchicine\r\n"
        "\r\n"
        "Drug | Dose\r\n"
        "Colchicine | 0.5 mg\r\n",
    )
    assert text_of(read_one(path)[1]) == (
        "Gout is an inflammatory arthritis caused by deposits of monosodium urate crystals. "
        "The first attack often strikes the big toe. E. coli has nothing to do with it, nor has "
        "E. coli elsewhere.\n\n"
        "- rest and ice, which nobody likes but which help a lot more than expected\n"
        "- colchicine\n\n"
        "Drug: Colchicine; Dose: 0.5 mg"
    )


def test_headings_of_a_plain_text_are_sections(tmp_path: Path) -> None:
    long = "Joint fluid shows needle-shaped crystals with negative birefringence under light."
    path = write(
        tmp_path / "f.txt", f"GOUT\n\nIntro here.\n\nDiagnosis\n{long}\n\nCare\n----\nIce."
    )
    blocks = read_one(path)[1]
    assert [(block.section, block.text) for block in blocks] == [
        ("", "Intro here."),
        ("Diagnosis", "Diagnosis"),
        ("Diagnosis", long),
        ("Care", "Care"),
        ("Care", "Ice."),
    ]


def test_markdown_headings_front_matter_tables_and_links(tmp_path: Path) -> None:
    path = write(
        tmp_path / "f.md",
        '---\ntitle: "Asthma: the basics"\nurl: https://example.org/a\nreviewed: 2024\n---\n'
        "# Overview\nSee [the **guide**](https://example.org/g).\n\n"
        "## Treatment\n### Children ###\nICS first,\nthen more.\n\n"
        "| Step | Drug |\n|------|:----:|\n| 1 | ICS |\n\n"
        "```\n# not a heading\ncode  here\n```\n"
        "Adults\n------\n1. one\n2. two\n",
    )
    document, blocks = read_one(path)
    assert document.title == "Asthma: the basics"
    assert document.url == "https://example.org/a"
    assert document.metadata == {"reviewed": "2024"}
    children = "Overview > Treatment > Children"
    assert [(block.section, block.text) for block in blocks] == [
        ("Overview", "Overview"),
        ("Overview", "See the guide."),
        ("Overview > Treatment", "Treatment"),
        (children, "Children"),
        (children, "ICS first, then more."),
        (children, "Step: 1; Drug: ICS"),
        (children, "# not a heading\ncode here"),
        ("Overview > Adults", "Adults"),
        ("Overview > Adults", "1. one\n2. two"),
    ]


def test_the_first_heading_of_markdown_is_its_title_and_not_repeated(tmp_path: Path) -> None:
    document, blocks = read_one(write(tmp_path / "f.md", "# Gout\n\nText.\n\n## Care\n\nIce."))
    assert document.title == "Gout"
    assert [block.section for block in blocks] == ["", "Care", "Care"]
    assert read_one(write(tmp_path / "f.md", "Gout\n===\nText."))[0].title == "Gout"


def test_bad_bytes_at_the_start_are_rejected_and_later_ones_raise(tmp_path: Path) -> None:
    assert reason(write(tmp_path / "f.txt", b"caf\xe9 text")) == (
        "invalid UTF-8 at byte 3; save it as UTF-8"
    )
    assert reason(write(tmp_path / "f.md", b"a\0b")) == "binary data (NUL byte at byte 1)"
    path = write(tmp_path / "f.txt", b"fine words here.\n\n" * 20_000 + b"\xff")
    (document,) = read_documents(path, "f.txt", CorpusConfig())
    assert isinstance(document, Document)
    with pytest.raises(DocumentError, match=r"^f\.txt: invalid UTF-8 at byte 360000;"):
        list(document.blocks)


WRAPPED = "Fever and chills were reported by most of the patients seen there,\n"


@pytest.mark.parametrize("unit", ["fever ", WRAPPED, "- item\n", "x", "\u0301"])
def test_a_huge_paragraph_comes_in_bounded_blocks(tmp_path: Path, unit: str) -> None:
    times = 1_000_000 // len(unit)
    text = "Start.\n\n" + unit * times + "end"
    blocks = read_one(write(tmp_path / "f.txt", text))[1]
    assert max(len(block.text) for block in blocks) <= 1 << 16
    assert "".join(text_of(blocks).split()) == "".join(text.split())
    if unit[0] in "fF":  # prose: the joined text is one line of words
        assert text_of(blocks[1:]) == (unit * times).replace("\n", " ") + "end"


def test_a_huge_text_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    with path.open("w") as file:
        file.writelines("A paragraph of a very long text.\nIt goes on.\n\n" for _ in range(40_000))
    tracemalloc.start()
    try:
        (document,) = read_documents(path, "f.txt", CorpusConfig())
        assert isinstance(document, Document)
        assert sum(1 for _ in document.blocks) >= 40_000
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


# --- .jsonl and .csv --------------------------------------------------------------------------


def test_jsonl_rows_with_the_usual_fields(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "title": "Gout", "text": "Painful.", "url": "https://e.org", "year": 2020},
        {"_id": 7, "contents": "Body one."},
        {"pmid": 99, "abstract": ["Part one.", "Part two."]},
        {"body": "No id here, and no title; so this line itself has to serve as the title of it."},
    ]
    path = write(tmp_path / "f.jsonl", "\ufeff" + "\n\n".join(map(json.dumps, rows)))
    items = [item for item in read(path) if not isinstance(item, Rejected)]
    assert [document.id for document, _ in items] == [
        "dir/f.jsonl#a",
        "dir/f.jsonl#7",
        "dir/f.jsonl#99",
        "dir/f.jsonl#7",  # the 1-based line; blank lines count
    ]
    first = items[0][0]
    assert (first.title, first.url, first.metadata) == ("Gout", "https://e.org", {"year": 2020})
    assert text_of(items[2][1]) == "Part one.\n\nPart two."
    assert items[3][0].title.startswith("No id here") and len(items[3][0].title) <= 81


def test_configured_fields_win_and_the_rest_is_metadata(tmp_path: Path) -> None:
    row = {"id": "1", "text": "old", "answer": "Rest.", "focus": "Gout", "n": None, "x": [1]}
    path = write(tmp_path / "f.jsonl", json.dumps(row))
    document, blocks = read_one(
        path, CorpusConfig(fields=FieldsConfig(text="answer", title="focus"))
    )
    assert (document.title, text_of(blocks)) == ("Gout", "Rest.")
    assert document.metadata == {"text": "old", "n": None, "x": [1]}


def test_bad_jsonl_lines_are_rejected_and_reading_goes_on(tmp_path: Path) -> None:
    lines = [
        b'{"id": "ok1", "text": "fine"}',
        b'{"id": "x", "text": ',
        b'["a", "list"]',
        b'{"id": "x", "text": "  "}',
        b'{"id": "x", "name": "n"}',
        b'{"id": "x", "text": {"a": 1}}',
        b'{"id": "x", "text": "caf\xe9"}',
        b'{"id": "x", "text": "a\0b"}',
        b"[" * 100_000,
        b'{"id": "x", "text": null}',
        b'{"id": "ok2", "text": "fine", "score": NaN, "half": "\\ud83d"}',
    ]
    items = list(read(write(tmp_path / "f.jsonl", b"\n".join(lines))))
    rejected = {item.id: item.reason for item in items if isinstance(item, Rejected)}
    assert list(rejected) == [f"dir/f.jsonl#{line}" for line in range(2, 11)]
    expected = [
        "line 2: not valid JSON (Expecting value at column ",
        "line 3: expected a JSON object, found a list",
        "line 4: no text in field 'text'",
        "line 5: no field text, contents, abstract, body, answer; fields here: id, name; ",
        "line 6: field 'text' holds a dict, not text",
        "line 7: invalid UTF-8 at byte 24 of the line; save the file as UTF-8",
        "line 8: binary data (NUL byte at byte 22 of the line)",
        "line 9: not usable JSON (",
        "line 10: no text in field 'text'",
    ]
    for found, start in zip(rejected.values(), expected, strict=True):
        assert found.startswith(start)
    good = [item[0] for item in items if not isinstance(item, Rejected)]
    assert [document.id for document in good] == ["dir/f.jsonl#ok1", "dir/f.jsonl#ok2"]
    json.dumps(dict(good[1].metadata), allow_nan=False, ensure_ascii=False).encode()


def test_a_missing_configured_field_lists_the_fields(tmp_path: Path) -> None:
    config = CorpusConfig(fields=FieldsConfig(text="answer"))
    (found,) = read(write(tmp_path / "f.jsonl", '{"id": 1, "text": "a"}'), config)
    assert isinstance(found, Rejected)
    assert found.reason == "line 1: no field 'answer' (corpus.fields.text); fields here: id, text"
    csv = write(tmp_path / "f.csv", "id,text\n1,a\n")
    assert reason(csv, config) == (
        "header: no field 'answer' (corpus.fields.text); fields here: id, text"
    )
    titled = CorpusConfig(fields=FieldsConfig(title="name"))
    assert "no field 'name' (corpus.fields.title)" in reason(csv, titled)


@pytest.mark.parametrize("name", ["f.jsonl", "f.csv"])
def test_an_overlong_line_is_rejected_and_reading_goes_on(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "LINE_LIMIT", 1000)  # 64 MiB would take too long here
    long = "x" * 5_000_000
    if name == "f.jsonl":
        content = f'{{"id": 1, "text": "{long}"}}\n{{"id": 2, "text": "fine"}}\n'
    else:
        content = f"id,text\n1,{long}\n2,fine\n"
    path = write(tmp_path / name, content)
    del content
    tracemalloc.start()
    try:
        items = list(read(path))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert isinstance(items[0], Rejected) and "longer than" in items[0].reason
    assert not isinstance(items[1], Rejected) and items[1][0].id == f"dir/{name}#2"


def test_csv_rows(tmp_path: Path) -> None:
    big = "word " * 60_000  # above the csv module's own limit
    path = write(
        tmp_path / "f.csv",
        "\ufeffid,title,text,class\r\n"
        'a,Metformin,"Line one,\nline ""two"".",biguanide\r\n'
        "\r\n"
        ",Iron,Has no id.\r\n"
        f"c,Big,{big},x\r\n",
    )
    items = [item for item in read(path) if not isinstance(item, Rejected)]
    assert [document.id for document, _ in items] == [
        "dir/f.csv#a",
        "dir/f.csv#5",  # the line where the row starts
        "dir/f.csv#c",
    ]
    assert text_of(items[0][1]) == 'Line one,\nline "two".'
    assert items[0][0].metadata == {"class": "biguanide"}
    assert items[1][0].metadata == {}
    assert len(text_of(items[2][1])) == len(big) - 1


def test_bad_csv_rows_are_rejected_and_reading_goes_on(tmp_path: Path) -> None:
    path = write(
        tmp_path / "f.csv",
        b"id,text\n"
        b"a,fine\n"
        b"b,caf\xe9\n"
        b'c,"two\nlines \0 bad"\n'
        b"d,too,many\n"
        b'e,"a "stray" quote"\n'
        b"f,\n"
        b"g,fine\n"
        b'h,"never closed\nand so on\n',
    )
    items = list(read(path))
    assert [i.id if isinstance(i, Rejected) else i[0].id for i in items] == [
        f"dir/f.csv#{row}" for row in ("a", 3, 4, 6, 7, 8, "g", 10)
    ]
    reasons = [item.reason for item in items if isinstance(item, Rejected)]
    assert reasons[0] == (
        "line 3: invalid UTF-8 at byte 5 of the line; save the file as UTF-8, "
        'in Excel as the file type "CSV UTF-8"'
    )
    assert reasons[1] == "line 4: binary data (NUL byte at byte 6 of the line)"
    assert reasons[2] == "line 6: 3 fields, but the header has 2"
    assert reasons[3].startswith("line 7: not valid CSV (")
    assert reasons[4] == "line 8: no text in field 'text'"
    assert "lines 10 to 11 are left out" in reasons[5]


# --- .html ------------------------------------------------------------------------------------


def test_html_keeps_the_content_of_a_page(tmp_path: Path) -> None:
    path = write(
        tmp_path / "f.html",
        "<!doctype html><html><head><title>Malaria: overview</title>"
        '<link rel="canonical" href="https://example.org/malaria"><style>p{}</style></head><body>'
        "<header>Site</header><nav><ul><li>Home</li></ul></nav><script>bad()</script>"
        "<h1>Malaria</h1><p>Spread by <em>Anopheles</em>\n mosquitoes &amp; blood.<!-- no --></p>"
        "<h2>Types</h2><table><caption>Parasites</caption>"
        "<tr><th>Name</th><th>Relapse</th></tr><tr><td><p>P. vivax</p></td><td>yes</td></tr>"
        "</table>"
        "<h3>Care</h3>Loose text<ul><li>net<ul><li>inner</li></ul></li><li><p>drug</p></li></ul>"
        "<form><button>Search</button></form><aside>Ad</aside><footer>Imprint</footer></body></html>",
    )
    document, blocks = read_one(path)
    assert (document.title, document.url) == ("Malaria: overview", "https://example.org/malaria")
    assert [(block.section, block.text) for block in blocks] == [
        ("", "Spread by Anopheles mosquitoes & blood."),
        ("Types", "Types"),
        ("Types", "Parasites"),
        ("Types", "Name: P. vivax; Relapse: yes"),
        ("Types > Care", "Care"),
        ("Types > Care", "Loose text"),
        ("Types > Care", "- net\n- inner\n- drug"),
    ]


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ('<meta charset="windows-1251">', "cp1251"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        ('<meta charset="no-such-thing">', "utf-8"),
        ('<meta charset="base64">', "utf-8"),
    ],
)
def test_the_encoding_of_a_page(tmp_path: Path, head: str, encoding: str) -> None:
    page = f"<head>{head}</head><p>Подагра</p>"
    document, blocks = read_one(write(tmp_path / "my-page.htm", page.encode(encoding)))
    assert text_of(blocks) == "Подагра"
    assert document.title == "My page"


def test_latin1_pages_are_windows_1252_and_bad_bytes_are_named(tmp_path: Path) -> None:
    page = b'<meta charset="iso-8859-1"><p>\x93caf\xe9\x94</p>'
    assert text_of(read_one(write(tmp_path / "f.html", page))[1]) == "“café”"
    assert reason(write(tmp_path / "f.html", b"<p>caf\xe9</p>")).startswith(
        "invalid UTF-8 at byte 6;"
    )
    assert "NUL byte at byte 3" in reason(write(tmp_path / "f.html", b"<p>\0</p>"))


def test_deeply_nested_html_is_read(tmp_path: Path) -> None:
    page = "<div>" * 5000 + "deep" + "</div>" * 5000
    assert text_of(read_one(write(tmp_path / "f.html", page))[1]) == "deep"


# --- .docx ------------------------------------------------------------------------------------


def word_file(path: Path, *, title: str = "") -> Path:
    word = docx.Document()
    word.core_properties.title = title
    word.add_heading("COPD", level=1)
    word.add_paragraph("Intro text.")
    word.add_heading("Care", level=2)
    word.add_paragraph("stop smoking", style="List Bullet")
    word.add_paragraph("rehabilitation", style="List Number")
    table = word.add_table(rows=2, cols=3)
    for number, text in enumerate(["Grade", "FEV1", "Note", "GOLD 1", "80", ""]):
        table.cell(number // 3, number % 3).text = text
    table.cell(1, 1).merge(table.cell(1, 2))
    word.add_paragraph("The end.")
    word.save(str(path))
    return path


def test_docx_in_reading_order(tmp_path: Path) -> None:
    document, blocks = read_one(word_file(tmp_path / "f.docx"))
    assert document.title == "COPD"
    assert [(block.section, block.text) for block in blocks] == [
        ("", "Intro text."),
        ("Care", "Care"),
        ("Care", "- stop smoking\n1. rehabilitation"),
        ("Care", "Grade: GOLD 1; FEV1 / Note: 80"),
        ("Care", "The end."),
    ]
    document, blocks = read_one(word_file(tmp_path / "f.docx", title="About COPD"))
    assert document.title == "About COPD"
    assert blocks[-1].section == "COPD > Care"


def test_bad_docx_files_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "f.docx"
    assert "not a readable Word file" in reason(write(path, "just text"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "not word")
    assert "Word file" in reason(path)
    good = word_file(path).read_bytes()
    assert "Word file" in reason(write(path, good[: len(good) // 2]))
    broken = bytearray(good)
    start = good.index(b"word/document.xml") + 60
    broken[start : start + 20] = b"\xff" * 20
    assert "Word file" in reason(write(path, bytes(broken)))
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    assert "encrypted" in reason(write(path, ole))


def test_a_zip_bomb_is_refused_unopened(tmp_path: Path) -> None:
    path = word_file(tmp_path / "f.docx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/bomb.bin", b"\0" * 3_000_000)
    assert path.stat().st_size < 100_000
    found = reason(path, CorpusConfig(max_document_mb=2))
    assert re.fullmatch(r"unpacks to \d MB, above corpus\.max_document_mb=2", found)


def test_a_docx_with_an_entity_bomb_is_rejected(tmp_path: Path) -> None:
    good = word_file(tmp_path / "good.docx")
    path = tmp_path / "f.docx"
    bomb = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    ).replace("&a0;", "&a;")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as target:
        for part in source.infolist():
            data = source.read(part)
            if part.filename == "word/document.xml":
                xml = data.decode().replace("?>", f"?>{bomb}]>", 1)
                data = xml.replace("Intro text.", "&a9;").encode()
            target.writestr(part, data)
    items = list(read(path))
    assert len(items) == 1
    if not isinstance(items[0], Rejected):  # the parser may also drop entities
        assert len(text_of(items[0][1])) < 1000


# --- .pdf -------------------------------------------------------------------------------------


def pdf_file(path: Path, pages: list[list[str]], *, title: str = "", encrypt: str = "") -> Path:
    canvas = Canvas(str(path), encrypt=encrypt or None)
    if title:
        canvas.setTitle(title)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(50, 800 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return path


FULL = "This line of running text is about as long as all of the lines on its page are"


def test_pdf_paragraphs_hyphens_and_pages(tmp_path: Path) -> None:
    path = pdf_file(
        tmp_path / "f.pdf",
        [
            [
                "On the care of gout",
                f"{FULL}, given treat-",
                f"ment. {FULL}, a beta-",
                f"blocker. {FULL} after COVID-",
                f"19. {FULL} or anti-CCP and anti-",
                f"CCP. {FULL} of long-lasting",
                f"pain. {FULL} and long-",
                "lasting relief.",
                "Dose",
                "- one",
                "- two",
                f"Then this. {FULL} and then it con-",
            ],
            [f"tinues here. {FULL} with", "an end. Nothing more."],
        ],
    )
    document, blocks = read_one(path)
    assert document.title == "On the care of gout"
    text = text_of(blocks)
    for kept in ("given treatment.", "a beta-blocker.", "COVID-19.", "anti-CCP and anti-CCP."):
        assert kept in text
    assert "and long-lasting relief.\n\nDose\n- one\n- two\nThen this." in text
    assert "then it continues here." in text
    assert [block.page for block in blocks] == [1, 1, 2]
    assert "On the care of gout" not in text


def test_a_sentence_runs_over_a_page_end_and_a_blank_page(tmp_path: Path) -> None:
    path = pdf_file(
        tmp_path / "f.pdf", [["Title", f"{FULL} and runs"], [], ["over. Next.", "New one"]]
    )
    blocks = read_one(path)[1]
    assert f"{FULL} and runs over." in text_of(blocks)
    assert blocks[1].glue == " " and blocks[1].page == 3


def test_running_headers_and_footers_are_dropped(tmp_path: Path) -> None:
    pages = [
        ["Journal of Gout 12", f"Body {word}. {FULL}", f"More {word}.", f"Page {n} of 4"]
        for n, word in enumerate(["alpha", "beta", "gamma", "delta"], start=1)
    ]
    text = text_of(read_one(pdf_file(tmp_path / "f.pdf", pages))[1])
    assert "Journal of Gout" not in text and "Page" not in text
    assert all(f"Body {word}" in text for word in ("alpha", "beta", "gamma", "delta"))
    two = [["Same head", "Body one."], ["Same head", "Body two."]]
    assert "Same head" not in text_of(read_one(pdf_file(tmp_path / "f.pdf", two))[1])


def test_the_headers_of_a_long_document_change_with_its_chapters(tmp_path: Path) -> None:
    names = [f"{n:03}".translate(str.maketrans("0123456789", "abcdefghij")) for n in range(300)]
    pages = [
        [f"Chapter {name[0]}", f"Body {name}. {FULL}", f"More {name}.", f"Last {name}.", str(n)]
        for n, name in enumerate(names)
    ]
    blocks = read_one(pdf_file(tmp_path / "f.pdf", pages, title="A handbook"))[1]
    text = text_of(blocks)
    assert "Chapter" not in text
    assert [name for name in names if f"Body {name}." not in text] == []
    assert [block.page for block in blocks if f"Body {names[-1]}." in block.text] == [300]


def test_a_long_pdf_is_read_lazily(tmp_path: Path) -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "pi"]
    pages = [
        [f"{words[n % 10]} {words[n // 10 % 10]} {words[n // 100]} {line}" for line in words]
        for n in range(1_000)
    ]
    path = pdf_file(tmp_path / "f.pdf", pages)
    tracemalloc.start()
    try:
        (document,) = read_documents(path, "f.pdf", CorpusConfig())
        assert isinstance(document, Document)
        assert sum(1 for _ in document.blocks) >= 1_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("given", "title"),
    [("Gout care", "Gout care"), ("", "First line"), ("Microsoft Word - x.docx", "First line")],
)
def test_the_title_of_a_pdf(tmp_path: Path, given: str, title: str) -> None:
    path = pdf_file(tmp_path / "f.pdf", [["First line", "Body text."]], title=given)
    assert read_one(path)[0].title == title


def test_bad_pdfs_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "f.pdf"
    assert (
        reason(pdf_file(path, [["secret"]], encrypt="key"))
        == "encrypted; save it without a password"
    )
    assert reason(pdf_file(path, [[], []])) == "no text: its pages are blank"
    assert "not a readable PDF" in reason(write(path, "%PDF-1.7 and no more"))


# --- PubMed -----------------------------------------------------------------------------------

DOCTYPE = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD" "https://example.org/pubmed.dtd">'


def article(pmid: int, abstract: str = "<AbstractText>Some text.</AbstractText>") -> str:
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{pmid}</PMID><Article><Journal>"
        "<JournalIssue><PubDate><MedlineDate>2019 Jan-Feb</MedlineDate></PubDate></JournalIssue>"
        "<Title>J Gout</Title></Journal>"
        "<ArticleTitle>On <i>gout</i> &amp; CO<sub>2</sub></ArticleTitle>"
        f"<Abstract>{abstract}</Abstract><AuthorList><Author><LastName>Doe</LastName>"
        "<ForeName>Ann</ForeName></Author><Author><CollectiveName>Group</CollectiveName></Author>"
        "</AuthorList></Article><MeshHeadingList><MeshHeading><DescriptorName>Gout</DescriptorName>"
        "</MeshHeading></MeshHeadingList></MedlineCitation><PubmedData><ArticleIdList>"
        f'<ArticleId IdType="doi">10.1/{pmid}</ArticleId></ArticleIdList><ReferenceList><Reference>'
        '<ArticleIdList><ArticleId IdType="doi">10.9/other</ArticleId></ArticleIdList></Reference>'
        "</ReferenceList></PubmedData></PubmedArticle>\n"
    )


@pytest.mark.parametrize("name", ["f.xml", "f.xml.gz", "F.XML.GZ"])
def test_pubmed_articles(tmp_path: Path, name: str) -> None:
    labelled = (
        '<AbstractText Label="BACKGROUND AND AIMS">Gout<sup>1</sup> hurts.</AbstractText>'
        '<AbstractText Label="UNLABELLED">More.</AbstractText>'
    )
    articles = article(1, labelled) + article(2, "") + article(3)
    xml = f'<?xml version="1.0"?>{DOCTYPE}<PubmedArticleSet>{articles}</PubmedArticleSet>'.encode()
    path = write(tmp_path / name, gzip.compress(xml) if name.lower().endswith("gz") else xml)
    first, second, third = read(path)
    assert second == Rejected("PMID:2", "no abstract")
    assert not isinstance(first, Rejected) and not isinstance(third, Rejected)
    document, blocks = first
    assert (document.id, document.title) == ("PMID:1", "On gout & CO2")
    assert document.url == "https://pubmed.ncbi.nlm.nih.gov/1/"
    assert document.metadata == {
        "pmid": "1",
        "doi": "10.1/1",
        "journal": "J Gout",
        "year": 2019,
        "authors": ["Ann Doe", "Group"],
        "mesh": ["Gout"],
    }
    assert [(block.section, block.text) for block in blocks] == [
        ("Background and aims", "Gout 1 hurts."),
        ("", "More."),
    ]


def test_pubmed_book_chapters(tmp_path: Path) -> None:
    chapter = (
        "<PubmedBookArticle><BookDocument><PMID>7</PMID><Book><BookTitle>GeneReviews</BookTitle>"
        "<PubDate><Year>1993</Year></PubDate></Book><ArticleTitle>Gaucher disease</ArticleTitle>"
        "<Abstract><AbstractText>A storage disease.</AbstractText></Abstract></BookDocument>"
        "</PubmedBookArticle>"
    )
    set_ = f"<PubmedArticleSet>{article(1)}{chapter}</PubmedArticleSet>"
    _, second = read(write(tmp_path / "f.xml", set_))
    assert not isinstance(second, Rejected)
    document, blocks = second
    assert (document.id, document.title) == ("PMID:7", "Gaucher disease")
    assert document.metadata == {"pmid": "7", "year": 1993, "book": "GeneReviews"}
    assert text_of(blocks) == "A storage disease."


def test_malformed_xml_midway_keeps_the_articles_before_it(tmp_path: Path) -> None:
    xml = f"<PubmedArticleSet>\n{article(1)}{article(2)}<PubmedArticle><oops</PubmedArticleSet>"
    items = list(read(write(tmp_path / "f.xml", xml)))
    assert [i.id if isinstance(i, Rejected) else i[0].id for i in items] == [
        "PMID:1",
        "PMID:2",
        "dir/f.xml",
    ]
    assert isinstance(items[2], Rejected)
    assert items[2].reason.startswith("malformed XML at line 4 (")


BOMB = (
    '<!DOCTYPE {root} [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<{root}><PubmedArticle>&b;</PubmedArticle></{root}>"
)


@pytest.mark.parametrize(
    ("name", "root"), [("f.xml", "PubmedArticleSet"), ("f.nxml", "article"), ("f.xml", "article")]
)
def test_entities_are_refused(tmp_path: Path, name: str, root: str) -> None:
    path = write(tmp_path / name, BOMB.replace("{root}", root))
    assert reason(path) == "XML entities are not allowed; put their text in place"
    outside = f'<!DOCTYPE {root} [<!ENTITY x SYSTEM "file:///etc/passwd">]><{root}>&x;</{root}>'
    assert reason(write(path, outside)) == "XML entities are not allowed; put their text in place"


def test_other_xml_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    assert "root is <rss>" in reason(write(path, "<rss><a/></rss>"))
    assert "malformed XML at line 1" in reason(write(path, "no xml"))
    assert "encoding" in reason(write(path, '<?xml version="1.0" encoding="klingon"?><article/>'))
    deep = "<article>" + "<sec>" * 5000 + "</sec>" * 5000 + "</article>"
    assert "nested deeper than 200" in reason(write(path, deep))


def test_broken_and_bomb_like_gzip_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "f.xml.gz"
    xml = f"<PubmedArticleSet>{''.join(map(article, range(2000)))}</PubmedArticleSet>".encode()
    assert "broken gzip" in reason(write(path, b"<PubmedArticleSet/>"))
    packed = gzip.compress(xml, 1)
    *read_before, last = read(write(path, packed[: len(packed) // 2]))
    assert read_before and isinstance(last, Rejected) and "broken gzip" in last.reason
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"<PubmedArticleSet>")
        for _ in range(70):
            file.write(b" " * (1 << 20))
    # A bomb is often one long record, so either limit may stop it first.
    found = reason(path)
    assert "200 times its size" in found or "above 64 MiB" in found


def test_many_articles_take_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    with path.open("w") as file:
        file.write("<PubmedArticleSet>")
        file.writelines(map(article, range(3000)))
        file.write("</PubmedArticleSet>")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read(path)) == 3000
        assert tracemalloc.get_traced_memory()[1] < 600_000  # kept in a tree they take 14 MB
    finally:
        tracemalloc.stop()


# --- JATS -------------------------------------------------------------------------------------

JATS = """<!DOCTYPE article PUBLIC "-//NLM//DTD JATS v1.0//EN" "JATS-archivearticle1.dtd">
<article xmlns:mml="http://www.w3.org/1998/Math/MathML"><front>
<journal-meta><journal-title-group><journal-title>J Gout</journal-title></journal-title-group>
</journal-meta><article-meta>
<article-id pub-id-type="pmid">11</article-id><article-id pub-id-type="pmc">22</article-id>
<article-id pub-id-type="doi">10.1/x</article-id>
<title-group><article-title>On <italic>gout</italic></article-title></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Doe</surname>
<given-names>Ann</given-names></name></contrib><contrib contrib-type="editor"><name>
<surname>Ed</surname></name></contrib></contrib-group>
<pub-date><year>2021</year></pub-date><pub-date><year>2020</year></pub-date>
<abstract><sec><title>Aim</title><p>To know.</p></sec></abstract>
<kwd-group><kwd>gout</kwd><kwd>urate</kwd></kwd-group></article-meta></front>
<body><sec><title>Methods</title><p>We asked <xref>[1]</xref> people.
<disp-formula><mml:math><mml:mi>E</mml:mi></mml:math></disp-formula> Then left.
<table-wrap><label>Table 1</label><caption><title>Results.</title><p>n = 2.</p></caption>
<table><tr><th>Drug</th><th>n</th></tr><tr><td>A</td><td>1</td></tr></table></table-wrap></p>
<sec><title>Care</title><list><list-item><p>ice</p></list-item><list-item><p>rest</p></list-item>
</list></sec></sec><sec><title>End</title><fig><label>Figure 1.</label><caption><p>A toe.</p>
</caption></fig></sec></body>
<back><ref-list><ref><mixed-citation>Someone 1999</mixed-citation></ref></ref-list></back></article>
"""


@pytest.mark.parametrize("name", ["f.nxml", "f.xml"])
def test_jats_articles(tmp_path: Path, name: str) -> None:
    document, blocks = read_one(write(tmp_path / name, JATS))
    assert (document.id, document.title) == (f"dir/{name}", "On gout")
    assert document.url == "https://pmc.ncbi.nlm.nih.gov/articles/PMC22/"
    assert document.metadata == {
        "pmid": "11",
        "pmcid": "PMC22",
        "doi": "10.1/x",
        "journal": "J Gout",
        "year": 2020,
        "authors": ["Ann Doe"],
        "keywords": ["gout", "urate"],
    }
    assert [(block.section, block.text) for block in blocks] == [
        ("Abstract > Aim", "Aim"),
        ("Abstract > Aim", "To know."),
        ("Methods", "Methods"),
        ("Methods", "We asked people. E Then left."),
        ("Methods", "Table 1. Results. n = 2."),
        ("Methods", "Drug: A; n: 1"),
        ("Methods > Care", "Care"),
        ("Methods > Care", "- ice\n- rest"),
        ("End", "End"),
        ("End", "Figure 1. A toe."),
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('<license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>Open.'
         "</license-p></license>", "https://creativecommons.org/licenses/by/4.0/"),
        ('<license license-type="open-access"><license-p>Under a <ext-link xlink:href="'
         'http://creativecommons.org/licenses/by-nc/3.0">licence</ext-link>.</license-p></license>',
         "http://creativecommons.org/licenses/by-nc/3.0"),
        ("<license><license-p>All  rights\nkept.</license-p></license>", "All rights kept."),
    ],
)  # fmt: skip
def test_the_licence_of_a_jats_article(tmp_path: Path, given: str, told: str) -> None:
    told_in = f"<permissions><copyright-year>2020</copyright-year>{given}</permissions>"
    article = JATS.replace("</article-meta>", f"{told_in}</article-meta>")
    article = article.replace("<article", '<article xmlns:xlink="http://www.w3.org/1999/xlink"', 1)
    document, blocks = read_one(write(tmp_path / "f.nxml", article))
    assert document.metadata["license"] == told
    assert blocks[0].text == "Aim"  # it is no text of the article


def test_a_truncated_article_is_rejected_with_its_line(tmp_path: Path) -> None:
    found = reason(write(tmp_path / "f.nxml", JATS[: JATS.index("<fig>")]))
    assert found.startswith("malformed XML at line 19 (")
