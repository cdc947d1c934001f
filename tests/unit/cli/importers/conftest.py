"""Fixtures for the importers: a gameplay database of each kind."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from rps_core.store import open_engine, upgrade_store
from rps_core.store.schema import SLOT_COLUMNS, events, games
from tests.unit.store.conftest import engine as engine  # noqa: PLC0414  # the same two databases

Rows = list[dict[str, Any]]


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Engine]:
    """A second, empty store."""
    store = open_engine(f"sqlite:///{tmp_path}/second.db")
    upgrade_store(store)
    yield store
    store.dispose()


@pytest.fixture
def contents() -> Callable[[Engine], tuple[Rows, Rows]]:
    """Return a reader of all games and rounds, without columns that differ between databases."""

    def read(store: Engine) -> tuple[Rows, Rows]:
        with store.connect() as connection:
            found = connection.execute(select(games).order_by(games.c.id)).mappings()
            game_rows = [dict(row) for row in found]
            ordered = select(events).order_by(events.c.game_id, events.c.step_no)
            event_rows = [dict(row) for row in connection.execute(ordered).mappings()]
        for row in event_rows:
            del row["id"]
            # The key of a request from seconds ago, which no other store needs.
            row.pop("idempotency_key", None)
            # Files of rounds have no predictions.
            for name in chain(*SLOT_COLUMNS.values()):
                del row[name]
        return game_rows, event_rows

    return read
