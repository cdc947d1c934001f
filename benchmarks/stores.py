"""Synthetic stores, built once and kept in the temporary folder; benchmarks write to copies."""

import hashlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import synthetic_store
from benchmarks.baseline.store import SCHEMA
from benchmarks.synthetic_store import build_store
from rps_core.store.engine import MIGRATIONS

ROUNDS_PER_GAME = 13.3


def store_of(games: int) -> Path:
    """Return a store of `games` games with the current schema; do not write to it."""
    return _kept(f"games-{games}-{_sources_digest()}", lambda path: build_store(path, games))


def store_without_predictions(games: int) -> Path:
    """Return a store of `games` games without the predictions of their rounds; do not write to it."""
    return _kept(
        f"unpredicted-{games}-{_sources_digest()}", lambda path: build_store(path, games, with_predictions=False)
    )


def store_of_rounds(rounds: int) -> Path:
    """Return a store of about `rounds` rounds; do not write to it."""
    return store_of(round(rounds / ROUNDS_PER_GAME))


def baseline_store_of(games: int) -> Path:
    """Return the same games in the tables of the baseline."""
    ours = store_of(games)

    def build(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA)
            connection.execute("ATTACH ? AS ours", (str(ours),))
            connection.execute(
                "INSERT INTO games SELECT id, session_id, player_name, bot_policy, model_type, bot_model_alias, "
                "coalesce(opening_name, 'crescendo'), user_score, bot_score, winner, created_ts FROM ours.games"
            )
            connection.execute(
                "INSERT INTO rounds (game_id, round_no, user_move, bot_move, rock_pts, paper_pts, scissors_pts, "
                "user_score, bot_score, predictions, created_at) SELECT game_id, step_no, user_move, bot_move, "
                "round_rock_pts, round_paper_pts, round_scissors_pts, user_score, bot_score, '{}', ts FROM ours.events"
            )
            connection.commit()
            connection.execute("DETACH ours")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return _kept(f"baseline-{games}-{digest_of(SCHEMA.encode())}", build)


def _sources_digest() -> str:
    """Return what decides the content of a store: its schema and what builds it."""
    sources = [*sorted((MIGRATIONS / "versions").glob("*.py")), Path(synthetic_store.__file__)]
    return digest_of(b"".join(file.read_bytes() for file in sources))


def copy_of(store: Path, target: Path) -> Path:
    """Copy a store to a path that may be written to."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(store, target)
    return target


def _kept(name: str, build: Callable[[Path], object]) -> Path:
    path = Path(tempfile.gettempdir()) / f"rps-benchmark-{name}.db"
    if not path.exists():
        print(f"building {path} …", flush=True)
        started = time.perf_counter()
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        build(unfinished)
        unfinished.rename(path)
        print(f"built in {time.perf_counter() - started:.0f} s", flush=True)
    return path


def digest_of(content: bytes) -> str:
    """Return a short digest for the name of a kept file, so that it is built again when its source changes."""
    return hashlib.sha256(content).hexdigest()[:8]
