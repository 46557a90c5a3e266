"""Keep models converted for OpenVINO: each is made once, checked whenever it is used."""

from __future__ import annotations

import fcntl
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

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
_FORMAT = 1  # raise it when other things are converted, or differently
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
        "format": _FORMAT,
    }
    key = fingerprint(settings)
    try:
        folder = expand(_KEPT) / key
        if is_current(folder, "encoder", key):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent / ".lock") as lock:
            if not is_current(folder, "encoder", key):  # nobody else was faster
                shutil.rmtree(folder, ignore_errors=True)  # if it is there, it is damaged
                with replacing_directory(folder) as target:
                    _convert(model, pooling, target, lock)
                    write_manifest(
                        target,
                        Manifest("encoder", key, settings=settings, files=describe_files(target)),
                    )
    except (OSError, RuntimeError) as error:
        raise ModelError(f"the model converted for OpenVINO cannot be kept ({error})") from error
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _convert(model: Path, pooling: str, target: Path, lock: TextIO) -> None:
    _log.info("converting %s for OpenVINO: half a minute, once", model)
    arguments = ["-m", f"{__package__}.convert", str(model), pooling, str(target)]
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        # Should this process be killed, the other goes on, and nobody writes where it writes.
        pass_fds=[lock.fileno()],
    )
    if done.returncode < 0:  # the system does so where memory runs out
        raise ModelError(f"converting {model} for OpenVINO was killed by signal {-done.returncode}")
    if done.returncode:
        reason = (done.stderr.splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ModelError(f"{model} cannot be converted for OpenVINO: {reason}")
