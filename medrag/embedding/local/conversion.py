"""Convert a model for a backend once, in a process of its own, and keep the result.

    python -m medrag.embedding.local.conversion MODEL TARGET BACKEND

Converting takes torch and most of a gigabyte of memory; running the result takes neither, nor does
converting the packaged model to int8, the default: its quality has been measured.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ...config import Backend
from ...errors import ModelError
from ...manifest import (
    Manifest,
    describe_files,
    file_sha256,
    fingerprint,
    is_current,
    replacing_directory,
    write_manifest,
)
from ...progress import progress
from ..cache import expand
from .backends import import_openvino, load_model, open_session, pooled
from .folder import PACKAGED_WEIGHTS, ModelFolder
from .int8_graph import quantised, unsupported

# The file that a backend opens; OpenVINO's weights are beside it, in encoder.bin.
_MODELS = {Backend.onnxruntime: "encoder.onnx", Backend.openvino: "encoder.xml"}
_REFUSAL = "refused.txt"  # stands in for a model that cannot be converted; says why
_KEPT = "~/.cache/medrag/models"
FORMAT = 2  # raise it when the conversion changes

# The least mean cosine between the vectors of these texts in int8 and in fp32. MiniLM has 0.997,
# and loses 0.001 of nDCG@10 on MedQuAD (docs/benchmarks.md).
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


def converted(files: ModelFolder, backend: Backend) -> Path:
    """The converted model; it is converted now if it is missing or damaged.

    Args:
        backend: what will run it: ONNX Runtime (int8) or OpenVINO.

    Raises:
        ModelError: it cannot be converted or stored, or int8 would change its vectors too much.
    """
    settings = {
        "weights": files.weights,
        "config": file_sha256(files.path / "config.json"),
        "tokenizer": file_sha256(files.tokenizer_file),  # the int8 check uses it
        "pooling": files.pooling,
        "format": FORMAT,
    }
    arguments = [__name__, str(files.path), "TARGET", backend.value]
    folder = kept(files.path, backend, settings, arguments, (_MODELS[backend], _REFUSAL))
    refusal = folder / _REFUSAL
    if refusal.exists():
        why = refusal.read_text(encoding="utf-8")
        raise ModelError(f"{files.path} cannot be run by {backend} in int8: {why}")
    return folder / _MODELS[backend]


def kept(
    model: Path,
    backend: Backend,
    settings: Mapping[str, object],
    arguments: Sequence[str],
    written: Sequence[str],
) -> Path:
    """The folder of a converted model in the user's cache; it is converted now if it is not there.

    Args:
        model: the folder it is made from, for errors.
        settings: everything that decides the result, except the version of the backend.
        arguments: of `python -m`, to convert it; "TARGET" stands for the folder to write to.
        written: files of which the conversion leaves one.

    Raises:
        ModelError: it cannot be converted or stored.
    """
    try:
        installed = version(backend.value)
    except PackageNotFoundError as error:
        raise ModelError(f"{backend} is not installed") from error
    settings = {**settings, backend.value: installed}
    key = fingerprint(settings)
    try:
        folder = expand(_KEPT) / key
        if not is_current(folder, "encoder", key):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with (folder.parent / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not is_current(folder, "encoder", key):  # another process may have been faster
                    shutil.rmtree(folder, ignore_errors=True)  # a folder that is there is damaged
                    with replacing_directory(folder) as target:
                        command = [str(target) if one == "TARGET" else one for one in arguments]
                        failed = _run_apart(command, [target / name for name in written], lock)
                        if failed:
                            raise ModelError(f"{model} cannot be converted for {backend}: {failed}")
                        made = describe_files(target)
                        write_manifest(
                            target, Manifest("encoder", key, settings=settings, files=made)
                        )
    except (OSError, RuntimeError) as error:
        raise ModelError(f"a model converted for {backend} cannot be kept ({error})") from error
    return folder


def _run_apart(arguments: Sequence[str], written: Sequence[Path], lock: TextIO) -> str:
    """Run a module in a process of its own; returns why it failed, or ""."""
    # -P: a file in the working directory must not be imported in place of a library.
    with progress("converting", 1, "models"):  # up to half a minute
        done = subprocess.run(
            [sys.executable, "-P", "-m", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            # If this process is killed, the other one goes on and keeps the lock while it writes.
            pass_fds=[lock.fileno()],
        )
    if done.returncode < 0:  # the system does this when memory runs out
        return f"it was killed by signal {-done.returncode}"
    if done.returncode:
        return (done.stderr.splitlines() or [f"exit status {done.returncode}"])[-1]
    return "" if any(path.exists() for path in written) else "nothing was written"


# --- in the other process ---------------------------------------------------------------------


def main(model: str, target: str, backend: str) -> None:
    """Write the converted model into the folder `target`."""
    files = ModelFolder(model)
    if backend == Backend.onnxruntime:
        _convert_to_int8(files, Path(target))
    else:
        _convert_for_openvino(files, Path(target))


def _convert_for_openvino(files: ModelFolder, target: Path) -> None:
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]  # torch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.model = load_model(files.path, torch.float32)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return pooled(self.model, files.pooling, input_ids, attention_mask)

    openvino = import_openvino()
    example = torch.ones((2, 16), dtype=torch.long)
    whole = openvino.convert_model(
        Whole(), example_input={"input_ids": example, "attention_mask": example}
    )
    openvino.save_model(whole, target / _MODELS[Backend.openvino], compress_to_fp16=False)


def _convert_to_int8(files: ModelFolder, target: Path) -> None:
    import onnx

    config = json.loads((files.path / "config.json").read_text(encoding="utf-8"))
    written, refusal = target / _MODELS[Backend.onnxruntime], target / _REFUSAL
    if files.weights == PACKAGED_WEIGHTS:
        from safetensors.numpy import load_file

        weights = load_file(files.path / "model.safetensors")
        onnx.save(quantised(config, weights, files.pooling), written)
        return
    if why := unsupported(config):
        refusal.write_text(f"its {why}, and only BERT is supported", encoding="utf-8")
        return

    import torch

    model = load_model(files.path, torch.float32)
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    onnx.save(quantised(model.config.to_dict(), weights, files.pooling), written)
    cosine = _mean_cosine(files, model, written)
    if not cosine >= _LEAST_COSINE:
        written.unlink()
        refusal.write_text(
            f"its vectors would be too far from those of fp32 (cosine {cosine:.3f}; the least "
            f"allowed is {_LEAST_COSINE})",
            encoding="utf-8",
        )


def _mean_cosine(files: ModelFolder, model: Any, written: Path) -> float:
    """How close the vectors of int8 are to those of fp32."""
    import torch

    session = open_session(written)
    tokenizer = files.open_tokenizer()
    tokenizer.enable_truncation(model.config.max_position_embeddings)
    cosines = []
    for text in _TEXTS:
        ids = np.array([tokenizer.encode(text).ids])
        exact = pooled(model, files.pooling, torch.from_numpy(ids), torch.ones(ids.shape))
        cosines.append(float(session.run(None, {"ids": ids})[0][0] @ exact.detach().numpy()[0]))
    return float(np.mean(cosines))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # of any kind: the user sees the last line
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        sys.exit(f"{type(error).__name__}: {reason}")
