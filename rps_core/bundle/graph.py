"""Safety check of an ONNX graph before a runtime opens it.

A tensor can name a file, and onnxruntime reads that file even if the graph comes from memory; ``../`` leaves the
working directory. A graph can also loop forever. With write access to the bucket or to the registry, anyone could read
files or stop a server that way. So a graph must contain its weights, no other graph, and only the operators that our
families use.

protobuf reads only the fields that are checked. Each is declared as repeated, so a field that occurs twice shows both
values.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from rps_core.errors import BundleCorrupt

# The output of each is about as large as its input. None opens a file, loops, or calls another graph.
ALLOWED_OPERATORS: Final = frozenset(
    {"Add", "Cast", "Div", "Gemm", "Identity", "MatMul", "Mul", "Relu", "Sigmoid", "Softmax", "Sqrt", "Sub", "Tanh"}
    | {"TreeEnsembleClassifier", "TreeEnsembleRegressor"}
)
ALLOWED_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# The largest graph of our families has eleven nodes.
MAX_NODES: Final = 200

_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_INT32 = descriptor_pb2.FieldDescriptorProto.TYPE_INT32
# Field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; protobuf skips all other fields.
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
        BundleCorrupt: the graph is unreadable, too large, refers to a file, or holds a function, another graph, sparse
            weights or an operator that is not allowed.
    """
    model = _model_type()()
    try:
        model.ParseFromString(onnx_bytes)
    except DecodeError as error:
        raise BundleCorrupt(f"the model is not an ONNX graph: {error}") from error
    if model.functions or model.training_info:
        raise BundleCorrupt("the model holds functions or training graphs; export a plain graph")
    nodes = [node for graph in model.graph for node in graph.node]
    if not 0 < len(nodes) <= MAX_NODES:
        raise BundleCorrupt(f"the model has {len(nodes)} nodes; export a graph of 1 to {MAX_NODES}")
    for node in nodes:
        _require_plain_node(node)
    if any(graph.sparse_initializer for graph in model.graph):
        raise BundleCorrupt("the model holds sparse weights, which may unpack to any size; export dense weights")
    _require_embedded(tensor for graph in model.graph for tensor in graph.initializer)


def _require_plain_node(node: Any) -> None:
    for allowed, names in ((ALLOWED_OPERATORS, node.op_type), (ALLOWED_DOMAINS, node.domain)):
        for name in names:
            if name.decode(errors="replace") not in allowed:
                raise BundleCorrupt(f"the model uses {name[:40]!r}; allowed are {', '.join(sorted(ALLOWED_OPERATORS))}")
    for attribute in node.attribute:
        if attribute.g or attribute.graphs or attribute.sparse_tensor or attribute.sparse_tensors:
            raise BundleCorrupt("a node of the model holds another graph or sparse values; export a plain graph")
        _require_embedded((*attribute.t, *attribute.tensors))


def _require_embedded(tensors: Iterable[Any]) -> None:
    if any(tensor.external_data or any(tensor.data_location) for tensor in tensors):
        raise BundleCorrupt("the model keeps weights in another file; store them in the graph")


@cache
def _model_type() -> Any:
    """Return the message class of a model, created once in a separate descriptor pool."""
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
