"""Import of the original system's promotion ledger: each decision once, although its id has no meaning here."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from rps_cli.importers.original_file import MAX_JSON_CHARACTERS, SourceRow
from rps_cli.importers.report import ImportReport
from rps_cli.importers.values import (
    is_missing,
    parse_flag,
    parse_moment,
    parse_number,
    parse_optional,
    parse_text,
    parse_whole,
)
from rps_core.errors import StoreError
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import DECISIONS
from rps_core.store.engine import writing
from rps_core.store.schema import promotion_events

BROKEN_DECISION = "a promotion decision cannot be read"
CORRECTED_JSON = "lists of a promotion decision unreadable: left empty"
MAX_REASON_CHARACTERS = 1_000

_NUMBERS = ("z_statistic", "p_value")
_COUNTS = (
    "production_wins",
    "production_total_games",
    "b_wins",
    "b_total_games",
    "production_games_since_swap",
    "b_games_since_swap",
    "promotion_cycles_since_swap",
)
_LISTS = ("alias_rankings_json", "alias_accuracies_json", "alias_assignments_json")

# Two decisions are the same if their time and content are; ids differ between databases.
DecisionKey: TypeAlias = tuple[datetime, str, str, bytes]


def import_decisions(engine: Engine, rows: Iterable[SourceRow], report: ImportReport) -> None:
    """Append the decisions that the ledger lacks, in one transaction.

    Raises:
        StoreError: the database refused; no decision was written.
    """
    planned = list(_planned(rows, report))
    if not planned:
        return
    try:
        if report.dry_run:
            has_table = inspect(engine).has_table(promotion_events.name)
            with engine.connect() as connection:
                _count(planned, _known_keys(connection) if has_table else Counter(), report)
            return
        with writing(engine).begin() as connection:
            new = _count(planned, _known_keys(connection), report)
            if new:
                connection.execute(insert(promotion_events), new)
    except DBAPIError as error:
        raise StoreError(
            f"the gameplay database refused the promotion decisions: {error.orig}; the games are imported, so fix the "
            "cause and repeat the import"
        ) from error


def plan_decision(row: SourceRow) -> tuple[dict[str, Any], bool]:
    """Return a decision to store, and whether an unreadable list in it was replaced by an empty one.

    Raises:
        ValueError: the time, the family, the decision or a number is invalid.
    """
    values: dict[str, Any] = {"created_ts_utc": parse_moment(row["created_ts_utc"])}
    for name, known in (("model_type", FAMILIES), ("decision", DECISIONS)):
        values[name] = parse_text(row[name], 32).lower()
        if values[name] not in known:
            raise ValueError(f"{name} {values[name]!r} is not one of {', '.join(known)}")
    values |= {name: parse_optional(row[name], parse_number) for name in _NUMBERS}
    values |= {name: parse_optional(row[name], parse_whole) for name in _COUNTS}
    values["reorder_applied"] = int(parse_optional(row["reorder_applied"], parse_flag) or False)
    values |= {name: _json_list(row[name]) for name in _LISTS}
    corrected = any(not is_missing(row[name]) and row[name] != values[name] for name in _LISTS)
    values["reason"] = None if is_missing(row["reason"]) else _one_line(row["reason"])
    values["source"] = "original" if is_missing(row["source"]) else parse_text(row["source"], 64)
    values["payload_json"] = _json_payload(row["payload_json"])
    return values, corrected


def _planned(rows: Iterable[SourceRow], report: ImportReport) -> Iterable[dict[str, Any]]:
    for row in rows:
        try:
            values, corrected = plan_decision(row)
        except ValueError as error:
            report.count("skipped", BROKEN_DECISION, f"{row['id']}: {error}")
            continue
        if corrected:
            report.count("corrected", CORRECTED_JSON, str(row["id"]))
        yield values


def _count(
    planned: Iterable[dict[str, Any]], known: Counter[DecisionKey], report: ImportReport
) -> list[dict[str, Any]]:
    """Return the decisions that the ledger lacks; equal decisions are matched one to one."""
    new: list[dict[str, Any]] = []
    for values in planned:
        key = _key(values["created_ts_utc"], values["model_type"], values["decision"], values["payload_json"])
        is_known = known[key] > 0
        known[key] -= is_known
        example = f"{values['model_type']} {values['created_ts_utc']:%Y-%m-%d %H:%M}"
        report.count("already_there" if is_known else "imported", "promotion decisions", example)
        if not is_known:
            new.append(values)
    return new


def _known_keys(connection: Connection) -> Counter[DecisionKey]:
    columns = promotion_events.c
    query = select(columns.created_ts_utc, columns.model_type, columns.decision, columns.payload_json)
    return Counter(_key(*row) for row in connection.execute(query))


def _key(created_at: datetime, family: str, decision: str, payload: str) -> DecisionKey:
    return created_at, family, decision, hashlib.sha256(payload.encode()).digest()


def _json_list(value: object) -> str:
    text = _valid_json(value)
    return text if text is not None and text.lstrip().startswith("[") else "[]"


def _json_payload(value: object) -> str:
    text = _valid_json(value)
    return "{}" if text is None else text


def _valid_json(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_JSON_CHARACTERS:
        return None
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return None
    return value


def _one_line(value: object) -> str:
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return text.strip()[:MAX_REASON_CHARACTERS]
