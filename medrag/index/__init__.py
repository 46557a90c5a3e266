"""The index: the store that is the truth, and the FAISS files derived from it."""

from .builder import IndexBuilder, config_from_manifest
from .index import Index
from .reading import BuildReport

__all__ = ["BuildReport", "Index", "IndexBuilder", "config_from_manifest"]
