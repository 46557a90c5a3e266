"""Make the trainer of the generator: adapters on a model, and the settings of TRL."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import FineTuneConfig
from ..errors import ConfigError
from ..generation.loading import resolve_device
from .answer_trainer import trainer_class
from .attention import use_rowwise_attention
from .packing import flatten

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def build_trainer(
    config: FineTuneConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: dict[str, Dataset],
    work: Path,
    *,
    report_to: list[str],
    run_name: str,
) -> Any:
    """Add the adapters to a model and make the trainer for it.

    Args:
        rows: tokenised splits, `train` and perhaps `validation`.
        work: where checkpoints go.

    Returns:
        A subclass of TRL's `SFTTrainer`.

    Raises:
        ConfigError: a setting needs something that is not there.
    """
    from peft import LoraConfig
    from trl.trainer.sft_config import SFTConfig

    on_gpu = resolve_device(config.device).type == "cuda"
    if config.liger:
        _use_liger(model, on_gpu)
    use_rowwise_attention(model)
    validation = rows.get("validation")
    warnings.filterwarnings(  # old names that TRL itself still reads
        "ignore", r"`\w*gradient_checkpointing\w*` is deprecated", FutureWarning
    )
    args = SFTConfig(
        output_dir=str(work),
        num_train_epochs=config.epochs,
        max_steps=config.max_steps,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        gradient_checkpointing=config.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        optim="paged_adamw_8bit" if on_gpu else "adamw_torch",
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=config.warmup_steps,
        bf16=False,  # the trainer does so itself
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
        dataset_kwargs={"skip_prepare_dataset": True},  # the rows are tokenised
        max_length=None,
        logging_steps=config.logging_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # it would hide what `Divergence` looks for
        eval_strategy="steps" if validation else "no",
        eval_steps=config.eval_steps,
        save_strategy="steps",
        save_steps=config.eval_steps,
        metric_for_best_model="loss",
        greater_is_better=False,
        report_to=report_to or "none",
        run_name=run_name,
        seed=config.seed,
    )
    args._n_gpu = 1  # a process trains on one GPU, however many it sees
    trainer = trainer_class()(
        model=model,
        processing_class=tokenizer,
        train_dataset=rows["train"].with_format("numpy"),
        eval_dataset=validation.with_format("numpy") if validation else None,
        data_collator=flatten,
        peft_config=LoraConfig(
            r=config.lora_r,
            lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout,
            use_dora=config.dora,
            use_rslora=config.rslora,
            target_modules="all-linear",  # but not the output layer
            task_type="CAUSAL_LM",
        ),
        args=args,
    )
    trainer.processing_class = None  # it would change the model's special tokens
    trainer.set_up(config)
    return trainer


def _use_liger(model: Any, on_gpu: bool) -> None:
    if not on_gpu:
        raise ConfigError("finetune.liger=true needs a GPU; set finetune.liger=false")
    if importlib.util.find_spec("liger_kernel") is None:
        raise ConfigError(
            "finetune.liger=true, but liger-kernel is not installed; run pip install liger-kernel"
        )
    from transformers.integrations.liger import apply_liger_kernel

    # The loss is left alone: it is computed for the answers only.
    apply_liger_kernel(model, {"cross_entropy": False, "fused_linear_cross_entropy": False})
