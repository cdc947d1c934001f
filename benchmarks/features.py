"""Measure features: one row, as in serving, and whole tables, as in training, with their memory.

    python -m benchmarks.features --rounds 10000 100000 1000000 10000000

Each size runs in a separate process, so that its memory can be measured. The baseline computes a pandas frame for each
round, in training as in serving: the usual way to keep the two equal.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

from benchmarks.report import Goal, Table, publish, spread

LIMIT_ROUNDS_A_SECOND = 1_000_000
# Share of the rate at 100,000 rounds that the largest table must keep to count as linear.
LINEAR = 0.7
ROUNDS_PER_GAME = 12
BASELINE_ROUNDS = 500


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes of tables")
    parser.add_argument("--repetitions", type=int, default=5, help="repetitions for each table")
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure_frame(options.only, options.repetitions)))
        return
    frames = [_in_process(rounds, options.repetitions) for rounds in options.rounds]
    row, baseline_row = row_times_us()
    publish("features", goals(frames, row, baseline_row), tables(frames, row, baseline_row))


def random_rounds(rounds: int) -> Any:
    """Return about `rounds` rounds of random games, with the columns that `feature_frame` reads."""
    import numpy as np
    import polars as pl

    generator = np.random.default_rng(1)
    games = max(1, rounds // ROUNDS_PER_GAME)
    count = games * ROUNDS_PER_GAME
    moves = np.array(["rock", "paper", "scissors"])
    numbers = ("rock_pts", "paper_pts", "scissors_pts", "user_score", "bot_score")
    return pl.DataFrame(
        {
            "game_id": pl.Series(np.repeat(np.arange(games), ROUNDS_PER_GAME)).cast(pl.String).str.zfill(36),
            "round_no": np.tile(np.arange(1, ROUNDS_PER_GAME + 1), games),
            "user_move": moves[generator.integers(0, 3, count)],
            "bot_move": moves[generator.integers(0, 3, count)],
            **{name: np.round(generator.uniform(1, 2, count), 1) for name in numbers},
            "easy_mode": np.zeros(count, dtype=np.int64),
        }
    )


def measure_frame(rounds: int, repetitions: int) -> dict[str, Any]:
    """Return the time and memory of computing the features of a table in this process."""
    from rps_assets.datasets.feature_frame import feature_frame

    table = random_rounds(rounds)
    seconds, cpu = [], []
    for _ in range(repetitions):
        started, started_cpu = time.perf_counter(), time.process_time()
        features = feature_frame(table)
        seconds.append(time.perf_counter() - started)
        cpu.append(time.process_time() - started_cpu)
        megabytes = features.estimated_size() / 1_000_000
        del features
    return {
        "rounds": len(table),
        "seconds": spread(seconds)["median"],
        "least_seconds": min(seconds),
        "cpu_seconds": spread(cpu)["median"],
        "peak_megabytes": _peak_megabytes(),
        "result_megabytes": megabytes,
    }


def row_times_us(repetitions: int = 5_000) -> tuple[dict[str, float], dict[str, float]]:
    """Return the times of one row, ours and the baseline's."""
    from benchmarks.baseline.features import feature_frame as baseline_features
    from benchmarks.decision import game_under_way, rows_of
    from rps_core.features.history import features_from_history
    from rps_core.game.scoring import round_points

    game = game_under_way("xgboost")
    points, rows = round_points(game.id, game.next_round_no), rows_of(game)

    def times(compute: Any, count: int) -> dict[str, float]:
        found = []
        for _ in range(count):
            started = time.perf_counter_ns()
            compute()
            found.append((time.perf_counter_ns() - started) / 1_000)
        return spread(found)

    return (
        times(lambda: features_from_history(game.rounds, points, game.next_round_no), repetitions),
        times(lambda: baseline_features(rows, points, game.next_round_no), BASELINE_ROUNDS),
    )


def goals(frames: list[dict[str, Any]], row: dict[str, float], baseline_row: dict[str, float]) -> list[Goal]:
    """Return the results with their goals."""
    largest = frames[-1]
    rate = largest["rounds"] / largest["seconds"]
    # Smaller tables are too fast to be timed.
    first = next((frame for frame in frames if frame["rounds"] >= 90_000), frames[0])
    kept = rate / (first["rounds"] / first["seconds"])
    baseline_rate = 1_000_000 / baseline_row["median"]
    return [
        Goal(
            f"feature frame, {largest['rounds']:,} rounds",
            rate,
            "rounds/s",
            LIMIT_ROUNDS_A_SECOND,
            at_least=True,
            baseline=baseline_rate,
        ),
        Goal(
            f"rate kept from {first['rounds']:,} to {largest['rounds']:,} rounds",
            100 * kept,
            "%",
            100 * LINEAR,
            at_least=True,
        ),
        Goal("features of one row, median", row["median"], "µs", baseline=baseline_row["median"]),
    ]


def tables(frames: list[dict[str, Any]], row: dict[str, float], baseline_row: dict[str, float]) -> list[Table]:
    """Return both tables."""
    return [
        Table(
            "Features of a table",
            ("rounds", "seconds", "rounds/s", "best rounds/s", "processor s", "peak MB", "of these the result"),
            [
                [
                    frame["rounds"],
                    frame["seconds"],
                    frame["rounds"] / frame["seconds"],
                    frame["rounds"] / frame["least_seconds"],
                    frame["cpu_seconds"],
                    frame["peak_megabytes"],
                    frame["result_megabytes"],
                ]
                for frame in frames
            ],
        ),
        Table(
            "Features of one row",
            ("system", "median µs", "p5 µs", "p95 µs"),
            [[name, found["median"], found["p5"], found["p95"]] for name, found in _named(row, baseline_row)],
        ),
    ]


def _named(row: dict[str, float], baseline_row: dict[str, float]) -> list[tuple[str, dict[str, float]]]:
    return [("ours", row), ("baseline", baseline_row)]


def _in_process(rounds: int, repetitions: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.features", "--only", str(rounds), "--repetitions", str(repetitions)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    return json.loads(done.stdout.splitlines()[-1])


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


if __name__ == "__main__":
    main()
