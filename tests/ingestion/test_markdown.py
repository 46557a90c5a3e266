"""Markdown and plain text through `read_documents`: what a page shows, and nothing is lost."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Block, BlockKind, Document, Flag

LONG = "word " * 100 + "END"  # longer than the limit of a title


def read(path: Path, content: str) -> tuple[Document, list[tuple[str, str]]]:
    """Return a file's document and the (section, text) of its blocks."""
    path.write_text(content)
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return document, [(block.section, block.text) for block in clean_blocks(document.blocks)]


def blocks_of(path: Path, content: str) -> tuple[Document, list[Block]]:
    path.write_text(content)
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return document, list(clean_blocks(document.blocks))


def shown(tmp_path: Path, content: str) -> str:
    """Return what is shown of a Markdown file that starts with a title."""
    _, blocks = blocks_of(tmp_path / "f.md", f"# T\n\n{content}")
    return "\n\n".join(block.text for block in blocks)


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


@pytest.mark.parametrize(
    ("front", "fields"),
    [
        (
            "mesh: [Pneumonia, Community-Acquired Infections]",
            {"mesh": ["Pneumonia", "Community-Acquired Infections"]},
        ),
        ("tags:\n  - transplant\n  - lung # left\n# all", {"tags": ["transplant", "lung"]}),
        ("tags:\n- 'a: b'\n-\n  \"c, d\"", {"tags": ["a: b", "c, d"]}),
        ("tags: [\n  a,\n  'b'\n]\nyear: 2020", {"tags": ["a", "b"], "year": "2020"}),
        ("one: [x]\nnone: []\nempty:\nnull: ~\nsaid: 'null'", {"one": ["x"], "said": "null"}),
        # What YAML would make other values of stays as it is written.
        (
            "year: 2020\nat: 12:30\nuk: no\npmid: 007",
            {"year": "2020", "at": "12:30", "uk": "no", "pmid": "007"},
        ),
        ("date: 2020-05-01\nx: true", {"date": "2020-05-01", "x": "true"}),
        ("authors: Lee, Ann\nog.type: note", {"authors": "Lee, Ann", "og.type": "note"}),
        ("url2: https://example.org/a#b", {"url2": "https://example.org/a#b"}),
        ("s: >\n  Folded\n\n  text.\nt: it's", {"s": "Folded text.", "t": "it's"}),
        # No YAML, but clear.
        ("t: Asthma: the basics", {"t": "Asthma: the basics"}),
        (
            "t: [Retracted] Effect of x\nu: *H. pylori*",
            {"t": "[Retracted] Effect of x", "u": "*H. pylori*"},
        ),
    ],
)
def test_front_matter_has_texts_and_lists_of_texts(
    tmp_path: Path, front: str, fields: dict[str, Any]
) -> None:
    document, blocks = read(tmp_path / "f.md", f"---\n{front}\n---\nBody.\n")
    assert (document.metadata, blocks) == (fields, [("", "Body.")])
    assert not document.left_out.total()


@pytest.mark.parametrize(
    ("front", "fields", "lost"),
    [
        ("site:\n  country: UK\n  city: Bath\nyear: 2020", {"year": "2020"}, 1),
        ("authors:\n- name: Lee\n- Ann", {"authors": ["Ann"]}, 1),
        ("a: [x, [y], {z: 1}]", {"a": ["x"]}, 2),
        ("a: &all [x]\nb: *all", {"a": ["x"]}, 1),
        ("a: [x, y\nb: z", {"b": "z"}, 1),
        ("a: {b: c}\nd: {}", {}, 1),
        ("a: b: c\n  d\ne: f", {"e": "f"}, 1),
        ("a: first\nA: second", {"a": "second"}, 1),
        (f"a: {'[' * 5000}", {}, 1),
        (f"a: {'x ' * 10_000}", {}, 1),
    ],
)
def test_what_front_matter_holds_besides_is_counted(
    tmp_path: Path, front: str, fields: dict[str, Any], lost: int
) -> None:
    document, blocks = read(tmp_path / "f.md", f"---\n{front}\n---\nBody.\n")
    assert (document.metadata, blocks) == (fields, [("", "Body.")])
    assert +document.left_out == {"fields of front matter": lost}


def test_a_title_that_is_a_list_is_one_text(tmp_path: Path) -> None:
    document, _ = read(tmp_path / "f.md", "---\ntitle: [Gout, Pseudogout]\n---\nBody.\n")
    assert (document.title, document.metadata) == ("Gout, Pseudogout", {})


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


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("*a* _b_ **c** __d__ ***e*** `f`", "a b c d e f"),
        (r"1\. \*a\* b\_c \# \| \~~d\~~ \<b> \[x\]", "1. *a* b_c # | ~~d~~ <b> [x]"),
        ("&lt;5 &amp; &ge;3&nbsp;mg &#181;g &zzz;", "<5 & ≥3 mg µg &zzz;"),
        (r"`a\*b ~~c~~ &lt; <!-- d -->`", r"a\*b ~~c~~ &lt; <!-- d -->"),
        (
            "[a](http://x) [b][1] [c][] [d] <http://y>\n\n[1]: /u 'T'\n[c]: <v>",
            "a b c [d] http://y",
        ),
        ("[d]: x\n\nSee [d].", "See d."),
        ("![a *b* c](x.png 'T')", "a b c"),
        ("a<br>b<br/>c  \nd\\\ne\nf", "a\nb\nc\nd\ne f"),
        ("2<sup>1</sup>/<sub>2</sub>, <sup>1</sup>/<sub>2</sub>", "2 1/2, 1/2"),
        ("H<sub>2</sub>O, 10<sup>9</sup>/L, 1<sup>st</sup>, m<sup>2</sup>", "H2O, 10^9/L, 1st, m2"),
        ("<ins>new</ins> <u>b</u> <kbd>k</kbd> <mark>m</mark>", "new b k m"),
        ("2*3*4 and 10*9*L", "2*3*4 and 10*9L"),
        ("5~10 mg or 20~30 mg, ~5 mg", "5~10 mg or 20~30 mg, ~5 mg"),
        ("- [x] a\n- [ ] b\n  - c\n\n    d", "- [x] a\n- [ ] b\n- c\nd"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("> a\n> b\n>\n> > c", "a b\n\nc"),
        ("a\n\n    x  *y* \\*\n\nb", "a\n\nx *y* \\*\n\nb"),
        ("~~~\n<!-- a -->\n\n\\* ~~b~~\n~~~\nc", "<!-- a -->\n\n\\* ~~b~~\n\nc"),
        ("```\nnever *closed*", "never *closed*"),
        ("a\n***\nb", "a\n\nb"),
        ("a <!-- b -- c", "a <!-- b -- c"),
        ("<div>\n\n*a*\n\n</div>\n<p>b <b>c</b></p>", "a\n\nb c"),
        ("<script>\nx()\n\ny()\n</script>\n\na", "a"),
        ("• a\n• b", "• a\n• b"),
    ],
)
def test_text_is_what_a_page_shows(tmp_path: Path, content: str, text: str) -> None:
    assert shown(tmp_path, content) == text


@pytest.mark.parametrize(
    ("content", "text", "left_out"),
    [
        ("Give ~~50~~ 5 mg", "Give 5 mg", {"deleted text": 1}),
        ("Give ~~50~~5 mg", "Give 5 mg", {"deleted text": 1}),
        ("Give ~50~ 5 mg", "Give 5 mg", {"deleted text": 1}),
        ("Give <del>50</del><ins>5</ins> mg", "Give 5 mg", {"deleted text": 1}),
        ("Give <s>5 **0**</s> <strike>6</strike> 7 mg", "Give 7 mg", {"deleted text": 2}),
        ("<del>\n\nold\n\n</del>\n\nnew", "new", {"deleted text": 1}),
        ("a <!-- b --> c", "a c", {"comments": 1}),
        ("a\n<!-- b\n\n# c\n\n~~d -->\ne", "a\n\ne", {"comments": 1}),
        ("a\n\n<!-- b\n\nc", "a", {"comments": 1, "hidden text": 1}),
        ('a <span style="display: none">b</span> c', "a c", {"hidden text": 1}),
        ("<div hidden>\n\n<div>b</div>\n\nc\n\n</div>\n\na", "a", {"hidden text": 1}),
        ("below 30[[12](#r12)]. Then", "below 30. Then", {"reference marks": 1}),
        ("below 30<sup>[3](#a),[4](#b)</sup>.", "below 30.", {"reference marks": 2}),
    ],
)
def test_what_is_left_out_is_counted(
    tmp_path: Path, content: str, text: str, left_out: dict[str, int]
) -> None:
    document, blocks = blocks_of(tmp_path / "f.md", content)
    assert "\n\n".join(block.text for block in blocks) == text
    assert document.left_out == left_out
    assert document.flags == ({Flag.hidden_text} if "hidden text" in left_out else set())


def test_numbers_of_links_and_notes_stay_apart(tmp_path: Path) -> None:
    text = (
        "Give 5[^a] mg below 30[1], see [2](http://x), [^b].\n\nText.\n\n"
        "[1]: http://y\n[^a]: Not in *children*.\n    Never.\n"
    )
    assert shown(tmp_path, text) == (
        "Give 5 [a] mg below 30 [1], see 2, [^b].\n\nText.\n\n[a] Not in children. Never."
    )


def test_the_title_is_read_like_other_text(tmp_path: Path) -> None:
    content = "<!--\n# Draft\n-->\n\n# The ~~old~~ *new* &amp; rest\n\nText.\n"
    document, blocks = blocks_of(tmp_path / "f.md", content)
    assert (document.title, [block.text for block in blocks]) == ("The new & rest", ["Text."])


def test_tables_name_their_columns(tmp_path: Path) -> None:
    content = (
        "Table 1: Doses\n\n"
        "Drug | Dose<sup>a</sup> | Note\n:-- | --: | ---\n"
        "A | 1 mg \\| 2 mg | `x\\|y`\nB | **3** mg<br>daily |\nC | 4 mg | d | extra\n\n"
        "[^1]: Table 2 shows more.\n\n|Age|\n|-|\n|5|\n"
    )
    document, blocks = blocks_of(tmp_path / "f.md", content)
    assert [(block.kind, block.header, block.text) for block in blocks] == [
        (BlockKind.caption, "", "Table 1: Doses"),
        (
            BlockKind.table,
            "Table 1: Doses",
            "Drug: A; Dose [a]: 1 mg | 2 mg; Note: x|y\n"
            "Drug: B; Dose [a]: 3 mg daily\n"
            "Drug: C; Dose [a]: 4 mg; Note: d",
        ),
        (BlockKind.text, "", "[1] Table 2 shows more."),
        (BlockKind.table, "", "Age: 5"),
    ]
    assert document.left_out == {"cells beyond the table": 1}


def test_a_table_in_html(tmp_path: Path) -> None:
    content = (
        "<table>\n<caption>Doses</caption>\n<tr><th>Drug</th><th>Dose</th></tr>\n"
        '<tr><td rowspan="2">A &amp; B</td>\n\n<td>1 mg</td></tr>\n\n<tr><td>\n\n*2* mg\n\n'
        "</td></tr>\n</table>\n\nAfter.\n"
    )
    _, blocks = blocks_of(tmp_path / "f.md", content)
    assert [(block.header, block.text) for block in blocks] == [
        ("", "Doses"),
        ("Doses", "Drug: A & B; Dose: 1 mg\nDrug: A & B; Dose: 2 mg"),
        ("", "After."),
    ]


@pytest.mark.parametrize(
    ("name", "ruled"), [("f.md", "|---|---|\n"), ("f.txt", "|---|---|\n"), ("f.txt", "")]
)
def test_a_long_table_is_read_in_parts_that_name_their_columns(
    tmp_path: Path, name: str, ruled: str
) -> None:
    rows = "".join(f"| drug {n} | {n} mg |\n" for n in range(6_000))
    path = tmp_path / name
    path.write_text(f"Text.\n\nTable 1: All\n\n| Drug | Dose |\n{ruled}{rows}\nEnd.\n")
    tracemalloc.start()
    try:
        (document,) = read_documents(path, name, CorpusConfig())
        assert isinstance(document, Document)
        count = 0
        for block in document.blocks:
            if block.kind == BlockKind.table:
                assert block.header == ("Table 1: All" if name == "f.md" else "")
                for line in block.text.splitlines():
                    assert line == f"Drug: drug {count}; Dose: {count} mg"
                    count += 1
        assert count == 6_000
        # As tokens of markdown-it, the whole table takes 20 MB.
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "unit", ["fever ", "Some words and *more* of them here,\n", "- item\n", "x"]
)
def test_a_huge_paragraph_of_markdown_comes_in_bounded_blocks(tmp_path: Path, unit: str) -> None:
    times = 200_000 // len(unit)
    _, blocks = blocks_of(tmp_path / "f.md", "Start.\n\n" + unit * times + "end")
    assert max(len(block.text) for block in blocks) <= 1 << 16
    text = "".join((block.glue if n else "") + block.text for n, block in enumerate(blocks[1:]))
    assert (
        "".join(text.split())
        == (unit * times).replace("*", "").replace("\n", "").replace(" ", "") + "end"
    )
    if unit[0] in "fSx":
        assert text == (unit * times).replace("*", "").replace("\n", " ") + "end"


def test_questions_are_told_from_answers(tmp_path: Path) -> None:
    content = (
        "# T\n\n## What is gout?\n\nGout hurts. Why? Crystals.\n\n**Question:** Is ice used?\n\n"
        "Q: And rest?\nA: Yes.\n\nCan I run?\n"
    )
    kinds = [
        (BlockKind.question, "What is gout?"),
        (BlockKind.text, "Gout hurts. Why? Crystals."),
        (BlockKind.question, "Question: Is ice used?"),
        (BlockKind.question, "Q: And rest?"),
        (BlockKind.text, "A: Yes."),
        (BlockKind.question, "Can I run?"),
    ]
    _, blocks = blocks_of(tmp_path / "f.md", content)
    assert [(block.kind, block.text) for block in blocks] == kinds
    _, blocks = blocks_of(tmp_path / "f.txt", content.replace("# ", "").replace("#", ""))
    assert [(block.kind, block.text) for block in blocks[-3:]] == kinds[-3:]


def test_plain_text_is_not_markdown(tmp_path: Path) -> None:
    text = "Give ~~50~~ *5* mg <!-- a --> of a\\_b &lt; [c](d) `e` <b>f</b>."
    assert read(tmp_path / "f.txt", f"T\n\n{text}\n")[1] == [("", text)]


def test_rows_of_plain_text_name_their_columns_if_the_first_row_does(tmp_path: Path) -> None:
    for rows, text in [
        ("Drug\tDose\tWhen\nA\t5 mg\tnoon", "Drug: A; Dose: 5 mg; When: noon"),
        ("| Drug | Use |\n|---|---|\n| A | gout |", "Drug: A; Use: gout"),
        ("A | 5 mg\nB | 6 mg", "A; 5 mg\nB; 6 mg"),
        ("Drug | Dose\nA | 5 mg | x", "Drug | Dose\nA | 5 mg | x"),
    ]:
        assert read(tmp_path / "f.txt", f"T\n\n{rows}\n")[1] == [("", text)]


def test_a_digit_after_a_raised_number_is_another_number(tmp_path: Path) -> None:
    assert shown(tmp_path, "Of 10<sup>9</sup>5 grew; 10<sup>9</sup>/L.") == (
        "Of 10^9 5 grew; 10^9/L."
    )
