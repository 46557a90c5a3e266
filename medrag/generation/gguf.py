"""Read a GGUF file: its metadata, and its tensors as float32, with every bound checked.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3, little-endian.
Only the block types of the packaged model are supported.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

Floats = NDArray[np.float32]

_VERSION = 3
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_SCALARS[12] = "d"
_STRING, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4


class GgufFile:
    """An open GGUF file, mapped into memory; a tensor is decoded when it is asked for.

    Attributes:
        metadata: values by key: numbers, truth values, texts, and lists of these.

    Raises:
        ModelError: the file cannot be read, is cut short, or is not GGUF of version 3.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        try:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if self._take(4) != b"GGUF":
                self._refuse("it does not begin with GGUF")
            if (version := self._scalar("I")) != _VERSION:
                self._refuse(f"its version is {version}, and {_VERSION} is supported")
            tensors, values = self._count(24), self._count(13)  # the bytes that each takes at least
            self.metadata: dict[str, Any] = dict(self._pair() for _ in range(values))
            self._tensors = dict(self._described() for _ in range(tensors))
        except (OSError, ValueError, struct.error) as error:  # ValueError: empty, or not UTF-8
            self._refuse(str(error), error)
        if len(self._tensors) < tensors or len(self.metadata) < values:
            self._refuse("a name is there twice")
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            self._refuse(f"its alignment is {alignment!r}")
        self._start = -(-self._at // alignment) * alignment
        for name, tensor in self._tensors.items():
            if self._start + tensor.offset + tensor.size > len(self._bytes):
                self._refuse(f"it ends before the tensor {name} does")

    @property
    def names(self) -> list[str]:
        """The names of the tensors, in the order of the file."""
        return list(self._tensors)

    def tensor(self, name: str) -> Floats:
        """A tensor, decoded to float32, in the order of axes that numpy and torch use.

        Raises:
            ModelError: the file has no tensor of this name.
        """
        if name not in self._tensors:
            self._refuse(f"it has no tensor {name}")
        tensor = self._tensors[name]
        kind = tensor.kind
        blocks = np.frombuffer(
            self._bytes, kind.block, tensor.size // kind.block.itemsize, self._start + tensor.offset
        )
        return kind.decode(blocks).reshape(tensor.shape)

    def _pair(self) -> tuple[str, Any]:
        return self._text(), self._value(self._scalar("I"))

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._scalar(_SCALARS.get(kind) or self._refuse(f"values of type {kind}"))
        of = self._scalar("I")
        if of == _ARRAY:
            self._refuse("it has lists of lists")
        return [self._value(of) for _ in range(self._count(1))]

    def _described(self) -> tuple[str, _Tensor]:
        name, dimensions = self._text(), self._scalar("I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            self._refuse(f"the tensor {name} has {dimensions} dimensions")
        sizes = [self._scalar("Q") for _ in range(dimensions)]  # the innermost axis first
        number, offset = self._scalar("I"), self._scalar("Q")
        kind = _KINDS.get(number) or self._refuse(f"the tensor {name} has the type {number}")
        if sizes[0] % kind.values:
            self._refuse(f"the rows of the tensor {name} are not whole blocks")
        return name, _Tensor(kind, tuple(reversed(sizes)), offset)

    def _text(self) -> str:
        return self._take(self._scalar("Q")).decode()

    def _count(self, least: int) -> int:
        """A number of things that take at least so many bytes each."""
        count = int(self._scalar("Q"))
        if count * least > len(self._bytes) - self._at:
            self._refuse("it is cut short")
        return count

    def _scalar(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self._take(struct.calcsize(code)))[0]

    def _take(self, size: int) -> bytes:
        if size > len(self._bytes) - self._at:
            self._refuse("it is cut short")
        self._at += size
        return self._bytes[self._at - size : self._at]

    def _refuse(self, why: str, cause: Exception | None = None) -> NoReturn:
        raise ModelError(f"{self._path} cannot be read as GGUF: {why}") from cause


@dataclass(frozen=True)
class _Kind:
    """How values are stored: a block of bytes holds `values` of them."""

    block: np.dtype[Any]
    values: int
    decode: Callable[[NDArray[Any]], Floats]


@dataclass(frozen=True)
class _Tensor:
    kind: _Kind
    shape: tuple[int, ...]
    offset: int  # bytes, from where the tensors begin

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return prod(self.shape) // self.kind.values * self.kind.block.itemsize


def _plain(values: NDArray[Any]) -> Floats:
    floats: Floats = values.astype(np.float32)
    return floats


def _q8_0(blocks: NDArray[Any]) -> Floats:
    """A scale and 32 signed bytes: x = d q."""
    values: Floats = blocks["q"].astype(np.float32)
    values *= blocks["d"].astype(np.float32)[:, None]
    return values


def _q4_1(blocks: NDArray[Any]) -> Floats:
    """A scale, a minimum, and 32 half bytes, the low halves first: x = d q + m."""
    packed = blocks["q"]
    values: Floats = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
    values *= blocks["d"].astype(np.float32)[:, None]
    values += blocks["m"].astype(np.float32)[:, None]
    return values


_KINDS = {
    0: _Kind(np.dtype("<f4"), 1, _plain),
    3: _Kind(np.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)]), 32, _q4_1),
    8: _Kind(np.dtype([("d", "<f2"), ("q", "i1", 32)]), 32, _q8_0),
}
