"""The ONNX graph of a network, with scaler and batch normalisation folded in."""

from typing import Any, NamedTuple

import jax
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rps_assets.training.dataset import FloatArray
from rps_assets.training.network_layers import BATCH_NORM_EPSILON, Weights
from rps_core.game.moves import MOVES

OPSET = 15
IR_VERSION = 8


class ServingLayer(NamedTuple):
    """A linear map, and batch normalisation as a gain and an offset; the last layer of a network ignores these two."""

    w: FloatArray
    b: FloatArray
    gain: FloatArray
    offset: FloatArray


def serving_layers(weights: Weights) -> list[ServingLayer]:
    """Return the layers as served: the running batch statistics become a gain and an offset."""
    layers = []
    for layer in jax.device_get(weights):
        values = {name: np.asarray(value, np.float64) for name, value in layer.items()}
        gain = values["gamma"] / np.sqrt(values["var"] + BATCH_NORM_EPSILON)
        layers.append(ServingLayer(values["w"], values["b"], gain, values["beta"] - values["mean"] * gain))
    return layers


def network_graph(layers: list[ServingLayer], mean: FloatArray, scale: FloatArray) -> onnx.ModelProto:
    """Return the graph of a network that scales its features by `mean` and `scale`."""
    graph = _Graph()
    value = graph.add("Sub", "features", graph.constant(mean))
    value = graph.add("Div", value, graph.constant(scale))
    for layer in layers[:-1]:
        # Gain and offset fold into the linear map before them.
        weight, bias = layer.w * layer.gain, layer.b * layer.gain + layer.offset
        value = graph.add("Gemm", value, graph.constant(weight), graph.constant(bias))
        value = graph.add("Relu", value)
    value = graph.add("Gemm", value, graph.constant(layers[-1].w), graph.constant(layers[-1].b))
    graph.add("Softmax", value, output="probabilities", axis=1)
    return graph.model(len(mean))


class _Graph:
    """Collects nodes and constants of a straight-line graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: FloatArray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def model(self, n_features: int) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, n_features])]
        outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(MOVES)])]
        graph = helper.make_graph(self.nodes, "rps", inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
