"""The settled part of the running totals, stored as one row per window; the process that counted further replaces it.

A row belongs to one count from zero, which its `counting` identifies. If rounds are deleted, or if a column changes
that decides how a game counts, the triggers of migration 0002 empty the table. Each process then finds no `counting`,
or a different one, and starts again from zero.
"""

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from rps_core.store.engine import writing
from rps_core.store.schema import settled_totals
from rps_core.store.totals import NOTHING, Totals, VersionKey, decode_totals, decode_versions, encode_totals

# Part of each row's name, so that totals of another release are ignored.
FORMAT = "v1"

_LOG = logging.getLogger(__name__)


class Settled(NamedTuple):
    """Totals of all rounds up to a watermark (the id of a round), and the count from zero that they belong to."""

    counting: str
    watermark: int
    totals: Totals


class SettledTotals:
    """Reads and replaces the totals of one window.

    Args:
        engine: the gameplay store.
        since: start of the window; each window has its own totals.
    """

    def __init__(self, engine: Engine, since: datetime) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._name = f"{FORMAT} since {since.astimezone(UTC).isoformat()}"

    def load(self) -> Settled:
        """Return the settled totals; start a count from zero if there are none, or if they cannot be read."""
        for _ in range(2):
            found = self._read()
            if found is not None:
                return found
            self._start()
        return Settled("", 0, NOTHING)

    def counting(self) -> str | None:
        """Return the `counting` in the store, if any."""
        with self._engine.connect() as connection:
            return connection.scalar(select(settled_totals.c.counting).where(settled_totals.c.name == self._name))

    def save(self, settled: Settled) -> None:
        """Replace the totals, unless they belong to another count or another process has counted further."""
        row = settled_totals.c
        older = (row.name == self._name) & (row.counting == settled.counting) & (row.watermark < settled.watermark)
        values = {"watermark": settled.watermark, "payload_json": encode_totals(settled.totals)}
        with self._writer.begin() as connection:
            connection.execute(update(settled_totals).where(older).values(values))

    def _read(self) -> Settled | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(settled_totals).where(settled_totals.c.name == self._name)).one_or_none()
        if row is None:
            return None
        try:
            return Settled(row.counting, row.watermark, decode_totals(row.payload_json))
        except ValueError as error:
            _LOG.warning("all rounds are counted again: %s", error)
            with self._writer.begin() as connection:
                connection.execute(settled_totals.delete().where(settled_totals.c.name == self._name))
            return None

    def _start(self) -> None:
        row = {"name": self._name, "counting": uuid4().hex, "watermark": 0, "payload_json": encode_totals(NOTHING)}
        try:
            with self._writer.begin() as connection:
                connection.execute(insert(settled_totals), row)
        except IntegrityError:
            # Another process started at the same moment; its row serves this one too.
            _LOG.debug("another process has started the count")


def settled_versions(connection: Connection) -> tuple[int, Counter[VersionKey]]:
    """Return the highest watermark of any window, and the predictions of each version up to it.

    Predictions by version count at any time, so every window holds the same ones. The watermark is 0 if nothing is
    settled, or if the totals cannot be read.
    """
    query = (
        select(settled_totals.c.watermark, settled_totals.c.payload_json)
        .where(settled_totals.c.name.startswith(f"{FORMAT} "))
        .order_by(settled_totals.c.watermark.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return 0, Counter()
    try:
        return row.watermark, decode_versions(row.payload_json)
    except ValueError:
        return 0, Counter()
