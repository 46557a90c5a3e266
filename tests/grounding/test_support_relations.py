"""Support checks: what labels forbid, what is compared with what, and who does what to whom."""

from __future__ import annotations

import pytest

from medrag import check_support

LITHIUM = "Drug: Lithium; Breastfeeding: contraindicated; Heart failure: no; Asthma: allowed"
TABLET = "Tablet: Orlex; Crush: ✗; Halve: yes; Pregnancy: –"
PAIN = "Laparoscopic repair hurts less than open repair; recurrence is the same."
TRIALS = "Torsalin was superior to placebo. Ramolor was superior to placebo."

# (source, statement, whether the source says it)
LABELS = [
    (LITHIUM, "Lithium may be used while breastfeeding.", False),
    (LITHIUM, "Breastfeeding women can take lithium.", False),
    (LITHIUM, "Lithium is contraindicated in breastfeeding.", True),
    (LITHIUM, "Lithium is safe in heart failure.", False),
    (LITHIUM, "Lithium is allowed in asthma.", True),
    (TABLET, "Orlex may be crushed.", False),
    (TABLET, "Orlex may be halved.", True),
    (TABLET, "Orlex can be given in pregnancy.", False),
    ("Lithium | Breastfeeding: contraindicated", "Lithium may be used while breastfeeding.", False),
    ("Lithium – breastfeeding: avoid", "Lithium can be used by breastfeeding mothers.", False),
    ("Breastfeeding | ✗", "Breastfeeding is possible with this drug.", False),
    ("Breastfeeding\nContraindicated.", "It may be used while breastfeeding.", False),
    ("Drug: Orlex; Children: not licensed; Adults: 5 mg", "Children may be given orlex.", False),
    ("Drug: Orlex; Children: not licensed; Adults: 5 mg", "Adults are given orlex 5 mg.", True),
    ("Drug: Orlex; eGFR below 45: avoid", "Orlex may be given at an eGFR below 45.", False),
    ("Drug: Orlex; With zinc: never", "Orlex must never be combined with zinc.", True),
    ("Drug: Orlex; With iron: no; With food: yes", "Orlex can be taken with food.", True),
    ("Alcohol – avoid during treatment", "You may drink alcohol during treatment.", False),
    ("Renal impairment: no dose adjustment.", "It may be used in renal impairment.", True),
    ("Renal impairment: do not use it.", "It should not be used in renal impairment.", True),
    (
        "Pregnancy: contraindicated in the third trimester; Breastfeeding: compatible",
        "It may be used while breastfeeding.",
        True,
    ),
]
COMPARISONS = [
    ("Torsalin is more effective than placebo.", "Torsalin and zinc are equally effective.", False),
    (TRIALS, "Torsalin and ramolor are equally effective.", False),
    (TRIALS, "Torsalin is superior to ramolor.", False),
    (TRIALS, "Torsalin is superior to placebo.", True),
    ("Boys are affected more often than girls.", "Boys and girls are affected equally.", False),
    ("Boys are affected more often than girls.", "Girls are affected less often than boys.", True),
    (PAIN, "Laparoscopic and open repair hurt equally.", False),
    (PAIN, "Open repair hurts more than laparoscopic repair.", True),
    (PAIN, "Laparoscopic repair hurts more than open repair.", False),
    (PAIN, "Recurrence is the same after laparoscopic and open repair.", True),
    ("Zinc was as effective as iron.", "Zinc and iron were equally effective.", True),
    (
        "There was no difference in efficacy between zinc and iron.",
        "Zinc and iron were equally effective.",
        True,
    ),
    ("The effect of zinc did not differ from that of iron.", "Both had the same effect.", True),
    ("Zinc cured 81 % and iron cured 82 %.", "Zinc and iron cured similar numbers.", True),
]
ROLES = [
    ("Allopurinol prevents attacks of gout.", "Gout attacks are prevented by allopurinol.", True),
    ("Allopurinol prevents gout attacks.", "Gout attacks are prevented by allopurinol.", True),
    ("Allopurinol prevents gout attacks.", "Allopurinol is prevented by gout attacks.", False),
    ("Exercise reduces falls in older men.", "Falls in older men are reduced by exercise.", True),
    ("Ticks spread Lyme disease.", "Lyme disease is spread by ticks.", True),
    ("Omeprazole inhibits gastric acid secretion.", "Gastric acid inhibits omeprazole.", False),
    ("Hepatitis leads to cirrhosis.", "Cirrhosis leads to hepatitis.", False),
    ("Simvastatin is metabolised by CYP3A4.", "CYP3A4 metabolises simvastatin.", True),
    ("Simvastatin is metabolised by CYP3A4.", "Simvastatin inhibits CYP3A4.", False),
    ("Midazolam is broken down by CYP3A4.", "Midazolam inhibits CYP3A4.", False),
    ("Zinc is excreted by the kidneys.", "Zinc damages the kidneys.", False),
    ("Clarithromycin inhibits CYP3A4.", "Clarithromycin is metabolised by CYP3A4.", False),
    ("Clarithromycin inhibits CYP3A4.", "Clarithromycin induces CYP3A4.", False),
    ("Ketoconazole is an inhibitor of CYP3A4.", "Ketoconazole inhibits CYP3A4.", True),
    ("Ketoconazole is an inhibitor of CYP3A4.", "CYP3A4 inhibits ketoconazole.", False),
    ("Depression often follows stroke.", "Depression is often preceded by stroke.", True),
]


@pytest.mark.parametrize(("source", "statement", "expected"), LABELS)
def test_what_a_label_forbids_is_not_allowed(source: str, statement: str, expected: bool) -> None:
    assert check_support(statement, source).supported is expected


@pytest.mark.parametrize(("source", "statement", "expected"), COMPARISONS)
def test_two_things_are_compared_as_in_the_source(
    source: str, statement: str, expected: bool
) -> None:
    assert check_support(statement, source).supported is expected


@pytest.mark.parametrize(("source", "statement", "expected"), ROLES)
def test_who_does_what_to_whom(source: str, statement: str, expected: bool) -> None:
    assert check_support(statement, source).supported is expected


def test_reasons_name_the_label_and_the_comparison() -> None:
    label = check_support("Breastfeeding is possible with lithium.", LITHIUM)
    assert label.reason == "the source says “breastfeeding: contraindicated”"
    comparison = check_support("Torsalin is superior to ramolor.", TRIALS)
    assert comparison.reason == "the source does not compare them so"


@pytest.mark.parametrize("ban", ["is contraindicated", "should be avoided", "is inappropriate"])
@pytest.mark.parametrize(
    "praise",
    ["first-line", "the drug of choice", "standard treatment", "effective", "tolerated"],
)
def test_what_is_advised_against_is_neither_first_choice_nor_effective(
    praise: str, ban: str
) -> None:
    statement = f"Ibuprofen is {praise} in gout."
    assert not check_support(statement, f"Ibuprofen {ban} in gout.").supported
    assert check_support(statement, f"In gout, ibuprofen is {praise}.").supported


def test_what_is_effective_may_be_avoided_in_others() -> None:
    source = "Metformin is effective but should be avoided in renal failure."
    assert check_support("Metformin is effective.", source).supported
    assert check_support(
        "Rest improves symptoms.", "Patients should avoid exercise; rest improves symptoms."
    ).supported


_MORTALITY = "Torsalin reduced admissions for heart failure but not all-cause mortality."
_PLACENTA = "Ramolor crosses the placenta, whereas torsalin does not."
_DOSES = "Give 1 g of torsalin to adults and 50 mg/kg to children."
_LIMITED = "Statins are offered to adults with a 10-year risk of 10% or more."
_TARGET = "Target saturation is 88-92% in patients at risk of hypercapnic respiratory failure."
_BLEEDS = "Apixaban caused fewer major bleeds than warfarin."
_FIRST = "Valproate is avoided in the first three months of pregnancy."


@pytest.mark.parametrize(
    ("source", "statement", "expected"),
    [
        (_MORTALITY, "Torsalin reduced all-cause mortality.", False),
        (_MORTALITY, "Torsalin reduced admissions for heart failure.", True),
        (_MORTALITY, "Torsalin did not reduce all-cause mortality.", True),
        (_MORTALITY, "Torsalin did not reduce admissions for heart failure.", False),
        ("Protamine, not vitamin K, reverses heparin.", "Vitamin K reverses heparin.", False),
        ("Protamine, not vitamin K, reverses heparin.", "Protamine reverses heparin.", True),
        (_PLACENTA, "Torsalin crosses the placenta.", False),
        (_PLACENTA, "Torsalin does not cross the placenta.", True),
        (_PLACENTA, "Ramolor crosses the placenta.", True),
    ],
)
def test_one_of_two_is_affirmed_and_the_other_denied(
    source: str, statement: str, expected: bool
) -> None:
    assert check_support(statement, source).supported is expected


@pytest.mark.parametrize(
    ("source", "statement", "expected"),
    [
        (_DOSES, "Give 50 mg/kg of torsalin to adults.", False),
        (_DOSES, "Give 50 mg/kg of torsalin to children.", True),
        (_DOSES, "Give 1 g of torsalin to adults.", True),
        (_LIMITED, "Statins are offered to all adults.", False),
        (_LIMITED, _LIMITED, True),
        ("Children without a spleen need prophylaxis.", "All children need prophylaxis.", False),
        ("Infants receive vitamin K at birth.", "All infants receive vitamin K.", True),
        (_TARGET, "Target saturation is 88-92% in acutely ill adults.", False),
        (_TARGET, _TARGET, True),
        (
            "Torsalin is used in heart failure with reduced ejection fraction.",
            "Torsalin is used in heart failure with preserved ejection fraction.",
            False,
        ),
    ],
)
def test_whom_a_statement_is_about(source: str, statement: str, expected: bool) -> None:
    assert check_support(statement, source).supported is expected


@pytest.mark.parametrize(
    ("source", "statement", "expected"),
    [
        (_BLEEDS, "Warfarin caused more major bleeds than apixaban.", True),
        (_BLEEDS, "Apixaban caused more major bleeds than warfarin.", False),
        (_BLEEDS, "Warfarin caused fewer major bleeds than apixaban.", False),
        (_FIRST, "Valproate is avoided in the first trimester.", True),
        (_FIRST, "Valproate is avoided in the third trimester.", False),
    ],
)
def test_comparisons_turned_round_and_trimesters(
    source: str, statement: str, expected: bool
) -> None:
    assert check_support(statement, source).supported is expected


@pytest.mark.parametrize(("limit", "expected"), [("4 g", True), ("8 g", False), ("3 g", False)])
def test_a_looser_bound_is_not_borne_out_by_a_limit(limit: str, expected: bool) -> None:
    row = "Patient: Adults; Maximum in 24 hours: 4 g"
    statement = f"Adults are given at most {limit} of aspirin a day."
    assert check_support(statement, row, title="Aspirin").supported is expected
