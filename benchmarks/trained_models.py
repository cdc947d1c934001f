"""Twelve real models for the benchmarks: the configurations each slot begins with, fitted on simulated games.

Fitted once and kept in the temporary folder: graphs of the size that is served, not of the size that is quick to make.
"""

import tempfile
import time
from pathlib import Path

from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.fit import train_model
from rps_assets.training.parameters import default_configuration
from rps_core.families import SLOTS, Slot
from tests.builders.models import TestRegistry
from tests.builders.simulation import dataset_frame

GAMES = 320
MAX_EXAMPLES = 3_000
SEED = 42


def trained_graphs() -> dict[Slot, bytes]:
    """Return the ONNX graph of each slot, trained now or by an earlier run."""
    folder = Path(tempfile.gettempdir()) / "rps-benchmark-models"
    folder.mkdir(exist_ok=True)
    missing = [slot for slot in SLOTS if not _file(folder, slot).exists()]
    if missing:
        frame = dataset_frame(GAMES).tail(MAX_EXAMPLES)
        dataset = TrainingDataset.from_frame(frame, "simulated")
        for slot in missing:
            started = time.perf_counter()
            result = train_model(dataset, default_configuration(*slot), seed=SEED)
            _file(folder, slot).write_bytes(result.onnx_bytes)
            print(f"trained {slot} in {time.perf_counter() - started:.0f} s: {result.metrics['test_accuracy']:.3f}")
    return {slot: _file(folder, slot).read_bytes() for slot in SLOTS}


def fill_cache(folder: Path) -> dict[str, int]:
    """Fill the model cache in `folder` with the twelve models; return their sizes in kilobytes."""
    registry = TestRegistry.in_folder(folder)
    graphs = trained_graphs()
    registry.synchronise([registry.version(slot, number, graphs[slot]) for number, slot in enumerate(SLOTS, start=1)])
    return {str(slot): round(len(graph) / 1_000) for slot, graph in graphs.items()}


def _file(folder: Path, slot: Slot) -> Path:
    return folder / f"{slot.family}-{slot.alias}.onnx"
