"""Questions in the words of the corpus: `Rewriter` changes the spelling and finds other names."""

from .rewriting import Rewriter, Rewritten, as_asked

__all__ = ["Rewriter", "Rewritten", "as_asked"]
