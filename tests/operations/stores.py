"""Stores with real games, and readers of their content, for every database."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, MetaData, select

from rps_cli.operations.schema import known_revisions
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.ledger import PromotionLedger
from tests.builders.games import START, new_game, play_to_the_end
from tests.builders.previous_release import PreviousRelease, random_round

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


def rows_of(engine: Engine, columns: Mapping[str, list[str]] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Return the sorted rows of the tables from which no operation may lose a row; `columns` as of `columns_of`."""
    columns = columns or columns_of(engine)
    metadata = MetaData()
    metadata.reflect(engine, views=True)
    with engine.connect() as connection:
        return {
            name: sorted(
                (
                    tuple(row)
                    for row in connection.execute(select(*(metadata.tables[name].c[one] for one in columns[name])))
                ),
                key=repr,
            )
            for name in columns
        }


def columns_of(engine: Engine) -> dict[str, list[str]]:
    """Return the columns of the tables that are kept."""
    metadata = MetaData()
    metadata.reflect(engine, views=True)
    return {name: list(metadata.tables[name].columns.keys()) for name in KEPT}


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


def played_by_previous_release(engine: Engine, games: int = 3) -> None:
    """Play games as the previous release does, on the tables of an older schema: one is left unfinished."""
    old = PreviousRelease(engine)
    for number in range(games + 1):
        random, game = Random(number), new_game(f"game-{number}" if number < games else "running")
        old.start(game)
        while game.finished_at is None and (number < games or game.next_round_no < 6):
            new = random_round(game, random)
            old.play(game, new)
            game = game.after(new)


def sqlite_url(folder: Path) -> str:
    """Return the URL of the gameplay store in a data folder."""
    return f"sqlite:///{folder / 'rps.db'}"
