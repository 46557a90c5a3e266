"""Names of models, and adapters that fit their base or are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from medrag.config import Device, TinyModelConfig
from medrag.errors import ModelError
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.loading import adapter_base, load_causal_lm, weights_hash

SHAPE = TinyModelConfig(
    vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
)
IDS = torch.arange(4, 36)[None]
Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = ["Metformin is for type 2 diabetes."] * 10
    return build_tiny_model(SHAPE, texts, tmp_path_factory.mktemp("loading") / "base", seed=1)


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    """An adapter whose weights are not zero, so that it changes what the model says."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(3)
    model: Any = load_causal_lm(str(base), device=Device.cpu, four_bit=False)
    adapted = get_peft_model(
        model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    return tmp_path / "adapter"


def change(adapter: Path, how: Callable[[Weights], Weights]) -> None:
    file = adapter / "adapter_model.safetensors"
    save_file(how(load_file(file)), file)


def load(base: Path, adapter: Path | str = "", four_bit: bool = False) -> Any:
    return load_causal_lm(str(base), device=Device.cpu, four_bit=four_bit, adapter=str(adapter))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS).logits.float()


def test_an_adapter_is_merged_into_full_weights(base: Path, adapter: Path) -> None:
    from peft import PeftModel

    merged = load(base, adapter)
    assert not any("lora" in name for name, _ in merged.named_parameters())
    beside = logits(PeftModel.from_pretrained(load(base), adapter))
    # bf16 rounds both; without the adapter the distance is far greater
    near, far = ((logits(m) - beside).norm() for m in (merged, load(base)))
    assert near < 0.1 * far


def test_an_adapter_stays_beside_four_bit_weights(base: Path, adapter: Path) -> None:
    model = load(base, adapter, four_bit=True)
    assert any("lora" in name for name, _ in model.named_parameters())


def with_extra(weights: Weights) -> Weights:
    (name, *_) = [name for name in weights if "layers.1" in name]
    return weights | {name.replace("layers.1", "layers.7"): weights[name].clone()}


def with_other_names(weights: Weights) -> Weights:
    return {name.replace("self_attn", "attention"): weight for name, weight in weights.items()}


def without_a_layer(weights: Weights) -> Weights:
    return {name: weight for name, weight in weights.items() if "layers.1." not in name}


def with_wrong_sizes(weights: Weights) -> Weights:
    return {name: weight[:, :-1].contiguous() for name, weight in weights.items()}


def without_numbers(weights: Weights) -> Weights:
    return {name: weight * torch.nan for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (with_extra, r"1 of its \d+ weights have no place in it .*layers\.7"),
        (with_other_names, r"\d+ of the \d+ weights it should have are missing .*self_attn"),
        (without_a_layer, r"\d+ of the \d+ weights it should have are missing .*layers\.1"),
        (with_wrong_sizes, "does not match the base model"),
        (without_numbers, "weights that are no numbers"),
    ],
)
@pytest.mark.filterwarnings("error:.*adapter:UserWarning")  # an error, and not a warning before it
def test_an_adapter_that_would_not_be_used_whole(
    base: Path, adapter: Path, how: Callable[[Weights], Weights], says: str
) -> None:
    change(adapter, how)
    with pytest.raises(ModelError, match=says) as caught:
        load(base, adapter)
    assert "\n" not in str(caught.value)


def test_an_adapter_of_other_weights(base: Path, adapter: Path, tmp_path: Path) -> None:
    def trained_on(weights: str) -> None:
        manifest = {"counts": {"base_weights": weights}}
        (adapter / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    trained_on(weights_hash(str(base)))
    assert weights_hash(str(base))
    load(base, adapter)
    # the same shape, other weights: nothing but the hash tells
    other = build_tiny_model(SHAPE, ["Gout is painful."] * 10, tmp_path / "other", seed=2)
    with pytest.raises(ModelError, match=r"was trained on other weights than those of .*other"):
        load(other, adapter)


def test_an_adapter_names_its_base_as_the_training_did(adapter: Path) -> None:
    path = adapter / "adapter_config.json"
    content = json.loads(path.read_text()) | {"base_model_name_or_path": "smollm2"}
    path.write_text(json.dumps(content))
    assert adapter_base(str(adapter)) == "smollm2"
