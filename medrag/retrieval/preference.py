"""Rank hits of the preferred types of evidence higher, a little."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ConfigError
from ..text.evidence_types import EvidenceType

# Of the best score, for the first type: about what lies between a first and a fifth hit.
_MOST = 0.05


class Preference:
    """Which types of evidence come first among hits that match a question about as well.

    Args:
        types: values of `EvidenceType`, best first.

    Raises:
        ConfigError: one of them is unknown.
    """

    def __init__(self, types: Sequence[str]) -> None:
        known = [one.value for one in EvidenceType]
        for name in types:
            if name not in known:
                raise ConfigError(
                    f"retriever.prefer: {name!r} is no type of evidence; the types are: "
                    f"{', '.join(known)}"
                )
        self._types = list(dict.fromkeys(types))

    def boosts(self, best: float) -> dict[str, float]:
        """What is added to the score of a hit, by its type; the first type gets most.

        Args:
            best: the best score, because scores have another scale in each mode.
        """
        count = len(self._types)
        return {
            name: _MOST * abs(best) * (count - place) / count
            for place, name in enumerate(self._types)
        }
