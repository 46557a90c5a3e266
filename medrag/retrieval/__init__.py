"""From a question to ranked hits."""

from .retriever import Retriever, check_question

__all__ = ["Retriever", "check_question"]
