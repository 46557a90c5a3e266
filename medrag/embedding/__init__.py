"""Text becomes vectors: the `Embedder` protocol, and how a configuration opens one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from more_itertools import chunked
from numpy.typing import NDArray

from ..config import CacheConfig, EmbedderConfig, EmbedderKind
from ..errors import MismatchError, ModelError
from ..ingestion.tokens import TokenCounter, TokenSource
from .cache import EmbeddingCache, Vectors, expand

_ROUNDING = 1e-3  # by which the length of a vector may differ from 1

_log = logging.getLogger(__name__)


class Embedder(TokenCounter, Protocol):
    """Turns texts into L2-normalised vectors. The rest of the package needs nothing else.

    Attributes:
        name: what people call it.
        dimension: length of a vector.
        fingerprint: identifies the vector space; two vectors compare only if theirs are equal.
        space: like `fingerprint`, plus what changes the numbers slightly, such as precision:
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

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors [n, dimension] of texts to be found, float32, each of length 1, in order."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors [n, dimension] of questions, comparable with those of documents."""


@runtime_checkable
class TokenEmbedder(TokenSource, Protocol):
    """Optional for an `Embedder`: it also takes tokens, so that no text is tokenized twice."""

    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """As `embed_documents`, from token ids with the prompt and the special tokens."""


@runtime_checkable
class Accountable(Protocol):
    """Optional for an `Embedder`: figures for the report of a build.

    Attributes:
        truncated: texts that lost their end because they were too long, so far.
        billed_tokens: tokens that a provider has charged for, so far.
    """

    truncated: int
    billed_tokens: int

    def runs_on(self) -> str:
        """The hardware and precision, or the server; for people."""

    def precision(self) -> str:
        """Number format of the forward pass; "" if unknown."""

    def load(self) -> None:
        """Load the model or connect now, so that the time of the first text is not misleading."""


def checked_vectors(vectors: object, count: int, dimension: int, name: str) -> Vectors:
    """What an embedder returned, as the rest of the package relies on it.

    Args:
        dimension: the length that vectors must have.
        name: of the embedder, for errors.

    Returns:
        float32 [count, dimension], each vector of length 1.

    Raises:
        MismatchError: the vectors have another dimension.
        ModelError: they are not `count` finite vectors other than zero.
    """
    found = np.asarray(vectors)
    if found.ndim != 2 or len(found) != count or found.dtype.kind not in "fiu":
        raise ModelError(f"{name} did not return one vector for each of {count} texts")
    if found.shape[1] != dimension:
        raise MismatchError(
            f"{name} returned vectors of {found.shape[1]} numbers, and this index needs "
            f"{dimension}; if another model is served under this name, build into another index.dir"
        )
    lengths = np.linalg.norm(found.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ModelError(f"{name} returned a vector that is zero or not finite")
    if np.abs(lengths - 1).max(initial=0) > _ROUNDING:
        found = found / lengths
    return found.astype(np.float32, copy=False)


def open_embedder(config: EmbedderConfig) -> Embedder:
    """The embedder that a configuration names; nothing is loaded or sent yet."""
    if config.kind == EmbedderKind.local:
        from .local.embedder import TextEmbedder

        return TextEmbedder(config)
    from .remote import RemoteEmbedder

    return RemoteEmbedder(config)


def open_cache(config: CacheConfig, namespace: str) -> EmbeddingCache | None:
    """Open the cache that `config` names.

    Args:
        namespace: `Embedder.space`.

    Returns:
        None if the configuration asks for no cache, or, with a warning, if its file cannot be
        used: a read-only or missing home directory does not stop a build.

    Raises:
        ConfigError: the Redis server cannot be used, or the file is not a cache.
    """
    if not config.embeddings:
        return None
    from .cache.redis import RedisCache
    from .cache.sqlite import FAILURES, SqliteCache

    if "://" in config.embeddings:
        return RedisCache(config.embeddings, namespace)
    try:
        return SqliteCache(expand(config.embeddings), namespace, int(config.max_gb * 1e9))
    except (OSError, RuntimeError, *FAILURES) as error:
        _log.warning(
            "cache.embeddings=%s cannot be used (%s); going on without an embedding cache",
            config.embeddings,
            error,
        )
        return None


def embed_chunks(
    texts: Iterable[str], embedder: Embedder, window: int = 1024
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Embed a stream of texts in constant memory: (text, float32 [dimension]) in input order.

    Args:
        window: texts embedded at a time; an embedder may sort them by length to save padding.
    """
    for part in chunked(texts, window):
        yield from zip(part, embedder.embed_documents(part), strict=True)
