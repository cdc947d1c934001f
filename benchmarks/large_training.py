"""Measure the training of one model of each family on large datasets, read from Parquet as in the product.

    python -m benchmarks.large_training --examples 300000 3000000

The examples are those of simulated people, but count as games of people, so that the figures of a model cover them. A
dataset is written once and kept in the temporary folder. Each model trains in a process of its own, with one thread,
through `train_model`: five fits, export, parity check and plots, but no MLflow.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import peak_megabytes
from benchmarks.report import Cell, Goal, Table, publish
from benchmarks.stores import digest_of
from benchmarks.training import THREADS
from rps_cli.up.programs import ALLOCATORS
from rps_core.game.families import FAMILIES, Family

LIMIT_MEGABYTES = 2_000.0
GAMES_A_PORTION = 8_000
EXAMPLES_PER_GAME = 12.6


def main() -> None:
    """Write the datasets, then train each family on each of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, nargs="+", default=[300_000], help="sizes of the datasets")
    parser.add_argument("--families", choices=FAMILIES, nargs="+", default=FAMILIES, help="families to train")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print(json.dumps(train(options.train, options.families[0])))
        return
    goals: list[Goal] = []
    rows: list[list[Cell]] = []
    for examples in options.examples:
        folder = dataset_of(examples)
        for family in options.families:
            found = _in_process(folder, family)
            title = f"one model, {family}, {examples:,} examples"
            goals.append(Goal(f"{title}, peak memory", found["peak_megabytes"], "MB", LIMIT_MEGABYTES))
            names = ("examples", "read_seconds", "seconds", "cpu_seconds", "peak_megabytes", "steps", "log_loss")
            rows.append([family, *(found[name] for name in names)])
            print(f"{title}: {found['seconds']:.0f} s, {found['peak_megabytes']:.0f} MB", flush=True)
    columns = ("family", "examples", "read s", "train s", "of the processor s", "peak MB", "steps kept", "log loss")
    publish("large_training", goals, [Table("One model, one thread", columns, rows)])


def dataset_of(examples: int) -> Path:
    """Return a folder with a dataset of about `examples` examples; do not write to it."""
    from rps_assets.datasets.simulated_people import version_of
    from rps_core.features.contract import CURRENT_CONTRACT
    from rps_core.simulation.people.population import shipped_population

    digest = digest_of((CURRENT_CONTRACT.digest + version_of(shipped_population(), examples)).encode())
    folder = Path(tempfile.gettempdir()) / f"rps-benchmark-dataset-{examples}-{digest}"
    if not folder.exists():
        print(f"writing {folder} …", flush=True)
        unfinished = folder.with_suffix(".part")
        write_dataset(unfinished, examples)
        unfinished.rename(folder)
    return folder


def write_dataset(folder: Path, examples: int) -> None:
    """Play games of simulated people and write them, portion by portion, as a dataset of people's games."""
    import polars as pl

    from rps_assets.datasets.dataset_folder import PLAYED, describe
    from rps_assets.datasets.feature_tables import current_table
    from rps_assets.datasets.simulated_people import prior_of, simulate_people
    from rps_core.features.contract import CURRENT_CONTRACT
    from rps_core.simulation.people.population import shipped_population

    datasets, table = _opened(folder), current_table()
    features, population = datasets.features(CURRENT_CONTRACT), shipped_population()
    written: list[pl.DataFrame] = []
    left, seed = examples, 1
    while left > 0:
        wanted = min(GAMES_A_PORTION, round(left / EXAMPLES_PER_GAME) + 1)
        games, played = prior_of(simulate_people(population, wanted, seed), table)
        part = features.write_file(games, played).games
        who = games.select("game_id", player=pl.col("player") + f"-{seed}")
        written.append(part.join(who, on="game_id", maintain_order="left"))
        left, seed = left - len(played), seed + 1
    whole = pl.concat(written).with_columns(player_kind=pl.lit("human"), weight=pl.lit(PLAYED))
    datasets.write(whole, describe(whole, CURRENT_CONTRACT, features))


def train(folder: Path, family: Family) -> dict[str, Any]:
    """Train the first configuration of a family on the dataset of a folder, in this process."""
    from rps_assets.training.dataset import TrainingDataset
    from rps_assets.training.fit import train_model
    from rps_assets.training.parameters import default_configuration
    from rps_core.features.contract import CURRENT_CONTRACT

    started = time.perf_counter()
    datasets = _opened(folder)
    info = datasets.require_latest()
    batches = datasets.batches(info.fingerprint, CURRENT_CONTRACT)
    dataset = TrainingDataset.from_batches(batches, info.examples, info.fingerprint)
    read, cpu = time.perf_counter(), time.process_time()
    configuration = default_configuration(family, "Production")
    result = train_model(dataset, configuration, seed=42, log=lambda text: print(text, file=sys.stderr, flush=True))
    return {
        "examples": len(dataset),
        "read_seconds": read - started,
        "seconds": time.perf_counter() - read,
        "cpu_seconds": time.process_time() - cpu,
        "peak_megabytes": peak_megabytes(),
        "steps": result.best_iteration,
        "log_loss": result.metrics["test_log_loss"],
    }


def _opened(folder: Path) -> Any:
    from rps_assets.datasets.dataset_folder import DatasetFolder
    from rps_core.object_folder import ObjectFolder

    return DatasetFolder(ObjectFolder.open(f"file://{folder}"))


def _in_process(folder: Path, family: Family) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.large_training", "--train", str(folder), "--families", family]
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-compiled-") as compiled:
        # As `rps up` starts its processes.
        product = {**ALLOCATORS, "JAX_COMPILATION_CACHE_DIR": compiled}
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), **product}
        done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
