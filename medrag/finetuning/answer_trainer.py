"""The trainer of the generator: TRL's, with rows end to end and exact losses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from ..config import FineTuneConfig
from .cpu_adapters import use_fast_adapters
from .exact_trainer import exact
from .noise import with_noise
from .packing import Batches, flatten, lengths_of, pack, tokens_of, with_same_beginning
from .sharding import average_gradients, shard_frozen_weights, shards

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor


@cache  # imports TRL
def trainer_class() -> Any:
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader
    from trl.trainer.sft_trainer import SFTTrainer

    class Loader(DataLoader):  # type: ignore[misc]  # untyped library
        def set_epoch(self, epoch: int) -> None:
            self.batch_sampler.set_epoch(epoch)

    class AnswerTrainer(exact(SFTTrainer)):  # type: ignore[misc]  # untyped library
        """Rows without padding, and losses per answer token."""

        loss_is_scaled_for_ga = True  # by `compute_loss`
        config: FineTuneConfig
        control: Any
        parameters: tuple[int, int]  # trained, all

        def set_up(self, config: FineTuneConfig) -> None:
            # TRL casts the adapters to bf16, which rounds away a step of 1e-4 of a weight's size.
            # They are under 1 % of the parameters, so fp32 costs little. The frozen rest stays as
            # loaded: Mistral's norms compute in fp32 whatever their weights are stored in.
            for parameter in self.model.parameters():
                if parameter.requires_grad:
                    parameter.data = parameter.data.float()
            self.parameters = self.model.get_nb_trainable_parameters()
            if sharded := shards() > 1:
                shard_frozen_weights(self.model, self.args.device)
            on_cpu = self.args.device.type == "cpu"
            self._casts_itself = on_cpu and not sharded and use_fast_adapters(self.model)
            self.config = config
            self.guard_steps("finetune.learning_rate", config.early_stopping)
            self._pack()
            if config.neftune_alpha:
                self.model.get_input_embeddings().register_forward_hook(
                    lambda module, _, embedded: (
                        with_noise(embedded, self._row_ends, config.neftune_alpha)
                        if module.training
                        else embedded
                    )
                )

        def _pack(self) -> None:
            """Choose the rows of each sequence."""
            config = self.config
            # On a GPU the kernel for rows knows no shared beginnings; a window would cut them off,
            # and NEFTune's noise depends on a row's length.
            self._shares = config.packing and not (
                self.args.device.type != "cpu"
                or config.neftune_alpha
                or getattr(self.model.config, "sliding_window", None)
            )
            if self._shares:
                groups, self._lengths = with_same_beginning(self.train_dataset, config.max_length)
            else:
                self._lengths = lengths_of(self.train_dataset)
                groups = [[row] for row in range(len(self._lengths))]
            self._sequences = groups
            if config.packing:
                self._sequences = [
                    [*chain.from_iterable(groups[one] for one in packed)]
                    for packed in pack(self._lengths, config.max_length)
                ]

        def tokens_per_step(self) -> float:
            """Mean tokens that an optimiser step computes in this process."""
            sequences = (
                self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
            )
            return float(sum(self._lengths) * sequences / len(self._sequences))

        def validation_tokens(self) -> int:
            """Tokens of the validation rows that this process computes."""
            rows = self.eval_dataset
            return sum(lengths_of(rows)) // self.args.world_size if rows is not None else 0

        def fill_rate(self) -> float:
            """Share of the tokens that the sequences could hold."""
            return sum(self._lengths) / (len(self._sequences) * self.config.max_length)

        def _send_telemetry(self) -> None:
            """No network call that nobody asked for."""

        # Rows

        def _loader(self, rows: Any, sequences: Any, seed: int | None = None) -> Loader:
            batches = Batches(
                sequences,
                self.config.batch_size,
                seed=seed,
                rank=self.args.process_index,
                processes=self.args.world_size,
            )
            return Loader(
                rows,
                batch_sampler=batches,
                collate_fn=partial(flatten, share=self._shares),
                pin_memory=self.args.dataloader_pin_memory,
                generator=torch.Generator(),  # or it would draw from the one of dropout
            )

        def get_train_dataloader(self) -> Loader:
            return self._loader(self.train_dataset, self._sequences, self.config.seed)

        def get_batch_samples(
            self, epoch_iterator: Iterator[Any], num_batches: int, device: Any
        ) -> tuple[list[Any], int]:
            """The batches of an optimiser step, and its answer tokens over all processes.

            Tokens that rows share count in each of them.
            """
            batches = list(islice(epoch_iterator, num_batches))
            answers, tokens = self.sum(
                sum(len(batch["labels"]) for batch in batches), sum(map(tokens_of, batches))
            )
            self.state.num_input_tokens_seen += int(tokens)
            return batches, int(answers)

        # Loss

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: int | None = None,
        ) -> Tensor:
            """Cross-entropy in nats: summed, or over the answer tokens of the whole step.

            The output layer, which is wide, sees only the places before answer tokens.
            """
            given = {name: value for name, value in inputs.items() if name != "labels"}
            logits = model(**given, use_cache=False).logits[0]
            loss = cross_entropy(logits.float(), inputs["labels"], reduction="sum")
            if num_items_in_batch is None:
                return loss
            # The gradients of processes are averaged, and the count is that of all of them.
            return loss / num_items_in_batch * self.args.world_size

        def compute_loss_context_manager(self) -> Any:
            """bf16 where the model has it; the adapters stay in fp32 and are cast on the way."""
            if self.model.dtype != torch.bfloat16 or self._casts_itself:
                return nullcontext()
            return torch.autocast(self.args.device.type, torch.bfloat16)

        def _clip_grad_norm(self, model: Any) -> Any:
            if shards() > 1:
                average_gradients(self.model)
            return super()._clip_grad_norm(model)

        def _prepare_inputs(self, inputs: Any) -> Any:
            prepared = super()._prepare_inputs(inputs)
            self._row_ends = prepared["cu_seq_lens_q"]
            return prepared

        # Validation

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            """Validation loss per answer token, whatever the batch size and the processes."""
            metrics = {"eval_loss": self.mean_loss(self.eval_dataset)}
            self.log(metrics)
            self.control = self.callback_handler.on_evaluate(
                self.args, self.state, self.control, metrics
            )
            self.guard.final(self.state.global_step, metrics["eval_loss"])
            return metrics

        def mean_loss(self, rows: Dataset) -> float:
            """Loss of the model on tokenised rows, in nats per answer token."""
            self.model.eval()
            mine = [0.0, 0.0]
            batches = self._loader(rows, [[row] for row in range(len(rows))])
            for turn, batch in enumerate(batches):
                inputs = self._prepare_inputs(batch)
                with torch.no_grad(), self.compute_loss_context_manager():
                    loss = float(self.compute_loss(self.model, inputs))
                place = turn * self.args.world_size + self.args.process_index
                if place * self.config.batch_size < len(rows):  # the last turn may repeat the first
                    mine[0] += loss
                    mine[1] += len(inputs["labels"])
            loss, answers = self.sum(*mine)
            return float(loss / answers)

    return AnswerTrainer
