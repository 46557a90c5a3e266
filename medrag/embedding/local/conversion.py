"""Keep models converted for a backend: each is made once, checked whenever it is used."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TextIO

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
from ..cache.entries import expand

# The file that a backend opens; OpenVINO's weights lie beside it, in encoder.bin.
MODELS = {Backend.onnxruntime: "encoder.onnx", Backend.openvino: "encoder.xml"}
REFUSAL = "refused.txt"  # lies in its place where there can be none; says why
_KEPT = "~/.cache/medrag/models"
FORMAT = 2  # raise it when other things are converted, or differently


def converted(model: Path, pooling: str, weights: str, backend: Backend) -> Path:
    """The converted model; made when it is missing or damaged.

    Args:
        model: folder of the model.
        pooling: "mean" or "cls".
        weights: their hash.
        backend: what is to run it, a key of `MODELS`.

    Raises:
        ModelError: it cannot be converted, or not kept; or int8 would change its vectors too much.
    """
    settings = {
        "weights": weights,
        "config": file_sha256(model / "config.json"),
        "tokenizer": file_sha256(model / "tokenizer.json"),  # it is tried with texts
        "pooling": pooling,
        backend.value: _version(backend),
        "format": FORMAT,
    }
    key = fingerprint(settings)
    try:
        folder = expand(_KEPT) / key
        if is_current(folder, "encoder", key):
            return _wanted(folder, model, backend)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent / ".lock") as lock:
            if not is_current(folder, "encoder", key):  # nobody else was faster
                shutil.rmtree(folder, ignore_errors=True)  # if it is there, it is damaged
                with replacing_directory(folder) as target:
                    _convert(model, pooling, weights, target, backend, lock)
                    write_manifest(
                        target,
                        Manifest("encoder", key, settings=settings, files=describe_files(target)),
                    )
    except (OSError, RuntimeError) as error:
        raise ModelError(f"a model converted for {backend} cannot be kept ({error})") from error
    return _wanted(folder, model, backend)


def _version(backend: Backend) -> str:
    try:
        return version(backend.value)
    except PackageNotFoundError as error:
        raise ModelError(f"{backend} is not installed") from error


def _wanted(folder: Path, model: Path, backend: Backend) -> Path:
    refusal = folder / REFUSAL
    if refusal.exists():
        why = refusal.read_text(encoding="utf-8")
        raise ModelError(f"{model} cannot be run by {backend} in int8: {why}")
    return folder / MODELS[backend]


@contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _convert(
    model: Path, pooling: str, weights: str, target: Path, backend: Backend, lock: TextIO
) -> None:
    # -P: a file in the working directory is not to pass for one of its modules.
    module = f"{__package__}.convert"
    arguments = ["-P", "-m", module, str(model), pooling, weights, str(target), backend.value]
    with progress("converting", 1, "models"):  # up to half a minute
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            # Should this process be killed, the other goes on, and nobody writes where it writes.
            pass_fds=[lock.fileno()],
        )
    if done.returncode < 0:  # the system does so where memory runs out
        raise ModelError(
            f"converting {model} for {backend} was killed by signal {-done.returncode}"
        )
    if done.returncode:
        reason = (done.stderr.splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ModelError(f"{model} cannot be converted for {backend}: {reason}")
