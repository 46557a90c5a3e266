"""Optical character recognition (OCR): reads the words on the picture of a page."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ....config import Ocr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]  # grey, [height, width]

_RAPIDOCR = "pip install 'medrag[ocr]'"
_TESSERACT = "apt-get install tesseract-ocr"
INSTALL = {  # the commands that install what each setting can use
    Ocr.auto: f"{_RAPIDOCR}, or {_TESSERACT}",
    Ocr.rapidocr: _RAPIDOCR,
    Ocr.tesseract: _TESSERACT,
}
_DETECTION_SIDE = 1280  # pixels of the longer side at which RapidOCR looks for lines
_READABLE = 0.8  # confidence below which a page may be upside down


class Word(NamedTuple):
    """A word, or a line of words, and its box in pixels from the upper left corner."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float  # in [0, 1]


class OcrError(Exception):
    """The engine could not read a picture."""


class Engine(Protocol):
    """Reads pictures.

    Attributes:
        doubt: confidence of a page below which it often has wrong words or numbers.
    """

    doubt: float

    def read(self, picture: Picture, seconds: float) -> list[Word]:
        """Return the words of a picture; pixels are right if the page is turned upright.

        Args:
            picture: of a page.
            seconds: the time limit, if the engine can be stopped.

        Raises:
            OcrError: it cannot be read.
        """


def installed(wanted: Ocr) -> Ocr | None:
    """Return the engine that `wanted` means here; None if it is not installed or `off`.

    `auto` takes RapidOCR before Tesseract, whose English model has no "≥", "≤", "±" and "µ" and
    writes other characters in their place.
    """
    if wanted in (Ocr.auto, Ocr.rapidocr) and find_spec("rapidocr"):
        return Ocr.rapidocr
    if wanted in (Ocr.auto, Ocr.tesseract) and shutil.which("tesseract"):
        return Ocr.tesseract
    return None


def engine_for(wanted: Ocr) -> Engine | None:
    """Return the engine that is `installed`."""
    match installed(wanted):
        case Ocr.rapidocr:
            return _rapid()
        case Ocr.tesseract:
            return _Tesseract()
    return None


class _Tesseract:
    """The program `tesseract`, one run for each page."""

    doubt = 0.95

    def read(self, picture: Picture, seconds: float) -> list[Word]:
        height, width = picture.shape
        image = b"P5 %d %d 255\n" % (width, height) + picture.tobytes()
        # Mode 1 turns the page upright first, for which it needs the model "osd".
        mode = "1" if "osd" in _languages() else "3"
        command = ["tesseract", "stdin", "stdout", "-l", "eng", "--psm", mode, "tsv"]
        try:
            done = subprocess.run(
                command,
                input=image,
                capture_output=True,
                timeout=seconds,
                check=True,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.CalledProcessError as error:
            why = error.stderr.decode(errors="replace").strip()[-200:]
            raise OcrError(why or f"it ended with status {error.returncode}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OcrError(str(error)) from error
        return _words(done.stdout.decode(errors="replace"), width, height)


@cache
def _languages() -> frozenset[str]:
    try:
        done = subprocess.run(
            ["tesseract", "--list-langs"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(done.stdout.split())


def _words(table: str, width: int, height: int) -> list[Word]:
    """Return the words of Tesseract's TSV, with their places on the page when it is upright.

    Args:
        table: 12 columns: level (5 is a word), page, block, paragraph, line, word, left, top,
            width, height, confidence, text.
        width, height: of the picture.
    """
    words: list[Word] = []
    right = down = 0.0  # how far text runs
    line: list[str] = []
    for row in table.splitlines()[1:]:
        cells = row.split("\t", 11)
        if len(cells) < 12 or cells[0] != "5" or not cells[11].strip():
            continue
        x, y, wide, high, sure = map(float, cells[6:11])
        if cells[2:5] == line:
            right += x - words[-1].left
            down += y - words[-1].top
        line = cells[2:5]
        words.append(Word(cells[11].strip(), x, y, x + wide, y + high, max(0.0, sure) / 100))
    if abs(down) > abs(right):
        words = [_turned(word, width) for word in words]
        right, width, height = down, height, width
    if right < 0:
        words = [_turned(_turned(word, width), height) for word in words]
    return words


def _turned(word: Word, width: float) -> Word:
    """Return the word with its place when a picture of this width is turned to the left."""
    text, left, top, right, bottom, sure = word
    return Word(text, top, width - right, bottom, width - left, sure)


@cache
def _rapid() -> _Rapid:
    return _Rapid()


class _Rapid:
    """The package `rapidocr`, with the models that it contains."""

    doubt = 0.97

    def __init__(self) -> None:
        import cv2
        import rapidocr

        cv2.setNumThreads(1)
        models = Path(rapidocr.__file__).with_name("models")
        one_thread = {
            f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")
        }
        self._engine = rapidocr.RapidOCR(
            params={
                **one_thread,
                # By their paths: it would look for others on the network.
                "Det.model_path": str(next(models.glob("*_det_*.onnx"))),
                "Rec.model_path": str(next(models.glob("*_rec_*.onnx"))),
                "Det.limit_type": "max",
                "Det.limit_side_len": _DETECTION_SIDE,
                "Rec.rec_batch_num": 1,  # more pad short lines to the longest: slower, and larger
                "Global.max_side_len": 1 << 16,  # lines are read at full resolution
                "Global.use_cls": False,  # it turns lines of digits and signs upside down
                "Global.text_score": 0.0,  # nothing is dropped without a word
                "Global.log_level": "critical",
            }
        )

    def read(self, picture: Picture, seconds: float) -> list[Word]:
        import numpy as np

        try:
            words = self._lines(picture)
            tall = sum(word.bottom - word.top > 1.5 * (word.right - word.left) for word in words)
            if 2 * tall > len(words):
                turned = [self._lines(np.rot90(picture, turns)) for turns in (1, 3)]
                return max(turned, key=confidence)
            if words and confidence(words) < _READABLE:
                return max(words, self._lines(np.rot90(picture, 2)), key=confidence)
            return words
        except Exception as error:  # it may raise anything
            if isinstance(error, MemoryError) or "bad_alloc" in str(error):
                raise OcrError("needs more memory than corpus.max_parser_mb allows") from error
            raise OcrError(f"{type(error).__name__}: {str(error)[-200:]}") from error

    def _lines(self, picture: Picture) -> list[Word]:
        import numpy as np

        found = self._engine(
            np.ascontiguousarray(np.broadcast_to(picture[..., None], (*picture.shape, 3)))
        )
        if found.boxes is None:
            return []
        return [
            Word(text.strip(), *_box(corners), float(score))
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            if text.strip()
        ]


def _box(corners: NDArray[Any]) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of a quadrilateral, [4, 2]."""
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return left, top, right, bottom


def confidence(words: list[Word]) -> float:
    """Return the mean confidence of the characters of `words`, in [0, 1]; 0 without any."""
    weight = sum(len(word.text) for word in words)
    return sum(len(word.text) * word.confidence for word in words) / weight if weight else 0.0
