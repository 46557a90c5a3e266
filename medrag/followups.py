"""Make a follow-up question stand alone: "and in children?" → "What is the dose … in children?".

The rules read the question before it. They change nothing where there is a doubt, because a wrong
subject is worse than a question that finds nothing. What is a follow-up for certain (`refers_back`)
and is left as it is should not be searched.
"""

from __future__ import annotations

import re

from .grounding.question import GROUPS, groups, is_question, read_question
from .subjects import Subject, subjects
from .text.words import STOPWORDS, words

_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|should|would|will|may|might|must|has|have)"
_ASKING = rf"(?:what|which|who|whose|when|where|why|how|{_AUXILIARY})"
_LED = re.compile(
    r"\W*(?:(?:and|but|or|so|also|then|ok(?:ay)?)\b[,\s]+)*(?:(?:what|how) about\b|what of\b)?\s*",
    re.I,
)
_PREPOSITION = r"(?:in|for|during|with|after|before|while|when|on|at|by|under)"
_PHRASE = re.compile(rf"{_PREPOSITION}\s+\S", re.I)
_MOST = 7  # words of a phrase that completes another question

# --- pronouns -------------------------------------------------------------------------------------

_WHOSE = re.compile(
    rf"\b(?:its|their)\s+((?:[\w-]+\s+){{0,2}}?[\w-]+)(?=\s*\?|$|\s+{_PREPOSITION}\b|\s+{_AUXILIARY}\b)",
    re.I,
)
_THE_DRUG = re.compile(
    r"\b(?:this|that|the|these|those) (?P<noun>drug|medicine|medication|tablet|antibiotic|vaccine"
    r"|disease|condition|illness|disorder|infection)s?\b(?!\s+(?:of|for|that|which|with|called)\b)",
    re.I,
)
_CONDITIONS = ("disease", "condition", "illness", "disorder", "infection")
_PRONOUN = re.compile(
    rf"\b(?:it|they|them)\b(?!['’])"
    rf"|(?<=\b)(?:this|that|these|those)(?=\s*\?|\s*$|\s+(?:be|safe|common|rare|work|cause|spread"
    rf"|{_PREPOSITION}|\w+(?:ed|en|ous|able|ible|ary))\b)",
    re.I,
)
# Before what the question is not about: "which statins …" the answer names, "antidote to heparin".
_NO_SUBJECT = re.compile(r"^\W*(?:which|what) $|\b(?:to|than|instead of) (?:the )?$", re.I)
_PLURAL = re.compile(r"(?:they|them|their|these|those)\b", re.I)
# "it" that stands for what follows: "is it safe to give aspirin", "how long does it take to …".
_EMPTY_IT = re.compile(
    r"\bit (?:be )?(?:\w+ly )?\w+ (?:to|that|if|when|for)\b|\bit (?:take|matter|mean|help)s?\b",
    re.I,
)
# Here it never stands for a subject, "safe to take" and the like apart.
_NEVER_SUBJECT = re.compile(
    r"\btime (?:is|was) it\b|\bit (?:be )?an? [\w ]+? (?:to|that|if)\b"
    r"|\bit (?:true|right|correct|possible|worth|ok|okay|enough|time)\b"
    r"|\bit \w+ to (?!(?:be|take|use|give|stop|start|eat|drink|have|treat|cure|catch|get"
    r"|diagnose|prevent|combine|crush|work|act)\b)",
    re.I,
)

# --- sides ----------------------------------------------------------------------------------------

_OF_DRUGS = (
    r"dos(?:e|es|age|ing)|(?:side|adverse) (?:effects?|events?)|interactions?|contra-?indications?"
    r"|mechanism(?: of action)?|half-life|route|onset|overdose|antidote|cautions?|monitoring"
)
_OF_CONDITIONS = (
    r"symptoms?|signs?|signs and symptoms|causes?|treatments?|therapy|management|diagnosis"
    r"|prognosis|outlook|prevention|complications?|risk factors?|prevalence|incidence|stages"
    r"|incubation period|cure"
)
_QUALITY = (
    r"(?:usual|normal|recommended|maximum|minimum|highest|starting|initial|daily|common|main|first"
    r"|first-line|best|serious|early|long-term|total|most) "
)
_SIDE = (
    rf"(?P<quality>(?:{_QUALITY}){{0,3}})(?:(?P<drug>{_OF_DRUGS})|(?P<condition>{_OF_CONDITIONS}))"
)
_SIDE_ALONE = re.compile(
    rf"(?:the\s+|its\s+|their\s+)?{_SIDE}(?P<rest>\s+{_PREPOSITION}\b.*)?", re.I
)
_SIDE_ASKED = re.compile(rf"\bthe {_SIDE}\b(?!\s+(?:of|to|against)\b)", re.I)
_QUALITIES = re.compile(rf"(?:{_QUALITY[:-1]})", re.I)
_SIDE_OF = re.compile(rf"\bthe (?:{_QUALITY})*(?P<side>{_OF_DRUGS}|{_OF_CONDITIONS})\b", re.I)
_PLURAL_SIDE = re.compile(r"(?:[\w-]*[^s])s$|signs and symptoms$", re.I)

# Groups of people, with what belongs to their names.
_PEOPLE = [
    re.compile(
        rf"\b(?P<preposition>(?:in|for|during|by|to)\s+)?(?:(?:an?|the)\s+)?{pattern.pattern}"
        r"(?:\s+(?:women|patients|people|mothers))?",
        re.I,
    )
    for patterns in GROUPS.values()
    for pattern in patterns.values()
]

# What is said of drugs only, and of conditions only.
_SAID_OF_DRUGS = re.compile(
    rf"\b(?:safe|safely|given|taken?|taking|used?|prescribed|stop(?:ped)?|continued|started|crushed"
    rf"|combined|interact|work|placenta|addictive|tolerated|licensed|{_OF_DRUGS})\b",
    re.I,
)
_SAID_OF_CONDITIONS = re.compile(
    rf"\b(?:contagious|infectious|inherited|hereditary|curable|cured|treated|diagnosed|spread|catch"
    rf"|caught|genetic|caused|prevented|fatal|{_OF_CONDITIONS})\b",
    re.I,
)

# --- question words alone -------------------------------------------------------------------------

_WORD = re.compile(r"(?:for )?(how (?:long|often|much|soon|many times)|why|when)", re.I)
_ASKS_ACT = re.compile(r"\b(?:\w{3,}(?:ed|en)|give|take|last|use|stop|start|be)\b", re.I)
_ASKS_IF = re.compile(rf"{_AUXILIARY}\b", re.I)

# --- follow-ups for certain -----------------------------------------------------------------------

_GOES_ON = re.compile(r"\W*(?:(?:and|but|or|what about|how about|for how long)\b|what of\b)", re.I)
_HOW_ALONE = re.compile(r"(?:for )?how \w+(?: times)?", re.I)
_ONES = re.compile(r"\bones?$", re.I)  # stands for a noun of the question before
_ASKED_FOR = re.compile(r"\W*(?:which|what) ", re.I)  # what the answer names
_ANY_PRONOUN = re.compile(r"\b(?:it|they|them|this|that|these|those)\b", re.I)
_ABOUT_TREATMENT = re.compile(
    r"\b(?:treat\w*|therap\w+|manag\w+|medic(?:ines?|ations?)|drugs?|antibiotics?|given?|doses?)\b",
    re.I,
)


def standalone(question: str, before: str) -> str:
    """A question in words that stand alone; unchanged if it does, or if there is a doubt.

    Args:
        before: the question before it, which stands alone.
    """
    text = question.strip()
    led = _LED.match(text)
    body = text[led.end() :] if led else text
    named = subjects(before)
    found = (
        _with_subject(body, named, before)
        or _completed(text, body, named, before)
        or (_carried(body, named, before) if refers_back(text) else None)
    )
    return _sentence(found) if found else question


def refers_back(question: str) -> bool:
    """Whether a question is a follow-up for certain, so that it means nothing by itself.

    It goes on from another one ("and …", "what about …", "for how long …") or is a few words alone
    ("how often?", "side effects?"), and names nothing that it is about.
    """
    text = question.strip()
    body = _LED.sub("", text, count=1).rstrip(" ?!.")
    is_alone = _HOW_ALONE.fullmatch(body) or _SIDE_ALONE.fullmatch(body)
    return bool((_GOES_ON.match(text) or is_alone) and (_ONES.search(body) or not _own(body)))


def _own(text: str) -> list[Subject]:
    """What a question names itself; what was done to it ("tolerated") is no name."""
    return [one for one in subjects(text) if one.is_drug or not one.text.endswith("ed")]


def leaves_out(question: str) -> bool:
    """Whether a question seems to need the one before it: it names nothing, or has a pronoun."""
    body = _LED.sub("", question.strip(), count=1)
    named = subjects(body)
    if not named or _THE_DRUG.search(body) or _WHOSE.search(body):
        return True
    pronoun = _PRONOUN.search(body)
    if pronoun:
        is_empty = _EMPTY_IT.search(body) or _NEVER_SUBJECT.search(body)
        return pronoun.start() < named[0].start and not is_empty
    return body != question.strip() and not re.match(rf"{_ASKING}\b", body, re.I)


def _with_subject(text: str, named: list[Subject], before: str) -> str | None:
    """A question with the subject of the one before in the place of its pronoun."""
    own = subjects(text)
    if found := _THE_DRUG.search(text):
        if any(one.start <= found.end() + 1 for one in own):  # "the drug colchicine"
            return None
        is_drug = found["noun"].lower() not in _CONDITIONS
        fitting = [one for one in named if one.is_drug == is_drug and (is_drug or one.is_known)]
        return _put(text, found, fitting[0].text) if len(fitting) == 1 else None
    found = _WHOSE.search(text) or _PRONOUN.search(text)
    if found is None or found.start() == 0 or not is_question(text.rstrip(" ?") + "?"):
        return None
    if any(one.start < found.start() for one in own) or (own and _EMPTY_IT.search(text)):
        return None
    if _NEVER_SUBJECT.search(text):
        return None
    subject = _subject(text, named, before)
    if subject is None or (_PLURAL.match(found[0]) and not subject.is_plural):
        return None
    if found.re is _WHOSE:
        return _put(text, found, f"the {found[1]} of {subject.text}")
    return _put(text, found, subject.text)


def _subject(text: str, named: list[Subject], before: str) -> Subject | None:
    """What a follow-up is about: the one thing named before, or the one of which it can be said."""
    of_drugs, of_conditions = _SAID_OF_DRUGS.search(text), _SAID_OF_CONDITIONS.search(text)
    named = [one for one in named if not _NO_SUBJECT.search(before[: one.start])]
    if len(named) == 1:
        (one,) = named
        doubtful = of_conditions and not of_drugs if one.is_drug else of_drugs and one.is_known
        return None if doubtful and not (of_drugs and of_conditions) else one
    if bool(of_drugs) == bool(of_conditions):
        return None
    fitting = [one for one in named if one.is_drug == bool(of_drugs)]
    return fitting[0] if len(fitting) == 1 else None


def _completed(text: str, body: str, named: list[Subject], before: str) -> str | None:
    """What a few words ask, completed from the question before."""
    bare = body.rstrip(" ?!.")
    led = body != text
    if not bare or not named:
        return None
    if found := _WORD.fullmatch(bare):
        return _asked_with(found[1], named, before)
    if found := _SIDE_ALONE.fullmatch(bare):
        return _side(found, named)
    if re.match(rf"(?!when\b){_ASKING}\b", bare, re.I):
        return None if body.lower().startswith(("what if", "how about")) else _sided(body, named)
    if len(bare.split()) > _MOST or re.search(rf"\b(?!when\b){_ASKING}\b", bare, re.I):
        return None
    if _PHRASE.match(bare) or bare.lower().startswith("of "):
        return _with_phrase(bare, named, before)
    return _replaced(bare, named, before) if led else None


def _side(found: re.Match[str], named: list[Subject]) -> str | None:
    """ "the dose" → "What is the dose of metformin?" """
    subject = _of_kind(named, is_drug=found["drug"] is not None)
    if subject is None:
        return None
    side = f"{found['quality']}{found['drug'] or found['condition']}"
    verb = "are" if _PLURAL_SIDE.search(side) and not side.endswith("is") else "is"
    return f"What {verb} the {side} of {subject.text}{found['rest'] or ''}?"


def _sided(text: str, named: list[Subject]) -> str | None:
    """ "What is the dose in children?" → "What is the dose of metformin in children?" """
    found = _SIDE_ASKED.search(text)
    if found is None:
        return None
    of_drug = found["drug"] is not None
    rest, own = text[found.end() :], subjects(text)
    in_phrase = _PHRASE.match(rest.lstrip()) and all(one.start > found.end() for one in own)
    if own and (not of_drug or not in_phrase or any(one.is_drug for one in own)):
        return None
    subject = _of_kind(named, of_drug)
    return None if subject is None else f"{text[: found.end()]} of {subject.text}{rest}"


def _of_kind(named: list[Subject], is_drug: bool) -> Subject | None:
    """The one thing that was named and has such a side; what is in no table may have any."""
    known = [one for one in named if one.is_drug == is_drug and one.is_known]
    if not known and len(named) == 1 and not named[0].is_known:
        return named[0]
    return known[0] if len(known) == 1 else None


def _asked_with(word: str, named: list[Subject], before: str) -> str | None:
    """ "How long?" after "Should aspirin be given?" → "How long should aspirin be given?" """
    first = before.strip()
    if _ASKS_IF.match(first):
        auxiliary, _, rest = first.partition(" ")
        if word.lower() == "how much":
            drug = named[0]
            if (
                not drug.is_drug
                or drug.start != len(before) - len(before.lstrip()) + len(auxiliary) + 1
            ):
                return None
            return f"{word} {drug.text} {auxiliary.lower()}{before[drug.end :]}"
        if word.lower() != "why" and not _ASKS_ACT.search(rest):
            return None
        return f"{word} {auxiliary.lower()} {rest}"
    drug = named[0]
    after = before[drug.end :].rstrip(" ?")
    is_plain = len(named) == 1 and drug.is_drug and read_question(before).about_dose
    if not is_plain or word.lower() == "why" or (after and not _PHRASE.match(after.lstrip())):
        return None
    return _given(word, drug, before)


def _given(word: str, drug: Subject, before: str) -> str:
    """ "How often is metformin given in children?"

    An age stays: it changes doses. Pregnancy says whether a drug is given, but not for how long.
    """
    verb = "are" if drug.is_plural else "is"
    people = _group(before)
    stays = people and not ("long" in word.lower() and "state" in groups(people[0]))
    if not people or not stays:
        return f"{word} {verb} {drug.text} given?"
    phrase = people[0] if people["preposition"] else f"in {people[0]}"
    return f"{word} {verb} {drug.text} given {phrase}?"


def _with_phrase(phrase: str, named: list[Subject], before: str) -> str | None:
    """ "In children": in the place of what the question before says of them, or at its end."""
    phrase = phrase[0].lower() + phrase[1:]
    preposition, _, what = phrase.partition(" ")
    own = subjects(phrase)
    if any(one.is_drug for one in own):
        return None
    if groups(phrase) and (found := _group(before)):
        return _put(before, found, phrase if found["preposition"] else what)
    for one in named:  # "in gout" for "in asthma"
        if own and not one.is_drug and before[: one.start].lower().endswith(f" {preposition} "):
            return f"{before[: one.start]}{what}{before[one.end :]}"
    if preposition == "of":
        return None
    return f"{before.rstrip(' ?.')} {phrase}?"


def _carried(body: str, named: list[Subject], before: str) -> str | None:
    """A follow-up for certain, with the one subject of the question before."""
    named = [one for one in named if not _ASKED_FOR.fullmatch(before[: one.start])]
    bare = body.rstrip(" ?!.")
    if len(named) != 1 or _refers_within(bare):
        return None
    (subject,) = named
    if found := _WORD.fullmatch(bare):
        return _how(found[1], subject, before)
    if not any(len(word) > 2 and word not in STOPWORDS for word in words(bare)):
        return None  # "and then?"
    if (found := _SIDE_ALONE.fullmatch(bare)) and found["drug"] and not subject.is_drug:
        treatment = Subject(f"the treatment of {subject.text}", 0, 0, True, True)
        return _side(found, [treatment])
    if re.match(r"(?:if|unless)\b", bare, re.I):
        return f"{before.rstrip(' ?.')} {bare}?"
    return f"{bare} {'with' if subject.is_drug else 'in'} {subject.text}?"


def _refers_within(text: str) -> bool:
    """Whether a question has a pronoun whose subject is in doubt."""
    if _THE_DRUG.search(text) or _WHOSE.search(text):
        return True
    is_empty = _EMPTY_IT.search(text) or _NEVER_SUBJECT.search(text)
    return bool(_ANY_PRONOUN.search(text)) and not is_empty


def _how(word: str, subject: Subject, before: str) -> str | None:
    """ "For how long?" of a drug, of a treatment, or of a disease."""
    asked = word.lower()
    if asked in ("why", "when"):
        return None
    if subject.is_drug:
        return None if asked == "how much" else _given(word, subject, before)
    if _ABOUT_TREATMENT.search(before):
        return None if asked == "how much" else f"{word} is {subject.text} treated?"
    return f"{word} does {subject.text} last?" if asked == "how long" else None


def _group(text: str) -> re.Match[str] | None:
    """The words that name a group of people, with their preposition."""
    found = (pattern.search(text) for pattern in _PEOPLE)
    return next((one for one in found if one), None)


def _replaced(name: str, named: list[Subject], before: str) -> str | None:
    """ "Ibuprofen" in the place of the aspirin that the question before asks about."""
    own, plain = subjects(name), re.sub(r"^(?:the|an?)\s+", "", name, flags=re.I)
    if found := _QUALITIES.fullmatch(plain):  # "and the maximum?"
        side = _SIDE_OF.search(before)
        return _put(before, side, f"the {found[0]} {side['side']}") if side else None
    if not own:
        if not groups(name) or len(plain.split()) > 3:
            return None
        people = _group(before)
        preposition = people["preposition"] or "" if people else "in "
        phrase = f"{preposition}{plain}"
        return _put(before, people, phrase) if people else f"{before.rstrip(' ?.')} {phrase}?"
    if len(own) != 1 or own[0].text.lower() != plain.lower():
        return None
    drugs = [one for one in named if one.is_drug]
    others = [one for one in named if not one.is_drug]
    if own[0].is_drug:
        fitting = drugs or [one for one in others if not one.is_known]
    else:
        fitting = [one for one in others if one.is_known == own[0].is_known]
    if len(fitting) != 1:
        return None
    return f"{before[: fitting[0].start]}{plain}{before[fitting[0].end :]}"


def _put(text: str, found: re.Match[str], words: str) -> str:
    return f"{text[: found.start()]}{words}{text[found.end() :]}"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:].rstrip(" .")
    return text if text.endswith("?") or not is_question(text) else f"{text}?"
