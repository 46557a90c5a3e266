"""From a question to ranked hits."""

from .retriever import Retriever

__all__ = ["Retriever"]
