"""Measure features of contract 3: one row and one update, as in serving, and whole tables, as in training.

    python -m benchmarks.features --rounds 10000 100000 1000000

Each table is computed in a separate process, so that its memory can be measured. Tables of one size differ in their
longest game. The baseline computes a pandas frame for each round, in training as in serving: the usual way to keep the
two equal.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.machine import peak_megabytes
from benchmarks.report import Goal, Table, publish, spread

LIMIT_ROUNDS_A_SECOND = 1_000_000
# Share of the rate at 100,000 rounds that the largest table must keep to count as linear.
LINEAR = 0.7
ROUNDS_PER_GAME = 12
# Rounds of the longest game among the others in the largest table.
LONGEST = (ROUNDS_PER_GAME, 1_000, 100_000)
BASELINE_ROUNDS = 500


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes of tables")
    parser.add_argument("--repetitions", type=int, default=5, help="repetitions for each table")
    parser.add_argument("--only", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure_table(*options.only, options.repetitions)))
        return
    sizes = [(rounds, ROUNDS_PER_GAME) for rounds in options.rounds[:-1]]
    sizes += [(options.rounds[-1], longest) for longest in LONGEST if longest <= options.rounds[-1]]
    tables_of = [_in_process(*size, options.repetitions) for size in sizes]
    calls = call_times_us()
    publish("features", goals(tables_of, calls), tables(tables_of, calls))


def random_games(rounds: int, longest: int = ROUNDS_PER_GAME) -> Any:
    """Return about `rounds` rounds of random games as arrays; the last game has `longest` rounds, the others twelve."""
    import numpy as np

    from rps_core.features.step_table import GameArrays

    generator = np.random.default_rng(1)
    others = max(0, (rounds - longest) // ROUNDS_PER_GAME)
    count = others * ROUNDS_PER_GAME + longest
    moves = [generator.integers(0, 3, count) for _ in range(2)]
    points = np.round(generator.uniform(1, 2, (count, 3)), 1)
    scores = [np.round(generator.uniform(0, 10, count), 1) for _ in range(2)]
    return GameArrays(*moves, points, *scores, np.arange(others + 1) * ROUNDS_PER_GAME)


def measure_table(rounds: int, longest: int, repetitions: int) -> dict[str, Any]:
    """Return the time and memory of computing the features of a table in this process."""
    from rps_core.features.step_table import feature_table

    games = random_games(rounds, longest)
    seconds, cpu = [], []
    for _ in range(repetitions):
        started, started_cpu = time.perf_counter(), time.process_time()
        features = feature_table(games)
        seconds.append(time.perf_counter() - started)
        cpu.append(time.process_time() - started_cpu)
        megabytes = features.nbytes / 1_000_000
        del features
    return {
        "rounds": len(games.user),
        "longest": longest,
        "seconds": spread(seconds)["median"],
        "least_seconds": min(seconds),
        "cpu_seconds": spread(cpu)["median"],
        "peak_megabytes": peak_megabytes(),
        "result_megabytes": megabytes,
    }


def call_times_us(repetitions: int = 5_000) -> dict[str, dict[str, float]]:
    """Return the times of one call by name: our row, our update after a round, the baseline's row."""
    from benchmarks.baseline.features import feature_frame as baseline_features
    from benchmarks.decision import game_under_way, rows_of
    from rps_core.features.steps import steps_after
    from rps_core.game.scoring import round_points

    game = game_under_way("xgboost")
    steps, points, rows = steps_after(game.rounds), round_points(game.id, game.next_round_no), rows_of(game)

    def times(compute: Callable[[], object], count: int) -> dict[str, float]:
        found = []
        for _ in range(count):
            started = time.perf_counter_ns()
            compute()
            found.append((time.perf_counter_ns() - started) / 1_000)
        return spread(found)

    return {
        "a row": times(lambda: steps.row(points), repetitions),
        "an update after a round": times(lambda: steps.take(game.rounds[-1]), repetitions),
        "a row of the baseline": times(lambda: baseline_features(rows, points), BASELINE_ROUNDS),
    }


def goals(found: list[dict[str, Any]], calls: dict[str, dict[str, float]]) -> list[Goal]:
    """Return the results with their goals."""
    largest = max(table["rounds"] for table in found)
    # Smaller tables are too fast to be timed.
    first = next((table for table in found if table["rounds"] >= 90_000), found[0])
    usual = next(table for table in found if table["rounds"] == largest)
    baseline = calls["a row of the baseline"]["median"]
    by_longest = [
        Goal(
            f"features of {table['rounds']:,} rounds, longest game {table['longest']:,}",
            _rate(table),
            "rounds/s",
            LIMIT_ROUNDS_A_SECOND,
            at_least=True,
            baseline=1_000_000 / baseline,
        )
        for table in found
        if table is usual or table["longest"] > ROUNDS_PER_GAME
    ]
    kept = f"rate kept from {first['rounds']:,} to {usual['rounds']:,} rounds"
    return [
        *by_longest,
        Goal(kept, 100 * _rate(usual) / _rate(first), "%", 100 * LINEAR, at_least=True),
        Goal("features of one row, median", calls["a row"]["median"], "µs", baseline=baseline),
    ]


def _rate(table: dict[str, Any]) -> float:
    return float(table["rounds"] / table["seconds"])


def tables(found: list[dict[str, Any]], calls: dict[str, dict[str, float]]) -> list[Table]:
    """Return both tables."""
    names = ("rounds", "longest game", "seconds", "rounds/s", "best rounds/s", "processor s", "peak MB", "result MB")
    rows = [
        [
            table["rounds"],
            table["longest"],
            table["seconds"],
            _rate(table),
            table["rounds"] / table["least_seconds"],
            table["cpu_seconds"],
            table["peak_megabytes"],
            table["result_megabytes"],
        ]
        for table in found
    ]
    times = [[name, call["median"], call["p5"], call["p95"]] for name, call in calls.items()]
    return [
        Table("Features of a table, contract 3", names, rows),
        Table("Features of one round", ("call", "median µs", "p5 µs", "p95 µs"), times),
    ]


def _in_process(rounds: int, longest: int, repetitions: int) -> dict[str, Any]:
    size = (str(rounds), str(longest))
    command = [sys.executable, "-m", "benchmarks.features", "--only", *size, "--repetitions", str(repetitions)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
