"""The model card of a tuned retriever: what it was made from, what it gains and forgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .loss_curves import CURVES, draw_curves
from .plots import COLOURS, RC

MIXES = "mixes.png"
_PLACES = ("base_model", "dataset", "dir", "device", "save_steps")  # say nothing here


@dataclass(frozen=True, slots=True)
class RetrieverFacts:
    """What a card tells.

    Attributes:
        name: of the model's folder.
        base: the base model by its identity.
        dataset, index: fingerprints of what it was made from.
        questions: the question set that the dataset was made from.
        settings: those of `RetrieverTuneConfig`.
        result: those of `RetrieverResult`.
    """

    name: str
    base: str
    dataset: str
    index: str
    questions: str
    settings: Mapping[str, Any]
    result: Mapping[str, Any]


def write_retriever_card(directory: Path, facts: RetrieverFacts) -> None:
    """Write `README.md`, the loss curve and the curve of the mixes into the model's directory."""
    draw_curves(directory / CURVES, facts.result["history"], "question")
    curve = facts.result["curve"]
    if curve:
        _draw_mixes(directory / MIXES, curve, facts.result["share"])
    parts = [_head(facts), _training(facts), _results(facts.result), _LIMITS]
    (directory / "README.md").write_text("\n".join(parts), encoding="utf-8")


def told(result: Mapping[str, Any]) -> str:
    """The gain in one line, for the terminal and the card."""
    measured = result["measured"]
    if not measured:
        return "not measured: no test question names documents of the index"
    gain = (
        f"nDCG@10 {measured['before']:.3f} → {measured['after']:.3f} "
        f"({measured['difference']:+.3f} [{measured['low']:+.3f}, {measured['high']:+.3f}]) "
        f"on {measured['questions']:,} held-out questions"
    )
    return gain if result["share"] else f"{gain}; not better, so the base is kept"


def _draw_mixes(path: Path, curve: Sequence[Mapping[str, float]], chosen: float) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        drawing = Figure(figsize=(7, 3.6), dpi=130, layout="constrained")
        axes = drawing.subplots()
        shares = [point["share"] for point in curve]
        names = [name for name in curve[0] if name != "share"]
        for name, colour, marker in zip(names, COLOURS, "os", strict=False):
            axes.plot(
                shares, [point[name] for point in curve], label=name, color=colour, marker=marker
            )
        axes.axvline(chosen, color="#8c8c8c", linestyle=":", label=f"kept: {chosen:g}")
        axes.set_xlabel("share of the tuned weights; 0 is the base")
        axes.set_ylabel("nDCG@10")
        axes.set_xticks(shares)
        axes.legend()
        drawing.savefig(path)


def _head(facts: RetrieverFacts) -> str:
    origin = facts.base.partition("@")[0]
    named = f"base_model: {origin}\n" if origin.count("/") == 1 else ""
    return f"""\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
{named}tags: [retrieval, medical, medrag]
---
# {facts.name}

A sentence encoder for medical retrieval, tuned with medrag. It is a research tool and gives no
medical advice.

```bash
python -m medrag.build_index 'corpus.paths=[DIR]' index.dir=NEW_DIR embedder.model=THIS_FOLDER
```

## What it was made from

| | |
|---|---|
| base model | `{facts.base}` |
| dataset | `{facts.dataset}` |
| its questions | `{facts.questions}` |
| index | `{facts.index}` |
"""


def _training(facts: RetrieverFacts) -> str:
    result = facts.result
    named = ", ".join(f"{k}={v}" for k, v in facts.settings.items() if k not in _PLACES)
    rates = ", ".join(f"{name} {rate:.2f}" for name, rate in result["round_trip"].items())
    trial = (
        f"written questions that find their own passage first: {rates}"
        if rates
        else "none was looked for"
    )
    left_out = result["without_negatives"] + result["unused"]
    return f"""\
## Training

Each question has the passage that answers it; the passages of the other questions in its batch, and
{facts.settings["negatives"]} hard negatives, do not.

- questions: {result["asked"]:,} of the dataset, {result["written"]:,} written from the index by
  rules; {result["topped_up"]:,} of them have drawn negatives, too; {left_out:,} were left out
- batches: {result["mean_batch"]:.1f} questions on average
- teacher: {result["teacher"]} ({trial})
- passages cut for training: {result["truncated"]:,}
- steps: {result["steps"]:,} in {result["seconds"]:,.0f} s; loss {result["first_loss"]:.3f} →
  {result["train_loss"]:.3f} nats per question (the first and the last tenth)
- settings: {named}

![loss curve]({CURVES})
"""


def _results(result: Mapping[str, Any]) -> str:
    parts = [f"## Results\n\n{told(result)}.\n"]
    if measured := result["measured"]:
        parts.append(
            f"The questions were asked of {measured['passages']:,} passages: those of their "
            "documents, and what\nthe index found for them before. No document of theirs was in "
            "training. The interval is that of\nthe paired difference, by bootstrap (95 %).\n"
        )
    if result["curve"]:
        parts.append(
            f"The weights are a mix: {result['share']:.0%} of the tuned ones, the rest of the "
            "base's. Validation\nquestions chose it. The other curve shows what is forgotten: "
            f"questions of other kinds.\n\n![mixes]({MIXES})\n"
        )
    return "\n".join(parts)


_LIMITS = """\
## Limits

- Only passages that the base already found, and those that answer, were ranked. On a whole index
  the figures are a little lower.
- Other collections and other kinds of questions were not measured. Measure yours before you use it:
  `python -m medrag.evaluate`.
"""
