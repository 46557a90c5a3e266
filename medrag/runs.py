"""What was made, and of what: `python -m medrag.runs` lists indexes, datasets, models, evaluations.

python -m medrag.runs compare A B …    settings that differ, results, curves; a page of it
python -m medrag.runs lineage A        what it was made from, and what was made from it
python -m medrag.runs affected PMID:1  everything that a document went into

runs.dir=outputs is the folder that is looked through.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.padding import Padding

from .cli import launch, split_words
from .config import Config
from .errors import ArtefactError, ConfigError
from .evaluation.lineage import Found, Lineage, affected, find_artefacts, tree_of
from .evaluation.reranker_card import reranking_gain
from .evaluation.retriever_card import told
from .evaluation.run_comparison import (
    compare_artefacts,
    differing_settings,
    tables,
    write_comparison,
)
from .manifest import fingerprint
from .progress import results
from .terminal import plain

_USE = (
    "python -m medrag.runs [compare A B … | lineage A | affected DOCUMENT] [runs.dir=DIR]; A and B "
    "are folders"
)
_NAME = 100  # characters of the name of a comparison
_SETTINGS = 5  # that are listed; `compare` shows all
_ROWS = 20  # ids of rows that are shown for each split


def run(config: Config, words: Sequence[str]) -> None:
    """Print what is asked for.

    Raises:
        ArtefactError: there is no such folder or artefact.
        ConfigError: the words ask for nothing that is known.
    """
    lineage = find_artefacts(Path(config.runs.dir))
    match list(words):
        case []:
            _list(lineage)
        case ["compare", *folders]:
            _compare([_at(lineage, folder) for folder in folders], Path(config.runs.dir))
        case ["lineage", folder]:
            results().print(tree_of(_at(lineage, folder), lineage))
        case ["affected", document] if document.strip():
            _affected(document, lineage)
        case _:
            raise ConfigError(f"{' '.join(words)!r} cannot be asked for: {_USE}")


def _at(lineage: Lineage, folder: str) -> Found:
    if found := lineage.at(Path(folder)):
        return found
    for damaged, reason in lineage.unreadable.items():
        if damaged.resolve() == Path(folder).resolve():
            raise ArtefactError(reason)
    known = ", ".join(str(one.directory) for one in lineage.found) or "none"
    raise ConfigError(f"{folder} is no artefact below runs.dir; there are: {known}")


def _list(lineage: Lineage) -> None:
    out = results()
    for one, settings in zip(lineage.found, differing_settings(lineage.found), strict=True):
        parents = (
            found.directory.name if found else f"{kind} (changed since)"
            for kind, _, found in lineage.parents(one)
        )
        made = one.manifest.created_at[:16].replace("T", " ")
        origin = f" · from {', '.join(parents)}" if one.parents else ""
        out.print(
            f"[bold]{one.kind}[/bold] {plain(str(one.directory))} · {made}{plain(origin)}",
            highlight=False,
        )
        named = [f"{name}={value}" for name, value in settings.items()]
        if len(named) > _SETTINGS:
            named[_SETTINGS:] = [f"{len(named) - _SETTINGS} more settings differ"]
        try:
            result = _result(one)
        except (LookupError, TypeError, ValueError):
            result = "results that this version of medrag cannot read"
        for line in (result, ", ".join(named)):
            if line:
                out.print(Padding(plain(line), (0, 0, 0, 4), expand=False))
    for reason in lineage.unreadable.values():
        out.print(f"[yellow]{plain(reason)}[/yellow]")


def _result(one: Found) -> str:
    """The figure by which an artefact is known."""
    counts = one.manifest.counts
    match one.kind:
        case "index":
            return f"{counts['documents']:,} documents, {counts['chunks']:,} chunks"
        case "dataset":
            return f"{counts['train']['rows']:,} training rows"
        case "retriever":
            return told(counts)
        case "reranker":
            return reranking_gain(counts.get("measured", []))
        case "adapter" if tuned := counts.get("held_out", {}).get("tuned"):
            right, wrong = tuned["right_citation"]["value"], tuned["false_refusals"]["value"]
            if right is not None:
                return f"right citation {right:.2f}, false refusals {wrong:.2f}"
    if "train_loss" in counts:
        return f"loss {counts['first_loss']:.3f} → {counts['train_loss']:.3f}"
    return ""


def _compare(some: Sequence[Found], root: Path) -> None:
    out = results()
    comparison = compare_artefacts(some)
    for table in tables(comparison):
        out.print(table)
    name = "-vs-".join(one.directory.name for one in some)
    if len(name) > _NAME:
        name = (
            f"{some[0].directory.name[:_NAME]}-and-{len(some) - 1}-others-{fingerprint(name)[:8]}"
        )
    page, picture = write_comparison(root / "comparisons" / name, comparison)
    out.print(f"as a page: {page}", markup=False)
    if picture:
        out.print(f"as a picture: {picture}", markup=False)


def _affected(document: str, lineage: Lineage) -> None:
    out = results()
    found, unread = affected(document, lineage)
    if not found:
        which = "no artefact that can be read has" if unread else "no artefact has"
        out.print(f"{which} {document}", markup=False)
    for one in found:
        out.print(f"{one.artefact.kind} {one.artefact.directory}: {one.how}", markup=False)
        for split, ids in one.rows.items():
            more = f" and {len(ids) - _ROWS:,} more" if len(ids) > _ROWS else ""
            out.print(f"  {split}: {', '.join(ids[:_ROWS])}{more}", markup=False)
    for reason in unread:
        out.print(f"[yellow]{plain(reason)}[/yellow]")


if __name__ == "__main__":
    given, settings = split_words(sys.argv[1:], __doc__)
    # Looking is not a run worth keeping: one log for all, and no copy of the configuration.
    sys.argv[1:] = ["hydra.run.dir=${tracking.dir}/runs", "hydra.output_subdir=null", *settings]
    launch(lambda config: run(config, given), stopped="stopped")
