"""The newest version of each report on models and data: the asset graph writes it, and the API's metrics read it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine, delete, insert, select

from rps_core.store.engine import writing
from rps_core.store.schema import reports

DATA_DRIFT_REPORT, DISK_USE_REPORT = "data_drift", "disk_use"
# The least limit of a stability index: above it, play differs from the training data (Siddiqi, 2006).
DRIFTED = 0.25
# Largest difference between stored probabilities and those computed again.
PARITY_TOLERANCE = 1e-6


class Report(NamedTuple):
    """A report and the time when it was written."""

    created_at: datetime
    payload: dict[str, Any]


class Reports:
    """Reads and replaces reports."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    def write(self, name: str, payload: dict[str, Any], now: datetime) -> None:
        """Replace a report in one transaction, so that a reader sees the old one or the new one."""
        row = {"name": name, "created_ts_utc": now, "payload_json": json.dumps(payload, allow_nan=False)}
        with self._writer.begin() as connection:
            connection.execute(delete(reports).where(reports.c.name == name))
            connection.execute(insert(reports), row)

    def read(self, name: str) -> Report | None:
        """Return a report, or None if it was never written."""
        with self._engine.connect() as connection:
            row = connection.execute(select(reports).where(reports.c.name == name)).one_or_none()
        return None if row is None else Report(row.created_ts_utc, json.loads(row.payload_json))


def drift_limits(payload: Mapping[str, Any]) -> dict[str, float]:
    """Return the limit of each score in a report on data drift; reports of earlier releases have the least limit."""
    limits = payload.get("limits") or {}
    return {str(scope): float(limits.get(scope, DRIFTED)) for scope in payload.get("scores") or {}}
