"""Real QLoRA on the CPU: a small Mistral in NF4, TRL's trainer, a few dozen steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from medrag.config import Device, FineTuneConfig, GeneratorConfig
from medrag.errors import ArtefactError, ConfigError
from medrag.finetuning.generator import TrainingResult, train_generator
from medrag.finetuning.tiny import build_tiny_model
from medrag.finetuning.tokenising import tokenize_rows
from medrag.finetuning.trainer import build_trainer
from medrag.generation.hf import HFGenerator
from medrag.generation.loading import keep_cpu_weights_unpacked, load_causal_lm, load_tokenizer
from medrag.generation.prompts import Prompt
from tests.finetuning.small_run import LONG, ROWS, SHAPE, TEXTS, save_dataset, settings


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_tiny_model(SHAPE, TEXTS, tmp_path_factory.mktemp("base") / "tiny", seed=1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[FineTuneConfig, TrainingResult]:
    folder = tmp_path_factory.mktemp("run")
    save_dataset(folder, train=ROWS + LONG, validation=ROWS[:4])
    config = settings(folder)
    return config, train_generator(config, TEXTS, report_to=[], run_name="test")


def test_it_learns(run: tuple[FineTuneConfig, TrainingResult]) -> None:
    _, result = run
    assert result.steps == 30
    assert result.first_loss > 4  # random weights: near log(400) = 6 nats
    assert result.train_loss < 0.5 * result.first_loss
    assert result.eval_loss is not None
    assert result.eval_loss < 0.5 * result.first_loss
    # r=16 on q k v o gate up down of two layers: 16·(inputs + outputs) each
    assert result.trainable_parameters == 2 * 16 * (128 + 96 + 96 + 128 + 192 + 192 + 192)
    assert result.total_parameters > result.trainable_parameters


def test_rows_that_do_not_fit_are_left_out_and_counted(
    run: tuple[FineTuneConfig, TrainingResult],
) -> None:
    _, result = run
    assert (result.train_rows, result.validation_rows, result.skipped_rows) == (20, 4, 3)
    assert result.left_out == {"too long": 3}


def test_only_the_adapter_is_left(run: tuple[FineTuneConfig, TrainingResult]) -> None:
    config, result = run
    folder = Path(config.dir)
    names = {path.name for path in folder.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= names
    assert "checkpoints" not in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["adapter", "tiny-base"]
    assert result.base_model == str(folder.parent / "tiny-base")
    # nothing is written into the dataset
    assert len(list((Path(config.dataset) / "train").iterdir())) == 3


def test_the_adapter_answers(run: tuple[FineTuneConfig, TrainingResult]) -> None:
    config, _ = run
    generator = HFGenerator(GeneratorConfig(adapter=config.dir, max_new_tokens=24), Device.cpu)
    answers = [generator.generate(Prompt("", (), r["prompt"])).text for r in ROWS[:4]]
    assert all(answer.startswith("Take") for answer in answers)
    generator.close()


def test_no_row_fits(tmp_path: Path) -> None:
    save_dataset(tmp_path, train=LONG)
    with pytest.raises(ConfigError, match="max_length=128"):
        train_generator(settings(tmp_path), TEXTS, report_to=[], run_name="test")


def test_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="build_dataset"):
        train_generator(settings(tmp_path), TEXTS, report_to=[], run_name="test")


def test_adapters_train_in_fp32_and_nothing_else_trains(base: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(base)
    rows, _ = tokenize_rows(Dataset.from_list(ROWS), tokenizer, 128, tmp_path / "train.arrow")
    model = load_causal_lm(base, device=Device.cpu, four_bit=True)
    trainer = build_trainer(
        settings(tmp_path), model, tokenizer, {"train": rows}, tmp_path, report_to=[], run_name=""
    )
    for name, parameter in trainer.model.named_parameters():
        assert parameter.requires_grad == ("lora_" in name)
        assert not parameter.requires_grad or parameter.dtype == torch.float32
    kinds = {type(m).__name__ for n, m in model.named_modules() if n.endswith("base_layer")}
    assert kinds == {"Linear4bit"}


def test_dora_trains_on_4_bits(base: str, tmp_path: Path) -> None:
    save_dataset(tmp_path, train=ROWS, validation=ROWS[:4])
    config = settings(tmp_path, base_model=base, dora=True, rslora=True, max_steps=4, packing=True)
    result = train_generator(config, TEXTS, report_to=[], run_name="test")
    assert result.train_loss < result.first_loss
    kept = json.loads((Path(config.dir) / "adapter_config.json").read_text())
    assert (kept["use_dora"], kept["use_rslora"]) == (True, True)
    assert kept["base_model_name_or_path"] == base
    assert result.tokens_per_second > 0
    assert 0.5 < result.fill_rate <= 1


@pytest.mark.parametrize("checkpointing", [True, False])
def test_an_evaluation_between_steps_changes_nothing(base: str, checkpointing: bool) -> None:
    """On AVX512-BF16 CPUs, bitsandbytes 0.50.2 would repack the weights in the evaluation.

    The next gradients would then be wrong. On such a CPU this fails without
    `keep_cpu_weights_unpacked`; elsewhere bitsandbytes never repacks.
    """
    from bitsandbytes.nn import Linear4bit
    from peft import LoraConfig, get_peft_model

    ids = torch.arange(5, 69).reshape(2, 32)

    def gradients(evaluate: bool) -> list[torch.Tensor]:
        model: Any = load_causal_lm(base, device=Device.cpu, four_bit=True)
        layers = [m for m in model.modules() if isinstance(m, Linear4bit)]
        assert len(layers) == 14
        assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
        packed = [layer.weight.data.clone() for layer in layers]
        torch.manual_seed(0)
        model = get_peft_model(
            model, LoraConfig(target_modules="all-linear", init_lora_weights=False)
        )
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
            model.enable_input_require_grads()
        if evaluate:
            with torch.no_grad():
                model.eval()(input_ids=ids)
        for layer, before in zip(layers, packed, strict=True):
            assert torch.equal(layer.weight.data, before)
        model.train()(input_ids=ids, labels=ids).loss.backward()
        return [p.grad for p in model.parameters() if p.requires_grad]

    for left, right in zip(gradients(False), gradients(True), strict=True):
        assert torch.equal(left, right)


def test_the_fix_reaches_layers_that_would_repack(base: str) -> None:
    from bitsandbytes.nn import Linear4bit

    model = load_causal_lm(base, device=Device.cpu, four_bit=True)
    layers = [m for m in model.modules() if isinstance(m, Linear4bit)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = True  # as on an affected CPU
    keep_cpu_weights_unpacked(model)
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_the_same_run_on_a_gpu(tmp_path: Path) -> None:
    save_dataset(tmp_path, train=ROWS, validation=ROWS[:4])
    config = settings(tmp_path, device=Device.cuda)
    torch.cuda.reset_peak_memory_stats()
    result = train_generator(config, TEXTS, report_to=[], run_name="test")
    assert result.train_loss < 0.5 * result.first_loss
    assert torch.cuda.max_memory_allocated() > 0
    generator = HFGenerator(GeneratorConfig(adapter=config.dir, max_new_tokens=24), Device.cuda)
    assert generator.generate(Prompt("", (), ROWS[0]["prompt"])).text.startswith("Take")
