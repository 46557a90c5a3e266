"""What a question asks for: yes or no, a list, a quantity, a prohibition; and for whom."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..text.words import STOPWORDS, words
from .aspects import Aspect, asked_aspects, asks_aspect, asks_definition, clauses

_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|can|could|should|would|will|may|might|must|has|have|had)"
    r"(?:n['’]t)?"
)
_ASKING = r"(?:what|which|who|whom|whose|when|where|why|how)"
_WH = re.compile(rf"\b{_ASKING}\b|\b(?:list|name|describe|define|give|summari[sz]e)\b", re.I)
# The kind of thing that is asked for: "Which antibiotics are …"
_WANTED = re.compile(
    rf"\b(?:which|what)\s+((?:(?!of\b|in\b|for\b|with\b)[\w-]+\s+){{0,2}}?[\w-]+)\s+{_AUXILIARY}\b",
    re.I,
)
_STARTS = re.compile(rf"\W*(?:{_AUXILIARY}|{_ASKING})\b", re.I)
# Titles of papers ask after a colon: "Statins after stroke: do they help?"
_YES_NO = re.compile(rf"(?:[:.?–—]|--)\s*{_AUXILIARY}\s+\S+\s+\S+", re.I)
_TITLE_WORDS = 6  # a question mark after as many words without "which", "how" … asks yes or no

_LIST = re.compile(
    r"^\W*(?:please\s+)?(?:list|name|enumerate)\b"
    r"|\b(?:which|what)\s+(?:are|were)\b"
    r"|\b(?:which|what)\s+(?:\w+[\s-]+){0,3}?(?!(?:is|was|has|does|this|diabetes|us)\b)\w+[^sui\W]s\b",
    re.I,
)

# Which form an answer has to have, by what is asked. The first pattern that fits decides.
_NUMBER_WORD = (
    r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|dozen"
    r"|hundred|thousand|million)\b)"
)
_OFTEN = re.compile(
    r"\b(?:once|twice|thrice|daily|hourly|weekly|monthly|yearly|annually|nightly|alternate"
    r"|every|each|per|times)\b|\b(?:q\.?\d+h|b\.?i\.?d|t\.?i\.?d|q\.?i\.?d|o\.?d)\b|/d(?:ay)?\b",
    re.I,
)
_TIME = re.compile(
    rf"{_NUMBER_WORD}.{{0,25}}\b(?:seconds?|minutes?|min|hours?|hrs?|h|days?|weeks?|months?|years?"
    r"|yrs?|decades?)\b|\b(?:lifelong|life-long|for life|indefinitely|immediately|at once)\b",
    re.I,
)
_NUMBER = re.compile(_NUMBER_WORD, re.I)
_DIGIT = re.compile(r"\d")
_QUANTITIES = (
    (r"\bhow (?:often|frequently)\b|\bwhat (?:is the )?frequency\b", _OFTEN),
    (
        r"\bhow (?:long|soon|quickly|fast|old)\b|\bhalf[- ]life\b|\bwhat (?:is the )?duration\b",
        _TIME,
    ),
    (
        r"\bhow (?:much|many|high|low|large|big|far)\b"
        r"|\bwhat (?:is the |was the |are the )?(?:(?:usual|normal|average|median|mean|maximum"
        r"|minimum|highest|lowest|recommended|starting|daily|approximate|total|reported) )*"
        r"(?:share|proportion|percentage|number|fraction|prevalence|incidence)\b",
        _NUMBER,
    ),
    (
        r"\b(?:dos(?:es?|age)|maximum|p[- ]value|hazard ratio|odds ratio|cut-?off|threshold)\b",
        _DIGIT,
    ),
)
# What makes a "dose" in a question one that is looked for, not one that is given.
_WANTS_DOSE = re.compile(
    rf"\b(?:what|which|how much)\b.{{0,60}}\b(?:dos(?:es?|age)|maximum|p[- ]value|ratio|cut-?off"
    rf"|threshold)\b|^(?!.*\b{_ASKING}\b)(?!\W*{_AUXILIARY}\b).*\b(?:dose|dosage)\b",
    re.I,
)
_DOSE = re.compile(r"\b(?:dos(?:es?|age)|m?c?g|milligrams?|micrograms?|units)\b", re.I)
_NO_DOSE = re.compile(r"\bdos(?:e|age) (?:adjust|reduc|limit|response|form|depend)", re.I)

# Whom a text is about. The groups of one axis exclude each other, unless one includes the other.
GROUPS = {
    axis: {name: re.compile(rf"\b(?:{words})\b", re.I) for name, words in groups.items()}
    for axis, groups in {
        "age": {
            "neonate": r"neonat\w*|new-?borns?|preterms?|pre-term|premature (?:bab\w+|infants?)",
            "infant": r"infants?|infancy|bab(?:y|ies)",
            "child": r"child(?:ren|hood)?|p(?:a)?ediatrics?|toddlers?|boys?|girls?|school-?age\w*",
            "adolescent": r"adolescen\w+|teen\w*",
            "adult": r"adults?|adulthood",
            "elderly": r"elderly|older (?:people|persons?|adults?|patients?)|geriatric|frail",
        },
        "sex": {"men": r"men|males?|man", "women": r"wom[ea]n|females?"},
        "state": {
            "not pregnant": r"non-?pregnan\w+|not pregnant",
            "pregnant": r"(?<!non-)(?<!non)(?<!not )pregnan\w+|gestation\w*|antenatal\w*"
            r"|trimesters?",
            "breastfeeding": r"breast-?\s?feed\w*|lactat\w+|nursing mothers?|breast milk",
        },
    }.items()
}  # fmt: skip
# Who else is spoken of, if a text names a group: a line for children holds for infants unless
# there is one for infants.
_INCLUDES = {
    "child": {"infant", "adolescent"},
    "adult": {"elderly"},
    "infant": {"neonate"},
}
_AGES = ((28 / 365, "neonate"), (1, "infant"), (12, "child"), (18, "adolescent"), (65, "adult"))
_AGE = re.compile(
    r"\b(\d+(?:\.\d+)?)[\s-]*(day|week|month|year|yr)s?[\s-]*(?:old|of age)\b"
    r"|\b(?:aged?|age of)\s+(\d+)(?:\s*(day|week|month|year|yr)s?)?\b",
    re.I,
)
_IN_YEARS = {"day": 1 / 365, "week": 7 / 365, "month": 1 / 12, "year": 1.0, "yr": 1.0}

# What forbids, and what allows once that is taken away. "Never given" forbids, "given" allows.
_ALLOWED = (
    r"(?:given?|giv(?:es|ing)|us(?:e|ed|es|ing)|tak(?:e|en|es|ing)|prescrib\w+|administer\w*"
    r"|recommend\w*|advis\w+|indicated|safe(?:ly)?|suitable|allowed|permitted|appropriate"
    r"|receiv\w+|treated|tolerated|started?|offered|considered|eat(?:en)?|drink|combin\w+|crush\w*"
    r"|co-?administ\w+|acceptable|licensed|approved|preferred|continu\w+)"
)
_FORBIDS = re.compile(
    r"(?:\b(?:not|never|cannot|no longer|nor|neither)|n['’]t)\s+(?:\w+\s+){0,3}?"
    rf"(?!tolerated){_ALLOWED}\b"
    r"|\b(?:contra-?indicat\w+|avoid\w*|unsafe|unsuitable|harmful|forbidden|prohibited|withh[eo]ld\w*"
    r"|dangerous|teratogenic|discontinue\w*|stop(?:ped)?|inadvisable|refrain\w*|omit(?:ted)?)\b"
    rf"|\b(?:must|should|may|can)(?: not|n['’]t)\b(?:\s+(?:\w+\s+){{0,3}}?{_ALLOWED}\b)?"
    r"|(?:^|[.;:,]\s*|\band\s+)do not\b"
    r"|\b(?:except|unless|apart from|other than|but not)\b",
    re.I,
)
_ALLOWS = re.compile(rf"\b{_ALLOWED}\b", re.I)
# In a question, fewer of them: "Which genes are considered …" asks for no permission.
_SAFE = re.compile(r"\b(?:safe(?:ly)?|suitable|allowed|permitted|recommended|appropriate)\b", re.I)
_ASKS_USE = re.compile(
    rf"{_SAFE.pattern}|\b(?:given?|used?|take|taken|prescribed|administered|indicated|receive"
    r"|combined?|tolerated|eaten?|drink|crushed)\b",
    re.I,
)
NOT_FORBIDDEN = re.compile(
    r"(?:\b(?:not|no|nor|never|no need to)|n['’]t)"
    r"(?: an?| absolutely| generally| considered| regarded as| necessarily)*"
    r"(?: (?:to )?(?:be )?(?:routinely )?(?:avoid(?:ed)?|stop(?:ped)?|discontinued?|withh[eo]ld"
    r"|omit(?:ted)?|interrupt(?:ed)?|refrain)"
    r"| (?:contra-?indicat\w+|harmful|unsafe|dangerous|forbidden|prohibited|teratogenic"
    r"|unsuitable))\b",
    re.I,
)
_WHO_OR_WHICH = re.compile(r"\b(?:who|whom|which|what|when|list|name)\b", re.I)
_INSTRUCTIONS = frozenset(
    """
    list name describe define enumerate summarize summarise please yes example examples common
    currently known called type types kind kinds main different
    """.split()  # noqa: SIM905
)
# Words of questions that a good answer often lacks.
_GENERAL = frozenset(
    """
    dose doses dosage maximum minimum daily day days amount often much many long patient patients
    people person drug drugs medicine medicines treatment effective effect effects risk useful
    help helps need needed associated association role cause causes caused avoid avoided
    contraindicated unsafe harmful stop stopped first usual normal average number percentage
    proportion prevalence milligrams micrograms grams weeks months years hours minutes adult adults
    treat treats treating prevent prevents disease diseases condition conditions indication
    indications gene protein virus test cancer
    child children infant infants neonate neonates newborn baby elderly old man woman men women
    """.split()  # noqa: SIM905
)
_METHOD = re.compile(
    r"\b(?:what|which) (?:is|was|were|are)? ?(?:the )?(?:\w+ ){0,2}?"
    r"(?:aims?|objectives?|goals?|purpose|methods?|design|protocol|hypothes[ie]s"
    r"|inclusion criteria)\b"
    r"|\bhow (?:was|were) .*\b(?:conducted|performed|designed|measured|assessed|studied|recruited"
    r"|randomi[sz]ed|compared|done)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a question asks for.

    Attributes:
        yes_no: it can be answered with yes or no.
        wants_list: it asks for several things.
        form: what an answer must have, if a quantity is asked for.
        groups: whom it is about, by axis ("age": {"child"}).
        forbids: True if it asks who or what is excluded, False if who or what is allowed, None if
            it does neither.
        wants_method: it asks for the aim or the method of a study.
        aspects: the sides of its subject that it asks about, such as the treatment.
        must_say: it asks for nothing but these, so that an answer has to speak of them.
        defines: it asks what something is.
    """

    text: str
    yes_no: bool
    wants_list: bool
    form: re.Pattern[str] | None
    groups: dict[str, frozenset[str]]
    forbids: bool | None
    wants_method: bool
    aspects: tuple[Aspect, ...]
    must_say: bool
    defines: bool

    @property
    def about_use(self) -> bool:
        """It asks whether, or by whom, something may be used."""
        if self.yes_no:
            return forbids(self.text) or _ASKS_USE.search(self.text) is not None
        return self.forbids is True or (
            self.forbids is False and _SAFE.search(self.text) is not None
        )

    @property
    def about_dose(self) -> bool:
        """It asks for a dose."""
        return self.form is not None and _DOSE.search(self.text) is not None

    @property
    def subjects(self) -> list[str]:
        """The words of the topic that name something: "aspirin" and "pregnancy", not "safe"."""
        wanted = {*words(" ".join(_WANTED.findall(self.text)))}
        return [
            word
            for word in dict.fromkeys(self.topic)
            if word not in _GENERAL | wanted
            and not word[0].isdigit()
            and not re.fullmatch(_ALLOWED, word)
        ]

    @property
    def topic(self) -> list[str]:
        """The words that say what it is about, not what kind of answer it wants ("list")."""
        return [word for word in words(self.text) if word not in STOPWORDS | _INSTRUCTIONS]


def read_question(text: str) -> Question:
    """Tell what a question asks for."""
    yes_no = _asks_yes_no(text)
    return Question(
        text=text,
        yes_no=yes_no,
        wants_list=not yes_no and _LIST.search(text) is not None,
        form=None if yes_no else _form(text),
        groups=groups(text),
        forbids=None if yes_no else _direction(text),
        wants_method=_METHOD.search(text) is not None,
        aspects=asked_aspects(text),
        must_say=asks_aspect(text),
        defines=asks_definition(text),
    )


def is_question(text: str) -> bool:
    """Tell whether a text is a question, or a heading worded like one."""
    text = text.rstrip(" \t\"'”’)]")
    if text.endswith(("?", "？", "؟")):
        return True
    starts = _STARTS.match(text) is not None
    return starts and not text.endswith((".", "!", ":", ";")) and "; " not in text


def groups(text: str) -> dict[str, frozenset[str]]:
    """Whom a text names, by axis; ages in years name their group."""
    found = {
        axis: {name for name, pattern in names.items() if pattern.search(text)}
        for axis, names in GROUPS.items()
    }
    if "neonate" in found["age"] and re.search(r"\b(?:premature|preterm)\b", text, re.I):
        found["age"].discard("infant")
    for value, unit, bare, its_unit in _AGE.findall(text):
        years = float(value or bare) * _IN_YEARS[(unit or its_unit or "year").lower()]
        found["age"].add(next((name for end, name in _AGES if years < end), "elderly"))
    return {axis: frozenset(names) for axis, names in found.items() if names}


def fits(asked: dict[str, frozenset[str]], about: dict[str, frozenset[str]]) -> int:
    """How well whom a text is about fits whom a question is about.

    Returns:
        3: it names them; 2: it names nobody; 1: it names a group that includes them; 0: it is for
        others.
    """
    worst = 3
    for axis, wanted in asked.items():
        named = about.get(axis, frozenset())
        if wanted & named:
            fit = 3
        elif not named:
            fit = 2
        else:
            fit = 1 if any(wanted & _INCLUDES.get(name, set()) for name in named) else 0
        worst = min(worst, fit)
    return worst


def forbids(text: str) -> bool:
    """Tell whether a text says that something must not be, or is not safe."""
    return _FORBIDS.search(NOT_FORBIDDEN.sub("", text)) is not None


def allows(text: str) -> bool:
    """Tell whether a text says that something is given, safe or recommended."""
    if NOT_FORBIDDEN.search(text):
        return True
    return _ALLOWS.search(_FORBIDS.sub(" ", text)) is not None


def _asks_yes_no(text: str) -> bool:
    if re.match(rf"\W*{_AUXILIARY}\s", text, re.I) or re.search(r"\byes\s+or\s+no\b", text, re.I):
        return not re.match(
            rf"\W*{_AUXILIARY}\s+(?:you|we)\s+(?:list|name|summari|describe)", text, re.I
        )
    if _YES_NO.search(text):
        return True
    if _WH.search(text):
        return False
    return text.rstrip().endswith("?") and len(text.split()) >= _TITLE_WORDS and not _form(text)


def _form(text: str) -> re.Pattern[str] | None:
    """The form that an answer must have; of several questions, that of any of them will do."""
    forms = [_form_of_one(text[start:end]) for start, end in clauses(text)]
    if not any(forms):
        return None
    patterns = dict.fromkeys(form.pattern if form else "" for form in forms)
    return re.compile("|".join(patterns), re.I)


def _form_of_one(text: str) -> re.Pattern[str] | None:
    for asked, form in _QUANTITIES:
        if re.search(asked, text, re.I) and (
            form is not _DIGIT or (_WANTS_DOSE.search(text) and not _NO_DOSE.search(text))
        ):
            return form
    return None


def _direction(text: str) -> bool | None:
    """What a question asks about use; several questions that differ ask for nothing in common."""
    found = {_direction_of_one(text[start:end]) for start, end in clauses(text)}
    return found.pop() if len(found) == 1 else None


def _direction_of_one(text: str) -> bool | None:
    if not _WHO_OR_WHICH.search(text):
        return None
    if forbids(text):
        return True
    return False if _ASKS_USE.search(text) else None
