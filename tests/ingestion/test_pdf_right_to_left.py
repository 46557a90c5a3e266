"""PDFs through `read_documents`: Hebrew and Arabic come out in the order of reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.types import Document

Line = tuple[float, float, str]  # x, y and the characters from left to right
FIRST = 33  # the code of the first character; the font has glyphs from there on
WIDTH = 6.0  # points of each character


def pdf(path: Path, lines: list[Line], *, one_by_one: bool = False) -> Path:
    """Write a PDF whose font maps codes to the characters, so that no font file is needed.

    Args:
        one_by_one: draw each line as single characters from right to left.
    """
    codes = {
        c: n for n, c in enumerate(sorted({c for *_, text in lines for c in text}), start=FIRST)
    }
    drawn = []
    for x, y, text in lines:
        placed = [(x + WIDTH * n, c) for n, c in enumerate(text)]
        for at, part in placed[::-1] if one_by_one else [(x, text)]:
            code = "".join(f"{codes[c]:02x}" for c in part)
            drawn.append(f"BT /F 10 Tf 1 0 0 1 {at} {y} Tm <{code}> Tj ET")
    maps = "\n".join(f"<{n:02x}> <{c.encode('utf-16-be').hex()}>" for c, n in codes.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(codes)} beginbfchar\n{maps}\nendbfchar\nendcmap end end"
    )
    widths = " ".join([f"{WIDTH * 100:.0f}"] * len(codes))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
        "/Resources<</Font<</F 5 0 R>>>>>>",
        stream("\n".join(drawn)),
        f"<</Type/Font/Subtype/TrueType/BaseFont/Helvetica/FirstChar {FIRST}"
        f"/LastChar {FIRST + len(codes) - 1}"
        f"/Widths[{widths}]/ToUnicode 6 0 R>>",
        stream(cmap),
    ]
    data, places = b"%PDF-1.4\n", []
    for n, body in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{n} 0 obj\n{body}\nendobj\n".encode("ascii")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    data += f"trailer <</Size {len(objects) + 1}/Root 1 0 R>>\n".encode()
    path.write_bytes(data + f"startxref\n{data.index(b'xref')}\n%%EOF".encode())
    return path


def stream(text: str) -> str:
    return f"<</Length {len(text)}>>stream\n{text}\nendstream"


def text_of(path: Path) -> str:
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return "\n".join([document.title, *(block.text for block in document.blocks)])


# As written, and as drawn from left to right (by rules L1 to L4 of UAX #9).
LINES = {
    "המינון הוא 2.5 גרם ביום (לא יותר)": "(רתוי אל) םויב םרג 2.5 אוה ןונימה",
    "יש לבדוק eGFR לפני Metformin XR בבוקר": "רקובב Metformin XR ינפל eGFR קודבל שי",
    "טווח של 5–10 מ״ג, כלומר 50% מהחולים": "םילוחהמ 50% רמולכ ,ג״מ 10–5 לש חווט",
    "לחץ דם ≥ 140/90 הוא גבוה": "הובג אוה 140/90 ≤ םד ץחל",
    "אם eGFR < 30 אין לתת את התרופה": "הפורתה תא תתל ןיא eGFR < 30 םא",
    "מינון של 1,000 עד 2,000 מ״ג [12]": "[12] ג״מ 2,000 דע 1,000 לש ןונימ",
    "الجرعة هي 500 ملغ (Aspirin) يوميا": "ايموي (Aspirin) غلم 500 يه ةعرجلا",
    "الجرعة 2.5 ملغ، ثم 1/2 حبة": "ةبح 1/2 مث ،غلم 2.5 ةعرجلا",
}


@pytest.mark.parametrize("one_by_one", [False, True], ids=["line by line", "one by one"])
@pytest.mark.parametrize("written", LINES)
def test_a_line_as_drawn_is_put_in_order(tmp_path: Path, written: str, one_by_one: bool) -> None:
    path = pdf(tmp_path / "f.pdf", [(100, 700, LINES[written])], one_by_one=one_by_one)
    assert text_of(path).startswith(written + "\n")


def test_lines_stored_in_the_order_of_reading_stay(tmp_path: Path) -> None:
    lines = [(100.0, 700.0 - 20 * n, line) for n, line in enumerate(LINES)]
    text = text_of(pdf(tmp_path / "f.pdf", lines))
    assert [line for line in LINES if line not in text] == []


def test_brackets_that_were_not_mirrored_are_kept(tmp_path: Path) -> None:
    path = pdf(tmp_path / "f.pdf", [(100, 700, ")רתוי אל( םויב םרג 2.5 אוה ןונימה")])
    assert "המינון הוא 2.5 גרם ביום (לא יותר)" in text_of(path)


def test_hebrew_words_within_a_latin_line(tmp_path: Path) -> None:
    path = pdf(tmp_path / "f.pdf", [(100, 700, "Give aspirin (םולש םלוע) twice daily with food.")])
    assert "Give aspirin (עולם שלום) twice daily with food." in text_of(path)[:60]


def test_presentation_forms_and_ligatures_become_letters(tmp_path: Path) -> None:
    # "سلام", drawn with the final meem first and lam-alef as one letter.
    path = pdf(tmp_path / "f.pdf", [(100, 700, "\ufee1\ufefc\ufeb3 5")])
    assert "5 سلام" in text_of(path)


def test_the_right_column_is_read_first(tmp_path: Path) -> None:
    right = [
        "המטופל מקבל את התרופה",
        "בכל יום בבוקר עם הרבה",
        "מים לפני האוכל. אין לקחת",
        "אותה עם קפה או עם תה",
    ]
    left = [
        "תרופות אחרות רק באישור",
        "של רופא. יש לבדוק את",
        "תפקודי הכליות פעם בשנה",
        "או כשיש סימני הרעלה",
    ]
    lines = [
        (x, 700.0 - 14 * n, line[::-1])
        for n, row in enumerate(zip(left, right, strict=True))
        for x, line in zip((60.0, 320.0), row, strict=True)
    ]
    text = " ".join(text_of(pdf(tmp_path / "f.pdf", lines)).split())
    assert f"{' '.join(right)} {' '.join(left)}" in text


def test_the_cells_of_a_table_are_named_from_the_right(tmp_path: Path) -> None:
    rows = [("תרופה", "מינון", "ימים"), ("אספירין", "75", "30"), ("קודאין", "15", "5")]
    rows += [("דיגוקסין", "0.125", "90")]
    lines = [
        (x, 700.0 - 14 * n, cell[::-1] if cell.isalpha() else cell)
        for n, row in enumerate(rows)
        for x, cell in zip((420.0, 260.0, 100.0), row, strict=True)
    ]
    lines.sort(key=lambda line: (-line[1], line[0]))
    text = text_of(pdf(tmp_path / "f.pdf", lines))
    assert "תרופה: דיגוקסין; מינון: 0.125; ימים: 90" in text
