"""Rewrite a question in the words of a corpus: spelling, other names, other ways to write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ...stores import Alternatives, IndexReader
from ...text.everyday import is_everyday, is_made_of_everyday
from ...text.words import STOPWORDS, words
from .drugs import drug_names, is_brand, names_drug
from .names import MOST, Words, abbreviations, from_table, meanings
from .spelling import LEAST, cost, is_surely, nearest
from .variants import splits, ways

_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")
_CAPITALS = re.compile(r"\b[A-Z][\w-]*[A-Z][\w-]*")
_PROPER = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]{2,}\b")
_ASKS_NAME = re.compile(
    r"\b(?:stands? for|mean(?:s|ing)?|abbreviat\w*|acronym|(?:brand|trade|generic|other) names?"
    r"|called|known as|synonyms?)\b",
    re.I,
)
_TWO_NAMES = re.compile(r"[A-Z][a-z]{3,}[A-Z][a-z]{3,}")
_OTHERS = 6  # other ways that are searched for one thing
_SAME_SOUND = 0.5  # cost of a word that sounds the same and has one other letter
_SURE = 2  # chunks that hold a way to write something, at least, for it to be no error itself
_SELDOM = 50  # times as often as another way to write it, when that one is an error
_COMMONER = 2  # times as often as a lay word, when the clinical one is put beside it


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A question as it is searched.

    Attributes:
        question: in words that the corpus has, as far as they are known; the question itself if
            nothing had to be changed.
        sure: the question with only those changes that make no other word of one. What is found is
            weighed against this one: "myasthenia gravis" is not Graves disease.
        changes: (as written, as read) for each word that was changed in `sure`.
        guesses: the same for the other changes, which only the search follows.
        others: (words of the question, what is searched as well) for each that has other names.
        names: (words of the question, names of the same) for drugs and abbreviations; the names
            include these words, and a long form or a generic name comes first.
        searched: what the word search gets.
        embedded: what the search by meaning gets.
    """

    question: str
    sure: str
    changes: tuple[tuple[str, str], ...]
    guesses: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, tuple[str, ...]], ...]
    names: tuple[tuple[str, tuple[str, ...]], ...]
    searched: tuple[str | Alternatives, ...]
    embedded: str

    def as_named_in(self, texts: Sequence[str]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The question with drugs and abbreviations as some texts name them most often.

        A question that asks for a name, and one that says both names, stays as it is.

        Returns:
            The question, and (as written, as read) for each name that was replaced.
        """
        question, changes = self.sure, []
        if _ASKS_NAME.search(question):
            return question, ()
        said = f" {' | '.join(' '.join(words(text)) for text in texts)} "
        asked = f" {' '.join(words(question))} "
        for name, names in self.names:
            if any(f" {other} " in asked for other in names if other != name):
                continue
            often = {one: len(re.findall(f" {re.escape(one)}(?= )", said)) for one in names}
            best = max(often, key=often.__getitem__) if any(often.values()) else name
            place = re.search(rf"(?i)(?<!\w){_written(name)}(?!\w)", question)
            if best != name and place:
                question = question[: place.start()] + best + question[place.end() :]
                changes.append((place[0], best))
        return question, tuple(changes)


def as_asked(question: str) -> Rewritten:
    """A question that is searched word for word."""
    return Rewritten(question, question, (), (), (), (), _plain(question), question)


def _plain(question: str) -> tuple[str, ...]:
    asked = words(question)
    return tuple(word for word in asked if word not in STOPWORDS) or tuple(asked)


class _Concept(NamedTuple):
    """One thing that a question names: the ways to search it, and the text to embed for it."""

    ways: Alternatives
    said: str = ""  # "": as the question says it
    names: tuple[Words, ...] = ()  # those of the ways that name nothing else


class Rewriter:
    """Reads questions in the words of one index; threads may share it."""

    def __init__(self, index: IndexReader) -> None:
        self._index = index
        self._chunks = lru_cache(maxsize=8192)(lambda *said: index.phrase_frequency(said))

    def rewrite(self, question: str) -> Rewritten:
        """A question as it is searched.

        Raises:
            ArtefactError: the index is damaged.
        """
        changes: dict[str, str] = {}
        sure: dict[str, str] = {}
        is_loud = question.isupper()

        def read(match: re.Match[str]) -> str:
            written = match[0]
            is_name = not is_loud and not written[1:].islower()  # an abbreviation, a gene
            folded = words(written)
            if len(folded) != 1:
                return written
            is_sure = True
            if _TWO_NAMES.fullmatch(written):  # "GuillainBarre"
                meant = None if self._chunks(*folded) else self._split(folded[0])
            elif is_name and folded[0] not in drug_names():
                return written
            else:
                meant, is_sure = self._word_meant(folded[0])
            if meant is None:
                return written
            changes[written] = meant
            if is_sure:
                sure[written] = meant
            return meant

        text = _WORD.sub(read, question)
        found = list(
            self._concepts(
                tuple(words(text)), _written_as(_CAPITALS, question), _written_as(_PROPER, question)
            )
        )
        searched = tuple(
            one.ways[0][0] if len(one.ways) == 1 else tuple(map(_without_stopwords, one.ways))
            for one in found
            if len(one.ways) > 1 or one.ways[0][0] not in STOPWORDS
        )
        others = {
            " ".join(asked): tuple(map(" ".join, ways)) for (asked, *ways), _, _ in found if ways
        }
        return Rewritten(
            text,
            _WORD.sub(lambda match: sure.get(match[0], match[0]), question),
            tuple(sure.items()),
            tuple(change for change in changes.items() if change[0] not in sure),
            tuple(others.items()),
            tuple(
                (" ".join(one.ways[0]), tuple(map(" ".join, one.names)))
                for one in found
                if len(one.names) > 1
            ),
            searched or _plain(text),
            _embedded(text, found),
        )

    # --- words that the corpus lacks ----------------------------------------------------------

    def _word_meant(self, word: str) -> tuple[str | None, bool]:
        """What stands for a word that the corpus lacks, and whether it is surely meant.

        None leaves the word as it is.
        """
        if word in STOPWORDS or self._chunks(word) or self._is_spelt_otherwise(word):
            return None, False
        if word in drug_names():
            return self._name_here(word), True
        if len(word) < LEAST or not word.isascii() or is_everyday(word):
            return None, False
        near = [one for one in self._index.near_words(word) if one[0].isalpha()]
        near += [(name, 0) for name in drug_names() if not self._chunks(name)]
        is_derived = is_made_of_everyday(word)
        if not is_derived and not names_drug(word) and (parts := self._split(word)):
            return parts, True
        if is_derived:  # then only what sounds the same: "dizzyness"
            near = [one for one in near if cost(word, one[0]) <= _SAME_SOUND]
        meant = nearest(word, near)
        if meant is None:
            return None, False
        is_sure = is_surely(word, meant)
        return (meant if self._chunks(meant) else self._name_here(meant) or meant), is_sure

    def _is_spelt_otherwise(self, word: str) -> bool:
        return any(self._rate(way) >= _SURE for way in ways((word,)))

    def _name_here(self, drug: str) -> str | None:
        """The name by which the corpus knows a drug."""
        best = max(from_table("drugs", (drug,)), key=self._rate, default=())
        return " ".join(best) if self._rate(best) else None

    def _split(self, word: str) -> str | None:
        """Two words of the corpus that were written together."""
        best = max(splits(word), key=self._rate, default=())
        return " ".join(best) if self._rate(best) >= _SURE else None

    # --- other words for the same -------------------------------------------------------------

    def _concepts(
        self, asked: Words, short: frozenset[str], proper: frozenset[str]
    ) -> Iterator[_Concept]:
        """The things that a question names, in order.

        Args:
            asked: the words of the question.
            short: those of them that are written like abbreviations.
            proper: those that are written like names.
        """
        phrases = sorted(
            {asked[at : at + size] for at in range(len(asked)) for size in range(1, MOST + 1)}
        )
        meant = meanings(self._index, phrases)
        abbreviated = abbreviations(self._index, phrases)
        at = 0
        while at < len(asked):
            for size in range(min(MOST, len(asked) - at), 0, -1):
                phrase = asked[at : at + size]
                meaning = meant.get(phrase)
                if size == 1 and phrase[0] not in short and is_everyday(phrase[0]):
                    meaning = None  # "aids", but not "AIDS"
                found = self._concept(phrase, meaning, abbreviated.get(phrase))
                if len(found.ways) > 1 or size == 1:
                    # A class in brackets behind a drug is no name of it: "ibuprofen (an NSAID)".
                    is_same = meaning and (len(meaning) > 1 or phrase[0] in proper)
                    drugs = self._here(from_table("drugs", phrase))
                    names = (*((meaning,) if meaning and is_same else ()), phrase, *drugs)
                    found = found._replace(names=tuple(sorted(dict.fromkeys(names), key=is_brand)))
                    yield found
                    at += size
                    break

    def _concept(
        self, phrase: Words, meaning: Words | None, abbreviation: Words | None
    ) -> _Concept:
        if len(phrase) == 1 and phrase[0] in STOPWORDS and not meaning:
            return _Concept((phrase,))
        own = self._rate(phrase)
        drugs, lay = (self._here(from_table(table, phrase)) for table in ("drugs", "lay"))
        others = [*drugs, *lay, *self._here(one for one in (meaning, abbreviation) if one)]
        if len(phrase) <= 2 and STOPWORDS.isdisjoint(phrase):
            least = max(_SURE, own // _SELDOM) if own else 1
            others += (way for way in ways(phrase) if self._rate(way) >= least)
        found = (phrase, *[way for way in dict.fromkeys(others) if way != phrase][:_OTHERS])
        if meaning in found and self._rate(meaning) > own:
            return _Concept(found, " ".join(meaning))
        if drugs and self._rate(best := max(drugs, key=self._rate)) > own:
            return _Concept(found, " ".join(best))
        if lay and self._rate(best := max(lay, key=self._rate)) > _COMMONER * own:
            return _Concept(found, f"{' '.join(phrase)} ({' '.join(best)})")
        if not own and len(found) > 1:
            return _Concept(found, " ".join(found[1]))
        return _Concept(found)

    def _here(self, found: Iterable[Words]) -> list[Words]:
        return [way for way in found if self._rate(way)]

    def _rate(self, way: Words) -> int:
        """In how many chunks all words of a phrase are; 0 if it has none but stop words."""
        said = tuple(word for word in way if word not in STOPWORDS)
        return self._chunks(*said) if said else 0


def _embedded(text: str, found: list[_Concept]) -> str:
    """The text with the other names that are to be embedded."""
    for one in found:
        if one.said:
            asked = _written(" ".join(one.ways[0]))
            said = one.said.replace("\\", r"\\")
            text = re.sub(rf"(?i)(?<!\w){asked}(?!\w)", said, text, count=1)
    return text


def _written(phrase: str) -> str:
    """A pattern for some words as a question may write them."""
    return r"[\W_]+".join(map(re.escape, phrase.split()))


def _written_as(pattern: re.Pattern[str], question: str) -> frozenset[str]:
    """The words of a question that are written in some way: "ALL", but not "all"."""
    return frozenset(word for name in pattern.findall(question) for word in words(name))


def _without_stopwords(way: Words) -> Words:
    return tuple(word for word in way if word not in STOPWORDS) or way
