"""A model cache that the application can serve: small graphs, real bundles."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, BundleManifest, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.cache import CacheEntry, ModelCache
from rps_core.families import REGISTERED_NAMES, SLOTS, Family
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.moves import MOVES
from tests.builders.bundles import manifest

TRAINING_GAMES = 612


def greedy_graph() -> bytes:
    """Return a softmax regression that expects whoever it plays to go for points, and for what they played before."""
    weights = np.zeros((len(CURRENT_CONTRACT.columns), 3), dtype=np.float32)
    for index, move in enumerate(MOVES):
        weights[CURRENT_CONTRACT.columns.index(f"{move}_pts"), index] = 1.6
        weights[CURRENT_CONTRACT.columns.index(f"user_tend_{move}"), index] = 1.0
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        ],
        "greedy",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def fill_cache(folder: Path) -> None:
    """Fill all twelve slots, versions 1 to 12."""
    graph = greedy_graph()
    runs: dict[str, Mapping[str, bytes]] = {}
    entries = []
    for number, slot in enumerate(SLOTS, start=1):
        described = encode_manifest(_manifest(f"{number:032x}", slot.family, graph))
        runs[f"{number:032x}"] = {MODEL_FILE: graph, MANIFEST_FILE: described}
        entries.append(
            CacheEntry(
                family=slot.family,
                alias=slot.alias,
                registered_name=REGISTERED_NAMES[slot.family],
                version=str(number),
                run_id=f"{number:032x}",
                manifest_sha256=sha256_hex(described),
                model_sha256=sha256_hex(graph),
            )
        )
    folder.mkdir(parents=True, exist_ok=True)
    ModelCache.open(f"file://{folder}").synchronise(entries, runs.__getitem__, datetime.now(UTC))


def _manifest(run_id: str, family: Family, graph: bytes) -> BundleManifest:
    dataset = msgspec.structs.replace(manifest().dataset, games=TRAINING_GAMES)
    return manifest(run_id=run_id, family=family, model_sha256=sha256_hex(graph), dataset=dataset)
