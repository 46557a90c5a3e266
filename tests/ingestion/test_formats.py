"""The table of formats: what it takes to add one, and what each reader says a block is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import docx
import pytest

import medrag
from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import BlockKind, Document

SUBTITLES = '''
"""Reads .srt: the subtitles of a talk."""

from collections.abc import Iterator

from ...types import Block, BlockKind, Document
from .reader import Source


def read(source: Source) -> Iterator[Document]:
    cues = source.path.read_text("utf-8").split("\\n\\n")
    if "-->" not in cues[0]:
        raise source.error("no subtitles in it")
    lines = (" ".join(cue.splitlines()[2:]) for cue in cues)
    blocks = [Block(line, " ", kind=BlockKind.transcript) for line in lines]
    yield Document(source.document_id, "", blocks)
'''

LABEL = '''
"""Reads the labels of drugs in SPL."""

from .xml import elements, inline
from ...types import Block, Document


def read(source):
    for section in elements(source, "section"):
        yield Document(f"{source.document_id}#{section.get('n')}", "", [Block(inline(section))])
'''

READ = """
import json, sys
from pathlib import Path
from medrag.config import CorpusConfig
from medrag.ingestion.corpus import members
from medrag.ingestion.corpus import SourceFile, find_files
from medrag.ingestion.readers import read_documents

found = {}
for file in find_files(["corpus"], Path("index/downloads")):
    assert isinstance(file, SourceFile), file
    if file.id.endswith(".zip"):
        found[file.id] = [(member.id, member.problem) for member in members(file.path, file.id, 1)]
        continue
    found[file.id] = [
        getattr(item, "reason", "")
        or (item.id, item.title, [(block.text, block.kind) for block in item.blocks])
        for item in read_documents(file.path, file.id, CorpusConfig(max_document_mb=1))
    ]
print(json.dumps(found))
"""


def read_with(folder: Path, module: str, code: str, line: str) -> dict[str, Any]:
    """Read `folder/corpus` by a copy of medrag with one more module and one more line."""
    package = folder / "medrag"
    shutil.copytree(Path(medrag.__file__).parent, package)
    readers = package / "ingestion/readers"
    (readers / f"{module}.py").write_text(code)
    table = (readers / "__init__.py").read_text()
    start = "FORMATS = (\n"
    assert table.count(start) == 1
    (readers / "__init__.py").write_text(table.replace(start, f"{start}    {line},\n"))
    run = subprocess.run(
        [sys.executable, "-c", READ], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_a_new_suffix_takes_one_file_and_one_line(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    cues = "1\n00:01 --> 00:04\nGout is painful.\n\n2\n00:05 --> 00:07\nIce\nhelps."
    (corpus / "ward-round.SRT").write_text(cues)
    (corpus / "broken.srt").write_text("none")
    (corpus / "empty.srt").write_text("")
    (corpus / "large.srt").write_bytes(b" " * 1_100_000)
    shutil.make_archive(str(corpus / "talks"), "zip", corpus, "ward-round.SRT")
    assert read_with(tmp_path, "subtitles", SUBTITLES, 'Format("subtitles", (".srt",))') == {
        "broken.srt": ["no subtitles in it"],
        "empty.srt": ["no text"],
        "large.srt": ["1.1 MB, above corpus.max_document_mb=1"],
        "talks.zip": [["talks.zip/ward-round.SRT", ""]],
        "ward-round.SRT": [
            [
                "ward-round.SRT",
                "Ward round",
                [["Gout is painful.", "transcript"], ["Ice helps.", "transcript"]],
            ]
        ],
    }


def test_a_new_kind_of_xml_takes_one_file_and_one_line(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    xml = '<document xmlns="urn:hl7-org:v3"><section n="4">Not in <i>gout</i>.</section></document>'
    (corpus / "label.xml").write_text(xml)
    (corpus / "news.xml").write_text("<rss/>")
    found = read_with(tmp_path, "spl", LABEL, 'Format("spl", _XML, root="document")')
    assert found == {
        "label.xml": [["label.xml#4", "Label", [["Not in gout.", "text"]]]],
        "news.xml": [
            "XML root is <rss>; medrag reads <document> (spl) and "
            "<PubmedArticleSet> (pubmed) and <article> (jats)"
        ],
    }


def kinds(path: Path) -> list[tuple[str, BlockKind]]:
    """Return the first line and the kind of each block, cleaned as in a build."""
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return [(block.text.split("\n")[0], block.kind) for block in clean_blocks(document.blocks)]


MARKDOWN = "Intro.\n\n| Drug | Dose |\n|---|---|\n| Iron | 65 mg |\n\nNormal | not a table.\n"
PAGE = (
    "<p>Intro.</p><ul><li>item<table><tr><td>in a list</td></tr></table></li></ul>"
    "<table><caption>Doses</caption><tr><td><ul><li>Iron</li></ul></td><td>65 mg</td></tr></table>"
    "<figure>before<figcaption><p>A toe</p>, swollen.</figcaption>after</figure>"
)
ARTICLE = (
    "<article><front/><body><p>Intro.<table-wrap><label>Table 1</label><table><tr><td>Iron</td>"
    "<td>65 mg</td></tr></table></table-wrap></p><fig><label>Figure 1</label><caption>"
    "<p>A toe.</p></caption></fig><p>The end.</p></body></article>"
)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("f.md", MARKDOWN, [
            ("Intro.", BlockKind.text), ("Drug: Iron; Dose: 65 mg", BlockKind.table),
            ("Normal | not a table.", BlockKind.text),
        ]),
        ("f.html", PAGE, [
            ("Intro.", BlockKind.text), ("- item in a list", BlockKind.text),
            ("Doses", BlockKind.caption), ("Iron; 65 mg", BlockKind.table),
            ("before", BlockKind.text), ("A toe", BlockKind.caption),
            (", swollen.", BlockKind.caption), ("after", BlockKind.text),
        ]),
        ("f.nxml", ARTICLE, [
            ("Intro.", BlockKind.text), ("Table 1.", BlockKind.caption),
            ("Iron; 65 mg", BlockKind.table),
            ("Figure 1. A toe.", BlockKind.caption), ("The end.", BlockKind.text),
        ]),
        ("f.jsonl", '{"text": "a | b\\nc | d"}', [("a | b", BlockKind.text)]),
    ],
)  # fmt: skip
def test_tables_and_captions_are_told_from_text(
    tmp_path: Path, name: str, content: str, expected: list[tuple[str, BlockKind]]
) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert kinds(path) == expected


def test_the_tables_of_a_word_file_are_told_from_text(tmp_path: Path) -> None:
    word = docx.Document()
    word.add_paragraph("Intro.")
    for number, text in enumerate(["Drug", "Dose"]):
        (word.tables[0] if number else word.add_table(rows=1, cols=2)).cell(0, number).text = text
    word.save(str(tmp_path / "f.docx"))
    assert kinds(tmp_path / "f.docx") == [
        ("Intro.", BlockKind.text),
        ("Drug; Dose", BlockKind.table),
    ]


def test_a_table_stays_one_when_it_is_cut_into_pieces(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>row {number}</td><td>{'x' * 90}</td></tr>" for number in range(2_000))
    (tmp_path / "f.html").write_text(f"<table>{rows}</table>")
    found = kinds(tmp_path / "f.html")
    assert len(found) > 2 and {kind for _, kind in found} == {BlockKind.table}
