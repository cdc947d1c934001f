"""Run all benchmarks, each in a separate process, and compare the results with the goals.

    python -m benchmarks                     everything, in ten minutes at most
    python -m benchmarks --only serving      one benchmark; may be repeated
    python -m benchmarks --large             also 200,000 and 1,000,000 stored games, and 3,000,000 examples

Results are written to benchmarks/results/; `python -m benchmarks.page` publishes them in docs/performance.md.
"""

import argparse
import subprocess
import sys
import time
from typing import NamedTuple

from benchmarks.machine import facts
from benchmarks.report import goals_table, read, text_of


class Benchmark(NamedTuple):
    """A module of this package, with its arguments in a normal run, and those of each of its runs with `--large`."""

    name: str
    arguments: tuple[str, ...] = ()
    large: tuple[tuple[str, ...], ...] = ()


BENCHMARKS = (
    Benchmark("decision"),
    Benchmark("features"),
    Benchmark("cold_start", ("--starts", "3"), large=(("--starts", "7"),)),
    Benchmark(
        "serving",
        ("--games", "1000", "20000", "--clients", "1", "8", "--workers", "1", "--turns", "2", "--seconds", "3"),
        large=(("--games", "1000", "200000"),),
    ),
    Benchmark("limits"),
    Benchmark("swap", ("--turns", "2"), large=((),)),
    Benchmark("memory", ("--swaps", "40", "--idle-seconds", "30"), large=(("--games", "600"),)),
    Benchmark("dataset"),
    Benchmark("training"),
    Benchmark(
        "large_training", ("--examples", "30000", "--families", "xgboost"), large=(("--examples", "300000", "3000000"),)
    ),
    Benchmark("orchestration", ("--repetitions", "2")),
    Benchmark("idle", large=(("--games", "1000", "1000000", "--minutes", "5"),)),
    Benchmark("analytics", ("--games", "20000"), large=(("--games", "200000"),)),
)


def main() -> None:
    """Run the selected benchmarks.

    Raises:
        SystemExit: a benchmark failed.
    """
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=names, help="run this benchmark; may be repeated")
    parser.add_argument(
        "--large", action="store_true", help="also measure the large sizes; takes an hour instead of ten minutes"
    )
    options = parser.parse_args()
    selected = [benchmark for benchmark in BENCHMARKS if not options.only or benchmark.name in options.only]
    here = facts()
    print(f"{here['processor']}, {here['cores']} cores, load average {here['load_average']}\n", flush=True)
    if here["load_average"] > 1:
        print("Other processes keep the machine busy, so the results will be too slow.\n", flush=True)
    started = time.perf_counter()
    failed = [benchmark.name for benchmark in selected if not _run(benchmark, large=options.large)]
    print(f"== all took {time.perf_counter() - started:.0f} s\n", flush=True)
    results = [read(benchmark.name) for benchmark in selected if benchmark.name not in failed]
    goals = [goal for result in results if result for goal in result[0]]
    print(text_of(goals_table(goals)))
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _run(benchmark: Benchmark, *, large: bool) -> bool:
    runs = benchmark.large if large and benchmark.large else (benchmark.arguments,)
    started = time.perf_counter()
    for arguments in runs:
        print(f"== {' '.join((benchmark.name, *arguments))}", flush=True)
        command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{benchmark.name}", *arguments]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own commands
            return False
    print(f"== {benchmark.name} took {time.perf_counter() - started:.0f} s\n", flush=True)
    return True


if __name__ == "__main__":
    main()
