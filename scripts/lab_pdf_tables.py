"""Measures how well tables of PDFs are read: generated pages with known cells, and prose pages.

    python scripts/lab_pdf_tables.py [--plumber] [--seeds 20] [--show KIND]

A cell is right if one line of the text has its row's name and "column: value". `--plumber` reads
the same pages with pdfplumber (`pip install pdfplumber`), its tables written in the same way.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from medrag.config import CorpusConfig
from medrag.ingestion.readers import read_documents
from medrag.ingestion.readers.tables import Cell, Row, table_blocks
from medrag.types import BlockKind, Document

DRUGS = """Amoxicillin Bisoprolol Cefalexin Digoxin Enalapril Furosemide Gentamicin Heparin
Ibuprofen Ketamine Labetalol Metformin Naproxen Omeprazole Prednisolone Quinine Ramipril
Salbutamol Tramadol Urapidil Valproate Warfarin Xipamide Zidovudine""".split()  # noqa: SIM905
NAMES = ["Dose (mg)", "Patients", "Age", "95% CI", "P value", "Route", "Interval", "Weight, kg"]
GROUPS = ["Intervention", "Control group", "Placebo"]
PHRASES = [
    "twice daily with food and plenty of water",
    "once a week, not in renal failure",
    "every six hours until the fever is gone",
    "only after an ECG and with monitoring",
]
WORDS = """the patient dose of this drug is increased slowly when renal function allows it and
blood glucose remains above target after three months of treatment with diet and exercise while
others were given placebo for 12 weeks in a trial that ended early""".split()  # noqa: SIM905
Known = list[tuple[str, str, str]]  # row, column, value
SIZE = 9


class Page:
    """A canvas with what its tables say."""

    def __init__(self, path: Path, seed: int) -> None:
        self.canvas = Canvas(str(path))
        self.random = random.Random(seed)
        self.known: Known = []
        self.y = 780.0
        self.size = self.random.choice([7.5, 9, 10])

    def prose(self, lines: int, x: float = 50, width: float = 480) -> None:
        for n in range(lines):
            words: list[str] = []
            while stringWidth(" ".join(words), "Helvetica", SIZE) < width - 30:
                words.append(self.random.choice(WORDS))
            text = " ".join(words)
            text = f"{text.capitalize()}" if n % 4 == 0 else text
            self.text(x, text + ("." if n % 4 == 3 else ""), SIZE)
            self.y -= 12

    def text(
        self, x: float, text: str, size: float = 0, align: str = "l", bold: bool = False
    ) -> None:
        self.canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size or self.size)
        draw = {"l": self.canvas.drawString, "r": self.canvas.drawRightString}
        draw.get(align, self.canvas.drawCentredString)(x, self.y, text)

    def line(self, x0: float, x1: float, y: float) -> None:
        self.canvas.setLineWidth(0.5)
        self.canvas.line(x0, y, x1, y)

    def value(self, column: int) -> str:
        number = self.random
        return [
            lambda: f"{number.randint(1, 900)}",
            lambda: f"{number.uniform(0, 50):.1f} ({number.randint(1, 99)}%)",
            lambda: f"{number.uniform(0, 2):.2f}\u2013{number.uniform(2, 9):.2f}",
            lambda: f"<{number.uniform(0, 1):.3f}",
        ][column % 4]()

    def cells(self, rows: int = 0, columns: int = 0) -> tuple[list[str], list[list[str]]]:
        names = self.random.sample(NAMES, columns or self.random.randint(2, 5))
        labels = self.random.sample(DRUGS, rows or self.random.randint(3, 15))
        body = [[label, *(self.value(c) for c in range(len(names)))] for label in labels]
        self.known += [
            (row[0], name, value)
            for row in body
            for name, value in zip(names, row[1:], strict=True)
        ]
        return ["Drug", *names], body

    def table(
        self,
        head: list[list[tuple[str, int]]],
        body: list[list[str]],
        *,
        x: float = 50,
        width: float = 480,
        lines: str = "",
        align: str = "l",
        wrap: bool = False,
        bold: bool = False,
        spans_ruled: bool = True,
        by_column: bool = False,
    ) -> None:
        """Draw a table at `y`. `lines`: "all", "flat", "book", "upright", "rows" or "" for none."""
        wide = len(body[0])
        first = 0.3 if wide > 2 else 0.5
        edges = [x, *(x + width * (first + (1 - first) * n / (wide - 1)) for n in range(wide))]
        pitch = self.size * 1.25
        top = self.y
        heights = [top]
        self.y -= pitch
        for level, row in enumerate(head):
            column = 0
            for text, span in row:
                if text:
                    self.cell(
                        edges,
                        column,
                        column + span,
                        text,
                        "c" if span > 1 else align if column else "l",
                        bold,
                    )
                    if span > 1 and lines == "book" and spans_ruled:
                        self.line(edges[column] + 3, edges[column + span] - 5, self.y - 3.5)
                column += span
            heights.append(self.y - 4)
            if lines == "all" and len(head) > 1:
                self.spans(edges, row, level, head, self.y - 4)
            self.y -= pitch
        if lines in ("all", "flat", "book", "upright", "rows"):
            self.y -= 3
        jobs = []
        for row in body:
            parts = [
                self.wrapped(text, edges[n + 1] - edges[n] - 6) if wrap else [text]
                for n, text in enumerate(row)
            ]
            deep = max(map(len, parts))
            jobs += [
                (self.y - n * pitch, c, text)
                for c, part in enumerate(parts)
                for n, text in enumerate(part)
            ]
            self.y -= deep * pitch - pitch
            heights.append(self.y - 4)
            self.y -= pitch + (3 if wrap or lines == "all" else 0)
        end = self.y
        for at, column, text in sorted(jobs, key=lambda job: job[1]) if by_column else jobs:
            self.y = at
            self.cell(edges, column, column + 1, text, align if column else "l")
        self.y = end
        bottom = heights[-1]
        ruled = {
            "all": heights,
            "flat": heights,
            "rows": heights,
            "upright": [top, heights[len(head)], bottom],
            "book": [top, heights[len(head)], bottom],
        }
        for y in ruled.get(lines, []):
            if not (lines == "all" and len(head) > 1 and y in heights[1 : len(head)]):
                self.line(x, x + width, y)
        if lines in ("all", "upright"):
            for n, edge in enumerate(edges):
                low, high = bottom, top
                if len(head) > 1 and any(self.crosses(row, n) for row in head):
                    high = heights[1]
                self.canvas.line(edge, low, edge, high)
        self.y -= 10

    @staticmethod
    def crosses(row: list[tuple[str, int]], edge: int) -> bool:
        column = 0
        for _, span in row:
            if column < edge < column + span:
                return True
            column += span
        return False

    def spans(
        self,
        edges: list[float],
        row: list[tuple[str, int]],
        level: int,
        head: list[list[tuple[str, int]]],
        y: float,
    ) -> None:
        column = 0
        for text, span in row:
            if level + 1 < len(head) and text and span > 1:
                self.line(edges[column], edges[column + span], y)
            column += span

    def cell(
        self, edges: list[float], start: int, stop: int, text: str, align: str, bold: bool = False
    ) -> None:
        left, right = edges[start] + 3, edges[stop] - 3
        x = {"l": left, "r": right}.get(align, (left + right) / 2)
        self.text(x, text, align=align, bold=bold)

    def wrapped(self, text: str, width: float) -> list[str]:
        out = [""]
        for word in text.split():
            longer = f"{out[-1]} {word}".strip()
            if out[-1] and stringWidth(longer, "Helvetica", self.size) > width:
                out.append(word)
            else:
                out[-1] = longer
        return out

    def caption(self) -> None:
        self.text(50, "Table 1. Doses and outcomes in the trials of this review.", SIZE, bold=True)
        self.y -= 8


def plain(lines: str, **options: object) -> Callable[[Page], None]:
    def draw(page: Page) -> None:
        page.prose(5)
        page.caption()
        names, body = page.cells()
        page.table([[(name, 1) for name in names]], body, lines=lines, **options)  # type: ignore[arg-type]
        page.y -= 6
        page.prose(5)

    return draw


def long_cells(lines: str) -> Callable[[Page], None]:
    def draw(page: Page) -> None:
        page.prose(3)
        page.caption()
        names, body = page.cells(columns=2)
        for row in body:
            row.append(page.random.choice(PHRASES))
            page.known.append((row[0], "Remark", row[-1]))
        page.table([[(name, 1) for name in [*names, "Remark"]]], body, lines=lines, wrap=True)
        page.prose(3)

    return draw


def two_levels(lines: str, **options: object) -> Callable[[Page], None]:
    def draw(page: Page) -> None:
        page.prose(3)
        page.caption()
        names = page.random.sample(NAMES, 2)
        groups = page.random.sample(GROUPS, 2)
        body = [
            [drug, *(page.value(c) for c in (0, 1, 0, 1))] for drug in page.random.sample(DRUGS, 8)
        ]
        for row in body:
            for n, value in enumerate(row[1:]):
                page.known.append((row[0], f"{groups[n // 2]}, {names[n % 2]}", value))
        head = [
            [("", 1), *((group, 2) for group in groups)],
            [("Drug", 1), *((name, 1) for name in names * 2)],
        ]
        page.table(head, body, lines=lines, **options)  # type: ignore[arg-type]
        page.prose(3)

    return draw


def in_column(lines: str) -> Callable[[Page], None]:
    def draw(page: Page) -> None:
        top = page.y
        page.prose(45, 50, 235)
        page.y = top
        page.prose(8, 310, 235)
        page.y -= 4
        names, body = page.cells(columns=2, rows=8)
        page.size = 8
        page.table([[(name, 1) for name in names]], body, x=310, width=235, lines=lines)
        page.prose(8, 310, 235)

    return draw


def two_pages(lines: str) -> Callable[[Page], None]:
    def draw(page: Page) -> None:
        page.y = 250
        page.caption()
        names, body = page.cells(rows=20, columns=3)
        page.table([[(name, 1) for name in names]], body[:9], lines=lines)
        page.canvas.showPage()
        page.y = 780
        rest = body[9:]
        page.table([[]], rest, lines="flat" if lines == "flat" else lines)
        page.prose(5)

    return draw


TABLES: dict[str, Callable[[Page], None]] = {
    "ruled": plain("all"),
    "ruled, right-aligned": plain("all", align="r"),
    "ruled, drawn by columns": plain("all", by_column=True),
    "ruled, bold header": plain("all", bold=True, align="c"),
    "horizontal lines": plain("flat"),
    "only column lines": plain("upright", align="r"),
    "booktabs": plain("book"),
    "booktabs, right-aligned": plain("book", align="r"),
    "booktabs, centred": plain("book", align="c"),
    "booktabs, drawn by columns": plain("book", by_column=True),
    "no lines": plain(""),
    "no lines, right-aligned": plain("", align="r"),
    "no lines, bold header": plain("", bold=True, align="c"),
    "long cells, ruled": long_cells("all"),
    "long cells, horizontal": long_cells("flat"),
    "long cells, booktabs": long_cells("book"),
    "long cells, no lines": long_cells(""),
    "two levels, ruled": two_levels("all"),
    "two levels, booktabs": two_levels("book"),
    "two levels, no short lines": two_levels("book", spans_ruled=False),
    "in a column, ruled": in_column("all"),
    "in a column, booktabs": in_column("book"),
    "over two pages, ruled": two_pages("all"),
    "over two pages, booktabs": two_pages("book"),
}


def prose_page(page: Page) -> None:
    page.prose(50)


def prose_columns(page: Page) -> None:
    page.line(50, 545, 800)
    page.line(50, 545, 60)
    page.prose(50, 50, 235)
    page.y = 780
    page.prose(50, 310, 235)


def prose_across(page: Page) -> None:
    count = page.random.choice([2, 3])
    width = 500 / count - 15
    rows = []
    for _ in range(count):
        page.y = 2000  # off the page: only to get the lines
        lines = []
        for n in range(40):
            words: list[str] = []
            while stringWidth(" ".join(words), "Helvetica", SIZE) < width - 35:
                words.append(page.random.choice(WORDS))
            text = " ".join(words)
            lines.append((text.capitalize() if n % 5 == 0 else text) + ("." if n % 5 == 4 else ""))
        rows.append(lines)
    page.y = 780
    for line in zip(*rows, strict=True):
        for n, text in enumerate(line):
            page.text(50 + n * (500 / count), text, SIZE)
        page.y -= 12


def lists(page: Page) -> None:
    for n in range(1, 30):
        page.text(50, page.random.choice(["\u2022", f"{n}.", f"[{n}]"]), SIZE)
        page.prose(1, 75, 440)
        page.prose(page.random.randint(0, 2), 75, 440)


def contents(page: Page) -> None:
    for n in range(1, 30):
        page.text(
            50, f"{n}.{page.random.randint(1, 9)} Treatment of {page.random.choice(DRUGS)}", SIZE
        )
        page.text(540, str(n * 3), SIZE, "r")
        page.y -= 14


def boxed(page: Page) -> None:
    page.canvas.rect(45, page.y - 110, 500, 130)
    page.prose(9)
    page.y -= 30
    page.prose(20)
    page.canvas.line(50, page.y, 200, page.y)
    page.y -= 14
    page.prose(2)


PROSE = {
    "one column": prose_page,
    "two columns, lines above and below": prose_columns,
    "two or three columns, line by line": prose_across,
    "lists and references": lists,
    "contents": contents,
    "box and footnotes": boxed,
}


def ours(path: Path) -> tuple[str, int]:
    """Return the text, and how many lines of it are in tables or divided into columns."""
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document)
    blocks = list(document.blocks)
    rows = sum(
        block.text.count("\n") + 1
        for block in blocks
        if block.kind == BlockKind.table or ("|" in block.text and block.flags)
    )
    return "\n".join(block.text for block in blocks), rows


def plumber(path: Path) -> tuple[str, int]:
    import pdfplumber

    lines: list[str] = []
    with pdfplumber.open(path) as pdf:
        for page in pdf.pages:
            for settings in ({}, {"vertical_strategy": "text", "horizontal_strategy": "text"}):
                tables = page.extract_tables(settings)
                if tables:
                    break
            for table in tables:
                rows = [Row(Cell(cell or "") for cell in row) for row in table if any(row)]
                if rows:
                    rows[0].header = True  # pdfplumber does not say which rows are
                blocks = table_blocks([row for row in rows if any(cell.text for cell in row)])
                lines += [line for block in blocks for line in block.text.split("\n")]
    return "\n".join(lines), len(lines)


def right(text: str, known: Known) -> int:
    lines = [f"; {line};" for line in text.split("\n")]
    return sum(
        any(f"{label};" in line and f"; {column}: {value};" in line for line in lines)
        for label, column, value in known
    )


def pages(
    kinds: dict[str, Callable[[Page], None]], seeds: int
) -> Iterator[tuple[str, Path, Known]]:
    with tempfile.TemporaryDirectory() as folder:
        for kind, draw in kinds.items():
            for seed in range(seeds):
                path = Path(folder) / f"{kind} {seed}.pdf".replace(",", "")
                page = Page(path, seed)
                draw(page)
                page.canvas.save()
                yield kind, path, page.known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plumber", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--show", default="")
    options = parser.parse_args()
    read = plumber if options.plumber else ours
    if options.show:
        chosen = {k: v for k, v in (TABLES | PROSE).items() if k == options.show}
        for _, path, known in pages(chosen, options.seeds):
            text, _ = read(path)
            if right(text, known) < len(known) or not known:
                print(text, "\n", known[:12])
                return
        return
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    spent = time.process_time()
    count = 0
    for kind, path, known in pages(TABLES, options.seeds):
        text, _ = read(path)
        found[kind][0] += right(text, known)
        found[kind][1] += len(known)
        count += 1
    for kind, (good, all_) in found.items():
        print(f"{kind:30} {good / all_:6.1%} of {all_} cells")
    spent = (time.process_time() - spent) / count
    print(f"{spent * 1000:.1f} ms of CPU for each file, drawing included")
    false: dict[str, int] = defaultdict(int)
    for kind, path, _ in pages(PROSE, options.seeds):
        false[kind] += read(path)[1]
    for kind, rows in false.items():
        print(f"{kind:36} {rows} rows of false tables on {options.seeds} pages")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
