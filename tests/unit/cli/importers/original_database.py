"""Builder of databases of the original system, with its tables, its conventions and its faults."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rps_core.game.moves import MOVES, round_result
from rps_core.game.scoring import play_round, round_points

LAG_COLUMNS = ", ".join(f"lag{lag}_{move}_pts REAL DEFAULT 1.0" for lag in (1, 2, 3) for move in MOVES)
TABLES = f"""
CREATE TABLE sessions (id TEXT PRIMARY KEY, user_name TEXT, created_ts TEXT);
CREATE TABLE games (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, bot_policy TEXT NOT NULL, bot_model_version TEXT NOT NULL,
    user_score REAL DEFAULT 0, bot_score REAL DEFAULT 0, winner TEXT, created_ts TEXT NOT NULL, start_ts TEXT,
    finished_ts TEXT, opening_name TEXT, opening_seq TEXT, easy_mode INTEGER DEFAULT 0,
    is_test INTEGER DEFAULT 0, created_ts_utc TEXT, bot_model_alias TEXT DEFAULT 'Production', player_name TEXT);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, game_id TEXT NOT NULL, ts TEXT NOT NULL, user_move TEXT NOT NULL,
    bot_move TEXT NOT NULL, result TEXT NOT NULL, user_delta REAL NOT NULL, bot_delta REAL NOT NULL,
    user_score REAL NOT NULL, bot_score REAL NOT NULL, step_no INTEGER, round_rock_pts REAL, round_paper_pts REAL,
    round_scissors_pts REAL, {LAG_COLUMNS}, created_ts_utc TEXT);
CREATE TABLE promotion_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_ts_utc TEXT, model_type TEXT, decision TEXT, z_statistic REAL,
    p_value REAL, production_wins INTEGER, production_total_games INTEGER, b_wins INTEGER, b_total_games INTEGER,
    reorder_applied INTEGER, alias_rankings_json TEXT, alias_accuracies_json TEXT, alias_assignments_json TEXT,
    production_games_since_swap INTEGER, b_games_since_swap INTEGER, promotion_cycles_since_swap INTEGER,
    reason TEXT, source TEXT NOT NULL, payload_json TEXT NOT NULL);
"""
START = datetime(2025, 10, 12, 8, 0)  # noqa: DTZ001  # the original wrote times without a zone


def create_original(path: Path) -> Path:
    """Create an empty database of the original system."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES)
    return path


def add_rows(path: Path, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Append rows to a table."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for row in rows:
            marks = ", ".join("?" for _ in row)
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608


def played_game(game_id: str, seed: int = 1, **changes: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A finished game as the original stored it; `changes` overwrite columns of the game."""
    random = Random(seed)
    created = START + timedelta(minutes=seed)
    rounds: list[dict[str, Any]] = []
    outcome = None
    while outcome is None or not outcome.finished:
        step = len(rounds) + 1
        user_move, bot_move = random.choice(MOVES), random.choice(MOVES)
        points = round_points(game_id, step)
        scores = (outcome.user_score, outcome.bot_score) if outcome else (0.0, 0.0)
        outcome = play_round(*scores, user_move, bot_move, points)
        at = created + timedelta(seconds=step)
        rounds.append(
            {
                "game_id": game_id,
                "ts": at.strftime("%Y-%m-%d %H:%M:%S"),
                "user_move": user_move,
                "bot_move": bot_move,
                "result": round_result(user_move, bot_move),
                "user_delta": outcome.user_delta,
                "bot_delta": outcome.bot_delta,
                "user_score": outcome.user_score,
                "bot_score": outcome.bot_score,
                "step_no": step,
                **{f"round_{move}_pts": value for move, value in zip(MOVES, points, strict=True)},
                "created_ts_utc": f"{at.isoformat()}+00:00",
            }
        )
    game = {
        "id": game_id,
        "session_id": f"session-{seed}",
        "bot_policy": "forrest",
        "bot_model_version": "mlflow",
        "user_score": outcome.user_score,
        "bot_score": outcome.bot_score,
        "winner": outcome.winner,
        "created_ts": created.isoformat(),
        "finished_ts": at.strftime("%Y-%m-%d %H:%M:%S"),
        "opening_name": "crescendo",
        "opening_seq": json.dumps([played["bot_move"] for played in rounds[:3]]),
        "is_test": 0,
        "created_ts_utc": f"{created.isoformat()}+00:00",
        "bot_model_alias": "B",
        "player_name": "Mira",
    }
    return game | changes, rounds


def add_game(path: Path, game_id: str, seed: int = 1, **changes: Any) -> list[dict[str, Any]]:
    """Add a finished game, and return its rounds as stored."""
    game, rounds = played_game(game_id, seed, **changes)
    add_rows(path, "games", [game])
    add_rows(path, "events", rounds)
    return rounds


def decision(**changes: Any) -> dict[str, Any]:
    """A promotion decision as the original stored it."""
    row: dict[str, Any] = {
        "created_ts_utc": "2025-10-12T09:00:00Z",
        "model_type": "xgboost",
        "decision": "retain_production",
        "production_wins": 3,
        "production_total_games": 7,
        "b_wins": 2,
        "b_total_games": 6,
        "reorder_applied": 0,
        "alias_rankings_json": '[{"alias": "B", "rank": 1, "total_predictions": 5}]',
        "alias_accuracies_json": "[]",
        "alias_assignments_json": "[]",
        "reason": "no lead",
        "source": "auto_promotion",
        "payload_json": '{"model_type": "xgboost"}',
    }
    return row | changes
