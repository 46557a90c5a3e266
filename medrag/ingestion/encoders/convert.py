"""Convert a model for OpenVINO, in a process of its own that then ends.

    python -m medrag.ingestion.encoders.convert MODEL POOLING TARGET

Converting takes torch and most of a gigabyte of memory; running what comes of it takes neither.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from .conversion import MODEL
from .openvino import import_openvino
from .torch import load_model, pooled


def main(folder: str, pooling: str, target: str) -> None:
    """Write the converted model into the folder `target`."""
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]  # torch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.model = load_model(Path(folder), torch.float32)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return pooled(self.model, pooling, input_ids, attention_mask)

    openvino = import_openvino()
    example = torch.ones((2, 16), dtype=torch.long)
    converted = openvino.convert_model(
        Whole(), example_input={"input_ids": example, "attention_mask": example}
    )
    openvino.save_model(converted, Path(target) / MODEL, compress_to_fp16=False)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # whatever it is, the last line is what the user gets to see
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        sys.exit(f"{type(error).__name__}: {reason}")
