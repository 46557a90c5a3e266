"""What one sentence says to a yes/no question: yes, no, or that it is open.

Rules on words, in the manner of NegEx (Chapman et al. 2001): in the clause that speaks of what is
asked, a denial or an opposite makes it a no.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...text.words import stem, terms, words
from ..question import NOT_FORBIDDEN, Question, allows, forbids
from ..roles import Role, role_of
from ..support.clauses import AUXILIARIES
from ..support.contrasts import contrast
from ..support.sentences import parse
from ..table_rows import is_row
from . import cells, leave
from .directions import asks_effect, denies_other_way, prefixed, turn
from .topic import asks_use, in_other_circumstances, is_about, share_of
from .verdicts import verdict

# Least share of the subjects of the question in a sentence or clause.
_SHARED_WAY = 0.5  # in a clause that goes the other way
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
_NOT_DONE = re.compile(
    rf"(?:\bcannot|\b{_MAY}(?:n['’]t| not)|\bnot|\bnever|\bunable to|\bfail(?:s|ed)? to)"
    r"(?: be)?(?: \w+ly)? (?P<verb>\w+)",
    re.I,
)
_NO_DENIAL = re.compile(
    r"\bnot only\b|\bwhether or not\b|\bnot (?:previously|yet|inferior|to mention)\b|\bif not\b",
    re.I,
)
# "Not uncommon" is not "common".
_LITOTES = re.compile(
    r"\b(?:not|never|hardly)(?: \w+ly)? (?P<word>un\w{4,}|in(?:frequent|effective|significant)\w*"
    r"|impossible|improbable|rare\w*|without|non-?\w{5,})\b",
    re.I,
)
_RULES_OUT = re.compile(r"\b(?:exclud\w+|rul(?:e|es|ed|ing) (?:\w+ )?out)\b", re.I)
_NOT_RULED_OUT = re.compile(
    r"\b(?:cannot|not|never|impossible to|unable to)\b[^.;]{0,30}"
    r"\b(?:exclud\w+|rul(?:e|es|ed|ing) (?:\w+ )?out)\b",
    re.I,
)
_NONE_ALLOWED = re.compile(
    r"\bno (?:\w+ ){0,8}?(?:safe|suitable|permitted|allowed|recommended|licensed)\b", re.I
)
_ASKS_LEAVE = re.compile(r"\W*(?:can|may|should|could)\b", re.I)
COMBINED = re.compile(
    r"\b(?:combin\w+|concomitant(?:ly)?|concurrent(?:ly)?|co-?administ\w+|co-?prescri\w+"
    r"|together)\b",
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
        (
            r"safe(?:ly)?\b",
            r"unsafe|harmful|dangerous|toxic|teratogenic|contra-?indicat|avoid",
        ),
        (
            r"differ|distinct|alter|change|influence|affect",
            r"similar|comparable|the same\b|equal",
        ),
        (r"common\b|frequent", r"rare|uncommon|infrequent"),
        (r"stop|discontinu|paus|withh[eo]ld", r"continu"),
        (r"dominant", r"recessive"),
        (r"benign", r"malignant"),
        (r"agonist", r"antagonist"),
    )
)
# "Is A as good as B?": no difference means yes.
_ASKS_SAMENESS = re.compile(
    r"\b(?:similar|comparable|equivalent|equal\w*|same|agree\w*|non-?inferior"
    r"|as \w+ (?:\w+ ){0,3}as)\b",
    re.I,
)
_SAMENESS = re.compile(
    # not "that similar doses": there it compares nothing
    r"(?<!that )(?<!using )(?<!of )\b(?:similar|comparable|equivalent|equal\w*|the same"
    r"|no (?:\w+ )?differences?|not differ"
    r"|non-?inferior\w*|unchanged|as \w+ as|just as \w+"
    r"|as (?:often|common|frequent|likely|long|many|high|low|good|well)"
    r" (?:with|in|after|on|without)"
    r"|no (?:less|more|fewer|better|worse|\w+er)(?: \w+){0,3} than(?! \d))\b|n['’]t differ\b",
    re.I,
)
_DIFFERS = re.compile(
    r"\b(?:more|less|fewer|better|worse|\w{3,}er)(?: \w+){0,3} than\b|\b(?:superior|inferior) to\b"
    r"|\b(?:was|were|is|are) different\b|\bdiffer(?:s|ed)\b",
    re.I,
)
_AT_LEAST_AS = re.compile(r"\bat least as\b|\bnon-?inferior", re.I)
_NON_INFERIOR = re.compile(r"\bnon-?inferior", re.I)
_NOT_SAME = re.compile(
    r"\b(?:not|never|fail\w*|no)\b[^.;]{0,30}\b(?:non-?inferior|equivalen|similar|comparable)"
    r"|\b(?:non-?inferiority|equivalence|similarity)\b[^.;]{0,60}\b(?:not|unproven|fail\w*)\b",
    re.I,
)
_ASKS_INFLUENCE = re.compile(r"\b(?:influenc|affect|alter|chang|prevents?\b|differ)", re.I)
_CONTROL = re.compile(r"\b(?:placebo|sham|untreated|no[ -]treatment|controls?)\b", re.I)
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
_CLAUSES = re.compile(
    r"[;,] (?:but|although|though|while|whereas|however|and)\b|; |\bbut\b|\balthough\b|\bwhereas\b"
    rf"|\band (?={_MAY} not\b)|(?<=[a-z]{{3}}\.) (?=[A-Z])"
)

# "It may be continued, because it does not cross into milk": only the reason denies.
_REASON = re.compile(
    r",?\s*\b(?:because|(?:since|as) (?:it|they|there|this|these)\b).*", re.I | re.S
)
_PLAIN = re.compile(r"\W*(yes|no)[.,:;!]", re.I)


def says(asked: Question, subjects: set[str], sentence: str) -> str:
    """What one sentence says to the question; "" if it only introduces."""
    if both := contrast(sentence):  # "A but not B": the question is about the one or the other
        if _CONTROL.search(both.other.text) or not both.is_of_other(parse(asked.text)):
            return _says(asked, subjects, both.affirmed)
        told = _says(asked, subjects, both.denied)
        return {"yes": "no", "no": "yes"}.get(told, told)
    return _says(asked, subjects, sentence)


def _says(asked: Question, subjects: set[str], sentence: str) -> str:
    """What a sentence that draws no contrast says to the question."""
    if plain := _PLAIN.match(sentence):
        return "yes" if plain[1].lower() == "yes" else "no"
    sentence = re.sub(r"[*_~]+", "", sentence)
    if (told := cells.listed(asked, subjects, sentence)) is not None:
        return told
    if cell := cells.nearest(subjects, sentence):
        if told := cells.mark(asked, *cell):
            return told
        sentence = ": ".join(cell)
    role = role_of(sentence)
    if role in (Role.background, Role.method, Role.aim):
        return ""
    if _UNCLEAR.search(sentence) or _leaves_open(asked, sentence):
        return "unclear"
    if told := verdict(asked, sentence):
        return told
    clauses = _CLAUSES.split(_NO_DENIAL.sub(" ", sentence))
    if is_row(sentence):
        clauses = clauses[1:]  # the first cell is what the row is about
    clause = _nearest(asked, subjects, clauses)
    clause = _denied(asked, subjects, clause, clauses) or clause
    clause = _REASON.sub("", clause) or clause
    if same := _sameness(asked, clause):
        return same
    if (asks_use(asked) or _ASKS_LEAVE.match(asked.text)) and NOT_FORBIDDEN.search(clause):
        return "no" if forbids(asked.text) else "yes"
    if asks_use(asked) and _NONE_ALLOWED.search(clause):
        return "yes" if forbids(asked.text) else "no"
    if _ASKS_HARM.search(asked.text):
        return "no" if _DENIES.search(clause) else "yes" if _HARMS.search(clause) else ""
    allowed = allows(COMBINED.sub(" ", clause))  # a combination is named, not allowed
    if asks_use(asked) and (forbids(clause) or _HARMS.search(clause)) and not allowed:
        return "yes" if forbids(asked.text) else "no"
    way = turn(asked.text, clause) if share_of(subjects, clause) >= _SHARED_WAY else 0
    turned, clause = prefixed(asked.text, clause)
    if turned:
        return "yes" if _DENIES.search(clause) else "no"
    if way < 0 and denies_other_way(asked.text, clause):
        return "unclear"
    denied = _DENIES.search(clause) is not None or way < 0 or (way == 0 and _opposed(asked, clause))
    if _ASKS_DENIAL.search(asked.text):
        return "yes" if denied else _leave(asked, clause, sentence, "no")
    about = role is Role.conclusion or share_of(subjects, sentence) >= _SHARED_NO
    return "no" if denied and about else _leave(asked, clause, sentence, "yes")


def _leave(asked: Question, clause: str, sentence: str, answer: str) -> str:
    """The answer that nothing denies, if it needs no leave or has it; see `leave.given`."""
    if not leave.asks_leave(asked):
        return answer
    told = leave.given(asked, clause, _REASON.sub("", sentence))
    turned = {"yes": "no", "no": "yes"} if answer == "no" else {}
    return turned.get(told, told)


def _denied(asked: Question, subjects: set[str], nearest: str, clauses: Sequence[str]) -> str:
    """The clause that denies what is asked, in a sentence that first says what is so; or "".

    "It shows X but cannot tell Y from Z" is about "Can it tell Y?", though "it" is named before:
    it denies the verb of the question, of something that only this clause names.
    """
    verbs = {stem(word) for word in words(asked.text)} - subjects
    known = {*terms(nearest)}
    for clause in clauses:
        own = subjects & {*terms(clause)} - known
        for one in _NOT_DONE.finditer(clause) if own else ():
            if stem(one["verb"].lower()) in verbs | subjects:
                return clause
    return ""


def _nearest(asked: Question, subjects: set[str], clauses: Sequence[str]) -> str:
    """The clause that shares most with a question, of those that hold in its circumstances.

    "A rash is common, and does not mean allergy": what has no subject has that of the first one.
    """
    own = [one for one in clauses if not in_other_circumstances(asked.text, one)] or clauses
    if asks_use(asked):  # "Heparin is used; DOACs are contraindicated" forbids apixaban
        own = [one for one in own if is_about(asked.text, one)] or own
    opening = clauses[0].split()
    verb = next((at for at, word in enumerate(opening) if word.lower() in AUXILIARIES), 0)
    subject = " ".join(opening[:verb])

    def shared(clause: str) -> float:
        if asks_use(asked) and COMBINED.search(clause):
            return 2.0  # before any other: "A raises B; the combination is avoided"
        first = (clause.split() or [""])[0].lower()
        inherits = clause is not clauses[0] and first in AUXILIARIES
        return share_of(subjects, f"{subject} {clause}" if inherits else clause)

    return max(own, key=shared)


def _leaves_open(asked: Question, sentence: str) -> bool:
    """Whether a sentence says no more than that something may be: "not rare", "cannot be excluded".

    It does not where the question has the word that is denied: "Is it rare?", "Does it exclude …?"
    """
    if _NOT_RULED_OUT.search(sentence) and not _RULES_OUT.search(asked.text):
        return True
    denied = _LITOTES.search(sentence)
    if denied is None or (asks_use(asked) and NOT_FORBIDDEN.search(sentence)):
        return False
    return stem(denied["word"].lower()) not in {*map(stem, asked.text.lower().rstrip("?").split())}


def _sameness(asked: Question, clause: str) -> str:
    """What a clause that calls two things equal says to a question about more or as much."""
    asks_same = _ASKS_SAMENESS.search(asked.text) is not None
    if asks_same and _NOT_SAME.search(clause):
        return "no"
    if not _SAMENESS.search(clause):
        differs = asks_same and _DIFFERS.search(clause) and not _DENIES.search(clause)
        return "no" if differs and not _AT_LEAST_AS.search(asked.text) else ""
    if asks_same:
        return "yes"
    if _NON_INFERIOR.search(clause):
        return "unclear"  # it may be superior or not
    effect = asks_effect(asked.text) or _ASKS_INFLUENCE.search(asked.text)
    return "no" if (effect or _CONTROL.search(clause)) and not asks_use(asked) else ""


def _opposed(asked: Question, clause: str) -> bool:
    """Whether a clause has the opposite of a word of the question."""
    return any(
        _disagree(asked.text, clause, *pair) or _disagree(asked.text, clause, *pair[::-1])
        for pair in _OPPOSITES
    )


def _disagree(asked: str, said: str, one: re.Pattern[str], other: re.Pattern[str]) -> bool:
    only_one = one.search(asked) and not other.search(asked)
    return bool(only_one and other.search(said) and not one.search(said))
