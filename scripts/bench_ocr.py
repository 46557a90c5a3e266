"""Measure OCR on pages of known text: errors in words and numbers, confidence, CPU time, memory.

    python scripts/bench_ocr.py pubmedqa.jsonl --engine rapidocr

Pages are typeset, rendered, spoilt as scanners do, and read as a PDF without a text layer.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import resource
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import matplotlib
import numpy as np
from PIL import Image, ImageFilter
from pypdfium2 import PdfDocument
from reportlab.lib.utils import ImageReader, simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from medrag.config import CorpusConfig, Ocr
from medrag.ingestion.readers import read_documents

WIDTH, HEIGHT = 595, 842  # A4, points
NUMBER = re.compile(r"[<>≤≥±=]? ?\d+(?:[.,·]\d+)*")
DRUGS = "digoxin warfarin apixaban morphine levothyroxine heparin vancomycin phenytoin".split()  # noqa: SIM905
# Name: (layout, font size, dpi of the scan, degrees, whether it is noisy and compressed).
CONDITIONS = {
    "300 dpi": ("prose", 10.5, 300, 0.0, False),
    "200 dpi": ("prose", 10.5, 200, 0.0, False),
    "200 dpi, noise, JPEG": ("prose", 10.5, 200, 0.0, True),
    "turned by 0.7°": ("prose", 10.5, 300, 0.7, False),
    "upside down": ("prose", 10.5, 200, 180.0, False),
    "7 points, 200 dpi": ("prose", 7, 200, 0.0, False),
    "two columns": ("columns", 9, 300, 0.0, False),
    "doses and signs": ("doses", 10.5, 300, 0.0, False),
    "doses, 200 dpi, noise, JPEG": ("doses", 10.5, 200, 0.0, True),
    "table of doses": ("table", 10, 300, 0.0, False),
    "raised exponents": ("powers", 10.5, 300, 0.0, False),
    "hardly legible": ("prose", 8, 90, 0.5, True),
}


def dose(chance: random.Random) -> str:
    """Return a sentence whose numbers and signs matter."""
    amount = f"{chance.choice((0.125, 0.25, 0.5, 1.25, 2.5, 7.5, 12.5, 62.5)):g}"
    unit = chance.choice(("mg", "µg", "mg/kg", "µg/kg", "mL/h", "IU/mL"))
    sign = chance.choice("≥≤<>")
    limit = chance.choice(("30 mL/min", "65 years", "38.5 °C", "2.0", "94%", "150 µmol/L"))
    low = chance.randint(1, 9) / 2
    return (
        f"Give {amount} {unit} of {chance.choice(DRUGS)} every {chance.choice((4, 6, 8, 12))} h if "
        f"the value is {sign} {limit} (95% CI {low:.1f}–{low + 2.7:.1f}; "
        f"P < 0.0{chance.randint(1, 9)})."
    )


def draw(
    layout: str, size: float, texts: Iterator[str], chance: random.Random
) -> tuple[bytes, str]:
    """Return a PDF of one page, and its text."""
    held = io.BytesIO()
    canvas = Canvas(held, (WIDTH, HEIGHT))
    font = chance.choice(("serif", "sans"))
    canvas.setFont(font, size)
    wide = 490 if layout != "columns" else 230
    rows = int((HEIGHT - 120) / (1.35 * size))
    said: list[str] = []
    if layout in ("table", "powers"):
        for row in range(30):
            y = HEIGHT - 60 - 20 * row
            if layout == "table":
                cells = [
                    DRUGS[row % 8],
                    f"{row + 1}–{row + 5} kg",
                    f"{chance.randint(1, 99) / 8:g} mg",
                    f"{chance.choice((4, 6, 8, 12))} h",
                    f"max. {chance.randint(2, 40) * 25} mg",
                ]
                for column, cell in enumerate(cells):
                    canvas.drawString(50 + 105 * column, y, cell)
                said += cells
            else:
                before, power = (
                    f"The count was {chance.randint(10, 99) / 10} × 10",
                    chance.choice("369"),
                )
                canvas.drawString(50, y, before)
                x = 50 + pdfmetrics.stringWidth(before, font, size)
                canvas.setFont(font, 0.65 * size)
                canvas.drawString(x, y + 0.35 * size, power)
                canvas.setFont(font, size)
                canvas.drawString(x + 0.4 * size, y, "/L in the blood.")
                said.append(f"{before}^{power}/L in the blood.")
    else:
        for left in (50, 315) if layout == "columns" else (50,):
            lines: list[str] = []
            while len(lines) < rows:
                text = (
                    next(texts) if layout != "doses" else " ".join(dose(chance) for _ in range(5))
                )
                lines += simpleSplit(text, font, size, wide)
            for n, line in enumerate(lines[:rows]):
                canvas.drawString(left, HEIGHT - 60 - 1.35 * size * n, line)
            said += lines[:rows]
    canvas.save()
    return held.getvalue(), " ".join(said)


def scan(page: bytes, path: Path, dpi: int, degrees: float, noisy: bool, seed: int) -> None:
    """Write a page as a PDF that holds only its picture."""
    picture = PdfDocument(page)[0].render(scale=dpi / 72, grayscale=True).to_pil().convert("L")
    if degrees:
        picture = picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
    if noisy:
        picture = picture.filter(ImageFilter.GaussianBlur(0.7))
        grain = np.random.default_rng(seed).normal(0, 18, (picture.height, picture.width))
        picture = Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=35 if noisy else 90)
    held.seek(0)
    canvas = Canvas(str(path), (WIDTH, HEIGHT))
    canvas.setTitle("A scanned page")
    canvas.drawImage(ImageReader(held), 0, 0, WIDTH, HEIGHT)
    canvas.save()


def normal(text: str) -> str:
    """Return the text with one kind of dash, quote, mu and space before units."""
    text = unicodedata.normalize("NFKC", text).translate(str.maketrans("–—−‘’“”", "---''\"\""))
    return re.sub(r"(?<=\d) ?(?=[^\W\d])", " ", " ".join(text.split()))  # "8h" is "8 h"


def distance(right: list[str], read: list[str]) -> int:
    """Return the least number of words to insert, delete and replace."""
    row = list(range(len(read) + 1))
    for n, word in enumerate(right, start=1):
        last, row[0] = row[0], n
        for m, other in enumerate(read, start=1):
            last, row[m] = row[m], min(last + (word != other), row[m] + 1, row[m - 1] + 1)
    return row[-1]


def numbers(text: str) -> Counter[str]:
    """Count the numbers of a text, each with the sign before it and the power after it."""
    return Counter(
        found.replace(" ", "") for found in re.findall(NUMBER.pattern + r"(?:\^\d+)?", text)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, help="PubMedQA as JSONL")
    parser.add_argument("--engine", choices=["tesseract", "rapidocr"], required=True)
    parser.add_argument("--pages", type=int, default=4, help="of each condition")
    parser.add_argument("--out", type=Path, help="also write a line of JSON for each page")
    options = parser.parse_args()
    fonts = Path(matplotlib.get_data_path()) / "fonts/ttf"
    for name, file in ("serif", "STIXGeneral.ttf"), ("sans", "DejaVuSans.ttf"):
        pdfmetrics.registerFont(TTFont(name, fonts / file))
    with options.texts.open(encoding="utf-8") as file:
        texts = iter([context for line in file for context in json.loads(line)["contexts"]])
    corpus = CorpusConfig(ocr=Ocr(options.engine))
    print("| page | words wrong | numbers wrong | confidence | CPU s/page |\n|---|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for condition, (layout, size, dpi, degrees, noisy) in CONDITIONS.items():
            pages = []
            for seed in range(options.pages):
                page, right = draw(layout, size, texts, random.Random(seed))
                path = Path(folder, "scan.pdf")
                scan(page, path, dpi, degrees, noisy, seed)
                start = sum(os.times()[:4])
                (document,) = read_documents(path, path.name, corpus)
                text = "\n".join(block.text for block in getattr(document, "blocks", ()))
                seconds = sum(os.times()[:4]) - start
                right, text = normal(right), normal(text)
                given = numbers(right)
                metadata = getattr(document, "metadata", {})
                pages.append({
                    "condition": condition,
                    "words": distance(right.split(), text.split()) / len(right.split()),
                    "numbers": (given - numbers(text)).total() / max(1, given.total()),
                    "count": given.total(),
                    "confidence": metadata.get("ocr_confidence", {}).get("1", 0.0),
                    "seconds": seconds,
                })  # fmt: skip
                if options.out:
                    with options.out.open("a") as out:
                        print(json.dumps({**pages[-1], "right": right, "text": text}), file=out)
            found += pages
            wrong = sum(page["numbers"] * page["count"] for page in pages)
            sure = sorted(page["confidence"] for page in pages)
            print(
                f"| {condition} | {mean(p['words'] for p in pages):.1%} | "
                f"{wrong / max(1, sum(p['count'] for p in pages)):.1%} | "
                f"{sure[0]:.2f}–{sure[-1]:.2f} | "
                f"{mean(p['seconds'] for p in pages):.1f} |",
                flush=True,
            )
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak RSS: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    print(f"peak RSS of a child: {of_children:.0f} MiB")


if __name__ == "__main__":
    main()
