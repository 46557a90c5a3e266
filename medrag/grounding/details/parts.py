"""Questions with two parts: causes and treatment of a disease, a dose and how long it is given.

An answer has to give both.
"""

from __future__ import annotations

import re
from itertools import combinations, pairwise

from ...text.words import words
from ..aspects import asked_aspects, clauses
from ..question import Question, read_question
from .kinds import Span
from .mentions import Mentions, without
from .subjects import each_subject, missing_subjects

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
            r"|shorten|control|eas(?:e|ing)|tablet|inhal|vaccin|improv|first-line|infus|remov)\w*"
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
            r"|swollen|rash|cough|nausea|vomit|itch|stiff|headache|dizz|thirst|shock|chill"
            r"|diarrh|bleed)\w*|\w{4,}itis\b",
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
            r"mechanisms?(?: of action)?|how (?:does|do) (?:it|they) work",
            r"\bmechanism|\b(?:inhibit|block|bind|stimulat|activat|prevent|act|reduc|increas"
            r"|interfer|antagoni|agoni|suppress|stop)\w*",
        ),
        (r"contra-?indications?", r"\b(?:contra-?indicat|avoid|must not|should not|not be|unsafe)"),
        (r"dos(?:e|age)", r"\d"),
        (
            r"(?:side|adverse) effects?",
            r"\b(?:side|unwanted|adverse|undesirable|toxic|caus|nausea|vomit|diarrh|headache|rash|dizz"
            r"|drows|bleed|harm|risk|tolera|reaction)\w*|\bhyp(?:o|er)\w+|\w+penia\b",
        ),
        (
            r"(?:it|they) used for|used for|uses|indications?",
            r"\b(?:us(?:e|ed|es|eful)|indicat\w*|treat\w*|for|prevent\w*|reliev\w*|given|prescrib\w*"
            r"|licen[cs]ed|approved|against)\b",
        ),
        (
            r"diagnos(?:ed?|is)|detected",
            r"\b(?:diagnos|test|exam|scan|imag|biops|screen|detect|measur|x-?ray|ultraso|confirm"
            r"|culture|serolog|PCR|criteri|suspect)\w*",
        ),
        (
            r"prognosis|outlook",
            r"\b(?:life-?\s?(?:long|threat)|threaten|serious|heal|improv|wors|progress|declin|disab"
            r"|stabili|respond|normal li|symptom-free|relaps|recur|return)\w*",
        ),
        (
            r"prevent(?:ed|ion)?|avoided",
            r"\b(?:prevent|avoid|protect|vaccin|immuni[sz]|wash|wear|limit|screen|stay|keep|control"
            r"|hygien|prophyla)\w*",
        ),
        (
            r"benefits?|advantages?",
            r"\b(?:benefit|advantage|improv|reduc|lower|better|effective|help|prevent|fewer|less|gain"
            r"|cheap|safe|surviv|relie|longer|free|eas)\w*",
        ),
        (
            r"harms?|risks|disadvantages?|drawbacks?",
            r"\b(?:harm|risk|disadvantage|drawback|adverse|side effect|bleed|caus|wors|more|danger"
            r"|toxic|injur|complicat|cost|expens|infection|however|but)\w*",
        ),
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
# What stands before it in a further question: "… and what is its treatment?", "… at what dose?".
_ASKS_NEXT = re.compile(
    r"\W*(?:(?:at|in|for|with|by)\s+)?(?:(?:what|which|how)\s+)?(?:(?:is|are|was|were|can|should|does"
    r"|do|it|they|its|their|the|this|these|be|main|usual|common|best)\s+)*\Z",
    re.I,
)
_JOINED = re.compile(r"\b(?:and|or)\b|,", re.I)
_BETWEEN = 8  # words between two sides that are asked for together
# A question that goes on about the same: "when can it be restarted", "which at 12 months".
_GOES_ON = re.compile(
    r"\W*(?:how|when|where|why|by what|with what)\s+(?:is|are|was|were|can|could|should|must|may"
    r"|does|do|did|will)\s+(?:it|they|he|she|this|these|that|one)\s+(?:be\s+)?(?P<what>[\w-]+)"
    r"|\W*(?:which|who|what|when)\s+(?P<when>(?:in|at|for|after|during|before)\s+.+?)\W*\Z",
    re.I,
)


def questions_apart(question: str) -> list[tuple[Span, Mentions]]:
    """The questions that one asks about different subjects, each with its own; else nothing.

    "Which drug is the first choice in gout, and how is scurvy treated?" asks about two.
    """
    spans = clauses(question)
    if len(spans) == 1:
        return []
    named = [
        {one for one in read_question(question[start:end]).subjects if Mentions(one).is_medical}
        for start, end in spans
    ]
    if not all(named) or any(one & other for one, other in combinations(named, 2)):
        return []
    ends = (start + len(question[start:end].rstrip(" ,?.")) for start, end in spans)
    return [
        ((start, end), Mentions(" ".join(sorted(own))))
        for (start, _), end, own in zip(spans, ends, named, strict=True)
    ]


def each_part(question: str) -> list[str]:
    """The questions that one is made of, each to be answered by itself; else nothing.

    Of "What are the causes and treatment of gout?", it is one about gout, whatever it asks of it.
    """
    spans = clauses(question)
    if len(spans) > 1:
        return [question[start:end] for start, end in spans]
    sides = _sides(question)
    for start, end in sorted(sides, reverse=True):
        question = question[:start] + question[end:]
    return [question] if sides else each_subject(question)


def missing_parts(asked: Question, text: str, context: str) -> list[Span]:
    """Where a question asks for a part that neither a text nor its context gives."""
    found = missing_subjects(asked.text, text, context)
    if not asked.yes_no:
        found += _missing_sides(asked, text, context) + _missing_clauses(asked, text, context)
    return found


def _missing_sides(asked: Question, text: str, context: str) -> list[Span]:
    """The sides of a subject that are asked for together with others and not spoken of."""
    sides = _sides(asked.text)
    if not sides:
        return []
    # "Toran fever is treated" tells no symptom, and a title that has both parts gives neither.
    own = {word for span in sides for word in words(asked.text[slice(*span)])}
    names = " ".join(word for word in asked.subjects if word not in own)
    said = without(text, names)
    above = [
        part
        for part in (without(part, names) for part in re.split(r" · |\n", context))
        if sum(any(says.search(part) for says in ways) for ways in sides.values()) == 1
    ]
    return [
        span
        for span, ways in sides.items()
        if not any(says.search(part) for says in ways for part in (said, *above))
    ]


def _sides(question: str) -> dict[Span, list[re.Pattern[str]]]:
    """The sides of a subject that are asked for together with others, and how each is said."""
    spans: dict[Span, list[re.Pattern[str]]] = {}
    known = [(one.asked, one.said) for one in asked_aspects(question)]
    for asks, says in (*known, *_MORE_SIDES):
        for match in asks.finditer(question):
            spans.setdefault(match.span(), []).append(says)
    together: set[Span] = set()
    if spans and _ASKS.match(question[: min(spans)[0]]):
        for one, other in pairwise(sorted(spans)):
            between = question[one[1] : other[0]]
            joined = _JOINED.search(between) and len(between.split()) <= _BETWEEN
            if joined and spans[one] != spans[other]:
                together |= {one, other}
    for start, end in clauses(question)[1:]:
        together |= {
            span
            for span in spans
            if start <= span[0] < end
            and _ASKS_NEXT.match(question[start : span[0]])
            and question[slice(*span)].lower() != "why"  # see `figures.py`
        }
    return {span: spans[span] for span in together}


def _missing_clauses(asked: Question, text: str, context: str) -> list[Span]:
    """Further questions about the same, of whose own words none is spoken of."""
    question = asked.text
    said = Mentions(f"{context}\n{text}")
    found = []
    for start, end in clauses(question)[1:]:
        clause = question[start:end]
        one = _GOES_ON.match(clause)
        is_side = asked_aspects(clause) or any(asks.search(clause) for asks, _ in _MORE_SIDES)
        if not one or is_side:
            continue
        if one["what"] and one["what"].lower() not in read_question(clause).subjects:
            continue  # "how is it given" asks for nothing in a word of its own
        what = Mentions(one["what"] or one["when"])
        digits = {word for word in what.words if word[0].isdigit()}
        if not (said.speak_of(what) or digits & {*said.words}):
            found.append((start, start + len(clause.rstrip(" ?.,"))))
    return found
