"""Limits, doses and choices that a question may ask for: the maximum, the loading dose, first-line.

Tables; see `wording.py`.
"""

from __future__ import annotations

from .wording import RANGE, kind

_DOSE = r"(?:\w+ ){0,2}?(?:dos(?:es?|age|ing)|infusion rate)\b"
_COUNTABLE = (
    r"(?:dos(?:es?|age|ing)|amounts?|number|rates?|age|intervals?|durations?|levels?"
    r"|concentrations?|intake|limits?|weight|volume|temperature|count|time|speed|tablets|scores?"
    r"|value|pressure|frequency|power|strength|recommended|acceptable|permitted|safe|allowed"
    r"|glucose|sugar|gap|waiting|spacing)\b"
)
_BOUNDS = r"\b(?:at which|allowed|acceptable|safe|permitted|tolerated|can be|may be|still)\b"
_LASTING = r"(?:[\w-]+ ){0,3}?(?:duration|time|interval|age|length)"
# The maximal effect is no maximal dose, and "up to three weeks" neither.
_NO_EFFECT = (
    r"(?![\s-]+(?:\w+[\s-]+){0,2}?(?:effects?|benefits?|responses?|concentrations?|levels?|plasma"
    r"|improvements?|reductions?|relief|activity)\b)"
)
_NO_TIME = rf"(?! (?:about )?{RANGE}[\s-]*(?:minutes?|hours?|days?|weeks?|months?|years?)\b)"


def _most(up_to: str) -> str:
    """How a text gives a maximum.

    Args:
        up_to: what "up to" must not be followed by.
    """
    return (
        rf"\b(?:(?<!effect is )(?:max(?:imum|imal)?|highest|largest|greatest)\b{_NO_EFFECT}|ceiling"
        rf"|at (?:the )?most|at the latest|up to\b{up_to}|exceed\w*|limit(?:ed)? (?:to|of|is)"
        r"|(?:dose|daily|upper|age|weekly|safe) limit|capped"
        r"|(?:stay|keep|kept|remain)\w* (?:below|under|within)|stop\w*(?= \w+ after))\b|≤"
        r"|(?:\b(?:no|not|never|cannot)|n['’]t) (?:[\w-]+ ){0,5}?(?:more|longer|later|higher"
        r"|greater|faster|older|larger|above|over|beyond|exceed(?:ed|ing)?)\b"
        r"|\b(?:above|over|beyond|higher|more|greater)\b.{1,50}?\b(?:not|no|never|avoid\w*|toxic\w*"
        r"|unsafe|dangerous|harm\w*)\b"
    )


_MOST, _LONGEST = _most(_NO_TIME), _most("")
_LEAST = (
    r"\b(?:min(?:imum|imal)?|lowest|smallest|least|(?:not?|never) (?:\w+ ){0,2}?(?:less|fewer"
    r"|lower|younger|under|below|before|earlier|sooner)|from (?=\d|the age|age)|above|over"
    r"|more than|exceed\w*|or (?:more|older|over|above|higher)|onwards|older than|wait|threshold"
    r"|lower limit|as (?:little|low|few) as|enough|suffic\w+|apart|after|starting at)\b|[≥>]"
)
_BOUNDED = r"\d\s*(?:to|and|[-–—])\s*\d"
_A_DAY = (
    r"\b(?:dail\w*|nightly|in the (?:morning|evening)|at (?:night|bedtime)|24[\s-]*h\w*|hourly"
    r"|(?:an?|per|each|every|one|any|first|the) day|every (?:\w+ ){1,3}?hours?|[bt]\.?i\.?d"
    r"|q\.?i\.?d|o\.?d)\b|/d(?:ay)?\b|-hourly\b"
)

LIMITS = (
    kind(
        r"\b(upper (?:age )?limit)\b",
        rf"{_MOST}|{_BOUNDED}|\b(?:above|over|(?:more|longer|higher|greater|older) than) \d",
    ),
    kind(r"\b(lower (?:age )?limit)\b", rf"{_LEAST}|{_BOUNDED}"),
    kind(rf"\b(maximum|maximal)(?= {_LASTING})", _LONGEST),
    kind(rf"\b(highest)(?=.{{1,30}}{_BOUNDS})", rf"{_MOST}|\b(?:under|below|less than|lower) "),
    kind(
        rf"\b(?:(maxim(?:um|al)|max)(?! {_LASTING}| (?:effect|benefit|response)\b)"
        rf"|(highest|largest|greatest)(?= (?:[\w-]+ ){{0,4}}?{_COUNTABLE})"
        r"|(ceiling(?= (?:dose|of|for|in)\b)|(?:must|should|may|can)(?: not|n['’]t) be exceeded"
        r"|at most|how high(?= can\b| may\b| (?:[\w-]+ ){1,4}go\b)"
        r"|(?:up )?to (?:what|which) (?:dose|maximum|amount|age|level)"
        r"|the most(?= [\w-]+ (?:I|you|we|one|someone|an?)\b))"
        r"|(?<!upper )(?<!lower )(?<!age )(?<!time )(limit)(?= (?:of|for|to)\b))\b",
        _MOST,
    ),
    kind(
        rf"\b(minimum|(?:minimal|lowest|smallest)(?= (?:[\w-]+ ){{0,4}}?{_COUNTABLE}"
        rf"|.{{1,30}}{_BOUNDS}))",
        _LEAST,
    ),
    kind(
        r"\b((?:below|above|under|over|from|beyond) (?:which|what) [\w-]+|thresholds?"
        r"|cut-?offs?)\b",
        rf"{_MOST}|{_LEAST}|<|\b(?:below|under|less|lower|fall\w*|drop\w*|reach\w*|rise\w*|high\w*"
        r"|at|between|cut-?offs?|defin\w+|or)\b.{0,30}\d",
    ),
    kind(
        rf"\b(daily)(?= {_DOSE}| (?:intake|amount|limit|requirement|maximum))"
        r"|\bhow (?:much|many)\b.{0,60}?\b((?:per|a|each) day|daily)\b",
        _A_DAY,
    ),
    kind(rf"\b(weekly)(?= {_DOSE})", r"week"),
    kind(rf"\b(single)(?= {_DOSE})", r"\b(?:single|once|one|each|per dose|a time)\b"),
)

_START = r"\b(?:start\w*|beg[aiu]n\w*|initia\w*|introduc\w*|commenc\w*|first|day 1|opening|then)\b"
DOSES = (
    kind(
        rf"\b(start(?:ing)?|initial|initiation|first)(?= {_DOSE})"
        r"|\bdose\b.*\b(start(?:ed)?|begin|begun)\b"
        r"|\A\W*how (?:is|are|do you) .*\b(start(?:ed)?|initiated?|begun?|introduced?)\b",
        _START,
    ),
    kind(
        r"\b(loading|bolus)\b",
        r"\b(?:load\w*|bolus\w*|initial\w*|first|rapid\w*|digitali[sz]\w*|at once|single|stat"
        r"|immediate\w*|then|followed by|reload\w*)\b",
    ),
    kind(
        r"\b(maintenance)\b(?! of)",
        r"\b(?:mainten\w*|maintain\w*|continu\w*|thereafter|then|long[- ]term|subsequent\w*"
        r"|follow(?:ed|ing) by|afterwards|later|stable"
        r"|(?:after|following) (?:the |an? )?(?:loading|initial|first|bolus|induction))\b",
    ),
    kind(
        rf"\b(target)(?= {_DOSE})",
        r"\b(?:target\w*|aim\w*|goal\w*|(?:increase|raise|titrate|build)\w* (?:up )?to|full"
        r"|reach\w*)\b",
    ),
    kind(
        rf"\b(usual|typical|standard|normal)(?= {_DOSE})",
        r"\b(?:usual\w*|normal\w*|typical\w*|standard|common\w*|most|mainten\w*|then|thereafter"
        r"|mainly|recommend\w*|average)\b",
        beside=rf"{_START}|\b(?:load\w*|max\w*)\b",
    ),
)

_NEXT = (
    r"\b(?:second(?!s|ary| dose)|2nd|third|next|fail\w*|alternativ\w*|inadequate\w*|refractory"
    r"|add\w*|switch\w*|chang\w+ to|despite|resist\w*|relaps\w*|instead|remain\w*|persist\w*"
    r"|unresponsive|intoleran\w*|otherwise|progress\w*|recurr\w*|salvage|rescue\w*|step up|later"
    r"|reserved?|cannot|can['’]t|unsuitable|contra-?indicated"
    r"|not (?:\w+ ){0,2}?(?:suitable|possible|respon\w+|toler\w+|help\w*|control\w*|work\w*"
    r"|suffic\w+|enough))\b"
)
CHOICES = (
    kind(
        r"\b((?<!failure of )first[- ](?:line|choice)|of choice"
        r"|(?:(?<=tried )|(?<=try )|(?<=start )|(?<=used )|(?<=given )|(?<=done )"
        r"|(?<=offered ))first|comes first"
        r"|first(?= (?:drug|treatment|test|step|investigation)\b)|gold standard|initially"
        r"|initial(?= (?:treatment|therapy|management|investigation|test)\b))\b",
        r"\b(?:first(?! (?:day|week|month|year|hour|dose|trimester|\d))|1st|initial\w*"
        r"|beg[iau]n\w*|start\w*|prefer\w*|of choice|mainstay|standard|recommend\w*|favou?red"
        r"|primar\w+|usual\w*|main|cornerstone|backbone|should be|offer\w*|always|then|before)\b",
    ),
    kind(
        r"\b(most (?:common|frequent|important|effective|sensitive|specific|likely|accurate"
        r"|reliable))(?:ly)?\b",
        r"\b(?:most\w*|main\w*|common\w*|frequen\w+|leading|major\w*|predomina\w+|chief\w*"
        r"|primar\w+|usual\w*|typical\w*|often|first|highest|best|superior|more|key|gold"
        r"|sensitiv\w+|specific\w*|accura\w+|likely|largest|standard|prevalent|effective\w*"
        r"|popular|responsible|half|one in|almost all|nearly all)\b|%",
    ),
    kind(
        r"\b((?:second|third)[- ](?:line|choice)|(?<=tried )second|(?<=comes )next"
        r"|next(?= (?:step|line|drug|treatment|option)\b))\b",
        _NEXT,
    ),
    kind(
        r"\b((?:after|following) (?:the )?failure (?:of|on) [\w-]+(?: (?!in\b|of\b)[\w-]+)?"
        r"|(?:if|when|where) [\w-]+(?: [\w-]+)? (?:(?:do|does|did|has|have|is|are)(?:n['’]t| not)"
        r" (?:help|work|respond|enough|effective|tolerated)\w*|(?:(?:has|have) )?fail(?:s|ed)?))\b",
        _NEXT,
    ),
)
