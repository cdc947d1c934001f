"""Statements for every round: compiled once by SQLAlchemy, then passed straight to the driver.

Executing a Core statement costs 60 to 80 µs of Python, as much as a whole round costs here. This path skips what these
statements do not need: events, result processing, defaults computed in Python, and the lookup of compiled statements.
Values still pass through the bind processors of their column types.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Delete, Engine, Insert, Select, TextClause, Update

Statement: TypeAlias = Insert | Update | Delete | Select[Any] | TextClause
_Processor: TypeAlias = Callable[[Any], Any]


class PreparedWrite:
    """A statement of a transaction that writes, executed for many rows.

    Args:
        statement: the statement, with the parameters in `names`; a SELECT locks what the transaction changes.
        names: the parameters of a row; each row must have all of them.
        engine: the engine whose dialect the statement is compiled for.

    Raises:
        ValueError: the statement has other parameters than `names`.
    """

    def __init__(self, statement: Statement, names: Sequence[str], engine: Engine) -> None:
        # An UPDATE and an INSERT of a SELECT name their parameters; an INSERT of values needs the list of columns.
        columns = list(names) if isinstance(statement, Insert) and statement.select is None else None
        compiled = statement.compile(dialect=engine.dialect, column_keys=columns)
        self._sql = str(compiled)
        self._in_order = None if compiled.positiontup is None else _ordered(compiled.positiontup)
        found = {
            name: bind.type.dialect_impl(engine.dialect).bind_processor(engine.dialect)
            for name, bind in compiled.binds.items()
        }
        missing = set(found) ^ set(names)
        if missing:
            raise ValueError(f"parameters {sorted(missing)} are missing from the statement or from its rows")
        self._processors: dict[str, _Processor] = {name: processor for name, processor in found.items() if processor}

    def execute(self, cursor: Any, rows: Sequence[dict[str, Any]]) -> int:
        """Execute the statement for each row and return the total number of changed rows.

        Args:
            cursor: a cursor of the driver, from `Writer.cursor`.
            rows: the values, which are replaced by those that the driver takes.
        """
        if not rows:
            return 0
        if len(rows) == 1:
            cursor.execute(self._sql, self._bound(rows[0]))
        else:
            cursor.executemany(self._sql, [self._bound(row) for row in rows])
        return int(cursor.rowcount)

    def read(self, cursor: Any, values: dict[str, Any]) -> list[Any]:
        """Execute the statement once and return its rows, as the driver has them."""
        cursor.execute(self._sql, self._bound(values))
        return list(cursor.fetchall())

    def _bound(self, values: dict[str, Any]) -> Any:
        for name, processor in self._processors.items():
            values[name] = processor(values[name])
        return values if self._in_order is None else self._in_order(values)


def _ordered(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Return a function that returns the values of a row in the order of `names`."""
    if len(names) == 1:
        return lambda values: (values[names[0]],)
    return itemgetter(*names)
