"""PDFs through `read_documents`: tables come out as rows that name their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.types import Block, BlockKind, Document, Flag

Draw = Callable[[Canvas], None]
Rows = Sequence[Sequence[str]]
PROSE = [
    "Children are weighed before the first dose and again before each new course of",
    "treatment, because the dose follows from the weight. It is rounded to a volume",
    "that a parent can measure with the syringe in the pack.",
]
DOSES = [
    ("Drug", "Dose (mg)", "Doses a day"),
    ("Amoxicillin", "125", "3"),
    ("Cefalexin", "250", "2"),
    ("Penicillin V", "62.5", "4"),
]
EDGES = [50.0, 200.0, 300.0, 400.0]


def read(path: Path, *pages: Draw) -> list[Block]:
    canvas = Canvas(str(path), pagesize=(595, 842))
    canvas.setTitle("Doses for children")
    for draw in pages:
        canvas.setFont("Helvetica", 10)
        canvas.setLineWidth(0.5)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return list(document.blocks)


def lines(blocks: list[Block], kind: BlockKind = BlockKind.table) -> list[str]:
    return [line for block in blocks if block.kind == kind for line in block.text.split("\n")]


def down(canvas: Canvas, texts: Sequence[str], top: float, x: float = 50) -> None:
    for n, text in enumerate(texts):
        canvas.drawString(x, top - 13 * n, text)


def cells(
    canvas: Canvas, rows: Rows, top: float, edges: Sequence[float] = EDGES, pitch: float = 14
) -> float:
    """Draw rows; "*" before a text makes it bold, ">" indents it. Return the next line's height."""
    for row in rows:
        for x, text in zip(edges, row, strict=False):
            canvas.setFont("Helvetica-Bold" if text.startswith("*") else "Helvetica", 10)
            canvas.drawString(x + 3 + 10 * text.startswith(">"), top, text.lstrip("*>"))
        top -= pitch
    return top


def flats(canvas: Canvas, *heights: float, x: float = 50, to: float = 400) -> None:
    for y in heights:
        canvas.line(x, y, to, y)


def uprights(canvas: Canvas, low: float, high: float, *places: float) -> None:
    for x in places:
        canvas.line(x, low, x, high)


def ruled(canvas: Canvas) -> None:
    cells(canvas, DOSES, 700)
    flats(canvas, *(710.5 - 14 * n for n in range(5)))
    uprights(canvas, 654.5, 710.5, *EDGES)


def drawn_as_one_path(canvas: Canvas) -> None:
    canvas.grid(EDGES, [710.5 - 14 * n for n in range(5)])
    cells(canvas, DOSES, 700)


def cells_with_borders(canvas: Canvas) -> None:
    for n, row in enumerate(DOSES):
        for left, right, text in zip(EDGES, EDGES[1:], row, strict=False):
            canvas.rect(left, 696.5 - 14 * n, right - left, 14)
            canvas.drawString(left + 3, 700 - 14 * n, text)


def thin_areas_for_lines(canvas: Canvas) -> None:
    cells(canvas, DOSES, 700)
    for n in range(5):
        canvas.rect(50, 710.5 - 14 * n, 350, 0.4, fill=1, stroke=0)
    for x in EDGES:
        canvas.rect(x, 654.5, 0.4, 56, fill=1, stroke=0)


def drawn_by_columns(canvas: Canvas) -> None:
    for x, column in zip(EDGES, zip(*DOSES, strict=True), strict=False):
        for n, text in enumerate(column):
            canvas.drawString(x + 3, 700 - 14 * n, text)
    flats(canvas, 711, 696.5, 654)


def only_columns_divided(canvas: Canvas) -> None:
    cells(canvas, DOSES, 700)
    flats(canvas, 711, 696.5, 654)
    uprights(canvas, 654, 711, *EDGES)


def three_lines(canvas: Canvas) -> None:
    cells(canvas, DOSES, 700)
    flats(canvas, 711, 696.5, 654)


def no_lines(canvas: Canvas) -> None:
    cells(canvas, DOSES, 700)


def numbers_to_the_right(canvas: Canvas) -> None:
    flats(canvas, 711, 696.5, 654)
    for n, row in enumerate(DOSES):
        canvas.drawString(50, 700 - 14 * n, row[0])
        canvas.drawRightString(260, 700 - 14 * n, row[1])
        canvas.drawRightString(330, 700 - 14 * n, row[2])


@pytest.mark.parametrize(
    "draw",
    [
        ruled,
        drawn_as_one_path,
        cells_with_borders,
        thin_areas_for_lines,
        drawn_by_columns,
        only_columns_divided,
        three_lines,
        no_lines,
        numbers_to_the_right,
    ],
)
def test_a_table_within_text(tmp_path: Path, draw: Draw) -> None:
    def page(canvas: Canvas) -> None:
        down(canvas, PROSE, 780)
        canvas.drawString(50, 725, "Table 2. Oral doses of antibiotics.")
        draw(canvas)
        down(canvas, ["Give the next dose on time."], 620)

    blocks = read(tmp_path / "f.pdf", page)
    assert [(block.kind, block.text) for block in blocks] == [
        (BlockKind.text, " ".join(PROSE)),
        (BlockKind.caption, "Table 2. Oral doses of antibiotics."),
        (
            BlockKind.table,
            "Drug: Amoxicillin; Dose (mg): 125; Doses a day: 3\n"
            "Drug: Cefalexin; Dose (mg): 250; Doses a day: 2\n"
            "Drug: Penicillin V; Dose (mg): 62.5; Doses a day: 4",
        ),
        (BlockKind.text, "Give the next dose on time."),
    ]
    assert blocks[2].header == "Table 2. Oral doses of antibiotics."
    assert not any(block.flags for block in blocks)


def test_a_caption_below_its_table(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        down(canvas, PROSE, 780)
        ruled(canvas)
        down(canvas, ["Table 2. Oral doses of antibiotics for", "children.", *PROSE], 640)

    blocks = read(tmp_path / "f.pdf", page)
    assert lines(blocks, BlockKind.caption) == ["Table 2. Oral doses of antibiotics for children."]
    assert [block.text for block in blocks if block.kind == BlockKind.text] == [" ".join(PROSE)] * 2


def test_a_sentence_about_a_table_is_no_caption(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        down(canvas, ["Table 2 shows the doses."], 725)
        ruled(canvas)

    blocks = read(tmp_path / "f.pdf", page)
    assert blocks[0].text == "Table 2 shows the doses."
    assert not lines(blocks, BlockKind.caption) and not blocks[1].header


def test_a_table_in_the_middle_of_a_sentence_comes_after_its_paragraph(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        down(canvas, PROSE[:2], 780)
        ruled(canvas)
        down(canvas, PROSE[2:], 630)

    blocks = read(tmp_path / "f.pdf", page)
    assert [block.kind for block in blocks] == [BlockKind.text, BlockKind.table]
    assert blocks[0].text == " ".join(PROSE)


def test_cells_over_rows_and_columns(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        flats(canvas, 715, 685, 645)
        flats(canvas, 700, x=200)
        flats(canvas, 665, x=200)
        uprights(canvas, 645, 715, 50, 200, 400)
        uprights(canvas, 645, 700, 300)
        cells(canvas, [("", "Dose (mg)")], 704)
        cells(canvas, [("Drug", "1 year", "6 years")], 689)
        cells(canvas, [("", "125", "250")], 670)
        cells(canvas, [("Amoxicillin", "", "")], 661)
        cells(canvas, [("", "150", "300")], 650)

    assert lines(read(tmp_path / "f.pdf", page)) == [
        "Drug: Amoxicillin; Dose (mg), 1 year: 125; Dose (mg), 6 years: 250",
        "Drug: Amoxicillin; Dose (mg), 1 year: 150; Dose (mg), 6 years: 300",
    ]


@pytest.mark.parametrize("short_lines", [True, False])
def test_headers_over_several_columns(tmp_path: Path, short_lines: bool) -> None:
    edges = [50.0, 150.0, 220.0, 300.0, 370.0]

    def page(canvas: Canvas) -> None:
        flats(canvas, 715, 682, 640, to=450)
        canvas.drawCentredString(222, 703, "Sepsis")
        canvas.drawCentredString(372, 703, "Flu")
        if short_lines:
            flats(canvas, 699, x=150, to=290)
            flats(canvas, 699, x=300, to=450)
        names = ("Age", "mg", "Days", "mg", "Days")
        cells(canvas, [names], 687, edges)
        cells(canvas, [("1 year", "7", "14", "5", "10")], 670, edges)
        cells(canvas, [("6 years", "9", "21", "6", "12")], 656, edges)

    assert lines(read(tmp_path / "f.pdf", page)) == [
        "Age: 1 year; Sepsis, mg: 7; Sepsis, Days: 14; Flu, mg: 5; Flu, Days: 10",
        "Age: 6 years; Sepsis, mg: 9; Sepsis, Days: 21; Flu, mg: 6; Flu, Days: 12",
    ]


def test_cells_and_names_of_several_lines(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        flats(canvas, 715, 683, 610)
        rows = [
            ("Drug", "Dose", "Remark"),
            ("", "(mg)", ""),
            ("Amoxicillin", "125", "with food and a"),
            ("", "", "glass of water"),
            ("Penicillin in the", "62.5", "an hour before"),
            ("form of a syrup", "", "food"),
        ]
        cells(canvas, rows[:2], 704, pitch=13)
        cells(canvas, rows[2:], 670, pitch=13)

    assert lines(read(tmp_path / "f.pdf", page)) == [
        "Drug: Amoxicillin; Dose (mg): 125; Remark: with food and a glass of water",
        "Drug: Penicillin in the form of a syrup; Dose (mg): 62.5; Remark: an hour before food",
    ]


def test_labels_that_stand_for_several_rows(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        flats(canvas, 715, 696, 560)
        cells(canvas, [("Characteristic", "Placebo", "Apixaban")], 702)
        rows = [
            ("*Patients", "", ""),
            ("Age, years", "64", "63"),
            ("Sex", "", ""),
            (">Female", "60", "58"),
            (">Male", "61", "62"),
            ("*Doses", "", ""),
            ("Adults", "5", "2.5"),
            ("", "10", "7.5"),
        ]
        cells(canvas, rows, 680)

    assert lines(read(tmp_path / "f.pdf", page)) == [
        "Patients; Characteristic: Age, years; Placebo: 64; Apixaban: 63",
        "Patients; Sex; Characteristic: Female; Placebo: 60; Apixaban: 58",
        "Patients; Sex; Characteristic: Male; Placebo: 61; Apixaban: 62",
        "Doses; Characteristic: Adults; Placebo: 5; Apixaban: 2.5",
        "Doses; Characteristic: Adults; Placebo: 10; Apixaban: 7.5",
    ]


def test_a_table_of_words_with_bold_names(tmp_path: Path) -> None:
    rows = [
        ("*Drug", "*INR", "*Action"),
        ("Amiodarone", "rises", "halve the dose"),
        ("Rifampicin", "falls", "measure weekly"),
        ("Aspirin", "stays", "avoid it"),
    ]
    blocks = read(tmp_path / "f.pdf", lambda canvas: void(cells(canvas, rows, 700)))
    assert lines(blocks)[0] == "Drug: Amiodarone; INR: rises; Action: halve the dose"


def void(_: object) -> None:
    return None


def test_a_table_goes_on_over_the_page(tmp_path: Path) -> None:
    def first(canvas: Canvas) -> None:
        canvas.drawString(50, 150, "Table 2. Oral doses of antibiotics.")
        cells(canvas, DOSES[:3], 120)
        flats(canvas, 131, 116.5, 80)

    def second(canvas: Canvas) -> None:
        cells(canvas, [*DOSES[3:], ("Doxycycline", "100", "1")], 780)
        flats(canvas, 792, 760)

    blocks = read(tmp_path / "f.pdf", first, second)
    assert (blocks[-1].text, blocks[-1].page) == (
        "Drug: Penicillin V; Dose (mg): 62.5; Doses a day: 4\n"
        "Drug: Doxycycline; Dose (mg): 100; Doses a day: 1",
        2,
    )
    assert blocks[-1].header == "Table 2. Oral doses of antibiotics."


def test_numbers_that_do_not_line_up_stay_lines_and_are_flagged(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        for n, row in enumerate([(1, 90, 200), (40, 150, 310), (90, 190, 240), (20, 170, 390)]):
            for x, value in zip(row, ("12 mg", "3.5 mg", "140 mmol"), strict=True):
                canvas.drawString(50 + x, 700 - 14 * n, value)

    (block,) = read(tmp_path / "f.pdf", page)
    assert block.flags == {Flag.tables_as_lines}
    assert block.kind == BlockKind.text and block.text.count("12 mg 3.5 mg 140 mmol") == 4


Placed = Sequence[tuple[float, float, str]]


def placed(*texts: tuple[float, float, str]) -> Draw:
    def draw(canvas: Canvas) -> None:
        for x, y, text in texts:
            canvas.drawString(x, y, text)

    return draw


WIDE = [50.0, 150.0, 270.0, 390.0]
NAMES = [*zip(WIDE, [678.0] * 4, ("Drug", "Loading", "Then", "Notes"), strict=True)]
IN_LINE = [(50.0, 620.0, "Quinine"), (150, 620, "20 mg/kg"), (270, 620, "10 mg/kg tds")]
LAST = [(50.0, 600.0, "Artesunate"), (150, 600, "2.4 mg/kg"), (390, 600, "not with quinine")]


@pytest.mark.parametrize("label", [660.0, 648.0, 636.0], ids=["top", "middle", "bottom"])
def test_a_label_beside_several_lines_names_all_of_them(tmp_path: Path, label: float) -> None:
    cells = [
        *NAMES,
        (50, label, "Chloroquine"),
        (150, 660, "10 mg/kg"),
        (150, 648, "(at most 600 mg)"),
        (270, label, "5 mg/kg bd"),
        (390, 660, "not in epilepsy; look"),
        (390, 648, "at the retina once"),
        (390, 636, "a year"),
        *IN_LINE,
        *LAST,
    ]
    assert lines(read(tmp_path / "f.pdf", placed(*cells))) == [
        "Drug: Chloroquine; Loading: 10 mg/kg (at most 600 mg); Then: 5 mg/kg bd; "
        "Notes: not in epilepsy; look at the retina once a year",
        "Drug: Quinine; Loading: 20 mg/kg; Then: 10 mg/kg tds",
        "Drug: Artesunate; Loading: 2.4 mg/kg; Notes: not with quinine",
    ]


def test_a_label_in_the_middle_of_rows_stands_for_all_of_them(tmp_path: Path) -> None:
    rows = [("5", "with food"), ("10", "with food"), ("20", "at night")]
    cells = [
        *zip(WIDE, [688.0] * 4, ("Drug", "Age", "Dose", "Notes"), strict=True),
        *[
            (x, 670.0 - 44 * group - 12 * n, text)
            for group in range(2)
            for n, row in enumerate(rows)
            for x, text in zip(WIDE[1:], ("over 3", *row), strict=True)
        ],
        (50, 658, "Loperamide"),
        (50, 614, "Quinine"),
    ]
    assert lines(read(tmp_path / "f.pdf", placed(*cells))) == [
        f"Drug: {drug}; Age: over 3; Dose: {dose}; Notes: {note}"
        for drug in ("Loperamide", "Quinine")
        for dose, note in rows
    ]


WORDS = [
    ("Sign", "Likely cause", "What to do"),
    ("Fever", "malaria", "take a film"),
    ("Jaundice", "", "measure bilirubin"),
    ("Rash", "dengue", "count platelets"),
]
PIPED = [
    "Sign | Likely cause | What to do",
    "Fever | malaria | take a film",
    "Jaundice | | measure bilirubin",
    "Rash | dengue | count platelets",
]


def words(*, by_column: bool = False, blank: str = "") -> Placed:
    cells = [
        (x, 660.0 - 14 * n, text or blank)
        for n, row in enumerate(WORDS)
        for x, text in zip(WIDE, row, strict=False)
        if text or blank
    ]
    return sorted(cells, key=lambda cell: cell[0]) if by_column else cells


def around_prose(*texts: tuple[float, float, str]) -> Draw:
    def draw(canvas: Canvas) -> None:
        down(canvas, PROSE, 740)
        placed(*texts)(canvas)
        down(canvas, PROSE, 520)

    return draw


def test_a_table_of_words_keeps_its_lines_and_columns(tmp_path: Path) -> None:
    before, table, after = read(tmp_path / "f.pdf", around_prose(*words()))
    assert table.text.split("\n") == PIPED
    assert table.flags == {Flag.tables_as_lines}
    assert before.text == after.text == " ".join(PROSE)


def test_a_table_of_words_drawn_by_columns_keeps_its_lines(tmp_path: Path) -> None:
    draw = around_prose(*words(by_column=True, blank="unclear"))
    _, table, _ = read(tmp_path / "f.pdf", draw)
    assert table.text.split("\n") == [line.replace(" | | ", " | unclear | ") for line in PIPED]


@pytest.mark.parametrize("apart", [8, 0])
def test_the_lines_of_a_cell_are_joined_if_their_distances_show_it(
    tmp_path: Path, apart: float
) -> None:
    cells = [*words(), (50, 606 - apart, "Cough"), (150, 606 - apart, "influenza or a cold")]
    cells += [(150, 594 - apart, "or pneumonia"), (270, 606 - apart, "no tests")]
    if apart:  # all rows are
        cells = [(x, y - apart * round((660 - y) / 14), text) for x, y, text in cells[:11]]
        cells += [(50, 570, "Cough"), (150, 570, "influenza or a cold")]
        cells += [(150, 558, "or pneumonia"), (270, 570, "no tests")]
    _, table, _ = read(tmp_path / "f.pdf", around_prose(*cells))
    last = (
        ["Cough | influenza or a cold or pneumonia | no tests"]
        if apart
        else ["Cough | influenza or a cold | no tests", "| or pneumonia"]
    )
    assert table.text.split("\n") == [*PIPED, *last]
    assert table.flags == {Flag.tables_as_lines}


def test_names_with_values_keep_their_lines_without_a_flag(tmp_path: Path) -> None:
    pairs = [
        ("By mouth", "swallow the tablets whole with a glass of water"),
        ("Under the skin", "turn from one side of the belly to the other"),
        ("Into a vein", "only in hospital, over at least twenty minutes"),
    ]
    cells = [
        (x, 660.0 - 14 * n, text)
        for n, row in enumerate(pairs)
        for x, text in zip((50.0, 200.0), row, strict=True)
    ]
    _, block, _ = read(tmp_path / "f.pdf", around_prose(*cells))
    assert block.text.split("\n") == [" | ".join(pair) for pair in pairs]
    assert not block.flags


def test_blocks_side_by_side_that_are_drawn_one_by_one_stay_whole(tmp_path: Path) -> None:
    blocks = [
        (50.0, ["Written by", "Dr A. Example", "Ward 4"]),
        (220.0, ["Checked by", "The pharmacy"]),
        (390.0, ["Published by", "Hill Hospital", "1 Hill Road", "Hilltown"]),
    ]
    cells = [(x, 660.0 - 14 * n, line) for x, block in blocks for n, line in enumerate(block)]
    text = "\n".join(block.text for block in read(tmp_path / "f.pdf", around_prose(*cells)))
    assert "\n".join(line for _, block in blocks for line in block) in text


def listed(canvas: Canvas) -> None:
    for n in range(8):
        canvas.drawString(50, 700 - 14 * n, f"{n + 1}.")
        canvas.drawString(80, 700 - 14 * n, f"Weigh the child {n + 3} times")


def contents(canvas: Canvas) -> None:
    for n in range(8):
        canvas.drawString(50, 700 - 14 * n, f"Doses in year {n}")
        canvas.drawRightString(400, 700 - 14 * n, str(3 * n + 5))


def framed(canvas: Canvas) -> None:
    canvas.rect(45, 660, 400, 60)
    down(canvas, PROSE, 700)


def between_lines(canvas: Canvas) -> None:
    flats(canvas, 800, 600, to=545)
    down(canvas, [line[:45] for line in PROSE * 4], 780)
    down(canvas, [line[20:62] for line in PROSE * 4], 780, x=310)


@pytest.mark.parametrize("draw", [listed, contents, framed, between_lines])
def test_lists_contents_and_framed_prose_are_no_tables(tmp_path: Path, draw: Draw) -> None:
    blocks = read(tmp_path / "f.pdf", draw)
    assert blocks and {block.kind for block in blocks} == {BlockKind.text}
