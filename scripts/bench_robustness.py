"""Measure what it costs retrieval when people word a question otherwise.

    python scripts/bench_robustness.py INDEX QUESTIONS [--most 300] [--seed 0]

Each kind changes questions in one way: a typing error, a slip in a drug's name, British spelling,
an abbreviation, and so on. Printed are nDCG@10 of documents before and after the change and the
loss in points, with 95 % bootstrap intervals, with `retriever.wording` off and on.

Brand names and lay words come from the tables that also read them. A third of their entries is
therefore held out: those kinds are printed twice, as known and as unknown to the tables.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from unittest import mock

import numpy as np
from rich.console import Console
from rich.table import Table

from medrag import RAGPipeline
from medrag.dataset.benchmarks import open_benchmark
from medrag.dataset.questions import DocumentNames
from medrag.metrics import retrieval_measures
from medrag.retrieval.wording import rewriting
from medrag.retrieval.wording.drugs import names_drug
from medrag.retrieval.wording.names import from_table
from medrag.retrieval.wording.tables import groups
from medrag.stores import IndexReader
from medrag.text.words import STOPWORDS, words

Change = Callable[[str, random.Random, IndexReader], str | None]
_DEPTH = 30  # chunks, for ten documents
_TOKEN = re.compile(r"[A-Za-z]+")


# --- the kinds ------------------------------------------------------------------------------------

_NEIGHBOURS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "sq vn xv sf wr dg fh gj uo hk jl k nk bm ip ol wa et ad ry yi cb qe zc tu xa".split(),  # noqa: SIM905
        strict=True,
    )
)


def typing_error(question: str, chance: random.Random, index: IndexReader) -> str | None:
    """One wrong key in the rarest word."""
    found = [one for one in _TOKEN.finditer(question) if len(one[0]) >= 5]
    found = [one for one in found if one[0].lower() not in STOPWORDS and not one[0].isupper()]
    if not found:
        return None
    word = min(found, key=lambda one: index.word_frequency(one[0].lower()))
    return _in_place(question, word, _mistyped(word[0].lower(), chance))


def _mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    kind = chance.choice(["swap", "drop", "double", "wrong", "extra"])
    if kind == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "drop":
        return word[:at] + word[at + 1 :]
    letter = word[at] if kind == "double" else chance.choice(_NEIGHBOURS[word[at]])
    return word[:at] + letter + word[at + (kind == "wrong") :]


# What is misheard or guessed in a drug's name; more than the sounds that the rewriting knows.
_SLIPS = [
    ("ph", "f"), ("f", "ph"), ("y", "i"), ("i", "y"), ("c", "k"), ("c", "s"), ("x", "z"),
    ("z", "s"), ("ll", "l"), ("l", "ll"), ("m", "mm"), ("n", "nn"), ("t", "tt"), ("a", "e"),
    ("e", "a"),
    ("o", "a"), ("a", "o"), ("i", "e"), ("e", "i"), ("u", "o"), ("in", "en"), ("ine", "in"),
    ("th", "t"), ("t", "th"), ("m", "n"), ("v", "b"), ("d", "t"), ("r", ""),
    ("ro", "or"), ("xi", "ci"),
]  # fmt: skip


def drug_slip(question: str, chance: random.Random, index: IndexReader) -> str | None:
    """A drug's name as somebody writes it who has only heard it."""
    named = [one for one in _TOKEN.finditer(question) if names_drug(one[0].lower())]
    if not named:
        return None
    word = chance.choice(named)
    slipped = word[0].lower()
    for _ in range(2 if len(slipped) > 9 and chance.random() < 0.3 else 1):
        places = [
            (place.start(), old, new)
            for old, new in _SLIPS
            for place in re.finditer(old, slipped)
            if place.start()
        ]
        if places:
            at, old, new = chance.choice(places)
            slipped = slipped[:at] + new + slipped[at + len(old) :]
    return (
        None
        if names_drug(slipped) and index.word_frequency(slipped)
        else _in_place(question, word, slipped)
    )


_BRITISH = """
    tumour=tumor tumours=tumors anaemia=anemia anaemic=anemic leukaemia=leukemia oedema=edema
    haemorrhage=hemorrhage haemorrhagic=hemorrhagic haemophilia=hemophilia haemoglobin=hemoglobin
    haematoma=hematoma haemorrhoids=hemorrhoids haemolytic=hemolytic haemodialysis=hemodialysis
    haematuria=hematuria oesophagus=esophagus oesophageal=esophageal oestrogen=estrogen
    paediatric=pediatric paediatrics=pediatrics anaesthesia=anesthesia anaesthetic=anesthetic
    orthopaedic=orthopedic gynaecological=gynecological gynaecomastia=gynecomastia foetal=fetal
    foetus=fetus diarrhoea=diarrhea gonorrhoea=gonorrhea coeliac=celiac caecum=cecum faecal=fecal
    faeces=feces ischaemia=ischemia ischaemic=ischemic hyperglycaemia=hyperglycemia
    hypoglycaemia=hypoglycemia hypercholesterolaemia=hypercholesterolemia bacteraemia=bacteremia
    septicaemia=septicemia thalassaemia=thalassemia hyperkalaemia=hyperkalemia uraemia=uremia
    polycythaemia=polycythemia homoeopathy=homeopathy dyspnoea=dyspnea apnoea=apnea
    amenorrhoea=amenorrhea colour=color behaviour=behavior behavioural=behavioral labour=labor
    odour=odor centre=center fibre=fiber fibres=fibers litre=liter hospitalised=hospitalized
    randomised=randomized immunisation=immunization sterilisation=sterilization
    localised=localized generalised=generalized metastasise=metastasize paralysed=paralyzed
    analyse=analyze catalyse=catalyze characterised=characterized recognised=recognized
    minimise=minimize optimise=optimize hospitalisation=hospitalization sulphate=sulfate
    sulphonamide=sulfonamide sulphur=sulfur leucocyte=leukocyte leucocytes=leukocytes
    labelled=labeled counselling=counseling ageing=aging practise=practice haemangioma=hemangioma
    glycaemic=glycemic lipidaemia=lipidemia anaesthesiologist=anesthesiologist
    haematopoietic=hematopoietic haemochromatosis=hemochromatosis toxaemia=toxemia
    acidaemia=acidemia galactosaemia=galactosemia hyperlipidaemia=hyperlipidemia
    hyperaemia=hyperemia encyclopaedia=encyclopedia palaeolithic=paleolithic caesarean=cesarean
    aetiology=etiology oesophagitis=esophagitis dyslipidaemia=dyslipidemia
"""


@cache
def _british() -> dict[str, str]:
    pairs = [pair.split("=") for pair in _BRITISH.split()]
    return {one: other for pair in pairs for one, other in (pair, pair[::-1])}


def british(question: str, chance: random.Random, index: IndexReader) -> str | None:
    """The spelling of the other side of the Atlantic."""
    changed = _TOKEN.sub(lambda one: _british().get(one[0].lower(), one[0]), question)
    return changed if changed != question else None


_LONG_FORMS = """
    COPD=chronic obstructive pulmonary disease; CKD=chronic kidney disease;
    AF=atrial fibrillation; GERD=gastroesophageal reflux disease;
    ADHD=attention deficit hyperactivity disorder; MS=multiple sclerosis; RA=rheumatoid arthritis;
    ALS=amyotrophic lateral sclerosis; HIV=human immunodeficiency virus; HPV=human papillomavirus;
    TB=tuberculosis; UTI=urinary tract infection; DVT=deep vein thrombosis; PE=pulmonary embolism;
    CHF=congestive heart failure; CAD=coronary artery disease; CHD=coronary heart disease;
    IBS=irritable bowel syndrome; IBD=inflammatory bowel disease;
    SLE=systemic lupus erythematosus; OCD=obsessive compulsive disorder;
    PTSD=posttraumatic stress disorder; OSA=obstructive sleep apnea;
    BPH=benign prostatic hyperplasia; AMD=age-related macular degeneration;
    SMA=spinal muscular atrophy; DMD=Duchenne muscular dystrophy;
    ALL=acute lymphoblastic leukemia; AML=acute myeloid leukemia;
    CLL=chronic lymphocytic leukemia; CML=chronic myelogenous leukemia;
    NSCLC=non-small cell lung cancer; SCLC=small cell lung cancer; EDS=Ehlers-Danlos syndrome;
    CF=cystic fibrosis; GBS=Guillain-Barre syndrome; PCOS=polycystic ovary syndrome;
    CFS=chronic fatigue syndrome; TIA=transient ischemic attack; MRI=magnetic resonance imaging;
    CT=computed tomography; BMI=body mass index; LDL=low-density lipoprotein;
    AD=Alzheimer's disease; PD=Parkinson's disease; HD=Huntington's disease;
    MI=myocardial infarction; ARDS=acute respiratory distress syndrome;
    RSV=respiratory syncytial virus; ESRD=end-stage renal disease; NF1=neurofibromatosis type 1;
    PKU=phenylketonuria; SCD=sickle cell disease; HCC=hepatocellular carcinoma;
    TNBC=triple negative breast cancer; CRC=colorectal cancer;
    PAH=pulmonary arterial hypertension; IPF=idiopathic pulmonary fibrosis;
    ITP=immune thrombocytopenia; MDS=myelodysplastic syndromes;
    EGFR=epidermal growth factor receptor; VEGF=vascular endothelial growth factor;
    TNF=tumor necrosis factor; miRNA=microRNA; FDA=food and drug administration;
    GVHD=graft-versus-host disease; PAD=peripheral arterial disease; ASD=autism spectrum disorder;
    BMT=bone marrow transplant; STEMI=ST-elevation myocardial infarction;
    NAFLD=nonalcoholic fatty liver disease; SIDS=sudden infant death syndrome;
    TBI=traumatic brain injury; HUS=hemolytic uremic syndrome;
"""


@cache
def _long_forms() -> list[tuple[str, str]]:
    entries = " ".join(_LONG_FORMS.split()).split(";")
    return [
        (short.strip(), long) for short, _, long in (one.partition("=") for one in entries) if long
    ]


def abbreviation(question: str, chance: random.Random, index: IndexReader) -> str | None:
    """An abbreviation for its long form, or the other way round."""
    for short, long in _long_forms():
        if long.lower() in question.lower():
            return re.sub(re.escape(long), short, question, count=1, flags=re.IGNORECASE)
        if re.search(rf"\b{short}\b", question) and f"({short})" not in question:
            return re.sub(rf"\b{short}\b", long, question, count=1)
    return None


_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "kappa": "κ"}
_AS_NAME = {letter: name for name, letter in _GREEK.items()}


def hyphen(question: str, chance: random.Random, index: IndexReader) -> str | None:
    """Hyphens left out or parts joined, Greek letters by name or as letters."""
    changed = re.sub("[αβγδκ]", lambda one: _AS_NAME[one[0]], question)
    if changed == question:
        changed = re.sub(
            r"(?i)\b(alpha|beta|gamma|kappa)\b", lambda one: _GREEK[one[0].lower()], question
        )
    between = chance.choice(["", " "])
    changed = re.sub(r"(?<=\w)-(?=\w)", between, changed)
    return changed if changed != question else None


def _held_out(entry: Sequence[object]) -> bool:
    return sum(map(ord, str(entry[0]))) % 3 == 0


def _other_name(table: str, held_out: bool) -> Change:
    def change(question: str, chance: random.Random, index: IndexReader) -> str | None:
        asked = words(question)
        for at, size in ((at, size) for size in (4, 3, 2, 1) for at in range(len(asked))):
            phrase = tuple(asked[at : at + size])
            for group in groups(table):
                if phrase in group and len(phrase) == size and _held_out(group) == held_out:
                    other = chance.choice([name for name in group if name != phrase] or [phrase])
                    pattern = r"\W+".join(map(re.escape, phrase))
                    changed = re.sub(rf"(?i)\b{pattern}\b", " ".join(other), question, count=1)
                    return changed if changed != question else None
        return None

    return change


def bare(question: str, chance: random.Random, index: IndexReader) -> str | None:
    """Lower case, no punctuation."""
    changed = " ".join(re.sub(r"[^\w\s]", " ", question.lower()).split())
    return changed if changed != question else None


_FRAMES = [
    "hi, my doctor told me about this and i am a bit worried. {} please help, thanks",
    "Hello, I have a question for you. {} Thank you so much in advance!",
    "{} I asked my pharmacist yesterday but did not understand the answer.",
    "good morning, sorry to bother you, i am 54 years old and would like to know: {}",
]


def chatty(question: str, chance: random.Random, index: IndexReader) -> str | None:
    """The question inside what people write around it."""
    return chance.choice(_FRAMES).format(question)


KINDS: dict[str, tuple[Change, bool]] = {
    "typing error in the rarest word": (typing_error, False),
    "slip in a drug's name": (drug_slip, False),
    "British or American": (british, False),
    "abbreviation or long form": (abbreviation, False),
    "hyphens, joins, Greek letters": (hyphen, False),
    "other name of a drug, known": (_other_name("drugs", False), True),
    "other name of a drug, held out": (_other_name("drugs", True), True),
    "lay or clinical, known": (_other_name("lay", False), True),
    "lay or clinical, held out": (_other_name("lay", True), True),
    "lower case, no punctuation": (bare, False),
    "chatty frame": (chatty, False),
}


def _in_place(question: str, word: re.Match[str], other: str) -> str | None:
    return (
        question[: word.start()] + other + question[word.end() :]
        if other != word[0].lower()
        else None
    )


# --- measuring ------------------------------------------------------------------------------------


@contextmanager
def _without_held_out() -> Iterator[None]:
    """Take the held-out entries from what the rewriting knows."""
    held = {
        name
        for table in ("drugs", "lay")
        for group in groups(table)
        if _held_out(group)
        for name in group
    }
    with mock.patch.object(
        rewriting,
        "from_table",
        lambda table, phrase: () if phrase in held else from_table(table, phrase),
    ):
        yield


def main() -> None:
    """Print one row per kind, and one for the questions as they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("index")
    parser.add_argument("questions")
    parser.add_argument("--most", type=int, default=300, help="questions of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    table = Table(title=f"nDCG@10 x 100, {asked.questions}")
    for column in ("kind", "n", "off: before", "after", "loss", "on: before", "after", "loss"):
        table.add_column(column, justify="left" if column == "kind" else "right", no_wrap=True)
    examples = open_benchmark(asked.questions).examples
    random.Random(asked.seed).shuffle(examples)
    with RAGPipeline.open(asked.index) as off, RAGPipeline.open(asked.index) as on:
        off.config.retriever.wording = False
        resolver = DocumentNames(on.index)
        gold = {example.question: resolver.resolve(example.documents) for example in examples}
        questions = [question for question, documents in gold.items() if documents]

        @cache
        def scores(question: str, original: str, is_on: bool) -> float:
            hits = (on if is_on else off).retrieve(question, _DEPTH)
            ranked = list(dict.fromkeys(hit.document for hit in hits))
            return 100 * retrieval_measures(ranked, gold[original], [10])["ndcg@10"]

        for kind, (change, is_circular) in KINDS.items():
            chance = random.Random(asked.seed)
            pairs: list[tuple[str, str]] = []
            for question in questions:
                changed = change(question, chance, on.index)
                if changed and len(pairs) < asked.most:
                    pairs.append((question, changed))
            if not pairs:
                continue
            cells = []
            for is_on in (False, True):
                before = np.array([scores(one, one, is_on) for one, _ in pairs])
                if is_circular and is_on:
                    with _without_held_out(), RAGPipeline.open(asked.index) as fresh:
                        after = np.array([_score(fresh, new, gold[one]) for one, new in pairs])
                else:
                    after = np.array([scores(new, one, is_on) for one, new in pairs])
                low, high = _interval(before - after, asked.seed)
                loss = f"{(before - after).mean():.1f} [{low:.1f}, {high:.1f}]"
                cells += [f"{before.mean():.1f}", f"{after.mean():.1f}", loss]
            table.add_row(kind, str(len(pairs)), *cells)
        some = questions[: 3 * asked.most]
        plain = [np.array([scores(one, one, is_on) for one in some]) for is_on in (False, True)]
        low, high = _interval(plain[0] - plain[1], asked.seed)
        change_ = f"{(plain[0] - plain[1]).mean():.1f} [{low:.1f}, {high:.1f}]"
        means = [f"{values.mean():.1f}" for values in plain]
        table.add_row("as they are", str(len(some)), means[0], "", "", means[1], "", change_)
    Console(width=140).print(table)


def _score(rag: RAGPipeline, question: str, gold: list[str]) -> float:
    ranked = list(dict.fromkeys(hit.document for hit in rag.retrieve(question, _DEPTH)))
    return 100 * retrieval_measures(ranked, gold, [10])["ndcg@10"]


def _interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % of the means of resampled values."""
    chance = np.random.default_rng(seed)
    means = chance.choice(values, (1000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
