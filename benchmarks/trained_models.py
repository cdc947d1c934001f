"""Twelve real models for the benchmarks: the first configuration of each slot, fitted on simulated games.

They are fitted once and kept in the temporary folder, and have the size of models that are served. The baseline serves
the same networks, and trees with the same configuration and number of iterations.
"""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.baseline.models import model_path, save_network
from benchmarks.stores import digest_of
from rps_core.game.families import SLOTS, Slot
from tests.builders.models import TestRegistry

GAMES = 320
MAX_EXAMPLES = 3_000
SEED = 42


def simulated_dataset(games: int = GAMES, examples: int = MAX_EXAMPLES) -> Any:
    """Return a training dataset of simulated games with at most `examples` examples."""
    from rps_assets.training.dataset import TrainingDataset
    from tests.builders.simulation import dataset_frame

    return TrainingDataset.from_frame(dataset_frame(games).tail(examples), "simulated")


def trained_graphs() -> dict[Slot, bytes]:
    """Return the ONNX graph of each slot, training it if no earlier run did."""
    from rps_assets.training.fit import train_model
    from rps_assets.training.parameters import default_configuration

    folder = _folder()
    missing = [slot for slot in SLOTS if not _file(folder, slot).exists()]
    if missing:
        dataset = simulated_dataset()
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


def baseline_models() -> Path:
    """Return the folder with the twelve models of the baseline, building it if no earlier run did."""
    folder = _folder() / "baseline"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for slot, graph in trained_graphs().items():
            if slot.family == "xgboost":
                _fit_trees(slot, unfinished)
            else:
                save_network(graph, model_path(unfinished, slot))
        unfinished.rename(folder)
    return folder


def _fit_trees(slot: Slot, folder: Path) -> None:
    import numpy as np
    from xgboost import XGBClassifier

    from rps_assets.training.parameters import default_configuration
    from rps_assets.training.splits import production_split

    dataset = simulated_dataset()
    split = production_split(dataset.games)
    train, validation = (
        (dataset.features[part].astype(np.float32), dataset.labels[part]) for part in (split.train, split.validation)
    )
    parameters: Any = default_configuration(*slot).parameters
    settings = {name: getattr(parameters, name) for name in parameters.__struct_fields__}
    model = XGBClassifier(**settings, random_state=SEED, n_jobs=1, eval_metric="mlogloss")
    model.fit(*train, eval_set=[validation], verbose=False)
    model.save_model(model_path(folder, slot))


def _folder() -> Path:
    import rps_assets.training

    # The name contains a digest of the training code, so changed code trains new models.
    code = Path(rps_assets.training.__path__[0])
    sources = [Path(__file__), *sorted([*code.glob("*.py"), *code.glob("*.json")])]
    digest = digest_of(b"".join(source.read_bytes() for source in sources))
    folder = Path(tempfile.gettempdir()) / f"rps-benchmark-models-{digest}"
    folder.mkdir(exist_ok=True)
    return folder


def _file(folder: Path, slot: Slot) -> Path:
    return folder / f"{slot.family}-{slot.alias}.onnx"
