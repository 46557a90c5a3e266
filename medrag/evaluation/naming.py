"""Does an answer give a name or a quantity? In any spelling, inflection or unit, and undenied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ..grounding.candidates import has_verb
from ..grounding.question import forbids
from ..grounding.support.forms import root
from ..text.quantities import Quantity, quantities
from ..text.words import STOPWORDS, fold, stem, terms, words

_LONG_NAME, _OF_NAME = 2, 0.75  # content words of a name from which on so many of them do
TEXT = 300  # characters from which on a name is a text
_ROOT = 5  # letters that two forms of a word share at least
# What may follow these letters: "mutat-ed", "mutat-ion". No endings of drugs, enzymes or diseases
# are here: "predniso-ne" and "predniso-lone" are two names, "gastri-c" and "gastri-tis" as well.
_ENDINGS = frozenset(
    """
    a ae al ally an ance ant ar ary ate ated ation ations ce cy e ed ence ent er ers es eutic i ia
    ial ic ical ied ies ing ion ions ious is ise ised ism ist ity ive ly nce ncy nt or ors ous s ses
    sing sis t te tes tic tion tions um us
    """.split()  # noqa: SIM905
)
_SPELLINGS = (("ae", "e"), ("oe", "e"), ("our", "or"), ("sulph", "sulf"), ("isation", "ization"))
_GREEK = str.maketrans(
    {
        "α": " alpha ", "β": " beta ", "γ": " gamma ", "δ": " delta ", "ε": " epsilon ",
        "κ": " kappa ", "λ": " lambda ", "μ": " mu ", "ω": " omega ",
    }
)  # fmt: skip
_GLUED = re.compile(r"(?<=\d)(?=(?:alpha|beta|gamma|delta)\b)")  # "IL-1beta"
_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*")
_INSIDE = re.compile(r"\(([^()]+)\)")
_KEY_WORD = re.compile(r".*\d.*|\w|[ivx]+")  # "type 2", "kinase C", "factor IX": never left out
_LETTER_NAME = re.compile(r"(?<=\w[\s-])A\b")  # "protein kinase A"

_CLAUSE_ENDS = re.compile(r"[;:.!?](?=\s|\Z)|\b(?:but|whereas|although|though)\b", re.I)
_PART_ENDS = re.compile(rf",(?=\s|\Z)|{_CLAUSE_ENDS.pattern}", re.I)
_CONTRACTED = re.compile(r"n['’]t\b", re.I)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s\b", re.I)
_SIDE = re.compile(r"\W*(?:(?P<before>before|prior|earlier)|after|later|following)\b", re.I)
_NEAR = 100  # characters before and after a name in which it may be denied
_DENIED_BEFORE = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|without|except|unlike|excluding|whether|avoid(?:ed|ing|s)?"
    r"|(?:rather|better|other) than|instead of|apart from|(?:preferred|superior) (?:to|over)"
    r"|(?:failures?|futility|ineffectiveness) (?:of|with)) "
    r"(?!(?:only|just|merely|least|doubt)\b)(?:\w+ ){0,2}\Z"
)
_DENIED_AFTER = re.compile(
    r"\A(?:\w+ )??(?:(?:is|are|was|were|do|does|did|has|have|had|ca|can|could|should|must|may|wo"
    r"|will|would) (?:\w+ly )?(?:not|never|no longer)|cannot|never)(?: (?:be|been|an?|the))*"
    r"(?: (?P<what>.+))?\Z"
)
_EXCLUDED_AFTER = re.compile(
    r"\A(?:\w+ )??(?:(?:is|are|was|were|(?:proved|turned out)(?: to be)?|remains?"
    r"|(?:should|must|has to|have to) be"
    r"|(?:has|have|had) (?:\w+ )?been) (?:\w+ ){0,2}?(?<!not )(?<!never )"
    r"(?:contraindicated|avoided|ineffective|unsuitable|inappropriate|stopped|discontinued"
    r"|withheld|excluded|absent|useless|worthless|pointless|futile|unhelpful|powerless|inactive"
    r"|inert|obsolete|outdated|abandoned|superseded|withdrawn|disproved|disproven|refuted"
    r"|(?<!gram )negative|unsafe|unnecessary|ruled out"
    r"|(?:replaced|changed|switched) (?:by|with|to|for)))\b"
)
_FAILS_AFTER = re.compile(
    r"\A(?:\w+ ){0,5}?(?:fail(?:s|ed|ing)?\b|lack(?:s|ed)? (?:any )?(?:\w+ )?(?:efficacy|effect"
    r"\w*|activity|benefit|power)|(?:does|do|did) nothing|(?:has|have|had) nothing to do with"
    r"|(?:has|have|had|shows?|showed|plays?|played|makes?|made|brings?|brought|provides?"
    r"|provided|(?:is|are|was|were) of) (?:no|little|hardly any) (?:\w+ )?"
    r"(?:effect|influence|impact|use|benefit|value|role|place"
    r"|part|activity|efficacy|action|difference|help|advantage|good))(?: (?P<what>.+))?\Z"
)
_RELATIVE = re.compile(r"\A\s*,?\s*(?=(?:which|that)\b)")
# The other items of a list that a name begins: "X, Y and Z".
_ITEMS = re.compile(r"\A(?:\s*,\s*[\w-]+(?: [\w-]+)?){0,8}?\s*,?\s+(?:and|or)\s+[\w-]+(?= )")
# What is said of something else in relation to a name: that is the answer, not the name.
_REST = (  # the items of a list before a name; no other phrase begins there
    r"(?P<rest>(?: (?!(?:in|with|for|by|from|to|of|after|as|at|on|than|we|they|it|you|who|which"
    r"|that|is|are|was|were|has|have)\b)\w+){0,8}) \Z"
)
_ASIDE = re.compile(
    r"\b(?:(?P<effect>(?:side|adverse|unwanted|toxic) effects?|harms?|toxicity|complaints?"
    r"|allerg(?:y|ic|ies)|hypersensitiv\w+)(?: \w+){0,2}? (?:of|to|from|with|among)"
    r"|(?P<head>intoleran\w+|resistan(?:ce|t)|compared|comparisons?|tested|similar"
    r"|contrast|next|adjacent|related|differ(?:s|ent)?|distinguished|confused|mistaken|homologous"
    r"|half life|price|cost)"
    r"(?: \w+){0,3}? (?:of|to|with|from|for|against)|(?P<verb>beside|tolerat(?:e|es|ing)|resembl\w+"
    r"|mimic(?:s|ked)?)|(?:which|that|who) (?P<relative>interacts?|competes?|binds?) (?:with|to))"
    rf"(?: (?:those|that) (?:who take|caused by|of|with))?{_REST}"
)
_HEADED = re.compile(  # as the subject of a sentence
    r"\A(?:the |other |some |many |several )?(?P<head>modifiers?|regulators?|relatives|partners?"
    rf"|homologues?|homologs?|mimics?|neighbou?rs?|users?|opponents?) of{_REST}"
)
_CAUSES = frozenset(map(root, ("cause", "responsible", "lead", "trigger", "induce", "produce")))
# Denying these of a name says that it is not the answer, whatever was asked.
_USE = frozenset(
    """
    advised appropriate effective first given helpful indicated involved needed preferred present
    recommended responsible safe suitable used useful
    """.split()  # noqa: SIM905
)
# They say no more about what a name fails in: "in every trial", "here".
_ANYWHERE = frozenset(map(stem, ("trial", "study", "studies", "patient", "case")))


class Said:
    """What the statements of an answer say."""

    def __init__(self, texts: Sequence[str], question: str = "") -> None:
        # "Epidermal growth factor (EGF) family" is read with and without what is in brackets.
        forms = dict.fromkeys(form for text in texts for form in (text, _BRACKETS.sub(" ", text)))
        self._sentences = [_Sentence(form, question) for form in forms]
        self._texts = texts

    def names(self, name: str) -> bool:
        """Whether it gives a name with its quantities, and does not deny it.

        A short name has to be there word for word; of a longer one, most words near each other; of
        one as long as a text, most words anywhere.
        """
        if len(name) > TEXT:
            wanted = measured_terms(name)
            held = wanted & {term for text in self._texts for term in measured_terms(text)}
            return len(held) >= _OF_NAME * len(wanted) and self.has_quantities(name)
        return any(sentence.names(form) for form in _forms(name) for sentence in self._sentences)

    def has_quantities(self, text: str) -> bool:
        """Whether it gives every quantity of a text, on the same side: "5 days before"."""
        return all(
            any(one.gives(its, text[its.end :]) for one in self._sentences)
            for its in quantities(text)
        )


def measured_terms(text: str) -> set[str]:
    """The terms of a text; a quantity is one term, so that 0.1 g and 100 mg are equal."""
    found = [one for one in quantities(text) if one.dimension]
    for one in reversed(found):
        text = f"{text[: one.start]} {text[one.end :]}"
    return {*terms(text), *(f"{one.low:.4g} {one.high:.4g} {one.dimension}" for one in found)}


def denied_terms(text: str, question: str) -> set[str]:
    """The terms of a text that it gives only to deny them: "X" in "X is not used"."""
    sentence = _Sentence(text, question)
    denied = {at for at in range(len(sentence.words)) if sentence.denies(at, at + 1, aside=False)}
    kept = {stem(word) for at, word in enumerate(sentence.words) if at not in denied}
    return {stem(sentence.words[at]) for at in denied} - kept


class _Sentence:
    """A sentence of an answer, and what it denies."""

    def __init__(self, text: str, question: str) -> None:
        self._text = text
        # Who asks what must not be used is answered by a denial.
        self._asked = None if forbids(question) else {*terms(question)}
        self._quantities = quantities(text)
        self._folded = _folded(text)
        self.words = words(self._folded)
        self._places = [*_places(self._folded, self.words)]

    def names(self, name: str) -> bool:
        """Whether it gives one form of a name."""
        found = quantities(name)
        if len(found) == 1 and found[0].text == name.strip() and self.gives(found[0]):
            return True
        measured = [one for one in found if one.dimension]
        if not all(map(self.gives, measured)):
            return False
        for one in reversed(measured):
            name = f"{name[: one.begin]} {name[one.end :]}"
        form = words(_folded(name))
        if measured:  # "500 mg of amoxicillin" is also "amoxicillin 500 mg"
            form = [word for word in form if word not in STOPWORDS]
        letter = {"a"} if _LETTER_NAME.search(name) else set()
        content = [word for word in form if word not in STOPWORDS or word in letter]
        if not content:
            return bool(measured)
        return any(self._names_at(at, form, content) for at in range(len(self.words)))

    def gives(self, wanted: Quantity, follows: str = "") -> bool:
        """Whether it gives a quantity in any unit, and neither denies nor bounds it otherwise.

        Args:
            follows: what follows the quantity where it is wanted.
        """
        return any(
            one.dimension == wanted.dimension
            and one.same_value(wanted)
            and not (one.sign and wanted.sign and one.sign[0] != wanted.sign[0])
            and {_side(follows), _side(self._text[one.end :])} != {"before", "after"}
            and not self._is_denied(self._text[: one.begin], self._text[one.end :])
            for one in self._quantities
        )

    def denies(self, start: int, end: int, aside: bool = True) -> bool:
        """Whether it denies what stands from one word to another.

        Args:
            aside: what is only named in passing counts as denied, too.
        """
        first, last = self._places[start][0], self._places[end - 1][1]
        return self._is_denied(self._folded[:first], self._folded[last:], aside)

    def _names_at(self, at: int, form: Sequence[str], content: Sequence[str]) -> bool:
        run = self.words[at : at + len(form)]
        if len(run) == len(form) and all(map(_same, run, form)):
            return not self.denies(at, at + len(form))
        if len(content) < _LONG_NAME or not any(_same(self.words[at], word) for word in content):
            return False
        near = self.words[at : at + 2 * len(form)]
        held = [word for word in content if any(_same(word, other) for other in near)]
        if len(held) < _OF_NAME * len(content):
            return False
        if any(_KEY_WORD.fullmatch(word) for word in content if word not in held):
            return False
        return not self.denies(at, at + 1)

    def _is_denied(self, before: str, after: str, aside: bool = True) -> bool:
        """Whether what stands between two texts is denied, or only named in passing."""
        if self._asked is None:
            return False
        said = f"{_spaced(_CLAUSE_ENDS.split(before[-_NEAR:])[-1])} "
        if _DENIED_BEFORE.search(said) or (aside and self._is_aside(said)):
            return True
        after = after[:_NEAR]
        follows = [_RELATIVE.sub("", after)]
        if items := _ITEMS.match(after):
            follows.append(after[items.end() :])
        return any(self._denies_so(_spaced(_PART_ENDS.split(one)[0])) for one in follows)

    def _is_aside(self, said: str) -> bool:
        """Whether a clause up to a name says something of another thing: "an allergy to"."""
        assert self._asked is not None
        found = _ASIDE.search(said) or _HEADED.search(said)
        if not found or has_verb(found["rest"]):
            return False
        named = {kind: text for kind, text in found.groupdict().items() if text and kind != "rest"}
        asked = {*map(root, self._asked)}
        if "effect" in named and not asked.isdisjoint(_CAUSES):
            return False
        return asked.isdisjoint(root(word) for text in named.values() for word in words(text))

    def _denies_so(self, follows: str) -> bool:
        """Whether what follows a name denies what was asked of it."""
        assert self._asked is not None
        if _EXCLUDED_AFTER.search(follows):
            return True
        denied = _DENIED_AFTER.search(follows) or _FAILS_AFTER.search(follows)
        if not denied:
            return False
        what = words(denied["what"] or "")
        about = [one for one in terms(denied["what"] or "") if one not in _ANYWHERE][:2]
        return not about or what[0] in _USE or not self._asked.isdisjoint(about)


def _side(follows: str) -> str:
    """ "before" or "after", as what follows a time says; "" if it says neither."""
    found = _SIDE.match(follows)
    return "" if not found else "before" if found["before"] else "after"


def _folded(text: str) -> str:
    text = _THOUSANDS.sub("", _POSSESSIVE.sub("", _CONTRACTED.sub(" not", text)))
    return _GLUED.sub(" ", fold(text).translate(_GREEK))


def _places(folded: str, found: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where each word stands in a folded text."""
    end = 0
    for word in found:
        start = folded.index(word, end)
        end = start + len(word)
        yield start, end


def _spaced(text: str) -> str:
    return " ".join(words(_folded(text)))


def _forms(name: str) -> list[str]:
    """A name, and "X" and "Y" for "X (Y)"."""
    inside = [one for one in _INSIDE.findall(name) if not quantities(one)]
    return [name, _BRACKETS.sub(" ", name), *inside] if inside else [name]


@lru_cache(maxsize=100_000)
def _same(one: str, other: str) -> bool:
    """Whether two words are forms of one word."""
    if one == other:
        return True
    if min(len(one), len(other)) < 4:
        return False
    one, other = _spelled(one), _spelled(other)
    if stem(one) == stem(other):
        return True
    return any(
        one[:cut] == other[:cut] and _is_ending(one[cut:]) and _is_ending(other[cut:])
        for cut in range(_ROOT, min(len(one), len(other)) + 1)
    )


def _spelled(word: str) -> str:
    for british, american in _SPELLINGS:
        word = word.replace(british, american)
    return word


def _is_ending(rest: str) -> bool:
    return not rest or rest in _ENDINGS
