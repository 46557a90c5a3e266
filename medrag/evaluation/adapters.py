"""Measure an adapter on the held-out rows of its dataset, and write its model card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ..config import Config, Device, FineTuneConfig, GeneratorConfig, GeneratorKind
from ..errors import MedragError, MismatchError
from ..generation.hf import HFGenerator
from ..manifest import Manifest
from ..pipeline import RAGPipeline
from ..progress import console, progress
from .adapter_card import Facts, write_card
from .held_out import (
    Row,
    Scores,
    System,
    ask_all,
    choose,
    extractive_reader,
    model,
    most_words,
    score,
)
from .origin import origin_of

REPLIES = "held_out.jsonl"
_NEW_TOKENS = 128  # of a reply; labels are shorter


def measure_adapter(
    adapter: Path,
    base: str,
    base_identity: str,
    before: str,
    config: Config,
    dataset: Manifest,
    facts: Mapping[str, Any],
) -> dict[str, Scores]:
    """Answer held-out rows with the model before and after, and with two baselines.

    Writes the replies (`held_out.jsonl`), the loss curves and the model card into `adapter`.

    Args:
        adapter: the finished adapter, not yet sealed.
        base: the base model, as it was named to the training.
        base_identity: what the card calls it.
        before: the adapter that the training started from; "" for the base alone.
        facts: the fields of `Facts` that are not known here.

    Returns:
        The scores by system; empty if `finetune.held_out_rows` is 0 or there are no test rows.
    """
    settings = config.finetune
    rows = choose(_test_rows(Path(settings.dataset)), settings.held_out_rows)
    replies = {}
    if rows:
        with ExitStack() as stack:
            systems: dict[str, System] = {
                "before": model(stack.enter_context(_generator(base, before, settings))),
                "tuned": model(stack.enter_context(_generator(base, str(adapter), settings))),
            }
            if reader := _reader(stack, dataset):
                systems["extractive reader"] = reader
            systems["most question words"] = most_words
            advance = stack.enter_context(progress("replies", len(rows) * len(systems), "rows"))
            replies = ask_all(rows, systems, advance)
    scores = {name: score(rows, said) for name, said in replies.items()}
    _write_replies(adapter / REPLIES, rows, replies)
    known = Facts(origin=origin_of(base_identity, dataset), scores=scores, **facts)
    write_card(adapter, known, rows, replies)
    return scores


def _test_rows(dataset: Path) -> Iterator[Row]:
    path = dataset / "test.jsonl"
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


@contextmanager
def _generator(base: str, adapter: str, settings: FineTuneConfig) -> Iterator[HFGenerator]:
    config = GeneratorConfig(
        kind=GeneratorKind.hf, model=base, adapter=adapter, max_new_tokens=_NEW_TOKENS
    )
    generator = HFGenerator(config, Device(settings.device))
    try:
        yield generator
    finally:
        generator.close()


def _reader(stack: ExitStack, dataset: Manifest) -> System | None:
    """The extractive reader over the dataset's own index; None if that cannot be opened."""
    index = dataset.parents["index"]
    try:
        rag = stack.enter_context(RAGPipeline.open(index.path))
        if rag.index.fingerprint != index.fingerprint:
            raise MismatchError("it has changed since the dataset was made from it")
    except MedragError as error:
        why = f"{index.path} cannot be used ({error})"
        console.print(f"the extractive reader is not measured: {why}", markup=False)
        return None
    return extractive_reader(rag)


def replies_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of `held_out.jsonl`, for a tracker."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    systems = [*rows[0]["replies"]] if rows else []
    columns = ["id", "question", "label", *systems]
    return columns, [[*(row[n] for n in columns[:3]), *row["replies"].values()] for row in rows]


def _write_replies(path: Path, rows: list[Row], replies: Mapping[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for place, row in enumerate(rows):
            said = {name: one[place].text for name, one in replies.items()}
            line = {name: row[name] for name in ("id", "question", "variant", "oracle")}
            line |= {"label": row["completion"][0]["content"], "replies": said}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
