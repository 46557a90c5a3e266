"""`index`, `retriever`, `generator`, `grounding`: how a question is answered from an index."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .checks import at_least, coerce_enums, key_env, positive, require, share


class IndexKind(StrEnum):
    """Which FAISS structure holds the vectors; `auto` decides by their number."""

    auto = "auto"
    flat = "flat"  # exact
    hnsw = "hnsw"  # a graph over all vectors
    ivfpq = "ivfpq"  # compressed; the best are reranked with exact vectors


class RetrieverMode(StrEnum):
    """Which part of the index is searched: vectors, words, or both."""

    dense = "dense"
    lexical = "lexical"
    hybrid = "hybrid"


@dataclass
class IndexConfig:
    """Where the index is, and what kind."""

    dir: str = "outputs/index"
    kind: IndexKind = IndexKind.auto
    rebuild: bool = False  # True: replace a damaged index, or one made with other settings
    follow: bool = False  # True: an open pipeline looks for a newer generation at every question

    def __post_init__(self) -> None:
        coerce_enums(self)


@dataclass
class RetrieverConfig:
    """How many hits are found, and how they are ranked."""

    mode: RetrieverMode = RetrieverMode.hybrid
    k: int = 5  # hits returned
    candidates: int = 50  # hits taken from vectors and from words before fusion
    # Weight of vectors against words in fusion, 0..1; see docs/retrieval.md. By default, what was
    # learned from the index's questions, or 0.85.
    dense_weight: float | None = None
    # Search also for other spellings and names of what is asked; docs/wording.md.
    wording: bool = True
    # Search only documents that pass, e.g. "year >= 2015 and journal = Lancet*"; docs/filters.md.
    filter: str = ""
    # Types of evidence, best first ("guideline", "systematic review"), whose hits rank a little
    # higher; docs/retrieval.md lists them.
    prefer: list[str] = field(default_factory=list)
    # Model that reads the first 20 hits again: "packaged", a folder or a hub id; "" for none.
    reranker: str = ""

    def __post_init__(self) -> None:
        coerce_enums(self)
        at_least(1, "retriever", self, "k", "candidates")
        is_list = not isinstance(self.prefer, str)
        require(is_list, "retriever.prefer", self.prefer, "give a list of types, best first")
        if self.dense_weight is not None:
            share("retriever", self, "dense_weight")


class GeneratorKind(StrEnum):
    """What writes the answer."""

    extractive = "extractive"
    hf = "hf"
    openai = "openai"


@dataclass
class GeneratorConfig:
    """What writes the answer, and within which limits."""

    kind: GeneratorKind = GeneratorKind.extractive
    model: str = ""  # hf: folder or hub id of the base model; openai: the model's name
    adapter: str = ""  # hf: folder of a LoRA adapter from `medrag.train`
    load_in_4bit: bool = True  # hf: NF4 on a GPU; a CPU always uses full precision
    # Prompt budget in embedder tokens, so that the dataset and every generator see the same prompt.
    context_tokens: int = 1536
    max_new_tokens: int = 256  # answer budget, in generator tokens
    max_sentences: int = 2  # extractive: sentences in an answer
    base_url: str = ""  # openai: e.g. http://localhost:8000/v1
    api_key_env: str = "OPENAI_API_KEY"  # openai: environment variable with the key
    timeout_s: float = 60.0  # openai: seconds for one answer, including retries

    def __post_init__(self) -> None:
        coerce_enums(self)
        key_env("generator.api_key_env", self.api_key_env)
        at_least(1, "generator", self, "max_new_tokens", "max_sentences")
        at_least(128, "generator", self, "context_tokens")
        positive("generator", self, "timeout_s")


@dataclass
class GroundingConfig:
    """When an answer counts as supported."""

    min_confidence: float = 0.15  # below it the pipeline abstains; 0..1
    min_support: float = 0.5  # `Support.score` from which on a statement is supported; 0..1
    keep_unsupported: bool = False  # True: keep unsupported statements in the answer, marked
    # Model that reads the six best candidates with the question: "packaged", a folder or a hub id;
    # "" for rules alone, which take half the time.
    reader: str = "packaged"
    verifier: str = ""  # folder or hub id of an entailment model that judges after the rules
    # Share of shown answers that may be wrong, 0..1: sets the confidence from which on answers are
    # shown, by the calibration that is kept with the index. 0: `min_confidence` does.
    target_risk: float = 0.0

    def __post_init__(self) -> None:
        share("grounding", self, "min_confidence", "target_risk", "min_support")
