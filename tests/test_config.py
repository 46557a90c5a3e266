"""Every YAML in conf/ composes, experiments have only deltas, and wrong values are refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from medrag.cli import conf_dir, register_schema, to_config
from medrag.config import (
    Backend,
    ChunkingConfig,
    Config,
    CorpusConfig,
    DatasetConfig,
    Device,
    DistilConfig,
    EmbedderConfig,
    EmbedderKind,
    EvaluationConfig,
    ExportConfig,
    FineTuneConfig,
    GeneratorConfig,
    GeneratorKind,
    GroundingConfig,
    IndexConfig,
    IndexKind,
    Ocr,
    PipelineConfig,
    Precision,
    RerankerTuneConfig,
    RetrieverConfig,
    RetrieverMode,
    RetrieverTuneConfig,
    TinyModelConfig,
    TrackingConfig,
    TrainConfig,
    TrainTarget,
    WandbMode,
    Writer,
)
from medrag.errors import ConfigError

CONF = Path(conf_dir())
FILES = sorted(
    path.relative_to(CONF).as_posix()
    for path in CONF.rglob("*.yaml")
    if path.parent.name != "accelerate"  # whose files are not for Hydra
)
EXPERIMENTS = [name for name in FILES if name.startswith("experiment/")]


def composed(*overrides: str) -> Config:
    """The configuration a stage gets for these overrides."""
    register_schema()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return to_config(compose("config", overrides=list(overrides)))


def override_for(file: str) -> list[str]:
    """The overrides that include a file of conf/."""
    group, _, name = file.removesuffix(".yaml").rpartition("/")
    if not group:
        return []
    return [f"+{group}={name}" if group in ("experiment", "sweep") else f"{group}={name}"]


def leaves(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def values_in(file: str) -> dict[str, Any]:
    """The settings in a file of conf/, by full name, without Hydra's own."""
    text = (CONF / file).read_text(encoding="utf-8")
    content = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    assert isinstance(content, dict)
    for name in ("defaults", "hydra"):
        content.pop(name, None)
    group = file.rpartition("/")[0]
    prefix = "" if "@package _global_" in text or not group else group.replace("/", ".") + "."
    return dict(leaves(content, prefix))  # type: ignore[arg-type]


def setting(config: object, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


def test_the_expected_files_are_found() -> None:
    expected = {"config.yaml", "generator/hf.yaml", "experiment/qlora.yaml"}
    assert expected <= set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_a_file_composes_and_its_values_arrive(file: str) -> None:
    config = composed(*override_for(file))
    for name, value in values_in(file).items():
        if isinstance(value, str):  # it may name another setting
            value = re.sub(r"\$\{(.*?)\}", lambda found: str(setting(config, found[1])), value)
        assert setting(config, name) == value, name


def test_a_training_reads_the_dataset_that_was_built() -> None:
    config = composed("dataset.dir=mine", "reranker_tuning.dataset=other")
    assert config.finetune.dataset == config.retriever_tuning.dataset == "mine"
    assert config.distil.dataset == "mine"
    assert config.reranker_tuning.dataset == "other"


@pytest.mark.parametrize("file", FILES)
def test_a_file_starts_with_its_purpose(file: str) -> None:
    assert (CONF / file).read_text(encoding="utf-8").startswith("# ")


def test_only_the_dataclasses_have_defaults() -> None:
    assert composed() == Config()


@pytest.mark.parametrize("file", EXPERIMENTS)
def test_an_experiment_holds_only_what_differs(file: str) -> None:
    values = values_in(file)
    assert values
    assert [name for name, value in values.items() if setting(Config(), name) == value] == []


def test_the_qlora_experiment_is_the_published_method_on_mistral() -> None:
    finetune = composed("+experiment=qlora").finetune
    assert finetune.base_model == "mistralai/Mistral-7B-Instruct-v0.2"
    assert finetune.lora_r == 16
    assert finetune.double_quant
    assert finetune.gradient_checkpointing
    assert finetune.device == Device.cuda


def test_the_shell_and_python_use_the_same_tree() -> None:
    config = composed("index.dir=elsewhere", "corpus.fields.text=answer", "retriever.mode=dense")
    config.index.kind = IndexKind.auto
    assert config.index == IndexConfig(dir="elsewhere")
    assert config.corpus.fields.text == "answer"
    assert config.retriever == RetrieverConfig(mode=RetrieverMode.dense)
    assert isinstance(config, PipelineConfig)


def test_a_dataclass_keeps_its_error_message_under_hydra() -> None:
    with pytest.raises(ConfigError) as caught:
        composed("retriever.k=0")
    assert str(caught.value) == "retriever.k=0 cannot be used: give 1 or more"


# ------------------------------------------------------------------ out of range

OUT_OF_RANGE: list[tuple[Callable[..., object], dict[str, Any], str]] = [
    (ChunkingConfig, {"max_tokens": 31}, "chunking.max_tokens=31"),
    (EmbedderConfig, {"batch_tokens": -1}, "embedder.batch_tokens=-1"),
    (EmbedderConfig, {"concurrency": 0}, "embedder.concurrency=0"),
    (EmbedderConfig, {"timeout_s": math.inf}, "embedder.timeout_s=inf"),
    (EmbedderConfig, {"kind": "openai"}, "embedder.model=''"),
    (EmbedderConfig, {"base_url": "ftp://host"}, "embedder.base_url='ftp"),
    (RetrieverConfig, {"k": 0}, "retriever.k=0"),
    (RetrieverConfig, {"candidates": 0}, "retriever.candidates=0"),
    (RetrieverConfig, {"dense_weight": 1.01}, "retriever.dense_weight=1.01"),
    (RetrieverConfig, {"dense_weight": -0.01}, "retriever.dense_weight=-0.01"),
    (RetrieverConfig, {"dense_weight": math.nan}, "retriever.dense_weight=nan"),
    (GeneratorConfig, {"max_new_tokens": 0}, "generator.max_new_tokens=0"),
    (GeneratorConfig, {"context_tokens": 127}, "generator.context_tokens=127"),
    (GroundingConfig, {"min_confidence": 1.5}, "grounding.min_confidence=1.5"),
    (GroundingConfig, {"min_support": -1.0}, "grounding.min_support=-1.0"),
    (GroundingConfig, {"min_support": math.nan}, "grounding.min_support=nan"),
    (DatasetConfig, {"test_share": 0.9}, "dataset.validation_share + dataset.test_share=1.0"),
    (DatasetConfig, {"test_share": -0.1}, "dataset.test_share"),
    (DatasetConfig, {"validation_share": math.nan}, "dataset.validation_share"),
    (TinyModelConfig, {"layers": 0}, "finetune.tiny.layers=0"),
    (TinyModelConfig, {"vocab_size": 0}, "finetune.tiny.vocab_size=0"),
    (TinyModelConfig, {"heads": 0}, "finetune.tiny.heads=0"),
    (TinyModelConfig, {"hidden_size": 250}, "finetune.tiny.hidden_size=250"),
    (TinyModelConfig, {"kv_heads": 3}, "finetune.tiny.kv_heads=3"),
    (TinyModelConfig, {"kv_heads": 0}, "finetune.tiny.kv_heads=0"),
    (FineTuneConfig, {"lora_r": 0}, "finetune.lora_r=0"),
    (FineTuneConfig, {"batch_size": 0}, "finetune.batch_size=0"),
    (FineTuneConfig, {"gradient_accumulation": 0}, "finetune.gradient_accumulation=0"),
    (FineTuneConfig, {"max_length": 0}, "finetune.max_length=0"),
    (FineTuneConfig, {"learning_rate": 0.0}, "finetune.learning_rate=0.0"),
    (FineTuneConfig, {"learning_rate": math.inf}, "finetune.learning_rate=inf"),
    (RetrieverTuneConfig, {"batch_size": 1}, "retriever_tuning.batch_size=1"),
    (DistilConfig, {"layers": 0}, "distil.layers=0"),
    (DistilConfig, {"max_steps": 0}, "distil.max_steps=0"),
    (RerankerTuneConfig, {"negatives": 0}, "reranker_tuning.negatives=0"),
    (RerankerTuneConfig, {"max_length": 8}, "reranker_tuning.max_length=8"),
    (RerankerTuneConfig, {"learning_rate": 0.0}, "reranker_tuning.learning_rate=0.0"),
    (CorpusConfig, {"max_document_mb": 0}, "corpus.max_document_mb=0"),
    (CorpusConfig, {"paths": ""}, "corpus.paths=''"),
    (CorpusConfig, {"paths": [""]}, "corpus.paths="),
    (CorpusConfig, {"paths": ["/data", None]}, "corpus.paths="),
    (CorpusConfig, {"paths": b"/data"}, "corpus.paths="),
    (CorpusConfig, {"paths": 5}, "corpus.paths=5"),
    (GeneratorConfig, {"max_sentences": 0}, "generator.max_sentences=0"),
    (GeneratorConfig, {"timeout_s": 0.0}, "generator.timeout_s=0.0"),
    (EvaluationConfig, {"limit": -1}, "evaluation.limit=-1"),
    (EvaluationConfig, {"ks": [0, 5]}, "evaluation.ks=[0, 5]"),
    (EvaluationConfig, {"ks": []}, "evaluation.ks=[]"),
    (FineTuneConfig, {"lora_dropout": 1.0}, "finetune.lora_dropout=1.0"),
    (FineTuneConfig, {"lora_alpha": 0}, "finetune.lora_alpha=0"),
    (FineTuneConfig, {"warmup_steps": -1}, "finetune.warmup_steps=-1"),
    (FineTuneConfig, {"logging_steps": 0}, "finetune.logging_steps=0"),
    (FineTuneConfig, {"eval_steps": 0}, "finetune.eval_steps=0"),
    (FineTuneConfig, {"epochs": -1.0}, "finetune.epochs=-1.0"),
    (FineTuneConfig, {"max_steps": 0}, "finetune.max_steps=0"),
]


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    OUT_OF_RANGE,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_out_of_range_is_refused_by_name(
    kind: Callable[..., object], values: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**values)
    message = str(caught.value)
    assert named in message
    assert "cannot be used: give " in message


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (ChunkingConfig, {"max_tokens": 32}),
        (RetrieverConfig, {"k": 1, "candidates": 1, "dense_weight": 0.0}),
        (RetrieverConfig, {"dense_weight": 1.0}),
        (GroundingConfig, {"min_confidence": 0.0, "min_support": 1.0}),
        (DatasetConfig, {"validation_share": 0.0, "test_share": 0.0}),
        (TinyModelConfig, {"hidden_size": 16, "heads": 8, "kv_heads": 8}),
        (FineTuneConfig, {"lora_r": 1, "max_length": 1}),
    ],
)
def test_a_value_at_the_limit_is_accepted(
    kind: Callable[..., object], values: dict[str, object]
) -> None:
    config = kind(**values)
    assert {name: getattr(config, name) for name in values} == values


# ------------------------------------------------------------------ choices

CHOICES: list[tuple[Callable[..., object], str, StrEnum]] = [
    (CorpusConfig, "ocr", Ocr.off),
    (GeneratorConfig, "kind", GeneratorKind.extractive),
    (RetrieverConfig, "mode", RetrieverMode.lexical),
    (IndexConfig, "kind", IndexKind.flat),
    (EmbedderConfig, "backend", Backend.torch),
    (EmbedderConfig, "device", Device.cpu),
    (EmbedderConfig, "kind", EmbedderKind.local),
    (EmbedderConfig, "precision", Precision.fp32),
    (FineTuneConfig, "device", Device.auto),
    (RetrieverTuneConfig, "device", Device.auto),
    (DistilConfig, "device", Device.auto),
    (RerankerTuneConfig, "device", Device.auto),
    (TrackingConfig, "wandb", WandbMode.disabled),
    (DatasetConfig, "writer", Writer.teacher),
    (ExportConfig, "device", Device.auto),
    (TrainConfig, "target", TrainTarget.retriever),
]


@pytest.mark.parametrize(("kind", "name", "value"), CHOICES)
def test_a_plain_string_becomes_the_choice(
    kind: Callable[..., object], name: str, value: StrEnum
) -> None:
    assert getattr(kind(**{name: str(value)}), name) is value


@pytest.mark.parametrize(("kind", "name", "value"), CHOICES)
def test_a_wrong_string_is_refused_with_the_choices(
    kind: Callable[..., object], name: str, value: StrEnum
) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**{name: "nonsense"})
    message = str(caught.value)
    assert f"{name}='nonsense'" in message
    assert f"give one of {', '.join(type(value))}" in message


def enum_fields(kind: Any) -> Iterator[str]:
    for field in fields(kind):
        default = getattr(kind(), field.name)
        if isinstance(default, StrEnum):
            yield f"{kind.__name__}.{field.name}"
        elif is_dataclass(default):
            yield from enum_fields(type(default))


def test_every_choice_has_been_tried() -> None:
    tried = {f"{kind.__name__}.{name}" for kind, name, _ in CHOICES}  # type: ignore[attr-defined]
    assert set(enum_fields(Config)) <= tried
