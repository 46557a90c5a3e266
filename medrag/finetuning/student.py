"""Distil a smaller sentence encoder: a student with fewer layers learns the teacher's vectors."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import DistilConfig
from ..embedding.local.folder import ModelFolder
from ..errors import ArtefactError, ConfigError
from ..hardware import cpu_has_bf16, release_memory
from ..manifest import recover_directory, replacing_directory
from ..progress import progress
from . import quiet_libraries
from .checkpoints import Run
from .dataset_index import DatasetIndex, open_dataset_index
from .encoder_trainer import (
    build_encoder_trainer,
    identity_of,
    load_encoder,
    save_encoder,
    tokenised,
)
from .held_out_ranking import Asked, HeldOutRanking, asked_in, compare
from .retriever_material import WRITTEN
from .running import train_encoder
from .weight_mixing import AT_ONCE, Encoder, Prompts

if TYPE_CHECKING:
    from torch import Tensor

_WRITTEN_SHARE = 0.1  # of the texts: questions that rules write; a query is no passage
_WINDOW = 16  # batches whose texts are sorted by length together, so that padding is small
_TIMED = 256  # passages whose embedding is timed
_ROUNDS = 3  # of which the fastest counts


@dataclass(frozen=True)
class StudentResult:
    """The result of a finished run.

    Attributes:
        base_model: folder of the teacher.
        steps_before: of an earlier run that this one continued.
        first_loss, train_loss: mean of the first and the last tenth of the steps: the squared
            distance of two vectors of length 1, 0 to 4.
        passages, questions: texts that it learned from.
        layers, teacher_layers: of the encoders.
        parameters, teacher_parameters: of the encoders.
        speed, teacher_speed: passages per second, both with PyTorch on the device of the training.
        measured: nDCG@10 of the teacher ("before") and of the student ("after") for questions of
            held-out documents, and the difference with its 95 % interval: of all, and of each
            collection if there are several.
        seconds: wall time.
    """

    base_model: str
    steps: int
    steps_before: int
    first_loss: float
    train_loss: float
    passages: int
    questions: int
    layers: int
    teacher_layers: int
    parameters: int
    teacher_parameters: int
    speed: float
    teacher_speed: float
    measured: Sequence[Mapping[str, Any]]
    seconds: float
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class _Material:
    base_model: str
    passages: Sequence[str]
    questions: Sequence[str]
    test: Mapping[str, HeldOutRanking]


def train_student(
    config: DistilConfig,
    *,
    report_to: list[str],
    run_name: str,
    seal: Callable[[Path, StudentResult], None] | None = None,
) -> StudentResult:
    """Make a student of the teacher's first, last and some middle layers, and train it.

    It learns to give the teacher's vectors (Reimers and Gurevych 2020, arXiv:2004.09813) for
    passages of the index, as the index embeds them, and for questions. Its layers start as the
    teacher's (Sanh et al. 2019, arXiv:1910.01108). Nothing of the documents of validation and test
    is seen; on questions about these, teacher and student are compared.

    A run that is stopped continues from its last checkpoint, with the same losses. A model that is
    already in `config.dir` is replaced at the end, in one move.

    Args:
        report_to: trackers, as in transformers: `["wandb"]` or `[]`.
        seal: called with the finished directory before it replaces the old one; writes the
            manifest.

    Raises:
        ArtefactError: there is no dataset or index, or it has fewer than two passages to learn.
        MismatchError: the index has changed since the dataset was made from it.
        ConfigError: the teacher has no more layers than the student is to have.
        ModelError: the teacher cannot be found or loaded.
        DivergenceError: the loss is not finite, or ran away; nothing is saved.
        MedragError: the run was stopped by SIGTERM; the same command continues it.
        KeyboardInterrupt: it was stopped by Ctrl-C; the same.
    """
    started = time.monotonic()
    quiet_libraries()
    directory = Path(config.dir)
    recover_directory(directory)
    work = directory / "checkpoints"
    material = _gather(config)
    teacher, base = load_encoder(material.base_model, config.device, "distil.teacher")
    student, _ = load_encoder(material.base_model, config.device, "distil.teacher")
    teacher_layers = _keep_layers(student, config.layers)
    files = ModelFolder(material.base_model, "distil.teacher")
    prompts = Prompts(files.query_prompt, files.document_prompt)
    texts = [prompts.document + text for text in material.passages]
    texts += [prompts.query + text for text in material.questions]
    if len(material.passages) < 2:
        raise ArtefactError(
            f"the index of {config.dataset} has no passages but those of held-out documents; index "
            "more documents, or give dataset.test_share and dataset.validation_share lower values"
        )
    Run(work, identity_of(config, config.teacher))
    trained = train_encoder(
        build_encoder_trainer(
            config,
            student,
            texts,
            _batches(texts, config),
            lambda some: {"tokens": tokenised(student, some, config.max_length)},
            _distance(student, teacher),
            work,
            setting="distil.learning_rate",
            report_to=report_to,
            run_name=run_name,
        ),
        work,
        "distilling",
        slack=0.1,
    )
    student.zero_grad()
    release_memory()
    encoders = [Encoder(model, model.state_dict(), prompts) for model in (teacher, student)]
    values: list[dict[str, dict[str, float]]] = [{}, {}]
    with progress("measuring", len(material.test), "sets") as advance:
        for name, ranking in material.test.items():
            for found, encoder in zip(values, encoders, strict=True):
                found[name] = encoder.ndcg(ranking)
            release_memory()
            advance(1)
    teacher_speed, speed = _speeds([teacher, student], material.passages[:_TIMED])
    result = StudentResult(
        base_model=str(base),
        steps=trained.steps,
        steps_before=trained.steps_before,
        first_loss=trained.first_loss,
        train_loss=trained.last_loss,
        passages=len(material.passages),
        questions=len(material.questions),
        layers=config.layers,
        teacher_layers=teacher_layers,
        parameters=_parameters(student),
        teacher_parameters=_parameters(teacher),
        speed=speed,
        teacher_speed=teacher_speed,
        measured=compare(
            values[0],
            values[1],
            {name: ranking.passages for name, ranking in material.test.items()},
        ),
        seconds=time.monotonic() - started,
        history=trained.history,
    )
    with replacing_directory(directory) as fresh:
        save_encoder(student, fresh)
        if seal:
            seal(fresh, result)
    return result


def _gather(config: DistilConfig) -> _Material:
    """Passages of documents drawn by a hash, questions, and what is measured."""
    with open_dataset_index(config.dataset, config.teacher, "distil.teacher") as opened:
        number = round(config.max_texts * _WRITTEN_SHARE)
        written, others = opened.written(number)
        asked = [row["question"] for row in opened.splits["train"] if not row["shares"]]
        questions = dict.fromkeys([*asked, *(question for question, _, _ in written)])
        passages = [*_passages(opened, config)]
        test = asked_in(opened.splits.get("test", ()), config.held_out_questions)
        if others and config.held_out_questions:
            test[WRITTEN] = others[: config.held_out_questions]
        return _Material(opened.base_model, passages, [*questions], _rankings(test, opened))


def _rankings(
    test: Mapping[str, Sequence[Asked]], opened: DatasetIndex
) -> dict[str, HeldOutRanking]:
    return {
        name: HeldOutRanking(asked, opened.retriever, opened.text) for name, asked in test.items()
    }


def _passages(opened: DatasetIndex, config: DistilConfig) -> Iterator[str]:
    left = config.max_texts
    ids = (id_ for id_ in opened.index.document_ids() if id_ not in opened.held_out)
    for id_ in sorted(ids, key=lambda id_: sha256(f"{config.seed}\0{id_}".encode()).digest()):
        chunks = opened.index.document_chunk_ids(id_)[:left]
        for hit in opened.index.hits(chunks).values():
            if not opened.is_held_out(hit):
                yield opened.text(hit)
        left -= len(chunks)
        if not left:
            return


def _keep_layers(student: Any, layers: int) -> int:
    """Leave the student so many of its layers, evenly drawn; returns how many it had."""
    from torch.nn import ModuleList

    network: Any = getattr(student[0], "model", None)
    had = int(getattr(getattr(network, "config", None), "num_hidden_layers", 0))
    places = [
        name
        for name, one in (network.named_modules() if network is not None else ())
        if isinstance(one, ModuleList) and len(one) == had
    ]
    if not had or len(places) != 1:
        raise ConfigError(
            "the teacher has no stack of layers to draw from; distil.teacher takes transformers "
            "such as BERT"
        )
    if layers >= had:
        raise ConfigError(
            f"the teacher has {had} layers, and distil.layers={layers}; give fewer than {had}"
        )
    kept = [round(number * (had - 1) / max(1, layers - 1)) for number in range(layers)]
    stack = network.get_submodule(places[0])
    network.set_submodule(places[0], ModuleList([stack[number] for number in kept]))
    network.config.num_hidden_layers = layers
    return had


def _batches(texts: Sequence[str], config: DistilConfig) -> list[list[int]]:
    """Numbers of texts, of all epochs; those of a batch have similar lengths."""
    planned: list[list[int]] = []
    size = config.batch_size
    per_epoch = -(-len(texts) // size)
    wanted = config.max_steps if config.max_steps > 0 else -(-config.epochs * per_epoch // 1)
    epoch = 0
    while len(planned) < wanted:
        draw = random.Random(f"{config.seed}\0{epoch}")
        order = draw.sample(range(len(texts)), len(texts))
        of_epoch = []
        for start in range(0, len(order), size * _WINDOW):
            window = sorted(order[start : start + size * _WINDOW], key=lambda n: len(texts[n]))
            of_epoch += [window[at : at + size] for at in range(0, len(window), size)]
        draw.shuffle(of_epoch)
        planned += of_epoch
        epoch += 1
    return planned[: int(wanted)]


def _distance(student: Any, teacher: Any) -> Callable[..., Tensor]:
    """Mean squared distance of the two vectors of each text, which have length 1."""
    import torch

    device = student.device.type
    bf16 = device == "cuda" or cpu_has_bf16()

    def vectors(model: Any, tokens: Mapping[str, Tensor]) -> Tensor:
        with torch.autocast(device, torch.bfloat16) if bf16 else nullcontext():
            embedded = model({**tokens})["sentence_embedding"]
        return torch.nn.functional.normalize(embedded.float(), dim=1)

    def loss(tokens: Mapping[str, Tensor]) -> Tensor:
        with torch.no_grad():
            wanted = vectors(teacher, tokens)
        return (vectors(student, tokens) - wanted).square().sum(dim=1).mean()

    teacher.eval()
    return loss


def _parameters(model: Any) -> int:
    return sum(one.numel() for one in model.parameters())


def _speeds(models: Sequence[Any], passages: Sequence[str]) -> list[float]:
    """Passages per second of each model, in turns, so that both see the same machine."""
    best = [float("inf")] * len(models)
    for _ in range(_ROUNDS):
        for number, model in enumerate(models):
            started = time.perf_counter()
            model.encode([*passages], batch_size=AT_ONCE, show_progress_bar=False)
            best[number] = min(best[number], time.perf_counter() - started)
    return [len(passages) / seconds for seconds in best]
