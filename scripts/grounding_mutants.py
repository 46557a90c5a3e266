"""Make false statements out of true sentences, one kind of error each."""

from __future__ import annotations

import re
from random import Random

from grounding_quantities import (
    decimal_point,
    exponent,
    number,
    quantity_swap,
    range_end,
)
from grounding_rules import (
    CLAUSE,
    COUNT,
    MASS,
    NEGATED,
    PRONOUN,
    Place,
    Rule,
    both_ways,
    capital,
    exchange,
    first_of,
    is_plural,
    one_of,
    one_way,
    replaced,
    rewrite,
    sides,
    small,
)


def negation_added(place: Place, _: Random) -> str | None:
    text = place.sentence
    # "After surgery is done, …": what is denied has to be the main clause.
    begins = (
        r"(?:After|Before|Since|Once|Until|Even|Unless|Whether)\b|.*\b(?:only|few|little|rarely)\b"
    )
    if NEGATED.search(text) or re.match(begins, text):
        return None
    found = re.search(r" (is|are|was|were|should|must|will|can|(?:has|have)(?= been)) ", text)
    if found and not CLAUSE.search(text[: found.start()]):
        new = "cannot" if found[1] == "can" else f"{found[1]} not"
        return replaced(text, found.span(1), new)
    sided = sides(text)
    if sided and not sided["modal"]:
        return replaced(
            text,
            (sided.start("verb"), sided.end("s")),
            f"{'does' if sided['s'] else 'do'} not {sided['verb']}",
        )
    return None


def negation_scope(place: Place, _: Random) -> str | None:
    verbs = "is|are|was|were|can|should|must|will|does|do|did"
    found = re.search(
        rf"\b({verbs}) not ([^,;.()]+?)(,? (?:but|although|while|whereas)(?: \w+){{0,4}}?)"
        rf" ({verbs}) (?!not\b)(?=\w)",
        place.sentence,
    )
    if found:
        return replaced(
            place.sentence, found.span(), f"{found[1]} {found[2]}{found[3]} {found[4]} not "
        )
    found = re.search(
        r"\b(in|for|with|by|from|at|on) (\w[\w-]*(?: \w[\w-]*){0,2}),? but not \1 "
        r"(\w[\w-]*(?: \w[\w-]*){0,3})(?=[.,;])",
        place.sentence,
    )
    if found:
        return replaced(
            place.sentence, found.span(), f"{found[1]} {found[3]} but not {found[1]} {found[2]}"
        )
    return None


def role_swap(place: Place, _: Random) -> str | None:
    found = sides(place.sentence)
    if found:
        subject, modal = capital(found["object"]), found["modal"] or ""
        ending = "" if modal or is_plural(found["object"]) else "s"
        return f"{subject} {modal}{found['verb']}{ending} {small(found['subject'])}."
    found = re.fullmatch(
        r"([A-Z][^.,;]+?) ((?:is|are|was|were) (?:significantly )?(?:more|less) \w+ than)"
        r" ([^.,;]+)\.",
        place.sentence,
    )
    if not found or CLAUSE.search(found[1]) or CLAUSE.search(found[3]) or PRONOUN.match(found[1]):
        return None
    return f"{capital(found[3])} {found[2]} {small(found[1])}."


def missing_condition(place: Place, _: Random) -> str | None:
    text = place.sentence
    only = r"(?:but )?only (?:if|when|after)|unless|provided(?: that)?|as long as|except"
    late = re.search(
        rf",? (?:({only})|if(?! any\b| possible| necessary| not\b)) [^;]+(?=\.$)", text
    )
    early = re.match(r"(?:If|(Unless|Only when)) [^,;]+, (?:then )?(?=\w)([^,;]+)$", text)
    if not late and not early:
        return None
    strict = late[1] if late else early and early[1]
    rest = text[: late.start()] if late else early[2] if early else ""
    asks = re.search(
        r"\b(?:ask|see|know|tell|determine|check|find|test|decide|wonder|doctor|learn|show|sure|even"
        r"|whether|call\w*|talk|likely|risk|as)\b|\b(?:or|and|but|that)$",
        rest,
        re.I,
    )
    # What can be if something else is, can be: only "can be only if" is lost with its condition.
    allowed = strict or not re.search(r"\b(?:may|can|could|might)\b", rest)
    if asks or not allowed or PRONOUN.match(rest) or len(rest.split()) < 5:
        return None
    return f"{rest}." if late else capital(rest)


def combination(place: Place, _: Random) -> str | None:
    """The subject of the sentence with the predicate of the next one."""
    verbs = r"(is|are|was|were|has|have|can|may|should|must|will|causes|affects|occurs|requires)"
    one, two = (
        re.match(rf"([A-Z][\w-]*(?: [\w-]+){{0,4}}?) {verbs} ([^;:]+)$", text)
        for text in (place.sentence, place.after)
    )
    if not one or not two or one[1] == two[1]:
        return None
    if any(PRONOUN.match(side[1]) or CLAUSE.search(side[1]) for side in (one, two)):
        return None
    # "The condition is …", "Symptoms are …" after a disease are about the disease.
    if re.match(r"(?:The|Signs|Symptoms|Features|Complications|Treatments?|Causes)\b", two[1]):
        return None
    subject, said, other, told = (
        set(re.findall(r"[a-z]{4,}", text.lower())) for text in (one[1], one[3], two[1], two[3])
    )
    # Where the sentences share more than a word, what is said of the one may hold for the other.
    shares = subject & (other | told) or other & said or len(said & told) > 1
    modal = two[2] in {"can", "may", "should", "must", "will"}
    agrees = modal or is_plural(one[1]) == (two[2] in {"are", "were", "have"})
    return f"{one[1]} {two[2]} {two[3]}" if agrees and not shares else None


_DRUGS = (
    "metformin, warfarin, aspirin, ibuprofen, amoxicillin, prednisone, methotrexate, heparin,"
    "insulin, levodopa, lithium, tamoxifen, rituximab, cisplatin, digoxin, phenytoin, rifampin,"
    "acyclovir, fluconazole, omeprazole, morphine, atorvastatin, imatinib, bevacizumab, infliximab,"
    "carbamazepine, cyclosporine, clozapine, haloperidol, sildenafil, furosemide, propranolol"
)
_DISEASES = (
    "asthma, malaria, tuberculosis, psoriasis, osteoporosis, glaucoma, schizophrenia, epilepsy,"
    "rheumatoid arthritis, multiple sclerosis, cystic fibrosis, sickle cell disease, pneumonia,"
    "ulcerative colitis, celiac disease, lupus, gout, migraine, breast cancer, lung cancer,"
    "prostate cancer, colorectal cancer, melanoma, Alzheimer disease, Parkinson disease, stroke"
)
_DIRECTIONS = both_ways(
    "increase/decrease, increases/decreases, increased/decreased, increasing/decreasing,"
    "higher/lower, raises/lowers, improves/worsens, improved/worsened, more likely/less likely,"
    "more common/less common, elevated/depressed, longer/shorter, faster/slower, older/younger,"
    "upregulated/downregulated, up-regulated/down-regulated, larger/smaller,"
    "weight gain/weight loss,"
    "greater/lesser, better/worse, thicker/thinner, stronger/weaker"
) | one_way(
    "reduces > increases, reduced > increased, reduce > increase, reducing > increasing,"
    "reduction > increase, enhances > weakens, enhanced > weakened, declined > rose,"
    "fewer > more"
)
_ANTONYMS = both_ways(
    "benign/malignant, acute/chronic, positive/negative, start/stop, starts/stops, safe/unsafe,"
    "mild/severe, left side/right side, left ventricular/right ventricular,"
    "internal/external, dominant/recessive, sensitive/resistant,"
    "anterior/posterior, active/inactive, present/absent, hypertension/hypotension,"
    "hyperglycemia/hypoglycemia, hyperthyroidism/hypothyroidism,"
    "early/late, large/small, maternal/paternal, effective/ineffective, common/rare, thick/thin,"
    "agonist/antagonist, agonists/antagonists, mature/immature, slowly/quickly, deep/superficial,"
    "innate/acquired, central/peripheral, proximal/distal, upper/lower"
) | one_way(
    "avoid > seek, contraindicated > recommended, recommended > contraindicated, rapidly > slowly,"
    "inhibitor > activator, inhibitors > activators, tumor suppressor > oncogene"
)
_POPULATIONS = both_ways(
    "children/adults, men/women, males/females, boys/girls, newborns/teenagers"
) | one_way("infants > adults, mice > patients, rats > patients, elderly > young, teens > adults")
_COMPARATORS = both_ways(
    "less than/more than, below/above, under/over, at least/at most, fewer than/more than,"
    "greater than/less than, older than/younger than, higher than/lower than"
) | one_way("up to > at least, exceeding > below, no more than > no less than")

_UNITS = one_way(
    "mg > g, mcg > mg, µg > mg, μg > mg, g > mg, grams > milligrams, micrograms > milligrams,"
    "milligrams > grams, kg > g, mL > L, ml > L, liters > milliliters, mm > cm, cm > mm,"
    "inches > feet, pounds > ounces, mg/kg > g/kg, mg/dL > g/dL, mmol/L > mol/L, nM > mM,"
    "ng/mL > mg/mL, ng/ml > mg/ml, μM > mM, kDa > Da, kb > Mb, bp > kb, mmHg > cmHg"
)
_PERIODS = one_way(
    "hour > day, hours > days, day > week, days > weeks, week > month, weeks > months,"
    "month > year, months > years, minutes > hours, minute > hour, years > months, year > month"
)
_FREQUENCIES = one_way(
    "daily > weekly, weekly > monthly, monthly > daily,"
    "every day > every month, every week > every day, a day > a week, per day > per week,"
    "every year > every month, each year > each month, each day > each week, annually > monthly"
)
_ROUTES = one_way(
    "orally > intravenously, intravenously > orally, intravenous > oral, by mouth > by injection,"
    "intramuscular > intravenous, subcutaneous > intravenous, subcutaneously > intravenously,"
    "intramuscularly > orally, topical > oral, intranasal > oral,"
    "rectally > orally, topically > orally, by injection > by mouth, intrathecal > oral,"
    "intraperitoneal > oral, intraperitoneally > orally"
)
_HEDGES = one_way(
    "may > will, might > will, could > will, probably > certainly, possibly > certainly,"
    "likely to > certain to, suggest > prove, suggests > proves, suggested > proved,"
    "appears to > is proved to, appear to > are proved to, seems to > is proved to,"
    "sometimes > always, usually > always, often > always, rarely > always"
)
_SIGN = r"([(=] ?| (?:was|is|of|at|by|to|between) )[−–-]"

MUTANTS: dict[str, Rule] = {
    "number": number,
    "decimal_point": decimal_point,
    "unit": exchange(_UNITS, before=r"(?<=\d)[ -]?", exact=True),
    "unit_per_weight": rewrite(
        (r"(\d ?[mµμ]?c?g)/kg\b", r"\1"),
        (rf"(\d ?{MASS}) (?:per|/) ?(?:kg|kilogram|pound)\b(?: of body weight)?", r"\1"),
        (r"(?<=\w)/(?:day|d)\b", "/hour"),
        (r"(?<=\w)/(?:h|hr|hour|min|minute|week)\b", "/day"),
        (rf"(\d {MASS}) (?:per|a) day\b", r"\1 per hour"),
        (r"\bper (?:100,000|1,000,000|million)\b", "per 1,000"),
        (r"\bper 1,?000\b", "per 100,000"),
    ),
    "comparator": first_of(
        [
            exchange(_COMPARATORS, after=rf"(?= (?:age )?{COUNT})"),
            rewrite(
                (r"≥(?= ?\d)", "<"),
                (r"≤(?= ?\d)", ">"),
                (r">(?= ?\d)", "<"),
                (r"<(?= ?\d)", ">"),
                (rf"({COUNT}(?: \w+)?) or (?:more|older|higher|greater)\b", r"\1 or less"),
                (rf"({COUNT}(?: \w+)?) or (?:less|younger|lower|fewer)\b", r"\1 or more"),
            ),
        ]
    ),
    "range": range_end,
    "sign": rewrite((rf"{_SIGN}(?=\d+\.\d)", r"\1+"), (rf"{_SIGN}(?=\d)", r"\1")),
    "exponent": exponent,
    "negation_added": negation_added,
    "negation_dropped": rewrite(
        (r"^(?:Do not|Don't|Never) (?=\w)", ""),
        (r"\b(is|are|was|were|should|must|will|can|has|have|had|would|does|do|did) not ", r"\1 "),
        (r"\b(is|are|was|were|should|must|has|have|does|do|did)n['’]t ", r"\1 "),
        (r"\bcannot ", "can "),
        (r"\bnever ", "always "),
        (r"\bwithout ", "with "),
        unless=r"\b(?:not|cannot) (?:only|necessarily|always|yet|all|just)\b|whether|\bknown\b"
        r"|or without",
    ),
    "negation_scope": negation_scope,
    "direction": exchange(
        _DIRECTIONS,
        after=r"(?! (?:limb|leg|extremit|urinary|respir|jaw|back|body|abdom|part|tract|lip|and ))",
        unless=rf"\b(?:or (?:in|de)creased?|than {COUNT}|as well as)\b",
    ),
    "antonym": exchange(_ANTONYMS),
    "entity_drug": one_of(_DRUGS),
    "entity_disease": one_of(_DISEASES),
    "entity_population": exchange(
        _POPULATIONS, unless=r"\b(?:their|have|having|his|her|your) children\b"
    ),
    "role_swap": role_swap,
    "quantity_swap": quantity_swap,
    "frequency_duration": first_of(
        [
            exchange(
                {"once": "three times", "twice": "four times", "three times": "once"},
                after=r"(?= (?:daily|weekly|monthly|every|each|per|an? (?:day|week|month|year)))",
            ),
            exchange(_FREQUENCIES, after=r"(?! (?:activit|living|life|lives|basis|routine))"),
            exchange(_PERIODS, before=rf"{COUNT} ", after=r"(?! (?:old|of age|and older))"),
        ]
    ),
    "route": first_of(
        [
            exchange(_ROUTES),
            exchange(
                {"oral": "intravenous"},
                after=r"(?= (?:dos\w+|tablets?|administration|antibiotics?|treatment|drug))",
            ),
        ]
    ),
    "certainty": first_of(
        [
            rewrite(
                (r"\b(?:is|was) associated with\b", "is the cause of"),
                (r"\b(?:are|were) associated with\b", "are the cause of"),
            ),
            exchange(_HEDGES, unless=r"\b(?:not|as|cannot|no|more|less) (?:likely|often)\b"),
        ]
    ),
    "missing_condition": missing_condition,
    "time_order": first_of(
        [
            exchange(
                both_ways("before/after, preceded by/followed by") | {"prior to": "after"},
                unless=r"\b(?:and|or) after\b|\bafter all\b|(?:named|look\w*|day) after",
            ),
        ]
    ),
    "study_result": rewrite(
        (
            r"\bno (?:statistically )?significant (differences?|association|effect)\b",
            r"a significant \1",
        ),
        (r"\bnot (?:statistically )?significant(ly)?\b", r"significant\1"),
        (r"\bdid not differ\b", "differed significantly"),
        (r"\bnot associated with\b", "associated with"),
        (r"\bno (effect|association|difference|benefit|evidence)\b", r"a clear \1"),
        (r"\b(is|are|was|were) significantly\b", r"\1 not significantly"),
        (
            r"(?<!\ba )\bsignificantly (?=(?:in|de)creased|reduced|improved|lower|higher)",
            "not significantly ",
        ),
        (r"^(There (?:was|were) )(?:a )?significant\b", r"\1no significant"),
    ),
    "combination": combination,
}
