"""The model card of a tuned reranker: what it was made from, how it learned, what it gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .loss_curves import CURVES, draw_curves
from .retriever_card import PLACES, RetrieverFacts, gain

_LIMITS = """\
## Limits

- The passages are those of the dataset: one that answers, and hard distractors. What a search finds
  is easier in part, and may have no answer at all.
- Other collections and other kinds of questions were not measured. Measure yours before you use it:
  `python -m medrag.evaluate retriever.reranker=THIS_FOLDER`.
"""


def write_reranker_card(directory: Path, facts: RetrieverFacts) -> None:
    """Write `README.md` and the loss curve into the model's directory."""
    draw_curves(directory / CURVES, facts.result["history"], "nats per list")
    parts = [_head(facts), facts.origin.section(), _training(facts), _results(facts), _LIMITS]
    (directory / "README.md").write_text("\n".join(parts), encoding="utf-8")


def reranking_gain(measured: Sequence[Mapping[str, Any]]) -> str:
    """What was gained, in one line, for the terminal and the card."""
    if not measured:
        return "not measured: no test question has passages that answer and others"
    (row,) = measured
    return f"an answer in front: {gain(row)} of {row['questions']:,} held-out questions"


def _head(facts: RetrieverFacts) -> str:
    return f"""\
---
library_name: transformers
pipeline_tag: text-ranking
{facts.origin.front_matter()}tags: [reranking, medical, medrag]
---
# {facts.name}

A cross-encoder for medical retrieval, tuned with medrag. It is a research tool and gives no medical
advice.

```bash
python -m medrag.ask "QUESTION" retriever.reranker=THIS_FOLDER
```
"""


def _training(facts: RetrieverFacts) -> str:
    result = facts.result
    named = ", ".join(f"{k}={v}" for k, v in facts.settings.items() if k not in PLACES)
    return f"""\
## Training

Low-rank adapters on all linear layers learn to put a passage that answers before
{facts.settings["negatives"]} that do not. They are merged into the weights.

- lists: {result["lists"]:,}; {result["skipped_rows"]:,} rows were left out
- time of the whole run: {result["seconds"]:,.0f} s
- steps: {result["steps"]:,}; loss {result["first_loss"]:.3f} →
  {result["train_loss"]:.3f} nats per list (the first and the last step)
- settings: {named}

![loss curve]({CURVES})
"""


def _results(facts: RetrieverFacts) -> str:
    return f"""\
## Results

Before → after: {reranking_gain(facts.result["measured"])}.

The passages of a test row are ranked, and no document of its answer was in training. In brackets,
the difference with its 95 % interval (paired bootstrap).
"""
