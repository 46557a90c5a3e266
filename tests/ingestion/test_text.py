"""Plain text: which line ends are meant, and which lines have columns."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Block, BlockKind, Document


def blocks(tmp_path: Path, text: str) -> list[Block]:
    path = tmp_path / "ward-note.txt"
    path.write_text(text)
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document)
    return list(clean_blocks(document.blocks))


def lines(tmp_path: Path, text: str) -> list[str]:
    return [line for block in blocks(tmp_path, text) for line in block.text.split("\n")]


@pytest.mark.parametrize(
    "text",
    [
        "Metoprolol 50 mg twice daily with breakfast\nLisinopril 5 mg once daily at bedtime\n"
        "Simvastatin 20 mg at night",
        "Codeine 30 mg\nDigoxin 125 micrograms once daily\nApixaban 5 mg twice daily",
        "Digoxin 125 micrograms once daily\nApixaban 5 mg twice daily",
        "apixaban 5 mg bd\nsodium valproate 300 mg bd\nfurosemide 40 mg om",
        "Enoxaparin 1.5 mg/kg under the skin once daily until the INR is above two\nIron 200 mg",
        "Chest clear\nNo oedema\nMobile with a frame",
        "Apyrexial, RR 16, SpO2 97% on air\nAbdomen soft, non-tender",
        "BP 120/80\nHR 72\nTemp 37.2",
        "INR above 5\n> 8: vitamin K\n< 2: raise the dose",
        "Dr I Novak\nConsultant Nephrologist\n12 Hill Road",
        "Diagnosis: pneumonia of the left lower lobe, treated with amoxicillin for a week\n"
        "Allergies: none\nWeight: 70 kg\nPlan: a chest film in six weeks",
        "Stop for now:\nIron 200 mg once daily\nCalcium 1 g at noon",
        "In order:\n1. Stop the infusion\n2. Give calcium 10 ml\nReview tomorrow",
    ],
)
def test_lines_that_are_meant_stay_lines(tmp_path: Path, text: str) -> None:
    assert lines(tmp_path, text) == text.split("\n")


PROSE = [
    "Dr Okafor asked whether Warfarin 3 mg or Apixaban 5 mg suits her, since Type 2 diabetes and "
    "Stage 3 kidney disease were found in March 2021 at Northfield. Professor Lind of Uppsala, "
    "Sweden, advised 2.5 mg twice daily (95% CI: 1.1 to 2.4), as Ms Berg weighs less than 60 kg.",
    "The trial was stopped after 12 weeks because 81 of 120 men had died: 40 on Digoxin, 30 on "
    "Enalapril and 11 on both. Nobody under 18 took part. A second trial, at 5 Dutch hospitals, "
    "gave 10 mg of Lisinopril (the usual dose) to all but 7 women. Its results are awaited.",
    "Thank you for referring this man, who came to us on 4 May with a cough. We gave him "
    "Doxycycline 200 mg, then 100 mg daily for 5 days. He went home on 9 May; please check his "
    "potassium, which was 5.6 mmol/L, in a week, and stop Ramipril if it is above 6.0 mmol/L.",
]


@pytest.mark.parametrize("text", PROSE)
@pytest.mark.parametrize("quote", ["", "> "])
def test_wrapped_prose_is_joined_at_any_width(tmp_path: Path, text: str, quote: str) -> None:
    for width in range(60, 81):
        wrapped = textwrap.wrap(text, width, break_on_hyphens=False)
        assert lines(tmp_path, "\n".join(quote + line for line in wrapped)) == [text]


def test_prose_with_even_margins_or_two_spaces_after_sentences_is_prose(tmp_path: Path) -> None:
    even = (
        "The  woman  came with a fever  that had started  two days before,\n"
        "with  300 mg  of aspirin taken at home,  and was  given  a  single\n"
        "dose of  ceftriaxone 2 g by the crew  on the way  to our hospital.\n"
        "She improved."
    )
    assert lines(tmp_path, even) == [" ".join(even.split())]
    typed = (
        "The dose was 5 mg.  It was given once, by mouth, at noon.  Then it was\n"
        "stopped.  She felt well and went home with her  daughter the next day."
    )
    assert lines(tmp_path, typed) == [" ".join(typed.split())]


def test_a_comparison_is_no_sign_of_a_quoted_message(tmp_path: Path) -> None:
    text = "> 5 mmol/L: stop\n> 6 mmol/L: give calcium\n> 7 mmol/L: dialysis"
    assert lines(tmp_path, text) == text.split("\n")


def test_an_item_goes_on_in_lines_that_are_set_in(tmp_path: Path) -> None:
    text = (
        "Plan\n====\n1. Iron 200 mg\n   on an empty stomach\n2. Rest\n\n"
        "Iron 200 mg once daily, on an empty\n  stomach\nZinc 20 mg"
    )
    assert lines(tmp_path, text) == [
        "1. Iron 200 mg on an empty stomach",
        "2. Rest",
        "Iron 200 mg once daily, on an empty stomach",
        "Zinc 20 mg",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # ragged
            "Sodium   138 mmol/L   (135-145)\nPotassium   4.2 mmol/L   (3.5-5.0)",
            ["Sodium; 138 mmol/L; (135-145)", "Potassium; 4.2 mmol/L; (3.5-5.0)"],
        ),
        (
            "Ratio   Bolus   Rate change\n< 1.2        80 U/kg   +4 U/kg/h\n"
            "1.2 - 1.5    40 U/kg   +2 U/kg/h",
            [
                "Ratio: < 1.2; Bolus: 80 U/kg; Rate change: +4 U/kg/h",
                "Ratio: 1.2 - 1.5; Bolus: 40 U/kg; Rate change: +2 U/kg/h",
            ],
        ),
        (  # an empty cell, a column without a name, a cell of two lines
            "Test       Result  Range\n"
            "Platelets          150-400\n"
            "Urea       9.2     2.5-7.8       H\n"
            "CRP        45      below 5 in\n"
            "                   adults",
            [
                "Test: Platelets; Range: 150-400",
                "Test: Urea; Result: 9.2; Range: 2.5-7.8; H",
                "Test: CRP; Result: 45; Range: below 5 in adults",
            ],
        ),
        (  # the drug of the row above
            "Drug         Age      Dose\nAmoxicillin  1 year   125 mg\n"
            "             6 years  250 mg",
            [
                "Drug: Amoxicillin; Age: 1 year; Dose: 125 mg",
                "Drug: Amoxicillin; Age: 6 years; Dose: 250 mg",
            ],
        ),
        (
            "INR        Action\n< 1.5      Raise the dose\n1.5 - 3    No change",
            ["INR: < 1.5; Action: Raise the dose", "INR: 1.5 - 3; Action: No change"],
        ),
        (  # the first row is no header
            "Metformin   as directed   with meals\nRamipril    5 mg          at night",
            ["Metformin; as directed; with meals", "Ramipril; 5 mg; at night"],
        ),
        (  # a rule shows the header
            "Drug   Route  When\n-----  -----  ------\nIron   oral   at noon",
            ["Drug: Iron; Route: oral; When: at noon"],
        ),
        ("Drug   Use\n----------\nIron   anaemia", ["Drug: Iron; Use: anaemia"]),
        ("+----+----+\n| A  | B  |\n+====+====+\n| x  | y  |\n+----+----+", ["A: x; B: y"]),
        ("Iron\t200 mg\nZinc\t20 mg", ["Iron; 200 mg", "Zinc; 20 mg"]),
        ("Name:\t\tI Novak\nWard:     7B", ["Name: I Novak", "Ward: 7B"]),
        ("Name    : I Novak\nWard    : 7B", ["Name : I Novak", "Ward : 7B"]),
        ("1)  Iron    200 mg\n2)  Zinc    20 mg", ["1) Iron; 200 mg", "2) Zinc; 20 mg"]),
        (  # a cell below no name
            "Drug   Dose\nIron   5 mg\nZinc          by mouth",
            ["Drug: Iron; Dose: 5 mg", "Drug: Zinc; by mouth"],
        ),
    ],
)
def test_columns_are_kept_apart(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert lines(tmp_path, text) == expected


def test_groups_of_a_table_have_its_columns(tmp_path: Path) -> None:
    text = (
        "Test        Result   Unit\n"
        "Hb          120      g/L\n\n"
        "LIVER\n"
        "ALT         35       U/L\n"
        "KIDNEYS\n"
        "Urea        5        mmol/L\n\n"
        "Seen by I Novak         Bleep 12\n"
    )
    assert [(block.section, block.text, block.kind) for block in blocks(tmp_path, text)] == [
        ("", "Test: Hb; Result: 120; Unit: g/L", BlockKind.table),
        ("LIVER", "LIVER", BlockKind.text),
        ("LIVER", "Test: ALT; Result: 35; Unit: U/L", BlockKind.table),
        ("KIDNEYS", "KIDNEYS", BlockKind.text),
        ("KIDNEYS", "Test: Urea; Result: 5; Unit: mmol/L", BlockKind.table),
        ("KIDNEYS", "Seen by I Novak; Bleep 12", BlockKind.text),
    ]


def test_a_long_table_has_its_columns_in_all_parts(tmp_path: Path) -> None:
    rows = [f"Drug {n:04}    {n} mg" for n in range(3_000)]
    found = lines(tmp_path, "\n".join(["Drug         Dose", *rows]))
    assert found == [f"Drug: Drug {n:04}; Dose: {n} mg" for n in range(3_000)]


def test_a_line_with_a_dose_or_a_value_is_no_heading(tmp_path: Path) -> None:
    text = "Start.\n\nIron 200 mg\n\nAllergies: none\n\nCare\n\nRest."
    assert [(block.section, block.text) for block in blocks(tmp_path, text)] == [
        ("", "Start."),
        ("", "Iron 200 mg"),
        ("", "Allergies: none"),
        ("Care", "Care"),
        ("Care", "Rest."),
    ]


@pytest.mark.parametrize("unit", ["A:\n", "a  b\n", "(\n", "> a\n", "A" + " " * 900 + "b\n"])
def test_hostile_lines_take_no_time(tmp_path: Path, unit: str) -> None:
    started = time.process_time()
    assert blocks(tmp_path, unit * (200_000 // len(unit)))
    assert time.process_time() - started < 10  # about half a second
