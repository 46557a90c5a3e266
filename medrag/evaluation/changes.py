"""What changed? Answers of one run beside those of another, and why each one differs."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ArtefactError, FormatError
from ..manifest import MANIFEST, open_artefact, read_manifest
from ..stores import IndexReader
from ..types import Flag
from .records import Record, read_records

ANSWERS = "answers.jsonl"
DOCUMENTS = "documents.txt.gz"  # ids of all documents of the index, one a line
_ESCAPED = re.compile(r"\\(.)")
_KINDS = ("index", "evaluation", "adapter")


@dataclass(frozen=True)
class Change:
    """A question that is answered otherwise than before.

    Attributes:
        verdict: "right → wrong" and the like; "" if the answer is worth as much as before.
        reasons: in words, the most telling first.
    """

    id: str
    question: str
    before: str
    now: str
    verdict: str
    reasons: tuple[str, ...]


def kind_of(path: Path) -> str:
    """Whether a directory holds an index, an evaluation or an adapter.

    Raises:
        ArtefactError: it holds none of them, or is damaged.
    """
    for kind in _KINDS:
        try:
            read_manifest(path, kind)
        except FormatError:
            raise
        except ArtefactError:
            continue
        open_artefact(path, kind)  # damage is an error of its own
        return kind
    raise ArtefactError(
        f"evaluation.against={path} is neither an index nor an evaluation nor an adapter: "
        f"no usable {MANIFEST} of these kinds is there"
    )


def write_documents(path: Path, index: IndexReader) -> None:
    """Keep the ids of all documents, so that a later run can tell what was added or removed.

    A line break in an id becomes "\\n", and a backslash is doubled.
    """
    with gzip.open(path, "wt", encoding="utf-8", newline="\n") as file:
        for name in index.document_ids():
            escaped = name.replace("\\", r"\\").replace("\n", r"\n")
            file.write(f"{escaped}\n")


def read_documents(path: Path) -> set[str]:
    """The ids that `write_documents` has kept.

    Raises:
        ArtefactError: they were not kept.
    """
    if not path.is_file():
        raise ArtefactError(f"{path.parent} was made by an earlier version; run it again")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return {_ESCAPED.sub(_unescaped, line.removesuffix("\n")) for line in file}


def _unescaped(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] == "n" else escaped[1]


def changes(
    before: Mapping[str, Record],
    now: Sequence[Record],
    documents_before: set[str],
    documents_now: set[str],
) -> Iterator[Change]:
    """The questions whose answer differs, in the order of the later run.

    Args:
        before: the records of the earlier run by id.
    """
    for record in now:
        earlier = before.get(record.id)
        if earlier is None or (earlier.question != record.question):
            continue
        if (earlier.answer, _quoted(earlier)) == (record.answer, _quoted(record)):
            continue
        was, now_is = _verdict(earlier), _verdict(record)
        verdict = "" if was == now_is else f"{was} → {now_is}"
        reasons = tuple(_reasons(earlier, record, documents_before, documents_now))
        yield Change(record.id, record.question, earlier.answer, record.answer, verdict, reasons)


def _reasons(
    before: Record, now: Record, documents_before: set[str], documents_now: set[str]
) -> Iterator[str]:
    cited_before, cited_now = _cited(before), _cited(now)
    flags_before, flags_now = _flags(before), _flags(now)
    told = False
    for name in dict.fromkeys([*cited_before, *cited_now]):
        # Of a document that is found now only, nothing tells when it was retracted.
        was, now_is = flags_before.get(name, [Flag.retracted]), flags_now.get(name, ())
        if Flag.retracted in {*now_is} - {*was}:
            yield f"document retracted: {name}"
            told = True
    for name in cited_before:
        if name not in documents_now:
            yield f"document removed: {name}"
            told = True
    for name in cited_now:
        if name not in documents_before:
            yield f"document added: {name}"
            told = True
    for name in dict.fromkeys([*cited_before, *cited_now]):
        hashes = before.documents.get(name), now.documents.get(name)
        if None not in hashes and hashes[0] != hashes[1]:
            yield f"document revised: {name}"
            told = True
    if told:
        return
    hits_before, hits_now = (
        [(hit["document"], hit["start"]) for hit in one.hits] for one in (before, now)
    )
    if before.shown != now.shown:
        sure = f"confidence {before.confidence:.2f} → {now.confidence:.2f}"
        limit = f"threshold {before.threshold:.2f} → {now.threshold:.2f}"
        yield f"{'answered' if now.shown else 'refused'} now: {sure}, {limit}"
    if hits_before != hits_now:
        yield "other hits" if {*hits_before} != {*hits_now} else "hits in another order"
    elif before.shown == now.shown:
        yield "other sentence" if _quoted(before) != _quoted(now) else "other wording"


def _quoted(record: Record) -> list[tuple[str, str]]:
    """What is cited, by its text: a sentence that only moved within its document is the same."""
    if not record.shown:
        return []
    return [(one["document"], one["text"]) for one in record.sources]


def _verdict(record: Record) -> str:
    if not record.shown:
        return "refused"
    return "unknown" if record.right is None else "right" if record.right else "wrong"


def _cited(record: Record) -> list[str]:
    return list(dict.fromkeys(one["document"] for one in record.sources)) if record.shown else []


def _flags(record: Record) -> dict[str, Sequence[str]]:
    return {one["document"]: one.get("flags", ()) for one in [*record.hits, *record.sources]}


def summary_of(found: Sequence[Change], asked: int) -> dict[str, Any]:
    """What `metrics.json` keeps of a comparison."""
    kinds = Counter(reason.partition(":")[0] for one in found for reason in one.reasons)
    verdicts = Counter(one.verdict for one in found if one.verdict)
    return {
        "asked": asked,
        "changed": len(found),
        "verdicts": dict(verdicts.most_common()),
        "reasons": dict(kinds.most_common()),
    }


def records_of(directory: Path, system: str) -> dict[str, Record]:
    """The records of a system in an evaluation, or of its first system if it has no such one."""
    every = list(read_records(directory / ANSWERS))
    own = [one for one in every if one.system == system]
    return {one.id: one for one in own or [o for o in every if o.system == every[0].system]}
