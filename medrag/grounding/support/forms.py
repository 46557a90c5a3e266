"""Forms of words: what "oedema" and "edema", "infused" and "infusion" have in common."""

from __future__ import annotations

import re
from functools import cache

from ...text.everyday import is_everyday
from ...text.words import stem
from .tables import listed

_BRITISH = (
    (re.compile(r"(?<=[a-z])isation"), "ization"),
    (re.compile(r"(?<=[a-z]{3})is(?=(?:e|es|ed|er|ers|ing)\b)"), "iz"),
    (re.compile(r"(?<=[a-z])ys(?=(?:e|es|ed|ing)\b)"), "yz"),
    (re.compile(r"(?<=[a-z]{4})ae$"), "a"),  # "bullae"
    (re.compile(r"ae"), "e"),
    (re.compile(r"oe(?!s\b|ing\b|d\b|\b)"), "e"),
    (re.compile(r"sulph"), "sulf"),
    (re.compile(r"(?<=[a-z]{2})our(?=s?\b|ed\b|ing\b)"), "or"),
    (re.compile(r"(?<=[a-z])tre(?=s?\b)"), "ter"),
    (re.compile(r"programme"), "program"),
    (re.compile(r"(?<=[a-z]{3})ll(?=ed\b|ing\b)"), "l"),
    (re.compile(r"enrol\b"), "enroll"),
    (re.compile(r"licence"), "license"),
    (re.compile(r"practis"), "practic"),
    (re.compile(r"leuc"), "leuk"),
    # Adjectives that stand for their nouns: "tachypneic", "cirrhotic".
    (re.compile(r"pneic$"), "pnea"),
    (re.compile(r"plegic$"), "plegia"),
    (re.compile(r"(cirrh|thromb|scler|necr|psych|fibr|cyan|acid|sten)otic$"), r"\1osis"),
    (re.compile(r"(glyc|calc|isch|leuk|kal|natr|vol|ox|lipid|bacter|ur)emic$"), r"\1emia"),
)
_DENIED = re.compile(
    r"(?:un|non)-?([a-z]{4,})$"
    r"|(?:in|im|ir)([a-z]{3,}(?:able|ible|ent|ant|ate|ive|ous|al|ect|plete))$"
)
_NOT_DENIED = frozenset({"unless", "immediate", "inpatient", "inpatients", "instant", "interact"})
_PREFIXES = ("un", "re", "non", "over", "under", "mis", "pre", "out")


def american(word: str) -> str:
    """American spelling of a lower-case word: "oedema" → "edema"."""
    if word in listed("not British"):
        return word
    for british, spelling in _BRITISH:
        word = british.sub(spelling, word)
    return word


@cache
def root(word: str) -> str:
    """What "infused" and "infusion" have in common; the word itself if it is short."""
    if not word.isalpha():
        return word
    word = stem(american(_irregular().get(word, word)))
    if word.endswith(("ri", "ti", "di", "li", "ni", "pi")) and len(word) > 4:
        word = word[:-1] + "y"  # "carried"
    if len(word) >= 6 and word not in _whole():
        for ending in _endings():
            least = 5 if ending in listed("short endings") else 4
            if word.endswith(ending) and len(word) - len(ending) >= least:
                word = word[: -len(ending)]
                break
    # "stopped" and "stop" are one.
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


@cache
def _irregular() -> dict[str, str]:
    """By irregular form, the word: "gave" → "give"."""
    return dict(pair.split("=") for pair in listed("irregular"))


@cache
def _whole() -> frozenset[str]:
    """The stems of words that keep their endings: "shoulder" is no form of "should"."""
    return frozenset(stem(word) for word in listed("whole words"))


@cache
def _endings() -> list[str]:
    """The endings that `root` cuts off, the longest first."""
    return sorted(listed("suffixes"), key=lambda ending: (-len(ending), ending))


def roots(phrase: str) -> tuple[str, ...]:
    """The roots of the words of a phrase, hyphens parted."""
    words = re.findall(r"[^\W_]+(?:['’.][^\W_]+)*\.?", phrase.lower().replace("-", " "))
    return tuple(root(word) for word in words)


@cache
def is_technical(word: str) -> bool:
    """Tell whether a word is none of everyday language, and so names something.

    Everyday words are those that MiniLM's vocabulary has whole, by themselves or without an ending.
    """
    forms = {root(word)}
    for one in (word, american(word)):
        forms |= {one, stem(one), *(one + ending for ending in ("s", "e", "y", "d", "ed"))}
        for ending in listed("everyday endings"):
            if one.endswith(ending):
                base = one[: -len(ending)]
                forms |= {base, base + "e", base + "y"}
                if base[-1:] == base[-2:-1]:
                    forms.add(base[:-1])
                if base.endswith("i"):
                    forms.add(base[:-1] + "y")
        forms |= {one.removeprefix(prefix) for prefix in _PREFIXES}
    return not any(len(form) > 2 and is_everyday(form) for form in forms)


@cache
def base_of_denied(word: str) -> str:
    """What a prefix turns round: "reliable" of "unreliable"; "" for other words."""
    found = _DENIED.match(word)
    base = (found[1] or found[2]) if found else ""
    plain = not is_technical(base) or root(base) in {root(verb) for verb in listed("verbs")}
    known = is_everyday(base) or (word.startswith(("un", "non")) and plain)
    return base if base and known and word not in _NOT_DENIED else ""
