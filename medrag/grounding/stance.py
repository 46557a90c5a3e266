"""Whether what an answer says means yes or no to the question.

Rules on words, after NegEx (Chapman et al. 2001): a denial or an opposite turns the answer. They
are applied only to sentences that share most subjects of the question; others carry no stance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..text.words import stem, terms
from .question import read_question

_SHARED = 0.34  # least share of the question's subjects in a sentence that carries a stance

# "No" to what is asked, in the sentence.
_DENIES = re.compile(
    r"\b(?:not|never|no longer|nor|neither|cannot|without)\b|n['’]t\b"
    r"|\bno (?:\w+[ -]){0,3}?(?:evidence|effects?|associations?|differences?|correlations?|benefits?"
    r"|relationships?|impact|influence|changes?|improvements?|increases?|advantages?|role|need|links?"
    r"|reductions?|support|significance|value|indication|reason|additional|clear|impact|longer)\b"
    r"|\b(?:fail(?:s|ed)?|failure to|lack(?:s|ed|ing)?|absence|unlikely|unable|refute\w*|disprove\w*"
    r"|independent(?:ly)? of|unrelated|unaffected|unnecessary|unjustified|ineffective|insufficient"
    r"|inadequate|inaccurate|inferior|contra-?indicat\w+|unsafe|disappointing|unreliable|overestimate\w*"
    r"|underestimate\w*|rather than|instead of|question(?:s|ed|able)?|avoid\w*|little|limited value"
    r"|poor(?:ly)?|low sensitivity|similar|comparable|equivalent|the same|no more than)\b",
    re.I,
)
# What looks like a denial and is none.
_NO_DENIAL = re.compile(
    r"\bnot only\b|\bwhether or not\b|\bwithout (?:complication|significant (?:morbidity|complication))\w*"
    r"|\bno (?:doubt|significant (?:complication|adverse)|serious|major|complications?)\b|\bnot inferior\b"
    r"|\bnon-?inferior\w*|\bnot previously\b|\bnot yet\b|\bif not\b|\bnot to mention\b",
    re.I,
)
_UNCLEAR = re.compile(
    r"\b(?:inconclusive|conflicting|contradictory|controversial|uncertain|remains? (?:unclear|unknown"
    r"|to be (?:determined|established|seen))|not (?:clear|known|established)|unclear|equivocal"
    r"|(?:insufficient|limited|inadequate) (?:evidence|data)|cannot be (?:concluded|determined)"
    r"|not enough (?:evidence|data)|no (?:firm|definite|definitive) conclusions?)\b",
    re.I,
)
# Pairs of opposites: a question with the one and a sentence with the other disagree.
_OPPOSITES = tuple(
    (re.compile(rf"\b(?:{one})", re.I), re.compile(rf"\b(?:{other})", re.I))
    for one, other in (
        (r"increas|higher|rais|elevat|enhanc|promot|upregulat|activat", r"decreas|lower|reduc|declin|inhibit|suppress|downregulat|block"),
        (r"improv|better|benefi", r"worse|deteriorat|impair|harm"),
        (r"positive(?:ly)?\b", r"negative(?:ly)?\b"),
        (r"safe\b|safely\b", r"unsafe|harmful|dangerous|toxic|contra-?indicat|avoid"),
        (r"differ|distinct|alter|change|influence|affect", r"similar|comparable|the same\b|equal|equivalent|unchanged|unaffected"),
        (r"common\b|frequent", r"rare|uncommon|infrequent"),
        (r"necessary|needed|required|mandatory", r"unnecessary|superfluous"),
        (r"dominant", r"recessive"),
        (r"benign", r"malignant"),
        (r"agonist", r"antagonist"),
        (r"more\b", r"less\b|fewer"),
    )
)  # fmt: skip
# Agreement with a question that asks for sameness is no denial.
_ASKS_SAMENESS = re.compile(r"\b(?:similar|comparable|equivalent|equal|same|agree\w*|non-?inferior|as \w+ as)\b", re.I)
_SAMENESS = re.compile(r"\b(?:similar|comparable|equivalent|the same|no (?:significant )?differences?|not differ)\w*\b", re.I)
_ASKS_DENIAL = re.compile(
    r"\b(?:not|never|ineffective|unnecessary|unsafe|contra-?indicat\w*|harmful|avoid\w*|without"
    r"|unable|fail\w*|lack\w*|absence|independent|unrelated|obsolete|overused|overestimated?)\b|n['’]t\b",
    re.I,
)


def stance(question: str, sentences: Sequence[str]) -> str:
    """The answer that the sentences give to a yes/no question.

    Args:
        sentences: the statements of the answer, the one that counts most first.

    Returns:
        "yes", "no" or "unclear"; "" for another kind of question, or if no sentence carries one.
    """
    asked = read_question(question)
    if not asked.yes_no:
        return ""
    subjects = {stem(word) for word in asked.subjects}
    shared = [len(subjects & {*terms(one)}) / max(1, len(subjects)) for one in sentences]
    carrying = [one for one, share in zip(sentences, shared, strict=True) if share >= _SHARED]
    found = [_says(question, one) for one in carrying]
    if "no" in found:
        return "no"
    return found[0] if found else ""


def _says(question: str, sentence: str) -> str:
    """What one sentence says to the question."""
    if _UNCLEAR.search(sentence):
        return "unclear"
    said = _NO_DENIAL.sub(" ", sentence)
    if _ASKS_SAMENESS.search(question) and _SAMENESS.search(said):
        return "yes"
    denies = _DENIES.search(said) is not None
    opposed = any(
        (one.search(question) and not other.search(question) and other.search(said) and not one.search(said))
        or (other.search(question) and not one.search(question) and one.search(said) and not other.search(said))
        for one, other in _OPPOSITES
    )
    no = denies or opposed
    if _ASKS_DENIAL.search(question):
        no = not no
    return "no" if no else "yes"
