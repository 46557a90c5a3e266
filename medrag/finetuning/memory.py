"""How much memory a QLoRA run needs, from the sizes of its model, without loading it."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from pathlib import Path

from ..config import Device, FineTuneConfig
from ..hardware import cpu_has_bf16

GB = 1e9  # bytes; memory and file sizes are given in decimal gigabytes


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a Mistral or Llama decoder, from its `config.json`.

    Attributes:
        head_size: width of one attention head.
        tied: the output layer shares the embedding matrix.
    """

    vocab: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    tied: bool = False

    @property
    def linears(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the linear layers of one decoder layer: q k v o gate up down."""
        h, queries = self.hidden, self.heads * self.head_size
        keys = self.kv_heads * self.head_size
        attention = [(h, queries), (h, keys), (h, keys), (queries, h)]
        return [*attention, (h, self.intermediate), (h, self.intermediate), (self.intermediate, h)]

    @property
    def linear_parameters(self) -> int:
        """Parameters stored in 4 bits."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linears)

    @property
    def other_parameters(self) -> int:
        """All other parameters: embeddings, output layer and norms."""
        embeddings = self.vocab * self.hidden * (1 if self.tied else 2)
        return embeddings + self.hidden * (2 * self.layers + 1)

    @property
    def parameters(self) -> int:
        """All of the model."""
        return self.linear_parameters + self.other_parameters

    def adapter_parameters(self, rank: int) -> int:
        """Those of low-rank adapters on all linear layers."""
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in self.linears)


# Jiang et al. 2023, "Mistral 7B", arXiv:2310.06825, table 1; v0.2 has the same shape.
MISTRAL_7B = ModelShape(32000, 4096, 14336, 32, 32, 8, 128)


def read_shape(config_json: Path) -> ModelShape | None:
    """The shape in a model's `config.json`; None if it is unreadable or of another kind."""
    try:
        values = json.loads(config_json.read_text(encoding="utf-8"))
        heads = int(values["num_attention_heads"])
        hidden = int(values["hidden_size"])
        return ModelShape(
            vocab=int(values["vocab_size"]),
            hidden=hidden,
            intermediate=int(values["intermediate_size"]),
            layers=int(values["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(values.get("num_key_value_heads") or heads),
            head_size=int(values.get("head_dim") or hidden // heads),
            tied=bool(values.get("tie_word_embeddings", False)),
        )
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes a run needs on its training device, by purpose."""

    weights: int
    adapters: int
    activations: int
    overhead: int

    @property
    def total(self) -> int:
        """The sum, in bytes."""
        return sum(astuple(self))


def estimate_memory(config: FineTuneConfig, shape: ModelShape, parts: int = 1) -> MemoryEstimate:
    """Memory that training with these settings needs, with every row as long as allowed.

    With P parameters in the linear layers, B rows a batch of L tokens, T = B·L:

    - weights: P/2 bytes for NF4, plus the scales of blocks of 64: a float32 each (P/16 bytes),
      or with double quantisation a byte each and a float32 for every 256 of them
      (P·(1/64 + 4/16384) bytes; Dettmers et al. 2023, arXiv:2305.14314, section 3). Embeddings,
      output layer and norms in the compute type: 2 bytes (bf16), or 4 on a CPU without it.
      Sharded: a part of all but the scales, and what is gathered: two layers and the embeddings.
    - adapters: r·(inputs + outputs) parameters a linear layer (Hu et al. 2021,
      arXiv:2106.09685), each with 4 bytes of weight, 4 of gradient, and two moments of AdamW:
      1 byte each in 8 bits on a GPU, 4 bytes each on a CPU.
    - activations: with gradient checkpointing (Chen et al. 2016, arXiv:1604.06174) the input of
      every layer, T·hidden, and everything one layer keeps for its backward pass; without it, the
      latter for every layer. A layer keeps the inputs and outputs of its linear layers and the
      gate's activation; for the adapters, each input after dropout and a mask of a byte; and four
      float32 copies of the hidden state in the two norms. Its backward pass adds two float32
      tensors of its widest input for a moment.
    - overhead: one dequantised linear layer; the logits of the answer tokens, taken as an eighth
      of all, in the compute type and in three float32 copies; on a GPU also 1 GB for the CUDA
      context and kernels, and a tenth of the rest for fragmentation; on a CPU 2 GB for Python, its
      libraries, and the kernels that oneDNN keeps for each length of a sequence.

    Attention scores are not counted: the fused kernels never store them.
    """
    on_cpu = config.device is Device.cpu
    size = 4 if on_cpu and not cpu_has_bf16() else 2  # bytes of the compute type
    tokens = config.batch_size * config.max_length
    scales = 1 / 64 + 4 / 16384 if config.double_quant else 1 / 16
    packed, others = shape.linear_parameters / 2, shape.other_parameters * size
    weights = shape.linear_parameters * scales + (packed + others) / parts
    if parts > 1:
        weights += 2 * packed / shape.layers + others

    inputs, outputs = map(sum, zip(*shape.linears, strict=True))
    adapters = shape.adapter_parameters(config.lora_r) * (16 if on_cpu else 10)

    kept = (inputs + outputs + shape.intermediate) * size + inputs * (size + 1) + shape.hidden * 16
    one_layer = tokens * kept
    activations = (
        tokens * shape.hidden * size * shape.layers + one_layer
        if config.gradient_checkpointing
        else one_layer * shape.layers
    )
    activations += tokens * max(i for i, _ in shape.linears) * 8
    logits = tokens // 8 * shape.vocab * (size + 12)
    libraries = 2 * GB if on_cpu else GB + 0.1 * (weights + adapters + activations)
    overhead = max(i * o for i, o in shape.linears) * size + logits + libraries
    return MemoryEstimate(int(weights), int(adapters), int(activations), int(overhead))
