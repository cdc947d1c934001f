"""Tests begin with a schema that replays the migrations; it has to be the one that they make."""

from pathlib import Path
from typing import Any

import alembic.command
import pytest
from sqlalchemy import Engine, text

from rps_core.store import upgrade_store
from tests.builders.databases import make_empty

# What a schema consists of, without the numbers of its objects.
_PARTS = {
    "sqlite": ("SELECT type, name, tbl_name, sql FROM sqlite_master",),
    "postgresql": (
        "SELECT table_name, column_name, ordinal_position, column_default, is_nullable, data_type, "
        "character_maximum_length FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT c.relname, o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o "
        "JOIN pg_class c ON c.oid = o.conrelid WHERE o.connamespace = 'public'::regnamespace",
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    ),
}


def schema_of(engine: Engine) -> list[list[Any]]:
    queries = (*_PARTS[engine.dialect.name], "SELECT version_num FROM alembic_version")
    with engine.connect() as connection:
        return [sorted(map(str, connection.execute(text(query)))) for query in queries]


def test_a_replayed_schema_equals_that_of_the_migrations(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = schema_of(engine)
    _begin_again(engine)
    # The first store of each kind records, so this one surely replays.
    upgrade_store(engine)
    replayed = schema_of(engine)
    _begin_again(engine)
    monkeypatch.setattr(alembic.command, "upgrade", alembic.command.upgrade.__wrapped__)  # type: ignore[attr-defined]
    upgrade_store(engine)
    assert schema_of(engine) == replayed == kept
    assert all(replayed)


def _begin_again(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        make_empty(engine)
        return
    assert engine.url.database is not None
    engine.dispose()
    for suffix in ("", "-wal", "-shm"):
        Path(engine.url.database + suffix).unlink(missing_ok=True)
