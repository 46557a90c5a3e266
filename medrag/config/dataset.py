"""`dataset` and `evaluation`: question files, splits and measurements."""

from __future__ import annotations

from dataclasses import dataclass, field

from .checks import at_least, require


@dataclass
class DatasetFieldsConfig:
    """Names of the fields in a question file; an empty name takes the first of the usual ones."""

    question: str = ""  # usual: question, text
    answer: str = ""  # usual: answer
    documents: str = ""  # usual: documents, document
    id: str = ""  # usual: id, _id


@dataclass
class DatasetConfig:
    """How a QA dataset is built; `retriever` and `generator` decide its contexts."""

    questions: str = "samples/questions.jsonl"
    dir: str = "outputs/dataset"
    fields: DatasetFieldsConfig = field(default_factory=DatasetFieldsConfig)
    validation_share: float = 0.1  # of the questions, 0..1
    test_share: float = 0.2  # of the questions, 0..1
    seed: int = 13

    def __post_init__(self) -> None:
        shares = self.validation_share + self.test_share
        require(
            self.validation_share >= 0 and self.test_share >= 0 and shares < 1,
            "dataset.validation_share + dataset.test_share",
            shares,
            "give two shares ≥ 0 whose sum is below 1, so that training rows are left",
        )


@dataclass
class EvaluationConfig:
    """A run over a question set."""

    questions: str = "samples/questions.jsonl"
    # A BEIR folder, PubMedQA or MedQuAD file: brings its questions and documents, which are indexed
    # below `benchmarks`. Then `questions` and `index.dir` are not used.
    benchmark: str = ""
    benchmarks: str = "outputs/benchmarks"
    dir: str = "outputs/evaluation"
    fields: DatasetFieldsConfig = field(default_factory=DatasetFieldsConfig)
    # Built-in names (medrag, hybrid, dense, lexical, bm25-first-sentence, dense-first-sentence,
    # closed-book), or "NAME: SETTING=VALUE …"; others are compared with the first one. Empty:
    # medrag, and with a benchmark also the retrieval modes and the first sentences.
    systems: list[str] = field(default_factory=list)
    # An index, an evaluation or an adapter to compare with: which answers changed, and why.
    against: str = ""
    # Fit the confidence on half of the questions, keep it with the index, report on the others.
    calibrate: bool = False
    # Learn on half of the questions how vectors and words are fused, keep it with the index if it
    # gains on the others, and report on those.
    tune_fusion: bool = False
    ks: list[int] = field(default_factory=lambda: [1, 3, 5, 10])  # cut-offs of recall@k
    limit: int = 0  # evaluate only so many questions, drawn by a hash of their ids; 0: all
    resamples: int = 1000  # of the questions, for bootstrap intervals

    def __post_init__(self) -> None:
        at_least(0, "evaluation", self, "limit")
        at_least(10, "evaluation", self, "resamples")
        right = bool(self.ks) and min(self.ks) >= 1
        require(right, "evaluation.ks", self.ks, "give cut-offs of 1 or more")
