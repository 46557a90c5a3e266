"""Times, numbers, reasons, persons and places that a question may ask for.

Tables; see `wording.py`.
"""

from __future__ import annotations

from .wording import COUNT, NUMBER, TIME, UNIT, figure, kind

_OFTEN = (
    r"\b(?:once|twice|thrice|daily|\w*weekly|\w*monthly|\w*yearly|annual\w*|nightly|hourly|every"
    r"|each|per|times|alternate|morning|evening|bedtime|at night|as needed|when needed|single"
    r"|rare\w*|repeat\w*|regular\w*|[bt]\.?i\.?d|q\.?i\.?d|o\.?d"
    r"|(?:an?|the) (?:hour|day|week|month|year))\b|/d(?:ay)?\b|-hourly\b|%"
)
_YEAR = r"\b(?:1[5-9]|20)\d\d\b|\bcentury\b|\byears? ago\b|\b\d0s\b"
_MONTH = (
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december)\b"
)
# What happened once: a "when" is a year, a "where" has a name.
_HISTORY = (
    r"\b(?:discover|approv|licen[sc]|describ|introduc|publish|invent|patent|launch|withdrawn"
    r"|eradicat|isolat|identif|develop)\w*"
)
_PLACE = (
    r"(?-i:\b(?:in|at|from|of|to) (?:the )?(?!Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[A-Z]"
    r"|\A\W*[A-Z]\w+(?: [A-Z]\w+)?\W*\Z|\b[A-Z]\w+(?:ese|ish|ian)\b)"
)
_WHEN = (
    rf"{TIME}|{_YEAR}|{_MONTH}|\b(?:when|once|if|after|before|during|until|as soon as|while|within"
    r"|at|by|on|immediate\w*|days?|weeks?|months?|years?|age|hours?|following|for|early|late\w*"
    r"|unless|in (?:patients|people|adults|cases|women|children|those|pregnancy|case))\b"
)

TIMES = (
    kind(
        r"\b(how long|(?:for )?how many (?:\w+ )?(?:days|weeks|months|years|hours|minutes)"
        r"(?! (?:a|per|each) ))\b",
        rf"{TIME}|\b(?:no longer|immediate\w*|short|long|never)\b|\d\s?(?:bp|kb|mb|base|amino|aa"
        r"|residues|nucleotides|nt|exons|[cmk]?m|met(?:re|er)s?)\b",
    ),
    kind(r"\b(duration)\b(?! of action)", rf"{TIME}|\b(?:short|long)\w*\b"),
    kind(
        r"\b(duration of action)\b",
        rf"\b(?:last|act(?!ion)|work|persist|protect|durat|wear)\w*.{{0,40}}?{TIME}"
        rf"|{TIME}.{{0,20}}(?:action|duration)",
    ),
    kind(
        r"\b(onset of (?:action|effect))\b",
        rf"(?<!off )(?<!lasts )\b(?:beg[iau]n|start|onset|set in|within|act|work|effect|reliev"
        rf"|after)\w*\b.{{0,30}}?{TIME}|\bimmediate",
    ),
    kind(
        r"\b(how (?:soon|quickly|fast|early|late))\b",
        rf"{TIME}|\b(?:immediate\w*|at once|as soon as|urgent\w*|emergenc\w+|promptly"
        r"|straight ?away|rapid\w*|quick\w*|slow\w*|before|within|(?:same|next) day|day of|early"
        r"|fast)\b",
    ),
    kind(r"\b(how (?:often|frequently)|how many times(?: (?:a|per) \w+)?)\b", _OFTEN),
    kind(
        r"\b(half-? ?li(?:fe|ves))\b",
        rf"\bhalf-? ?li(?:fe|ves)\b|\bhalf of\b|\bt\s?(?:1/2|½)"
        rf"|\b(?:eliminat|clear|excret|leav)\w*\b.{{0,40}}?{TIME}",
    ),
    kind(r"\b(incubation (?:period|time)|shelf[- ]life|life ?span)\b", TIME),
    kind(
        r"\b(?:what|which)\b.{0,25}?\b(?<!qt )(?<!qtc )(?<!reference )(?<!confidence )"
        r"(intervals?)\b",
        rf"{TIME}|{_OFTEN}|\bapart\b",
    ),
    figure(r"\b((?:median|mean|average|overall) survival|life expectancy)\b", rf"{TIME}|\d"),
    figure(r"\b(?:which|what)(?: was the)? (year)\b", _YEAR),
    figure(
        rf"\A\W*(when) (?:was|were|did)\b(?=.*{_HISTORY})|{_HISTORY}.*\band (when)\W*\Z",
        rf"{_YEAR}|{_MONTH}|\b\d{{2}}s\b|\b(?:recent|ancient|war\b|antiquity)",
    ),
    figure(r"\A\W*(when) (?:was|were|did)\b", rf"{_YEAR}|{_MONTH}|\d|\b(?:after|before|during)\b"),
    figure(
        r"\b(?:what|which|the) ((?:minimum |average |mean |median )?age)\b",
        r"\d|\b(?:childhood|adult\w*|birth|infan\w+|new-?born\w*|neonat\w+|adolescen\w+|decades?"
        r"|years?|months?|elderly|puberty|menopause|old|young\w*|any age|age of|school)\b",
    ),
    kind(r"\A\W*(timing)\b|\b(timing)(?= of\b)|\band (when)\W*\Z", _WHEN),
    kind(r"(?:\A\W*|[:,;]\s+|\band )(when) (?:is|are|should|does|do|can|must)\b", _WHEN),
)

_PERSONS = (
    r"(?:patients?|people|persons?|participants?|subjects?|adults?|individuals?|wom[ae]n|m[ae]n"
    r"|cases|children|infants|volunteers?|families|probands?)\b"
)
NUMBERS = (
    figure(
        r"\b(?:what|which)\b[^.?]{0,25}?\b(percentage|proportion|fraction|share)\b",
        rf"%|\bper ?cent\b|\b(?:half|third|quarter|tenth|fifth|none|all (?:of|patients))\b"
        rf"|\bin (?:every )?{COUNT}|\d ?(?:/|of|out of|per)(?: every)? ?\d|\bout of\b|\d\.\d",
    ),
    kind(
        rf"\b(how many (?:[\w-]+ )?{_PERSONS})(?! (?:are|is) (?:affected|diagnosed))",
        rf"{COUNT}(?: (?!of\b|targets\b)[\w-]+){{0,4}}? {_PERSONS}"
        r"|\b(?:enrol|includ|recruit|random|total)\w*\b.{0,25}?\d|\bn ?= ?\d|%|\bin \d",
    ),
    figure(
        r"\b(how (?:many|much) (?:milligrams?|micrograms?|grams?|mg|mcg))\b",
        r"\d\s?(?:[mkµμu]?g|mcg|(?:milli|micro)?gram(?:me)?s?)\b",
    ),
    kind(
        r"\b(how many (?:tablets|capsules|puffs|drops|units|points|doses|injections))\b",
        rf"(?:{COUNT}|\bsingle)(?: \w+){{0,2}}? (?:tablets?|capsules?|puffs?|drops?|units?|points?"
        rf"|doses?|injections?|IU)\b|(?:points?|puffs?|score\w*|doses?)\b.{{0,15}}?{COUNT}",
    ),
    figure(
        r"\b(how many (?!times|days|weeks|months|years|hours|minutes)[\w-]+)",
        rf"{COUNT}|\b(?:single|both|pair|no|none|only|unknown|rare|common|many|most|every|each"
        r"|multiple|an?)\b",
    ),
    figure(
        r"\b(how (?:high|low|large|great|big|likely) (?:is|are|was|were))\b",
        r"\d|%|\b(?:half|third|quarter|one in|unknown|low\w*|high\w*|likely|small\w*|large\w*)\b",
    ),
    figure(
        r"\b(how (?:common|rare|frequent))\b",
        r"\d|%|\b(?:rare\w*|common\w*|uncommon|unusual|frequen\w+|affects|million|prevalen\w+"
        r"|inciden\w+|often|unknown|half|third|quarter|one in|few|most)\b",
    ),
    figure(
        r"\bwhat (?:is|are|was) (?:the )?(?:\w+ ){0,2}?(risk|chances?|probability|likelihood)"
        r"(?= of\b| that\b)",
        r"\d|%|\b(?:low|high|increas|rais|reduc|rare|common|uncommon|small|large|double|tripl|fold"
        r"|times|one in|half|similar|no\b|great|less|more|unlikely|likely|unknown)\w*",
    ),
    figure(
        r"\b(?:what|which) (?:is|was|are|were) (?:the )?(?:[\w-]+ ){0,3}?(prevalence|incidence"
        r"|mortality(?: rate)?|(?:case )?fatality(?: rate)?|sensitivity|specificity|p[- ]value"
        r"|(?:odds|hazard) ratio|(?:success|recurrence|survival|response) rate)\b",
        r"\d|%|\b(?:half|third|quarter|one|nine) (?:in|out of|of)\b"
        r"|\b(?:rare\w*|common\w*|uncommon|unknown|unclear|low\w*|high\w*|increas\w+"
        r"|decreas\w+|frequen\w+|zero|mortality|fatal)\b",
    ),
    figure(
        r"\b(?:what|which) (?:(?:is|are|was) )?(?:the )?(?:[\w-]+ )?(rate|speed|concentration"
        r"|strength|volume|temperature|weight|size|INR|e?GFR|HbA1c|T-score|blood pressure"
        r"|saturation|platelet count|h(?:a)?emoglobin)"
        r"(?= (?:is|are|should|must|does|do|can|has|means|defines|counts|of)\b)",
        rf"{COUNT}|\b(?:normal|low\w*|high\w*|small\w*|slow\w*|fast\w*)\b",
    ),
    figure(
        r"\b(target|goal)(?= (?:heart rate|rate|INR|e?GFR|HbA1c|blood pressure|range|level"
        r"|saturation|weight|value|concentration|pressure|urate|LDL|glucose))",
        r"\d",
    ),
    figure(
        r"\b(how much)\b",
        rf"{NUMBER}|%|\b(?:no|none|third|quarter|any|all|double\w*|twice)\b",
    ),
    figure(
        r"\b(?:what|which)\b[^?]{0,30}?\b(?<!a )(dos(?:e|age))(?= of\b| for\b| in\b|\W*\Z)",
        # "5 days" and "12-hourly" are no dose
        rf"(?<![\d.,]){COUNT}(?![\d.,])(?!(?:\s*(?:to|or|and|[-–—])\s*{COUNT})?[\s-]*(?:{UNIT}|hourly))"
        rf"|\b(?:halv\w*|doubl\w*|reduc\w*|low\w*|adjust\w*|avoid\w*|contra-?indicat\w*"
        r"|not|same|instead|(?:an?|one) (?:third|quarter|fifth|sixth|tenth)|teaspoons?"
        r"|tablets?|capsules?|puffs?|drops?|standard)\b",
    ),
)

_NAME = r"(?-i:\b[A-Z][\w'’.-]+ (?:(?:de|van|von|and|et|der|la|di) )*[A-Z][\w'’.-]+|\bby [A-Z]\w)"
OTHERS = (
    kind(
        r"\b((?:side|adverse) effects?)(?= (?:of|with|from)\b)",
        r"\b(?:(?:side|unwanted|adverse|undesirable) \w+|AEs?|ADRs?|\w*toxic\w*|caus\w+|tolera\w+"
        r"|safe\w*|harm\w*|risks?|nausea|vomit\w*|diarrh\w+|headaches?|rash\w*|dizz\w+|drows\w+"
        r"|tremors?|bleed\w*|fatigue|weight gain|pain|cough|\w+penia|hypo\w+|hyper\w+|\w+itis"
        r"|effects?(?=:)|makes? (?:people|you|patients|them|some)"
        r"|feel(?:ing)?|injur\w+|reactions?|syndromes?|increas\w+|elevat\w+|complications?|infections?|fever"
        r"|events?)\b",
    ),
    kind(
        r"\band (why)\b",
        r"\b(?:because|since|as|due to|reason\w*|so that|owing to|in order to|to (?:avoid|prevent"
        r"|reduce|lower|protect|allow)|caus\w+|therefore|thus|which|by \w+ing)\b",
    ),
    figure(
        r"\A\W*(who) (?:first )?(?:discover|approv|licen[sc]|describ|introduc|found|launch|invent"
        r"|publish|eradicat|identif|withdr|isolat|develop|propos|coin|nam|perform)\w*",
        _NAME,
    ),
    kind(
        r"\A\W*(who) (?:should|must|can|may|is|are|needs?|gets?)\b",
        r"\b(?:people|persons?|patients?|adults?|child\w*|everyone|every\w*|anyone|those|wom[ae]n|m[ae]n"
        r"|infants?|new-?borns?|bab(?:y|ies)|elderly|aged?|workers?|travell?ers?|individuals?|smokers?"
        r"|contacts?|all|athletes?|doctors?|nurses?|mothers?|relatives|carriers?|history of|risk"
        r"|famil\w+|who|boys?|girls?|males?|females?|groups?|population)\b",
    ),
    figure(
        r"\b(?:which|what) (country|city|continent|state)\b"
        rf"|\A\W*(where) (?:was|were) (?=.*{_HISTORY})|{_HISTORY}.*\band (where)\W*\Z",
        _PLACE,
    ),
    kind(
        r"\A\W*(where)\b(?! to\b)",
        r"\b(?:in|on|at|within|inside|throughout|between|beneath|under|above|below|through|via|from"
        r"|near|around|across|outside|into|along|next|behind|lies|locali[sz]\w*|located|bind\w*"
        r"|(?:to|by|with|of) the|cells?|tissues?|neurons?)\b",
    ),
)
