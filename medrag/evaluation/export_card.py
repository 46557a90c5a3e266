"""The card of an exported model: what its files are, and the card of what it was made from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..manifest import Manifest

_PICTURE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)\n*")


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What a card tells.

    Attributes:
        name: of the model.
        kind: of what was exported: "adapter" or "retriever".
        manifest: of that.
        counts: of the export.
    """

    name: str
    kind: str
    manifest: Manifest
    counts: Mapping[str, Any]


def write_export_card(folder: Path, card: Path, facts: ExportFacts) -> None:
    """Write `README.md`.

    Args:
        card: that of the adapter or the retriever, which is appended.
    """
    files = "\n".join(f"| `{name}` | {what} |" for name, what in facts.counts["files"].items())
    parts = [
        f"# {facts.name}\n\nExported by medrag from the {facts.kind} "
        f"`{facts.manifest.fingerprint}`. It is a research tool and gives no medical advice.\n",
        f"| file | what it is |\n|---|---|\n{files}\n",
    ]
    if facts.kind == "adapter":
        parts.append(_merging(facts.counts))
    if card.is_file():
        origin = card.read_text(encoding="utf-8")
        if origin.startswith("---\n"):  # what a hub reads
            origin = origin.partition("\n---\n")[2]
        origin = _PICTURE.sub("", origin).strip()  # it is not exported
        if facts.kind == "retriever":
            origin = origin.replace("=THIS_FOLDER", "=THIS_FOLDER/sentence-transformers")
        parts.append(f"What follows is the card of the {facts.kind}.\n\n{origin}\n")
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _merging(counts: Mapping[str, Any]) -> str:
    if not counts["losses"]:
        return (
            "The adapter was merged into the original weights. The loss was not measured: its "
            "dataset was\nnot there.\n"
        )
    lines = "\n".join(f"| {name} | {loss:.4f} |" for name, loss in counts["losses"].items())
    return (
        f"The adapter was merged into the {counts['into']} weights, which have the lower loss on "
        f"{counts['rows']}\nvalidation rows. In {counts['agreement']:.1%} of the answer tokens, "
        "the most likely one is that of the model\nas it was trained.\n\n"
        f"| weights | nats per answer token |\n|---|---|\n{lines}\n"
    )
