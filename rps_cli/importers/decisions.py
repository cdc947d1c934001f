"""Import of the original system's promotion ledger: each decision once, although its id has no meaning here."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from rps_cli.importers.original_file import MAX_JSON_CHARACTERS, SourceRow
from rps_cli.importers.report import ImportReport
from rps_cli.importers.values import (
    Parser,
    Unusable,
    Values,
    parse_choice,
    parse_flag,
    parse_moment,
    parse_number,
    parse_text,
    parse_whole,
)
from rps_core.errors import StoreError
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import DECISIONS
from rps_core.store.engine import writing
from rps_core.store.schema import promotion_events

MAX_REASON_CHARACTERS = 1_000

_REQUIRED = ("created_ts_utc", "model_type", "decision")
_LISTS = ("alias_rankings_json", "alias_accuracies_json", "alias_assignments_json")
_DEFAULTS: dict[str, Any] = {"reorder_applied": 0, "source": "original", "payload_json": "{}"} | dict.fromkeys(
    _LISTS, "[]"
)
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
    begin = engine.connect if report.dry_run else writing(engine).begin
    try:
        with begin() as connection:
            # A dry run may find an empty database, because it creates no tables.
            has_table = inspect(connection).has_table(promotion_events.name)
            new = _count(planned, _known_keys(connection) if has_table else Counter(), report)
            if new and not report.dry_run:
                connection.execute(insert(promotion_events), new)
    except DBAPIError as error:
        raise StoreError(
            f"the gameplay database refused the promotion decisions: {error.orig}; the games are imported, so fix the "
            "cause and repeat the import"
        ) from error


def _planned(rows: Iterable[SourceRow], report: ImportReport) -> Iterator[dict[str, Any]]:
    """Yield the decisions to store; an unreadable list in one becomes an empty one."""
    for row in rows:
        values = Values(row, _PARSERS, lenient=(*_LISTS, "payload_json"))
        try:
            found = {name: values.require(name) if name in _REQUIRED else values[name] for name in _PARSERS}
        except Unusable as error:
            report.count("skipped", "a promotion decision cannot be read", f"{row['id']}: {error}")
            continue
        if not values.unreadable.isdisjoint(_LISTS):
            report.count("corrected", "lists of a promotion decision unreadable: left empty", str(row["id"]))
        yield {name: _DEFAULTS.get(name) if value is None else value for name, value in found.items()}


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


def _word(value: object, known: tuple[str, ...]) -> str:
    return parse_choice(parse_text(value, 32).lower(), known)


def _json(value: object, start: str = "") -> str:
    if not isinstance(value, str) or len(value) > MAX_JSON_CHARACTERS or not value.lstrip().startswith(start):
        raise ValueError("it is not JSON of a usable length")
    try:
        json.loads(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _one_line(value: object) -> str:
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return text.strip()[:MAX_REASON_CHARACTERS]


_PARSERS: dict[str, Parser] = {
    "created_ts_utc": parse_moment,
    "model_type": partial(_word, known=FAMILIES),
    "decision": partial(_word, known=DECISIONS),
    **dict.fromkeys(("z_statistic", "p_value"), parse_number),
    **dict.fromkeys(("production_wins", "production_total_games", "b_wins", "b_total_games"), parse_whole),
    **dict.fromkeys(("production_games_since_swap", "b_games_since_swap", "promotion_cycles_since_swap"), parse_whole),
    "reorder_applied": lambda value: int(parse_flag(value)),
    **dict.fromkeys(_LISTS, partial(_json, start="[")),
    "reason": _one_line,
    "source": partial(parse_text, limit=64),
    "payload_json": _json,
}
