"""Ask every system every question; what is done is on disk, so a run that stops goes on there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..config import Config
from ..dataset.questions import DocumentNames
from ..embedding import Embedder
from ..pipeline import RAGPipeline
from ..progress import progress
from ..types import Example
from .outcomes import ask
from .records import Record, read_records
from .systems import System, share_embedder

_OF = "made-from.txt"  # the fingerprint of the run that the files belong to


def ask_all(
    config: Config,
    systems: Sequence[System],
    examples: Sequence[Example],
    work: Path,
    fingerprint: str,
) -> dict[str, list[Record]]:
    """The records of each system, in the order of the questions.

    Args:
        work: a directory for what is done; it is emptied if it belongs to another run.
        fingerprint: of the evaluation.
    """
    work.mkdir(parents=True, exist_ok=True)
    made_from = work / _OF
    if not made_from.is_file() or made_from.read_text(encoding="utf-8") != fingerprint:
        for left in work.iterdir():
            left.unlink()
        made_from.write_text(fingerprint, encoding="utf-8")
    embedders: list[tuple[object, Embedder]] = []
    found = {}
    with progress("evaluating", len(systems) * len(examples), "questions") as advance:
        for number, system in enumerate(systems):
            name = re.sub(r"[^\w.-]", "_", system.name)
            path = work / f"{number}-{name}.jsonl"
            done = {record.id: record for record in read_records(path)}
            _cut(path, list(done.values()))
            advance(len(done))
            embedder = share_embedder(system.config, embedders)
            with RAGPipeline(system.config, embedder) as rag, path.open("a") as file:
                names = DocumentNames(rag.index)
                answers = system.open(rag)
                for example in examples:
                    if example.id in done:
                        continue
                    gold = names.resolve(example.documents)
                    ks = config.evaluation.ks
                    record = ask(system.name, answers, rag.index, example, gold, ks)
                    file.write(record.line())
                    file.flush()
                    done[record.id] = record
                    advance(1)
            found[system.name] = [done[example.id] for example in examples]
    return found


def _cut(path: Path, whole: Sequence[Record]) -> None:
    """Drop a last line that a kill has cut, so that the next one does not join it."""
    if path.exists():
        path.write_text("".join(record.line() for record in whole), encoding="utf-8")


def clear(work: Path) -> None:
    """Remove what was kept for going on."""
    for left in work.iterdir() if work.is_dir() else ():
        left.unlink()
    if work.is_dir():
        work.rmdir()
