"""The model card of a tuned retriever: what it was made from, what it gains and forgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from ..finetuning.weight_mixing import AS_GOOD, NO_LOSS
from .loss_curves import CURVES, draw_curves
from .origin import Origin
from .plots import COLOURS, RC

MIXES = "mixes.png"
PLACES = ("base_model", "teacher", "dataset", "dir", "device", "save_steps")  # say nothing here


@dataclass(frozen=True, slots=True)
class RetrieverFacts:
    """What the card of a retriever, a student or a reranker tells.

    Attributes:
        name: of the model's folder.
        origin: what it was made from.
        settings: those of its training.
        result: those of `RetrieverResult`, `StudentResult` or `RerankerResult`.
    """

    name: str
    origin: Origin
    settings: Mapping[str, Any]
    result: Mapping[str, Any]


def write_retriever_card(directory: Path, facts: RetrieverFacts) -> None:
    """Write `README.md`, the loss curve and the curve of the mixes into the model's directory."""
    draw_curves(directory / CURVES, facts.result["history"], "nats per question")
    curve = facts.result["curve"]
    if curve:
        _draw_mixes(directory / MIXES, curve, facts.result["chosen"])
    parts = [head(facts, "tuned with medrag"), facts.origin.section()]
    parts += [_training(facts), _results(facts.result), _LIMITS]
    (directory / "README.md").write_text("\n".join(parts), encoding="utf-8")


def told(result: Mapping[str, Any]) -> str:
    """What was gained, or what a student lost, in one line, for the terminal and the card."""
    if not result["measured"]:
        return "not measured: no test question names documents of the index"
    measured = result["measured"][0]
    if not result.get("chosen", 1.0):
        asked = f"{measured['questions']:,} held-out questions"
        return f"the base is kept; its nDCG@10 is {measured['before']:.3f} on {asked}"
    line = f"nDCG@10 {gain(measured)} on {measured['questions']:,} held-out questions"
    return line if result.get("share", 1.0) else f"{line}; not better, so the base is kept"


def gain(row: Mapping[str, Any]) -> str:
    """Before, after, and the difference with its interval."""
    difference = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    return f"{row['before']:.3f} → {row['after']:.3f} ({difference})"


def _draw_mixes(path: Path, curve: Sequence[Mapping[str, float]], chosen: float) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        drawing = Figure(figsize=(7, 3.6), dpi=130, layout="constrained")
        axes = drawing.subplots()
        shares = [point["share"] for point in curve]
        names = [name for name in curve[0] if name != "share"]
        for name, colour, marker in zip(names, cycle(COLOURS), cycle("os^Dv"), strict=False):
            axes.plot(
                shares, [point[name] for point in curve], label=name, color=colour, marker=marker
            )
        axes.axvline(chosen, color="#8c8c8c", linestyle=":", label=f"chosen: {chosen:g}")
        axes.set_xlabel("share of the tuned weights; 0 is the base")
        axes.set_ylabel("nDCG@10")
        axes.set_xticks(shares)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))  # beside the curves
        drawing.savefig(path)


def head(facts: RetrieverFacts, made: str) -> str:
    """The front matter, what it is, and how to use it.

    Args:
        made: how, for the first sentence.
    """
    return f"""\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
{facts.origin.front_matter()}tags: [retrieval, medical, medrag]
---
# {facts.name}

A sentence encoder for medical retrieval, {made}. It is a research tool and gives no medical
advice.

```bash
python -m medrag.build_index 'corpus.paths=[DIR]' index.dir=NEW_DIR embedder.model=THIS_FOLDER
```
"""


def _training(facts: RetrieverFacts) -> str:
    result = facts.result
    named = ", ".join(f"{k}={v}" for k, v in facts.settings.items() if k not in PLACES)
    rates = ", ".join(f"{name} {rate:.2f}" for name, rate in result["round_trip"].items())
    trial = (
        f"written questions that find their own passage first: {rates}"
        if rates
        else "none was looked for"
    )
    return f"""\
## Training

Each question has a passage that answers it. The passages of the other questions in its batch do
not, nor do its hard negatives ({facts.settings["negatives"]} for each question).

- questions: {result["asked"]:,} of the dataset, {result["written"]:,} written from the index by
  rules; {result["topped_up"]:,} of them have drawn negatives, too; {result["unused"]:,} of them are
  in no batch of these steps
- batches: {result["mean_batch"]:.1f} questions on average
- teacher: {result["teacher"]} ({trial})
- passages cut for training: {result["truncated"]:,}
- time of the whole run: {result["seconds"]:,.0f} s
- steps: {result["steps"]:,}; loss {result["first_loss"]:.3f} →
  {result["train_loss"]:.3f} nats per question (the first and the last tenth)
- settings: {named}

![loss curve]({CURVES})
"""


def _results(result: Mapping[str, Any]) -> str:
    parts = [f"## Results\n\n{told(result)}.\n"]
    if measured := result["measured"]:
        parts.append(
            "The questions of each collection were asked of the passages of their documents, and "
            "of what the\nindex found for them before "
            f"({measured[0]['passages']:,} passages in all). No document of theirs was in training."
            "\nThe interval is that of the paired difference, by bootstrap (95 %).\n"
        )
        if len(measured) > 1 and result["chosen"]:
            parts.append(by_collection(measured))
    if result["curve"]:
        parts.append(
            f"{_kept(result)}\nMixes were measured on documents that training did not see: with "
            "validation questions, and with\nquestions that rules wrote. Each set counts the same. "
            f"A mix that loses more than {NO_LOSS} on one is\nnot taken; of mixes within "
            f"{AS_GOOD} of the best mean, the nearest to the base is.\n\n![mixes]({MIXES})\n"
        )
    return "\n".join(parts)


def _kept(result: Mapping[str, Any]) -> str:
    if not result["chosen"]:
        return f"No mix with tuned weights was better by {AS_GOOD} or more, so the base was kept."
    mix = f"mix of {result['chosen']:.0%} of the tuned weights and the rest of the base's"
    if not result["share"]:
        return f"The best {mix}\nwas not better on the test questions, so the base was kept."
    return f"The weights are a {mix}."


def by_collection(measured: Sequence[Mapping[str, Any]]) -> str:
    """A table of what was measured, a line for each collection."""
    rows = [f"| {row['name']} | {row['questions']:,} | {gain(row)} |" for row in measured]
    head = "| questions of | | nDCG@10 |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


_LIMITS = """\
## Limits

- Only passages that the base already found, and those that answer, were ranked. On a whole index
  the figures are a little lower.
- Other collections and other kinds of questions were not measured. Measure yours before you use it:
  `python -m medrag.evaluate`.
"""
