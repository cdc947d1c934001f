"""Statements of the hot path: built by SQLAlchemy for the dialect, compiled once, then handed straight to the driver.

Executing a Core statement costs 60 to 80 µs of Python each time, most of a round that is written in 250 µs. What is
left out is only what these statements do not need: result processing, defaults computed in Python, and the cache
lookup. Values still pass through the bind processors of their column types.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Insert, Update

_Processor: TypeAlias = Callable[[Any], Any]


class PreparedWrite:
    """An INSERT or UPDATE of one row, executed for many.

    Args:
        statement: the statement; its parameters carry the names in `names`.
        names: parameters of one row; each row must have all of them.
        engine: tells the dialect.
    """

    def __init__(self, statement: Insert | Update, names: Sequence[str], engine: Engine) -> None:
        # An UPDATE finds its parameters by itself; an INSERT is told its columns.
        columns = list(names) if isinstance(statement, Insert) else None
        compiled = statement.compile(dialect=engine.dialect, column_keys=columns)
        self._sql = str(compiled)
        self._positions = compiled.positiontup
        found = {
            name: bind.type.dialect_impl(engine.dialect).bind_processor(engine.dialect)
            for name, bind in compiled.binds.items()
        }
        missing = set(found) ^ set(names)
        if missing:
            raise ValueError(f"the parameters {sorted(missing)} are not in both the statement and its rows")
        self._processors: dict[str, _Processor] = {name: processor for name, processor in found.items() if processor}

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Execute the statement for each row; return how many rows it changed in all.

        Raises:
            sqlalchemy.exc.DBAPIError: the database refuses.
        """
        if not rows:
            return 0
        return connection.exec_driver_sql(self._sql, [self._bound(row) for row in rows]).rowcount

    def _bound(self, row: Mapping[str, Any]) -> Any:
        values = dict(row)
        for name, processor in self._processors.items():
            values[name] = processor(values[name])
        return values if self._positions is None else tuple(values[name] for name in self._positions)
