"""The index: the store that is the truth, and the FAISS files derived from it."""

from .builder import IndexBuilder
from .index import Index
from .publishing import config_from_manifest
from .report import BuildReport

__all__ = ["BuildReport", "Index", "IndexBuilder", "config_from_manifest"]
