"""Convert a model for a backend, in a process of its own that then ends.

    python -m medrag.embedding.local.convert MODEL POOLING WEIGHTS TARGET BACKEND

Converting takes torch and most of a gigabyte of memory; running what comes of it takes neither.
Nor does the packaged model in int8, the default: it need not be tried.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from ...config import Backend
from .backends import import_openvino, load_model, open_session, pooled
from .conversion import MODELS, REFUSAL
from .folder import PACKAGED_WEIGHTS
from .int8_graph import quantised, unsupported

# int8 has to keep the vectors of these texts this close to those of fp32, in cosine, on average.
# MiniLM: 0.997, with which it loses 0.001 of nDCG@10 on MedQuAD (docs/benchmarks.md).
_LEAST_COSINE = 0.99
_TEXTS = (
    "What is the first-line treatment for type 2 diabetes?",
    "gout",
    "Can ibuprofen be taken together with warfarin?",
    "Colchicine inhibits the assembly of microtubules, by which it keeps neutrophils from moving "
    "to the joint. It is given within 36 hours of the first pain, 1.2 mg and an hour later 0.6 mg, "
    "and less where the kidneys are weak.",
    "Of 412 patients, 206 were given the drug and 206 placebo. After 24 weeks the mean systolic "
    "pressure had fallen by 11.3 mmHg and 2.1 mmHg (difference 9.2, 95% CI 6.8 to 11.6, p<0.001). "
    "Headache was as frequent in both groups.",
    "Cystic fibrosis is inherited from both parents. A changed CFTR gene makes mucus thick so that "
    "it blocks the airways and the ducts of the pancreas. Newborns are screened in many countries; "
    "a sweat test confirms the finding.",
)


def main(folder: str, pooling: str, weights: str, target: str, backend: str) -> None:
    """Write the converted model, whose weights have this hash, into the folder `target`."""
    if backend == Backend.onnxruntime and weights == PACKAGED_WEIGHTS:
        _convert_packaged(Path(folder), pooling, Path(target))
    elif backend == Backend.onnxruntime:
        _convert_to_int8(Path(folder), pooling, Path(target))
    else:
        _convert_for_openvino(Path(folder), pooling, Path(target))


def _convert_for_openvino(folder: Path, pooling: str, target: Path) -> None:
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]  # torch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.model = load_model(folder, torch.float32)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return pooled(self.model, pooling, input_ids, attention_mask)

    openvino = import_openvino()
    example = torch.ones((2, 16), dtype=torch.long)
    converted = openvino.convert_model(
        Whole(), example_input={"input_ids": example, "attention_mask": example}
    )
    openvino.save_model(converted, target / MODELS[Backend.openvino], compress_to_fp16=False)


def _convert_packaged(folder: Path, pooling: str, target: Path) -> None:
    """What int8 makes of the packaged model is known (docs/benchmarks.md)."""
    import onnx
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    graph = quantised(config, load_file(folder / "model.safetensors"), pooling)
    onnx.save(graph, target / MODELS[Backend.onnxruntime])


def _convert_to_int8(folder: Path, pooling: str, target: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    refusal = target / REFUSAL
    if why := unsupported(config):
        refusal.write_text(f"its {why}, and only BERT is known", encoding="utf-8")
        return

    import onnx
    import torch

    model = load_model(folder, torch.float32)
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    graph = quantised(model.config.to_dict(), weights, pooling)
    written = target / MODELS[Backend.onnxruntime]
    onnx.save(graph, written)
    cosine = _mean_cosine(folder, pooling, model, written)
    if not cosine >= _LEAST_COSINE:
        written.unlink()
        refusal.write_text(
            f"its vectors would be too far from those of fp32 (cosine {cosine:.3f}, at least "
            f"{_LEAST_COSINE} is asked)",
            encoding="utf-8",
        )


def _mean_cosine(folder: Path, pooling: str, model: Any, written: Path) -> float:
    """How close the vectors of int8 come to those of fp32."""
    import torch

    session = open_session(written)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(model.config.max_position_embeddings)
    cosines = []
    for text in _TEXTS:
        ids = np.array([tokenizer.encode(text).ids])
        exact = pooled(model, pooling, torch.from_numpy(ids), torch.ones(ids.shape))
        cosines.append(float(session.run(None, {"ids": ids})[0][0] @ exact.detach().numpy()[0]))
    return float(np.mean(cosines))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # whatever it is, the last line is what the user gets to see
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        sys.exit(f"{type(error).__name__}: {reason}")
