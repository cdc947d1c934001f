"""Fills a model cache with small graphs in real bundles."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.cache import CacheEntry, ModelCache
from rps_core.features.contract import CONTRACT_V2
from rps_core.game.families import REGISTERED_NAMES, SLOTS, Family, Slot
from rps_core.game.moves import MOVES
from tests.builders.bundles import manifest

TRAINING_GAMES = 612


def greedy_graph(prices: float = 1.6, habits: float = 1.0) -> bytes:
    """Return a regression on contract 2 that expects players to choose high prices and to repeat their moves."""
    weights = np.zeros((len(CONTRACT_V2.columns), 3), dtype=np.float32)
    for index, move in enumerate(MOVES):
        weights[CONTRACT_V2.columns.index(f"{move}_pts"), index] = prices
        weights[CONTRACT_V2.columns.index(f"user_tend_{move}"), index] = habits
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
    """Fill all twelve slots with versions 1 to 12."""
    graph = greedy_graph()
    models = {slot: RegisteredModel.of(slot.family, number, graph) for number, slot in enumerate(SLOTS, start=1)}
    synchronise(folder, models)


class RegisteredModel(NamedTuple):
    """A model version with its files, as in the registry."""

    family: Family
    version: int
    files: Mapping[str, bytes]

    @classmethod
    def of(
        cls,
        family: Family,
        version: int,
        graph: bytes,
        trained_at: datetime | None = None,
        configuration: str = "xgb_c01",
    ) -> "RegisteredModel":
        """Return a version with a bundle around `graph`."""
        run_id = f"{version:032x}"
        dataset = msgspec.structs.replace(manifest().dataset, games=TRAINING_GAMES, examples=TRAINING_GAMES * 9)
        described = manifest(
            run_id=run_id,
            family=family,
            registered_name=REGISTERED_NAMES[family],
            model_sha256=sha256_hex(graph),
            contract_version=CONTRACT_V2.version,
            contract_digest=CONTRACT_V2.digest,
            dataset=dataset if trained_at is None else msgspec.structs.replace(dataset, last_game_at=trained_at),
            created_at=trained_at or manifest().created_at,
            configuration_id=configuration,
        )
        return cls(family, version, {MODEL_FILE: graph, MANIFEST_FILE: encode_manifest(described)})

    def entry(self, slot: Slot) -> CacheEntry:
        """Return the cache entry for this version in `slot`."""
        return CacheEntry(
            family=slot.family,
            alias=slot.alias,
            registered_name=REGISTERED_NAMES[slot.family],
            version=str(self.version),
            run_id=f"{self.version:032x}",
            manifest_sha256=sha256_hex(self.files[MANIFEST_FILE]),
            model_sha256=sha256_hex(self.files[MODEL_FILE]),
        )


def synchronise(folder: Path, models: Mapping[Slot, RegisteredModel], now: datetime | None = None) -> None:
    """Replace the content of the cache in `folder` with `models`."""
    files = {f"{model.version:032x}": model.files for model in models.values()}
    entries = [model.entry(slot) for slot, model in models.items()]
    folder.mkdir(parents=True, exist_ok=True)
    ModelCache.open(f"file://{folder}").synchronise(entries, files.__getitem__, now or datetime.now(UTC))
