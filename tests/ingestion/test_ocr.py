"""Scanned PDFs, by each OCR engine that is installed, and what happens where there is none."""

from __future__ import annotations

import io
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL.Image import Resampling
from pypdfium2 import PdfDocument
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from medrag import PipelineConfig
from medrag.config import CorpusConfig, Ocr
from medrag.indexing import BuildReport
from medrag.ingestion import Chunker, clean_blocks, read_documents
from medrag.ingestion.corpus import SourceFile, find_files
from medrag.ingestion.parsing import ParserPool
from medrag.types import Block, BlockKind, Chunk, Document, Flag, Rejected

A4 = (595.0, 842.0)  # points
Draw = Callable[[Canvas], None]

HEPARIN = (
    "Give 12,500 units of heparin over 24 hours.",
    "Children of 30 kg get 0.125 mg of digoxin daily.",
    "Stop if potassium is below 3.5 mmol/L.",
)
WARFARIN = (
    "Start warfarin with 7.5 mg on the first day.",
    "The target of the INR is 2.5 in most patients.",
    "Check it again after 72 hours.",
)


def pdf(path: Path, pages: Sequence[Draw], size: tuple[float, float] = A4) -> Path:
    canvas = Canvas(str(path), size)
    canvas.setTitle("Ward notes")
    for draw in pages:
        canvas.setFont("Helvetica", 12)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return path


def text(*lines: str, left: float = 60) -> Draw:
    """Draw the lines below each other."""

    def draw(canvas: Canvas) -> None:
        for n, line in enumerate(lines):
            canvas.drawString(left, 760 - 20 * n, line)

    return draw


def scan(
    drawn: Draw,
    *,
    turn: int = 0,
    lean: float = 0.0,
    blur: int = 0,
    dpi: int = 200,
    over: Draw = lambda canvas: None,
) -> Draw:
    """Draw only a picture of what `drawn` draws, and `over` as text above it.

    Args:
        drawn: the page that is scanned.
        turn: degrees to the right.
        lean: degrees to the left by which it lies askew.
        blur: factor by which its resolution is less.
        dpi: its resolution.
        over: what is added to the scan.
    """

    def draw(canvas: Canvas) -> None:
        held = io.BytesIO()
        page = Canvas(held, A4)
        page.setFont("Helvetica", 12)
        drawn(page)
        page.save()
        picture = PdfDocument(held.getvalue())[0].render(scale=dpi / 72).to_pil().convert("L")
        if blur:
            picture = picture.reduce(blur).resize(picture.size)
        if lean:
            picture = picture.rotate(lean, Resampling.BICUBIC, fillcolor=255)
        picture = picture.rotate(-turn, expand=True)
        canvas.drawImage(ImageReader(picture), 0, 0, *canvas._pagesize)
        over(canvas)

    return draw


def read(path: Path, config: CorpusConfig) -> tuple[Document, list[Block]]:
    (document,) = read_documents(path, path.name, config)
    assert isinstance(document, Document), document
    return document, list(clean_blocks(document.blocks))


def reason(path: Path, config: CorpusConfig) -> str:
    (rejected,) = read_documents(path, path.name, config)
    assert isinstance(rejected, Rejected), rejected
    return rejected.reason


def whole(blocks: Sequence[Block | Chunk]) -> str:
    return " ".join(" ".join(block.text for block in blocks).split())


@pytest.fixture(params=[Ocr.tesseract, Ocr.rapidocr])
def engine(request: pytest.FixtureRequest) -> CorpusConfig:
    """Settings with each engine, in turn."""
    if request.param is Ocr.tesseract and shutil.which("tesseract") is None:
        pytest.skip("tesseract is not on PATH; to run it: apt-get install tesseract-ocr")
    if request.param is Ocr.rapidocr and find_spec("rapidocr") is None:
        pytest.skip("rapidocr is not installed; to run it: pip install 'medrag[ocr]'")
    return CorpusConfig(ocr=request.param, workers=1)


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CorpusConfig:
    """Settings that ask for a program in an environment that has none."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return CorpusConfig(ocr=Ocr.tesseract, workers=1)


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> CorpusConfig:
    """Put a program that runs `script` on PATH in place of Tesseract; settings that use it."""
    folder.mkdir()
    file = folder / "tesseract"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return CorpusConfig(ocr=Ocr.tesseract, workers=1, max_parser_seconds=2)


class Counter:
    """Counts tokens, so that no model is needed; its chunks are made in this process."""

    def count_tokens(self, text: str) -> int:
        return len(text) // 4


def parse(root: Path, config: CorpusConfig) -> list[tuple[Document, list[Chunk]] | Rejected]:
    """What parser processes make of the files in a folder."""
    pool = ParserPool(config, Chunker(Counter(), 256))
    files = [
        file
        for file in find_files([str(root)], root.with_name("index") / "downloads")
        if isinstance(file, SourceFile)
    ]
    with closing(pool.read(files, root.with_name("scratch"))) as parsed:
        return [
            item if isinstance(item, Rejected) else (item[0], list(item[1]))
            for _, items in parsed
            for item in items
        ]


# --- with an engine ---------------------------------------------------------------------------


def test_a_scan_is_read_with_its_pages_and_confidence(tmp_path: Path, engine: CorpusConfig) -> None:
    path = pdf(tmp_path / "scan.pdf", [scan(text(*HEPARIN)), scan(text(*WARFARIN))])
    document, blocks = read(path, engine)
    for number, lines in enumerate((HEPARIN, WARFARIN), start=1):
        page = [block for block in blocks if block.page == number]
        assert whole(page) == " ".join(lines)
        assert all(Flag.ocr in block.flags for block in page)
    confidence = document.metadata["ocr_confidence"]
    assert list(confidence) == ["1", "2"]
    assert all(0.8 < value <= 1 for value in confidence.values())
    assert document.left_out == {}


def test_a_scan_is_read_in_a_limited_process(tmp_path: Path, engine: CorpusConfig) -> None:
    root = tmp_path / "corpus"
    root.mkdir()
    pdf(root / "scan.pdf", [scan(text(*HEPARIN)), scan(text(*WARFARIN))])
    ((document, chunks),) = parse(root, engine)  # type: ignore[misc]  # nothing is rejected
    assert document.title == "Ward notes"
    assert whole(chunks) == " ".join((*HEPARIN, *WARFARIN))
    assert chunks[0].page == 1
    assert [page for chunk in chunks for _, page in chunk.page_starts][-1] == 2


def test_pages_of_text_stay_as_they_are(tmp_path: Path, engine: CorpusConfig) -> None:
    path = pdf(tmp_path / "mixed.pdf", [text(*HEPARIN), scan(text(*WARFARIN)), lambda canvas: None])
    document, blocks = read(path, engine)
    assert [(block.page, Flag.ocr in block.flags) for block in blocks] == [(1, False), (2, True)]
    assert whole(blocks[:1]) == " ".join(HEPARIN)
    assert list(document.metadata["ocr_confidence"]) == ["2"]
    assert document.left_out == {}  # a blank page says nothing


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_pages_are_read_from_the_top(
    tmp_path: Path, engine: CorpusConfig, turn: int
) -> None:
    lines = [f"{line} {other}" for line, other in zip(HEPARIN, WARFARIN, strict=True)]
    size = A4 if turn == 180 else (A4[1], A4[0])
    path = pdf(tmp_path / "turned.pdf", [scan(text(*lines), turn=turn)], size)
    assert whole(read(path, engine)[1]) == " ".join(lines)


def test_rows_of_a_table_stay_together(tmp_path: Path, engine: CorpusConfig) -> None:
    rows = [
        ("Amoxicillin", "250 mg", "8 hours"),
        ("Doxycycline", "100 mg", "12 hours"),
        ("Cefalexin", "500 mg", "6 hours"),
        ("Metronidazole", "400 mg", "24 hours"),
    ]

    def table(canvas: Canvas) -> None:
        for n, row in enumerate(rows):
            for column, cell in enumerate(row):
                canvas.drawString(60 + 170 * column, 760 - 24 * n, cell)

    names = ("Drug", "Dose", "Interval")
    rows.insert(0, names)
    found = whole(read(pdf(tmp_path / "table.pdf", [scan(table)]), engine)[1])
    found = re.sub(r"(?:Drug|Dose|Interval): |[ ;]", "", found)  # of the rows that name columns
    for row in rows[1:]:
        assert "".join(row).replace(" ", "") in found


SHIFTS = [
    ("Age", "Daily dose"),
    ("under 65", "125 mg"),
    ("65 to 80", "250 mg"),
    ("over 80", "62.5 mg"),
]


def gridded(left: float, width: float, rows: Sequence[Sequence[str]]) -> Draw:
    def draw(canvas: Canvas) -> None:
        text("Loading takes a day. Then the dose depends on the age of the patient.")(canvas)
        canvas.setLineWidth(0.5)
        columns = [left + width * n for n in range(len(rows[0]) + 1)]
        canvas.grid(columns, [740 - 18 * n for n in range(len(rows) + 1)])
        canvas.setFont("Helvetica", 10)
        for n, row in enumerate(rows):
            for x, cell in zip(columns, row, strict=False):
                canvas.drawString(x + 6, 728 - 18 * n, cell)

    return draw


@pytest.mark.parametrize("lean", [0, 0.5])
@pytest.mark.parametrize("dpi", [150, 200, 300])
def test_a_ruled_table_keeps_its_cells_and_leaves_no_signs(
    tmp_path: Path, engine: CorpusConfig, dpi: int, lean: float
) -> None:
    page = scan(gridded(200, 70, SHIFTS), dpi=dpi, lean=lean)
    found = whole(read(pdf(tmp_path / "grid.pdf", [page]), engine)[1]).replace(" ", "")
    for age, dose in SHIFTS[1:]:
        assert re.search(rf"{age}(?:;Dailydose:|\|?){dose}".replace(" ", ""), found), found
    assert "_" not in found and not found.endswith("|")


def test_a_ruled_table_whose_rows_are_not_found_is_flagged(
    tmp_path: Path, engine: CorpusConfig
) -> None:
    rows = [("Sign", "Cause"), ("Fever", "malaria"), ("Rash", "dengue"), ("Cough", "influenza")]
    (_, *blocks) = read(pdf(tmp_path / "grid.pdf", [scan(gridded(200, 70, rows))]), engine)[1]
    assert blocks[-1].kind == BlockKind.text
    assert Flag.tables_as_lines in blocks[-1].flags


@pytest.mark.parametrize("dpi", [100, 200])
def test_a_number_above_the_line_between_columns_is_kept(
    tmp_path: Path, engine: CorpusConfig, dpi: int
) -> None:
    def draw(canvas: Canvas) -> None:
        gridded(200, 70, SHIFTS)(canvas)
        canvas.setFont("Helvetica", 15)
        canvas.drawRightString(270 + 3.5, 743, "Give 311")  # its last "1" is over the line

    found = whole(read(pdf(tmp_path / "grid.pdf", [scan(draw, dpi=dpi)]), engine)[1])
    assert "Give 311" in found


def test_a_frame_is_no_table(tmp_path: Path, engine: CorpusConfig) -> None:
    def framed(canvas: Canvas) -> None:
        text(*HEPARIN)(canvas)
        canvas.rect(50, 700, 300, 80)

    blocks = read(pdf(tmp_path / "frame.pdf", [scan(framed)]), engine)[1]
    assert whole(blocks) == " ".join(HEPARIN)
    assert all(Flag.tables_as_lines not in block.flags for block in blocks)


def test_columns_are_read_one_after_the_other(tmp_path: Path, engine: CorpusConfig) -> None:
    left = [
        "Digoxin slows the heart and is used",
        "in atrial fibrillation. Its dose depends",
        "on the kidneys, so that older patients",
        "often need less than younger ones do.",
        "Its level is measured after a week.",
    ]
    right = [
        "Warfarin thins the blood and is used",
        "after a clot. Its dose depends on the",
        "liver, on food, and on other medicines",
        "that a patient takes at the same time.",
        "Its effect is measured as the INR.",
    ]

    def columns(canvas: Canvas) -> None:
        text(*left)(canvas)
        text(*right, left=320)(canvas)

    found = whole(read(pdf(tmp_path / "columns.pdf", [scan(columns)]), engine)[1])
    assert found == " ".join(left + right)


def test_an_exponent_is_kept_or_the_page_is_flagged(tmp_path: Path, engine: CorpusConfig) -> None:
    def count(canvas: Canvas) -> None:
        text("Platelets fell to 4.5 x 10  /L within three days of heparin.")(canvas)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(
            60 + canvas.stringWidth("Platelets fell to 4.5 x 10", "Helvetica", 12), 765, "9"
        )

    (block,) = read(pdf(tmp_path / "power.pdf", [scan(count)]), engine)[1]
    assert "109" not in block.text
    assert "10^9" in block.text or Flag.low_ocr_confidence in block.flags


def test_a_page_that_is_hard_to_read_is_flagged(tmp_path: Path, engine: CorpusConfig) -> None:
    pages = [scan(text(*HEPARIN)), scan(text(*WARFARIN), blur=6)]
    document, blocks = read(pdf(tmp_path / "blurred.pdf", pages), engine)
    low = {block.page for block in blocks if Flag.low_ocr_confidence in block.flags}
    assert low == {2}
    assert document.metadata["ocr_confidence"]["2"] < document.metadata["ocr_confidence"]["1"]


def test_a_stamp_does_not_hide_a_scan(tmp_path: Path, engine: CorpusConfig) -> None:
    stamp = text("Received 3 May 2021", left=400)
    page = scan(text("", "", *HEPARIN), over=stamp)
    found = whole(read(pdf(tmp_path / "stamped.pdf", [page]), engine)[1])
    assert found == " ".join(("Received 3 May 2021", *HEPARIN))


def test_a_caption_is_not_read_from_the_picture(tmp_path: Path, engine: CorpusConfig) -> None:
    caption = "Figure 1. Dose in mg (left) and time in hours (right) of all patients."
    figure = scan(text("0.5", "mg"), over=text("", "", "", caption))
    document, blocks = read(pdf(tmp_path / "figure.pdf", [figure]), engine)
    assert [(block.text, block.flags) for block in blocks] == [(caption, frozenset())]
    assert document.left_out == {}


def test_a_page_without_a_word_is_counted(tmp_path: Path, engine: CorpusConfig) -> None:
    photo = scan(lambda canvas: canvas.rect(100, 300, 300, 300, fill=1))
    document, blocks = read(pdf(tmp_path / "photo.pdf", [text(*HEPARIN), photo]), engine)
    assert whole(blocks) == " ".join(HEPARIN)
    assert document.left_out == {"pages without words": 1}
    assert reason(pdf(tmp_path / "photo.pdf", [photo]), engine) == (
        "no text layer, and OCR found no text on its pages"
    )


def test_the_picture_of_a_huge_page_is_bounded(tmp_path: Path, engine: CorpusConfig) -> None:
    size = (24 * A4[0], 24 * A4[1])  # at 300 dpi: five billion pixels
    path = pdf(tmp_path / "poster.pdf", [scan(text(*HEPARIN))], size)
    assert whole(read(path, engine)[1]) == " ".join(HEPARIN)


# --- without one ------------------------------------------------------------------------------


def test_the_reason_says_what_to_install(tmp_path: Path, nothing_installed: CorpusConfig) -> None:
    path = pdf(tmp_path / "scan.pdf", [scan(text(*HEPARIN))])
    assert reason(path, nothing_installed) == (
        "no text layer, so probably a scan; to read it, install an OCR engine "
        "(corpus.ocr=tesseract): apt-get install tesseract-ocr"
    )
    if find_spec("rapidocr") is None:
        why = reason(path, CorpusConfig())
        assert "(corpus.ocr=auto): pip install 'medrag[ocr]', or apt-get install" in why


def test_off_is_off(tmp_path: Path) -> None:
    path = pdf(tmp_path / "scan.pdf", [scan(text(*HEPARIN))])
    why = "no text layer, and corpus.ocr=off; try corpus.ocr=auto"
    assert reason(path, CorpusConfig(ocr=Ocr.off)) == why


def test_blank_pages_are_not_scans(tmp_path: Path) -> None:
    path = pdf(tmp_path / "blank.pdf", [lambda canvas: None] * 2)
    assert reason(path, CorpusConfig(ocr=Ocr.off)) == "no text: its pages are blank"


def test_scanned_pages_are_counted(tmp_path: Path, nothing_installed: CorpusConfig) -> None:
    pages = [text(*HEPARIN), scan(text(*WARFARIN)), scan(text(*WARFARIN))]
    document, blocks = read(pdf(tmp_path / "mixed.pdf", pages), nothing_installed)
    assert whole(blocks) == " ".join(HEPARIN)
    assert document.left_out == {"pages without text": 2}
    assert "ocr_confidence" not in document.metadata


def test_scanned_pages_are_counted_once(tmp_path: Path, nothing_installed: CorpusConfig) -> None:
    """Pages that hold only the same line are read a second time, to keep it."""
    pages = [*[text("Ward 7, Anytown Hospital")] * 4, scan(text(*WARFARIN))]
    document, blocks = read(pdf(tmp_path / "running.pdf", pages), nothing_installed)
    assert "Ward 7, Anytown Hospital" in whole(blocks)
    assert document.left_out == {"pages without text": 1}


def test_a_scan_is_read_once_there_is_an_engine(
    config: PipelineConfig,
    corpus: Path,
    build: Callable[[], BuildReport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not on PATH; to run it: apt-get install tesseract-ocr")
    pdf(corpus / "scan.pdf", [scan(text(*HEPARIN))])
    config.corpus.ocr = Ocr.tesseract
    with monkeypatch.context() as empty:
        empty.setenv("PATH", str(corpus / "nothing"))
        assert build().added == 3
        assert build().added == 0
    assert build().added == 1


# --- engines that fail ------------------------------------------------------------------------


def test_a_page_that_fails_is_counted_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = program(tmp_path / "bin", monkeypatch, "echo 'out of paper' >&2; exit 3")
    scanned = scan(text(*WARFARIN))
    document, blocks = read(pdf(tmp_path / "mixed.pdf", [scanned, text(*HEPARIN)]), config)
    assert whole(blocks) == " ".join(HEPARIN)
    assert document.left_out == {"pages that OCR could not read": 1}
    assert reason(pdf(tmp_path / "scan.pdf", [scanned]), config) == (
        "a scan that OCR could not read: out of paper"
    )


def test_slow_pages_are_left_out_but_the_process_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pages take longer than a process may go without output, and each takes too long."""
    config = program(tmp_path / "bin", monkeypatch, '[ "$1" = stdin ] && exec sleep 300')
    root = tmp_path / "corpus"
    root.mkdir()
    pdf(root / "slow.pdf", [*[scan(text(*WARFARIN))] * 3, text(*HEPARIN)])
    ((_, chunks),) = parse(root, config)  # type: ignore[misc]  # nothing is rejected
    assert whole(chunks) == " ".join(HEPARIN)


def running(command: str) -> bool:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if file.read_bytes().replace(b"\0", b" ").decode().strip() == command:
                return True
        except OSError:  # it has just ended
            continue
    return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for the program in /proc")
def test_its_program_ends_with_a_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = f"{300 + os.getpid() / 1e7:.7f}"  # nobody else sleeps so long
    config = program(tmp_path / "bin", monkeypatch, f'[ "$1" = stdin ] && exec sleep {seconds}')
    config.max_parser_seconds = 600
    root = tmp_path / "corpus"
    root.mkdir()
    pdf(root / "slow.pdf", [scan(text(*WARFARIN))])
    pool = ParserPool(config, Chunker(Counter(), 256))
    files = [
        file
        for file in find_files([str(root)], root.with_name("index") / "downloads")
        if isinstance(file, SourceFile)
    ]
    with closing(pool.read(files, tmp_path / "scratch")) as parsed:
        next(parsed)
        deadline = time.monotonic() + 60
        while not running(f"sleep {seconds}"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    deadline = time.monotonic() + 10
    while running(f"sleep {seconds}"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
