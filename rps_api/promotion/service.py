"""Reports for the promotion ledger: checked first, then appended, so that a rejected report leaves no trace."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import asdict

from rps_api.errors import InvalidRequest
from rps_api.promotion.schemas import EventTotals, PromotionReport, PromotionReportReply
from rps_core.game.families import FAMILIES, parse_family
from rps_core.promotion.ledger_entry import DECISIONS, Decision, LedgerEntry
from rps_core.promotion.policy import CHALLENGERS
from rps_core.promotion.tickers import with_tickers
from rps_core.store.ledger import PromotionLedger
from rps_core.structs import struct_from

_TICKERS = ("production_games_since_swap", "b_games_since_swap", "promotion_cycles_since_swap")


def record_report(
    report: PromotionReport, ledger: PromotionLedger, clock: Callable[[], datetime]
) -> PromotionReportReply:
    """Append a reported decision to the ledger.

    Raises:
        InvalidRequest, UnknownModelSlot: the report names something unknown; nothing was stored.
    """
    entry = entry_of(report, clock())
    missing = [name for name in _TICKERS if getattr(entry, name) is None]
    if missing:
        family = entry.model_type
        entry = with_tickers(entry, ledger.last_swap(family), ledger.cycles_since_swap(family))
    event_id = ledger.append(entry, msgspec.to_builtins(report))
    return struct_from(PromotionReportReply, entry, success=True, event_id=event_id)


def entry_of(report: PromotionReport, now: datetime) -> LedgerEntry:
    """Check a report and return its ledger entry.

    Raises:
        InvalidRequest: the decision, a challenger or the time is invalid, or a challenger occurs twice.
        UnknownModelSlot: the family does not exist.
    """
    _require_challengers(report)
    checked = {
        "model_type": parse_family(report.model_type),
        "decision": parse_decision(report.decision),
        "created_at": now if report.created_ts_utc is None else parse_time(report.created_ts_utc),
        "alias_assignments": [
            asdict(slot) | {"version": _text(slot.version), "previous_version": _text(slot.previous_version)}
            for slot in report.alias_assignments
        ],
    }
    return msgspec.convert(asdict(report) | checked, LedgerEntry, from_attributes=True)


def event_totals(ledger: PromotionLedger, now: datetime, days: int) -> list[EventTotals]:
    """Count the decisions of the last days: one row per family, then the total."""
    start = now - timedelta(days=days)
    counted = Counter(ledger.decisions_between(start, now))
    families: list[str] = [*FAMILIES, *sorted({family for family, _ in counted} - set(FAMILIES))]
    rows = [_totals_row(family, counted, start, now) for family in families]
    summed = Counter[tuple[str, str]]()
    for (_, decision), count in counted.items():
        summed["ALL", decision] += count
    return [*rows, _totals_row("ALL", summed, start, now)]


def parse_decision(text: str) -> Decision:
    """Return the decision with this name.

    Raises:
        InvalidRequest: no decision has this name.
    """
    for decision in DECISIONS:
        if text.strip().lower() == decision:
            return decision
    raise InvalidRequest(f"unknown decision {text[:40]!r}; use one of {', '.join(DECISIONS)}")


def parse_time(text: str) -> datetime:
    """Return a time written in ISO 8601; without a zone it is in UTC.

    Raises:
        InvalidRequest: the text is not such a time.
    """
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidRequest(f"{text[:40]!r} is not a time in ISO 8601; write it like 2026-11-01T12:00:00Z") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _require_challengers(report: PromotionReport) -> None:
    named = [ranking.alias for ranking in report.alias_rankings]
    unknown = sorted({alias for alias in named if alias not in CHALLENGERS})
    if unknown:
        raise InvalidRequest(f"alias_rankings contains {', '.join(unknown)}; challengers are {', '.join(CHALLENGERS)}")
    if len(set(named)) != len(named):
        raise InvalidRequest("alias_rankings contains a challenger twice; send each challenger once")


def _text(version: str | int | None) -> str | None:
    return None if version is None else str(version)


def _totals_row(model: str, counted: Counter[tuple[str, str]], start: datetime, end: datetime) -> EventTotals:
    counts = {decision: counted[model, decision] for decision in DECISIONS}
    return EventTotals(
        model=model,
        period_start=start.isoformat(),
        period_end=end.isoformat(),
        total_events=sum(counts.values()),
        **counts,
    )
