"""Whether a text names something: by its own words, by a synonym, or by its initials."""

from __future__ import annotations

import re
from functools import cached_property

from ...text.words import STOPWORDS, stem, words
from ..support.forms import is_technical, root
from ..support.vocabulary import is_organ, is_particular, kinds_of, slots, synonyms

_LONGEST = 4  # words of a phrase in the tables
_PREFIX = 6  # letters that the forms of a long word share
_ACRONYM = re.compile(r"\b[A-Z][A-Z0-9]{1,5}s?\b")
_ABBREVIATED = re.compile(r"\b\w*[A-Z]\w*[A-Z0-9]\w*|\b\w*\d\w*")
# They name nothing by themselves: another text is not about the same because it has them.
_GENERAL = frozenset(
    """
    patient patients people person persons adult adults men women individuals subjects someone
    disease diseases disorder disorders condition conditions syndrome syndromes problem problems
    treatment treatments therapy therapies drug drugs medicine medicines medication dose doses use
    severe mild moderate acute chronic early late long short high low risk history case cases
    children child infants infant neonates newborns elderly mothers failure impairment general known
    new newly first second normal common other others effect effects level levels year years old age
    study studies clinical different types type
    """.split()  # noqa: SIM905
)


class Mentions:
    """What a text names."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = words(text)

    @cached_property
    def content(self) -> list[str]:
        """The words that may name something."""
        return [one for one in self.words if one not in STOPWORDS | _GENERAL and len(one) > 1]

    @cached_property
    def roots(self) -> list[str]:
        """The roots of its words, in order."""
        return [root(one) for one in self.words]

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of its words."""
        return frozenset(map(stem, self.words))

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """What the forms of its long words share: "transplanted" and "transplantation"."""
        return frozenset(_beginning(one) for one in self.words if len(one) > _PREFIX)

    @cached_property
    def groups(self) -> frozenset[int]:
        """The groups of synonyms of its words and phrases."""
        table, plain = synonyms(), self.roots
        found = {
            group
            for at in range(len(plain))
            for length in range(1, _LONGEST + 1)
            for group in table.get(tuple(plain[at : at + length]), ())
        }
        return frozenset(found)

    @cached_property
    def organs(self) -> frozenset[str]:
        """Its words that name parts of the body and nothing else."""
        known = {one: synonyms().get((root(one),), frozenset()) for one in self.words}
        return frozenset(
            one for one, groups in known.items() if groups and all(map(is_organ, groups))
        )

    @cached_property
    def slots(self) -> dict[str, set[int]]:
        """By slot ("joint"), the classes that it names; see `vocabulary.slots`."""
        table, plain = slots(), self.roots
        found: dict[str, set[int]] = {}
        for at in range(len(plain)):
            for length in (1, 2, 3):
                for slot, number in table.get(tuple(plain[at : at + length]), ()):
                    found.setdefault(slot, set()).add(number)
        return found

    @property
    def is_medical(self) -> bool:
        """Whether any of its words names a disease, a drug or the like.

        An unknown abbreviation does not count, because it may be spelled out elsewhere.
        """
        short = {one.lower() for one in _ABBREVIATED.findall(self.text)}
        return any(map(is_particular, self.groups)) or any(
            is_technical(one) and not one.endswith("ing") and one not in short
            for one in self.content
        )

    def speak_of(self, other: Mentions, *, classes: bool = True) -> bool:
        """Whether anything that another text names is named here.

        Args:
            classes: the name of its class, or of a member of it, will do.
        """
        shared = self.groups & other.groups
        named = frozenset(filter(is_particular, other.groups))
        if shared & (named or shared):
            return True
        # Of "heart failure" it is not enough that a text speaks of the heart.
        ignored = other.organs if any(map(is_particular, other.groups)) else frozenset[str]()
        if any(
            stem(one) in self.stems or _beginning(one) in self.beginnings
            for one in other.content
            if one not in ignored
        ):
            return True
        if classes and (self._is_kind_of(other) or other._is_kind_of(self)):
            return True
        return self.abbreviates(other, 2) or other.abbreviates(self, 3)

    def _is_kind_of(self, other: Mentions) -> bool:
        """Whether it names a kind of what another text names: a drug of a class.

        Left out are organs: heart failure and arrhythmia have only the heart in common.
        """
        return any(
            not kind.groups.isdisjoint(self.groups)
            or any(
                one in kind.roots
                or (kind.endings and one.endswith(kind.endings))
                or (kind.beginnings and one.startswith(kind.beginnings))
                for one in self.roots
            )
            for kind in kinds_of(frozenset(one for one in other.groups if not is_organ(one)))
        )

    def abbreviates(self, other: Mentions, letters: int) -> bool:
        """Whether it has the initials of words that follow each other in another text.

        Args:
            letters: how many at least; two letters are found in any long text.
        """
        initials = "".join(one[0] for one in other.words)
        return any(
            len(one) >= letters and one.rstrip("s").lower() in initials
            for one in _ACRONYM.findall(self.text)
        )


def _beginning(word: str) -> str:
    """The first letters of a word; "antidepressant" begins like "depression"."""
    return word.removeprefix("anti")[:_PREFIX]


def without(text: str, words_: str) -> str:
    """A text without the words that another one has, in whatever form."""
    left = {stem(one) for one in words(words_)}
    return re.sub(r"[\w'’-]+", lambda one: "" if stem(one[0].lower()) in left else one[0], text)
