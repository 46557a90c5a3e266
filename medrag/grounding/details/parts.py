"""Questions with two parts: causes and treatment of a disease, one drug or another.

An answer has to give both.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ..aspects import asked_aspects
from ..question import Question
from .kinds import Span
from .mentions import Mentions

# Sides of a subject that `aspects.py` does not know, or of which texts speak in more ways when
# they are one of two.
_MORE_SIDES = tuple(
    (re.compile(rf"\b(?:{asked})\b", re.I), re.compile(said, re.I))
    for asked, said in (
        (  # a drug that is given treats
            r"treat(?:ed|ments?)|therap(?:y|ies)|manag(?:ed?|ement)|cured?|corrected|reversed"
            r"|controlled",
            r"\b(?:treat|therap|manag|medic|drug|surg|cure|relie|transplant|antibiotic|inject"
            r"|prescri|dos(?:e|ing)|steroid|rehabilitat|diet|exercise|avoid|give|take|used?\b|help"
            r"|shorten|control|eas(?:e|ing)|tablet|inhal|vaccin|improv|first-line)\w*"
            r"|\b(?:mg|antidote)\b|\w(?:cillin|mycin|cycline|azole|pril|olol|sartan|statin|oxacin|vir"
            r"|mab|nib|dipine|thiazide|parin|xaban|gliptin|gliflozin|triptan|setron|profen|sone|solone"
            r")s?\b",
        ),
        (
            r"causes?|caused|etiology|aetiology",
            r"\b(?:caus|due|result|because|follow|trigger|mutat|lead|responsib|produc|infect|lack"
            r"|deficien|expos|viral|bacteri|unknown|gene|after|from)\w*",
        ),
        (
            r"symptoms?|signs?|features|manifestations?|presentation",
            r"\b(?:symptom|sign|featur|characteri|manifest|present|experienc|develop|complain|appear"
            r"|includ|seen|typical|suffer|notic|feel|pain|fever|fatigue|tired|weak|numb|sore|swell"
            r"|swollen|rash|cough|nausea|vomit|itch|stiff|headache|dizz|thirst)\w*",
        ),
        (
            r"complications?|consequences?",
            r"\b(?:complicat|lead|result in|consequence|damage|fail|develop|follow|risk of|rupture"
            r"|death)\w*",
        ),
        (r"interactions?", r"\b(?:interact|combin|together|concurrent|rais|co-?admin)\w*"),
        (
            r"transmitted|spread|caught",
            r"\b(?:transmi|spread|contact|pass(?:ed|es)|c[ao]t?ch|caught|through|water|air|bites?|faec|fec"
            r"|sexual|blood|droplets?|mother to)\w*",
        ),
        (r"genes?", r"\bgen(?:e|es|etic)\b|\bmutat|(?-i:\b[A-Z]{2,}\d*\b)"),
        (
            r"mechanisms?(?: of action)?|how does it work",
            r"\bmechanism|\b(?:inhibit|block|bind|stimulat|activat|prevent|act|reduc|increas"
            r"|interfer|antagoni|agoni|suppress|stop)\w*",
        ),
        (r"contra-?indications?", r"\b(?:contra-?indicat|avoid|must not|should not|not be|unsafe)"),
        (r"dos(?:e|age)", r"\d"),
    )
)
# What stands before the first side, if it is what is asked for: "What are the causes and …". In
# "Which tests are useful in the diagnosis and …" it is not.
_ASKS = re.compile(
    r"\W*(?:(?:(?:what|which) (?:is|are|was|were)|how (?:is|are|do|does|can|should|to)|list|name"
    r"|describe|discuss|explain|summari[sz]e|tell me)\b"
    r"(?:(?!\b(?:used|useful|for|in|with)\b).){0,60}|(?:what|which|the)?\s*)\Z",
    re.I,
)
_JOINED = re.compile(r"\b(?:and|or)\b|,", re.I)
_BETWEEN = 8  # words between two sides that are asked for together

_COMPARED = r"\b(?:more|less|better|worse|safer|faster|stronger|cheaper|superior|higher|lower)\b"
_ONE = r"(?P<one>(?:(?:the|a|an)\s+)?[\w'’-]+(?:\s+[\w'’-]+){0,4}?)"
_OTHER = (
    r"(?P<other>(?:(?:the|a|an)\s+)?[\w'’-]+(?:\s+[\w'’-]+){0,4}?)"
    r"(?=\s+(?:in|for|with|of|on|after|when|as|to|by|at|during|among|and|or)\b"
    r"|\s*[?.,;:()]|\s*\Z)"
)
_TWO = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\bdifferences?\b.{{0,40}}?\bbetween {_ONE} and {_OTHER}",
        rf"\b(?:distinguish(?:es)?|differentiate|discriminate|tell) {_ONE} (?:from|and) {_OTHER}",
        rf"\bcompare {_ONE} (?:with|to|and) {_OTHER}",
        rf"\b(?:advantages?|benefits?|superiority) of {_ONE} over {_OTHER}",
        rf"\A\W*(?:can|may|should|could|do) {_ONE} and (?P<other>[\w'’-]+(?: [\w'’-]+){{0,2}}?)"
        r" (?:be (?:\w+ )?(?:used|taken|given|combined|mixed|co-?\w+)|interact|together)\b",
        rf"\bhow (?:does|do) {_ONE} and (?P<other>[\w'’-]+(?: [\w'’-]+){{0,2}}?) differ\b",
        rf"\bhow (?:does|do) {_ONE} (?:compare|differ) (?:with|to|from) {_OTHER}",
        rf"\b(?:which|what)\b[^,:?]*[,:] {_ONE},? or {_OTHER}",
        rf"\A\W*(?:is|are|does|do|should|can) {_ONE} or (?P<other>[\w'’-]+)(?=.*{_COMPARED})",
        rf"\A\W*{_ONE} or {_OTHER}(?=[:,] (?:which|what)\b)",
        rf"\A\W*{_ONE} (?:vs\.?|versus) {_OTHER}",
        rf"(?P<one>[\w'’-]+(?: [\w'’-]+)?) (?:vs\.?|versus) {_OTHER}",
        rf"s (?:of|for) {_ONE} and (?:of|for) {_OTHER}",
    )
)
# "Other strokes", "usual care": an answer need not name them.
_UNNAMED = re.compile(
    r"(?:(?:the|a) )?(?:other|placebo|usual|standard|conventional|controls?|no|healthy|normal)\b",
    re.I,
)
_BOTH = re.compile(
    r"\b(?:both|neither|either|each|equal\w*|same|similar\w*|alike|no (?:\w+ )?difference"
    r"|the two)\b",
    re.I,
)
_COMPARES = re.compile(
    r"\b(?:(?:more|less) \w+|better|worse|safer|faster|stronger|higher|lower|longer)\b", re.I
)
_PREFERS = re.compile(r"\b(?:prefer\w*|superior|inferior|recommend\w*|of choice)\b", re.I)
_NUMBERED = re.compile(r"\b(type|stage|grade|class|phase)\s+(\w{1,3})\b", re.I)


def missing_parts(asked: Question, text: str, context: str) -> list[Span]:
    """Where a question asks for a part that neither a text nor its context gives."""
    found = _missing_subjects(asked.text, text, context)
    return found if asked.yes_no else [*found, *_missing_sides(asked.text, f"{context}\n{text}")]


def _missing_sides(question: str, said: str) -> list[Span]:
    """The sides of a subject that are asked for together with others and not spoken of."""
    sides = [(one.asked, one.said) for one in asked_aspects(question)] + list(_MORE_SIDES)
    spans = {match.span(): says for asks, says in sides for match in asks.finditer(question)}
    if not spans or not _ASKS.match(question[: min(spans)[0]]):
        return []
    together: set[Span] = set()
    for one, other in pairwise(sorted(spans)):
        between = question[one[1] : other[0]]
        joined = _JOINED.search(between) and len(between.split()) <= _BETWEEN
        if joined and spans[one] is not spans[other]:
            together |= {one, other}
    return [span for span in together if not spans[span].search(said)]


def _missing_subjects(question: str, text: str, context: str) -> list[Span]:
    """Of two subjects that are compared, those that are not spoken of."""
    match = next(filter(None, (pattern.search(question) for pattern in _TWO)), None)
    if not match or _UNNAMED.match(match["other"]) or _BOTH.search(text):
        return []
    if _prefers(question, text):
        return []
    said = Mentions(f"{context}\n{text}")
    one, other = match["one"], match["other"]
    pairs = (("one", one, other), ("other", other, one))
    return [match.span(name) for name, own, rest in pairs if not _names_own(said, own, rest)]


def _names_own(said: Mentions, subject: str, rest: str) -> bool:
    """Whether a text names a subject by what tells it from another one."""
    whole, other = Mentions(subject), Mentions(rest)
    own = Mentions(" ".join(word for word in whole.words if word not in other.words))
    if own.content:
        return said.speak_of(own, classes=False) or said.abbreviates(whole, 2)
    number = _NUMBERED.search(subject)  # "type 1" and "type 2 diabetes"
    return number is None or bool(re.search(rf"\b{number[1]}[\s-]*{number[2]}\b", said.text, re.I))


def _prefers(question: str, text: str) -> bool:
    """Whether a text chooses one of two, as it is asked to: "A is safer" says that B is less so."""
    asked = {one.lower() for one in _COMPARES.findall(question)}
    chosen = asked & {one.lower() for one in _COMPARES.findall(text)}
    return bool(chosen) or (bool(asked) and _PREFERS.search(text) is not None)
