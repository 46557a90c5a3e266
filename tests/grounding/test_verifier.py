"""The entailment model behind the rules: what it may decide, what it reads, what is refused."""

from __future__ import annotations

import json
import logging
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
)

from medrag import GroundingConfig, PipelineConfig, RAGPipeline, check_support
from medrag.config import Device
from medrag.errors import ModelError
from medrag.generation.prompts import Pieces, Prompt, Reply
from medrag.grounding import SupportCheck, verifier
from medrag.grounding.verifier import Claim, EntailmentVerifier
from medrag.indexing import BuildReport
from medrag.ingestion import TextEmbedder
from medrag.types import Support

LENGTH = 96  # tokens that the tiny model's tokenizer allows
POSITIONS = 90  # and what the model itself has room for
THREE = ["contradiction", "entailment", "neutral"]
SOURCE = "Zinc lozenges shorten a cold by 1.5 days. They taste bad."


def save_model(folder: Path, labels: list[str], *, seed: int = 5, bias: float = 0.0) -> str:
    """Save a BERT classifier of one layer with random weights.

    Its classes differ by their label only, not by their position: a label has the same weights
    wherever it stands. `bias` is added to the logit of "entailment".
    """
    signs = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *signs, *(f"##{sign}" for sign in signs)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=POSITIONS,
        initializer_range=0.6,  # large enough for probabilities that depend on the text
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for number, label in enumerate(labels):
            torch.manual_seed(sum(map(ord, label.lower())))
            model.classifier.weight[number] = torch.randn(16) / 2
            model.classifier.bias[number] = bias if label.lower() == "entailment" else 0.0
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": LENGTH,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return str(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("nli") / "random", THREE)


@pytest.fixture(scope="module")
def yes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that finds entailment everywhere."""
    return save_model(tmp_path_factory.mktemp("nli") / "yes", THREE, bias=1000.0)


@pytest.fixture(scope="module")
def no(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that finds it nowhere."""
    return save_model(tmp_path_factory.mktemp("nli") / "no", THREE, bias=-1000.0)


def rules(score: float, *spans: tuple[int, int], reason: str = "") -> SupportCheck:
    """Rules that judge every statement alike."""

    def check(
        statement: str, source: str, *, title: str, section: str, min_score: float
    ) -> Support:
        return Support(0.0 < score >= min_score, score, reason, spans)

    return check


def ask(check: SupportCheck, statement: str, source: str = SOURCE) -> Support:
    return check(statement, source, title="Zinc", section="Colds", min_score=0.5)


def judge(folder: str, premise: str, statement: str) -> float:
    """The probability of entailment by transformers alone."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        logits = network(**tokenizer(premise, statement, return_tensors="pt")).logits
    index = {str(name).lower(): n for n, name in network.config.id2label.items()}["entailment"]
    return float(logits.softmax(-1)[0, index])


def test_nothing_is_loaded_before_it_is_asked() -> None:
    code = (
        "import sys\n"
        "from medrag import GroundingConfig, PipelineConfig, RAGPipeline\n"
        "RAGPipeline(PipelineConfig(grounding=GroundingConfig(verifier='nowhere/at-all'))).close()\n"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("statement", "source", "supported"),
    [
        ("Zinc lozenges shorten a cold by 1.5 days.", SOURCE, True),  # a sentence of the source
        ("Zinc lozenges do not shorten a cold.", SOURCE, False),
        ("Zinc lozenges shorten a cold by 2.5 days.", SOURCE, False),
    ],
)
def test_what_the_rules_settle_is_not_asked(statement: str, source: str, supported: bool) -> None:
    absent = EntailmentVerifier("./absent")
    support = ask(absent, statement, source)
    assert support == ask(check_support, statement, source)
    assert support.supported is supported


def test_whatever_else_is_asked() -> None:
    for score in (1.0, 0.01):
        with pytest.raises(ModelError, match="absent"):
            ask(EntailmentVerifier("./absent", rules=rules(score, (0, 5))), "Zinc helps.")


def test_a_contradiction_found_by_the_rules_stands(yes: str) -> None:
    check = EntailmentVerifier(yes, Device.cpu, rules(0.0, reason="the source says 1 day"))
    assert ask(check, "A cold is 2 days shorter.") == Support(False, 0.0, "the source says 1 day")


def test_both_must_find_it(yes: str, no: str) -> None:
    span = (0, 41)
    for score in (1.0, 0.64, 0.25, 0.2):
        support = ask(EntailmentVerifier(yes, Device.cpu, rules(score, span)), "Zinc helps.")
        assert support.score == pytest.approx(math.sqrt(score))
        assert support.supported is (score >= 0.25)
        assert support.spans == (span,)
        support = ask(EntailmentVerifier(no, Device.cpu, rules(score, span)), "Zinc helps.")
        assert (support.supported, support.score) == (False, 0.0)
        assert "entailment model does not find it" in support.reason


def test_a_reason_of_the_rules_is_kept(no: str) -> None:
    unsure = EntailmentVerifier(no, Device.cpu, rules(0.4, reason="it is said of adults only"))
    assert ask(unsure, "Zinc helps.").reason == "it is said of adults only"


def test_a_statement_without_spans_cites_the_whole_source(yes: str) -> None:
    support = ask(EntailmentVerifier(yes, Device.cpu, rules(0.8)), "Zinc helps.")
    assert support.supported
    assert support.spans == ((0, len(SOURCE)),)


def test_the_probability_is_the_models(model: str) -> None:
    check = EntailmentVerifier(model, Device.cpu)
    pairs = [("Zinc helps.", "Zinc harms."), ("Zinc harms.", "Zinc helps."), (SOURCE, "Bad taste.")]
    found = check.entailment(pairs)
    assert found == pytest.approx([judge(model, *pair) for pair in pairs], abs=1e-5)
    assert abs(found[0] - found[1]) > 0.01  # the premise comes first
    assert check.entailment([]) == []


def test_the_premise_is_the_title_the_section_and_the_spans(model: str) -> None:
    whole = f"Zinc. Colds. {SOURCE}"
    first = "Zinc. Colds. Zinc lozenges shorten a cold by 1.5 days."
    for spans, premise in (((), whole), (((0, 41),), first), (((0, 41), (42, 57)), whole)):
        check = EntailmentVerifier(model, Device.cpu, rules(1.0, *spans))
        score = ask(check, "It works.").score
        assert score == pytest.approx(math.sqrt(judge(model, premise, "It works.")), abs=1e-5)
    check = EntailmentVerifier(model, Device.cpu, rules(1.0))
    score = check("It works.", SOURCE, title="", section="", min_score=0.0).score
    assert score == pytest.approx(math.sqrt(judge(model, SOURCE, "It works.")), abs=1e-5)


@pytest.mark.parametrize(
    "labels",
    [
        ["ENTAILMENT", "NEUTRAL", "CONTRADICTION"],
        ["neutral", "Contradiction", "Entailment"],
        ["contradiction", "neutral", "entailment"],
    ],
)
def test_labels_are_found_by_name(model: str, labels: list[str], tmp_path: Path) -> None:
    """The same classes in another order are the same model."""
    other = EntailmentVerifier(save_model(tmp_path / "other", labels), Device.cpu)
    pairs = [(SOURCE, "Zinc helps."), (SOURCE, "A cold lasts a week.")]
    expected = EntailmentVerifier(model, Device.cpu).entailment(pairs)
    assert other.entailment(pairs) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("other", ["not_entailment", "Not-Entailment", "contradiction"])
@pytest.mark.parametrize("first", [True, False])
def test_two_labels(other: str, first: bool, tmp_path: Path) -> None:
    labels = ["entailment", other] if first else [other, "entailment"]
    folder = save_model(tmp_path / "two", labels)
    found = EntailmentVerifier(folder, Device.cpu).entailment([(SOURCE, "Zinc helps.")])
    assert found == pytest.approx([judge(folder, SOURCE, "Zinc helps.")], abs=1e-5)


@pytest.mark.parametrize(
    "labels",
    [
        ["LABEL_0", "LABEL_1", "LABEL_2"],
        ["positive", "negative"],
        ["entailment", "joy"],
        ["contradiction", "neutral"],
        ["entailment"],
        ["entailment", "Entailment", "neutral"],
    ],
)
def test_other_labels_are_refused(labels: list[str], tmp_path: Path) -> None:
    check = EntailmentVerifier(save_model(tmp_path / "other", labels), Device.cpu)
    with pytest.raises(ModelError, match="no entailment model") as caught:
        check.entailment([(SOURCE, "Zinc helps.")])
    assert labels[0] in str(caught.value)


def test_many_are_judged_as_one_by_one(model: str) -> None:
    check = EntailmentVerifier(model, Device.cpu, rules(1.0))
    words = SOURCE.split()
    claims = [
        Claim(" ".join(words[: n % 5 + 1]), " ".join(words[: n % 9 + 1]), "Zinc", f"Part {n}")
        for n in range(40)
    ]
    alone = [
        check(one.statement, one.source, title=one.title, section=one.section, min_score=0.5)
        for one in claims
    ]
    together = check.check(claims, 0.5)
    assert [one.score for one in together] == pytest.approx([one.score for one in alone], abs=1e-5)
    assert len({round(one.score, 4) for one in together}) > 20  # their order could be wrong
    assert check.truncated == 0


def test_a_long_source_is_cut_and_counted(model: str, caplog: pytest.LogCaptureFixture) -> None:
    check = EntailmentVerifier(model, Device.cpu)
    caplog.set_level(logging.WARNING)
    # Single letters are tokens; three more are special, and two positions are kept free.
    statement = "z " * 10
    room = POSITIONS - 2 - 3 - 10
    fits, long = "a " * room, "a " * room + "b " * 50
    assert check.entailment([(fits, statement)]) == pytest.approx([judge(model, fits, statement)])
    assert (check.truncated, caplog.text) == (0, "")
    whole, cut = check.entailment([(fits, statement), (long, statement)])
    assert cut == pytest.approx(whole, abs=1e-5)
    assert check.truncated == 1
    assert "of 2 sources it did not read 1 to the end" in caplog.text


def test_a_statement_is_never_cut(model: str, caplog: pytest.LogCaptureFixture) -> None:
    check = EntailmentVerifier(model, Device.cpu)
    room = (POSITIONS - 2 - 3) // 2
    fits, long = check.entailment([(SOURCE, "z " * room), (SOURCE, "z " * (room + 1))])
    assert fits > 0.0
    assert long == 0.0
    assert "1 statements are too long" in caplog.text


def test_threads_load_it_once_and_get_the_same_answers(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    real = verifier._load

    def load(name: str, device: Device) -> Any:
        loads.append(name)
        return real(name, device)

    monkeypatch.setattr(verifier, "_load", load)
    check = EntailmentVerifier(model, Device.cpu, rules(0.9))
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: ask(check, "Zinc helps.").score, range(16)))
    assert loads == [model]
    assert len(found) == 1
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask, check, "Zinc helps.") for _ in range(16)]
        while not all(one.done() for one in asked):
            check.close()
    assert {one.result().score for one in asked} == found


@pytest.mark.parametrize("other", [None, "adapter.safetensors"])
def test_pickled_weights_are_refused(model: str, other: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(model, folder)
    weights = folder / "model.safetensors"
    network = BertForSequenceClassification.from_pretrained(model)
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    if other:
        weights.rename(folder / other)
    else:
        weights.unlink()
    with pytest.raises(ModelError, match="safetensors"):
        EntailmentVerifier(str(folder), Device.cpu).entailment([(SOURCE, "Zinc helps.")])


def test_remote_code_is_not_run(model: str, tmp_path: Path) -> None:
    folder, trace = tmp_path / "remote", tmp_path / "trace"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "homemade"
    config["auto_map"] = {"AutoConfig": "homemade.Own", "AutoModelForSequenceClassification": "x.X"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "homemade.py").write_text(f"open({str(trace)!r}, 'w')\nclass Own: ...\n")
    with pytest.raises(ModelError, match="could not be loaded"):
        EntailmentVerifier(str(folder), Device.cpu).entailment([(SOURCE, "Zinc helps.")])
    assert not trace.exists()


def test_a_model_without_its_classifier_is_refused(model: str, tmp_path: Path) -> None:
    """Such as an encoder whose config.json was edited: its classifier would be random."""
    folder = tmp_path / "headless"
    shutil.copytree(model, folder)
    BertModel.from_pretrained(model).save_pretrained(tmp_path / "encoder")
    shutil.copy(tmp_path / "encoder/model.safetensors", folder)
    with pytest.raises(ModelError, match=r"lack .* parts of its classifier \(classifier\."):
        EntailmentVerifier(str(folder), Device.cpu).entailment([(SOURCE, "Zinc helps.")])


def test_damaged_weights_and_a_hub_without_a_network(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(model, folder)
    (folder / "model.safetensors").write_bytes(b"\x00" * 64)
    for name in (str(folder), "nobody/no-such-model"):
        with pytest.raises(ModelError, match=r"entailment model of .* could not") as error:
            EntailmentVerifier(name, Device.cpu).entailment([(SOURCE, "Zinc helps.")])
        assert "\n" not in str(error.value)


class Paraphrase:
    """A generator that rewords the first passage."""

    reads_messages = True

    def generate(self, prompt: Prompt) -> Reply:
        return Reply("Allopurinol lowers the uric acid. [1]")

    def stream(self, prompt: Prompt) -> Pieces:
        yield ""
        return self.generate(prompt)

    def close(self) -> None:
        pass


def test_a_pipeline_asks_the_verifier_that_is_set(
    config: PipelineConfig,
    build: Callable[[], BuildReport],
    embedder: TextEmbedder,
    yes: str,
    no: str,
) -> None:
    build()
    answers = []
    for folder in (yes, no):
        config.grounding = GroundingConfig(verifier=folder)
        with RAGPipeline(config, embedder, Paraphrase()) as rag:
            answers.append(rag.query("Which drug lowers uric acid?"))
    kept, removed = answers
    assert [source.document for source in kept.sources] == ["gout.txt"]
    assert removed.abstained
    assert "entailment model does not find it" in removed.sentences[0].reason
