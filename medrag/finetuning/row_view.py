"""A training row as a person reads it: its prompt, what of it is trained, and where tokens go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from ..generation.prompts import parts_of
from .tokenising import ids_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class RowView:
    """A row with the ids that a model sees.

    Attributes:
        name: its id and what kind of row it is.
        prompt, answer: the text of the ids, control tokens included. The loss is that of the
            answer.
        tokens: how many each part takes: instructions, passages, question, template, answer.
    """

    name: str
    prompt: str
    answer: str
    tokens: Mapping[str, int]

    @property
    def length(self) -> int:
        """Tokens of the whole row."""
        return sum(self.tokens.values())

    def __rich__(self) -> RenderableType:
        counts = " · ".join(f"{name} {count}" for name, count in self.tokens.items())
        # The marks show what is trained where there are no colours.
        text = Text(self.prompt, style="dim").append(f"»{self.answer}«", style="bold green not dim")
        return Group(
            Text(f"── {self.name} · {self.length} tokens", style="green"),
            text,
            Text(f"tokens: {counts}; trained: what stands in »«", style="cyan"),
        )


def view(row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> RowView:
    """The view of a row of the dataset.

    Raises:
        ModelError: the tokenizer's chat template rejects it.
    """
    ids, start = ids_of(tokenizer, row["prompt"], row["completion"])
    tokens = {
        name: len(tokenizer(text, add_special_tokens=False)["input_ids"])
        for name, text in parts_of(row["prompt"][0]["content"]).items()
    }
    # Pieces may join at the borders of parts, so the template takes what is left, at least 0.
    tokens["template"] = max(0, start - sum(tokens.values()))
    tokens["answer"] = len(ids) - start
    name = " · ".join(filter(None, (row["id"], row["variant"], row["altered"])))
    return RowView(name, _text(tokenizer, ids[:start]), _text(tokenizer, ids[start:]), tokens)


def _text(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
