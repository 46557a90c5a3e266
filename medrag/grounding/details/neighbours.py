"""Facts that stand beside each other: the half-life is no onset, the sensitivity no specificity.

Such a fact is missing only if a text gives one beside it: a text that gives none may give what is
asked for in words that no table has. Tables; see `wording.py`.
"""

from __future__ import annotations

from .wording import TIME, Kind, kind

# Each family: how a question asks for a fact or "" if it is in another table, and how it is said.
_FAMILIES = (
    (  # what becomes of a drug in the body
        (r"\b(bioavailability)\b", r"\bbioavailab|\babsor\w+.{0,30}%|%.{0,30}absor"),
        (r"\b(protein binding)\b", r"\b(?:bound|binding|binds?)\b"),
        (r"\b(volume of distribution)\b", r"\bdistribut|\bVd\b"),
        (
            r"\bhow (?:is|are) .*\b(excreted|eliminated|cleared)\b"
            r"|\b(excretion|elimination|clearance) of\b",
            r"\b(?:excret|eliminat|clear|urin|kidney|renal|bile|biliary|f(?:a)?ec|stool|leaves)",
        ),
        (
            r"\bhow (?:is|are) .*\b(metaboli[sz]ed)\b|\b(metabolism) of\b",
            r"\b(?:metaboli|liver|hepatic|CYP|cytochrome|glucuron|enzym|hydroly|broken down)",
        ),
        (
            r"\b(?:how|where) (?:is|are) .*\b(absorbed)\b|\b(absorption) of\b",
            r"\b(?:absor|bowel|intestin|stomach|duoden|ileum|jejun|gut|skin)",
        ),
        (
            r"\b(when (?:does|do|will|is) .*\b(?:start to work|begin to work|take effect"
            r"|start working|act|work))\b",
            r"\b(?:beg[aiu]n|start|onset|set in|within|act|work|effect|reliev|after|from)\w*\b"
            rf".{{0,40}}?{TIME}|\bimmediate",
        ),
        (
            r"\b(how (?:soon|quickly|fast)) (?:does|do|will|can) .*?\b(?:work|act|take effect|begin"
            r"|start|help)\b",
            r"\b(?:beg[aiu]n|start|onset|set in|within|act|work|effect|reliev|after|from)\w*\b"
            rf".{{0,40}}?{TIME}|{TIME}.{{0,25}}\b(?:later|for|before|to)\b"
            r"|\b(?:immediate|rapid|quick|slow|at once)",
        ),
        (
            r"\b(how long (?:does|do|will|can) .*\b(?:last|act|work|protect))\b",
            rf"\b(?:last|durat|persist|wear|protect|continu|remain|for|up to|act|work)\w*\b"
            rf".{{0,25}}?{TIME}|\b(?:last|durat|persist|wear|permanent|lifelong)",
        ),
        (
            r"\b(when (?:is|does) .*\bpeaks?)\b|\b(?:time to|time of the) (peak)\b",
            r"\b(?:peak|maxim|highest|greatest|most)",
        ),
        ("", rf"\bhalf-? ?li(?:fe|ves)\b.{{0,40}}{TIME}"),
        ("", r"\bevery \d+ hours\b|\b(?:once|twice|three times) (?:a day|daily)\b"),
    ),
    (  # what is written about a drug
        (
            r"\b(mechanism(?: of action)?)(?= of\b)",
            r"\b(?:mechanis|inhibit|block|bind|stimul|activat|act(?:s|ing)\b|agoni|antagoni|suppress"
            r"|interfer|analog|target|direct|antibod|modulat|class\b|work|enzym|receptor|channel|reduc|increas|prevent"
            r"|caus|relax|lower|through|by\b)",
        ),
        (
            r"\b(toxic|therapeutic|trough|peak)(?= (?:\w+ )?(?:levels?|concentrations?|range)\b)",
            r"\b(?:toxic|therapeutic|trough|peak|levels?|concentrations?|harm|target|range)\b"
            r"|/(?:L|ml)\b",
        ),
        (
            r"\b(contra-?indications?)\b",
            r"\b(?:contra-?indicat|avoid|unsafe|never|caution|allerg|hypersens|not|cannot)",
        ),
        (
            r"\b(interact(?:ions?|s)?)\b",
            r"\b(?:interact|combin|together|with|concurrent|rais|lower|increas|reduc|co-?admin)",
        ),
        (
            r"\bhow (?:is|are|should) .*\b(stored|kept)\b|\b(storage) of\b",
            r"\b(?:stor|keep|kept|refrigerat|fridge|temperature|room|°|freez|light|dry)",
        ),
        ("", r"\b(?:side|adverse|unwanted) effects?\b|\b(?:nausea|headache|rash|dizziness)\b"),
        ("", r"\bcontra-?indicat"),
        ("", r"\b(?:taken|swallowed|given|dose|tablets?)\b"),
    ),
    (  # what is written about a state, such as an overdose
        (
            r"\bwhat (?:is|are) the (?:[\w-]+ ){0,2}?(treatments?|management|antidotes?)"
            r"(?= (?:of|for|in|to)\b)|\bhow (?:is|are|should) .*\b(treated|managed)\b",
            r"\b(?:treat|therap|manag|medic(?!al)|drug|surg|cure|reliev|relief|transplant|antibiotic"
            r"|inject|prescri|steroid|rehabilit|diet|exercis|avoid|given?\b|stop|help|remov|fluid"
            r"|infus|antidote|revers|dialys|h(?:a)?emodialys|charcoal|vaccin|support|oxygen|replac"
            r"|supplement|offer|start\w*|antibod|correct|immun|inhibitor|mg\b|options?|care\b|first-line|used?\b)",
        ),
        ("", r"\b(?:levels?|concentrations?) (?:is|are|should be) (?:taken|measured|checked)"),
        ("", r"\b(?:causes|symptoms?|signs?)\b"),
    ),
    (  # how good a test is
        (r"\b(sensitivity) of\b", r"\bsensitiv|\bdetect\w*|\bmiss\w*|\bfalse.negativ"),
        (r"\b(specificity) of\b", r"\bspecific|\bfalse.positiv"),
        (r"\b(positive predictive value)\b", r"\bpositive predictive|\bPPV\b"),
        (r"\b(negative predictive value)\b", r"\bnegative predictive|\bNPV\b"),
    ),
    (  # how many have a disease, and what becomes of them
        (
            r"\b(incidence|prevalence) of\b",
            r"\b(?:inciden|prevalen|affect|occur|cases|common|rare|frequen|births|diagnosed|new"
            r"|estimat)|\bin \d|\bper \d|\bone in\b|\b(?:have|has|had)\b",
        ),
        (
            r"\b(mortality|fatality|death rate)\b",
            r"\b(?:mortal|fatal|death|die|dying|dead|surviv|lethal|kill)",
        ),
        (r"\b(survival)\b", r"\b(?:surviv|mortal|die|dying|death|live|alive|expectancy|prognos)"),
        (r"\b(recurrence) (?:rate|risk)\b", r"\b(?:recur|relaps|return|again|repeat)"),
    ),
    (  # the times of an infection
        (
            r"\b(incubation (?:period|time))\b",
            r"\b(?:incubat|expos|bit|appear|develop|onset|begin|start|after|first)",
        ),
        (
            r"\b(how long .*\b(?:infectious|contagious))\b",
            r"\b(?:infecti|contag|transmi|spread|shed|isolat|catch|pass|school|stay)",
        ),
        (
            r"\bhow long (?:does|do) .*\b(immunity)\b",
            r"\b(?:immun|protect)",
        ),
        ("", rf"\blasts? .{{0,10}}{TIME}"),
        ("", r"\b(?:appear|begin|start|develop)\w*\b.{0,20}\d"),
    ),
)


def _neighbours() -> tuple[Kind, ...]:
    found = []
    for family in _FAMILIES:
        for number, (asked, said) in enumerate(family):
            if asked:
                beside = "|".join(other for at, (_, other) in enumerate(family) if at != number)
                found.append(kind(asked, said, beside))
    return tuple(found)


NEIGHBOURS = _neighbours()
