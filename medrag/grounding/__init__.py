"""How well hits answer a question, which statements they support, and when to abstain."""

from .evidence import Calibration, confidence, weigh
from .support import SupportCheck, best_span, ground, parse_statements

__all__ = [
    "Calibration",
    "SupportCheck",
    "best_span",
    "confidence",
    "ground",
    "parse_statements",
    "weigh",
]
