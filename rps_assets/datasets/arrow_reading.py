"""Rows of PostgreSQL as Arrow columns, through ADBC: a third of the processor time of tuples, see docs/performance.md.

SQLite is not read this way: ADBC's driver contains a second copy of SQLite, and two copies in one process can corrupt
the file.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl
from sqlalchemy import Connection, Select, text
from sqlalchemy.dialects.postgresql import base


def read_arrow(connection: Connection, queries: Iterable[Select[Any]], schema: dict[str, Any]) -> pl.DataFrame:
    """Return the rows of all queries, as the transaction of `connection` sees the database."""
    from adbc_driver_postgresql import dbapi

    url = connection.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
    found = [pl.DataFrame(schema=schema)]
    with dbapi.connect(url) as other, other.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        for query in queries:
            cursor.execute(_sql(query))
            rows = pl.DataFrame(cursor.fetch_arrow_table())
            renamed = rows.rename(dict(zip(rows.columns, schema, strict=True)))
            found.append(renamed.cast(pl.Schema(schema)))
    return pl.concat(found)


def _sql(query: Select[Any]) -> str:
    # Without a driver, so that no percent sign is doubled.
    dialect = base.PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
