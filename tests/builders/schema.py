"""The schema of an empty store without Alembic, which takes a third of the time of many tests of the store."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from sqlalchemy import Connection, event, inspect

_Statement = tuple[str, Any]


def replaying(upgrade: Callable[..., None]) -> Callable[..., None]:
    """Return Alembic's `upgrade`, which executes the statements of its first run again wherever a store is empty."""
    recorded: dict[tuple[str, str | None], list[_Statement]] = {}

    @wraps(upgrade)
    def upgrade_or_replay(config: Any, revision: str, *args: Any, **kwargs: Any) -> None:
        connection: Connection = config.attributes["connection"]
        if revision != "head" or inspect(connection).get_table_names():
            upgrade(config, revision, *args, **kwargs)
            return
        # Some tests have migrations of their own.
        key = connection.dialect.name, config.get_main_option("script_location")
        if key not in recorded:
            recorded[key] = _recorded(connection, lambda: upgrade(config, revision, *args, **kwargs))
            return
        for statement, parameters in recorded[key]:
            connection.exec_driver_sql(statement, parameters or None)

    return upgrade_or_replay


def _recorded(connection: Connection, work: Callable[[], None]) -> list[_Statement]:
    """Return the statements that change something while `work` runs."""
    found: list[_Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        reads = statement.lstrip().startswith("SELECT") or (statement.startswith("PRAGMA") and "=" not in statement)
        if not reads:
            found.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return found
