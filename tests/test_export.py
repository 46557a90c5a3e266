"""Exported models are loaded with the plain libraries, and compute what medrag's do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import mistral_common
import numpy as np
import onnxruntime
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from medrag import export
from medrag.config import Config, Device, EmbedderConfig, ExportConfig
from medrag.embedding.local.embedder import TextEmbedder
from medrag.errors import ArtefactError, ConfigError, ModelError
from medrag.finetuning.generator import train_generator
from medrag.finetuning.gguf_export import write_gguf
from medrag.finetuning.tiny import CHAT_TEMPLATE
from medrag.generation.loading import load_causal_lm
from medrag.manifest import Artefact, Parent, read_manifest
from tests.finetuning.small_run import ROWS, TEXTS, save_dataset, settings

SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.16,  # large: tokens are not all as likely
}

pytestmark = pytest.mark.usefixtures("one_thread")


def exporting(folder: Path, **changes: object) -> Config:
    config = Config()
    config.export = ExportConfig(dir=str(folder / "exports"), device=Device.cpu, **changes)
    return config


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small adapter, with a dataset that has validation rows."""
    folder = tmp_path_factory.mktemp("adapter")
    save_dataset(folder, train=ROWS, validation=ROWS[:4])
    lines = "\n".join(map(json.dumps, ROWS[:4]))
    (folder / "dataset/validation.jsonl").write_text(lines, encoding="utf-8")
    dataset = Artefact("dataset", folder / "dataset", {}, {"rows": 1}, {})
    dataset.seal(folder / "dataset", {})
    config = settings(folder)
    made = Artefact(
        "adapter",
        Path(config.dir),
        {},
        {"seed": 1},
        {"dataset": Parent(str(dataset.directory), dataset.fingerprint)},
    )

    def seal(fresh: Path, result: object) -> None:
        (fresh / "README.md").write_text("---\ntags: [lora]\n---\n# The adapter\n")
        made.seal(fresh, {"base_weights": result.base_weights})  # type: ignore[attr-defined]

    train_generator(config, TEXTS, report_to=[], run_name="test", seal=seal)
    return made.directory


def test_an_adapter_becomes_whole_weights(adapter: Path, tmp_path: Path) -> None:
    report = export.run(exporting(tmp_path), adapter)
    folder = report.directory
    assert folder == tmp_path / "exports/adapter"
    losses = report.counts["losses"]
    assert report.counts["into"] == min(("original", "dequantised"), key=losses.__getitem__)
    assert losses[report.counts["into"]] == pytest.approx(losses["4-bit and adapter"], abs=0.05)
    assert report.counts["agreement"] > 0.9
    assert report.counts["rows"] == 4

    plain = AutoModelForCausalLM.from_pretrained(folder)
    assert plain.dtype == torch.bfloat16
    assert AutoTokenizer.from_pretrained(folder).chat_template
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    base = str(adapter.parent / "tiny-base")
    adapted = load_causal_lm(base, device=Device.cpu, four_bit=True, adapter=str(adapter))
    without = load_causal_lm(base, device=Device.cpu, four_bit=True)
    with torch.inference_mode():
        found, wanted, before = (model(ids).logits.float() for model in (plain, adapted, without))
    assert (found - wanted).abs().mean() < 0.5 * (before - wanted).abs().mean()

    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "# The adapter" in card
    assert "tags: [lora]" not in card
    assert f"merged into the {report.counts['into']} weights" in card
    manifest = read_manifest(folder, "export")
    assert manifest.parents["adapter"].fingerprint == read_manifest(adapter, "adapter").fingerprint
    assert export.run(exporting(tmp_path), adapter).up_to_date


def test_the_gguf_file_is_the_same_model(adapter: Path, tmp_path: Path) -> None:
    folder = export.run(exporting(tmp_path), adapter).directory
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.inference_mode():
        torch.testing.assert_close(read(ids).logits, plain(ids).logits, rtol=1e-2, atol=1e-2)
    modelfile = (folder / "Modelfile").read_text(encoding="utf-8")
    assert modelfile.startswith("FROM ./model.gguf\n")
    assert 'PARAMETER stop "' in modelfile


def test_llama_cpp_computes_as_transformers_do(adapter: Path, tmp_path: Path) -> None:
    folder = export.run(exporting(tmp_path), adapter).directory
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert_same_in_llama_cpp(folder, AutoModelForCausalLM.from_pretrained(folder), tokenizer)


def test_llama_cpp_reads_mistrals_own_tokens(tmp_path: Path) -> None:
    """A random Mistral with the real tokenizer, which has no byte-level BPE, but scores."""
    official = Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1"
    shutil.copy(official, tmp_path / "tokenizer.model")
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "legacy": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(special), encoding="utf-8")
    tokenizer = LlamaTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = CHAT_TEMPLATE
    torch.manual_seed(0)
    model = MistralForCausalLM(MistralConfig(vocab_size=len(tokenizer), **SMALL))
    write_gguf(model, tokenizer, tmp_path, "a random Mistral")
    assert_same_in_llama_cpp(tmp_path, model, tokenizer)
    modelfile = (tmp_path / "Modelfile").read_text(encoding="utf-8")
    assert 'TEMPLATE """ [INST]' in modelfile  # as the chat template of transformers begins
    assert "SYSTEM" not in modelfile


def assert_same_in_llama_cpp(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    """It reads the same tokens in a chat, and writes the likeliest ones of transformers."""
    llama_cpp = pytest.importorskip("xllamacpp", reason="there is no build of it here")
    params = llama_cpp.CommonParams()
    params.model.path = str(folder / "model.gguf")
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 512, 1, 1
    server = llama_cpp.Server(params)

    def asked(path: str, **body: object) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.post(server.listening_address + path, json=body).json()
        return answer

    for question in ("What is gout?", "Fièvre ≥ 38 °C\n\n[1] 500 mg,  2-3\ttimes: 日"):
        chat = [{"role": "user", "content": question}]
        ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
        prompt = asked("/apply-template", messages=chat)["prompt"]
        read = asked("/tokenize", content=prompt, add_special=True, parse_special=True)
        assert read["tokens"] == ids
        wanted = {"n_predict": 8, "temperature": 0, "return_tokens": True, "ignore_eos": True}
        written = asked("/completion", prompt=prompt, **wanted)["tokens"]
        assert len(written) == 8
        with torch.no_grad():
            logits = model.float()(torch.tensor([[*ids, *written]])).logits[0, len(ids) - 1 : -1]
        logits[:, tokenizer.eos_token_id] = -torch.inf
        likelihood = logits.log_softmax(-1)
        theirs = likelihood.gather(1, torch.tensor(written)[:, None])[:, 0]
        # In fp16, two that are nearly as likely may change places.
        assert (likelihood.max(-1).values - theirs).max() < 0.05


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"attention_bias": True}, "weights of other kinds"),
        ({"hidden_act": "gelu"}, "the activation gelu"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}, "linear"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_refused(
    part: dict[str, Any], why: str, adapter: Path, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(adapter.parent / "tiny-base")
    with pytest.raises(ModelError, match=why):
        write_gguf(small_llama(vocab_size=len(tokenizer), **part), tokenizer, tmp_path, "a Llama")


@pytest.mark.parametrize(
    "part", [{"head_dim": 32}, {"tie_word_embeddings": True}, {"vocab_size": 2000}]
)
def test_other_shapes_are_written(part: dict[str, Any], adapter: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(adapter.parent / "tiny-base")
    model = small_llama(**{"vocab_size": len(tokenizer), **part})
    write_gguf(model, tokenizer, tmp_path, "a Llama")
    assert_same_in_llama_cpp(tmp_path, model, tokenizer)


def with_nfc(content: dict[str, Any]) -> None:
    content["normalizer"] = {"type": "NFC"}


def with_numbers_whole(content: dict[str, Any]) -> None:
    digits = {"type": "Digits", "individual_digits": False}
    content["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [digits, content["pre_tokenizer"]],
    }


def with_spaces_before(content: dict[str, Any]) -> None:
    content["pre_tokenizer"]["add_prefix_space"] = True


@pytest.mark.parametrize(
    ("change", "why"),
    [(with_nfc, "changes texts"), (with_numbers_whole, "Digits"), (with_spaces_before, "splits")],
)
def test_a_tokenizer_that_differs_in_one_setting_is_refused(
    change: Callable[[dict[str, Any]], None], why: str, adapter: Path, tmp_path: Path
) -> None:
    content = json.loads((adapter.parent / "tiny-base/tokenizer.json").read_text(encoding="utf-8"))
    change(content)
    bpe = Tokenizer.from_str(json.dumps(content))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="</s>", chat_template="a")
    with pytest.raises(ModelError, match=why):
        write_gguf(small_llama(vocab_size=len(tokenizer)), tokenizer, tmp_path, "a Llama")


def test_tokens_that_the_model_does_not_have_are_refused(adapter: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(adapter.parent / "tiny-base")
    with pytest.raises(ModelError, match="and the model 100"):
        write_gguf(small_llama(vocab_size=100), tokenizer, tmp_path, "a Llama")
    tokenizer.chat_template = {"default": "a", "tools": "b"}
    with pytest.raises(ModelError, match="one chat template"):
        write_gguf(small_llama(vocab_size=len(tokenizer)), tokenizer, tmp_path, "a Llama")


def small_llama(**changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**SMALL, **changes}))


def test_a_tokenizer_that_llama_cpp_would_read_otherwise_is_refused(tmp_path: Path) -> None:
    bpe = Tokenizer(BPE(vocab={"a": 0, "</s>": 1}, merges=[]))
    bpe.pre_tokenizer = Sequence([Split(" ", "isolated"), ByteLevel(use_regex=False)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="</s>", chat_template="a")
    with pytest.raises(ModelError, match="splits texts by Split and ByteLevel; use"):
        write_gguf(small_llama(vocab_size=2), tokenizer, tmp_path, "a small Llama")


def test_without_its_dataset_an_adapter_is_merged_unmeasured(adapter: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(adapter.parent.parent, copy)
    shutil.rmtree(copy / "dataset")
    report = export.run(exporting(tmp_path, gguf=False), copy / "models/adapter")
    assert (report.counts["into"], report.counts["losses"]) == ("original", {})
    assert not (report.directory / "model.gguf").exists()
    assert "The loss was not measured" in (report.directory / "README.md").read_text()


def test_another_base_is_refused(adapter: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(adapter.parent.parent, copy)
    base = copy / "models/tiny-base"
    content = (copy / "models/adapter/adapter_config.json").read_text(encoding="utf-8")
    changed = {**json.loads(content), "base_model_name_or_path": str(base)}
    (copy / "models/adapter/adapter_config.json").write_text(json.dumps(changed))
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)
    model.save_pretrained(base)
    manifest = Artefact("adapter", copy / "models/adapter", {}, {"seed": 2}, {})
    kept = read_manifest(adapter, "adapter").counts
    manifest.seal(copy / "models/adapter", kept)
    with pytest.raises(ModelError, match="was trained on other weights"):
        export.run(exporting(tmp_path), copy / "models/adapter")
    assert not (tmp_path / "exports/adapter").exists()


def test_a_retriever_is_loaded_without_medrag(tmp_path: Path) -> None:
    model = tmp_path / "retriever"
    shutil.copytree(TextEmbedder(EmbedderConfig()).folder, model)
    (model / "README.md").write_text("A card.\n\n![loss curve](loss.png)\n", encoding="utf-8")
    Artefact("retriever", model, {}, {"seed": 1}, {}).seal(model, {})
    (model / "checkpoints").mkdir()  # of a training that was interrupted
    (model / "checkpoints/lists.json").write_text("[]", encoding="utf-8")
    folder = export.run(exporting(tmp_path), model).directory
    assert not [*folder.rglob("checkpoints")]
    assert "](" not in (folder / "README.md").read_text(encoding="utf-8")
    texts = ["What prevents gout?", "Allopurinol lowers uric acid and prevents attacks of gout."]
    wanted = TextEmbedder(EmbedderConfig(device=Device.cpu)).embed(texts)
    whole = SentenceTransformer(str(folder / "sentence-transformers"), local_files_only=True)
    np.testing.assert_allclose((whole.encode(texts) * wanted).sum(1), 1.0, atol=0.01)

    session = onnxruntime.InferenceSession(folder / "onnx/model_int8.onnx")
    tokenizer = Tokenizer.from_file(str(folder / "onnx/tokenizer.json"))
    assert len(tokenizer.encode(" ".join(texts * 100)).ids) == whole.max_seq_length
    for text, right in zip(texts, wanted, strict=True):
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        (vector,) = session.run(None, {"ids": ids})
        assert float(vector[0] @ right) > 0.98


def test_another_model_of_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    for place in ("one", "two"):
        model = tmp_path / place / "retriever"
        shutil.copytree(TextEmbedder(EmbedderConfig()).folder, model)
        Artefact("retriever", model, {}, {"seed": place}, {}).seal(model, {})
    export.run(exporting(tmp_path), tmp_path / "one/retriever")
    with pytest.raises(ConfigError, match=r"is the export of .*one/retriever; choose another"):
        export.run(exporting(tmp_path), tmp_path / "two/retriever")
    assert export.run(exporting(tmp_path), tmp_path / "one/retriever").up_to_date


def test_what_cannot_be_exported(adapter: Path, tmp_path: Path) -> None:
    config = exporting(tmp_path)
    with pytest.raises(ArtefactError, match="is no artefact of medrag"):
        export.run(config, tmp_path)
    with pytest.raises(ConfigError, match=r"holds: dataset\. An adapter or a retriever"):
        export.run(config, adapter.parent.parent / "dataset")
    with pytest.raises(ConfigError, match="name one model"):
        export.main(config, [])
    (tmp_path / "exports/adapter").mkdir(parents=True)
    (tmp_path / "exports/adapter/mine.txt").touch()
    with pytest.raises(ConfigError, match="would be replaced"):
        export.run(config, adapter)
