"""Whether what an answer says means yes or no to the question.

Rules on words, in the manner of NegEx (Chapman et al. 2001): in the clause that speaks of what is
asked, a denial or an opposite makes it a no. Sentences that share hardly a word with the question
carry no stance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..text.quantities import quantities
from ..text.words import stem, terms
from .question import Question, allows, forbids, read_question
from .roles import Role, role_of

# Least share of the subjects of the question in a sentence. Chosen on half of PubMedQA and BioASQ.
_SHARED = 0.15  # that carries a stance
_AS_NEAR = 0.6  # of the share of the nearest sentence: "B is not safe" says nothing about A
_SHARED_NO = 0.2  # that says no and is no conclusion: others deny something else

_MAY = r"(?:did|do|does|was|were|is|are|has|have|had|should|could|would|can|may|must|need)"
_THINGS = (
    r"(?:evidence|effects?|associations?|differences?|correlations?|benefits?|relationships?|impact"
    r"|influence|changes?|improvements?|advantages?|role|need|links?|cure|treatment|vaccine|place)"
)
_DENIES = re.compile(
    rf"\b{_MAY}(?:n['’]t| not)\b|\b(?:cannot|neither|never)\b|\bno (?:\w+[ -]){{0,3}}?{_THINGS}\b"
    r"|\bnot (?:associated|related|significant|be|necessary|appear|seem|differ|correlat|influence"
    r"|affect|improve|increase|reduce|recommended|justified|effective|useful|safe|given)"
    r"|\bwithout (?:an? |any )?(?:increas|reduc|improv|effect|chang|benefit|differ)\w*"
    r"|\b(?:fail(?:s|ed)? to|unlikely|unnecessary|unreliable|ineffective|unrelated|inadequate"
    r"|independent(?:ly)? of|insufficient|inaccurate|lack of|contra-?indicat\w+|unsafe|avoid(?:ed)?"
    r"|no longer|(?:cast|casts) doubt|regardless of)\b",
    re.I,
)
_NO_DENIAL = re.compile(
    r"\bnot only\b|\bwhether or not\b|\bnot (?:previously|yet|inferior|to mention)\b|\bif not\b",
    re.I,
)
_UNCLEAR = re.compile(
    r"\b(?:inconclusive|conflicting|contradictory|controversial|equivocal|uncertain|unclear"
    r"|remains? (?:unknown|to be (?:determined|established|seen))|not (?:clear|known|established)"
    r"|(?:insufficient|limited|inadequate|not enough) (?:evidence|data)"
    r"|cannot be (?:concluded|determined)|no (?:firm|definite|definitive) conclusions?)\b",
    re.I,
)
# A question with the one and a sentence with the other disagree.
_OPPOSITES = tuple(
    (re.compile(rf"\b(?:{one})", re.I), re.compile(rf"\b(?:{other})", re.I))
    for one, other in (
        (
            r"increas|higher|rais|elevat|enhanc|promot|upregulat|activat",
            r"decreas|lower|reduc|declin|inhibit|suppress|downregulat|block",
        ),
        (r"improv|better|benefi", r"worse|deteriorat|impair|harm"),
        (r"positive(?:ly)?\b", r"negative(?:ly)?\b"),
        (r"safe(?:ly)?\b", r"unsafe|harmful|dangerous|toxic|teratogenic|contra-?indicat|avoid"),
        (r"differ|distinct|alter|change|influence|affect", r"similar|comparable|the same\b|equal"),
        (r"common\b|frequent", r"rare|uncommon|infrequent"),
        (r"stop|discontinu|paus|withh[eo]ld", r"continu"),
        (r"dominant", r"recessive"),
        (r"benign", r"malignant"),
        (r"agonist", r"antagonist"),
    )
)
# "Is A as good as B?": no difference means yes.
_ASKS_SAMENESS = re.compile(
    r"\b(?:similar|comparable|equivalent|equal|same|agree\w*|non-?inferior|as \w+ as)\b", re.I
)
_SAMENESS = re.compile(
    r"\b(?:similar|comparable|equivalent|equal\w*|the same|no (?:\w+ )?differences?|not differ)\b",
    re.I,
)
_ASKS_DENIAL = re.compile(
    r"\b(?:not|never|ineffective|unnecessary|unsafe|contra-?indicat\w*|avoid\w*"
    r"|unable|fails?|failed|lack\w*|absence|independent|unrelated|obsolete)\b|n['’]t\b",
    re.I,
)
_ASKS_HARM = re.compile(r"\b(?:harmful|harm|dangerous|toxic|teratogenic)\b", re.I)
_HARMS = re.compile(
    r"\b(?:harm\w*|damag\w*|danger\w*|toxic\w*|teratogen\w*|unsafe|injur\w*|birth defects?"
    r"|contra-?indicat\w*)\b",
    re.I,
)
_EXCEPT = re.compile(
    r"\b(?:unless|except(?:ions?)?|apart from|other than)\b(?P<rest>.*)", re.I | re.S
)
_CLAUSES = re.compile(
    r"[;,] (?:but|although|though|while|whereas|however|and)\b|; |\bbut\b|\balthough\b|\bwhereas\b"
)


_PLAIN = re.compile(r"\W*(yes|no)[.,:;!]", re.I)


def stance(question: str, sentences: Sequence[str]) -> str:
    """The answer that the sentences of an answer give to a yes/no question.

    Returns:
        "yes", "no" or "unclear"; "" for another kind of question, or if no sentence carries one.
    """
    asked = read_question(question)
    if not asked.yes_no:
        return ""
    subjects = {stem(word) for word in asked.subjects}
    said = [
        (_share(subjects, one), _turned(_says(asked, subjects, one), subjects, one))
        for one in sentences
    ]
    said = [(share, answer) for share, answer in said if answer and share >= _SHARED]
    nearest = max((share for share, _ in said), default=0.0)
    found = [answer for share, answer in said if share >= _AS_NEAR * nearest]
    if found and _depends_on_amount(question, sentences):
        return "unclear"
    # Of two sentences that differ, the one that denies is about the very thing asked.
    return "no" if "no" in found else next(iter(found), "")


def _depends_on_amount(question: str, sentences: Sequence[str]) -> bool:
    """Whether a sentence draws a line ("if eGFR is below 45") and the question names an amount."""
    return bool(quantities(question)) and any(
        one.sign or one.low < one.high for said in sentences for one in quantities(said)
    )


def _turned(answer: str, subjects: set[str], sentence: str) -> str:
    """The answer, or its opposite if what is asked is the exception that a sentence names."""
    found = _EXCEPT.search(sentence)
    if not found or answer not in ("yes", "no"):
        return answer
    before, rest = (
        {*terms(part)} & subjects for part in (sentence[: found.start()], found["rest"])
    )
    return {"yes": "no", "no": "yes"}[answer] if rest - before else answer


def _says(asked: Question, subjects: set[str], sentence: str) -> str:
    """What one sentence says to the question; "" if it only introduces."""
    if plain := _PLAIN.match(sentence):
        return "yes" if plain[1].lower() == "yes" else "no"
    sentence = re.sub(r"[*_~]+", "", sentence)
    role = role_of(sentence)
    if role in (Role.background, Role.method, Role.aim):
        return ""
    if _UNCLEAR.search(sentence):
        return "unclear"
    clauses = _CLAUSES.split(_NO_DENIAL.sub(" ", sentence))
    clause = max(clauses, key=lambda part: _share(subjects, part))
    if _ASKS_SAMENESS.search(asked.text) and _SAMENESS.search(clause):
        return "yes"
    if _ASKS_HARM.search(asked.text):
        return "no" if _DENIES.search(clause) else "yes" if _HARMS.search(clause) else ""
    if asked.about_use and (forbids(clause) or _HARMS.search(clause)) and not allows(clause):
        return "yes" if forbids(asked.text) else "no"
    denied = _DENIES.search(clause) is not None or any(
        _disagree(asked.text, clause, *pair) or _disagree(asked.text, clause, *pair[::-1])
        for pair in _OPPOSITES
    )
    if _ASKS_DENIAL.search(asked.text):
        return "yes" if denied else "no"
    about = role is Role.conclusion or _share(subjects, sentence) >= _SHARED_NO
    return "no" if denied and about else "yes"


def _disagree(asked: str, said: str, one: re.Pattern[str], other: re.Pattern[str]) -> bool:
    only_one = one.search(asked) and not other.search(asked)
    return bool(only_one and other.search(said) and not one.search(said))


def _share(subjects: set[str], text: str) -> float:
    return len(subjects & {*terms(text)}) / max(1, len(subjects))
