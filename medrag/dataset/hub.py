"""The rows of a dataset on the Hugging Face hub, as records of a question file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..config import DatasetConfig
from ..errors import QuestionError
from ..ingestion.readers.reader import one_line
from ..types import Rejected
from .records import Record, as_row

HUB = "hub:"  # begins the name of a dataset on the hub


class HubRows:
    """One split of a dataset on the hub, by way of `datasets`, which keeps it in its cache.

    `datasets` runs no code of the dataset.

    Attributes:
        name: OWNER/NAME.
        identity: changes with the data, the configuration and the split.

    Raises (on construction):
        QuestionError: it cannot be loaded.
    """

    def __init__(self, config: DatasetConfig) -> None:
        from datasets import disable_progress_bars, load_dataset

        self.name = config.questions.removeprefix(HUB)
        disable_progress_bars()
        try:
            rows: Any = load_dataset(self.name, config.hub_config or None, split=config.hub_split)
        # Whatever goes wrong in there, from the network to the format, is of many types.
        except Exception as error:
            raise QuestionError(
                f"{config.questions} cannot be loaded: {one_line(str(error))}; check the name, "
                "dataset.hub_config and dataset.hub_split, and that this machine reaches the hub; "
                "without it, give the rows as a JSONL file"
            ) from error
        self._rows = rows
        self.identity = f"{self.name}@{rows._fingerprint}"

    def __iter__(self) -> Iterator[Record | Rejected]:
        """Each row as a record, or why it cannot be used."""
        for number, row in enumerate(self._rows, 1):
            place = f"{self.name}:{number}"
            try:
                yield Record(place, str(number), as_row(row))
            except ValueError as error:
                yield Rejected(place, str(error))
