"""Write a BERT encoder as an ONNX graph that multiplies in int8.

Weights are rounded once, with a scale for each output. Their inputs are rounded while the graph
runs, with a scale for each token, so the vector of a text depends on that text alone. Everything
else, including attention, is computed in fp32.

The method is vector-wise quantisation from Dettmers et al. 2022 (LLM.int8()), without its treatment
of outliers. Weights take 7 bits: CPUs without VNNI sum two products in 16 bits, which hold at most
2 · 255 · 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

_WEIGHT_LEVELS = 64  # see above
_LEVELS = 127
_OPSETS = {"": 21, "com.microsoft": 1}
_IR_VERSION = 10  # of opset 21

Weights = Mapping[str, NDArray[np.float32]]


def unsupported(config: Mapping[str, Any]) -> str:
    """Why a model with this configuration is not supported; "" if it is."""
    needed = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "is_decoder": False,
    }
    given = {**needed, "model_type": None, **config}  # transformers' defaults
    wrong = [name for name, value in needed.items() if given[name] != value]
    return f"{wrong[0]} is {config.get(wrong[0])}" if wrong else ""


def quantised(config: Mapping[str, Any], weights: Weights, pooling: str) -> onnx.ModelProto:
    """The graph: `ids` int64 [1, n] of one text → `vector` float32 [1, hidden], of length 1.

    Args:
        config: the model's config.json; it must be supported (see `unsupported`).
        weights: by name, as in transformers' `BertModel`.
        pooling: "mean" or "cls".

    Raises:
        KeyError: a weight is missing.
    """
    from onnx import TensorProto, helper

    graph = _Graph(weights, config["layer_norm_eps"])
    states = graph.embeddings("ids")
    for layer in range(config["num_hidden_layers"]):
        states = graph.layer(f"encoder.layer.{layer}", states, config["num_attention_heads"])
    graph.pooled(states, pooling, "vector")
    shape = [1, config["hidden_size"]]
    made = helper.make_graph(
        graph.nodes,
        "encoder",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, shape)],
        list(graph.constants.values()),
    )
    opsets = [helper.make_opsetid(domain, number) for domain, number in _OPSETS.items()]
    return helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)


class _Graph:
    """The nodes and constants so far. Every method returns the name of a value."""

    def __init__(self, weights: Weights, epsilon: float) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._weights = weights
        self._epsilon = epsilon
        self._one = self._constant("one", np.ones(1, np.float32))
        self._last = self._constant("last", np.array([-1], np.int64))
        self._step = self._constant("step", np.float32(1 / _LEVELS))
        self._least = self._constant("least", np.float32(1e-12))  # avoids division by 0
        self._middle = self._constant("middle", np.array([128], np.uint8))
        self._middles = ""  # one for each token

    def embeddings(self, ids: str) -> str:
        """Token, position and type of each token, summed: [1, n, hidden]."""
        table = self._weights["embeddings.word_embeddings.weight"]
        scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12) / _LEVELS
        rounded = self._constant("words", np.round(table / scale).astype(np.int8))
        # All tokens are of the first type, because a text is never a pair here.
        places = self._weights["embeddings.position_embeddings.weight"]
        places = places + self._weights["embeddings.token_type_embeddings.weight"][0]
        start = self._constant("start", np.array([0], np.int64))
        middles = self._node("Expand", self._middle, self._node("Shape", ids))
        self._middles = self._node("Unsqueeze", middles, self._last)
        length = self._node("Shape", ids, start=1)
        words = self._node(
            "Mul",
            self._node("Cast", self._node("Gather", rounded, ids), to=1),  # float32
            self._node("Gather", self._constant("words.scale", scale.astype(np.float32)), ids),
        )
        place = self._node("Slice", self._constant("places", places), start, length, start)
        return self._normalised(self._node("Add", words, place), "embeddings.LayerNorm")

    def layer(self, name: str, states: str, heads: int) -> str:
        """Attention and feed-forward: [1, n, hidden] → [1, n, hidden]."""
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        rounded = self._rounded(states, parts[0])
        biases = np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        attended = self._node(
            "MultiHeadAttention",
            *(self._times(rounded, part) for part in parts),
            self._constant(f"{name}.attention.biases", biases),
            domain="com.microsoft",
            num_heads=heads,
        )
        states = self._joined(attended, states, f"{name}.attention.output")
        inner = f"{name}.intermediate.dense"
        wide = self._node(
            "BiasGelu",
            self._times(self._rounded(states, inner), inner),
            self._weight(f"{inner}.bias"),
            domain="com.microsoft",
        )
        return self._joined(wide, states, f"{name}.output")

    def pooled(self, states: str, pooling: str, output: str) -> None:
        """One vector of length 1, the value called `output`."""
        if pooling == "cls":
            first = self._constant("first", np.array(0, np.int64))
            vector = self._node("Gather", states, first, axis=1)
        else:
            vector = self._node(
                "ReduceMean", states, self._constant("tokens", np.array([1], np.int64)), keepdims=0
            )
        length = self._node("ReduceL2", vector, self._last, keepdims=1)
        self._node("Div", vector, self._node("Max", length, self._least), output=output)

    def _joined(self, values: str, states: str, name: str) -> str:
        """A linear layer, a residual connection, and normalisation."""
        # Not ONNX Runtime's SkipLayerNormalization: three times as slow (docs/lab-log.md).
        dense = f"{name}.dense"
        product = self._times(self._rounded(values, dense), dense)
        product = self._node("Add", product, self._weight(f"{dense}.bias"))
        return self._normalised(self._node("Add", product, states), f"{name}.LayerNorm")

    def _normalised(self, values: str, name: str) -> str:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._node("LayerNormalization", values, scale, shift, epsilon=self._epsilon)

    def _rounded(self, values: str, name: str) -> tuple[str, str]:
        """The input of a linear layer as uint8 around 128, and each token's scale [1, n, 1]."""
        most = self._node("ReduceMax", self._node("Abs", values), self._last)
        scale = self._node("Max", self._node("Mul", most, self._step), self._least)
        width = self._weights[f"{name}.weight"].shape[1]
        rounded = self._node(
            "QuantizeLinear", values, scale, self._middles, axis=2, block_size=width
        )
        return rounded, scale

    def _times(self, rounded: tuple[str, str], name: str) -> str:
        """The product with the weights of a linear layer, without its bias: [1, n, outputs]."""
        values, scale = rounded
        weight = self._weights[f"{name}.weight"]  # [outputs, k]
        steps = np.maximum(np.abs(weight).max(axis=1), 1e-12) / _WEIGHT_LEVELS
        levels = np.round(weight / steps[:, None]).astype(np.int8)
        product = self._node(
            "MatMulIntegerToFloat",
            values,
            self._constant(f"{name}.levels", np.ascontiguousarray(levels.T)),
            self._one,
            self._constant(f"{name}.steps", steps.astype(np.float32)),
            self._middle,
            domain="com.microsoft",
        )
        return self._node("Mul", product, scale)

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        from onnx import numpy_helper

        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _node(self, kind: str, *inputs: str, domain: str = "", output: str = "", **how: Any) -> str:
        from onnx import helper

        output = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **how))
        return output
