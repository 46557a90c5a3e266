"""`dataset` and `evaluation`: question files, splits and measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .checks import at_least, coerce_enums, key_env, positive, require, share


@dataclass
class DatasetFieldsConfig:
    """Names of the fields in a question file; an empty name takes the first of the usual ones."""

    question: str = ""  # usual: question, text
    answer: str = ""  # usual: answer
    documents: str = ""  # usual: documents, document
    id: str = ""  # usual: id, _id


class Writer(StrEnum):
    """Who writes the questions where none are given."""

    rules = "rules"  # offline, from titles, headings and sentences of the index
    teacher = "teacher"  # a model behind `dataset.teacher`


@dataclass
class TeacherConfig:
    """An OpenAI-compatible endpoint that writes questions; used with `writer=teacher`."""

    base_url: str = ""  # e.g. http://localhost:8000/v1
    model: str = ""
    api_key_env: str = "OPENAI_API_KEY"  # environment variable with the key
    timeout_s: float = 60.0  # seconds for one reply, including retries
    concurrency: int = 4  # requests at a time
    max_tokens: int = 1_000_000  # of prompts and replies together; then it stops
    price_in: float = 0.0  # per million prompt tokens, in your currency
    price_out: float = 0.0  # per million reply tokens

    def __post_init__(self) -> None:
        key_env("dataset.teacher.api_key_env", self.api_key_env)
        positive("dataset.teacher", self, "timeout_s")
        at_least(1, "dataset.teacher", self, "concurrency", "max_tokens")
        at_least(0, "dataset.teacher", self, "price_in", "price_out")


@dataclass
class DatasetConfig:
    """How a QA dataset is built; `retriever` and `generator` decide its contexts."""

    # A question file or BEIR folder; "hub:OWNER/NAME" for a dataset on the hub; empty: `writer`
    # writes questions from the chunks of the index.
    questions: str = "samples/questions.jsonl"
    hub_config: str = ""  # configuration of a dataset on the hub
    hub_split: str = "train"  # its split
    writer: Writer = Writer.rules
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    dir: str = "outputs/dataset"
    fields: DatasetFieldsConfig = field(default_factory=DatasetFieldsConfig)
    validation_share: float = 0.1  # of the questions, 0..1
    test_share: float = 0.2  # of the questions, 0..1
    limit: int = 0  # use only so many questions, drawn by a hash; 0: all (written ones: 2,000)
    num_distractors: int = 4  # passages beside the oracle, the hardest that the index has
    oracle_probability: float = 0.8  # share of rows that have the oracle, 0..1; others abstain
    # More questions of the train split that are asked of a row's passages, for training on a CPU.
    shared_questions: int = 0
    near_miss_share: float = 0.2  # share of training rows that come altered as well, 0..1
    max_answer_words: int = 60  # of a label; whole sentences
    round_trip: int = 20  # a question must find its oracle among so many hits; 0: not checked
    near_duplicates: float = 0.9  # questions this alike (MinHash, 0..1) are one; 1: only the same
    # Question sets that no row may share 8 words in a row with.
    decontaminate: list[str] = field(default_factory=list)
    preview: int = 0  # show so many rows, as a person reads them, and build nothing
    seed: int = 13

    def __post_init__(self) -> None:
        coerce_enums(self)
        shares = self.validation_share + self.test_share
        require(
            self.validation_share >= 0 and self.test_share >= 0 and shares < 1,
            "dataset.validation_share + dataset.test_share",
            shares,
            "give two shares ≥ 0 whose sum is below 1, so that training rows are left",
        )
        share("dataset", self, "oracle_probability", "near_miss_share", "near_duplicates")
        at_least(0, "dataset", self, "limit", "num_distractors", "shared_questions")
        at_least(0, "dataset", self, "round_trip", "preview")
        at_least(5, "dataset", self, "max_answer_words")


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
