"""Does one clause say yes where another, about the same thing, says no or the opposite?"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property

from ...text.words import STOPWORDS
from ..support.alignment import Comparison, is_name
from ..support.forms import base_of_denied, root
from ..support.polarity import polarity_differences
from ..support.results import denies_change
from ..support.vocabulary import opposites, synonyms
from .circumstances import preferred
from .claims import Difference, Part, Sayings, content
from .figures import same_figures
from .told import is_sure

# Axes (`support/tables/opposites.txt`) of which only one side can hold. On the others both may: a
# disease is rare and its complications are frequent.
_AXES = frozenset(
    {"do", "change", "benefit", "cause", "act", "presence", "harm", "worth", "contents", "response",
     "live", "openness", "gainweight", "curable", "reversible", "permanence", "known", "speed"}
)  # fmt: skip
_EFFECTS = frozenset({"change", "benefit", "cause", "act"})
_DEGREES = ("change", "benefit")
_LOOSE = frozenset(map(root, ("keep", "skip", "miss", "option", "choice", "free", "add")))
_NOT = re.compile(
    r"(?P<not>\b(?:not|never|cannot|no|neither|nor|none|fail(?:s|ed)? to)\b|n['’]t\b)"
    r"(?:\s+(?:be|been|have|has|to|any|an?|the|\w+ly)\b)*(?:\s+(?P<word>[a-z]+))?"
)
_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|must|should|may|can|need|plays?|played)\s$"
)
# Words that deny a part of a clause, so that it may agree with one that denies the whole.
_NEGATIVE = re.compile(
    r"\b(?:unable|inab\w+|lack\w*|absen\w+|deficien\w+|stop\w*|avoid\w*|fail\w*|los[est]\w*|too"
    r"|off limits|rule[sd]? out|forbid\w*|banned|refus\w+|reject\w*)\b"
)
_WITHOUT = re.compile(
    r"\bwithout\b|\bbefore (?:they|you|he|she|it)\b"
    r"|(?:[,(]|\bbut)\s*not\s+(?:by|from|in|for|to|on|at|with|the|an?)\b"
)
_UNLESS = re.compile(r"\b(?:unless|except|until|only)\b")
_LACK = re.compile(r"\b(?:lack|absence) of\b")
_TREND = re.compile(r"\b(?:trend\w*|baseline|before and after|over time)\b")
_QUANTIFIER = re.compile(
    r"\b(?:some|everyone|everybody|most|many|few|several|certain|often|usually|sometimes|typically"
    r"|occasionally|rarely|seldom|commonly|generally|mostly|all|always|every|each)\b"
)
_TAKERS = re.compile(r"\b(?:who|that) (?:\w+ ){0,2}(?:take|use|receive|need)\w*")
_IS_NOT = re.compile(r"\b(?:is|are|was|were)\s+$")
_IS = re.compile(r"\b(?:is|are|was|were|be|been|being|becomes?|remains?)\s+(?:[\w-]+\s+){0,3}$")
_PARTIAL = frozenset({"some", "many", "few", "several", "certain", "sometimes", "occasionally"})
_SUBORDINATE = "if|when|once|unless|until|because|while|although|though"
_SUPPOSED = re.compile(rf"[,\s]*(?:{_SUBORDINATE}|or)\b[^,]*")
_ASIDE = re.compile(rf"\b(?:{_SUBORDINATE}|who|which|that|whose)\b[^,]*$")
_HARDLY = re.compile(r"\b(?:less|least|rarely|seldom|hardly)\s+$")
# What is not done is said with one verb or another: "must not be given" denies "may take".
_USES = frozenset(
    """
    administered advised allowed give given happen happens indicated need needed occur occurs
    offered possible prescribed receive received receives recommended required take taken use
    used
    """.split()  # noqa: SIM905
)
# What has no part in a thing does not do it: "plays no part in the metabolism of".
_PARTS = frozenset({"part", "role", "involvement", "hand", "involved", "implicated"})
_COPULAS = frozenset({"is", "are", "was", "were", "there", "with"})
_LEAST_DENIED = 0.6  # share of what one clause denies that the other has to say
# See `Difference`. Directions need more: what raises a thing and what lowers it are often two.
_LEAST_SAID, _LEAST_HERE = 0.75, 0.6
_WORD = re.compile(r"[a-z]+")
_NEXT_WORD = re.compile(r"\s+([a-z]+)")

Directions = dict[str, list[tuple[str, int]]]  # see `Clause.directions`


class _Side:
    """A clause with what it denies."""

    def __init__(self, part: Part) -> None:
        self.text = part.text
        directions: Directions = {}
        takers = _TAKERS.search(self.text)
        taking = frozenset(map(root, _WORD.findall(takers[0]))) if takers else frozenset()
        for axis in part.clause.directions.keys() & _AXES:
            ignored = _LOOSE | taking
            if axis == "act":
                ignored |= _in_names(part)
            if kept := [one for one in part.clause.directions[axis] if one[0] not in ignored]:
                directions[axis] = kept
        if "do" not in directions and (words := preferred(part)):
            directions["do"] = [(words, 1)]
        self.clause = replace(part.clause, directions=directions)
        self.sentence = replace(part.sentence, clauses=(self.clause,))
        self.denials = list(_NOT.finditer(self.text))
        self.no_change = part.clause.no_change and not _LACK.search(self.text)
        shares = {"share" for one in part.clause.quantities if one.dimension == "share"}
        self.quantifiers = shares.union(_QUANTIFIER.findall(self.text))

    @property
    def is_negative(self) -> bool:
        """Whether it denies, or says that nothing changes."""
        return bool(self.denials) or self.no_change

    @cached_property
    def words(self) -> frozenset[str]:
        """The roots of its words."""
        return frozenset(map(root, _WORD.findall(self.text)))

    @property
    def is_plain(self) -> bool:
        """Whether it states something, and denies nothing but with the words that are read here."""
        told = not _SUPPOSED.fullmatch(self.text) and is_sure(self.text)
        return told and (self.clause.no_change or len(self.denials) == self.clause.negations)


def _in_names(part: Part) -> frozenset[str]:
    """The roots of names of several words: "beta blockers" blocks nothing."""
    named = (term for term in part.clause.terms if len(term.roots) > 1 and is_name(term))
    return frozenset(one for term in named for one in term.roots)


def opposite_stance(one: Part, other: Part, both_quoted: bool = False) -> Difference | None:
    """What the source says, if it is the opposite of what a clause about the same thing says.

    Args:
        one: the statement.
        other: the source.
        both_quoted: whether an answer quotes both, so that it rests on two that disagree.
    """
    ours, theirs = _Side(one), _Side(other)
    if not (ours.is_plain and theirs.is_plain and same_figures(one, other, both_quoted)):
        return None
    if _leave_room(ours, theirs) or not _differ(ours, theirs):
        return None
    if ours.is_negative == theirs.is_negative:
        pair = _opposed(ours, theirs)
        if pair is None:
            return None
        said = [_word(side, name) for side, name in ((ours, pair[0]), (theirs, pair[1]))]
        reason = f"the source says “{said[1]}”, not “{said[0]}”"
        axes = {axis for one in pair for axis, _ in opposites().get(one, ())}
        # "Is safe" is said of one use of a thing, "is reversible" of all of it.
        is_state = (
            "do" not in axes and _is_predicate(ours, pair[0]) and _is_predicate(theirs, pair[1])
        )
        opposed = frozenset(pair if is_state else ())
        return Difference(reason, int(is_state), _LEAST_SAID, _LEAST_HERE, opposed)
    if ours.is_negative:
        without = "the source says it without “not”"
        reason = without if ours.denials else "the source reports a difference"
        return Difference(reason) if _denies(ours, theirs) else None
    return Difference(f"the source says “{_quoted(theirs)}”") if _denies(theirs, ours) else None


def _differ(ours: _Side, theirs: _Side) -> bool:
    """Whether the support check finds a difference from both sides, or only a "not" differs."""
    pairs = (ours.sentence, theirs.sentence), (theirs.sentence, ours.sentence)
    if all(any(polarity_differences(Comparison(a, [b], []))) for a, b in pairs):
        return True
    denying, asserting = (ours, theirs) if ours.denials else (theirs, ours)
    return (
        len(denying.denials) == 1
        and not (asserting.denials or denying.clause.no_change or asserting.clause.no_change)
        and denying.clause.directions.keys().isdisjoint(asserting.clause.directions)
        and not _points(denying, 1)
        and not _points(asserting, -1)
    )


def _points(side: _Side, sign: int) -> bool:
    return any(one == sign for signs in side.clause.directions.values() for _, one in signs)


def _leave_room(ours: _Side, theirs: _Side) -> bool:
    """Whether "some do not" leaves that others do."""
    sides = (ours, theirs)
    if ours.quantifiers == theirs.quantifiers:
        return not _PARTIAL.isdisjoint(ours.quantifiers)
    return all(one.quantifiers for one in sides) or any(
        one.quantifiers and one.is_negative for one in sides
    )


def _opposed(ours: _Side, theirs: _Side) -> tuple[str, str] | None:
    """The roots of what two clauses that deny nothing say of one axis: "raises" and "lowers".

    "Greater improvement" is no increase: of change and benefit, both have to name the same.
    """
    one, two = ours.clause, theirs.clause
    if ours.is_negative or any((a in one.directions) != (a in two.directions) for a in _DEGREES):
        return None
    for axis in one.directions.keys() & two.directions.keys():
        signs = [{sign for _, sign in clause.directions[axis]} for clause in (one, two)]
        if signs[0] | signs[1] == {1, -1} and not signs[0] & signs[1]:
            return one.directions[axis][0][0], two.directions[axis][0][0]
    for a, b in ((ours, theirs), (theirs, ours)):
        for word in a.clause.denied:  # "unreliable" and "reliable"
            base = base_of_denied(word)
            if base in _WORD.findall(b.text) and base not in _WORD.findall(a.sentence.lower):
                own, other = (word, base) if a is ours else (base, word)
                return root(own), root(other)
    return None


def _word(side: _Side, name: str) -> str:
    """The word of a clause with a root."""
    return next((one for one in _WORD.findall(side.text) if root(one) == name), name)


def _is_predicate(side: _Side, name: str) -> bool:
    """Whether a clause says a quality of its subject: "is irreversible", not "irreversible damage".

    Args:
        name: the root of the quality.
    """
    found = next((one for one in _WORD.finditer(side.text) if root(one[0]) == name), None)
    if found is None or not _IS.search(side.text[: found.start()]):
        return False
    after = _NEXT_WORD.match(side.text, found.end())
    return after is None or after[1] in STOPWORDS


def _quoted(side: _Side) -> str:
    """The words with which a clause denies: "did not cross", "no difference"."""
    if not side.denials:
        return side.text.strip(" ,;:.")
    found = side.denials[0]
    before = _AUXILIARY.search(side.text[: found.start()])
    return side.text[before.start() if before else found.start() : found.end()].strip()


def _denies(denying: _Side, asserting: _Side) -> bool:
    """Whether a clause denies what another says, word for word."""
    if _WITHOUT.search(asserting.sentence.lower) or _UNLESS.search(denying.sentence.lower):
        return False  # "by mosquitoes, not by people"
    negative = [{root(w) for w in _NEGATIVE.findall(s.text)} for s in (asserting, denying)]
    if not negative[0] <= negative[1]:
        return False
    if not set(asserting.clause.denied) <= set(denying.clause.denied):
        return False
    if denying.no_change and not _denies_cause(denying):
        return _tells_of_effect(asserting)
    return len(denying.denials) == 1 and _denies_predicate(denying, asserting)


def _denies_cause(side: _Side) -> bool:
    """Whether what a clause denies is to cause or to prevent, and no change: "fails to prevent"."""
    words = [found["word"] for found in side.denials if found["word"]]
    axes = {axis for one in words for axis, _ in opposites().get(root(one), ())}
    return bool(axes & {"cause", "act"}) and axes.isdisjoint(_DEGREES)


def _tells_of_effect(side: _Side) -> bool:
    """Whether a clause says that something has an effect."""
    return not (
        _EFFECTS.isdisjoint(side.clause.directions)
        or side.sentence.not_significant
        or denies_change(side.sentence.lower)
        or _TREND.search(side.sentence.lower)
    )


def _is_said_plainly(word: str, asserting: _Side) -> bool:
    """Whether a word, if a clause has it, is not only an aside in it: "those who share a bed"."""
    said = [one for one in _WORD.finditer(asserting.text) if root(one[0]) == root(word)]
    before = [asserting.text[: one.start()] for one in said]
    return not said or any(not (_ASIDE.search(one) or _HARDLY.search(one)) for one in before)


def _says_it_is(denying: _Side, asserting: _Side) -> bool:
    """Whether a clause also says of its subject what another says that it "is not".

    "A genetic test" says of nothing that it is genetic. What has a verb may be said with it.
    """
    found = denying.denials[0]
    word = found["word"]
    if found["not"] != "not" or not _IS_NOT.search(denying.text[: found.start()]):
        return True
    is_verb = word.endswith(("ed", "en", "wn")) or root(word) in opposites()
    if is_verb and root(word) in asserting.words:
        return True
    groups = synonyms().get((root(word),), frozenset())
    alike = [
        term
        for term in asserting.clause.terms
        if root(word) in term.roots or not groups.isdisjoint(term.concepts)
    ]
    text = asserting.sentence.lower
    return not alike or any(_IS.search(text[: term.start]) for term in alike)


def _takes_part(denying: _Side, asserting: _Side) -> bool:
    """Whether a clause names all that another denies a part in, and says that it is done."""
    scope = [t for t in denying.clause.terms if t.negated and not (t.light or t.word in _PARTS)]
    known = Sayings.of(asserting.sentence)
    is_done = not _PARTS.isdisjoint(asserting.words) or not (_EFFECTS | {"do"}).isdisjoint(
        asserting.clause.directions
    )
    return all(map(known.have, scope)) and (is_done or len(scope) > 1)


def _denies_predicate(denying: _Side, asserting: _Side) -> bool:
    """Whether what stands after "not" is said by the other: "cross the placenta"."""
    found = denying.denials[0]
    word, clause = found["word"], asserting.clause
    if word is None or _ASIDE.search(denying.text[: found.start()]):
        return False  # "children who are not breastfed have more infections"
    if denying.sentence.lower[: denying.clause.start].rstrip().endswith("("):
        return False  # "sporadic (not inherited)"
    if not _is_said_plainly(word, asserting) or not _says_it_is(denying, asserting):
        return False
    scope = [term for term in content(denying.clause) if term.negated]
    known = Sayings.of(asserting.sentence)
    said = sum(map(known.have, scope))
    if word in STOPWORDS:
        return 0 < len(scope) == said
    if word in _PARTS:
        return _takes_part(denying, asserting)
    if said < _LEAST_DENIED * len(scope):
        return False
    if found["not"] in ("no", "none"):
        # What is prevented does not occur.
        lowered = any(s < 0 for a in _EFFECTS for _, s in clause.directions.get(a, ()))
        verb = _WORD.findall(denying.text[: found.start()])[-1:]
        shared = not verb or verb[0] in _COPULAS or root(verb[0]) in asserting.words
        return shared and root(word) in asserting.words and not lowered
    axes = {axis for axis, _ in opposites().get(root(word), ())}
    return (
        root(word) in asserting.words
        or word in _USES
        or not axes.isdisjoint(clause.directions)
        or not clause.concepts.isdisjoint(synonyms().get((root(word),), frozenset()))
    )
