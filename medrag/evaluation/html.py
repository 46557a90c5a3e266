"""Write an evaluation as one HTML file: the figures, and the answers to read, the worst first."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from . import labels
from .labels import Summary, outcome, verdict
from .plots import PANELS, panel_svg
from .records import Record

if TYPE_CHECKING:
    from jinja2 import Environment

QUESTIONS = 300  # shown at most, the worst
SIZE = 5_000_000  # bytes of the whole file, at most
_SPARE = 20_000  # of them for what is known last, such as the filters
_HIT, _HITS = 320, 12  # characters of a passage, and passages of an answer
_CHANGES = 200  # answers that changed, compared with another run
_FOLDER = Path(__file__).parent
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TILES = (
    "answers/right", "answers/coverage", "answers/right_when_answered", "abstention/recall",
    "citations/precision", "retrieval/recall@5",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the record of each system.

    Attributes:
        number: its place in the question set, from 1.
    """

    number: int
    records: list[Record]

    @property
    def badness(self) -> float:
        """That of the worst answer."""
        return max(map(_badness, self.records))


def write_report(path: Path, summary: Summary, records: Iterable[Record]) -> None:
    """Write a page that needs nothing but itself: no network, no fonts, no other files.

    Without JavaScript it shows the same, unfiltered. At most `QUESTIONS` are in it and at most
    `SIZE` bytes; the page says how many are left out.

    Args:
        records: of all systems, in any order.
    """
    templates = environment()
    page, card_of = map(templates.get_template, ("report.html.j2", "answers.html.j2"))
    script = (_FOLDER / "report.js").read_text(encoding="utf-8")
    told = {
        "summary": summary,
        "title": labels.title_of(summary),
        "version": summary.get("medrag", __version__),
        "written": datetime.now(UTC),
        "tiles": _tiles(summary),
        "sections": list(labels.sections(summary)),
        "panels": {name: panel_svg(summary, name) for name in PANELS},
        "compared": labels.compared(summary),
        "reach": _reach(labels.compared(summary)),
        "most_changes": _CHANGES,
        "style": (_FOLDER / "report.css").read_text(encoding="utf-8"),
        "script": script,
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
    }
    asked = sorted(_questions(records), key=lambda one: (-one.badness, one.number))
    left = SIZE - _SPARE - len(_encoded(page.render(told, cards=[], choices={}, left_out=0)))
    cards: list[str] = []
    for question in asked[:QUESTIONS]:
        card = card_of.render(
            question=question, systems=len(summary["systems"]), is_first=not cards
        )
        left -= len(_encoded(card))
        if left < 0:
            break
        cards.append(card)
    shown = [record for question in asked[: len(cards)] for record in question.records]
    rest = len(asked) - len(cards)
    content = page.render(told, cards=cards, choices=_choices(shown), left_out=rest)
    path.write_bytes(_encoded(content))


def _encoded(text: str) -> bytes:
    """UTF-8 without control characters and halves of surrogate pairs, which no page may hold."""
    return _CONTROL.sub("\ufffd", text).encode("utf-8", "replace")


def _questions(records: Iterable[Record]) -> list[Question]:
    found: dict[str, Question] = {}
    for record in records:
        question = found.setdefault(record.id, Question(len(found) + 1, []))
        question.records.append(_trimmed(record))
    return list(found.values())


def _trimmed(record: Record) -> Record:
    """A record with what is shown of it, so that those of a long run fit into memory."""
    hits = [{**hit, "text": cut(hit["text"], _HIT)} for hit in record.hits[:_HITS]]
    return replace(record, hits=hits, ranked=[], documents={}, values={})


def _badness(record: Record) -> float:
    """Orders the answers: sure and wrong first, right and sure last."""
    judged = verdict(record)
    if judged == "wrong":
        return (4 if record.shown else 2) + record.confidence
    return 1 + record.confidence if judged == "unknown" else 1 - record.confidence


def _tiles(summary: Summary) -> list[labels.Row]:
    """The figures that matter most, as far as the first system has them."""
    rows = {
        f"{section}/{row.name}": row for section, rows in labels.sections(summary) for row in rows
    }
    return [
        rows[name] for name in _TILES if name in rows and rows[name].figures[0].value is not None
    ]


def _reach(compared: Mapping[str, Mapping[str, Any]]) -> float:
    """The largest bound of all differences, to draw them on one scale."""
    bounds: list[float] = [
        abs(found[end])
        for differences in compared.values()
        for found in differences.values()
        for end in ("low", "high")
    ]
    return max([0.01, *bounds])


def _choices(records: Iterable[Record]) -> dict[str, list[str]]:
    """What there is to filter by, in the order of the first one."""
    kept: dict[str, dict[str, None]] = {}
    for record in records:
        told = {
            "system": record.system,
            "verdict": verdict(record),
            "shown": "shown" if record.shown else "refused",
            "blame": record.blame,
            "kind": record.kind,
            "status": record.status,
        }
        for name, value in told.items():
            if value:
                kept.setdefault(name, {})[value] = None
    return {name: list(values) for name, values in kept.items() if len(values) > 1}


def cut(text: str, limit: int) -> str:
    """A text of at most about `limit` characters, cut between words and marked with "…"."""
    if len(text) <= limit:
        return text
    kept = text[:limit]
    return re.sub(r"\s+\S*\Z", "", kept) + " …"


@cache
def environment() -> Environment:
    """The templates of all pages; everything is escaped unless a template says otherwise."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(cut=cut, **{name: getattr(labels, name) for name in _FILTERS})
    made.globals.update(outcome=outcome, verdict=verdict, union=labels.union)
    return made


_FILTERS = (
    "asked", "blames", "changed", "describe", "excludes_zero", "hundredfold", "interval", "judged",
    "milliseconds", "notes", "plural", "signed",
)  # fmt: skip
