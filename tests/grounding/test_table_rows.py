"""Which row of a table a question asks for."""

from __future__ import annotations

import pytest

from medrag.grounding.evidence import weigh
from medrag.grounding.spans import sentence_spans
from medrag.grounding.table_rows import excludes, holds_numbers, is_row
from medrag.ingestion import TextEmbedder
from medrag.types import Hit

BANDS = [
    "Weight: under 6 kg; Dose: 40 mg; Volume: 1.6 mL",
    "Weight: 6–9 kg; Dose: 80 mg; Volume: 3.2 mL",
    "Weight: 10 to 19.9 kg; Dose: 120 mg; Volume: 5 mL",
    "Weight: 20 kg and over; Dose: 240 mg; Volume: 10 mL",
]


ABSTRACT = (
    "RESULTS: Falls occurred in 312 of 620 (50.3%) with vitamin D (95% CI 0.9 to 1.1; P=0.78). The "
    "level rose to 75 nmol/L. CONCLUSIONS: Vitamin D did not reduce falls."
)


def test_an_abstract_is_no_row_and_is_split_at_its_labels() -> None:
    assert not is_row(ABSTRACT)
    said = [ABSTRACT[start:end] for start, end in sentence_spans(ABSTRACT)]
    assert said[1:] == [
        "The level rose to 75 nmol/L.",
        "CONCLUSIONS: Vitamin D did not reduce falls.",
    ]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("Drug: Aspirin; Dose: 75 mg", True),
        ("Adults; Drug: Aspirin; Dose: 75 mg", True),
        ("Note: rest; ice", False),
        ("It helps; it is cheap.", False),
        ("Dose: 75 mg", False),
        ("", False),
    ],
)
def test_lines_that_are_rows(line: str, row: bool) -> None:
    assert is_row(line) is row


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("What is the dose for a child of 4.5 kg?", 0),
        ("dose for a 7kg baby", 1),
        ("Which dose is given at 15 kg?", 2),
        ("Which dose is given at 20 kg?", 3),
        ("Which dose is given at 64 kilograms?", 3),
        ("Which dose is given at 9.5 kg?", None),  # between two bands
    ],
)
def test_the_band_that_holds_the_weight(question: str, right: int | None) -> None:
    kept = [number for number, row in enumerate(BANDS) if not excludes(row, question)]
    assert kept == ([] if right is None else [right])


@pytest.mark.parametrize(
    ("row", "question", "excluded"),
    [
        ("Age (years): 2–5; Dose: 5 mg", "dose at 4 years", False),
        ("Age (years): 2–5; Dose: 5 mg", "dose for a 7-year-old", True),
        ("Age: 6 months to 2 years; Dose: 5 mg", "dose at 18 months", False),
        ("Age: 6 months to 2 years; Dose: 5 mg", "dose at 3 months", True),
        ("Age: ≥ 12 years; Dose: 5 mg", "dose at 12 years", False),
        ("Age: > 12 years; Dose: 5 mg", "dose at 12 years", True),
        ("eGFR (mL/min): 30–59; Dose: 5 mg", "dose with an eGFR of 25 mL/min", True),
        ("eGFR (mL/min): 30–59; Dose: 5 mg", "dose with an eGFR of 45 mL/min", False),
        ("Age: 2–5 years; Dose: 5 mg", "dose at 15 kg", False),  # another dimension
        ("Drug: A; Treatment: 5–7 days", "Can A be given for 10 days?", False),  # for nobody
        ("Drug: A; Dose: 50–100 mg", "Is 500 mg of A too much?", False),
        ("Age: 2–5 years; Dose: 5 mg", "What is the dose?", False),
        ("Age: 8–28 days; Dose: 6 mg", "dose at 8–28 days", False),
        ("Age: over 28 days; Dose: 7 mg", "dose at 8–28 days", True),
    ],
)
def test_bands_of_other_quantities(row: str, question: str, excluded: bool) -> None:
    assert excludes(row, question) is excluded


def evidence(question: str, rows: list[str], embedder: TextEmbedder) -> list[str]:
    text = "\n".join(rows)
    hit = Hit(1, "d.docx", "Doses", text, 0, len(text), None, "", "", 1.0, header="Table 1. Doses")
    vector = embedder.embed_queries([question])[0]
    return [item.text for item in weigh(question, vector, [hit], embedder, lambda word: 1.0)]


def test_only_the_rows_that_hold_most_of_the_question_are_evidence(embedder: TextEmbedder) -> None:
    rows = [
        f"Drug: {drug}; Age: {age}; Dose: {dose} mg"
        for drug, age, dose in [
            ("Amoxicillin", "1 year", 125),
            ("Amoxicillin", "6 years", 250),
            ("Cefalexin", "1 year", 130),
            ("Cefalexin", "6 years", 260),
        ]
    ]
    assert evidence("What is the dose of cefalexin at 6 years?", rows, embedder) == [rows[3]]
    assert set(evidence("What is the dose of cefalexin?", rows, embedder)) == set(rows[2:])


def test_no_row_is_evidence_if_all_are_for_others(embedder: TextEmbedder) -> None:
    assert evidence("Which dose is given at 9.5 kg?", BANDS, embedder) == []


def test_a_question_in_a_text_is_no_evidence(embedder: TextEmbedder) -> None:
    text = "What is the usual dose of colchicine? Take 0.5 mg of it twice daily."
    found = evidence("What is the usual dose of colchicine?", [text], embedder)
    assert found == ["Take 0.5 mg of it twice daily."]


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("What vitamin K dose is given for an INR above 8 without bleeding?", [1]),
        ("Which dose of vitamin K is given at INR 9?", [1]),
        ("Which dose of vitamin K is given at INR 6.5?", [0]),
        ("Which dose of vitamin K is given at INR 3?", []),
        ("Which dose of vitamin K is given?", [0, 1]),
        ("Is 5 mg of vitamin K given by mouth?", [0, 1]),  # no INR is named
    ],
)
def test_bands_of_anything_that_the_question_names(question: str, right: list[int]) -> None:
    rows = [
        "INR: 5–8, no bleeding; Warfarin: omit 1 dose; Vitamin K: none",
        "INR: > 8, no bleeding; Warfarin: stop; Vitamin K: 5 mg oral",
    ]
    assert [n for n, row in enumerate(rows) if not excludes(row, question)] == right


@pytest.mark.parametrize(
    ("line", "excluded"),
    [
        ("Age 0–7 days: 5 mg/kg every 36 hours.", True),
        ("Age 8–28 days: 5 mg/kg every 24 hours.", False),
        ("over 2 months: 7 mg/kg", True),
        ("Over 28 days the dose is 7 mg/kg.", False),  # no label
    ],
)
def test_lines_that_begin_with_a_band(line: str, excluded: bool) -> None:
    assert excludes(line, "What is the dose for a baby aged 10 days?") is excluded


def test_a_short_prohibition_is_evidence(embedder: TextEmbedder) -> None:
    for text in (
        "Do not give colchicine with clarithromycin.",
        "Linezolid must not be given with citalopram.",
        "Do not crush nifedipine.",
    ):
        assert evidence("Can it be given?", [text], embedder) == [text]


@pytest.mark.parametrize(
    ("column", "value", "inside", "outside"),
    [
        ("Weight", "≥10 to <15 kg", ["10 kg", "14.9 kg"], ["15 kg", "9 kg"]),
        ("Weight", "≥10 kg and <15 kg", ["12 kg"], ["15 kg"]),
        ("Age", "65+ years", ["65 years", "80 years"], ["40 years"]),
        ("Age (years)", "65 and older", ["70 years"], ["64 years"]),
        ("Weight", "60 or more kg", ["60 kg"], ["59 kg"]),
        ("Weight", "greater than 20 kg", ["21 kg"], ["20 kg"]),
        ("Weight", "less than or equal to 10 kg", ["10 kg"], ["11 kg"]),
        ("Weight", "up to and including 10 kg", ["10 kg"], ["11 kg"]),
        ("Weight", "21\u221230 kg", ["25 kg"], ["31 kg"]),
        ("Weight", "21 through 30 kg", ["25 kg"], ["31 kg"]),
        ("Weight", "21 [a]–30 kg", ["25 kg"], ["31 kg"]),
        ("Age", "birth–28 days", ["3 days"], ["29 days"]),
        ("Age", "6–11 months", ["11.5 months"], ["12 months"]),
        ("Age", "2–5 years", ["66 months", "5 years"], ["6 years"]),
        ("Weight", "over 30 kg", ["over 30 kg", "31 kg"], ["30 kg"]),
        (
            "eGFR (mL/min/1.73 m²)",
            "30–44",
            ["35 mL/min/1.73 m²", "35 ml per minute"],
            ["45 mL/min"],
        ),
        ("eGFR", "15–29 mL/min", ["20 mL/min"], ["35 mL/min/1.73 m2"]),
        ("Gestation", "24–28 weeks", ["26 weeks gestation"], ["30 weeks gestation"]),
    ],
)
def test_ways_to_write_a_band(
    column: str, value: str, inside: list[str], outside: list[str]
) -> None:
    row = f"{column}: {value}; Dose: 5 mg"
    for quantity in inside:
        assert not excludes(row, f"What is the dose at {quantity}?"), quantity
    for quantity in outside:
        assert excludes(row, f"What is the dose at {quantity}?"), quantity


@pytest.mark.parametrize(
    ("row", "question"),
    [
        ("Dose in children (mg per kg per day): 8–10; Drug: Cefixime", "for a child of 15 kg"),
        ("Drug: A; Dose in children (mg per day): 250–500", "for a child of 5 years"),
        ("Duration: 7–10 days; Drug: A", "for a child of 3 years"),
        ("Treatment: over 5 days; Drug: A", "for a child of 3 years"),
        ("Gestation: 24–28 weeks; Dose: 5 mg", "for a baby 3 days old"),
        ("Birth weight (g): 1000–1500; Dose: 5 mg", "Is 2 g too much?"),
    ],
)
def test_what_says_nothing_about_the_patient_excludes_nothing(row: str, question: str) -> None:
    assert not excludes(row, question)


@pytest.mark.parametrize(
    ("row", "question", "excluded"),
    [
        ("Item: Age 65 to 74; Points: 1", "How many points does age 75 get?", True),
        ("Item: Age 65 to 74; Points: 1", "How many points does age 70 get?", False),
        ("Item: Age 75 or over; Points: 2", "How many points does age 75 get?", False),
        ("Item: Age under 50; Points: 0", "How many points does age 75 get?", True),
        ("Age group: 2–5; Dose: 5 mg", "dose at the age of 7", True),
        ("Age group: 2–5; Dose: 5 mg", "dose at 30 months", False),
        ("Aged 6–12: 10–20 mg; Drug: A", "dose at the age of 30", False),  # 10–20 is a dose
        ("Children aged 6–12: 10–20 mg; Drug: A", "dose at the age of 30", False),
        ("Gestational age: 24–28; Dose: 5 mg", "dose at the age of 3", False),
    ],
)
def test_ages_without_a_unit_are_in_years(row: str, question: str, excluded: bool) -> None:
    assert excludes(row, question) is excluded


def test_the_digits_of_a_name_are_no_numbers() -> None:
    row = "Item: Age 75 or over; Points: 2"
    assert holds_numbers(row, row, "How many points does age 75 get in CHA2DS2-VASc?")


def test_a_row_for_another_value_is_no_evidence(embedder: TextEmbedder) -> None:
    rows = [
        "Finding: Haemoglobin < 100 g/L; Points: 2",
        "Finding: Haemoglobin 100 to 119 g/L; Points: 1",
    ]
    question = "How many points does a haemoglobin of {} g/L get?"
    assert evidence(question.format(90), rows, embedder) == rows[:1]
    assert evidence(question.format(110), rows, embedder) == rows[1:]
    assert evidence(question.format(140), rows, embedder) == []


def test_kidney_function_without_a_unit() -> None:
    row = "eGFR (mL/min/1.73 m²): 30–44; Dose: half"
    assert not excludes(row, "Which dose with an eGFR of 35?")
    assert excludes(row, "Which dose with an eGFR of 20?")


@pytest.mark.parametrize(
    ("row", "question", "excluded"),
    [
        ("Grade: 3; FEV1, percent of predicted: 30 to 49", "Is an FEV1 of 40% grade 3?", False),
        ("Grade: 4; FEV1, percent of predicted: below 30", "Which is an FEV1 of 40%?", True),
        ("Class: high; BMI (kg/m²): 25 to 29.9", "a body mass index of 31", True),
        ("Class: high; BMI (kg/m²): 25 to 29.9", "a body mass index of 27", False),
        ("Category: A2; Albumin-to-creatinine ratio (mg/mmol): 3–30", "an ACR of 45", True),
        ("Severity: Mild; GCS: 13–15", "a Glasgow coma score of 7/15", True),
        ("Severity: Mild; GCS: 13–15", "a Glasgow coma score of 14", False),
        ("Class: B; Score: 7–9", "a Child-Pugh score of 11", True),
        ("Advice: none; Score: 0", "a score of 3", True),
        ("Action: stop; QTc interval (ms): 500 or more", "QTc 470 ms", True),
        ("Plan: call; Number of adenomas: 3 to 4", "after 7 adenomas were removed", True),
        ("Plan: call; Potassium: 5.5 to 5.9", "if potassium rises to 6.1", True),
        ("Plan: call; Platelets (×10⁹/L): 50 to 100", "platelets of 30 x 10^9/L", True),
        ("Plan: call; Platelets (×10⁹/L): over 100", "platelets of 80,000", False),  # in 1/µL
        ("Plan: call; Glucose (mmol/L): 7 to 11", "a glucose of 180 mg/dL", False),
        ("Plan: call; Creatinine (µmol/L): 50–100", "a creatinine clearance of 25", False),
        ("Plan: call; LDL cholesterol: 2 to 3", "an HDL cholesterol of 1.0", False),
        ("Plan: call; Potassium: 3.5 to 5.0", "potassium of 4.8 or 5.2", False),
        ("Test: Sodium; Normal range: 135 to 145", "a sodium of 128 mmol/L normal", False),
        ("Meaning: osteoporosis; T-score: -2.5 or lower", "a T-score of -3", False),
        ("25-OH vitamin D (nmol/L): 25 to 50; Dose: 800 units", "at 12 weeks", False),  # no days
    ],
)
def test_values_of_any_column_that_the_question_gives(
    row: str, question: str, excluded: bool
) -> None:
    assert excludes(row, question) is excluded


def test_a_value_is_compared_with_the_column_that_it_is_of() -> None:
    row = "Stage: 2; Systolic pressure: 160 to 179; Diastolic pressure: 100 to 119"
    assert not excludes(row, "Which stage is a systolic pressure of 165 mmHg?")
    assert excludes(row, "Which stage is a diastolic pressure of 95?")
    assert not excludes(row, "Which stage is a pressure of 165?")


SPECIES = [
    "Species: P. vivax; Feature: widespread; Dormant liver stage: Yes",
    "Species: P. ovale; Feature: western Africa; Dormant liver stage: Yes",
    "Species: P. malariae; Feature: fever every 72 hours; Dormant liver stage: No",
]
DRUGS = [
    "Drug: Labetalol; Use in pregnancy: Yes; Breastfeeding: Yes",
    "Drug: Ramipril; Use in pregnancy: No, harms the kidney; Breastfeeding: Yes",
    "Drug: Losartan; Use in pregnancy: Contraindicated; Breastfeeding: No data",
    "Drug: Methyldopa; Use in pregnancy: ✓; Breastfeeding: Avoid",
]
TESTS = [
    "Pattern: primary; TSH: high; Free T4: low",
    "Pattern: subclinical; TSH: high; Free T4: normal",
    "Pattern: central; TSH: low or normal; Free T4: low",
]
MARKERS = [
    "Situation: vaccinated; HBsAg: negative; Anti-HBc (total): negative; Anti-HBs: positive",
    "Situation: past; HBsAg: negative; Anti-HBc (total): positive; Anti-HBs: positive",
    "Situation: current; HBsAg: positive; Anti-HBc (total): positive; Anti-HBs: negative",
]


@pytest.mark.parametrize(
    ("rows", "question", "right"),
    [
        (SPECIES, "Which species can lie dormant in the liver?", {0, 1}),
        (SPECIES, "Which species have no dormant liver stage?", {2}),
        (DRUGS, "Which drugs can be used in pregnancy?", {0, 3}),
        (DRUGS, "Which drugs must not be used in pregnancy?", {1, 2}),
        (DRUGS, "Which drugs can be used in pregnancy and breastfeeding?", {0}),
        (DRUGS, "What is known of ramipril in pregnancy?", {1}),  # the question names it
        (TESTS, "What does a high TSH with a normal free T4 mean?", {1}),
        (TESTS, "TSH raised and free T4 low: which pattern is it?", {0}),
        (MARKERS, "Surface antigen negative, core antibody positive: what is it?", {1}),
        (MARKERS, "What does HBsAg positive mean?", {2}),
    ],
)
def test_rows_with_the_property_or_the_findings_that_are_asked_for(
    rows: list[str], question: str, right: set[int], embedder: TextEmbedder
) -> None:
    assert set(evidence(question, rows, embedder)) == {rows[n] for n in right}


def test_the_name_of_a_column_is_no_label_of_a_section(embedder: TextEmbedder) -> None:
    row = "Method: Implant; Affected by enzyme inducers: Yes"
    assert evidence("Is the implant affected by enzyme inducers?", [row], embedder) == [row]
