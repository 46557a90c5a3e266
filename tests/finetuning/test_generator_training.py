"""Real QLoRA on the CPU: a small Mistral in NF4, TRL's trainer, a few dozen steps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, DatasetDict
from safetensors.torch import load_file

from medrag.config import Device, FineTuneConfig, GeneratorConfig, TinyModelConfig
from medrag.errors import ArtefactError, ConfigError
from medrag.finetuning import tokenize_rows
from medrag.finetuning.generator import TrainingResult, build_trainer, train_generator
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.hf import (
    HFGenerator,
    keep_cpu_weights_unpacked,
    load_causal_lm,
    load_tokenizer,
)
from medrag.generation.prompts import Prompt

SHAPE = TinyModelConfig(
    vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
)
DRUGS = ("metformin", "insulin", "aspirin", "amoxicillin")


def row(number: int, padding: int = 0) -> dict[str, Any]:
    drug = DRUGS[number % len(DRUGS)]
    question = f"[1] Take {drug} daily.{' More.' * padding}\n\nQuestion: what is taken?"
    answer = f"Take {drug} daily. [1]"
    return {
        "id": str(number),
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
        "question": question,
        "answer": answer,
        "documents": ["d"],
        "contexts": [{"text": answer, "document": "d", "title": "t", "gold": True}],
    }


ROWS = [row(number) for number in range(20)]
LONG = [row(number, padding=300) for number in range(3)]
TEXTS = [r["question"] + r["answer"] for r in ROWS]


def settings(folder: Path, **changes: Any) -> FineTuneConfig:
    config = FineTuneConfig(
        base_model="tiny",
        dataset=str(folder / "dataset"),
        dir=str(folder / "models" / "adapter"),
        device=Device.cpu,
        max_length=128,
        batch_size=4,
        gradient_accumulation=1,
        learning_rate=1e-2,
        warmup_steps=2,
        max_steps=30,
        eval_steps=15,
        tiny=SHAPE,
    )
    return replace(config, **changes)


def save_dataset(folder: Path, **splits: list[dict[str, Any]]) -> None:
    tables = {name: Dataset.from_list(rows) for name, rows in splits.items()}
    DatasetDict(tables).save_to_disk(folder / "dataset")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads do not help with such small matrices, and waiting ones slow a busy machine down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


def test_tokens_and_labels_equal_those_of_trl(base: str, tmp_path: Path) -> None:
    """TRL gets raw conversations and ours gets tokenised rows; the batches must be equal."""
    from trl import SFTConfig, SFTTrainer

    rows, tokenizer = Dataset.from_list(ROWS[:4]), load_tokenizer(base)
    tokenised = tokenize_rows(rows, tokenizer, 128, tmp_path / "train.arrow")
    ours = build_trainer(
        settings(tmp_path),
        load_causal_lm(base, device=Device.cpu, four_bit=True),
        tokenizer,
        {"train": tokenised},
        tmp_path,
        report_to=[],
        run_name="test",
    )
    theirs = SFTTrainer(
        model=load_causal_lm(base, device=Device.cpu, four_bit=False),
        args=SFTConfig(output_dir=str(tmp_path), bf16=False, use_cpu=True, report_to="none"),
        train_dataset=rows.select_columns(["prompt", "completion"]),
        processing_class=tokenizer,
    )
    batch, judge = (
        trainer.data_collator([trainer.train_dataset[i] for i in range(4)])
        for trainer in (ours, theirs)
    )
    for column in ("input_ids", "labels", "attention_mask"):
        assert torch.equal(batch[column], judge[column])
    for labels, source in zip(batch["labels"], ROWS, strict=False):
        answer = source["completion"][0]["content"]
        assert tokenizer.decode(labels[labels != -100]) == f" {answer}</s>"


def test_adapters_train_in_fp32_and_nothing_else_trains(base: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(base)
    rows = tokenize_rows(Dataset.from_list(ROWS), tokenizer, 128, tmp_path / "train.arrow")
    model = load_causal_lm(base, device=Device.cpu, four_bit=True)
    trainer = build_trainer(
        settings(tmp_path), model, tokenizer, {"train": rows}, tmp_path, report_to=[], run_name=""
    )
    for name, parameter in trainer.model.named_parameters():
        assert parameter.requires_grad == ("lora_" in name)
        assert not parameter.requires_grad or parameter.dtype == torch.float32
    kinds = {type(m).__name__ for n, m in model.named_modules() if n.endswith("base_layer")}
    assert kinds == {"Linear4bit"}


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


@pytest.mark.slow
def test_a_killed_run_continues_and_ends_like_an_undisturbed_one(
    run: tuple[FineTuneConfig, TrainingResult], tmp_path: Path
) -> None:
    config, undisturbed = run
    shutil.copytree(config.dataset, tmp_path / "dataset")
    again = replace(config, dataset=str(tmp_path / "dataset"), dir=str(tmp_path / "m" / "adapter"))
    code = (
        "import json, sys\n"
        "from medrag.config import Device, FineTuneConfig, TinyModelConfig\n"
        "from medrag.finetuning.generator import train_generator\n"
        "given = json.loads(sys.argv[1])\n"
        "given.update(device=Device.cpu, tiny=TinyModelConfig(**given['tiny']))\n"
        "texts = json.loads(sys.argv[2])\n"
        "train_generator(FineTuneConfig(**given), texts, report_to=[], run_name='test')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(asdict(again)), json.dumps(TEXTS)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    work = Path(again.dir) / "checkpoints"
    patience = time.monotonic() + 120
    while not (work / "checkpoint-15" / "trainer_state.json").exists():
        assert process.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    torn = work / "checkpoint-29"  # as a kill during a save would leave it
    torn.mkdir()
    (torn / "trainer_state.json").write_text('{"global_st')

    resumed = train_generator(again, TEXTS, report_to=[], run_name="test")
    assert resumed.steps == undisturbed.steps
    assert resumed.first_loss == undisturbed.first_loss  # the history goes back to the first step
    wanted = load_file(Path(config.dir) / "adapter_model.safetensors")
    found = load_file(Path(again.dir) / "adapter_model.safetensors")
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)
    assert not work.exists()


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
