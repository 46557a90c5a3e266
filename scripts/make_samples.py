"""Write the binary sample documents (PDF, DOCX, PubMed XML.GZ) into samples/corpus.

Needs reportlab and python-docx. The same versions of these libraries always write the same bytes:
all dates in the files are fixed, and nothing is random.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import io
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

CORPUS = Path(__file__).resolve().parent.parent / "samples" / "corpus"
NOTICE = "Sample text of the medrag project. Not for clinical use."

# --- acute-breathlessness.pdf: one list of (kind, content) per page -------------------

PDF_TITLE = "Acute breathlessness: two causes not to miss"
PDF_PAGES = [
    [
        ("title", PDF_TITLE),
        ("heading", "1. Pulmonary embolism"),
        (
            "text",
            (
                "A pulmonary embolism (PE) is a clot, usually from a deep vein of the leg, that lodges in the "
                "pulmonary arteries. Sudden breathlessness, chest pain that is worse on breathing in, a fast pulse "
                "and coughing blood are typical; fainting suggests a large clot. Recent surgery, immobility, "
                "cancer, pregnancy and oestrogen treatment are important risks."
            ),
        ),
        (
            "text",
            (
                "Clinical probability is estimated before any test, for example with the Wells score below. When "
                "PE is unlikely, a normal D-dimer excludes it without imaging. When PE is likely, CT pulmonary "
                "angiography is done directly. A ventilation-perfusion scan is an alternative when iodinated "
                "contrast is unsuitable. Over the age of 50, the D-dimer cut-off may be adjusted for age (age "
                "times 10 micrograms per litre)."
            ),
        ),
        (
            "table",
            "Table 1. Wells score for pulmonary embolism",
            [
                ("Finding", "Points"),
                ("Signs of deep vein thrombosis", "3"),
                ("Another diagnosis is less likely than PE", "3"),
                ("Heart rate above 100 per minute", "1.5"),
                ("Immobile for 3 days or more, or surgery in the past 4 weeks", "1.5"),
                ("Previous deep vein thrombosis or PE", "1.5"),
                ("Coughing blood", "1"),
                ("Cancer, active or treated in the past 6 months", "1"),
            ],
        ),
        (
            "text",
            "In the two-level version, more than 4 points means that PE is likely.",
        ),
        (
            "text",
            (
                "Treatment is anticoagulation, with a direct oral anticoagulant for most people, for at least "
                "three months. It is begun before imaging if the suspicion is strong and the bleeding risk "
                "acceptable. Low-molecular-weight heparin is used in pregnancy. Systemic thrombolysis is for PE "
                "with shock or sustained low blood pressure, and is not routine in stable patients."
            ),
        ),
    ],
    [
        ("heading", "2. Community-acquired pneumonia"),
        (
            "text",
            (
                "Pneumonia causes cough, fever, breathlessness and pleuritic pain, with crackles or bronchial "
                "breathing over the affected lung. Older people may show only confusion or a fall. Streptococcus "
                "pneumoniae is the bacterium most often identified. Legionella should be thought of after travel "
                "or exposure to contaminated water systems, and is sought with a urinary antigen test. A chest "
                "X-ray confirms the diagnosis in hospital."
            ),
        ),
        (
            "table",
            "Table 2. CURB-65 severity score (1 point for each)",
            [
                ("Letter", "Finding"),
                ("C", "New confusion"),
                ("U", "Urea above 7 mmol/L"),
                ("R", "Respiratory rate 30 per minute or more"),
                ("B", "Systolic pressure below 90 mmHg, or diastolic 60 mmHg or less"),
                ("65", "Age 65 years or over"),
            ],
        ),
        (
            "text",
            (
                "A score of 0 or 1 means low risk, and treatment at home is usually possible. With 2 points "
                "hospital care is considered. With 3 to 5 points the pneumonia is severe: the patient is admitted, "
                "and intensive care may be needed, above all at 4 or 5. The CRB-65 version leaves out urea and "
                "suits general practice. Scores assist clinical judgement and do not replace it."
            ),
        ),
        (
            "text",
            (
                "Amoxicillin is a common first choice for mild disease in the UK; doxycycline or a macrolide is "
                "used in penicillin allergy. In severe pneumonia a beta-lactam is combined with a macrolide so "
                "that atypical organisms are covered. Five days of antibiotic are enough for most people who "
                "improve quickly and are clinically stable."
            ),
        ),
        (
            "text",
            (
                "Failure to improve should raise the question of a parapneumonic effusion or empyema, a lung "
                "abscess, a resistant organism, tuberculosis or another diagnosis. Pleural fluid with a pH below "
                "7.2, or frank pus, needs drainage. A follow-up chest X-ray after about six weeks is advised for "
                "smokers and people over 50, because cancer may lie behind the infection. Pneumococcal and "
                "influenza vaccines help to prevent pneumonia."
            ),
        ),
    ],
]

# --- copd.docx: a list of (kind, content) ---------------------------------------------

DOCX_TITLE = "Chronic obstructive pulmonary disease"
DOCX_BLOCKS = [
    ("heading", "Diagnosis"),
    (
        "text",
        (
            "Chronic obstructive pulmonary disease (COPD) is suspected in adults with lasting breathlessness, "
            "cough or sputum and exposure to tobacco smoke, biomass smoke or dusts. The diagnosis needs "
            "spirometry: the ratio of FEV1 to FVC stays below 0.70 after a bronchodilator. Unlike asthma, the "
            "limitation varies little from day to day. Alpha-1 antitrypsin is measured at least once, above all "
            "when the disease starts early or runs in a family."
        ),
    ),
    (
        "table",
        "Severity of airflow limitation when FEV1/FVC is below 0.70",
        [
            ("Grade", "FEV1, percent of predicted"),
            ("GOLD 1 (mild)", "80 or more"),
            ("GOLD 2 (moderate)", "50 to 79"),
            ("GOLD 3 (severe)", "30 to 49"),
            ("GOLD 4 (very severe)", "below 30"),
        ],
    ),
    ("heading", "Stable disease"),
    (
        "text",
        (
            "Stopping smoking does the most to slow the loss of lung function. Long-acting bronchodilators, a beta "
            "agonist (LABA) and a muscarinic antagonist (LAMA), are the main inhaled treatment and are often "
            "combined. An inhaled corticosteroid is added for people with repeated exacerbations, especially when "
            "blood eosinophils are 300 cells per microlitre or more; it raises the risk of pneumonia. Pulmonary "
            "rehabilitation improves exercise capacity and quality of life. Vaccines against influenza, "
            "pneumococcus and COVID-19 are offered."
        ),
    ),
    (
        "text",
        (
            "Oxygen at home for at least 15 hours a day prolongs life when resting arterial oxygen is 7.3 kPa (55 "
            "mmHg) or lower in a stable state. It must not be used near a flame or by someone smoking."
        ),
    ),
    ("heading", "Exacerbations"),
    (
        "text",
        (
            "Most exacerbations are set off by viral or bacterial infection. Treatment is a short-acting "
            "bronchodilator given more often, and prednisolone, commonly 40 mg daily for five days. An antibiotic "
            "is added when sputum becomes more purulent. Oxygen is titrated to a saturation of 88 to 92% in people "
            "at risk of retaining carbon dioxide. Non-invasive ventilation is the treatment for acute respiratory "
            "acidosis (pH below 7.35 with raised carbon dioxide) that persists despite medical therapy, as it "
            "lowers the need for intubation and the risk of death."
        ),
    ),
]

# --- pubmed_sample.xml.gz: pmid, title, sections, MeSH headings as (UI, name) ---------

ARTICLES = [
    (
        "99000001",
        "Myocardial infarction with ST elevation: a narrative overview of early care",
        [
            (
                "BACKGROUND",
                (
                    "Acute myocardial infarction is usually caused by rupture or erosion of a plaque in a "
                    "coronary artery with clot on top. ST elevation on the electrocardiogram suggests that the "
                    "artery is completely blocked. Women, older people and people with diabetes may have "
                    "breathlessness, sweating or nausea without chest pain."
                ),
            ),
            (
                "DIAGNOSIS",
                (
                    "A 12-lead electrocardiogram should be recorded within ten minutes of first medical contact. "
                    "Treatment of ST elevation does not wait for troponin. A rise or fall of troponin with at "
                    "least one value above the 99th percentile, together with evidence of ischaemia, defines "
                    "infarction; troponin may also rise in sepsis, pulmonary embolism and kidney disease."
                ),
            ),
            (
                "TREATMENT",
                (
                    "Primary percutaneous coronary intervention is preferred when it can be done within 120 "
                    "minutes of the diagnosis; otherwise fibrinolysis is given to eligible patients within 12 "
                    "hours of the start of symptoms. Aspirin is given at once, with a second antiplatelet drug "
                    "and an anticoagulant. Oxygen is not given routinely when saturation is 90% or more. Nitrates "
                    "are avoided in right ventricular infarction and after recent use of sildenafil."
                ),
            ),
            (
                "AFTERCARE",
                (
                    "Dual antiplatelet therapy is usually continued for 12 months, and is shortened when bleeding "
                    "risk is high. A high-intensity statin is started early; ACE inhibitors benefit above all "
                    "those with reduced ejection fraction, diabetes, hypertension or an anterior infarct. Cardiac "
                    "rehabilitation and stopping smoking reduce later deaths."
                ),
            ),
            (
                "CONCLUSIONS",
                "Fast recognition and quick reopening of the artery limit the damage to heart muscle.",
            ),
        ],
        [
            ("D006801", "Humans"),
            ("D009203", "Myocardial Infarction"),
            ("D062645", "Percutaneous Coronary Intervention"),
        ],
    ),
    (
        "99000002",
        "HIV treatment and prevention in adults: a narrative overview",
        [
            (
                "BACKGROUND",
                (
                    "Untreated HIV infection destroys CD4 T cells and leads to opportunistic infection and "
                    "cancer. Fourth-generation laboratory tests detect antibody and p24 antigen, and nearly all "
                    "infections are detected by 45 days after exposure."
                ),
            ),
            (
                "TREATMENT",
                (
                    "Antiretroviral therapy is recommended for everyone with HIV whatever the CD4 count, and may "
                    "start on the day of diagnosis. A common first regimen is the integrase inhibitor "
                    "dolutegravir with two nucleoside analogues, such as tenofovir with lamivudine or "
                    "emtricitabine. In cryptococcal or tuberculous meningitis the start is delayed, because early "
                    "immune recovery can be fatal. HLA-B*57:01 is tested before abacavir. Dolutegravir is given "
                    "twice daily with rifampicin, and antacids and iron reduce its absorption."
                ),
            ),
            (
                "PREVENTION",
                (
                    "A person whose viral load stays undetectable on treatment does not transmit HIV to sexual "
                    "partners. Pre-exposure prophylaxis with oral tenofovir and emtricitabine, or with "
                    "long-acting injections such as cabotegravir, is highly effective when taken as intended; a "
                    "negative HIV test is needed first. Post-exposure prophylaxis is started as soon as "
                    "possible, and no later than 72 hours, and lasts 28 days."
                ),
            ),
            (
                "OPPORTUNISTIC INFECTION",
                (
                    "Co-trimoxazole prevents Pneumocystis pneumonia when the CD4 count is below 200 "
                    "cells per microlitre. Everyone is screened for tuberculosis and hepatitis B."
                ),
            ),
            (
                "CONCLUSIONS",
                (
                    "With early, continuous treatment life expectancy comes "
                    "close to that of the general population."
                ),
            ),
        ],
        [
            ("D006801", "Humans"),
            ("D015658", "HIV Infections"),
            ("D019380", "Anti-HIV Agents"),
            ("D065129", "Pre-Exposure Prophylaxis"),
        ],
    ),
    (
        "99000003",
        "Osteoporosis and fragility fractures: a narrative overview",
        [
            (
                "BACKGROUND",
                (
                    "Osteoporosis lowers bone strength and leads to fractures after minor trauma, typically of "
                    "the hip, spine and wrist. Age, menopause, low body weight, previous fracture, a parent with "
                    "hip fracture, smoking, alcohol, glucocorticoids, rheumatoid arthritis, coeliac disease and "
                    "an overactive thyroid raise the risk."
                ),
            ),
            (
                "DIAGNOSIS",
                (
                    "On dual-energy X-ray absorptiometry (DXA) a T-score of -2.5 or lower means osteoporosis, and "
                    "a value between -1.0 and -2.5 means low bone mass (osteopenia). A fragility fracture of the "
                    "hip or spine allows the diagnosis in most settings without a scan. Tools such as FRAX "
                    "estimate the ten-year fracture probability."
                ),
            ),
            (
                "TREATMENT",
                (
                    "Oral bisphosphonates, alendronate or risedronate, are the usual first choice. They are taken "
                    "on an empty stomach with plain water while upright for at least 30 minutes, to protect the "
                    "oesophagus. Intravenous zoledronate is given once a year. Denosumab is injected every six "
                    "months; stopping or delaying it without a follow-on drug risks multiple vertebral fractures. "
                    "Teriparatide and romosozumab build bone and are kept for very high risk. Low calcium and "
                    "vitamin D are corrected first."
                ),
            ),
            (
                "SAFETY",
                (
                    "Osteonecrosis of the jaw and atypical femoral fracture are rare. A pause in bisphosphonate "
                    "treatment is considered after about five years of tablets or three years of zoledronate in "
                    "people whose risk is not high."
                ),
            ),
            (
                "CONCLUSIONS",
                (
                    "Weight-bearing exercise, fall prevention and treatment after a first fracture prevent the "
                    "next one."
                ),
            ),
        ],
        [
            ("D006801", "Humans"),
            ("D010024", "Osteoporosis"),
            ("D004164", "Diphosphonates"),
        ],
    ),
    (
        "99000004",
        "Depression in adults: a narrative overview of treatment in primary care",
        [
            (
                "BACKGROUND",
                (
                    "Depression is present when low mood or loss of interest lasts at least two weeks with other "
                    "symptoms, such as poor sleep, tiredness, guilt, altered appetite, poor concentration or "
                    "thoughts of death. Suicide risk should be asked about directly; asking does not put the "
                    "idea into a person's mind. Past mania must be sought, because antidepressants alone can "
                    "provoke mania in bipolar disorder. Hypothyroidism and anaemia may look similar."
                ),
            ),
            (
                "TREATMENT",
                (
                    "For milder episodes, guided self-help, behavioural activation, exercise or cognitive "
                    "behavioural therapy is offered before medicines. For moderate or severe depression, "
                    "psychological therapy and an antidepressant work better together than either alone. A "
                    "selective serotonin reuptake inhibitor (SSRI) such as sertraline is the usual first "
                    "medicine. Benefit commonly takes two to four weeks to appear. Treatment continues for at "
                    "least six months after recovery, and longer after repeated episodes."
                ),
            ),
            (
                "SAFETY",
                (
                    "SSRIs can cause nausea, sexual dysfunction and, in older people, low sodium. With NSAIDs or "
                    "anticoagulants they add to the risk of bleeding. Citalopram prolongs the QT interval in a "
                    "dose-dependent way. Young adults under 25 are watched closely for new suicidal thoughts in the "
                    "first weeks. Serotonin syndrome, with agitation, sweating, clonus and fever, may follow "
                    "combination with linezolid, tramadol or a monoamine oxidase inhibitor. Doses are reduced slowly "
                    "to avoid withdrawal symptoms such as dizziness and electric-shock sensations."
                ),
            ),
            (
                "CONCLUSIONS",
                (
                    "Electroconvulsive therapy is effective in life-threatening or treatment-resistant "
                    "depression."
                ),
            ),
        ],
        [
            ("D006801", "Humans"),
            ("D003866", "Depressive Disorder"),
            ("D000928", "Antidepressive Agents"),
        ],
    ),
]


def make_pdf(path: Path) -> None:
    """Write two A4 pages, each with a table, and with a running header and footer."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import cm
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import (
        PageBreak,
        Paragraph,
        SimpleDocTemplate,
        Spacer,
        Table,
        TableStyle,
    )

    body = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=15, spaceAfter=8)
    blue = colors.HexColor("#1f3a5f")
    styles = {
        "text": body,
        "title": ParagraphStyle(
            "title",
            fontName="Helvetica-Bold",
            fontSize=18,
            leading=23,
            spaceAfter=12,
            textColor=blue,
        ),
        "heading": ParagraphStyle(
            "heading",
            fontName="Helvetica-Bold",
            fontSize=13,
            leading=17,
            spaceAfter=6,
            textColor=blue,
        ),
        "caption": ParagraphStyle(
            "caption",
            fontName="Helvetica-Oblique",
            fontSize=9.5,
            leading=13,
            spaceAfter=3,
        ),
    }
    cell = ParagraphStyle("cell", parent=body, fontSize=10, leading=12, spaceAfter=0)
    grid = TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#dde6f0")),
            ("GRID", (0, 0), (-1, -1), 0.5, colors.grey),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ]
    )

    left = 2.2 * cm + 6  # 6 points: the inner padding of the text frame

    def running_lines(canvas: Canvas, doc: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(colors.grey)
        canvas.drawString(left, A4[1] - 1.4 * cm, "medrag sample notes: " + PDF_TITLE)
        canvas.drawString(left, 1.3 * cm, NOTICE)
        canvas.drawRightString(A4[0] - left, 1.3 * cm, f"Page {doc.page} of {len(PDF_PAGES)}")
        canvas.restoreState()

    story = []
    for number, page in enumerate(PDF_PAGES):
        if number:
            story.append(PageBreak())
        for kind, content, *rows in page:
            if kind != "table":
                story.append(Paragraph(escape(content), styles[kind]))
                continue
            cells = [[Paragraph(escape(text), cell) for text in row] for row in rows[0]]
            widths = [
                2.5 * cm if heading in ("Points", "Letter") else 11 * cm for heading in rows[0][0]
            ]
            story += [
                Paragraph(escape(content), styles["caption"]),
                Table(cells, widths, style=grid, hAlign="LEFT"),
                Spacer(1, 10),
            ]
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=2.2 * cm,
        rightMargin=2.2 * cm,
        topMargin=2.2 * cm,
        bottomMargin=2.2 * cm,
        title=PDF_TITLE,
        author="medrag contributors",
        invariant=1,
    )
    document.build(story, onFirstPage=running_lines, onLaterPages=running_lines)


def make_docx(path: Path) -> None:
    """Write a note with headings and a table; the files in its zip get fixed times."""
    import docx

    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author = DOCX_TITLE, "medrag contributors"
    properties.comments = NOTICE
    properties.created = properties.modified = datetime.datetime(2024, 1, 1)
    document.add_heading(DOCX_TITLE, level=1)
    for kind, content, *rows in DOCX_BLOCKS:
        if kind == "heading":
            document.add_heading(content, level=2)
            continue
        document.add_paragraph(content)
        if kind == "table":
            table = document.add_table(rows=0, cols=len(rows[0][0]), style="Table Grid")
            for row in rows[0]:
                for target, text in zip(table.add_row().cells, row, strict=True):
                    target.text = text
    buffer = io.BytesIO()
    document.save(buffer)
    with (
        zipfile.ZipFile(buffer) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            target.writestr(entry, source.read(name), zipfile.ZIP_DEFLATED)


def article_xml(
    pmid: str, title: str, sections: list[tuple[str, str]], mesh: list[tuple[str, str]]
) -> str:
    """Return one PubmedArticle element."""
    lines = [
        "<PubmedArticle>",
        '<MedlineCitation Status="MEDLINE" Owner="NLM">',
        f'<PMID Version="1">{pmid}</PMID>',
        '<Article PubModel="Electronic">',
        "<Journal>",
        '<JournalIssue CitedMedium="Internet"><PubDate><Year>2024</Year></PubDate></JournalIssue>',
        "<Title>medrag Sample Notes</Title>",
        "<ISOAbbreviation>medrag Sample Notes</ISOAbbreviation>",
        "</Journal>",
        f"<ArticleTitle>{escape(title)}</ArticleTitle>",
        "<Abstract>",
    ]
    lines += [
        f'<AbstractText Label="{escape(label)}">{escape(text)}</AbstractText>'
        for label, text in sections
    ]
    lines += [
        "</Abstract>",
        (
            '<AuthorList CompleteYN="Y"><Author ValidYN="Y"><CollectiveName>medrag contributors</CollectiveName>'
            "</Author></AuthorList>"
        ),
        "<Language>eng</Language>",
        '<PublicationTypeList><PublicationType UI="D016454">Review</PublicationType></PublicationTypeList>',
        "</Article>",
        "<MedlineJournalInfo><MedlineTA>medrag Sample Notes</MedlineTA></MedlineJournalInfo>",
        "<MeshHeadingList>",
    ]
    lines += [
        f'<MeshHeading><DescriptorName UI="{ui}" MajorTopicYN="N">{escape(name)}</DescriptorName></MeshHeading>'
        for ui, name in mesh
    ]
    lines += [
        "</MeshHeadingList>",
        "</MedlineCitation>",
        (
            "<PubmedData><PublicationStatus>epublish</PublicationStatus>"
            f'<ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId></ArticleIdList></PubmedData>'
        ),
        "</PubmedArticle>",
    ]
    return "\n".join(lines)


def make_pubmed(path: Path) -> None:
    """Write the four made-up PubMed records as one gzip file."""
    doctype = (
        '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2024//EN" '
        '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_240101.dtd">'
    )
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', doctype, "<PubmedArticleSet>"]
    parts += [article_xml(*article) for article in ARTICLES]
    text = "\n".join([*parts, "</PubmedArticleSet>", ""])
    path.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out",
        type=Path,
        default=CORPUS,
        help="folder to write into (default: samples/corpus)",
    )
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, make in [
        ("acute-breathlessness.pdf", make_pdf),
        ("copd.docx", make_docx),
        ("pubmed_sample.xml.gz", make_pubmed),
    ]:
        make(out / name)
        print(f"wrote {name} ({(out / name).stat().st_size} bytes)")


if __name__ == "__main__":
    main()
