"""Markdown and plain text through `read_documents`: markup is told from text; no text is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Document

LONG = "word " * 100 + "END"  # longer than the limit of a title


def read(path: Path, content: str) -> tuple[Document, list[tuple[str, str]]]:
    """Return a file's document and the (section, text) of its blocks."""
    path.write_text(content)
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return document, [(block.section, block.text) for block in clean_blocks(document.blocks)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.md", f"# T\n\n## {LONG}\n\nafter\n"),
        ("f.md", f"# T\n\n{LONG}\n---\n\nafter\n"),
        ("f.md", f"# {LONG}\n\nafter\n"),
        ("f.txt", f"T\n\n{LONG}\n-----\nafter\n"),
    ],
)
def test_a_long_heading_is_kept_whole_and_its_section_short(
    tmp_path: Path, name: str, content: str
) -> None:
    _, blocks = read(tmp_path / name, content)
    assert [text for _, text in blocks] == [LONG, "after"]
    assert all(0 < len(section) <= 121 for section, _ in blocks)


@pytest.mark.parametrize(
    ("between", "kept"),
    [
        ("\n# Real\n\nIntro: not with NSAIDs.\n\n", ["Intro: not with NSAIDs."]),
        (
            "Withdrawn in 2020: see below.\nNote: old.\n",
            ["Withdrawn in 2020: see below. Note: old."],
        ),
        ("Note: see below.\nAs said before.\n", ["Note: see below. As said before."]),
        ("- never with NSAIDs\n- rest\n", ["- never with NSAIDs\n- rest"]),
        ("Dose:5 mg\nor more\n", ["Dose:5 mg or more"]),
    ],
)
def test_text_between_two_rules_is_not_front_matter(
    tmp_path: Path, between: str, kept: list[str]
) -> None:
    document, blocks = read(tmp_path / "f.md", f"---\n{between}---\n\n# Real\n\nBody.\n")
    assert [text for _, text in blocks if text != "Real"] == [*kept, "Body."]
    assert (document.title, document.metadata) == ("Real", {})


def test_front_matter_of_every_yaml_shape_is_not_text(tmp_path: Path) -> None:
    front = (
        "# made by hand\ntitle: Gout\nsummary: >\n  Folded\n\n  text.\ntags:\n- a\n-\n  b\n"
        "og.type: note\nempty:\n# end\n"
    )
    for end in ("---", "..."):
        document, blocks = read(tmp_path / "f.md", f"---\n{front}{end}\nBody.\n")
        assert (document.title, blocks) == ("Gout", [("", "Body.")])
    assert read(tmp_path / "f.md", "---\n---\nBody.\n")[1] == [("", "Body.")]


def test_backticks_around_text_on_one_line_do_not_open_code(tmp_path: Path) -> None:
    document, blocks = read(
        tmp_path / "f.md",
        "```Take 5 mg daily```\n\n# Gout\n\n## Dosage\n\n````md\n# no heading\n````\n\nMore.\n",
    )
    assert document.title == "Gout"
    assert blocks == [
        ("", "Take 5 mg daily"),
        ("Dosage", "Dosage"),
        ("Dosage", "# no heading"),
        ("Dosage", "More."),
    ]


def test_bold_markup_is_removed_and_names_are_left_alone(tmp_path: Path) -> None:
    text = "The **bold** and __bold__, **a __b__** of snake__case__name and _a__b_."
    assert read(tmp_path / "f.md", text)[1] == [
        ("", "The bold and bold, a b of snake__case__name and a__b.")
    ]
