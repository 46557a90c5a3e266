"""What kind of evidence a document is: its publication types, its title, its abstract."""

from __future__ import annotations

import pytest

from medrag.text.evidence_types import EvidenceType, evidence_type


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("2019 ESC/EAS Guidelines for the management of dyslipidaemias", "guideline"),
        ("Type 2 diabetes in adults: management. NICE guideline [NG28]", "guideline"),
        ("Adherence to guidelines for asthma in primary care", ""),
        ("Guideline-concordant care in breast cancer", ""),
        ("Are clinical practice guidelines up to date?", ""),
        (
            "Statins: a systematic review and meta-analysis of randomised trials",
            "systematic review",
        ),
        ("Acupuncture for migraine: an updated Cochrane review", "systematic review"),
        ("The need for systematic reviews of animal studies", ""),
        ("Protocol for a systematic review of exercise in dementia", "protocol"),
        ("Exercise in care homes: study protocol for a randomised controlled trial", "protocol"),
        ("Effect of dexamethasone in a randomized placebo-controlled trial", "randomized trial"),
        ("Ten-year results of a randomized trial of screening", "randomized trial"),
        ("A call for randomized trials of surgery", ""),
        ("Recruitment to a randomised trial of cannabis", ""),
        ("A quasi-experimental study of essential oils", ""),
        ("Imatinib in scleroderma: a phase II, open-label, single-arm trial", "clinical trial"),
        ("Breast feeding and IQ: 30-year follow-up of a birth cohort", "cohort study"),
        ("Outcome after appendectomy: a retrospective study of 312 patients", "cohort study"),
        ("Cohort effects in language change", ""),
        ("A retrospective chart review tool for nurses", ""),
        ("Aspirin and Reye syndrome: a case-control study", "case-control study"),
        ("Sleep in adolescents: a cross-sectional survey", "cross-sectional study"),
        ("Hepatitis after kratom: a case report and review of the literature", "case report"),
        ("Cases of measles are rising in Europe", ""),
        ("Why case reports matter", ""),
        ("Pathogenesis of lupus: a review", "review"),
        ("Peer review in medicine", ""),
        ("Effect of curcumin on colitis in mice", "laboratory study"),
        ("In vitro fertilization and later risk of autism", ""),
        ("", ""),
    ],
)
def test_a_title_names_the_type_of_its_own_document(title: str, expected: str) -> None:
    assert evidence_type(title, {}, "") == expected


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        ("We searched MEDLINE and Embase to March 2020 for trials of zinc.", "systematic review"),
        ("Zinc is cheap. A systematic review found fewer events.", ""),
        ("Our institutional database was searched for patients with zinc.", ""),
        ("Seventy infants were randomly assigned to zinc or placebo.", "randomized trial"),
        ("There are no randomized controlled trials of zinc.", ""),
        ("Mice were randomly assigned to zinc or vehicle.", "laboratory study"),
        ("In this prospective non randomized cohort study we gave zinc.", "cohort study"),
        ("The medical records of 84 patients were reviewed retrospectively.", "cohort study"),
        ("In this single-arm phase 2 trial, 40 patients were enrolled.", "clinical trial"),
        ("We performed a case-control study in Milan.", "case-control study"),
        ("A cross-sectional study was conducted among 400 students.", "cross-sectional study"),
        ("We report a 45-year-old man with jaundice.", "case report"),
        ("In this review, we summarise what zinc does.", "review"),
        ("Ask your doctor about zinc, or about a clinical trial.", ""),
    ],
)
def test_an_abstract_says_what_was_done(opening: str, expected: str) -> None:
    assert evidence_type("Zinc", {}, opening) == expected


def test_a_statement_far_into_the_text_is_found_within_the_opening() -> None:
    padding = "Zinc is a metal. " * 60
    assert evidence_type("Zinc", {}, padding + "Patients were randomized to zinc.") != ""
    assert evidence_type("Zinc", {}, padding * 2 + "Patients were randomized to zinc.") == ""


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (
            {"publication_types": ["Journal Article", "Randomized Controlled Trial"]},
            "randomized trial",
        ),
        ({"publication_types": ["Review", "Meta-Analysis"]}, "systematic review"),
        ({"publication_types": ["Case Reports", "Letter"]}, "case report"),
        ({"publication_types": "Practice Guideline"}, "guideline"),
        (
            {"publication_types": ["Journal Article"], "mesh": ["Humans", "Cohort Studies"]},
            "cohort study",
        ),
        ({"mesh": ["Animals", "Zinc"]}, "laboratory study"),
        ({"mesh": ["Animals", "Humans"]}, ""),
        ({"article_type": "case-report"}, "case report"),
        ({"article_type": "research-article"}, ""),
        ({"publication_types": 3, "mesh": None, "article_type": ["x", 1]}, ""),
    ],
)
def test_what_the_metadata_says(metadata: dict[str, object], expected: str) -> None:
    assert evidence_type("Zinc", metadata, "") == expected


def test_metadata_weighs_more_than_words_unless_the_title_is_more_exact() -> None:
    trial = {"publication_types": ["Randomized Controlled Trial"]}
    assert evidence_type("Zinc: a review", trial, "") == EvidenceType.randomized_trial
    review = {"publication_types": ["Review"]}
    assert evidence_type("A systematic review of zinc", review, "") == "systematic review"
    assert evidence_type("Zinc", review, "We report a 45-year-old man.") == EvidenceType.review
