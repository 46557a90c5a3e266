"""Everything that writes an index: read the corpus, embed what is new, publish a generation."""

from .builder import IndexBuilder
from .publishing import BuildReport, config_from_manifest, with_embedder_of_index

__all__ = ["BuildReport", "IndexBuilder", "config_from_manifest", "with_embedder_of_index"]
