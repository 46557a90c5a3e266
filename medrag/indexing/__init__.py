"""What writes an index: read the corpus, embed what is new, publish a generation."""

from .builder import IndexBuilder
from .publishing import config_from_manifest
from .report import BuildReport

__all__ = ["BuildReport", "IndexBuilder", "config_from_manifest"]
