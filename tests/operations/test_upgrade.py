"""Migrations forwards and back keep every row, and refusals change nothing."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from rps_cli.operations import schema
from rps_cli.operations.schema import known_revisions, migrate_to, revision_of
from rps_core.errors import StoreError
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store import engine as store_engine
from tests.builders.games import new_game, play_to_the_end
from tests.operations.stores import (
    NEWEST,
    columns_of,
    filled,
    played_by_previous_release,
    rows_of,
    schema_of,
    sqlite_url,
)
from tests.operations.world import run

FIRST = "0001"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        engine = open_engine(sqlite_url(tmp_path / "empty"))
        yield engine
        engine.dispose()
        return
    url = make_url(request.getfixturevalue("postgres_url"))
    name = "upgrade_" + str(abs(hash(request.node.name)))
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = open_engine(url.set(database=name).render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    administrator.dispose()


@pytest.fixture
def first_release(empty: Engine) -> Engine:
    """A database of the first release, with games in it."""
    migrate_to(empty, FIRST)
    played_by_previous_release(empty)
    return empty


def test_a_user_who_may_not_create_tables_reads_what_to_grant(postgres_url: str) -> None:
    """From PostgreSQL 15 on, only the owner of a database may create tables in its schema `public`."""
    url = make_url(postgres_url)
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        for statement in ("DATABASE upgrade_guest", "ROLE rps_guest LOGIN PASSWORD 'guest-secret'"):
            connection.execute(text(f"CREATE {statement}"))
    engine = open_engine(
        url.set(database="upgrade_guest", username="rps_guest", password="guest-secret").render_as_string(
            hide_password=False
        )
    )
    owner = create_engine(url.set(database="upgrade_guest"), isolation_level="AUTOCOMMIT")
    try:
        with owner.connect() as connection:
            connection.execute(text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
        with pytest.raises(StoreError, match="permission denied for schema public") as refused:
            upgrade_store(engine)
        statement = re.search("GRANT [^`]*", str(refused.value))
        assert statement is not None
        assert "damaged" not in str(refused.value)
        with owner.connect() as connection:
            connection.execute(text(statement[0]))
        upgrade_store(engine)
    finally:
        for used in (engine, owner):
            used.dispose()
        with administrator.connect() as connection:
            for statement_ in ("DATABASE upgrade_guest WITH (FORCE)", "ROLE rps_guest"):
                connection.execute(text(f"DROP {statement_}"))
        administrator.dispose()


def test_the_first_revision_is_unchanged() -> None:
    assert known_revisions()[0] == FIRST


def test_a_database_of_the_first_release_migrates_forwards_with_every_row(
    first_release: Engine, tmp_path: Path
) -> None:
    before, columns = rows_of(first_release), columns_of(first_release)
    assert len(before["games"]) == 4
    assert len(before["predictions"]) > 50
    upgrade_store(first_release)
    assert revision_of(first_release) == NEWEST
    assert rows_of(first_release, columns) == before
    if first_release.dialect.name == "sqlite":
        new = open_engine(sqlite_url(tmp_path / "new"))
        upgrade_store(new)
        assert schema_of(first_release) == schema_of(new)
        new.dispose()


def test_a_migration_back_keeps_every_row_and_restores_the_first_schema(first_release: Engine) -> None:
    before, as_it_was = rows_of(first_release), schema_of(first_release)
    columns = columns_of(first_release)
    upgrade_store(first_release)
    sentence = migrate_to(first_release, FIRST)
    assert sentence == (
        "migrated back from 0002 to 0001" if NEWEST == "0002" else f"migrated back from {NEWEST} to {FIRST}"
    )
    assert revision_of(first_release) == FIRST
    assert rows_of(first_release) == before
    assert schema_of(first_release) == as_it_was
    upgrade_store(first_release)
    assert rows_of(first_release, columns) == before


def test_games_continue_after_an_upgrade(tmp_path: Path) -> None:
    old = open_engine(sqlite_url(tmp_path))
    migrate_to(old, FIRST)
    played_by_previous_release(old)
    upgrade_store(old)
    finished = play_to_the_end(GameStore(old), new_game("after"), seed=9)
    assert finished.winner is not None
    assert GameStore(old).load_game("game-1").finished_at is not None
    old.dispose()


def test_the_command_migrates_back_and_forwards_and_reports_it(tmp_path: Path) -> None:
    filled(sqlite_url(tmp_path)).dispose()
    environment = {"DATA_PATH": str(tmp_path)}
    back = run(environment, "migrate", "--to", FIRST)
    assert back.exit_code == 0
    assert f"rps.db was migrated back from {NEWEST} to {FIRST}" in back.stdout
    assert "was already at revision 0001" in run(environment, "migrate", "--to", FIRST).stdout
    doctor = run(environment, "doctor")
    assert f"at revision 0001, not {NEWEST}" in doctor.stdout
    assert doctor.exit_code == 1
    forwards = run(environment, "migrate", "--json")
    assert '"ok": true' in forwards.stdout
    assert "the newest" in run(environment, "doctor").stdout


@pytest.mark.parametrize("revision", ["0000", "base", "head", "-1", "0001; DROP TABLE games"])
def test_a_revision_that_does_not_exist_changes_nothing(tmp_path: Path, revision: str) -> None:
    engine = filled(sqlite_url(tmp_path), games=1)
    before = rows_of(engine)
    with pytest.raises(StoreError, match=r"schema revision .* does not exist; use one of 0001"):
        migrate_to(engine, revision)
    assert (revision_of(engine), rows_of(engine)) == (NEWEST, before)
    engine.dispose()


def test_a_database_of_a_newer_release_is_left_unchanged(tmp_path: Path) -> None:
    engine = filled(sqlite_url(tmp_path), games=1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="9999, which this release does not know"):
        migrate_to(engine, FIRST)
    with pytest.raises(StoreError, match="newer version"):
        upgrade_store(engine)
    assert run({"DATA_PATH": str(tmp_path)}, "doctor").exit_code == 1
    engine.dispose()


def test_a_step_that_cannot_be_undone_is_refused_before_any_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = filled(sqlite_url(tmp_path), games=1)
    migrations = tmp_path / "migrations"
    shutil.copytree(store_engine.MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "9999_one_way.py").write_text(
        f'revision = "9999"\ndown_revision = "{NEWEST}"\n\n\ndef upgrade() -> None:\n    pass\n'
    )
    for module in (schema, store_engine):
        monkeypatch.setattr(module, "MIGRATIONS", migrations)
    upgrade_store(engine)
    assert revision_of(engine) == "9999"
    with pytest.raises(StoreError, match="revision 9999 cannot be undone; restore the snapshot"):
        migrate_to(engine, FIRST)
    assert revision_of(engine) == "9999"
    engine.dispose()


def test_a_migration_that_fails_halfway_leaves_the_schema_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = filled(sqlite_url(tmp_path), games=1)
    before = (schema_of(engine), rows_of(engine))
    migrations = tmp_path / "migrations"
    shutil.copytree(store_engine.MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    broken = 'op.execute("DROP VIEW predictions")\n    op.execute("ALTER TABLE nowhere RENAME TO elsewhere")'
    (migrations / "versions" / "9999_broken.py").write_text(
        f'from alembic import op\n\nrevision = "9999"\ndown_revision = "{NEWEST}"\n\n\n'
        f"def upgrade() -> None:\n    {broken}\n"
    )
    for module in (schema, store_engine):
        monkeypatch.setattr(module, "MIGRATIONS", migrations)
    with pytest.raises(StoreError, match="nowhere"):
        upgrade_store(engine)
    assert (schema_of(engine), rows_of(engine)) == before
    assert revision_of(engine) == NEWEST
    engine.dispose()


def test_a_database_of_the_original_names_the_import(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rps.db") as original:
        original.execute("CREATE TABLE games (id TEXT PRIMARY KEY, session_id TEXT, bot_policy TEXT)")
    original.close()
    engine = open_engine(sqlite_url(tmp_path))
    with pytest.raises(StoreError, match=rf"import it with `rps import-original {tmp_path / 'rps.db'}`"):
        upgrade_store(engine)
    engine.dispose()
