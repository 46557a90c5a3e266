"""Train the packaged reader model: which candidate answers a question?

    python scripts/train_reader.py collect OUT.jsonl.gz INDEX QUESTIONS [INDEX QUESTIONS ...]
    python scripts/train_reader.py train OUT.jsonl.gz MODEL WEIGHTS.safetensors [--device cuda]

`collect` asks each question twice, with the hits as they are and without those of the documents
that answer, and judges each candidate alone, by the evaluation's own rules. `train` needs nothing
of medrag but MODEL, a folder with MiniLM, so it can run on a GPU machine that has only torch,
transformers and peft: it tunes low-rank adapters with a cross-entropy for each candidate, and 0.3
of the cross-entropy of the right ones within a question. Without a GPU it takes hours.

The shipped weights were made from the `train` parts of BioASQ, PubMedQA and MedQuAD (see
scripts/abstention_sets.py; of MedQuAD 1,057 questions) and half of the articles of COVID-QA, with
an earlier version of this script: 35,733 candidates of 2,394 questions.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MAX_TOKENS = 160  # of question and candidate
BATCH_TOKENS = 6000  # in a step, padding included
RATE, EPOCHS, RANK, LIST_WEIGHT = 5e-4, 2, 16, 0.3

Row = dict[str, Any]


def collect(out: Path, sources: Sequence[str]) -> None:
    """Write one line for each question and way to ask it, with its candidates and labels."""
    from medrag import RAGPipeline
    from medrag.config import DatasetFieldsConfig
    from medrag.dataset.questions import DocumentNames, read_questions
    from medrag.progress import progress

    with gzip.open(out, "wt", encoding="utf-8") as file:
        for index, questions in zip(sources[::2], sources[1::2], strict=True):
            examples, _ = read_questions(questions, DatasetFieldsConfig())
            with (
                RAGPipeline.open(index) as rag,
                progress(questions, len(examples), "questions") as advance,
            ):
                names = DocumentNames(rag.index)
                for example in examples:
                    gold = {*names.resolve(example.documents)}
                    for without in (frozenset(), frozenset(gold)) if gold else (frozenset(),):
                        row = _candidates(rag, example, without)
                        file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    advance(1)


def _candidates(rag: Any, example: Any, without: frozenset[str]) -> Row:
    from medrag.evaluation.judgement import judge
    from medrag.grounding.evidence import SentenceVectors, reader_text, weigh
    from medrag.grounding.stance import stance
    from medrag.retrieval import Retriever
    from medrag.types import Answer, AnswerSentence

    retriever = Retriever(rag.index, rag._embedder, rag.config.retriever)
    k = rag.config.retriever.k
    hits = retriever.retrieve(example.question, k + len(without))
    hits = [hit for hit in hits if hit.document not in without][:k]
    vector = retriever.query_vector(example.question)
    sentences = SentenceVectors(rag._embedder)
    found = []
    for one in weigh(example.question, vector, hits, sentences, retriever.rarity):
        said = stance(example.question, [one.text])
        alone = Answer(
            example.question, one.text, False, 1.0, (), tuple(hits),
            (AnswerSentence(one.text, (1,), 1.0, True),), said,
        )  # fmt: skip
        text = reader_text(hits[one.number - 1], one.lead, one.text)
        found.append({"text": text, "right": bool(judge(example, alone).right)})
    return {"question": example.question, "candidates": found}


def train(data: Path, model: Path, out: Path, device: str) -> None:
    """Tune the adapters, and write them under the names of the layers, in fp16."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import save_file
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1)
    network = get_peft_model(
        network.float(),
        LoraConfig(
            r=RANK,
            lora_alpha=2 * RANK,
            lora_dropout=0.0,
            target_modules=["query", "key", "value", "dense"],
            modules_to_save=["classifier"],
        ),
    ).to(device)
    with gzip.open(data, "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["candidates"]]
    batches = [batch for _ in range(EPOCHS) for batch in _batches(rows, tokenizer)]
    weights = [one for one in network.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.01)
    warm = max(1, len(batches) // 10)
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / warm) * (1.0 - step / len(batches))
        loss = _loss(network, tokenizer, batch, device)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        if step % 50 == 0:
            print(f"step {step} of {len(batches)}, loss {loss.item():.3f}", file=sys.stderr)
    named = {".lora_A.default.weight": ".A", ".lora_B.default.weight": ".B"}
    changes = {}
    for name, tensor in network.state_dict().items():
        if "lora_" in name or "modules_to_save" in name:
            short = name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
            for long, end in named.items():
                short = short.replace(long, end)
            changes[short] = tensor.half().cpu().contiguous()
    save_file(changes, out, metadata={"scale": "2.0"})


def _batches(rows: Sequence[Row], tokenizer: Any) -> Iterator[list[Row]]:
    """Questions of similar length together, in random order."""
    draw = random.Random(1)

    def width(row: Row) -> int:
        return max(len(one["text"]) for one in row["candidates"]) // 3 + len(row["question"]) // 3

    found: list[list[Row]] = []
    for row in sorted(rows, key=width):
        size = sum(len(one["candidates"]) for one in (*found[-1], row)) if found else 0
        if not found or min(MAX_TOKENS, width(row)) * size > BATCH_TOKENS:
            found.append([])
        found[-1].append(row)
    draw.shuffle(found)
    yield from found


def _loss(network: Any, tokenizer: Any, batch: Sequence[Row], device: str) -> Any:
    import torch

    questions = [row["question"] for row in batch for _ in row["candidates"]]
    texts = [one["text"] for row in batch for one in row["candidates"]]
    encoded = tokenizer(
        questions, texts, truncation="only_second", max_length=MAX_TOKENS, padding=True,
        return_tensors="pt",
    ).to(device)  # fmt: skip
    with torch.autocast(device, dtype=torch.bfloat16):
        logits = network(**encoded).logits[:, 0].float()
    labels = [float(one["right"]) for row in batch for one in row["candidates"]]
    right = torch.tensor(labels, device=device)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, right)
    lists, at = [], 0
    for row in batch:
        size = len(row["candidates"])
        own, its = logits[at : at + size], right[at : at + size] > 0
        if its.any() and not its.all():
            lists.append(torch.logsumexp(own, 0) - torch.logsumexp(own[its], 0))
        at += size
    return loss + LIST_WEIGHT * torch.stack(lists).mean() if lists else loss


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    steps = parser.add_subparsers(required=True, dest="step")
    first = steps.add_parser("collect")
    first.add_argument("out", type=Path)
    first.add_argument("sources", nargs="+")
    second = steps.add_parser("train")
    second.add_argument("data", type=Path)
    second.add_argument("model", type=Path)
    second.add_argument("out", type=Path)
    second.add_argument("--device", default="cpu")
    options = parser.parse_args()
    if options.step == "collect":
        collect(options.out, options.sources)
    else:
        train(options.data, options.model, options.out, options.device)


if __name__ == "__main__":
    main()
