"""A large gameplay store for the benchmarks: random games under the rules of scoring, written in bulk.

A few players play hundreds of games, most play one or two, and some sessions are long. Scripted players play a third of
the games; one game in a hundred is a test.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from rps_core.game.families import ALIASES, FAMILIES, PLAYING_ALIASES, Alias, Family
from rps_core.game.moves import MOVES
from rps_core.game.opponents import OPPONENTS
from rps_core.game.scoring import play_round
from rps_core.store import open_engine, upgrade_store
from rps_core.store.schema import events, games, predictions

SCRIPTED = ("Ace", "Bob", "Cal", "Dan", "Edd", "Fox", "Gus", "Hal")
# Games that run at the same time, so their rounds are interleaved in the file.
CONCURRENT_GAMES = 40
DAYS = 365
POINTS = ((1.0, 1.1, 1.6), (1.3, 1.0, 1.8), (1.9, 1.4, 1.0), (1.0, 2.0, 1.5), (1.7, 1.2, 1.0))


def build_store(
    path: Path, game_count: int, seed: int = 1, now: datetime | None = None, *, with_predictions: bool = True
) -> str:
    """Write a store of `game_count` games that end at `now`, and return its URL."""
    url = f"sqlite:///{path}"
    engine = open_engine(url)
    upgrade_store(engine)
    engine.dispose()
    random, now = Random(seed), now or datetime.now(UTC)
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    for first in range(0, game_count, 20_000):
        connection.execute("BEGIN")
        for start in range(first, min(first + 20_000, game_count), CONCURRENT_GAMES):
            numbers = range(start, min(start + CONCURRENT_GAMES, game_count))
            block = _block(random, numbers, now - timedelta(days=DAYS) * (1 - start / game_count))
            _write_block(connection, block if with_predictions else block[:2])
        connection.execute("COMMIT")
    connection.execute("PRAGMA optimize")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return url


def _block(random: Random, numbers: range, started: datetime) -> tuple[list[Any], ...]:
    """Return the rows of games, rounds and predictions of some games."""
    rows: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for number in numbers:
        game, rounds, predicted = _play(random, number, started + timedelta(seconds=number % CONCURRENT_GAMES))
        rows[0].append(game)
        rows[1].extend(rounds)
        rows[2].extend(predicted)
    rows[1].sort(key=lambda row: row["ts"])
    return rows


def _write_block(connection: sqlite3.Connection, block: tuple[list[Any], ...]) -> None:
    for table, values in zip((games, events, predictions), block, strict=False):
        names = list(values[0])
        places = ", ".join(f":{name}" for name in names)
        connection.executemany(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})",  # noqa: S608 - our own names
            values,
        )


def _play(random: Random, number: int, started: datetime) -> tuple[Any, list[Any], list[Any]]:
    policy = random.choice(tuple(OPPONENTS))
    family = OPPONENTS[policy].family
    game_id = str(UUID(int=random.getrandbits(128), version=4))
    alias = random.choice(PLAYING_ALIASES)
    version, run_id = _model(number, family, alias)
    kind = random.choices(("human", "scripted", "test"), (66, 33, 1))[0]
    player = int(30_000 * random.random() ** 3) if kind != "scripted" else random.randrange(8)
    game = {
        "id": game_id,
        "session_id": f"session-{player * 3 + random.randrange(3):012d}-0000-0000-0000",
        "bot_policy": policy,
        "bot_model_version": version,
        "created_ts": _text(started),
        "created_ts_utc": _text(started),
        "is_test": int(kind == "test"),
        "bot_model_alias": alias,
        "player_name": SCRIPTED[player] if kind == "scripted" else f"Somebody {player}",
        "player_kind": kind,
        "model_type": family,
        "bot_model_run_id": run_id,
        "opening_name": "crescendo",
    }
    rounds: list[Any] = []
    predicted: list[Any] = []
    abandoned_after = random.randrange(12) if random.random() < 0.08 else 99
    for row in _rounds(random, game_id, started):
        if row["step_no"] > abandoned_after:
            break
        rounds.append(row)
        if row["step_no"] >= 4:
            predicted.extend(_predictions(random, row, number, family))
    last = rounds[-1] if rounds else {"user_score": 0.0, "bot_score": 0.0, "ts": None}
    user, bot = last["user_score"], last["bot_score"]
    finished = max(user, bot) >= 10
    winner = ("tie" if user == bot else "user" if user > bot else "bot") if finished else None
    game |= {"user_score": user, "bot_score": bot, "winner": winner, "finished_ts": last["ts"] if finished else None}
    return game, rounds, predicted


def _rounds(random: Random, game_id: str, started: datetime) -> Iterator[dict[str, Any]]:
    user_score = bot_score = 0.0
    for step in range(1, 40):
        user, bot = random.choice(MOVES), random.choice(MOVES)
        points = random.choice(POINTS)
        outcome = play_round(user_score, bot_score, user, bot, points)
        played_at = _text(started + timedelta(seconds=3 * step))
        yield {
            "game_id": game_id,
            "ts": played_at,
            "user_move": user,
            "bot_move": bot,
            "result": "draw" if user == bot else "win" if outcome.user_delta else "lose",
            "user_delta": outcome.user_delta,
            "bot_delta": outcome.bot_delta,
            "user_score": outcome.user_score,
            "bot_score": outcome.bot_score,
            "step_no": step,
            "round_rock_pts": points[0],
            "round_paper_pts": points[1],
            "round_scissors_pts": points[2],
            "created_ts_utc": played_at,
            "probability_source": "gambit" if step < 4 else "mlflow" if random.random() < 0.99 else "fallback",
        }
        if outcome.finished:
            return
        user_score, bot_score = outcome.user_score, outcome.bot_score


def _model(number: int, family: Family, alias: Alias) -> tuple[str, str]:
    """Return version and run id of a slot; each slot is retrained every 5,000 games."""
    version = str(1 + number // 5_000 * len(ALIASES) + ALIASES.index(alias))
    return version, f"{FAMILIES.index(family)}{version}".zfill(32)


def _predictions(random: Random, row: dict[str, Any], number: int, family: Family) -> Iterator[dict[str, Any]]:
    for alias in ALIASES:
        version, run_id = _model(number, family, alias)
        yield {
            "game_id": row["game_id"],
            "step_no": row["step_no"],
            "alias": alias,
            "model_type": family,
            "model_version": version,
            "run_id": run_id,
            "p_rock": 0.3,
            "p_paper": 0.3,
            "p_scissors": 0.4,
            "correct": int(random.random() < 0.4),
        }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
