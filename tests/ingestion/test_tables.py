"""Tables as lines that name their columns: spans, headers at any place, headings of rows."""

from __future__ import annotations

import pytest

from medrag.ingestion.readers.tables import Cell, Row, table_blocks
from medrag.types import BlockKind

HEADER = Row([Cell("Drug"), Cell("Child"), Cell("Adult")], header=True)


def row(*texts: str, indent: int = 0) -> Row:
    first, *others = texts
    return Row([Cell(first, indent=indent), *map(Cell, others)])


def lines(*rows: Row) -> list[str]:
    return [line for block in table_blocks(rows) for line in block.text.split("\n")]


def test_spans_are_resolved_and_levels_are_joined() -> None:
    rows = [
        Row([Cell("Age", rows=2), Cell("Dose", columns=2)], header=True),
        Row([Cell("Day"), Cell("Night")], header=True),
        Row([Cell("1 year", rows=2), Cell("1 mg"), Cell("2 mg")]),
        Row([Cell("3 mg", columns=2)]),
    ]
    assert lines(*rows) == [
        "Age: 1 year; Dose, Day: 1 mg; Dose, Night: 2 mg",
        "Age: 1 year; Dose, Day / Dose, Night: 3 mg",
    ]


def test_a_cell_may_name_its_column() -> None:
    rows = [HEADER, Row([Cell("Iron"), Cell("3 mg", column=2)])]
    assert lines(*rows) == ["Drug: Iron; Adult: 3 mg"]


def test_a_value_in_several_cells_is_one() -> None:
    header = Row([Cell("Drug"), Cell("Mean", columns=3)], header=True)
    assert lines(header, row("Iron", "5.2", "±", "0.3"), row("Zinc", "12", "(40%)", "9")) == [
        "Drug: Iron; Mean: 5.2 ± 0.3",
        "Drug: Zinc; Mean: 12 (40%); Mean: 9",
    ]


@pytest.mark.parametrize("indent", [2, 4])
def test_indented_rows_belong_to_a_heading(indent: int) -> None:
    rows = [
        row("Age", "50", "60"),
        row("Sex", "", ""),
        row("Male", "7", "8", indent=indent),
        row("Weight", "70", "80"),
    ]
    assert lines(HEADER, *rows) == [
        "Drug: Age; Child: 50; Adult: 60",
        "Sex; Drug: Male; Child: 7; Adult: 8",
        "Drug: Weight; Child: 70; Adult: 80",
    ]


def test_only_a_clear_indent_makes_a_row_with_values_a_heading() -> None:
    rows = [
        row("Fever", "9", "9"),
        row("High", "4", "5", indent=4),
        row("Pain", "3", "3"),
        row("Itch", "1", "2", indent=1),
    ]
    assert lines(HEADER, *rows)[1::2] == [
        "Fever; Drug: High; Child: 4; Adult: 5",
        "Drug: Itch; Child: 1; Adult: 2",
    ]


def test_a_row_across_the_table_heads_the_rows_below() -> None:
    across = [Row([Cell(name, columns=3)]) for name in ("Tablets", "Drops")]
    assert lines(HEADER, across[0], row("Iron", "1", "2"), across[1], row("Tin", "3", "4")) == [
        "Tablets; Drug: Iron; Child: 1; Adult: 2",
        "Drops; Drug: Tin; Child: 3; Adult: 4",
    ]


def test_a_list_with_bullets_ends_with_them() -> None:
    across = Row([Cell("Smoking", columns=3)])
    rows = [row("- never", "1", "2"), row("-1-10", "3", "4"), row("Age", "5", "6")]
    assert lines(HEADER, across, *rows) == [
        "Smoking; Drug: - never; Child: 1; Adult: 2",
        "Smoking; Drug: -1-10; Child: 3; Adult: 4",
        "Drug: Age; Child: 5; Adult: 6",
    ]


def test_a_row_without_values_does_not_head_the_rows_below() -> None:
    rows = [row("Warfarin", "", ""), row("Apixaban", "5 mg", "5 mg")]
    assert lines(HEADER, *rows) == ["Drug: Warfarin", "Drug: Apixaban; Child: 5 mg; Adult: 5 mg"]
    across = Row([Cell("Opioids", columns=3)])
    assert lines(HEADER, across, *rows)[0] == "Opioids; Drug: Warfarin"


def test_labels_with_rows_below_each_head_them() -> None:
    rows = [
        *(row("Iron", "", ""), row("1 year", "1", "2"), row("6 years", "3", "4")),
        *(row("Tin", "", ""), row("1 year", "5", "6"), row("6 years", "7", "8")),
    ]
    assert lines(HEADER, *rows)[::3] == [
        "Iron; Drug: 1 year; Child: 1; Adult: 2",
        "Tin; Drug: 6 years; Child: 7; Adult: 8",
    ]


def test_a_row_of_totals_names_no_columns() -> None:
    total = Row([Cell("Total", heading=True), Cell("92", heading=True), Cell("93", heading=True)])
    assert lines(HEADER, row("A", "1", "2"), total, row("B", "3", "4"))[1:] == [
        "Drug: Total; Child: 92; Adult: 93",
        "Drug: B; Child: 3; Adult: 4",
    ]


def test_a_table_of_headings_only() -> None:
    rows = [Row([Cell(text, heading=True) for text in texts]) for texts in ("XY", "AB", "CD")]
    assert lines(*rows) == ["X: A; Y: B", "X: C; Y: D"]


def test_a_header_with_one_name_heads_rows() -> None:
    header = Row([Cell("First visit"), Cell("")], header=True)
    rows = [row("Weigh", "1 kg"), row("Second visit", ""), row("Test", "2 kg")]
    assert lines(header, *rows) == ["First visit; Weigh; 1 kg", "Second visit; Test; 2 kg"]


def test_the_header_again_under_another_heading() -> None:
    rows = [
        Row([Cell("Trait", rows=2), Cell("Asthma", columns=2)], header=True),
        Row([Cell("All"), Cell("Ill")], header=True),
        row("Age", "1", "2"),
        Row([Cell("Trait"), Cell("Gout", columns=2)]),
        row("", "All", "Ill"),
        row("Age", "3", "4"),
    ]
    assert lines(*rows) == [
        "Trait: Age; Asthma, All: 1; Asthma, Ill: 2",
        "Trait: Age; Gout, All: 3; Gout, Ill: 4",
    ]


def test_a_row_that_names_another_unit() -> None:
    rows = [
        Row([Cell("", rows=2), Cell("A"), Cell("B")], header=True),
        Row([Cell("Mean ± SD"), Cell("Mean ± SD")], header=True),
        row("Weight", "3.1 ± 0.3", "3.4 ± 0.4"),
        row("", "n (%)", "n (%)"),
        row("Born alive", "25 (100)", "23 (96)"),
    ]
    assert lines(*rows) == [
        "Weight; A, Mean ± SD: 3.1 ± 0.3; B, Mean ± SD: 3.4 ± 0.4",
        "Born alive; A, n (%): 25 (100); B, n (%): 23 (96)",
    ]


def test_nothing_is_lost_where_headings_have_no_rows() -> None:
    last = Row([Cell("All doses in mg", columns=3)])
    assert lines(HEADER, row("Iron", "1", "2"), last)[1:] == ["All doses in mg"]
    assert lines(Row([Cell("Only")])) == ["Only"]
    assert lines() == []


def test_long_words_above_numbers_are_not_taken_for_names() -> None:
    first = "Recovery to within 20 decibels at all frequencies or to the level of the other ear"
    rows = [row("Complete", first), row("Marked", "30 dB and more")]
    assert lines(*rows) == [f"Complete; {first}", "Marked; 30 dB and more"]
    assert lines(row("Grade", "Level"), row("Marked", "30 dB")) == ["Grade: Marked; Level: 30 dB"]


def spread(*cells: tuple[str, int]) -> Row:
    return Row(Cell(text, columns=wide) for text, wide in cells)


def test_a_header_of_two_levels_that_nothing_marks() -> None:
    top = spread(("Weight", 1), ("Dose (mg)", 2), ("Note", 1))
    values = row("3\u20135 kg", "10", "20", "once")
    expected = ["Weight: 3\u20135 kg; Dose (mg), Oral: 10; Dose (mg), IV: 20; Note: once"]
    assert lines(top, row("", "Oral", "IV", ""), values) == expected
    top[0] = top[0]._replace(rows=2)
    assert lines(top, row("Oral", "IV", ""), values) == expected


def test_a_second_row_of_the_header_may_have_units() -> None:
    top = spread(("Age", 1), ("Weight", 1), ("Dose", 2))
    rows = [top, row("", "(kg)", "First", "Next"), row("0\u20134 months", "3", "60 mg", "30 mg")]
    assert lines(*rows) == [
        "Age: 0\u20134 months; Weight, (kg): 3; Dose, First: 60 mg; Dose, Next: 30 mg"
    ]


def test_a_cell_that_spans_rows_heads_them_or_is_in_the_header_of_all_of_them() -> None:
    first = Row([Cell("Adults", rows=2), Cell("Iron"), Cell("low")])
    assert lines(first, row("Zinc", "9 mg")) == ["Adults; Iron; low", "Adults; Zinc; 9 mg"]
    heading = Row([Cell(text, 2 - n, heading=True) for n, text in enumerate(["Drug", "Dose"])])
    assert lines(heading, row("5 kg"), row("Iron", "9 mg")) == ["Drug: Iron; Dose, 5 kg: 9 mg"]


def test_a_row_that_divides_a_cell_of_the_header_may_have_numbers() -> None:
    for header in (False, True):
        top = spread(("Drug", 1), ("Dose", 2))
        top.header = header
        assert lines(top, row("", "5 kg", "10 kg"), row("Iron", "9 mg", "19 mg")) == [
            "Drug: Iron; Dose, 5 kg: 9 mg; Dose, 10 kg: 19 mg"
        ]
        assert lines(top, row("Iron", "9 mg", "19 mg")) == ["Drug: Iron; Dose: 9 mg; Dose: 19 mg"]


def test_a_bold_first_row_is_the_header() -> None:
    def bold(*texts: str) -> Row:
        return Row(Cell(text, bold=True) for text in texts)

    assert lines(bold("Poison", "Antidote"), row("Opioid", "Naloxone")) == [
        "Poison: Opioid; Antidote: Naloxone"
    ]
    assert lines(bold("Opioid", "Naloxone"), bold("Iron", "Deferoxamine")) == [
        "Opioid; Naloxone",
        "Iron; Deferoxamine",
    ]
    named = [Row([Cell(text, bold=True), Cell("yes")]) for text in ("Oral", "Topical")]
    assert lines(*named) == ["Oral: yes", "Topical: yes"]


def test_a_header_below_the_first_heading_of_rows() -> None:
    rows = [spread(("Adults", 3)), row("Drug", "Day", "Night"), row("Iron", "1", "2")]
    rows += [spread(("Children", 3)), row("Drug", "Day", "Night"), row("Iron", "3", "4")]
    assert lines(*rows) == [
        "Adults; Drug: Iron; Day: 1; Night: 2",
        "Children; Drug: Iron; Day: 3; Night: 4",
    ]


def test_a_heading_alone_below_the_header_is_one_of_rows() -> None:
    heading = Row([Cell("Oral", heading=True)])
    rows = [row("Iron", "1", "2"), Row([Cell("Rectal", heading=True)]), row("Zinc", "3", "4")]
    assert lines(HEADER, heading, *rows) == [
        "Oral; Drug: Iron; Child: 1; Adult: 2",
        "Rectal; Drug: Zinc; Child: 3; Adult: 4",
    ]


def test_an_empty_cell_keeps_its_place_where_columns_have_no_names() -> None:
    rows = [row("Iron", "", "daily"), row("", "low", "", "rare"), row("Zinc", "high", "")]
    assert lines(*rows) == ["Iron; ; daily", "; low; ; rare", "Zinc; high"]
    assert lines(row("a", "", "b"), row("c", "", "d")) == ["a; b", "c; d"]
    assert lines(spread(("Iron", 1), ("low", 2), ("rare", 1)), row("Zinc", "x", "y", "z")) == [
        "Iron; low; low; rare",
        "Zinc; x; y; z",
    ]
    assert lines(HEADER, row("Iron", "", "2")) == ["Drug: Iron; Adult: 2"]


def test_a_long_name_is_written_once_and_cut_in_the_rows() -> None:
    name = "Dose " + "in special cases " * 30
    header = Row([Cell("Drug"), Cell(name)], header=True)
    first, *others = lines(header, row("Iron", "1 mg"), row("Zinc", "2 mg"))
    assert first == name.strip()
    assert [line.split(";")[0] for line in others] == ["Drug: Iron", "Drug: Zinc"]
    assert all("\u2026: " in line and len(line) < 350 for line in others)


def test_a_large_table_is_cut_between_rows() -> None:
    rows = [row(f"drug {number}", "x" * 90, "1 mg") for number in range(500)]
    blocks = list(table_blocks([HEADER, *rows], "Table 1. Doses"))
    assert len(blocks) > 3
    assert (blocks[0].text, blocks[0].kind) == ("Table 1. Doses", BlockKind.caption)
    assert {block.header for block in blocks[1:]} == {"Table 1. Doses"}
    cut = [line for block in blocks[1:] for line in block.text.split("\n")]
    assert len(cut) == 500 and all(line.startswith("Drug: drug ") for line in cut)


def test_spans_without_end_cost_nothing() -> None:
    rows = [Row([Cell("a", rows=10**6, columns=10**6), Cell("b")]), Row([Cell("c")])]
    found = " ".join(lines(*rows))
    assert all(text in found for text in "abc") and len(found) < 100


def test_a_table_has_a_limited_number_of_places() -> None:
    rows = [Row([Cell("x", rows=0, columns=990), Cell("y")])]
    rows += [row(str(number)) for number in range(5_000)]
    found = lines(*rows)
    assert len(found) == 5_001 and found[-1].endswith("4999")
    assert sum(map(len, found)) < 100_000
    long = Row([Cell("word " * 20_000, rows=0), Cell("y")])
    assert sum(map(len, lines(long, *rows[1:]))) < 200_000_000
