"""Manifests, graphs and the model cache: invalid ones are refused with a reason, valid ones are still served."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from hypothesis import strategies as st
from onnx import TensorProto, helper

from rps_api.inference.model import PredictionFailed, feature_row, open_model
from rps_api.inference.served_models import ServedModels
from rps_assets.training.onnx_export import run_onnx
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, decode_bundle, encode_manifest
from rps_core.bundle.codec import decode_manifest, sha256_hex
from rps_core.bundle.graph import ALLOWED_OPERATORS
from rps_core.cache import INDEX_FILE, CacheEntry, ModelCache
from rps_core.errors import BundleCorrupt, BundleError, CacheError
from rps_core.game.families import SLOTS, Slot
from tests.builders.bundles import manifest
from tests.builders.models import TestRegistry, failing_from_round, reading_features
from tests.fuzz.cases import fuzz, may_refuse
from tests.fuzz.mutations import INTEGERS, TEXTS, mutated_bytes, mutated_json
from tests.fuzz.watching import only_inside

VALID = msgspec.to_builtins(manifest())
GRAPHS = (reading_features(), failing_from_round(99))
SLOT = Slot("xgboost", "Production")
BAIT = np.arange(150, dtype=np.float32)


@fuzz(200, data=mutated_json(VALID) | mutated_bytes(encode_manifest(manifest())))
def test_a_mutated_manifest_is_read_or_refused(data: bytes) -> None:
    with may_refuse(BundleCorrupt):
        decode_manifest(data)


@fuzz(60, encoded=mutated_json(VALID) | mutated_bytes(encode_manifest(manifest())), graph=st.sampled_from(GRAPHS))
def test_a_mutated_bundle_matches_its_manifest_or_is_refused(encoded: bytes, graph: bytes) -> None:
    with may_refuse(BundleError):
        assert decode_bundle(encoded, graph).manifest.model_sha256 == sha256_hex(graph)


def served(graph: bytes) -> list[float] | None:
    """Return the prediction of a graph whose hashes are correct; None if the graph is refused."""
    registry = TestRegistry("memory://unused")
    entry = registry.version(SLOT, 1, graph)
    files = registry.runs[entry.run_id]
    with may_refuse(BundleCorrupt, PredictionFailed):
        model = open_model(entry, decode_bundle(files[MANIFEST_FILE], files[MODEL_FILE]))
        return list(model.predict(feature_row([0.0] * 50)))
    return None


@fuzz(250, graph=st.sampled_from(GRAPHS).flatmap(mutated_bytes))
def test_a_graph_predicts_a_distribution_or_is_refused(graph: bytes, tmp_path: Path) -> None:
    with only_inside(tmp_path):
        answered = served(graph)
    if answered is not None:
        assert min(answered) >= 0
        assert abs(sum(answered) - 1) < 1e-9


@st.composite
def odd_graphs(draw: st.DrawFn) -> bytes:
    """A valid graph with one addition that no graph of this product contains."""
    model = onnx.ModelProto.FromString(draw(st.sampled_from(GRAPHS)))
    graph = model.graph
    inner = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "inner", [], [])
    match draw(
        st.sampled_from(("operator", "domain", "graph", "graphs", "function", "outside", "sparse", "attribute"))
    ):
        case "operator":
            graph.node[0].op_type = draw(
                st.sampled_from(
                    ("Loop", "If", "Scan", "Expand", "ConstantOfShape", "Tile", "Range", "PyOp", "EPContext")
                )
                | st.text(max_size=20).filter(lambda name: name not in ALLOWED_OPERATORS)
            )
        case "domain":
            graph.node[-1].domain = draw(st.sampled_from(("com.microsoft", "evil", "ai.onnx.training", "\x00")))
        case "graph":
            graph.node[0].attribute.append(helper.make_attribute("body", inner))
        case "graphs":
            graph.node[0].attribute.append(helper.make_attribute("bodies", [inner]))
        case "function":
            model.functions.append(helper.make_function("evil", "Gemm", ["a"], ["b"], [], []))
        case "outside":
            graph.initializer.append(outside(draw(st.sampled_from(TEXTS)), draw(st.sampled_from(INTEGERS))))
        case "sparse":
            values = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
            at = helper.make_tensor("i", TensorProto.INT64, [1], [0])
            graph.sparse_initializer.append(helper.make_sparse_tensor(values, at, [2**20, 2**20]))
        case _:
            tensor = outside("weights.bin", 0)
            graph.node[0].attribute.append(helper.make_attribute("value", tensor))
    return bytes(model.SerializeToString())


def outside(location: str, offset: int) -> TensorProto:
    tensor = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=[50, 3])
    tensor.data_location = TensorProto.EXTERNAL
    reference = {"location": location, "offset": str(offset), "length": str(BAIT.nbytes)}
    for key, value in reference.items():
        tensor.external_data.add(key=key, value=value.encode("utf-8", "replace").decode())
    return tensor


@fuzz(100, graph=odd_graphs())
def test_a_graph_that_could_do_more_than_predict_is_refused(graph: bytes, tmp_path: Path) -> None:
    with only_inside(tmp_path):
        assert served(graph) is None
        with pytest.raises(BundleCorrupt):
            run_onnx(graph, np.zeros((1, 50), np.float32))


@pytest.mark.parametrize("location", ["weights.bin", "./weights.bin", "folder/../weights.bin", "../bait/weights.bin"])
def test_weights_in_external_files_are_never_read(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime alone would read each of these files, even for a graph that it gets as bytes."""
    (tmp_path / "bait" / "folder").mkdir(parents=True)
    (tmp_path / "bait" / "weights.bin").write_bytes(BAIT.tobytes())
    monkeypatch.chdir(tmp_path / "bait")
    model = onnx.ModelProto.FromString(GRAPHS[0])
    tensor = outside(location, 0)
    tensor.name = model.graph.initializer[0].name
    model.graph.initializer[0].CopyFrom(tensor)
    assert served(bytes(model.SerializeToString())) is None


class Cache:
    """A model cache with twelve valid models; each case gets a fresh copy."""

    def __init__(self, folder: Path) -> None:
        self._good = folder / "good"
        self.folder = folder / "cache"
        self.entries = TestRegistry.in_folder(self._good).fill_all()
        self.index: Any = msgspec.json.decode((self._good / INDEX_FILE).read_bytes())

    def fresh(self) -> ModelCache:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._good, self.folder)
        return ModelCache.open(f"file://{self.folder}")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


def index_of(cache: Cache) -> st.SearchStrategy[bytes]:
    return mutated_json(cache.index) | mutated_bytes(msgspec.json.encode(cache.index))


@fuzz(150, data=st.data())
def test_a_mutated_index_is_served_or_refused_and_reads_nothing_outside_the_cache(
    data: st.DataObject, good: Cache
) -> None:
    cache = good.fresh()
    (good.folder / INDEX_FILE).write_bytes(data.draw(index_of(good)))
    with only_inside(good.folder):
        served_models = ServedModels(cache, lambda: datetime(2026, 11, 2, tzinfo=UTC))
        report = served_models.refresh()
        for slot, model in served_models.snapshot.slots.items():
            assert model.family == slot.family
        assert report.problem is None or not served_models.snapshot.slots
        # The next synchronisation repairs the index and deletes only objects of the cache.
        files = {entry.run_id: _files(good, entry) for entry in good.entries}
        cache.synchronise(good.entries, files.__getitem__, datetime(2026, 11, 3, tzinfo=UTC))
    assert ServedModels(cache, lambda: datetime(2026, 11, 2, tzinfo=UTC)).refresh().complete


def _files(good: Cache, entry: CacheEntry) -> dict[str, bytes]:
    registry = TestRegistry("memory://unused")
    slot_number = SLOTS.index(entry.slot) + 1
    registry.version(entry.slot, slot_number, reading_features(slot_number))
    return registry.runs[entry.run_id]


@fuzz(60, number=st.integers(0, 11), file=st.sampled_from((MANIFEST_FILE, MODEL_FILE)), data=st.data())
def test_a_damaged_object_affects_only_its_slot(number: int, file: str, data: st.DataObject, good: Cache) -> None:
    cache, entry = good.fresh(), good.entries[number]
    path = good.folder / entry.run_id / "model" / file
    before = path.read_bytes()
    path.write_bytes(data.draw(mutated_bytes(before)))
    report = ServedModels(cache, lambda: datetime(2026, 11, 2, tzinfo=UTC)).refresh()
    assert set(report.failed) <= {entry.slot}
    assert path.read_bytes() == before or set(report.failed) == {entry.slot}


@fuzz(60, text=st.binary(max_size=2_000) | st.sampled_from(TEXTS).map(lambda text: text.encode("utf-8", "replace")))
def test_a_mutated_marker_is_read_or_refused(text: bytes, good: Cache) -> None:
    cache = good.fresh()
    marker = next((good.folder / good.entries[0].run_id).glob(".alias_*"))
    marker.write_bytes(text)
    with only_inside(good.folder), may_refuse(CacheError):
        assert len(cache.markers()) == len(good.entries)
