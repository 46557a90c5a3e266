"""PDFs through `read_documents`: running lines, turned text, columns, raised digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Block, Document, Flag

Draw = Callable[[Canvas], None]


def pdf(path: Path, pages: Sequence[Draw], *, title: str = "") -> Path:
    canvas = Canvas(str(path))
    if title:
        canvas.setTitle(title)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return path


def at(*lines: tuple[float, float, str]) -> Draw:
    """Draw each line at its place, in points from the lower left corner, in this order."""

    def draw(canvas: Canvas) -> None:
        for x, y, text in lines:
            canvas.drawString(x, y, text)

    return draw


def down(*lines: str) -> Draw:
    """Draw the lines below each other."""
    return at(*((50, 800 - 14 * n, line) for n, line in enumerate(lines)))


def read_one(path: Path) -> tuple[Document, list[Block]]:
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return document, list(clean_blocks(document.blocks))


def text_of(path: Path) -> str:
    blocks = read_one(path)[1]
    return "".join((block.glue if n else "") + block.text for n, block in enumerate(blocks))


FULL = "This line of running text is about as long as all of the lines on its page are"
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]

# --- running headers and footers ---------------------------------------------------------------


def test_values_that_differ_from_page_to_page_are_kept(tmp_path: Path) -> None:
    values = [
        ("Anna", 4.1, 13.2, 2),
        ("Bob", 6.8, 7.1, 40),
        ("Cyd", 2.2, 9.9, 320),
        ("Dan", 5.0, 14.0, 7),
    ]
    pages = [
        down(
            f"Potassium: {potassium} mmol/L",
            f"Haemoglobin: {haemoglobin} g/dL",
            f"{name} was seen. {FULL}",
            f"Maximum daily dose: {dose} mg",
        )
        for name, potassium, haemoglobin, dose in values
    ]
    text = text_of(pdf(tmp_path / "labs.pdf", pages, title="Reports"))
    for _, potassium, haemoglobin, dose in values:
        assert f"Potassium: {potassium} mmol/L" in text
        assert f"Haemoglobin: {haemoglobin} g/dL" in text
        assert f"Maximum daily dose: {dose} mg" in text


@pytest.mark.parametrize(
    "line", ["Case {}", "Day {}: give 5 mg", "{} mg per day", "Number of tablets: {}", "Stage {}b"]
)
def test_counts_that_grow_with_the_pages_are_kept(tmp_path: Path, line: str) -> None:
    pages = [
        down("Heading", line.format(n), f"Body {word}. {FULL}", line.format(n))
        for n, word in enumerate(WORDS, start=1)
    ]
    text = text_of(pdf(tmp_path / "f.pdf", pages, title="A handbook"))
    assert "Heading" not in text
    assert [n for n in range(1, 11) if text.count(line.format(n)) < 2] == []


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "- {} -",
        "{} / 210",
        "{} of 210",
        "Page {} of 210",
        "Guideline 2020, p. {}",
        "Seite {}",
        "{} | Page",
        "Journal of Gout {}",
        "{} Smith and others",
    ],
)
@pytest.mark.parametrize("first", [1, 201])
def test_page_numbers_are_dropped(tmp_path: Path, line: str, first: int) -> None:
    pages = [
        down(line.format(n), f"Body {word}. {FULL}", f"More {word}.", line.format(n))
        for n, word in enumerate(WORDS, start=first)
    ]
    text = text_of(pdf(tmp_path / "f.pdf", pages, title="A handbook"))
    assert text.startswith("Body alpha.") and text.endswith("More kappa.")
    assert not any(character.isdigit() for character in text)


def test_headers_on_every_other_page_are_dropped(tmp_path: Path) -> None:
    pages = [
        down(
            "Journal of Gout" if n % 2 else "Smith and others", f"Body {word}. {FULL}", str(n + 90)
        )
        for n, word in enumerate(WORDS)
    ]
    text = text_of(pdf(tmp_path / "f.pdf", pages, title="A handbook"))
    assert "Journal" not in text and "Smith" not in text and "9" not in text


def test_the_page_number_alone_at_the_foot_of_a_first_page_is_dropped(tmp_path: Path) -> None:
    pages = [
        down(f"Body {word}. {FULL}", f"More {word}.", str(n))
        if n == 55
        else down(f"Care of adult gout {n}", f"Body {word}. {FULL}", f"More {word}.")
        for n, word in enumerate(WORDS, start=51)
    ]
    text = text_of(pdf(tmp_path / "f.pdf", pages, title="A handbook"))
    assert not any(character.isdigit() for character in text)


def test_a_line_that_some_distant_pages_share_is_kept(tmp_path: Path) -> None:
    pages = [
        down(f"Body {n // 10} {n % 10}. {FULL}", "Store cold." if n % 10 == 0 else f"Keep {n * n}.")
        for n in range(40)
    ]
    assert text_of(pdf(tmp_path / "f.pdf", pages)).count("Store cold.") == 4


def test_running_lines_are_kept_if_there_is_no_other_text(tmp_path: Path) -> None:
    path = pdf(tmp_path / "days.pdf", [down("Give 5 mg daily")] * 5)
    assert text_of(path).count("Give 5 mg daily") == 5


def test_half_a_word_is_not_a_title(tmp_path: Path) -> None:
    lines = ("The anti-", "inflammatory effect of low-dose steroids was seen in all of the arms.")
    path = pdf(tmp_path / "on-steroids.pdf", [down(*lines)])
    assert read_one(path)[0].title == "On steroids"
    assert text_of(path).startswith("The antiinflammatory effect")


# --- turned text -------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [90, 270])
def test_the_line_ends_of_turned_text_are_kept(tmp_path: Path, angle: int) -> None:
    rows = [f"Row {word}: drug A, 5 mg twice daily, INR weekly END" for word in WORDS]

    def draw(canvas: Canvas) -> None:
        canvas.translate(*((595, 0) if angle == 90 else (0, 842)))
        canvas.rotate(angle)
        for n, row in enumerate(rows):
            canvas.drawString(50, 540 - 18 * n, row)

    text = text_of(pdf(tmp_path / "f.pdf", [draw], title="A table set sideways"))
    assert [row for row in rows if row not in text] == []
    assert "ENDRow" not in text


# --- reading order -----------------------------------------------------------------------------

LEFT = [
    "Metformin is the first choice for adults with",
    "type 2 diabetes unless it is contraindicated by",
    "renal failure or acidosis of any cause at all.",
    "It is given with food and is increased slowly",
]
RIGHT = [
    "Sulfonylureas raise the risk of hypoglycaemia",
    "and should be used with care in older patients",
    "who live alone or who have renal impairment.",
    "Their dose is halved when insulin is added",
]


def flat(path: Path) -> str:
    return " ".join(text_of(path).split())


@pytest.mark.parametrize("lower", [0, 4], ids=["on one line", "a third of a line lower"])
def test_columns_drawn_line_by_line_are_read_one_after_the_other(
    tmp_path: Path, lower: float
) -> None:
    lines = [(150.0, 800.0, "How blood glucose is lowered in adults and in children")]
    for n, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        lines += [(50, 770 - 14 * n, left), (310, 770 - lower - 14 * n, right)]
    lines.append((50, 700, "Both columns end here, and this line goes over the whole of the page."))
    text = flat(pdf(tmp_path / "f.pdf", [at(*lines)], title="Glucose"))
    assert f"children {' '.join(LEFT)} {' '.join(RIGHT)} Both columns" in text


def test_columns_drawn_one_after_the_other_stay_in_order(tmp_path: Path) -> None:
    lines = [(50.0, 770.0 - 14 * n, line) for n, line in enumerate(LEFT)]
    lines += [(310.0, 770.0 - 14 * n, line) for n, line in enumerate(RIGHT)]
    text = flat(pdf(tmp_path / "f.pdf", [at(*lines)], title="Glucose"))
    assert text == f"{' '.join(LEFT)} {' '.join(RIGHT)}"


NARROW = [
    "Bisoprolol is started at 1.25 mg each day and doubled every two weeks in stable heart failure "
    "until the target dose is reached. The pulse is taken before each step.",
    "Digoxin levels are kept below 1 mcg/L and the dose is halved in renal failure or with "
    "amiodarone. Nausea and yellow vision are signs of poisoning.",
    "Metformin is the first choice in adults with type 2 diabetes. It is given with food, and is "
    "stopped when eGFR is below 30 or before contrast.",
]


def wrapped(text: str, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and stringWidth(longer, "Helvetica", 12) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def across(texts: Sequence[str], width: float, top: float) -> list[tuple[float, float, str]]:
    """Return columns of these texts, drawn line by line across all of them."""
    rows = zip_longest(*(wrapped(text, width) for text in texts))
    return [
        (50 + column * (width + 20), top - 14 * n, line)
        for n, row in enumerate(rows)
        for column, line in enumerate(row)
        if line
    ]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("width", [80, 110, 150])
def test_narrow_columns_drawn_line_by_line_are_read_one_after_the_other(
    tmp_path: Path, count: int, width: float
) -> None:
    lines = [(50.0, 800.0, "How these drugs are given"), *across(NARROW[:count], width, 780)]
    text = flat(pdf(tmp_path / "f.pdf", [at(*lines)], title="Drugs"))
    assert text.endswith(" ".join(NARROW[:count]))


def test_a_heading_across_columns_parts_them(tmp_path: Path) -> None:
    heading = (50.0, 500.0, "What is measured before and during treatment")
    lines = [*across(NARROW[:2], 130, 780), heading, *across(NARROW[:0:-1], 130, 480)]
    text = flat(pdf(tmp_path / "f.pdf", [at(*lines)], title="Drugs"))
    assert text == " ".join([*NARROW[:2], heading[2], *NARROW[:0:-1]])


def test_the_last_lines_of_columns_follow_the_columns_above(tmp_path: Path) -> None:
    lines = across(NARROW[:2], 150, 780)
    end = min(y for _, y, _ in lines) - 20
    lines += [(50, end, "Both drugs need care, as all drugs do in older people.")]
    lines += [(50, end - 20, "It is stopped slowly,"), (220, end - 20, "Its level is taken")]
    lines += [(50, end - 34, "over two weeks."), (220, end - 34, "six hours after it.")]
    text = flat(pdf(tmp_path / "f.pdf", [at(*lines)], title="Drugs"))
    assert "It is stopped slowly, over two weeks. Its level is taken six hours after it." in text


@pytest.mark.parametrize(
    "rows",
    [
        [
            ("bd", "twice a day"),
            ("tds", "three times a day"),
            ("qds", "four times a day"),
            ("prn", "when it is needed."),
            ("stat", "at once"),
        ],
        [
            ("chest pain at rest", "call an ambulance"),
            ("pain on effort only", "see a doctor soon"),
            ("swollen ankles", "raise the diuretic"),
            ("fainting", "do not drive. See a doctor"),
            ("cough at night", "raise the head of the bed"),
        ],
        [
            ("Warfarin", "Monitor the INR weekly until it is stable."),
            ("Apixaban", "no monitoring of the blood is needed"),
            ("Aspirin 75 mg", "with food. Stop before surgery."),
            ("Heparin", "platelets on day five"),
        ],
        [
            ("the patient has a fever of unknown origin", "take blood cultures before antibiotics"),
            ("the patient has a stiff neck and headache", "do a lumbar puncture unless there is"),
            ("the patient is confused and cannot speak", "call the stroke team and do a CT now"),
        ],
        [
            ("Warfarin is stopped on day five before it.", "Heparin is given from day three on."),
            ("Apixaban is stopped two days before it.", "Nothing is given in its place then."),
            ("Aspirin is not stopped before surgery.", "Nothing is given in its place then."),
        ],
    ],
    ids=["short words", "short phrases", "narrow", "phrases", "sentences"],
)
def test_the_rows_of_a_table_stay_whole(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    cells = [
        (x, 700.0 - 15 * n, cell)
        for n, row in enumerate(rows)
        for x, cell in zip((50.0, 320.0), row, strict=True)
    ]
    _, (block,) = read_one(pdf(tmp_path / "f.pdf", [at(*cells)], title="A table"))
    assert block.text.split("\n") == [" | ".join(row) for row in rows]
    assert not block.flags


def test_a_block_drawn_before_the_one_above_it_is_read_after_it(tmp_path: Path) -> None:
    low = [(50.0, 600.0 - 14 * n, line) for n, line in enumerate(RIGHT)]
    high = [(50.0, 770.0 - 14 * n, line) for n, line in enumerate(LEFT)]
    foot = (50.0, 30.0, "Printed in Geneva")
    text = flat(pdf(tmp_path / "f.pdf", [at(foot, *low, *high)], title="Glucose"))
    assert text == f"{' '.join(LEFT)} {' '.join(RIGHT)} Printed in Geneva"


def test_words_divided_in_reordered_columns_are_joined(tmp_path: Path) -> None:
    left = [*LEFT[:2], "renal failure of the kind that is con-", "tinual."]
    lines = [
        (x, 770.0 - 14 * n, line)
        for n, row in enumerate(zip(left, RIGHT, strict=True))
        for x, line in zip((50.0, 310.0), row, strict=True)
    ]
    text = flat(pdf(tmp_path / "f.pdf", [at(*lines)], title="Glucose"))
    assert "of the kind that is continual." in text


# --- headings and notes -------------------------------------------------------------------------

STORED = [
    "Keep the bottle in the fridge and do not freeze it. Shake it well before each dose, and",
    "throw away what is left after the seventh day even if there is a lot of it.",
]
COMMON = ["Loose stools are common and stop by themselves. See a doctor if they last for longer"]


def typed(*lines: tuple[float, str, str]) -> Draw:
    """Draw lines at a height, each in its font."""

    def draw(canvas: Canvas) -> None:
        for y, font, line in lines:
            canvas.setFont(font, 10)
            canvas.drawString(50, y, line)

    return draw


def parts(path: Path, draw: Draw) -> list[str]:
    return [block.text for block in read_one(pdf(path, [draw], title="A leaflet"))[1]]


@pytest.mark.parametrize(
    ("height", "font"),
    [(674.0, "Helvetica-Bold"), (664.0, "Helvetica"), (664.0, "Helvetica-Bold")],
    ids=["bold", "apart", "both"],
)
def test_a_heading_is_not_part_of_the_paragraph_above_it(
    tmp_path: Path, height: float, font: str
) -> None:
    lines = [
        (700.0, "Helvetica", STORED[0]),
        (687.0, "Helvetica", STORED[1]),
        (height, font, "What to do about side effects of this medicine in children"),
        (height - 13, "Helvetica", COMMON[0]),
    ]
    first, second = parts(tmp_path / "f.pdf", typed(*lines))
    assert first == " ".join(STORED)
    assert second == f"What to do about side effects of this medicine in children\n{COMMON[0]}"


def test_a_bold_sentence_within_a_paragraph_stays_there(tmp_path: Path) -> None:
    lines = [
        (700.0, "Helvetica", STORED[0]),
        (687.0, "Helvetica-Bold", STORED[1]),
        (674.0, "Helvetica", COMMON[0]),
    ]
    assert parts(tmp_path / "f.pdf", typed(*lines)) == [" ".join([*STORED, *COMMON])]


def test_paragraphs_of_full_lines_are_told_apart_by_their_distance(tmp_path: Path) -> None:
    lines = [(700.0 - 13 * n - 6 * (n > 1), "Helvetica", STORED[n % 2]) for n in range(4)]
    assert parts(tmp_path / "f.pdf", typed(*lines)) == [" ".join(STORED)] * 2


def test_each_footnote_is_a_paragraph(tmp_path: Path) -> None:
    notes = ["a In two doses each day.", "b Not in pregnancy.", "† 3 days at most."]
    lines = [(700.0 - 13 * n, "Helvetica", line) for n, line in enumerate([*STORED, *notes])]
    assert parts(tmp_path / "f.pdf", typed(*lines))[1:] == notes


@pytest.mark.parametrize(
    ("before", "mark", "after"),
    [("5 mg", "a", "5 mg [a]"), ("12%", "b,c", "12% [b,c]"), ("x", "a", "xa")],
)
def test_the_mark_of_a_footnote_stays_apart(
    tmp_path: Path, before: str, mark: str, after: str
) -> None:
    def draw(canvas: Canvas) -> None:
        for n in range(4):
            canvas.setFont("Helvetica", 10)
            canvas.drawString(50, 700 - 14 * n, f"Drug {n}")
            canvas.drawString(150, 700 - 14 * n, f"{n + 2} times")
            canvas.drawString(250, 700 - 14 * n, before)
            canvas.setFont("Helvetica", 6)
            canvas.drawString(250 + stringWidth(before, "Helvetica", 10), 704 - 14 * n, mark)

    text = " ".join(parts(tmp_path / "f.pdf", draw))
    assert len(re.findall(rf"{re.escape(after)}(?![\w\]])", text)) == 4, text


# --- raised characters -------------------------------------------------------------------------


def test_raised_numbers_do_not_run_into_others(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 800, "Blood was taken.")
        text = canvas.beginText(50, 780)
        for part, size, rise in [
            ("Platelets were 100 x 10", 12, 0),
            ("9", 7, 5),
            ("/L in all of the trials", 12, 0),
            ("3,4", 7, 5),
            (" of CO", 12, 0),
            ("2", 7, -3),
            (" at 5 mg/m", 12, 0),
            ("2", 7, 5),
        ]:
            text.setFont("Helvetica", size)
            text.setRise(rise)
            text.textOut(part)
        canvas.drawText(text)

    text = text_of(pdf(tmp_path / "f.pdf", [draw], title="Platelets"))
    assert text == (
        "Blood was taken.\n\nPlatelets were 100 x 10^9/L in all of the trials 3,4 of CO2 at 5 mg/m2"
    )


def raised(*parts: str) -> Draw:
    """Draw a sentence whose second, fourth, ... part is raised."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 800, "Blood was taken.")
        text = canvas.beginText(50, 780)
        for n, part in enumerate(parts):
            text.setFont("Helvetica", 7 if n % 2 else 12)
            text.setRise(5 if n % 2 else 0)
            text.textOut(part)
        canvas.drawText(text)

    return draw


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["It was below 30", "12", " in adults."], "below 30 12 in adults."),
        (["It was 2.5", "3", " mg."], "It was 2.5 3 mg."),
        (["It was 30", "12-14", " in adults."], "It was 30 12-14 in adults."),
        (["There were 10", "2", " patients."], "There were 10 2 patients."),
        (["There were 10", "6", " cells."], "There were 10^6 cells."),
        (["There were 3 x 10", "9", " in all."], "There were 3 x 10^9 in all."),
        (["It was 10", "-3", " mol."], "It was 10^-3 mol."),
        (["It was 5.2", "a", " mmol."], "It was 5.2 [a] mmol."),
        (["It was 5.2", "*", " mmol."], "It was 5.2 [*] mmol."),
        (["On the 1", "st", " day."], "On the 1st day."),
        (["It was 8 cm", "2", " wide."], "It was 8 cm2 wide."),
    ],
)
@pytest.mark.parametrize("reordered", [False, True])
def test_a_raised_mark_after_a_number_is_a_power_only_after_ten(
    tmp_path: Path, parts: list[str], expected: str, reordered: bool
) -> None:
    """The page is read in another way if its columns are put in order."""

    def draw(canvas: Canvas) -> None:
        raised(*parts)(canvas)
        if reordered:
            at(*across(NARROW[:2], 130, 700))(canvas)

    text = flat(pdf(tmp_path / "f.pdf", [draw], title="Blood"))
    assert expected in text


def test_a_first_sentence_with_a_dose_stays_in_the_text(tmp_path: Path) -> None:
    lines = [
        (72, 760, "Give digoxin 125 mcg daily."),
        (72, 700, "It slows the heart in fibrillation."),
    ]
    path = pdf(tmp_path / "digoxin.pdf", [at(*lines)])
    document, _ = read_one(path)
    assert document.title == "Digoxin"
    assert "Give digoxin 125 mcg daily." in text_of(path)


def test_a_page_that_cannot_be_read_is_flagged_and_counted(tmp_path: Path) -> None:
    pages = [down(f"Sentence {n} about gout is here.") for n in ("one", "two", "three")]
    path = pdf(tmp_path / "gout.pdf", pages)
    kinds = list(re.finditer(rb"/Type /Page\b(?!s)", path.read_bytes()))
    damaged = bytearray(path.read_bytes())
    damaged[kinds[1].start() : kinds[1].end()] = b"/Type /Pxge"
    path.write_bytes(damaged)
    document, blocks = read_one(path)
    assert [(block.page, block.text) for block in blocks] == [
        (1, "Sentence one about gout is here."),
        (3, "Sentence three about gout is here."),
    ]
    assert document.flags == {Flag.truncated}
    assert document.left_out == {"pages that cannot be read": 1}
