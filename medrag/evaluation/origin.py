"""What a model was made from, as every model card tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..dataset.licences import told
from ..manifest import Manifest

# Of the models that are packaged or named in the settings.
_KNOWN = {
    "all-MiniLM-L6-v2": "Apache-2.0",
    "SmolLM2-135M-Instruct": "Apache-2.0",
    "mistralai/Mistral-7B-Instruct-v0.2": "Apache-2.0",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """The lineage of a model.

    Attributes:
        base: the base model by its identity: a name and the hash of its weights, no path.
        dataset, index: fingerprints; "" if the dataset names no index.
        questions: the question set that the dataset was made from.
        licences: of the dataset's documents, with their number.
    """

    base: str
    dataset: str
    index: str
    questions: str
    licences: Mapping[str, int] = field(default_factory=dict)

    def front_matter(self) -> str:
        """The line that names the base on the hub; none for a base that is not there."""
        origin = self.base.partition("@")[0]
        return f"base_model: {origin}\n" if origin.count("/") == 1 else ""

    def section(self, base: str = "base model") -> str:
        """The section of the card.

        Args:
            base: what the base model was to it.
        """
        licence = _KNOWN.get(self.base.partition("@")[0], "see its own card")
        rows = {
            base: f"`{self.base}`",
            f"licence of the {base}": licence,
            "dataset": f"`{self.dataset}`",
            "its questions": f"`{self.questions}`",
            "index": f"`{self.index}`" if self.index else "",
            "licences of its documents": told(self.licences).replace("|", "\\|"),
        }
        lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items() if value)
        return f"## What it was made from\n\n| | |\n|---|---|\n{lines}\n"


def origin_of(base: str, dataset: Manifest) -> Origin:
    """The lineage by a dataset's manifest."""
    index = dataset.parents.get("index")
    return Origin(
        base=base,
        dataset=dataset.fingerprint,
        index=index.fingerprint if index else "",
        questions=_questions_of(dataset),
        licences=dataset.counts.get("licences", {}),
    )


def _questions_of(dataset: Manifest) -> str:
    """The name of the question set, without the path where it lay."""
    named = dataset.settings["dataset"]
    given = str(named["questions"])
    if given.startswith("hub:"):
        return given
    return Path(given).name if given else f"written by {named['writer']}"
