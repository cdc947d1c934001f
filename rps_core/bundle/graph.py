"""What an ONNX graph may hold before a runtime opens it.

onnxruntime follows a tensor that names a file, also in a graph that it gets from memory: relative to the working
directory, and with ``../`` out of it. It also runs loops that never end. Whoever can write to the bucket or to the
registry could read files or stop a server that way, so a graph must be straight, of operators that our families use,
with its weights in it.

Read by protobuf with the few fields that are judged; each is declared repeated, so that one given twice shows both.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from rps_core.errors import BundleCorrupt

# Each answers with about as many numbers as it reads; none opens a file, loops, or calls another graph.
ALLOWED_OPERATORS: Final = frozenset(
    {"Add", "Cast", "Div", "Gemm", "Identity", "MatMul", "Mul", "Relu", "Sigmoid", "Softmax", "Sqrt", "Sub", "Tanh"}
    | {"TreeEnsembleClassifier", "TreeEnsembleRegressor"}
)
ALLOWED_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# The largest of ours has eleven.
MAX_NODES: Final = 200

_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_INT32 = descriptor_pb2.FieldDescriptorProto.TYPE_INT32
# Numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; what is missing here is skipped.
_MESSAGES: dict[str, dict[str, tuple[int, int | str]]] = {
    "Model": {"graph": (7, "Graph"), "training_info": (20, _BYTES), "functions": (25, _BYTES)},
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "sparse_initializer": (15, _BYTES)},
    "Node": {"op_type": (4, _BYTES), "attribute": (5, "Attribute"), "domain": (7, _BYTES)},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, _BYTES),
        "tensors": (10, "Tensor"),
        "graphs": (11, _BYTES),
        "sparse_tensor": (22, _BYTES),
        "sparse_tensors": (23, _BYTES),
    },
    "Tensor": {"external_data": (13, _BYTES), "data_location": (14, _INT32)},
}


def require_plain_graph(onnx_bytes: bytes) -> None:
    """Refuse a graph that could do more than compute a distribution from its weights.

    Raises:
        BundleCorrupt: it cannot be read, keeps data outside, has other operators, functions or graphs inside of it.
    """
    model = _model_type()()
    try:
        model.ParseFromString(onnx_bytes)
    except DecodeError as error:
        raise BundleCorrupt(f"the model is no ONNX graph: {error}") from error
    if model.functions or model.training_info:
        raise BundleCorrupt("the model holds functions or training graphs; only a plain graph is served")
    nodes = [node for graph in model.graph for node in graph.node]
    if not 0 < len(nodes) <= MAX_NODES:
        raise BundleCorrupt(f"the model has {len(nodes)} nodes; a graph of 1 to {MAX_NODES} is served")
    for node in nodes:
        _require_plain_node(node)
    if any(graph.sparse_initializer for graph in model.graph):
        raise BundleCorrupt("the model holds sparse weights, which may unpack to any size")
    _require_inside(tensor for graph in model.graph for tensor in graph.initializer)


def _require_plain_node(node: Any) -> None:
    for known, names in ((ALLOWED_OPERATORS, node.op_type), (ALLOWED_DOMAINS, node.domain)):
        for name in names:
            if name.decode(errors="replace") not in known:
                raise BundleCorrupt(f"the model uses {name[:40]!r}; served are {', '.join(sorted(ALLOWED_OPERATORS))}")
    for attribute in node.attribute:
        if attribute.g or attribute.graphs or attribute.sparse_tensor or attribute.sparse_tensors:
            raise BundleCorrupt("a node of the model holds another graph or sparse values")
        _require_inside((*attribute.t, *attribute.tensors))


def _require_inside(tensors: Iterable[Any]) -> None:
    if any(tensor.external_data or any(tensor.data_location) for tensor in tensors):
        raise BundleCorrupt("the model keeps weights in another file, which is never read; store them inside")


@cache
def _model_type() -> Any:
    """Return the message class of a model, made once in a pool of its own."""
    file = descriptor_pb2.FileDescriptorProto(name="rps_graph.proto", package="rps", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            added = message.field.add(
                name=field, number=number, label=descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
            )
            if isinstance(kind, str):
                added.type, added.type_name = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, f".rps.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("rps.Model"))
