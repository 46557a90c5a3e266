"""Text becomes vectors: the `Embedder` protocol, and which implementation a configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into L2-normalised vectors. The rest of the package asks for nothing else.

    Attributes:
        name: what people call it.
        dimension: length of a vector.
        fingerprint: identifies the vector space; two vectors compare only if theirs are equal.
        space: as `fingerprint`, and also what changes the numbers slightly, such as precision:
            vectors are cached under it.
        max_tokens: the most tokens it reads of a text, special tokens included.
    """

    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def space(self) -> str: ...
    @property
    def max_tokens(self) -> int: ...

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has, special tokens left out."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors [n, dimension] of texts to be found, float32, each of length 1, in order."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors [n, dimension] of questions, comparable with those of documents."""
