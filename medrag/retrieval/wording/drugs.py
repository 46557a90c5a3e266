"""Names of drugs: which words are some, and what else each drug is called."""

from __future__ import annotations

from functools import cache

from .tables import groups, listed

_LEAST = 3  # letters before an ending that drugs' names have


@cache
def drug_names() -> frozenset[str]:
    """The names of drugs in one word that the tables know."""
    known = (name[0] for group in groups("drugs") for name in group if len(name) == 1)
    return frozenset(known) | listed("other_drugs")


@cache
def _brands() -> frozenset[tuple[str, ...]]:
    return frozenset(name for group in groups("drugs") for name in group[1:])


def is_brand(name: tuple[str, ...]) -> bool:
    """Tell whether a name is one of a brand or a nation, in the table of drugs."""
    return name in _brands()


@cache
def ends_like_a_drug(word: str) -> bool:
    """Tell whether a lower-case word ends like the name of a drug, whether or not it is one."""
    return any(word.endswith(stem) and len(word) >= len(stem) + _LEAST for stem in listed("stems"))


def names_drug(word: str) -> bool:
    """Tell whether a lower-case word is the name of a drug, or ends like one."""
    return word in drug_names() or ends_like_a_drug(word)
