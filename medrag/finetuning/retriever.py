"""Tune the retriever's encoder: bring questions close to the passages that answer them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import RetrieverTuneConfig
from ..embedding.local.folder import ModelFolder, locate
from ..errors import ArtefactError, ConfigError
from ..generation.loading import resolve_device
from ..hardware import cpu_has_bf16, release_memory
from ..manifest import recover_directory, replacing_directory
from . import quiet_libraries
from .checkpoints import Run
from .encoder_trainer import (
    build_encoder_trainer,
    identity_of,
    load_encoder,
    save_encoder,
    tokenised,
)
from .held_out_ranking import HeldOutRanking, compare
from .list_loss import list_loss_class
from .ranking_lists import Batches, RankingList, plan_batches
from .retriever_material import gather
from .running import train_encoder
from .weight_mixing import Encoder, Mix, Prompts, choose_mix

_AT_ONCE = 8  # texts of a forward pass on a CPU; memory grows with it


@dataclass(frozen=True)
class RetrieverResult:
    """The result of a finished run.

    Attributes:
        base_model: folder of the encoder it started from.
        steps_before: of an earlier run that this one continued.
        first_loss, train_loss: mean of the first and the last tenth of the steps, in nats per
            question; batches differ.
        asked, written: questions it was trained on: of the dataset, and written from the index.
        skipped_rows: rows of the train split whose passage is unknown, altered or shared, or a
            copy of a held-out one.
        without_negatives: questions that are left out, because too few passages do not answer.
        topped_up: questions whose negatives are, in part, drawn from those of others, because the
            index has too few passages that are clearly below the answer.
        mean_batch: questions in a batch; fewer than asked for if they share passages.
        unused: questions that are in no batch.
        truncated: passages longer than `max_length` tokens, whose end training did not see.
        teacher: whose ranking was learned; "vectors" for none.
        round_trip: share of written questions that find their passage first, by teacher.
        chosen: share of the tuned weights in the mix that the held-out questions chose.
        share: that of the result; 0: the base was kept.
        curve: nDCG@10 by share, of validation questions of each collection, and of questions
            written from held-out documents.
        measured: nDCG@10 of the test questions before and after, and the difference with its 95 %
            interval: of all, and of each collection if there are several; empty if there are none.
        seconds: wall time.
    """

    base_model: str
    steps: int
    steps_before: int
    first_loss: float
    train_loss: float
    asked: int
    written: int
    skipped_rows: int
    without_negatives: int
    topped_up: int
    mean_batch: float
    unused: int
    truncated: int
    teacher: str
    round_trip: Mapping[str, float]
    chosen: float
    share: float
    curve: Sequence[Mapping[str, float]]
    measured: Sequence[Mapping[str, Any]]
    seconds: float
    history: list[dict[str, Any]]


def train_retriever(
    config: RetrieverTuneConfig,
    *,
    report_to: list[str],
    run_name: str,
    seal: Callable[[Path, RetrieverResult], None] | None = None,
) -> RetrieverResult:
    """Train on questions with the passages that answer them, and save a sentence encoder.

    The questions are those of the dataset's train split, and others that are written from
    documents of its index. Each has the passage that answers it, hard negatives, and all passages
    of its batch as negatives (Henderson et al. 2017, arXiv:1705.00652). A teacher's ranking of
    them is learned as well, if one ranks better than the vectors. Passages are read as the index
    embeds them. Nothing of the documents of validation and test is seen.

    At the end, the tuned weights are mixed with those of the base; validation questions choose the
    share, and no collection may lose. If the test questions are not ranked better than before, the
    base is kept.

    A run that is stopped continues from its last checkpoint, with the same losses. A model that is
    already in `config.dir` is replaced at the end, in one move.

    Args:
        report_to: trackers, as in transformers: `["wandb"]` or `[]`.
        seal: called with the finished directory before it replaces the old one; writes the
            manifest.

    Raises:
        ArtefactError: there is no dataset or index, or fewer than two questions have a passage.
        MismatchError: the index has changed since the dataset was made from it.
        ModelError: the encoder cannot be found or loaded.
        DivergenceError: the loss is not finite, or ran away; nothing is saved.
        MedragError: the run was stopped by SIGTERM; the same command continues it.
        KeyboardInterrupt: it was stopped by Ctrl-C; the same.
    """
    started = time.monotonic()
    quiet_libraries()
    setting = "retriever_tuning.base_model"
    if config.base_model:
        locate(config.base_model, setting)  # before the long work
    directory = Path(config.dir)
    recover_directory(directory)
    work = directory / "checkpoints"
    Run(work, identity_of(config, config.base_model))
    material = gather(config, work)
    release_memory()  # of teachers and searches
    lists = material.lists
    batches = plan_batches(
        lists, config.batch_size, config.epochs, config.seed, steps=config.max_steps
    )
    if not batches.batches:
        raise ArtefactError(
            f"{len(lists)} questions of {config.dataset} have a passage that answers them and "
            f"{config.negatives} that do not, and at least 2 of different passages are needed; "
            "build the dataset from more questions that name their documents, or lower "
            "retriever_tuning.negatives"
        )
    model, base = load_encoder(material.base_model, config.device, setting)
    width = model.get_embedding_dimension()
    if any(length > width for length in config.dimensions):
        raise ConfigError(
            f"retriever_tuning.dimensions={config.dimensions}: the vectors have {width} numbers"
        )
    files = ModelFolder(material.base_model, setting)
    prompts = Prompts(files.query_prompt, files.document_prompt)
    start = {name: one.detach().clone() for name, one in model.state_dict().items()}
    trained = train_encoder(
        _trainer(config, model, lists, batches, prompts, work, report_to, run_name),
        work,
        "tuning",
        slack=0.5,
    )
    model.zero_grad()
    release_memory()
    encoder = Encoder(model, start, prompts)
    mix = choose_mix(encoder, material.sets) if material.sets else Mix(1.0, [])
    measured = _measure(encoder, mix, material.test)
    share = mix.share
    if measured and _is_worse(measured):
        share = 0.0
        encoder.mix(share)
    lengths = _lengths(model, lists)
    result = RetrieverResult(
        base_model=str(base),
        steps=trained.steps,
        steps_before=trained.steps_before,
        first_loss=trained.first_loss,
        train_loss=trained.last_loss,
        asked=material.asked,
        written=material.written,
        skipped_rows=material.skipped_rows,
        without_negatives=material.without_negatives,
        topped_up=material.topped_up,
        mean_batch=batches.mean_size,
        unused=batches.unused,
        truncated=sum(length > config.max_length for length in lengths),
        teacher=material.teacher,
        round_trip=material.round_trip,
        chosen=mix.share,
        share=share,
        curve=mix.curve,
        measured=measured,
        seconds=time.monotonic() - started,
        history=trained.history,
    )
    with replacing_directory(directory) as fresh:
        save_encoder(model, fresh)
        if seal:
            seal(fresh, result)
    return result


def _trainer(
    config: RetrieverTuneConfig,
    model: Any,
    lists: Sequence[RankingList],
    batches: Batches,
    prompts: Prompts,
    work: Path,
    report_to: list[str],
    run_name: str,
) -> Any:
    on_gpu = resolve_device(config.device).type == "cuda"

    def collate(some: Sequence[RankingList]) -> dict[str, Any]:
        import torch

        # Lists of similar length are computed together, so that padding is small.
        some = sorted(some, key=lambda one: -len(one.passages[0]))
        texts = [[prompts.query + one.question for one in some]]
        for place in range(len(some[0].passages)):
            texts.append([prompts.document + one.passages[place] for one in some])
        labels = torch.tensor([one.scores for one in some]) if some[0].scores else None
        columns = [tokenised(model, column, config.max_length) for column in texts]
        return {"sentence_features": columns, "labels": labels}

    loss = list_loss_class()(
        model,
        at_once=4 * _AT_ONCE if on_gpu else _AT_ONCE,
        distillation=config.distillation,
        dimensions=config.dimensions,
        bf16=on_gpu or cpu_has_bf16(),
    )
    return build_encoder_trainer(
        config,
        model,
        lists,
        batches.batches,
        collate,
        loss,
        work,
        setting="retriever_tuning.learning_rate",
        report_to=report_to,
        run_name=run_name,
    )


def _measure(
    encoder: Encoder, mix: Mix, test: Mapping[str, HeldOutRanking]
) -> list[dict[str, Any]]:
    """See `compare`; the encoder then has the mix."""
    values: list[dict[str, dict[str, float]]] = []
    for share in (0.0, mix.share):
        encoder.mix(share)
        values.append({name: encoder.ndcg(ranking) for name, ranking in test.items()})
    passages = {name: ranking.passages for name, ranking in test.items()}
    return compare(values[0], values[1], passages)


def _is_worse(measured: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the test questions gain nothing together, or those of a collection clearly lose."""
    return measured[0]["difference"] <= 0 or any(row["high"] < 0 for row in measured)


def _lengths(model: Any, lists: Sequence[RankingList]) -> Iterator[int]:
    """Tokens of the passages that answer."""
    texts = [one.passages[0] for one in lists]
    for ids in model.tokenizer(texts, truncation=False, verbose=False)["input_ids"]:
        yield len(ids)
