"""Support checks: what a source says in other words is kept, what it does not say is not."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import check_support
from medrag.grounding.support.forms import roots
from medrag.grounding.support.tables import lines
from medrag.grounding.support.tables import named as named_entries
from medrag.grounding.support.vocabulary import opposites, synonyms

PAIRS = Path(__file__).parent / "pairs"

# (kind, source, statement, what the reason names)
FALSE = [
    ("number", "Adults take 40 mg of pelorine in the morning.",
     "Adults take 60 mg of pelorine in the morning.", "40 mg"),
    ("number", "Of 212 nurses, 19 had a needlestick injury within a year.",
     "Within a year, 91 of 212 nurses had a needlestick injury.", "91"),
    ("decimal point", "The starting dose is .25 mg at bedtime.",
     "Treatment starts with 25 mg at bedtime.", ".25 mg"),
    ("decimal point", "Instil 1.5 mL into each nostril.",
     "15 mL are instilled into each nostril.", "1.5 mL"),
    ("unit", "Give 50 mcg of the hormone before breakfast.",
     "Give 50 mg of the hormone before breakfast.", "50 mcg"),
    ("unit", "Symptoms settle within 6 days of treatment.",
     "Symptoms settle within 6 weeks of treatment.", "6 days"),
    ("unit per weight", "Infuse 3 mg/kg over one hour.", "Infuse 3 mg over one hour.", "3 mg/kg"),
    ("unit per weight", "Children receive 15 mg/kg of the syrup.",
     "Children receive 15 mg/mL of the syrup.", "15 mg/kg"),
    ("comparator", "Surgery is offered if the aneurysm is wider than 55 mm.",
     "Surgery is offered if the aneurysm is less than 55 mm wide.", "55 mm"),
    ("comparator", "Keep the saturation at least 92 %.",
     "Keep the saturation at most 92 %.", "at least 92 %"),
    ("range", "Inject 10 to 20 units before the meal.",
     "Inject 10 to 30 units before the meal.", "10 to 20 units"),
    ("range", "The incubation period is 3–5 days.",
     "The incubation period is 3–15 days.", "3–5 days"),
    ("sign", "Keep the plasma at −30 °C.", "Keep the plasma at 30 °C.", "−30 °C"),
    ("sign", "The mean change in weight was −4 kg.",
     "The mean change in weight was +4 kg.", "−4 kg"),
    ("exponent", "Stop the drug if platelets are below 50 × 10⁹/L.",
     "Stop the drug if platelets are below 50 × 10⁶/L.", "50 × 10⁹/L"),
    ("exponent", "The dose is 2 × 10¹¹ particles.", "The dose is 2 × 10¹⁰ particles.", "2 × 10¹¹"),
    ("frequency", "Apply the cream twice daily.",
     "Apply the cream four times daily.", "twice daily"),
    ("frequency", "The patch is changed every 72 hours.",
     "The patch is changed every 24 hours.", "every 72 hours"),
    ("duration", "Continue the antibiotic for 10 days.",
     "Continue the antibiotic for 10 weeks.", "10 days"),
    ("exchanged quantities", "Take 20 mg in the morning and 5 mg at night.",
     "Take 5 mg in the morning and 20 mg at night.", "20 mg"),
    ("exchanged quantities",
     "Pain was absent in 61 % of the acupuncture group and in 38 % of the control group.",
     "Pain was absent in 38 % of the acupuncture group and in 61 % of the control group.", "61 %"),
    ("negation added", "Warfarin crosses the placenta.", "Warfarin does not cross the placenta.",
     "without “not”"),
    ("negation added", "The test is reliable in children.",
     "The test is not reliable in children.", "without “not”"),
    ("negation dropped", "Zinc did not shorten the cold.", "Zinc shortened the cold.", "opposite"),
    ("negation dropped", "The tablets must not be crushed.",
     "The tablets must be crushed.", "denies it"),
    ("negation scope", "The device did not reduce falls but reduced fractures.",
     "The device reduced falls but did not reduce fractures.", "reduce"),
    ("negation scope", "Fever was present, but no rash was seen.",
     "A rash was seen, but no fever was present.", "denies it"),
    ("with and without", "Bathe the eye in saline without preservative.",
     "Bathe the eye in saline with preservative.", "without preservative"),
    ("with and without", "Children with a fever may travel.",
     "Children without a fever may travel.", "with fever"),
    ("with and without", "Take the capsules with food.",
     "Take the capsules without food.", "time of meals"),
    ("denied of one", "The patients had cough and rash but no fever.",
     "The patients had cough and fever.", "denies it of fever"),
    ("denied of one", "Use the gel on wounds but never on burns.",
     "Use the gel on wounds and burns.", "denies it of burns"),
    ("direction", "Losmipril raises potassium.", "Losmipril lowers potassium.", "raises"),
    ("direction", "Mortality increased after the reform.",
     "Mortality decreased after the reform.", "increased"),
    ("antonym", "Avoid grapefruit during treatment.", "Take grapefruit during treatment.", "Avoid"),
    ("antonym", "The vaccine is contraindicated in severe asthma.",
     "The vaccine is indicated in severe asthma.", "contraindicated"),
    ("antonym", "Hypokalaemia is common with the diuretic.",
     "Hyperkalaemia is common with the diuretic.", "hyperkalaemia"),
    ("antonym", "Stop metformin before the scan.", "Start metformin before the scan.", "Stop"),
    ("drug", "Naloxone reverses the sedation.", "Flumazenil reverses the sedation.", "flumazenil"),
    ("drug", "Doxycycline is the first choice.", "Vancomycin is the first choice.", "vancomycin"),
    ("disease", "Colchicine is given for gout.", "Colchicine is given for psoriasis.", "psoriasis"),
    ("disease", "Screening finds early glaucoma.", "Screening finds early cataract.", "cataract"),
    ("population", "Pregnant women need 400 mcg a day.", "Children need 400 mcg a day.", "age"),
    ("population", "Men over 50 are screened.", "Women over 50 are screened.", "sex"),
    ("species", "In mice, the extract slowed tumour growth.",
     "In humans, the extract slowed tumour growth.", "species"),
    ("species", "In rats, the diet prevented stones.",
     "The diet prevents stones in people.", "species"),
    ("route", "Adrenaline is given intramuscularly.",
     "Adrenaline is given intravenously.", "route"),
    ("route", "Give the antifungal orally.", "Give the antifungal topically.", "route"),
    ("roles", "Obesity causes sleep apnoea.", "Sleep apnoea causes obesity.", "other way round"),
    ("roles", "Rivastol was superior to memantor.", "Memantor was superior to rivastol.",
     "other way round"),
    ("condition", "Use lithium only if renal function is normal.", "Use lithium.", "only if"),
    ("condition", "Patients may drive unless they have seizures.", "Patients may drive.", "unless"),
    ("certainty", "The herb may relieve nausea.", "The herb relieves nausea.", "may"),
    ("certainty", "Coffee was associated with longer life.",
     "Coffee caused longer life.", "association"),
    ("order", "Rinse the eye before applying the ointment.",
     "Rinse the eye after applying the ointment.", "order"),
    ("order", "Give thiamine before glucose.", "Give glucose before thiamine.", "order"),
    ("study result", "Relapse did not differ significantly between the groups.",
     "Relapse was significantly lower in the drug group.", "no such difference"),
    ("study result", "Bleeding fell from 9 % to 8 % (p = 0.61).",
     "Bleeding was significantly reduced.", "no such difference"),
    ("combination", "Stomalin is used for ulcers. Migranon is used for migraine.",
     "Stomalin is used for migraine.", "migraine"),
    ("combination", "Men received 5 mg. Women received 2 mg.", "Women received 5 mg.", "sex"),
    ("not mentioned", "Rest the ankle and cool it.",
     "Antibiotics cure most sore throats.", "does not say"),
]  # fmt: skip

# (kind, source, statement)
TRUE = [
    ("verbatim", "Rest the ankle. Cool it for 20 minutes.", "Cool it for 20 minutes."),
    ("number format", "Adults take 1,500 mg daily.", "Adults take 1500 mg each day."),
    ("number format", "Give two tablets.", "Give 2 tablets."),
    ("number format", "The dose is .5 mg.", "The dose is 0.5 mg."),
    ("unit conversion", "Give 0.75 g at night.", "Give 750 mg at night."),
    ("unit conversion", "Treat for 2 weeks.", "Treat for 14 days."),
    ("unit conversion", "Take it every 12 hours.", "Take it twice daily."),
    ("abbreviation", "Chronic obstructive pulmonary disease (COPD) shortens life.",
     "COPD shortens life."),
    ("abbreviation", "Deep vein thrombosis (DVT) is common. DVT causes leg swelling.",
     "Deep vein thrombosis causes leg swelling."),
    ("passive voice", "The nurse removes the drain.", "The drain is removed by the nurse."),
    ("passive voice", "Iron deficiency causes fatigue.",
     "Fatigue is caused by iron deficiency."),
    ("reordered", "In severe pain, give morphine.", "Give morphine in severe pain."),
    ("reordered", "Nausea and headache are common.", "Headache and nausea are common."),
    ("subset", "Side effects are nausea, headache and dizziness.",
     "Dizziness is a side effect."),
    ("subset", "The capsule is swallowed whole with water, in the evening.",
     "The capsule is swallowed whole with water."),
    ("synonym", "Smoking raises the risk of heart attack.",
     "Smoking raises the risk of myocardial infarction."),
    ("synonym", "The drug lowers high blood pressure.", "The drug lowers hypertension."),
    ("pronoun", "Miravolin treats gout. It is taken with food.",
     "Miravolin is taken with food."),
    ("merged sentences", "The drip is started in hospital. It runs for three hours.",
     "The drip is started in hospital and runs for three hours."),
    ("verbatim", "The graft failed in 3 of 40 eyes (7.5 %).",
     "The graft failed in 3 of 40 eyes (7.5 %)."),
    ("pronoun", "Miravolin tablets are large. They are swallowed with water.",
     "Miravolin tablets are swallowed with water."),
    ("merged sentences", "Rest the ankle. Cool it for 20 minutes.",
     "Rest the ankle and cool it for 20 minutes."),
    ("table row", "Age: 2–5 years; Dose: 5 mL; Interval: every 8 hours",
     "At 2 to 5 years of age, the dose is 5 mL."),
    ("condition kept", "Patients may drive unless they have seizures.",
     "Unless they have seizures, patients may drive."),
    ("study result", "Surgery had no significant effect on survival (p = 0.8).",
     "Surgery did not significantly change survival."),
    ("negated", "Do not give aspirin to children.",
     "Aspirin should not be given to children."),
    ("negated", "The drug has no effect on weight.", "The drug does not affect weight."),
    ("hedged", "Massage may relieve the pain.", "Massage might relieve the pain."),
    ("hedged", "Tea possibly protects the heart.", "Tea may protect the heart."),
    ("table row", "Drug: Zelopine; Dose (mg): 30; Route: oral",
     "The dose of Zelopine is 30 mg."),
    ("condition kept", "Use lithium only if renal function is normal.",
     "Lithium is used only if renal function is normal."),
    ("study result", "Relapse did not differ between the groups.",
     "There was no difference in relapse between the groups."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "source", "statement", "named"), FALSE)
def test_what_the_source_does_not_say_is_not_supported(
    kind: str, source: str, statement: str, named: str
) -> None:
    support = check_support(statement, source)
    assert not support.supported and support.score < 0.5, kind
    assert named.lower() in support.reason.lower()


@pytest.mark.parametrize(("kind", "source", "statement"), [row[:3] for row in FALSE])
def test_each_of_these_sources_bears_out_itself(kind: str, source: str, statement: str) -> None:
    for sentence in source.split(". "):
        sentence = sentence if sentence.endswith(".") else f"{sentence}."
        assert check_support(sentence, source).supported, kind
    assert check_support(statement, statement).supported, kind


@pytest.mark.parametrize(("kind", "source", "statement"), TRUE)
def test_what_the_source_says_in_other_words_is_supported(
    kind: str, source: str, statement: str
) -> None:
    support = check_support(statement, source)
    assert support.supported and support.score >= 0.5, (kind, support)
    assert not support.reason


def test_reasons_say_what_the_source_says_and_what_not() -> None:
    dose = check_support("Give 50 mg at noon.", "Give 50 mcg at noon.")
    assert dose.reason == "the source says 50 mcg, not 50 mg"
    bound = check_support("Keep it below 5 °C.", "Keep it above 5 °C.")
    assert bound.reason == "the source says above 5 °C, not below 5 °C"
    missing = check_support("Give 50 mg at noon for 3 days.", "Give 50 mg at noon.")
    assert missing.reason == "the source does not give 3 days"


def test_title_and_section_count() -> None:
    source, statement = "Take 40 mg in the morning.", "Adults with gout take 40 mg in the morning."
    alone = check_support(statement, source)
    titled = check_support(statement, source, title="Gout", section="Adults")
    assert titled.supported and titled.score > alone.score
    other = check_support(statement, source, title="Gout", section="Children")
    assert not other.supported
    drug = check_support("Take 40 mg of pelorine in the morning.", source, title="Pelorine")
    assert drug.supported and not drug.reason


def test_spans_are_the_sentences_compared() -> None:
    source = "Rest the ankle. Cool it for 20 minutes. See a doctor if it swells."
    verbatim = check_support("Cool it for 20 minutes.", source)
    assert [source[start:end] for start, end in verbatim.spans] == ["Cool it for 20 minutes."]
    differs = check_support("Cool it for 90 minutes.", source)
    assert "Cool it for 20 minutes." in [source[start:end] for start, end in differs.spans]
    two = "Miravolin treats gout. The weather was fine. Pelorine treats asthma."
    both = check_support("Miravolin treats gout, and pelorine treats asthma.", two)
    assert [two[start:end] for start, end in both.spans] == [
        "Miravolin treats gout.", "Pelorine treats asthma.",
    ]  # fmt: skip


def test_each_part_of_a_statement_about_two_things_has_to_be_true() -> None:
    source = "Zinc lowers fever. Copper raises fever."
    assert not check_support("Both zinc and copper lower fever.", source).supported
    source = "Fever is lowered by zinc and by copper."
    assert check_support("Both zinc and copper lower fever.", source).supported


def test_every_part_of_a_long_statement_has_to_be_true() -> None:
    source = "Zinc lowers fever. Sleep shortens colds."
    parts = ["zinc lowers fever", "sleep shortens colds"] * 15
    assert check_support(f"{' and '.join(parts)}.", source).supported
    assert not check_support(
        f"{' and '.join(parts)} and copper raises platelets.", source
    ).supported


def test_the_score_that_is_enough_is_a_setting() -> None:
    source, statement = "Rest the ankle.", "Let the ankle rest at home on the sofa."
    support = check_support(statement, source)
    assert 0.0 < support.score < 1.0
    assert check_support(statement, source, min_score=support.score).supported
    assert not check_support(statement, source, min_score=1.0).supported


@pytest.mark.parametrize("statement", ["", " ", "…", ".", "and of the", "(", "\n"])
def test_a_statement_that_says_nothing_is_not_supported(statement: str) -> None:
    support = check_support(statement, "Rest the ankle.")
    assert not support.supported and support.score == 0.0
    assert support.reason == "it says nothing"


@pytest.mark.parametrize("source", ["", " ", "…", "?"])
def test_a_source_that_says_nothing_supports_nothing(source: str) -> None:
    support = check_support("Rest the ankle.", source)
    assert not support.supported and support.reason == "the source does not say it"


def test_markers_in_the_source_do_not_count() -> None:
    assert check_support("Zinc lowers fever.", "Zinc lowers fever [12].").score == 1.0


_SUBJECTS = ["Zinc", "The vaccine", "Neither drug", "Aspirin 5 mg/kg", "Pain (VAS)", "No child"]
_VERBS = ["lowers", "did not change", "may cause", "is given with", "was associated with", "avoids"]
_OBJECTS = ["fever", "stroke in 4 of 10 men", "–20 °C", "death (p = 0.2)", "it, unless it bleeds"]
_SENTENCES = st.builds(
    "{} {} {}.".format, *(st.sampled_from(words) for words in (_SUBJECTS, _VERBS, _OBJECTS))
)


@given(st.lists(_SENTENCES, min_size=1, max_size=4), st.data())
def test_a_sentence_of_the_source_is_supported(sentences: list[str], data: st.DataObject) -> None:
    statement = data.draw(st.sampled_from(sentences))
    support = check_support(statement, " ".join(sentences))
    assert support.supported and support.score == 1.0 and not support.reason


_ODD = ["both", "neither", "and", "nor", "not", "if", "(", ")", ":", ";", "0", "½", "every", "%"]
_ANY = st.one_of(
    st.text(), st.lists(st.sampled_from([*_ODD, *_SUBJECTS, *_VERBS, *_OBJECTS])).map(" ".join)
)


@settings(deadline=None)
@given(_ANY, _ANY, _ANY)
def test_any_text_can_be_judged(statement: str, source: str, title: str) -> None:
    support = check_support(statement, source, title=title)
    assert 0.0 <= support.score <= 1.0
    assert support.supported == (support.score >= 0.5)
    assert bool(support.reason) != support.supported
    assert all(0 <= start < end <= len(source) for start, end in support.spans)


def test_pairs_written_by_hand_are_told_apart() -> None:
    files = [PAIRS / f"dev_{n}.jsonl" for n in (1, 2, 3)]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    kept: dict[bool, list[bool]] = {True: [], False: []}
    for pair in map(json.loads, lines):
        support = check_support(
            pair["statement"], pair["source"], title=pair["title"], section=pair["section"]
        )
        kept[pair["supported"]].append(support.supported)
    assert min(map(len, kept.values())) >= 800
    assert sum(kept[False]) <= 0.10 * len(kept[False])
    assert sum(kept[True]) >= 0.94 * len(kept[True])


# Leaflets and abstracts: what people found who tried to mislead the check.
MISLEADING = [
    ("Chest pain needs urgent referral.", "Chest pain needs routine referral."),
    ("The vaccine contains live virus.", "The vaccine contains inactivated virus."),
    # What an exemption must not let through.
    ("Toremal may help in stable angina.", "Toremal helps in stable angina."),
    ("Toremal may make people sleep better.", "People who take toremal sleep better."),
    ("Toremal may make people sleep better.", "If people take toremal they sleep better."),
    ("In adults toremal is not safe. In children toremal is safe.",
     "In adults toremal is safe, but in children it is not safe."),
    ("After surgery toremal is not given; before surgery toremal is given.",
     "After surgery toremal is given, but before surgery it is not given."),
    ("Toremal was associated with increased mortality.",
     "Toremal was not associated with increased mortality."),
    ("Treatment lasts for 26 weeks.", "Treatment lasts for over 26 weeks."),
    ("The dose of toremal is 10 to 20 mg.", "A toremal level of 15 mg is normal."),
    ("Give toremal within one hour, not later.", "Give toremal more than one hour later."),
    ("Toremal is contraindicated in pregnancy.", "Toremal can be used in pregnancy."),
    ("Toremal is avoided in pregnancy.", "Toremal is an option in pregnancy."),
    ("Toremal is harmful in pregnancy.", "Toremal is recommended in pregnancy."),
    ("Toremal can worsen absence seizures.", "Toremal is a good choice for absence seizures."),
    ("Of 84 women half recovered.", "42 of the 84 women died."),
    ("Propylthiouracil is preferred because carbimazole is linked to birth defects.",
     "Carbimazole is preferred."),
    ("Metformin is reviewed below 45 mL/min, and metformin is stopped below 30 mL/min.",
     "Metformin is stopped below 45 mL/min."),
    ("Apixaban 2.5 mg if two of: age 80 or over, weight 60 kg or less.",
     "Apixaban is reduced to 2.5 mg in everyone aged 80 or over."),
    ("Toremal 40 mg once daily lowers uric acid in adults with gout.",
     "Crushed toremal 40 mg once daily lowers uric acid in adults with gout."),
    ("Toremal 40 mg once daily lowers uric acid in adults with gout.",
     "Toremal 40 mg once daily lowers uric acid and cholesterol in adults with gout."),
    ("Take toremal daily with water.", "Diabetics take toremal daily with water."),
    ("Rates fell in 14 of 60 people (23.6%) given toremal and in 19 of 60 (31.1%) given placebo.",
     "Rates fell in 31.1% of people given toremal."),
    ("Rashes were more common with toremal (4.2% versus 1.0%).",
     "Rashes occurred in 1.0% of patients on toremal."),
    ("Falls were not increased.", "Falls were increased."),
    ("Men and women should use contraception during treatment.", "Only women need contraception."),
    ("The target is 0.6 to 0.8 mmol/L, or 0.8 to 1.0 mmol/L after a relapse.",
     "After a relapse the target is 0.6 to 0.8 mmol/L."),
    ("Reduce the dose if two of the following apply: age 80 years or over, weight 60 kg or less.",
     "Reduce the dose if one of the following applies: age 80 years or over, 60 kg or less."),
    ("Reduce the dose if age is 80 years or over and weight is 60 kg or less.",
     "Reduce the dose if age is 80 years or over or weight is 60 kg or less."),
    ("Most patients recover within a week.", "All patients recover within a week."),
    ("Few patients had bleeding.", "Many patients had bleeding."),
    ("Children take 5 mg and adults 10 mg.", "Children take 10 mg."),
    ("Start with 25 mg and increase to 100 mg.", "Start with 100 mg."),
    ("Take 1 tablet three times a day.", "Take 3 tablets three times a day."),
    ("Take four tablets daily.", "Take one tablet daily."),
    ("Do not use it in:\n- asthma\n- heart failure", "It can be used in asthma."),
    ("Do not:\n- drive a car\n- drink alcohol", "Drink alcohol."),
    ("Driving and using machines\n\nDo not drive.", "You can drive and use machines."),
    ("Can I drink alcohol? No.", "You can drink alcohol."),
    ("Children under 6 years: not recommended.",
     "It is recommended for children under 6 years."),
    ("Drug: Ramipril; Side effect: cough\nDrug: Amlodipine; Side effect: oedema",
     "Ramipril causes oedema."),
    ("It is a myth that antibiotics cure colds.", "Antibiotics cure colds."),
    ("Ask your doctor whether toremal is safe in pregnancy.", "Toremal is safe in pregnancy."),
    ("Use paracetamol instead of ibuprofen.", "Use ibuprofen."),
    ("Take 20 mg, not 80 mg.", "Take 80 mg."),
    ("Use it unless the patient is pregnant.", "Use it if the patient is pregnant."),
    ("The maximum dose is 100 mg daily.", "The usual dose is 100 mg daily."),
]  # fmt: skip
PLAIN = [
    ("Pelocillin must not be given to people with asthma.",
     "Pelocillin is contraindicated in people with asthma."),
    ("Children 1–4 years: 250 mg three times a day.",
     "A 3-year-old is given 250 mg three times a day."),
    ("Do not stop a statin if creatine kinase is less than 5 times the limit.",
     "Continue the statin if creatine kinase is less than 5 times the limit."),
    ("Pelocillin. Adults: 500 mg every 8 hours.",
     "Adults take pelocillin 0.5 g three times daily."),
    ("Children take 5 mg and adults 10 mg.", "Children take 5 mg."),
    ("Do not use it in:\n- asthma\n- heart failure", "It must not be used in asthma."),
    ("Children under 6 years: not recommended.",
     "It is not recommended for children under 6 years."),
]  # fmt: skip


@pytest.mark.parametrize(("source", "statement"), MISLEADING)
def test_it_is_not_misled(source: str, statement: str) -> None:
    assert not check_support(statement, source).supported


@pytest.mark.parametrize(("source", "statement"), PLAIN)
def test_plain_rewordings_are_kept(source: str, statement: str) -> None:
    assert check_support(statement, source).supported


def test_hostile_lengths_are_bounded() -> None:
    doses = " ".join(f"{number} mg" for number in range(200))
    assert check_support(doses, f"Give {doses} at once.").score <= 1.0
    assert not check_support("a " * 3000, "a").supported
    assert check_support("Aspirin helps.", "Aspirin helps. \ud800").supported


# (title, source, statement): lay and clinical words, a kind named for the whole, persons implied.
IN_OTHER_WORDS = [
    ("", "Paraesthesiae of the hands were reported.",
     "Pins and needles in the hands were reported."),
    ("GORD", "Offer a PPI.",
     "For gastro-oesophageal reflux disease a proton pump inhibitor is offered."),
    ("", "MgSO4 is offered to lower the risk of CP.",
     "Magnesium sulfate is offered to lower the risk of cerebral palsy."),
    ("", "Biliary colic often follows a fatty meal.", "Pain often follows a fatty meal."),
    ("", "Atorvastatin is stopped in pregnancy.", "Statins are stopped in pregnant women."),
    ("Prostate clinic", "After ten years 92% were free of relapse.",
     "After ten years 92% of the men were free of relapse."),
    ("School protocol", "Lay the child flat. Repeat the pen after five minutes.",
     "The child is given the pen again after five minutes."),
    ("", "Codeine must not be used in breast-feeding mothers.",
     "Mothers who are breastfeeding must not use codeine."),
    ("", "The dose is 200 mg, with or without food.", "The dose is 200 mg, with food or without."),
    ("", "Give the vaccine at age 20 and older.", "Adults are given the vaccine."),
    ("", "Give co-amoxiclav after any dog bite.", "Patients get co-amoxiclav after any dog bite."),
    ("", "Torsalin must not be mixed with 0.9% saline.", "Don't mix torsalin with saline 0.9%."),
    ("", "Torsalin tablets lower calcium, and the dose may have to be cut.",
     "Calcium is lowered by torsalin tablets."),
    ("", "Ring the ward the same day for:\n- more pain\n- falling vision",
     "Falling vision or more pain means ringing the ward that same day."),
    ("", "Fentanyl is preferred because its metabolites are inactive.",
     "Fentanyl is preferred since it has no active metabolites."),
    ("", "Torsalin can be stopped after two years without fits.",
     "Torsalin can be stopped once two years have been fit-free."),
    ("", "A crust may block the nostril. It then needs softening.",
     "A crust that blocks the nostril needs softening."),
    ("", "Non-smokers and women are at greater risk.",
     "The risk is greater in women and in those who don't smoke."),
    ("", "A head scan is not needed after an uncomplicated faint.",
     "There is no need to scan the head after an uncomplicated faint."),
    ("", "MMR does not cause autism.", "Measles, mumps and rubella vaccine does not cause autism."),
    ("", "Stop feeds and start parenteral nutrition.", "Feeds are stopped and PN is started."),
    ("", "Escherichia coli and Listeria cause it.", "It is caused by Listeria and E. coli."),
    ("", "Zinc cut readmissions by a third.", "Readmissions were cut by one third by zinc."),
    ("", "Women are twice as likely as men to relapse.",
     "A woman's likelihood of relapse is double that of a man."),
    ("", "Cough was commoner with zinc, but colds were shorter.",
     "Colds were shorter with zinc, but cough was commoner."),
    ("", "Most cases were in unvaccinated children.",
     "Most cases were in children who had not been vaccinated."),
    ("", "The test is at least as helpful as a scan.", "The test is no less helpful than a scan."),
    ("", "Never start zinc early in otherwise healthy men.",
     "Otherwise healthy men must never start zinc early."),
]  # fmt: skip
ABOUT_SOMETHING_ELSE = [
    ("Desmoid tumours may be treated with sorafenib.",
     "Desmoid tumours may be treated with sunitinib.", "sunitinib"),
    ("Aspirin lowered the incidence of colorectal cancer.",
     "Aspirin lowered the incidence of breast cancer.", "breast cancer"),
    ("Use with caution in renal impairment.", "Use with caution in hepatic impairment.", "hepatic"),
    ("Infection is common in winter.", "In winter pneumonia is common.", ""),
    ("People over 65 need a sodium check.", "Adolescents need a sodium check.", "age"),
    ("When tablets fail, iron is infused into a vein.",
     "When tablets fail, iron is injected into muscle.", "route"),
    ("Opioids depress respiration.", "Opioids stimulate respiration.", "opposite"),
    ("Keep the bag below the bladder.", "The bag is kept above the bladder.", "opposite"),
    ("In mice the drug halved collagen.", "The drug halved collagen.", "animals"),
    ("Zinc halved the growth of cultured skin cells.", "Zinc halved skin growth in people.",
     "species"),
    ("Thyroid failure may cause a high prolactin.",
     "A high prolactin can be the cause of thyroid failure.", "other way round"),
    ("Flushing may precipitate a faint.", "A faint may precipitate flushing.", "other way round"),
    ("Rhinovirus is among the more frequent causes.", "Rhinovirus is the most frequent cause.",
     "among"),
    ("Non-inferiority of zinc to iron was not established.",
     "Zinc proved non-inferior to iron.", "non-inferior"),
    ("A biopsy is not needed unless the diagnosis is in doubt.",
     "A biopsy is not needed even if the diagnosis is in doubt.", "unless"),
    ("It can be used in burns only within the first day.", "It can be used in burns.",
     "only within"),
    ("Mortality was 30.8% and 31.5% (95% CI of the difference −6.7 to 5.3).",
     "Zinc reduced mortality significantly.", "no such difference"),
    ("Tea drinkers had fewer stones, though confounding is possible.", "Tea prevents stones.",
     "prevents"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "source", "statement"), IN_OTHER_WORDS)
def test_other_words_for_the_same_are_kept(title: str, source: str, statement: str) -> None:
    support = check_support(statement, source, title=title)
    assert support.supported, support.reason


@pytest.mark.parametrize(("source", "statement", "named"), ABOUT_SOMETHING_ELSE)
def test_other_names_are_not_taken_for_the_same(source: str, statement: str, named: str) -> None:
    support = check_support(statement, source)
    assert not support.supported and named in support.reason


def test_no_group_of_synonyms_joins_opposites() -> None:
    for line in lines("synonyms"):
        entries = [roots(entry) for entry in line.split(",") if entry.strip()]
        for one, other in itertools.combinations(entries, 2):
            if len(one) == len(other) == 1:
                two = opposites().get(other[0], [])
                for axis, sign in opposites().get(one[0], []):
                    assert (axis, -sign) not in two or (axis, sign) in two, (line, one, other)


def test_every_wider_name_is_in_the_table_of_synonyms() -> None:
    assert all(roots(name) in synonyms() for name in named_entries("kinds"))


# The same amount as clinicians write it in other ways.
SAME_AMOUNTS = [
    ("Regrowth occurs within a year.", "Regrowth occurs inside 12 months."),
    ("Give zinc within 30 minutes of arrival.",
     "Zinc is given in the first half hour after arrival."),
    ("Patients are turned at least every four hours.",
     "Patients go no longer than four hours without being turned."),
    ("The scan is repeated until the age of 25.", "Up to age 25 the scan is repeated."),
    ("Isolate until 4 days after rash onset.", "Isolate up to four days after rash onset."),
    ("The effect lasts up to 24 h.", "The effect lasts as long as a day."),
    ("Salvage falls after 24 hours.", "Salvage falls beyond 24 hours."),
    ("Analyte: calcium; Low: 2.20; High: 2.60; Unit: mmol/L",
     "The range of calcium is 2.2 to 2.6 mmol/L."),
    ("Weight: 15–30 kg; Dose: 4 mg", "At a weight of 20 kg the dose is 4 mg."),
    ("The lens is tested every 3 months.", "The lens is tested four times in a year."),
    ("Of 3,200 eligible patients, 1,600 were referred.",
     "Half of the eligible patients were referred."),
    ("The drug was started on day 2 and stopped on day 11.",
     "The drug was started on day 2 and stopped nine days later."),
    ("Give 30 mg daily in three divided doses.", "Give 10 mg three times a day."),
    ("Fasting glucose was 126 mg/dL.", "Fasting glucose was 7 mmol/L."),
    ("The patients relapsed in 32% of cases.",
     "The patients relapsed in about a third of cases."),
    ("The risk of relapse halved.", "The risk of relapse fell by 50%."),
    ("The hazard ratio for relapse was 0.75.", "The hazard for relapse was 25% lower."),
    ("Systolic pressure fell from 150 to 138 mmHg.", "Systolic pressure fell by 12 mmHg."),
    ("Keep the anti-Xa level within 0.6–1.0.", "The anti-Xa level lies between 0.6 and 1."),
    ("The assay had a specificity of 0.87.", "The assay had a specificity of 87%."),
    ("Torsion follows 3 in every 100,000 lifts.", "Three lifts in a hundred thousand are torsion."),
    ("Each 50 mL bag of zinc is 4 mg/mL.", "Each 50 mL bag of zinc holds 200 mg."),
    ("Add 8 mg of zinc to 400 mL.", "Zinc is made up to 20 mg per litre."),
    ("The linctus dose is at most 30 mL a day.",
     "The linctus dose is at most six 5 mL spoonfuls a day."),
    ("Of 60 boxers, half had a tear.", "30 of the 60 boxers had a tear."),
    ("The splint stays on for six weeks, then a brace for six weeks.",
     "Splint and brace stay on for twelve weeks altogether."),
    ("The lozenges were used over 8 weeks.", "The lozenges were used for 8 weeks."),
    ("Frailty predicts death within 90 days.", "Frailty predicts 90-day death."),
    ("Zinc is given for four weeks.", "Zinc is given for about a month."),
    ("Test: zinc; Interval: 11–19 µmol/L", "A zinc of 14 µmol/L is within the reference interval."),
    ("Do not take zinc beyond 40 mg.", "Zinc shouldn't be taken at more than 40 mg."),
    ("Complication: leak; N: 12; %: 3.4", "A leak occurred 12 times, a rate of 3.4%."),
    ("Stop zinc. Wait 36 hours before the first dose of iron.",
     "The first dose of iron is taken 36 hours after zinc is stopped."),
]  # fmt: skip
OTHER_AMOUNTS = [
    ("The nasal dose is 0.2 mg at 2–5 years, 0.4 mg over 5 years.",
     "The nasal dose is 0.4 mg at 2–5 years and 0.2 mg over 5 years."),
    ("Give zinc at least two weeks before iron is started.",
     "Zinc is given two weeks or more after iron is started."),
    ("One drop holds 0.1 mg of zinc.", "One drop holds 1 mg of zinc."),
    ("A T-score of −1.5 or lower is low.", "A T-score of +1.5 or lower is low."),
    ("Load 20 mg/kg at no more than 50 mg/min.", "The rate is no more than 50 mg/kg per minute."),
    ("The bladder holds 16 ounces (2 cups).", "The bladder holds 16 cups."),
    ("Lower limit: 15 × 10^6 per mL.", "The lower limit is 15 × 10^9 per mL."),
    ("Patients are turned at least every four hours.",
     "Patients go at least four hours without being turned."),
    ("The scan is repeated until the age of 25.", "The scan is repeated after the age of 25."),
    ("Weight: 15–30 kg; Dose: 4 mg", "At a weight of 35 kg the dose is 4 mg."),
    ("The lens is tested every 3 months.", "The lens is tested three times in a year."),
    ("Of 3,200 eligible patients, 1,600 were referred.",
     "A third of the eligible patients were referred."),
    ("Give 30 mg daily in three divided doses.", "Give 30 mg four times a day."),
    ("Give 2 tablets three times daily.", "Give 3 tablets twice daily."),
    ("The register began in 2018.", "The register began in 2019."),
    ("Of the patients, 49.2% relapsed.", "Of the patients, 49.3% relapsed."),
    ("The PHQ-9 score influenced decisions.", "The PHQ-10 score influenced decisions."),
    ("Grade 3 neutropenia delays treatment.", "Grade 4 neutropenia delays treatment."),
    ("Pain was less with zinc than with placebo (3.2 vs 5.1 points).",
     "Pain was 5.1 points with zinc and 3.2 points with placebo."),
    ("Survival was 16.4 and 19.1 months in arm A and B, respectively.",
     "Survival was 19.1 months in arm A and 16.4 months in arm B."),
]  # fmt: skip


@pytest.mark.parametrize(("source", "statement"), SAME_AMOUNTS)
def test_an_amount_may_be_written_in_another_way(source: str, statement: str) -> None:
    support = check_support(statement, source)
    assert support.supported, support


@pytest.mark.parametrize(("source", "statement"), OTHER_AMOUNTS)
def test_another_amount_is_found(source: str, statement: str) -> None:
    assert not check_support(statement, source).supported


def test_many_quantities_are_compared_in_a_moment() -> None:
    text = " ".join(f"{n} mg every {n} hours for {n} weeks, {n} of {n + 5}," for n in range(1, 60))
    assert check_support(text[:1900], text).score <= 1.0


@pytest.mark.parametrize("text", ["(a) ", "It falls. ", "5-10-15-20-", "a but not b, "])
def test_odd_sources_take_no_long(text: str) -> None:
    start = time.perf_counter()
    check_support("Give 5 mg of aspirin daily.", text * (10_000 // len(text)))
    assert time.perf_counter() - start < 4.0
