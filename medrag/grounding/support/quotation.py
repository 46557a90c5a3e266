"""What was changed in a statement that is nearly a quotation.

Where nearly all words are those of a sentence of the source, each word that differs counts: a word
with an opposite, a name, a negation, a condition that is left out, two things that changed places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import product

from ..table_rows import is_row
from .alignment import is_name, matches
from .clauses import AUXILIARIES
from .forms import base_of_denied, root
from .order import OTHER_ORDER, OTHER_ROLES
from .sentences import Sentence, Term
from .tables import listed
from .vocabulary import listed_roots, opposites, slots, synonyms

_LONGEST = 300  # words that are compared one by one
_NEARLY = 0.75  # share of the statement's words that the sentence has, in order
_MOVED = 0.9  # share of the words in any order, where things may have changed places
_CONDITIONS = frozenset({"if", "unless", "only", "except", "provided", "when"})
_SUBORDINATES = listed_roots("subordinates")
_NEGATORS = listed("negators")
_ORDER = frozenset({"before", "after"})
_ANAPHORIC = frozenset({"this", "these", "such", "it", "they"})
_WITH_MORE = 1.8  # times the words of a sentence that a statement quotes and adds to, at most
_PHRASE = 4  # words in a phrase that changed places, at most
_MODALS = {"may": 1, "might": 1, "could": 1, "can": 1, "will": 2, "must": 2, "always": 2}


def quotation_difference(
    statement: Sentence, passage: Sequence[Sentence], heading: Sequence[Sentence]
) -> tuple[str, int] | None:
    """How a statement differs from the sentence of a source that it nearly quotes.

    Returns:
        The difference and the number of the sentence; None if no sentence is nearly quoted, or one
        is quoted without a difference that matters.
    """
    found = None
    for number, sentence in enumerate(passage):
        reason = _added(statement, sentence, [*passage, *heading])
        reason = reason or _difference(statement, sentence, passage)
        if reason == "":
            return None
        if reason and found is None:
            found = reason, number
    return found


def _difference(statement: Sentence, sentence: Sentence, passage: Sequence[Sentence]) -> str | None:
    """What differs; "" if nothing that matters; None if the sentence is not nearly quoted."""
    own, theirs = statement.plain, sentence.plain
    a, b = statement.plain_roots, sentence.plain_roots
    alike = len(set(a) & sentence.roots) >= 0.6 * len(set(a))
    if not 4 <= len(own) <= _LONGEST or not theirs or len(theirs) > _LONGEST or not alike:
        return None
    shared = (Counter(a) & Counter(b)).total()
    if shared < _NEARLY * len(a):
        return None
    blocks = SequenceMatcher(None, a, b, autojunk=False)
    same = sum(block.size for block in blocks.get_matching_blocks())
    if (
        shared >= _MOVED * len(a)
        and same < len(a) - 1
        and (found := _exchanged(statement, sentence))
    ):
        return found
    if same < _NEARLY * len(a):
        return None
    if shared >= _MOVED * len(a) and (found := _exchanged_amounts(statement, sentence)):
        return found
    codes = [
        (own[i:j], theirs[k:m]) for kind, i, j, k, m in blocks.get_opcodes() if kind != "equal"
    ]
    return _changed(codes, statement, sentence, passage)


def _added(statement: Sentence, sentence: Sentence, known: Sequence[Sentence]) -> str | None:
    """What a statement adds to a sentence that it has whole, and the source does not say."""
    a, b = statement.plain_roots, sentence.plain_roots
    has_more = 3 <= len(b) < len(a) <= min(_LONGEST, _WITH_MORE * len(b))
    if not has_more or (Counter(a) & Counter(b)).total() < len(b):
        return None
    codes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    if any(kind in ("replace", "insert") for kind, *_ in codes):
        return None
    for _, i, j, *_ in (code for code in codes if code[0] == "delete"):
        for term in _terms(statement.plain[i:j], statement, light=False):
            if not any(matches(term, one.roots, one.concepts) for one in known):
                return f"the source does not say “{term.word}”"
    return None


def _changed(
    codes: Sequence[tuple[Sequence[str], Sequence[str]]],
    statement: Sentence,
    sentence: Sentence,
    passage: Sequence[Sentence],
) -> str:
    """What the words say that differ, in turn."""
    new_words = [word for new, _ in codes for word in new]
    old_words = [word for _, old in codes for word in old]
    negators = _NEGATORS | {"without"}
    added = sum(word in negators for word in new_words)
    dropped = sum(word in negators for word in old_words)
    turned = sum(bool(base_of_denied(word)) for word in new_words + old_words)
    if (added + dropped + turned) % 2 and not _turns(new_words + old_words):
        if added > dropped:
            return "the source says it without “not”"
        if dropped and not is_row(sentence.text) and _kept_after(codes, negators):
            return "the source denies it"
    for new, old in codes:
        if [*new, *old] in (["or", "and"], ["and", "or"]):
            return f"the source says “{old[0]}”, not “{new[0]}”"
        if ("unless" in new) != ("unless" in old):
            return "the source says it " + ("with" if "unless" in old else "without") + " “unless”"
        left_out = set(old) & _CONDITIONS - {*statement.plain}
        if left_out and not set(new) & (_CONDITIONS | {"without"}):
            return f"the source says it holds “{' '.join(old)}”"
        if reason := _replaced(new, old, statement, sentence, passage):
            return reason
    return ""


def _turns(words: Sequence[str]) -> bool:
    """Whether a word that differs turns a meaning round: "unclear" for "not clear", "avoid"."""
    return any(sign < 0 for word in words for _, sign in opposites().get(root(word), ()))


def _kept_after(
    codes: Sequence[tuple[Sequence[str], Sequence[str]]], negators: frozenset[str]
) -> bool:
    """Whether what a dropped negation denied is still there: little else was dropped with it."""
    return all(len(old) <= 3 for _, old in codes if set(old) & negators)


def _replaced(
    new: Sequence[str],
    old: Sequence[str],
    statement: Sentence,
    sentence: Sentence,
    passage: Sequence[Sentence],
) -> str:
    if set(new) & _ORDER != set(old) & _ORDER and set(new) & _ORDER and set(old) & _ORDER:
        return OTHER_ORDER
    strong = [_MODALS[word] for word in new if word in _MODALS]
    weak = [_MODALS[word] for word in old if word in _MODALS]
    if strong and weak and max(strong) > max(weak):
        return f"the source says “{next(w for w in old if w in _MODALS)}”"
    for word in () if not _NEGATORS.isdisjoint([*new, *old]) else new:
        for other in old:
            if _opposed(word, other):
                return f"the source says “{other}”, not “{word}”"
    if len(new) > 8 or len(old) > 8 or not old:
        return ""
    subject = list(new) == list(statement.plain[: len(new)])
    fresh = [
        t
        for t in _terms(new, statement, light=subject)
        if not matches(t, sentence.roots, sentence.concepts)
    ]
    if subject and old[0] in _ANAPHORIC:
        return ""  # "This form of cancer" for its name
    was = _terms(old, sentence, light=subject)
    gone = [t for t in was if not matches(t, statement.roots, statement.concepts)]
    for term in fresh if was else ():
        elsewhere = any(
            matches(term, one.roots, one.concepts) for one in passage if one != sentence
        )
        if (elsewhere and gone) or is_name(term):
            return f"the source says “{(gone or was)[0].word}”, not “{term.word}”"
    return ""


def _terms(words: Sequence[str], sentence: Sentence, light: bool) -> list[Term]:
    """The terms of a sentence that consist of these words; those that say little if asked for."""
    wanted = {root(word) for word in words}
    return [t for t in sentence.terms if (light or not t.light) and wanted.issuperset(t.roots)]


def _opposed(word: str, other: str) -> bool:
    """Whether two words name opposite directions, or classes that exclude each other."""
    if base_of_denied(word) == other or base_of_denied(other) == word:
        return True
    one, two = root(word), root(other)
    if one == two or synonyms().get((one,), frozenset()) & synonyms().get((two,), frozenset()):
        return False
    for axis, sign in opposites().get(one, ()):
        if (axis, -sign) in opposites().get(two, ()):
            return True
    for slot, number in slots().get((one,), ()):
        if any(s == slot and n != number for s, n in slots().get((two,), ())):
            return True
    return False


def _exchanged_amounts(statement: Sentence, sentence: Sentence) -> str:
    """Whether the same quantities stand in another order among the same words."""
    own = [(q.low, q.high, q.dimension) for q in statement.quantities]
    theirs = [(q.low, q.high, q.dimension) for q in sentence.quantities]
    if own == theirs or Counter(own) != Counter(theirs):
        return ""
    at = next(i for i, (x, y) in enumerate(zip(own, theirs, strict=True)) if x != y)
    return (
        f"the source says {sentence.quantities[at].text} there, not {statement.quantities[at].text}"
    )


def _exchanged(statement: Sentence, sentence: Sentence) -> str:
    """Whether two phrases of up to four words changed places around more than "and" and commas."""
    a = [root(word) for word in statement.words]
    b = [root(word) for word in sentence.words]
    if Counter(_plain(a)) != Counter(_plain(b)):
        return ""
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    end = next((i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y), 0)
    one, two = _plain(a[start : len(a) - end]), _plain(b[start : len(b) - end])
    for first, last in product(range(1, _PHRASE + 1), repeat=2):
        between = one[first:-last]
        if not AUXILIARIES.isdisjoint(one[:first] + one[-last:]):
            continue  # clauses changed places
        if between and one[-last:] + between + one[:first] == two:
            listed_ = Counter(_items(a[start:])) == Counter(_items(b[start:]))
            return "" if listed_ else OTHER_ROLES
    return ""


def _plain(roots: Sequence[str]) -> list[str]:
    return [name for name in roots if name[0].isalnum() and name not in ("and", "or")]


def _items(roots: Sequence[str]) -> list[tuple[str, ...]]:
    """Items of a list, parted at commas and "and", and clauses, parted at "if" and the like."""
    items: list[list[str]] = [[]]
    for name in roots:
        if name in (",", ";", ".", "and", "or"):
            items.append([])
        elif name in _SUBORDINATES:
            items.append([name])
        else:
            items[-1].append(name)
    return [tuple(item) for item in items if item]
