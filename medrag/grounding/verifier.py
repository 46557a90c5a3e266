"""A larger entailment model judges what the rules of `check_support` cannot decide."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from ..config import Device
from ..errors import ModelError
from ..generation.loading import checked, resolve_device, unreachable
from ..generation.prompts import without_markers
from ..types import Support
from . import SupportCheck, check_support

_log = logging.getLogger(__name__)

_BATCH = 16
_OTHERS = {"contradiction", "neutral", "notentailment", "nonentailment"}


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement and the source that should bear it out; see `check_support`."""

    statement: str
    source: str
    title: str = ""
    section: str = ""


class EntailmentVerifier:
    """A `SupportCheck`: the rules first, then a sequence classifier trained on entailment.

    The model gives the probability that the source entails the statement. The score is the
    geometric mean of this and the rules' score: it is 0 if either is 0, so each can refuse, and
    neither can accept alone. (With the arithmetic mean a statement that the rules pass would
    pass at 0.5 whatever the model says.) The model is not asked where the rules say 0, or where the
    statement is a whole sentence of the source.

    The quality of no model behind it has been measured: measure yours before you rely on it.

    The model loads at first use, once for all threads, in fp32: a score must not depend on the
    machine.

    Args:
        model: folder, or hub id. No remote code is run and no pickled weights are opened.
        rules: what is asked first.
    """

    def __init__(
        self, model: str, device: Device = Device.auto, rules: SupportCheck = check_support
    ) -> None:
        self._name = model
        self._device = device
        self._rules = rules
        self._lock = Lock()
        self._loaded: _Classifier | None = None
        self._truncated = 0

    @property
    def truncated(self) -> int:
        """How many sources were too long for the model, which did not read their ends."""
        return self._truncated

    def __call__(
        self, statement: str, source: str, *, title: str, section: str, min_score: float
    ) -> Support:
        """Judge one statement; see `check_support`.

        Raises:
            ModelError: as in `entailment`.
        """
        return self.check([Claim(statement, source, title, section)], min_score)[0]

    def check(self, claims: Sequence[Claim], min_score: float) -> list[Support]:
        """Judge many statements, in the order given; the model reads them in batches.

        Raises:
            ModelError: as in `entailment`.
        """
        judged = [
            self._rules(
                claim.statement,
                claim.source,
                title=claim.title,
                section=claim.section,
                min_score=min_score,
            )
            for claim in claims
        ]
        open_ = [n for n, rules in enumerate(judged) if not _settled(claims[n], rules)]
        pairs = [(_premise(claims[n], judged[n]), claims[n].statement) for n in open_]
        for n, entailed in zip(open_, self.entailment(pairs), strict=True):
            judged[n] = _combined(judged[n], entailed, min_score, len(claims[n].source))
        return judged

    def entailment(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The probabilities, 0..1, with which each premise entails its statement.

        A premise that does not fit is cut at its end, counted in `truncated` and logged. A
        statement is never cut, because the model would judge another one: if it leaves the premise
        less than half of the tokens, its probability is 0.

        Args:
            pairs: (premise, statement).

        Raises:
            ModelError: the model cannot be loaded, or is no entailment model.
        """
        if not pairs:
            return []
        with self._lock:  # fast tokenizers must not be used by two threads at once
            if self._loaded is None:
                self._loaded = _load(self._name, self._device)
            model = self._loaded
            batches, cut = model.encode(pairs)
            self._truncated += cut
        unread = len(pairs) - sum(len(numbers) for numbers, _ in batches)
        if cut or unread:
            _log.warning(
                "%s reads %d tokens: of %d sources it did not read %d to the end, and "
                "%d statements are too long for it and count as not entailed",
                self._name,
                model.limit,
                len(pairs),
                cut,
                unread,
            )
        found = [0.0] * len(pairs)
        for numbers, inputs in batches:
            for n, probability in zip(numbers, model.run(inputs), strict=True):
                found[n] = probability
        return found

    def close(self) -> None:
        """Release the model; checks under way finish, and a later one loads it again."""
        with self._lock:
            model, self._loaded = self._loaded, None
        if model is not None and model.network.device.type == "cuda":
            import torch

            del model
            torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Classifier:
    """A loaded model.

    Attributes:
        label: index of the class "entailment".
        limit: tokens that it reads, premise and statement together.
    """

    tokenizer: Any
    network: Any
    label: int
    limit: int

    def encode(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[tuple[list[int], Any]], int]:
        """Batches as (positions in `pairs`, inputs), and how many premises were cut."""
        special = self.tokenizer.num_special_tokens_to_add(pair=True)

        def sizes(texts: list[str]) -> list[int]:
            encoded = self.tokenizer(texts, add_special_tokens=False, verbose=False)
            return [len(ids) for ids in encoded["input_ids"]]

        premises = sizes([premise for premise, _ in pairs])
        statements = sizes([statement for _, statement in pairs])
        fitting = [n for n, size in enumerate(statements) if size <= (self.limit - special) // 2]
        cut = sum(premises[n] + statements[n] + special > self.limit for n in fitting)
        fitting.sort(key=lambda n: premises[n] + statements[n])  # less padding
        batches = []
        for start in range(0, len(fitting), _BATCH):
            numbers = fitting[start : start + _BATCH]
            inputs = self.tokenizer(
                [pairs[n][0] for n in numbers],
                [pairs[n][1] for n in numbers],
                truncation="only_first",
                max_length=self.limit,
                padding=True,
                return_tensors="pt",
            )
            batches.append((numbers, inputs.to(self.network.device)))
        return batches, cut

    def run(self, inputs: Any) -> list[float]:
        """The probability of entailment for each row."""
        import torch

        with torch.inference_mode():
            rows = self.network(**inputs).logits.softmax(dim=-1)[:, self.label]
        return [float(value) for value in rows]


def _settled(claim: Claim, rules: Support) -> bool:
    """True if the model has nothing to add: a refusal, or a sentence of the source itself."""
    if rules.score == 0.0:
        return True
    texts = (without_markers(claim.source[start:end]) for start, end in rules.spans)
    return rules.score == 1.0 and claim.statement in texts


def _premise(claim: Claim, rules: Support) -> str:
    """Title, section and the sentences that the rules compared; the whole source if none."""
    spans = " ".join(claim.source[start:end] for start, end in rules.spans)
    above = [part.rstrip(".") for part in (claim.title, claim.section) if part]
    return ". ".join([*above, spans or claim.source])


def _combined(rules: Support, entailed: float, min_score: float, size: int) -> Support:
    score = math.sqrt(rules.score * entailed)
    if score > 0.0 and score >= min_score:
        return Support(True, score, "", rules.spans or ((0, size),))
    reason = rules.reason
    if rules.supported or not reason:
        reason = f"the entailment model does not find it in the source ({entailed:.2f})"
    return Support(False, score, reason, rules.spans)


def entailment_label(labels: Mapping[int, str], model: str) -> int:
    """The index of "entailment" among a model's own labels, in any order and case.

    Raises:
        ModelError: the labels are not those of entailment: "entailment" with "contradiction" or
            "neutral", or with "not entailment".
    """
    names = {index: re.sub(r"[^a-z]", "", str(name).lower()) for index, name in labels.items()}
    found = [index for index, name in names.items() if name == "entailment"]
    others = [name for name in names.values() if name != "entailment"]
    if len(found) != 1 or not others or not set(others) <= _OTHERS:
        raise ModelError(
            f"{model} is no entailment model: its labels are {', '.join(map(str, labels.values()))}"
            ", not entailment, neutral and contradiction; set grounding.verifier to one that has "
            "them in the id2label of its config.json"
        )
    return found[0]


def _load(model: str, device: Device) -> _Classifier:
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    options: dict[str, Any] = {
        "trust_remote_code": False,
        "local_files_only": Path(checked(model)).is_dir(),
    }
    target = resolve_device(device)
    try:
        config = AutoConfig.from_pretrained(model, **options)
        label = entailment_label(config.id2label, model)
        tokenizer = AutoTokenizer.from_pretrained(model, **options)
        network, report = AutoModelForSequenceClassification.from_pretrained(
            model, use_safetensors=True, dtype="float32", output_loading_info=True, **options
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(unreachable(model, "entailment model", error)) from error
    if report["missing_keys"]:  # they would be random
        raise ModelError(
            f"the weights of {model} lack {len(report['missing_keys'])} parts of its classifier "
            f"({sorted(report['missing_keys'])[0]} …): it was not trained on entailment"
        )
    # RoBERTa counts positions from 2; a tokenizer without a limit says 10^30.
    positions = getattr(config, "max_position_embeddings", None) or 512
    limit = min(tokenizer.model_max_length, positions - 2)
    return _Classifier(tokenizer, network.to(target).eval(), label, limit)
