"""Which words name drugs: by the classes in the table of kinds, and by how drugs' names end."""

from __future__ import annotations

from functools import cache

from .forms import root, roots
from .tables import listed
from .vocabulary import Kinds, kinds, synonyms

# Classes of drugs in the table of kinds.
_CLASSES = (
    "antibiotic", "penicillin", "cephalosporin", "macrolide", "fluoroquinolone", "tetracycline",
    "aminoglycoside", "antiviral", "antifungal", "antimalarial", "antiretroviral", "statin",
    "ace inhibitor", "angiotensin receptor blocker", "beta-blocker", "calcium-channel blocker",
    "diuretic", "proton pump inhibitor", "h2 blocker", "nsaid", "opioid", "analgesic",
    "benzodiazepine", "antidepressant", "ssri", "antipsychotic", "antiepileptic", "corticosteroid",
    "bronchodilator", "antihistamine", "antiemetic", "anticoagulant", "doac",
    "low molecular weight heparin", "antiplatelet", "bisphosphonate", "sulfonylurea",
    "sglt2 inhibitor", "dpp-4 inhibitor", "glp-1 receptor agonist", "monoclonal antibody",
    "chemotherapy", "immunosuppressant", "laxative",
)  # fmt: skip
_LEAST = 2  # letters before an ending


@cache
def names_drug(word: str) -> bool:
    """Tell whether a lower-case word names a drug, in the singular or plural."""
    plain = root(word)
    groups = synonyms().get((plain,), frozenset())
    if any(covers(kind, plain, groups) for kind in drug_classes()):
        return True
    single = word.rstrip("s")
    return any(
        single.endswith(ending) and len(single) >= len(ending) + _LEAST for ending in _endings()
    )


@cache
def drug_classes() -> tuple[Kinds, ...]:
    """What is a kind of each class of drugs."""
    wide = {group for name in _CLASSES for group in synonyms().get(roots(name), ())}
    return tuple(kinds()[group] for group in wide if group in kinds())


@cache
def drug_class_names() -> frozenset[str]:
    """The roots of the classes that one word names: "statin"."""
    return frozenset(root(name) for name in _CLASSES if name.isalpha())


def covers(kind: Kinds, plain: str, groups: frozenset[int]) -> bool:
    """Tell whether something with a root and groups of synonyms is a kind of something."""
    return (
        not kind.groups.isdisjoint(groups)
        or plain in kind.roots
        or bool(kind.endings and plain.endswith(kind.endings))
        or bool(kind.beginnings and plain.startswith(kind.beginnings))
    )


@cache
def _endings() -> tuple[str, ...]:
    return tuple(sorted(listed("drug endings")))
