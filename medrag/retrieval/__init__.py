"""From a question to ranked hits."""

from .retriever import Reranker, Retriever, check_question

__all__ = ["Reranker", "Retriever", "check_question"]
