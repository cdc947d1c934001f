"""Upgrading a database to the newest schema, and detecting that it is up to date."""

import shutil
import sys

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from rps_core.errors import StoreError
from rps_core.store import open_engine, upgrade_store
from rps_core.store.engine import MIGRATIONS


def test_names_of_migration_files_start_with_their_revisions_and_sort_in_their_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    names = sorted((file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("*.py")), reverse=True)
    assert newest_first == names


def test_an_up_to_date_database_does_not_need_alembic(tmp_path, monkeypatch) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'rps.db'}")
    upgrade_store(engine)
    monkeypatch.setitem(sys.modules, "alembic.command", None)  # makes an import of it fail
    upgrade_store(engine)
    engine.dispose()


def test_a_checkout_may_have_any_name(tmp_path, monkeypatch) -> None:
    moved = tmp_path / "100% of #1's; what?" / "migrations"
    shutil.copytree(MIGRATIONS, moved, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("rps_core.store.engine.MIGRATIONS", moved)
    engine = open_engine(f"sqlite:///{tmp_path / 'rps.db'}")
    upgrade_store(engine)
    engine.dispose()


@pytest.mark.parametrize("held", ["0001", "0000"])
def test_another_schema_is_not_mistaken_for_the_newest(tmp_path, held: str) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'rps.db'}")
    upgrade_store(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :held"), {"held": held})
    # 0001 is upgraded again and fails because the tables of 0002 exist; 0000 is unknown.
    with pytest.raises(StoreError):
        upgrade_store(engine)
    engine.dispose()
