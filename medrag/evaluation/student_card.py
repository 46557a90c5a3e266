"""The model card of a distilled encoder: what it was made from, its size, speed and ranking."""

from __future__ import annotations

from pathlib import Path

from .loss_curves import CURVES, draw_curves
from .retriever_card import PLACES, RetrieverFacts, by_collection, head, told

_LIMITS = """\
## Limits

- The speeds are those of PyTorch on the machine of the training.
- Only passages that the index itself found, and those that answer, were ranked. On a whole index
  the figures are a little lower.
- Other collections and other kinds of questions were not measured. Measure yours before you use it:
  `python -m medrag.evaluate`.
"""


def write_student_card(directory: Path, facts: RetrieverFacts) -> None:
    """Write `README.md` and the loss curve into the model's directory."""
    draw_curves(directory / CURVES, facts.result["history"], "squared distance of vectors")
    parts = [head(facts, "distilled with medrag"), facts.origin.section("teacher")]
    parts += [_training(facts), _results(facts), _LIMITS]
    (directory / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _training(facts: RetrieverFacts) -> str:
    result = facts.result
    named = ", ".join(f"{k}={v}" for k, v in facts.settings.items() if k not in PLACES)
    return f"""\
## Training

It learned to give the teacher's vectors for texts of the index, and for questions.

- layers: {result["layers"]} of the teacher's {result["teacher_layers"]}, where it started from
- texts: {result["passages"]:,} passages and {result["questions"]:,} questions
- time of the whole run: {result["seconds"]:,.0f} s
- steps: {result["steps"]:,}; squared distance of the vectors
  {result["first_loss"]:.3f} → {result["train_loss"]:.3f} (the first and the last tenth; 0 is the
  same, 2 is a right angle)
- settings: {named}

![loss curve]({CURVES})
"""


def _results(facts: RetrieverFacts) -> str:
    result = facts.result
    speeds = (result["teacher_speed"], result["speed"])
    sizes = (result["teacher_parameters"], result["parameters"])
    table = f"""\
## Results

| | teacher | student | |
|---|---|---|---|
| parameters | {sizes[0]:,} | {sizes[1]:,} | {sizes[1] / sizes[0]:.0%} |
| passages per second | {speeds[0]:.0f} | {speeds[1]:.0f} | × {speeds[1] / speeds[0]:.1f} |

Teacher → student: {told(result)}.
"""
    if not result["measured"]:
        return table
    asked = (
        "\nThe questions of each collection were asked of the passages of their documents, and of "
        f"what the\nindex found for them ({result['measured'][0]['passages']:,} passages in all). "
        "No document of theirs was in training.\nThe interval is that of the paired difference, by "
        "bootstrap (95 %).\n"
    )
    more = f"\n{by_collection(result['measured'])}" if len(result["measured"]) > 1 else ""
    return table + asked + more
