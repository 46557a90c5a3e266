"""`train`, `finetune` and the other tunings: how generator, retriever and reranker are tuned."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .checks import at_least, coerce_enums, positive, require
from .embedder import Device


class TrainTarget(StrEnum):
    """What `medrag.train` tunes."""

    generator = "generator"
    preferences = "preferences"  # the generator again, by DPO, from a tuned adapter
    retriever = "retriever"
    student = "student"  # a smaller retriever
    reranker = "reranker"


@dataclass
class TrainConfig:
    """What the stage `medrag.train` does."""

    # generator: `finetune`; preferences: `finetune` and `preference_tuning`; retriever:
    # `retriever_tuning`; student: `distil`; reranker: `reranker_tuning`.
    target: TrainTarget = TrainTarget.generator
    preflight_only: bool = False  # show what a run of the generator needs, and do not start it

    def __post_init__(self) -> None:
        coerce_enums(self)


@dataclass
class TinyModelConfig:
    """Shape of the small Mistral-architecture model that a dry run trains from scratch."""

    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 512
    layers: int = 4
    heads: int = 8
    kv_heads: int = 4

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "hidden_size", "intermediate_size", "layers", "heads", "kv_heads")
        at_least(1, "finetune.tiny", self, *sizes)
        require(
            self.hidden_size % (2 * self.heads) == 0,
            "finetune.tiny.hidden_size",
            self.hidden_size,
            f"give a multiple of twice the heads ({2 * self.heads})",
        )
        require(
            self.heads % self.kv_heads == 0,
            "finetune.tiny.kv_heads",
            self.kv_heads,
            f"give a divisor of the heads ({self.heads})",
        )


@dataclass
class FineTuneConfig:
    """A QLoRA run. The method: Dettmers et al. 2023, "QLoRA", arXiv:2305.14314."""

    # Folder or hub id; "smollm2": the packaged SmolLM2-135M-Instruct; "tiny": dry run
    base_model: str = "mistralai/Mistral-7B-Instruct-v0.2"
    dataset: str = "outputs/dataset"
    dir: str = "outputs/models/adapter"
    device: Device = Device.cuda  # the experiments for a CPU set cpu
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    dora: bool = False  # Liu et al. 2024, arXiv:2402.09353
    rslora: bool = False  # Kalajdzievski 2023, arXiv:2312.03732
    neftune_alpha: float = 0.0  # noise on the embeddings (Jain et al. 2023, arXiv:2310.05914)
    double_quant: bool = True
    max_length: int = 2048  # tokens of a training row; longer rows are left out, never cut
    packing: bool = True  # several rows in one sequence of `max_length`, blind to each other
    batch_size: int = 4  # sequences per forward pass
    gradient_accumulation: int = 4  # forward passes per optimiser step
    learning_rate: float = 2e-4
    warmup_steps: int = 10
    epochs: float = 2.0
    max_steps: int = -1  # optimiser steps; -1: as many as `epochs` needs
    max_minutes: float = 0.0  # plan as many steps as fit, 20 at least; 0: no limit
    eval_steps: int = 50  # optimiser steps between validation losses
    validation_rows: int = 200  # that a validation loss is measured on, drawn by the seed; 0: all
    early_stopping: int = 0  # stop after so many validation losses without a gain; 0: never
    logging_steps: int = 5
    gradient_checkpointing: bool = True
    liger: bool = False  # kernels of the package liger-kernel, on a GPU
    held_out_rows: int = 120  # test rows answered before and after, for the model card; 0: none
    seed: int = 13
    tiny: TinyModelConfig = field(default_factory=TinyModelConfig)

    def __post_init__(self) -> None:
        coerce_enums(self)
        counts = ("lora_r", "lora_alpha", "batch_size", "gradient_accumulation", "max_length")
        at_least(1, "finetune", self, *counts, "eval_steps", "logging_steps")
        at_least(0, "finetune", self, "warmup_steps", "lora_dropout", "neftune_alpha")
        at_least(0, "finetune", self, "max_minutes", "early_stopping", "held_out_rows")
        at_least(0, "finetune", self, "validation_rows")
        require(
            self.lora_dropout < 1, "finetune.lora_dropout", self.lora_dropout, "give less than 1"
        )
        right = self.max_steps == -1 or self.max_steps >= 1
        require(right, "finetune.max_steps", self.max_steps, "give -1 (all epochs), or 1 or more")
        positive("finetune", self, "epochs", "learning_rate")


@dataclass
class PreferenceTuneConfig:
    """DPO on the preference pairs of a dataset (Rafailov et al. 2023, arXiv:2305.18290).

    The base, the device and the batches are those of `finetune`.
    """

    adapter: str = "outputs/models/adapter"  # the tuned adapter it starts from
    dir: str = "outputs/models/adapter-dpo"
    beta: float = 0.1  # how far the model may move away from that adapter
    learning_rate: float = 5e-6
    max_steps: int = -1  # optimiser steps; -1: one epoch

    def __post_init__(self) -> None:
        right = self.max_steps == -1 or self.max_steps >= 1
        fix = "give -1 (one epoch), or 1 or more"
        require(right, "preference_tuning.max_steps", self.max_steps, fix)
        positive("preference_tuning", self, "beta", "learning_rate")


@dataclass
class RetrieverTuneConfig:
    """Contrastive tuning of the retriever's encoder, with a teacher's rankings."""

    base_model: str = ""  # folder or hub id; empty: the embedder of the dataset's index
    dataset: str = "outputs/dataset"
    dir: str = "outputs/models/retriever"
    device: Device = Device.auto
    batch_size: int = 64  # questions per step; the others' passages are a question's negatives
    negatives: int = 1  # passages of each question that are near the answer and do not answer
    written_questions: int = 1000  # that are written from the index by rules, beside the dataset's
    distillation: float = 0.5  # weight of a teacher's ranking, beside the contrastive loss
    max_length: int = 160  # tokens of a passage that training sees; the model keeps its own limit
    # Lengths of vectors that are trained as well, by their first numbers, such as [384,128].
    dimensions: list[int] = field(default_factory=list)
    learning_rate: float = 5e-5
    epochs: float = 1.0
    max_steps: int = -1  # optimiser steps; -1: as many as `epochs` needs
    save_steps: int = 25  # optimiser steps between checkpoints
    held_out_questions: int = 150  # of validation and test each, to measure before and after
    seed: int = 13

    def __post_init__(self) -> None:
        coerce_enums(self)
        fix = "give 2 or more: the passages of other questions are the negatives"
        require(self.batch_size >= 2, "retriever_tuning.batch_size", self.batch_size, fix)
        at_least(0, "retriever_tuning", self, "negatives", "written_questions", "distillation")
        at_least(0, "retriever_tuning", self, "held_out_questions")
        at_least(1, "retriever_tuning", self, "save_steps")
        at_least(16, "retriever_tuning", self, "max_length")
        positive("retriever_tuning", self, "learning_rate", "epochs")
        right = self.max_steps == -1 or self.max_steps >= 1
        fix = "give -1 (all epochs), or 1 or more"
        require(right, "retriever_tuning.max_steps", self.max_steps, fix)
        right = all(length >= 1 for length in self.dimensions)
        require(right, "retriever_tuning.dimensions", self.dimensions, "give lengths of 1 or more")


@dataclass
class DistilConfig:
    """A smaller encoder that learns to give the vectors of a larger one."""

    teacher: str = ""  # folder or hub id; empty: the embedder of the dataset's index
    dataset: str = "outputs/dataset"  # its index has the texts; its test split is measured
    dir: str = "outputs/models/student"
    device: Device = Device.auto
    layers: int = 3  # of the teacher's, which the student keeps
    max_texts: int = 20_000  # passages that are read, of documents drawn by the seed
    batch_size: int = 32  # texts per step
    max_length: int = 256  # tokens of a text that training sees; the model keeps its own limit
    learning_rate: float = 2e-4
    epochs: float = 1.0
    max_steps: int = -1  # optimiser steps; -1: as many as `epochs` needs
    save_steps: int = 50  # optimiser steps between checkpoints
    held_out_questions: int = 200  # of the test split, to compare student and teacher
    seed: int = 13

    def __post_init__(self) -> None:
        coerce_enums(self)
        at_least(1, "distil", self, "layers", "max_texts", "batch_size", "save_steps")
        at_least(16, "distil", self, "max_length")
        at_least(0, "distil", self, "held_out_questions")
        positive("distil", self, "learning_rate", "epochs")
        right = self.max_steps == -1 or self.max_steps >= 1
        require(right, "distil.max_steps", self.max_steps, "give -1 (all epochs), or 1 or more")


@dataclass
class RerankerTuneConfig:
    """Tuning of the reranker with low-rank adapters, which are merged at the end."""

    # "packaged"; a folder or hub id; empty: the packaged MiniLM, from the start
    base_model: str = "packaged"
    dataset: str = "outputs/dataset"
    dir: str = "outputs/models/reranker"
    device: Device = Device.auto
    lora_r: int = 16
    batch_size: int = 32  # lists per step
    negatives: int = 7  # passages of a list that do not answer the question
    max_length: int = 256  # tokens of question and passage that training sees
    learning_rate: float = 5e-4
    epochs: int = 2
    max_steps: int = -1  # optimiser steps; -1: as many as `epochs` needs
    held_out_questions: int = 200  # of the test split, to measure before and after
    seed: int = 13

    def __post_init__(self) -> None:
        coerce_enums(self)
        counts = ("lora_r", "batch_size", "negatives", "epochs")
        at_least(1, "reranker_tuning", self, *counts)
        at_least(16, "reranker_tuning", self, "max_length")
        at_least(0, "reranker_tuning", self, "held_out_questions")
        positive("reranker_tuning", self, "learning_rate")
