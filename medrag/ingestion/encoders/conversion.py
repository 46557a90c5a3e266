"""Keep models converted for OpenVINO: each is made once, checked whenever it is used."""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

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
from ...paths import expand

MODEL = "encoder.xml"  # its weights lie beside it, in encoder.bin
_KEPT = "~/.cache/medrag/models"
_log = logging.getLogger(__name__)


def converted(model: Path, pooling: str, weights: str) -> Path:
    """The folder with the converted model; made when it is missing or damaged.

    Args:
        model: folder of the model.
        pooling: "mean" or "cls".
        weights: their hash.

    Raises:
        ModelError: it cannot be converted, or not kept.
    """
    settings = {
        "weights": weights,
        "config": file_sha256(model / "config.json"),
        "pooling": pooling,
        "openvino": version("openvino"),
    }
    key = fingerprint(settings)
    try:
        folder = expand(_KEPT) / key
        if is_current(folder, "encoder", key):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent / ".lock"):
            if not is_current(folder, "encoder", key):  # nobody else was faster
                with replacing_directory(folder) as target:
                    _convert(model, pooling, target)
                    write_manifest(
                        target,
                        Manifest("encoder", key, settings=settings, files=describe_files(target)),
                    )
    except (OSError, RuntimeError) as error:
        raise ModelError(f"the model converted for OpenVINO cannot be kept ({error})") from error
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _convert(model: Path, pooling: str, target: Path) -> None:
    _log.info("converting %s for OpenVINO: half a minute, once", model)
    arguments = ["-m", f"{__package__}.convert", str(model), pooling, str(target)]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise ModelError(f"{model} cannot be converted for OpenVINO: {last}")
