"""Measure the statistics on a large gameplay store: queries, totals, exports and a scrape.

    python -m benchmarks.analytics --games 200000

The store is built once in the temporary folder. The benchmark works on a copy of it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import Engine, delete, text

from benchmarks.report import Goal, Table, publish, spread
from benchmarks.stores import copy_of, store_of
from rps_api.analytics.export import MEDIA_TYPES, ExportFormat, encoded, export_rows
from rps_api.inference.ab_stats import ab_stats
from rps_api.metrics import GameplayCollector
from rps_core.settings import load_settings
from rps_core.store import open_engine, upgrade_store
from rps_core.store.analytics.activity import active_games
from rps_core.store.analytics.filters import GameFilter
from rps_core.store.analytics.listing import list_games, plan_export
from rps_core.store.analytics.standings import bot_win_rates, leaderboard
from rps_core.store.analytics.streaks import win_streaks
from rps_core.store.analytics.summaries import game_results, player_moves, session_results
from rps_core.store.analytics.versions import version_performance
from rps_core.store.engine import writing
from rps_core.store.schema import settled_totals
from rps_core.store.tallies import Tallies

REPETITIONS = 7
LIMIT_MS = 200
EXPORTED_ROUNDS = 10_000


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=200_000, help="games in the synthetic store")
    games = parser.parse_args().games
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-analytics-") as folder:
        engine = open_engine(f"sqlite:///{copy_of(store_of(games), Path(folder) / 'rps.db')}")
        upgrade_store(engine)
        since = datetime(2020, 1, 1, tzinfo=UTC)
        queries = [_row(name, _times(query)) for name, query in _queries(engine, GameFilter(since)).items()]
        others = [*_totals(engine, since), *_exports(engine, GameFilter(since)), *_of_versions(engine)]
        sizes = _sizes(engine)
        engine.dispose()
    slowest = max(median for _, median, *_ in queries)
    publish(
        "analytics",
        [Goal(f"slowest statistic at {games:,} games, median", slowest, "ms", LIMIT_MS)],
        [
            Table("Statistics", ("query", "median ms", "slowest ms", "processor ms"), [*queries, *others]),
            Table("The store", ("games", "rounds", "predictions", "megabytes"), [sizes]),
        ],
    )


def _queries(engine: Engine, filters: GameFilter) -> dict[str, Callable[[], Any]]:
    def prepared(query: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        def run() -> Any:
            with engine.connect() as connection:
                return query(connection, *arguments)

        return run

    with engine.connect() as connection:
        busiest = "SELECT {0} FROM games WHERE player_kind = 'human' GROUP BY {0} ORDER BY count(*) DESC LIMIT 1"
        person = connection.scalar(text(busiest.format("player_name")))
        session = connection.scalar(text(busiest.format("session_id")))
    return {
        "leaderboard": prepared(leaderboard, filters, 10),
        "games, newest 50": prepared(list_games, filters, 50),
        "games, newest 500": prepared(list_games, filters, 500),
        "games of one opponent": prepared(list_games, filters._replace(policy="logan"), 50),
        "easy games (none stored)": prepared(list_games, filters._replace(easy_mode=True), 50),
        "games of one player": prepared(list_games, filters._replace(player_name=person), 50),
        "results, all": prepared(game_results, filters),
        "results of one opponent": prepared(game_results, filters._replace(policy="brian")),
        "results of the busiest person": prepared(game_results, filters._replace(player_name=person)),
        "moves of the busiest person": prepared(player_moves, filters._replace(player_name=person)),
        "moves of a scripted player": prepared(player_moves, filters._replace(player_name="Ace")),
        "busiest session": prepared(session_results, filters, session),
        "bot win rates": prepared(bot_win_rates, filters),
        "win streaks": prepared(win_streaks, filters, 10),
        "win streaks, 100": prepared(win_streaks, filters, 100),
        "win streaks of one opponent": prepared(win_streaks, filters._replace(policy="logan"), 10),
        "active games": prepared(active_games, datetime.now(UTC)),
    }


def _exports(engine: Engine, filters: GameFilter) -> list[list[Any]]:
    """Measure the largest page in each format: the time to the first rounds and to the last."""

    def pieces(export_format: ExportFormat) -> Iterator[bytes]:
        with engine.connect() as connection:
            page = plan_export(connection, filters, EXPORTED_ROUNDS)
        return encoded(export_format, export_rows(engine, filters, page, with_sessions=False), page.rows)

    def first_rounds(export_format: ExportFormat) -> bytes:
        stream, received = pieces(export_format), b""
        # JSON and CSV begin with a header, which is shorter than this.
        while len(received) < 1_000:
            received += next(stream)
        return received

    rows = []
    for kind in MEDIA_TYPES:
        name = f"export of {EXPORTED_ROUNDS:,} rounds, {kind}"
        rows.append(_row(f"{name}, first rounds", _times(lambda kind=kind: first_rounds(kind))))
        rows.append(_row(name, _times(lambda kind=kind: sum(map(len, pieces(kind))))))
    return rows


def _of_versions(engine: Engine) -> list[list[Any]]:
    """Measure the queries of promotions and of the A/B page, after the totals are settled."""

    def performance() -> int:
        with engine.connect() as connection:
            return len(version_performance(connection))

    settings = load_settings()
    return [
        _row("performance of each version", _times(performance)),
        _row("games by alias", _times(lambda: ab_stats(settings.play, engine))),
    ]


def _totals(engine: Engine, since: datetime) -> list[list[Any]]:
    tallies = Tallies(engine, since=since, max_age_seconds=0.0, settle_after=timedelta(seconds=60))
    with writing(engine).begin() as connection:
        connection.execute(delete(settled_totals))
    tallies.start()
    settling = _time(lambda: tallies.read(wait_seconds=3600))
    tallies.close()
    tallies = Tallies(engine, since=since, max_age_seconds=0.0)
    tallies.start()
    reopening = _time(lambda: tallies.read(wait_seconds=3600))
    registry = CollectorRegistry()
    registry.register(GameplayCollector(engine, tallies, max_age_seconds=0.0))
    rows = [
        _row("settling all totals, once", [settling]),
        _row("loading settled totals", [reopening]),
        _row("totals, read again", _times(tallies.read)),
        _row("scrape, nothing cached", _times(lambda: generate_latest(registry))),
    ]
    tallies.close()
    return rows


def _times(query: Callable[[], Any]) -> list[tuple[float, float]]:
    query()
    return [_time(query) for _ in range(REPETITIONS)]


def _time(query: Callable[[], Any]) -> tuple[float, float]:
    """Return the elapsed and the processor seconds of a query; on a busy machine, only the latter are comparable."""
    started, started_cpu = time.perf_counter(), time.process_time()
    query()
    return time.perf_counter() - started, time.process_time() - started_cpu


def _row(name: str, seconds: list[tuple[float, float]]) -> list[Any]:
    wall, cpu = (spread(1_000 * value for value in values) for values in zip(*seconds, strict=True))
    return [name, wall["median"], wall["p99"], cpu["median"]]


def _sizes(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        sizes = [
            int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608 - our own names
            for table in ("games", "events", "predictions")
        ]
    return [*sizes, round(Path(engine.url.database or "").stat().st_size / 1e6)]


if __name__ == "__main__":
    main()
