"""The model card of an adapter: what it was made from, how it learned, and what it can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..generation.control import without_control
from ..statistics import Figure
from .held_out import MEASURES, Row, Said, Scores
from .loss_curves import CURVES, draw_curves
from .origin import Origin

_SHOWN = 3  # rows whose replies are shown
_PLACES = ("base_model", "dataset", "dir", "device", "tiny", "logging_steps")  # say nothing here


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card tells.

    Attributes:
        name: of the adapter's folder.
        origin: what it was made from.
        settings: those of `FineTuneConfig`.
        result: those of `TrainingResult`.
        scores: of each system on the same held-out rows; empty if none were answered.
        start: fingerprint of the adapter that it continues from; "" for the base alone.
    """

    name: str
    origin: Origin
    settings: Mapping[str, Any]
    result: Mapping[str, Any]
    scores: Mapping[str, Scores]
    start: str = ""


def write_card(
    directory: Path, facts: Facts, rows: Sequence[Row], replies: Mapping[str, Sequence[Said]]
) -> None:
    """Write `README.md` and the loss curves into the adapter's directory.

    Args:
        rows: the held-out rows that were answered.
        replies: by system, in the order of the rows.
    """
    unit = "pair" if _of_pairs(facts) else "answer token"
    draw_curves(directory / CURVES, facts.result["history"], f"nats per {unit}")
    parts = [_head(facts), facts.origin.section(), _training(facts, unit)]
    parts += [_results(facts.scores), _samples(rows, replies)] if rows else [_NOT_ANSWERED]
    (directory / "README.md").write_text("\n".join([*parts, _LIMITS]), encoding="utf-8")


def _head(facts: Facts) -> str:
    return f"""\
---
library_name: peft
{facts.origin.front_matter()}tags: [lora, qlora, medical, question-answering, medrag]
---
# {facts.name}

A LoRA adapter, trained with medrag. It answers a question from numbered passages, cites them, and
says so if they do not hold the answer. It is a research tool and gives no medical advice.

```bash
python -m medrag.ask generator=hf generator.adapter=PATH_OF_THIS_FOLDER
```
"""


def _of_pairs(facts: Facts) -> bool:
    """Whether it learned from pairs of replies (DPO), on top of another adapter."""
    return "preferred" in facts.result


def _training(facts: Facts, unit: str) -> str:
    result, settings = facts.result, facts.settings
    trained, total = result["trainable_parameters"], result["total_parameters"]
    validation = (
        "no validation rows" if result["eval_loss"] is None else f"{result['eval_loss']:.3f}"
    )
    named = ", ".join(f"{name}={value}" for name, value in settings.items() if name not in _PLACES)
    before = result.get("steps_before", 0)
    since = f", the last {result['steps'] - before:,} of them" if before else ""
    kind = "pairs" if _of_pairs(facts) else "rows"
    return f"""\
## Training

QLoRA (Dettmers et al. 2023): the base is frozen in 4-bit NF4, and {trained:,} of {total:,}
parameters are trained. {_method(facts)}

- {kind}: {result["train_rows"]:,} for training, each read {result["epochs"]:.1f} times on average;
  {result["validation_rows"]:,} for validation; {result["skipped_rows"]:,} left out
- steps: {result["steps"]:,}{since} in {result["seconds"]:,.0f} s
- training loss: {result["first_loss"]:.3f} → {result["train_loss"]:.3f}; validation loss:
  {validation} (nats per {unit})
- settings: {named}

![loss curves]({CURVES})
"""


def _method(facts: Facts) -> str:
    if not _of_pairs(facts):
        return "The loss is that of the answer only."
    return f"""\
It continues from the adapter
`{facts.start}` by DPO (Rafailov et al. 2023): it learns which of two replies is the better one. The
loss begins at ln 2 = 0.693. Of the last pairs, it prefers the better reply in
{facts.result["preferred"]:.0%}, compared with that adapter. Below, "before" is that adapter."""


def _results(scores: Mapping[str, Scores]) -> str:
    any_scores = next(iter(scores.values()))
    held, without = any_scores.right_citation.n, any_scores.abstained.n
    lines = [
        "| | " + " | ".join(MEASURES.values()) + " |",
        "|---|" + "---|" * len(MEASURES),
    ]
    for name, one in scores.items():
        figures = asdict(one)
        cells = " | ".join(_cell(Figure(**figures[measure])) for measure in MEASURES)
        lines.append(f"| {name} | {cells} |")
    table = "\n".join(lines)
    return f"""\
## Results on held-out rows

{held} test rows whose passages hold the answer, and {without} whose passages do not. No document
of them is in training. Each system read the same passages; 95 % intervals in brackets.

{table}

- right citation: the first marker is that of the passage with the answer
- token F1: shared words with the label; a refusal counts 0
- all supported: the cited passages bear out every statement (`medrag.check_support`)
- false refusals: refused, though the passages hold the answer
- abstains: refused where they do not
- most question words: a rule without a model, the first sentence of the passage with most words of
  the question

{_verdict(scores)}
"""


def _verdict(scores: Mapping[str, Scores]) -> str:
    tuned, reader = scores.get("tuned"), scores.get("extractive reader")
    if tuned is None or reader is None:
        return "The extractive reader was not measured on these rows."
    ahead = [
        label
        for name, label in (("right_citation", "right citation"), ("token_f1", "token F1"))
        if (getattr(tuned, name).value or 0) > (getattr(reader, name).value or 0)
    ]
    if len(ahead) == 2:
        return "The tuned model is ahead of the extractive reader in right citations and token F1."
    said = f"is ahead only in {ahead[0]}" if ahead else "is behind in right citations and token F1"
    return (
        f"Compared with the extractive reader, which is the default of medrag, the tuned model "
        f"{said}.\nKeep `generator=extractive` where that matters."
    )


def _cell(figure: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


def _samples(rows: Sequence[Row], replies: Mapping[str, Sequence[Said]]) -> str:
    parts = ["## Samples\n\nThe first held-out rows, not chosen.\n"]
    for place, row in enumerate(rows[:_SHOWN]):
        label = row["completion"][0]["content"]
        lines = [f"**{_inline(row['question'])}**\n", f"- label: {_inline(label)}"]
        for name, said in replies.items():
            one = said[place]
            lines.append(f"- {name}: {_inline(one.text)} ({_judged(one, row['oracle'])})")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _judged(said: Said, oracle: int) -> str:
    if not said.statements:
        return "refused"
    if not oracle:
        return f"answered, though no passage does; support {said.support:.2f}"
    first = next((number for one in said.statements for number in one.cited), 0)
    citation = ("right" if first == oracle else "wrong") if first else "missing"
    return f"citation {citation}, support {said.support:.2f}"


def _inline(text: str) -> str:
    """Text of a model or a document as one line that is no Markdown of ours."""
    line = " ".join(without_control(text).split())
    for sign in "\\`*_|":
        line = line.replace(sign, f"\\{sign}")
    return line if len(line) <= 400 else f"{line[:398]} …"


_NOT_ANSWERED = """\
## Results on held-out rows

Not measured: no test row was answered (`finetune.held_out_rows`).
"""

_LIMITS = """\
## Limits

- The rows give the passages. Searching for them is not part of these figures; measure both with
  `python -m medrag.evaluate generator=hf generator.adapter=…`.
- A supported statement is one that its passage bears out. Whether the passage is true, current, or
  right for a patient is not checked.
- In answering, medrag removes every statement that no passage supports. The figures are before
  that.
"""
