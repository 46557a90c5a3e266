"""PDFs through `read_documents`: text that nobody sees is left out, the layer of a scan stays."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.types import Block, Document, Flag

Draw = Callable[[Canvas], None]
SEEN = "Zoledronate 5 mg is given once a year to adults."
HIDDEN = "Give 999 mg every hour."


def read(path: Path, *pages: Draw) -> tuple[Document, list[Block]]:
    canvas = Canvas(str(path), pagesize=(595, 842))
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document), document
    return document, list(document.blocks)


def text(canvas: Canvas, x: float, y: float, words: str, mode: int = 0, size: float = 11) -> None:
    drawn = canvas.beginText(x, y)
    drawn.setFont("Helvetica", size)
    drawn.setTextRenderMode(mode)
    drawn.textOut(words)
    canvas.drawText(drawn)


def seen(canvas: Canvas) -> None:
    text(canvas, 50, 780, "Bones")
    text(canvas, 50, 760, SEEN)


def picture(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    file = BytesIO()
    Image.new("RGB", (8, 8), (90, 90, 90)).save(file, "PNG")
    file.seek(0)
    canvas.drawImage(ImageReader(file), x, y, width, height)


def invisible(canvas: Canvas) -> None:
    text(canvas, 50, 700, HIDDEN, mode=3)


def clip_only(canvas: Canvas) -> None:
    canvas.saveState()
    text(canvas, 50, 700, HIDDEN, mode=7)
    canvas.restoreState()


def transparent(canvas: Canvas) -> None:
    canvas.saveState()
    canvas.setFillAlpha(0)
    text(canvas, 50, 700, HIDDEN)
    canvas.restoreState()


def white(canvas: Canvas) -> None:
    canvas.setFillGray(1)
    text(canvas, 50, 700, HIDDEN)


def white_on_a_white_box_on_black(canvas: Canvas) -> None:
    canvas.setFillGray(0)
    canvas.rect(40, 600, 500, 150, fill=1)
    canvas.setFillGray(1)
    canvas.rect(45, 690, 400, 30, fill=1)
    text(canvas, 50, 700, HIDDEN)


def blue_on_blue(canvas: Canvas) -> None:
    canvas.setFillColorRGB(0, 0, 0.6)
    canvas.rect(45, 690, 400, 30, fill=1)
    text(canvas, 50, 700, HIDDEN)


def tiny(canvas: Canvas) -> None:
    text(canvas, 50, 700, HIDDEN, size=0.5)


def scaled_to_nothing(canvas: Canvas) -> None:
    canvas.saveState()
    canvas.translate(50, 700)
    canvas.scale(0.05, 0.05)
    text(canvas, 0, 0, HIDDEN)
    canvas.restoreState()


def outside(canvas: Canvas) -> None:
    text(canvas, 700, 700, HIDDEN)


def under_a_white_box(canvas: Canvas) -> None:
    text(canvas, 50, 700, HIDDEN)
    canvas.setFillGray(1)
    canvas.rect(45, 690, 400, 30, fill=1, stroke=0)


def under_a_picture(canvas: Canvas) -> None:
    text(canvas, 50, 700, HIDDEN)
    picture(canvas, 45, 690, 400, 30)


def in_a_form(canvas: Canvas) -> None:
    canvas.beginForm("inner")
    text(canvas, 0, 0, HIDDEN, mode=3)
    canvas.endForm()
    canvas.beginForm("outer")
    canvas.translate(10, 10)
    canvas.doForm("inner")
    canvas.endForm()
    canvas.translate(40, 690)
    canvas.doForm("outer")


@pytest.mark.parametrize(
    "hide",
    [
        invisible,
        clip_only,
        transparent,
        white,
        white_on_a_white_box_on_black,
        blue_on_blue,
        tiny,
        scaled_to_nothing,
        outside,
        under_a_white_box,
        under_a_picture,
        in_a_form,
    ],
)
def test_text_that_nobody_sees_is_left_out_and_counted(tmp_path: Path, hide: Draw) -> None:
    def draw(canvas: Canvas) -> None:
        seen(canvas)
        hide(canvas)

    document, blocks = read(tmp_path / "bones.pdf", draw)
    assert [block.text for block in blocks] == [SEEN]
    assert document.flags == {Flag.hidden_text}
    assert document.left_out == {"hidden text": 1}


def stroked(canvas: Canvas) -> None:
    canvas.setFillAlpha(0)
    text(canvas, 50, 700, HIDDEN, mode=1)


def white_on_black(canvas: Canvas) -> None:
    canvas.rect(45, 690, 400, 30, fill=1)
    canvas.setFillGray(1)
    text(canvas, 50, 700, HIDDEN)


def white_on_a_picture(canvas: Canvas) -> None:
    picture(canvas, 45, 690, 400, 30)
    canvas.setFillGray(1)
    text(canvas, 50, 700, HIDDEN)


def small_font_scaled_up(canvas: Canvas) -> None:
    canvas.translate(50, 700)
    canvas.scale(20, 20)
    text(canvas, 0, 0, HIDDEN, size=0.5)


def highlighted(canvas: Canvas) -> None:
    text(canvas, 50, 700, HIDDEN)
    canvas.setFillColorRGB(1, 1, 0, alpha=0.3)
    canvas.rect(45, 690, 400, 30, fill=1, stroke=0)


def beside_a_clipped_box(canvas: Canvas) -> None:
    text(canvas, 50, 700, HIDDEN)
    path = canvas.beginPath()
    path.rect(300, 100, 50, 50)
    canvas.clipPath(path, stroke=0)
    canvas.setFillGray(1)
    canvas.rect(0, 0, 595, 842, fill=1, stroke=0)


@pytest.mark.parametrize(
    "show",
    [
        stroked,
        white_on_black,
        white_on_a_picture,
        small_font_scaled_up,
        highlighted,
        beside_a_clipped_box,
    ],
)
def test_text_that_is_seen_stays(tmp_path: Path, show: Draw) -> None:
    def draw(canvas: Canvas) -> None:
        seen(canvas)
        show(canvas)

    document, blocks = read(tmp_path / "bones.pdf", draw)
    assert HIDDEN in " ".join(block.text for block in blocks)
    assert not document.flags and not document.left_out


def scan(canvas: Canvas) -> None:
    picture(canvas, 0, 0, 595, 842)
    text(canvas, 50, 780, "Bones", mode=3)
    text(canvas, 50, 760, SEEN, mode=3)


def test_the_text_layer_of_a_scan_stays_and_is_flagged(tmp_path: Path) -> None:
    def other(canvas: Canvas) -> None:
        text(canvas, 50, 760, "Calcium is given too.")

    document, blocks = read(tmp_path / "bones.pdf", scan, other)
    assert [(block.text, block.flags) for block in blocks] == [
        (SEEN, {Flag.ocr}),
        ("Calcium is given too.", frozenset()),
    ]
    assert not document.left_out


def test_a_stamp_on_a_scan_does_not_hide_its_text_layer(tmp_path: Path) -> None:
    def stamped(canvas: Canvas) -> None:
        scan(canvas)
        text(canvas, 50, 20, "Archive copy")

    blocks = read(tmp_path / "bones.pdf", stamped)[1]
    assert SEEN in blocks[0].text and blocks[0].flags == {Flag.ocr}


def test_text_under_the_picture_of_a_scan_stays(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        seen(canvas)
        picture(canvas, 0, 0, 595, 842)

    blocks = read(tmp_path / "bones.pdf", draw)[1]
    assert [(block.text, block.flags) for block in blocks] == [(SEEN, {Flag.ocr})]


def test_invisible_text_stays_on_a_page_without_other_text(tmp_path: Path) -> None:
    document, blocks = read(tmp_path / "bones.pdf", seen, invisible)
    assert [(block.text, block.flags) for block in blocks[1:]] == [(HIDDEN, frozenset())]
    assert not document.left_out
