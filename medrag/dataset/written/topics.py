"""What a sentence is about: the noun at its start, in the form in which a question names it."""

from __future__ import annotations

import re
from itertools import pairwise

from ...grounding.candidates import has_verb
from ...retrieval.wording.drugs import names_drug
from ...retrieval.wording.names import from_table
from ...text.everyday import is_everyday
from ...text.words import STOPWORDS, words

_MOST_WORDS = 8
_OF_SPECIES = ("i", "um", "ae", "ense", "ans")
_NAMED_AFTER = frozenset({"disease", "syndrome", "disorder", "anomaly", "palsy", "tumor"})
_MOST_TITLE_WORDS = 7
_LEAST_LETTERS = 3  # of a subject in one word; "PD" and "TS" are too many things
_ACRONYM = 5  # letters of the longest ones
# A subject that begins so is a part of one, or one that only the text before it names.
_NO_START = re.compile(
    r"(?:most|some|many|all|other|others|several|few|each|every|both|no|not|such|these|this|that"
    r"|those|they|it|its|he|she|we|our|you|your|their|there|one|two|three|certain|another|any|half"
    r"|about|approximately|only|also|what|which|who|when|how|why|if|as|in|on|at|by|for|from|with"
    r"|however|because|although|while|after|before|during|although|since|treatment|management"
    r"|people|patients?|individuals|children|doctors?|physicians?|researchers?|scientists|studies"
    r"|symptoms?|signs?|features?|causes?|cases?|results?|mutations?|more|less|further|early|late"
    r"|affected|severity|diagnosis|prognosis|first|second|third|part|type|types|additional|current"
    r"|recent|previous|future|new|use|aim|objective|purpose|background|here|key|very|often)\b",
    re.I,
)
# What points to another sentence.
_LEANS = re.compile(r"\b(?:this|these|therefore|thus|also|then|instead|otherwise)\b", re.I)
_INNER = frozenset({"of", "in", "with", "the", "and", "for", "a", "an"})
_PART_OF = re.compile(
    r"\b(?:percentage|proportion|portion|majority|minority|cases?|forms?|use)\b", re.I
)
# Too general to be asked about without the text around it.
_GENERAL = frozenset(
    """
    aim aims analysis approach article background case cases cause causes change changes combination
    condition conclusion data difference differences disease disorder disorders effect effects
    evidence factor factors finding findings function gene genes goal group groups level levels
    method methods model mutation mutations number objective outcome outcomes patient patients
    pattern people prevalence problem process protein purpose rate rates result results risk role
    sample samples score scores sign signs study studies symptom symptoms system technique test
    tests therapy therapies treatment treatments type types use value values diagnosis drug drugs
    medicine medicines medication medications procedure procedures information answer question age
    women men adults children infants doctors surgery person exposure response review activity
    expression relationship association incidence frequency mechanism mechanisms inheritance
    defect defects syndrome infection cancer tumor tumors dose doses variant variants deficiency
    """.split()  # noqa: SIM905
)
# "Acute attacks" are attacks of something.
_OF_SOMETHING = frozenset(
    {"attack", "attacks", "crisis", "crises", "episode", "episodes", "exacerbation"}
    | {"exacerbations", "flare", "flares", "relapse", "relapses", "recurrence", "recurrences"}
)
_HOW_BAD = frozenset({"acute", "severe", "mild", "moderate", "recurrent", "frequent"})
_TOKEN = re.compile(r"[^\W_][\w'’./+-]*")
_NOT_A_TITLE = re.compile(r"[?:;.!|]|\b(?:19|20)\d\d\b|\.\w{2,4}$")
_OWN_CONDITION = re.compile(
    r"(?:this|the) (?:condition|disorder|disease|syndrome|infection|cancer|medicine|drug)", re.I
)
_LIKE_A_DISEASE = (
    "itis", "osis", "emia", "aemia", "oma", "pathy", "ism", "trophy", "plasia", "uria", "algia",
    "ectomy", "tion", "tumor", "tumour", "ing", "ment", "ness", "gram", "scopy", "graphy", "plasty",
    "ic", "al", "ous", "ive", "ary", "ia", "ed", "cyte", "gen", "in", "therapy", "oid", "ar",
    "spasm",
)  # fmt: skip


def topic_of(subject: str, title: str, text: str) -> str:
    """The subject of a sentence as a question names it; "" if it cannot be asked about.

    "This condition" becomes the title, if that names a subject.

    Args:
        text: the passage; how it writes the first word elsewhere tells whether it is a name.
    """
    subject = " ".join(subject.split())
    if _OWN_CONDITION.fullmatch(subject):
        return title_topic(title, text)
    if subject.lower().startswith("the "):
        named = subject[4:]
        # "The score" was introduced before; "the NOTCH3 gene" was not.
        if not re.search(r"[A-Z0-9]", named) or not _is_topic(named, of_the=True):
            return ""
        return f"the {named}"
    article, _, named = subject.partition(" ")
    if article.lower() in ("a", "an") and named:
        return f"{article.lower()} {named}" if _is_topic(named) else ""
    return _lowered(subject, text) if _is_topic(subject) else ""


def leans(sentence: str) -> bool:
    """Whether a sentence may need the one before it to be understood."""
    return bool(_NO_START.match(sentence) or _LEANS.search(sentence))


def title_topic(title: str, text: str) -> str:
    """The title, if it names a subject and is no headline."""
    title = " ".join(title.split())
    tokens = title.split()
    if not tokens or len(tokens) > _MOST_TITLE_WORDS or _NOT_A_TITLE.search(title):
        return ""
    if has_verb(title) or not _is_topic(title.replace(",", "")):
        return ""
    if title.isupper():  # "COPD" is one word in capitals, "GOUT" is a heading
        title = " ".join(
            word.lower()
            if len(word) > _ACRONYM or is_everyday(word.lower()) or _is_within(word, text)
            else word
            for word in tokens
        )
    return _lowered(title, text)


def lay_name(topic: str) -> str:
    """What people without training call a topic, by the table of lay words; "" if nothing."""
    named = tuple(words(topic))
    if all(map(is_everyday, named)):
        return ""  # it is one already
    for name in from_table("lay", named):
        if all(is_everyday(word) for word in name):
            return " ".join(name)
    return ""


def bare(topic: str) -> str:
    """A topic without its article."""
    return re.sub(r"\A(?:a|an|the) ", "", topic)


def _is_topic(subject: str, of_the: bool = False) -> bool:
    tokens = _TOKEN.findall(subject)
    if not 1 <= len(tokens) <= _MOST_WORDS or (not of_the and _NO_START.match(subject)):
        return False
    if "".join(subject.split()) != "".join(tokens):  # a sign that is no part of a name
        return False
    lower = [token.lower() for token in tokens]
    if _PART_OF.search(subject) or has_verb(subject) or lower[-1].endswith("ly"):
        return False
    if any(one == other for one, other in pairwise(lower)):
        return False
    if lower[-1] in _OF_SOMETHING and _HOW_BAD.issuperset(lower[:-1]):
        return False
    if any(word in STOPWORDS and word not in _INNER for word in lower) or lower[-1] in STOPWORDS:
        return False
    head = lower[lower.index("of") - 1] if "of" in lower[1:] else lower[-1]
    if len(lower) == 1 and (head in _GENERAL or len(head) < _LEAST_LETTERS):
        return False
    return any(len(word) > 1 and any(map(str.isalpha, word)) for word in lower) and (
        "of" not in lower or head not in _GENERAL
    )


def _lowered(subject: str, text: str) -> str:
    """A subject without the capital that only the start of a sentence or a title gave it."""
    first, *rest = subject.split()
    lower = first.lower()
    if first != first.capitalize() or len(first) == 1 or not first[0].isupper():
        return subject
    within = re.search(rf"(?<=[a-z,(] ){re.escape(first)}\b", text)
    plain = re.search(rf"\b{re.escape(lower)}\b", text)
    if within and not plain:
        return subject  # a name: it keeps its capital within a sentence
    capitals = [word for word in rest if word == word.capitalize() and word[0].isupper()]
    if not plain:
        # "Pearson syndrome" is named after somebody, "Borrelia afzelii" is a species, and "North
        # American" is a name.
        of_somebody = not _NAMED_AFTER.isdisjoint(rest) and not lower.endswith(_LIKE_A_DISEASE)
        is_species = len(rest) == 1 and rest[0].endswith(_OF_SPECIES)
        if capitals or of_somebody or is_species or not _is_common(lower):
            return subject
    kept = [_lower_if_plain(word, text) if word in capitals else word for word in rest]
    return " ".join([lower, *kept])


def _is_within(word: str, text: str) -> bool:
    """Whether a text has a word of capitals in small letters."""
    return (
        re.search(rf"\b[{word[0]}{word[0].lower()}]{re.escape(word[1:].lower())}\b", text)
        is not None
    )


def _is_common(word: str) -> bool:
    known = names_drug(word) or bool(from_table("lay", (word,)))
    return known or word.endswith(_LIKE_A_DISEASE) or is_everyday(word)


def _lower_if_plain(word: str, text: str) -> str:
    return word.lower() if re.search(rf"\b{re.escape(word.lower())}\b", text) else word
