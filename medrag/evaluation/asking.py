"""Ask every system every question; what is done is on disk, so a run that stops goes on there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..config import Config
from ..dataset.questions import DocumentNames
from ..embedding import Embedder
from ..errors import MismatchError
from ..pipeline import RAGPipeline
from ..progress import progress
from ..stores import IndexReader
from ..types import Example
from ..workplace import prepare
from .outcomes import ask
from .records import Record
from .systems import System, share_embedder


def ask_all(
    config: Config,
    systems: Sequence[System],
    examples: Sequence[Example],
    work: Path,
    fingerprint: str,
    description: str = "evaluating",
) -> dict[str, list[Record]]:
    """The records of each system, in the order of the questions.

    Raises:
        MismatchError: an index changed between two systems, so that they cannot be compared.

    Args:
        work: a directory for what is done; it is emptied if it belongs to another run.
        fingerprint: of what is asked, and how.
        description: for the progress that is shown.
    """
    prepare(work, fingerprint)
    embedders: list[tuple[object, Embedder]] = []
    indexes: dict[str, str] = {}
    found = {}
    with progress(description, len(systems) * len(examples), "questions") as advance:
        for number, system in enumerate(systems):
            name = re.sub(r"[^\w.-]", "_", system.name)[:40]
            path = work / f"{number}-{name}.jsonl"
            done = _done(path)
            advance(len(done))
            with (
                RAGPipeline(system.config, share_embedder(system.config, embedders)) as rag,
                system.open(rag) as answers,
                path.open("a", encoding="utf-8") as file,
            ):
                _check_unchanged(rag.index, indexes)
                names = DocumentNames(rag.index)
                left = [example for example in examples if example.id not in done]
                for example in left:
                    gold = names.resolve(example.documents)
                    record = ask(
                        system.name, answers, rag.index, example, gold, config.evaluation.ks
                    )
                    if example is left[0] and len(examples) > 1:
                        record.milliseconds.clear()  # it has loaded the models, too
                    file.write(record.line())
                    file.flush()
                    done[record.id] = record
                    advance(1)
            found[system.name] = [done[example.id] for example in examples]
    return found


def _check_unchanged(index: IndexReader, seen: dict[str, str]) -> None:
    """Refuse an index that another build has published since an earlier system read it."""
    if seen.setdefault(index.location, index.fingerprint) != index.fingerprint:
        raise MismatchError(
            f"{index.location} changed while it was evaluated, so the systems were asked about "
            "different documents; run the evaluation again"
        )


def _done(path: Path) -> dict[str, Record]:
    """The records in a file by question; what a kill or a full disk has cut is removed from it."""
    done: dict[str, Record] = {}
    if not path.exists():
        return done
    whole = 0
    with path.open("rb+") as file:
        for line in file:
            try:
                record = Record.parse(line)
            except (ValueError, TypeError):
                break
            done[record.id] = record
            whole += len(line)
        file.truncate(whole)
    return done
