"""Stores with real games, and readers of their content, for every database."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, insert, select

from rps_cli.operations.schema import known_revisions
from rps_cli.operations.store_copy import VERSION_TABLE
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.ledger import PromotionLedger
from tests.builders.games import START, new_game, play_to_the_end

KEPT = ("events", "games", "models", "predictions", "promotion_events", "reports")
NEWEST = known_revisions()[-1]


def filled(url: str, games: int = 3) -> Engine:
    """Return a store at the newest schema, with finished games, an unfinished one, and a ledger entry."""
    engine = open_engine(url)
    upgrade_store(engine)
    store = GameStore(engine)
    for number in range(games):
        play_to_the_end(store, new_game(f"game-{number}", player_name="Mira, \u00e9 'x' \\ \n"), seed=number)
    store.write([new_game("running")])
    decided = LedgerEntry(
        model_type="xgboost", decision="retain_production", created_at=START, reason="B 'loses' — \u00e9"
    )
    PromotionLedger(engine).append(decided, {"seen": [1, None, "x"]})
    return engine


def rows_of(engine: Engine, tables: tuple[str, ...] = KEPT) -> dict[str, list[tuple[Any, ...]]]:
    """Return the sorted rows of the tables from which no operation may lose a row."""
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(select(metadata.tables[name]))), key=repr)
            for name in tables
        }


def schema_of(engine: Engine) -> dict[str, list[str]]:
    """Return the tables of a database with their columns and indexes."""
    metadata = MetaData()
    metadata.reflect(engine)
    return {
        table.name: sorted(
            [f"{c.name} {c.type} {c.nullable}" for c in table.columns] + [str(i.name) for i in table.indexes]
        )
        for table in metadata.sorted_tables
    }


def copy_into(source: Engine, target: Engine) -> None:
    """Write the rows of a newer store into the tables of an older schema."""
    metadata = MetaData()
    metadata.reflect(target)
    rows = rows_of(source)
    with target.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name != VERSION_TABLE and rows.get(table.name):
                names = table.columns.keys()
                connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows[table.name]])


def sqlite_url(folder: Path) -> str:
    """Return the URL of the gameplay store in a data folder."""
    return f"sqlite:///{folder / 'rps.db'}"
