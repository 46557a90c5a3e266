"""For whom, and with which disease, drug or event beside it, a question is asked.

What is true of adults, or of the healthy, is no answer for children, or in renal failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..question import GROUPS, Question, fits, groups
from .kinds import Span
from .mentions import Mentions
from .wording import DEPENDS, MECHANISM

# Groups that `question.py` does not know by these words.
_MORE_GROUPS = {
    "elderly": re.compile(r"\bold (?:people|persons?|patients?|age)\b|\bseniors?\b", re.I),
    "child": re.compile(
        r"\bkids?\b|\b(?:one|two|three|four|five|six|seven|eight|nine|ten)[\s-]"
        r"(?:year|month)s?[\s-]old\b",
        re.I,
    ),
}
# What stands for a group without naming it.
_IMPLIES = {
    name: re.compile(rf"\b(?:{said})", re.I)
    for name, said in {
        "child": r"(?:[1-9]|1[0-7]) (?:months|years)|school|young|juvenile|parents?\b|kids?\b"
        r"|congenital|years? of age|infan|neonat",
        "infant": r"birth|born\b|months? (?:of age|old)|under (?:one|1|two|2)\b"
        r"|(?:age of |first |one )+(?:one|year)",
        "neonate": r"birth|born\b|delivery|preterm|perinatal|congenital",
        "adolescent": r"young|puberty|school",
        "elderly": r"old age|older|later life|ag(?:e|ing)\b|over [67]\d|[67]\d years",
        "pregnant": r"weeks? (?:\d|of)|f(?:o)?et(?:us|al)|unborn|maternal|mothers?\b|obstetric"
        r"|eclampsia|placenta|labou?r\b|teratogen|birth|concei|concept|miscarriage",
        "breastfeeding": r"milk|nursing|suckl",
    }.items()
}
_LEAD = r"(?:\b(?:in|for|during|among)\s+(?:[\w-]+\s+)?)?"
_NAMED = {
    name: re.compile(_LEAD + pattern.pattern, re.I)
    for names in GROUPS.values()
    for name, pattern in names.items()
}
_GROUP = re.compile(
    "|".join(pattern.pattern for names in GROUPS.values() for pattern in names.values()), re.I
)
_AGE = re.compile(r"\b\d+[\s-]*(?:day|week|month|year|yr)s?[\s-]*old\b|\baged? \d+", re.I)
_LIMIT = r"(?:over|above|under|below|older than|younger than)"
_AGED = re.compile(
    r"\b(?:patients|people|persons|adults|women|men|those|anyone|someone|children)\s+"
    rf"(?:who (?:are|is) )?{_LIMIT}(?: the age of)? \d+(?: years)?",
    re.I,
)
_ANY_AGE = re.compile(
    rf"\b(?:{_LIMIT}|aged?) \d{{1,2}}\b(?![/%]|[.,]\d| ?(?:m?mol|mm|mg|kg|g|ml)\b)"
    r"|\b(?:years? of age|younger|older|elderly)\b",
    re.I,
)
_ONLY = re.compile(r"\b(?:only|kept|reserved|restricted|limited|licensed)\b", re.I)
# Groups that a question joins, where what is said of one holds for no other.
_APART = (
    {"adult", "child"}, {"adult", "infant"}, {"adult", "neonate"}, {"child", "neonate"},
    {"child", "elderly"}, {"men", "women"}, {"pregnant", "breastfeeding"},
)  # fmt: skip
_TOGETHER = re.compile(
    r"(?:\s|,|\b(?:and|or|in|for|during|while|with|the|both|of|as well as|is)\b)*\Z", re.I
)
_COMPARES = re.compile(r"\b(?:equal\w*|same|differ\w*|more|less|than|compare\w*|likely)\b", re.I)
_LIGHT = re.compile(r"(?:\b(?:under|below|less than|up to)|<|≤) ?\d+ ?kg\b", re.I)
_WEIGHT = re.compile(r"\d ?kg\b", re.I)
# Where a group is the subject, or part of a name, it is no condition: "childhood pneumonia".
_NO_CONDITION = re.compile(
    r"\A\W*(?:when (?:does|do|was|were|did)|who|where)\b|\bchildhood\b|\bto[ -]child\b", re.I
)

_STOP = (
    r"(?:in|for|with|without|of|on|after|before|when|as|to|by|at|during|among|following|from|and|or"
    r"|who|that|which|if|persist|last|occur|begin|lead|result|is|are|was|were|do|does|did|can"
    r"|should|be|given|used|has|have|than|per)\b"
)
_PHRASE = re.compile(
    r"\b(?P<word>in|during|after|before|following|with|without|for|on|despite|among|under|near)\s+"
    rf"(?P<what>(?!(?<=for )\w+ing\b)(?:(?!{_STOP})[\w'’-]+\s+){{0,5}}?(?!{_STOP})[\w'’-]+)"
    rf"(?=\s+{_STOP}|\s*(?:[?,;:()]|\.(?!\d))|\s*\Z)",
    re.I,
)
_CLAUSE = re.compile(
    r"\b(?:if|when|while|after)\s+(?:I|you|we|he|she|it|they|someone|people|patients"
    r"|(?:the|a|my) (?:patient|child|baby))\s+(?P<what>[\w'’-]+(?:\s+[\w'’-]+){0,5}?)"
    rf"(?=\s+(?!(?:on|be|do|have|has|is)\b){_STOP}|\s*[?.,;:()]|\s*\Z)",
    re.I,
)
# Circumstances with words of their own; of the others, the tables of synonyms know.
_CIRCUMSTANCES = tuple(
    (re.compile(rf"\b(?:{asked})\b", re.I), re.compile(said, re.I))
    for asked, said in (
        (
            r"renal|kidney|ckd|nephropathy|dialysis|haemodialysis|hemodialysis",
            r"\brenal|kidney|nephro|e?GFR\b|creatinine|crcl|dialy|\bCKD",
        ),
        (r"hepatic|liver|cirrhosis", r"hepat|\bliver|cirrho|child-pugh"),
        (
            r"surgery|operations?|surgical|anaesthesia|anesthesia|procedures?",
            r"surg|operat|procedure|\w+ectomy|resect|an(?:a)?esth|incision|theatre",
        ),
        (r"(?:heart|cardiovascular) disease", r"heart|cardi|coronary"),
        (r"meals?|food|breakfast|eating|empty stomach", r"\bmeal|food|eat|fast|breakfast|stomach"),
        (r"contracepti\w+|birth control", r"contracept|\bpill|birth control"),
        (r"miss\w*|forget|forgot\w*|skip\w*", r"\bmiss|forg[eo]t|skip|omit"),
        (r"vomit\w*|(?:am|is|are|feel) sick|throw up", r"vomit|\bsick|thr[eo]w"),
        (r"allerg\w+|intoleran\w+", r"allerg|hypersens|intoleran|anaphyla|react"),
        (r"term", r"\bterm\b|pregnan|weeks"),
        (r"alcohol\w*|drinkers?", r"alcohol|drink|ethanol"),
        (r"transplant\w*", r"transplant|graft"),
        (r"obes\w+|overweight", r"obes|overweight|BMI|body mass|weight"),
    )
)
# Questions of yes or no whose answer depends on the circumstances, beside those about use.
_NORMS = re.compile(r"\bdos(?:es?|age)\b|\A\W*(?:should|may|must)\b|\bok(?:ay)?\b", re.I)
_MAY_I = re.compile(
    r"\W*(?:can|may|should|could|is it (?:safe|ok|okay|all right) (?:for \w+ )?to)\b.{0,20}?"
    r"\b(?:I|you|one|my|drink|take|eat|combine)\b",
    re.I,
)


def missing_circumstances(asked: Question, text: str, context: str) -> list[Span]:
    """Where a question names patients or a condition of which no word of an answer speaks."""
    said = f"{context}\n{text}"
    mentions = Mentions(said)
    found = [*_groups(asked, said), *_ages(asked.text, said), *_clauses(asked.text, mentions)]
    if _depends(asked):
        found += [*_conditions(asked, mentions), *_subjects(asked, mentions)]
    return found


def other_groups(asked: Question, text: str, context: str) -> list[Span]:
    """Where a question names patients, if a text names others: "Adults: 2 g" is not for children.

    A bare reply need name nobody, but then it must not name somebody else.
    """
    said = f"{context}\n{text}"
    about = groups(said)
    return [*_groups(asked, said)] if about.keys() & asked.groups.keys() else []


def _depends(asked: Question) -> bool:
    """Whether the answer to a question depends on the circumstances."""
    if asked.yes_no:
        return asked.about_use or _NORMS.search(asked.text) is not None
    return DEPENDS.search(asked.text) is not None and not MECHANISM.search(asked.text)


def _groups(asked: Question, said: str) -> Iterator[Span]:
    """Groups of patients that are asked about and not spoken of."""
    about = groups(said)
    more = {name for name, pattern in _MORE_GROUPS.items() if pattern.search(asked.text)}
    wants_group = not asked.yes_no or _depends(asked)
    for axis, wanted in (asked.groups | ({"age": frozenset(more)} if more else {})).items():
        named = about.get(axis, frozenset())
        if named and (each := _each(asked.text, axis, wanted)):
            yield from (span for name, span in each if not _speaks_of_group(name, axis, said))
            continue
        if (named and fits({axis: wanted}, about)) or any(
            _is_implied(name, axis, said) for name in wanted
        ):
            continue
        if axis == "age" and _WEIGHT.search(asked.text) and _WEIGHT.search(said):
            continue  # a child of 12 kg
        if named and asked.yes_no and _ONLY.search(said):
            continue  # "kept for adults" answers for children
        anyone = axis == "sex" or wanted <= {"adult", "not pregnant"}
        everyone = wanted >= {"adult", "child"} and not asked.about_dose
        if not named and (
            anyone or everyone or not wants_group or _NO_CONDITION.search(asked.text)
        ):
            continue
        places = (*(_NAMED[name] for name in sorted(wanted)), _AGE, *_MORE_GROUPS.values())
        found = next(filter(None, (place.search(asked.text) for place in places)), None)
        if found:
            yield found.span()


def _each(question: str, axis: str, wanted: frozenset[str]) -> list[tuple[str, Span]]:
    """Two groups that a question joins and that have nothing in common, with where they stand."""
    places = [
        (name, one)
        for name in wanted
        if name in GROUPS[axis] and (one := _NAMED[name].search(question))
    ]
    places.sort(key=lambda place: place[1].start())
    apart = len(places) == 2 and {name for name, _ in places} in _APART
    if not apart or _COMPARES.search(question):
        return []
    (_, first), (_, second) = places
    joined = _TOGETHER.match(question[first.end() : second.start()])
    return [(name, one.span()) for name, one in places] if joined else []


def _speaks_of_group(name: str, axis: str, said: str) -> bool:
    """Whether a text names one group, or one that includes it, or implies it."""
    about = groups(said)
    if name == "child" and _LIGHT.search(said):
        return True
    return bool(fits({axis: frozenset({name})}, about)) or _is_implied(name, axis, said)


def _is_implied(name: str, axis: str, said: str) -> bool:
    """Whether a text speaks of a group without naming it: "nursing mothers" are not pregnant."""
    if name not in _IMPLIES:
        return False
    for other, pattern in GROUPS[axis].items():
        if {name, other} in _APART:
            said = re.sub(rf"{pattern.pattern}(?:\s+(?:mothers?|women))?", " ", said, flags=re.I)
    return _IMPLIES[name].search(said) is not None


def _ages(question: str, said: str) -> Iterator[Span]:
    """Limits of age that are asked about, if a text speaks of no age."""
    one = _AGED.search(question)
    if one and "age" not in groups(said) and not _ANY_AGE.search(said):
        yield one.span()


def _conditions(asked: Question, said: Mentions) -> Iterator[Span]:
    """Diseases, drugs and events that are named as a condition and not spoken of."""
    question = asked.text
    for one in _PHRASE.finditer(question, _last_sentence(question)):
        named = Mentions(_GROUP.sub(" ", one["what"]))
        known = _known(one["what"])
        if not known and not named.is_medical:
            continue
        speaks = _says_any(known, said) if known else said.speak_of(named)
        if not speaks or _is_other(named, said) or _is_denied(one, named, said.text):
            yield one.span()


def _clauses(question: str, said: Mentions) -> Iterator[Span]:
    """Events that a clause names, as in "if I miss a dose", and that are not spoken of."""
    for one in _CLAUSE.finditer(question, _last_sentence(question)):
        named = Mentions(_GROUP.sub(" ", one["what"]))
        speaks = said.speak_of(named) or _says_any(_known(one["what"]), said)
        if named.content and not speaks:
            yield one.span()


def _subjects(asked: Question, said: Mentions) -> Iterator[Span]:
    """What someone wants to take, eat or drink, if it is not spoken of."""
    if not (asked.yes_no and _MAY_I.match(asked.text)):
        return
    for word in asked.subjects:
        named = Mentions(_GROUP.sub(" ", word))
        known = _known(word)
        if not (named.is_medical or known) or said.speak_of(named) or _says_any(known, said):
            continue
        found = re.search(rf"(?<!\bor )\b{re.escape(word)}(?!\w* or\b)", asked.text, re.I)
        if found:  # of two that are a choice, one will do
            yield found.span()


def _last_sentence(question: str) -> int:
    """Where it begins: what is told before "What should be done?" is known to whoever asks."""
    return max(question.rfind(stop, 0, len(question) - 2) for stop in (". ", "? ")) + 1


def _known(text: str) -> list[re.Pattern[str]]:
    """How texts speak of the circumstances that a text names, if their words are known."""
    return [says for asks, says in _CIRCUMSTANCES if asks.search(text)]


def _says_any(known: list[re.Pattern[str]], said: Mentions) -> bool:
    return any(says.search(said.text) for says in known)


def _is_other(named: Mentions, said: Mentions) -> bool:
    """Whether a text names another one of a kind: the knee, where the hip is asked about."""
    return any(
        slot in said.slots and said.slots[slot].isdisjoint(classes)
        for slot, classes in named.slots.items()
        if slot in ("joint", "limb", "body", "vessel")
    )


def _is_denied(phrase: re.Match[str], named: Mentions, said: str) -> bool:
    """Whether a text speaks of what is asked about only as absent: "without adrenaline"."""
    if phrase["word"].lower() != "with" or not named.content:
        return False
    word = re.escape(named.content[-1])
    every = len(re.findall(rf"\b{word}", said, re.I))
    denied = len(re.findall(rf"\b(?:without|no|non)[\s-]+(?:\w+\s)?{word}", said, re.I))
    return 0 < every == denied
