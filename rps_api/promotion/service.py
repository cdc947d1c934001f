"""Reports into the ledger: validated first, then appended, so that a refused report leaves no trace."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from rps_api.errors import InvalidRequest
from rps_api.promotion.schemas import EventTotals, PromotionReport, PromotionReportReply
from rps_core.game.families import FAMILIES, Family, parse_family
from rps_core.promotion.cycle import SWAP, with_tickers
from rps_core.promotion.ledger_entry import (
    DECISIONS,
    AliasAccuracy,
    AliasAssignment,
    AliasRanking,
    Decision,
    LedgerEntry,
)
from rps_core.promotion.policy import CHALLENGERS
from rps_core.store.ledger import PromotionLedger

_TICKERS = ("production_games_since_swap", "b_games_since_swap", "promotion_cycles_since_swap")


def record_report(
    report: PromotionReport, ledger: PromotionLedger, clock: Callable[[], datetime]
) -> PromotionReportReply:
    """Append a reported decision to the ledger.

    Raises:
        InvalidRequest, UnknownModelSlot: the report names what does not exist; nothing was stored.
    """
    entry = entry_of(report, clock())
    missing = [name for name in _TICKERS if getattr(entry, name) is None]
    if missing:
        swaps = ledger.history(limit=1, family=entry.model_type, decision=SWAP)
        entry = with_tickers(entry, swaps[0] if swaps else None, ledger.cycles_since_swap(entry.model_type))
    event_id = ledger.append(entry, msgspec.to_builtins(report))
    return PromotionReportReply(
        success=True,
        model_type=entry.model_type,
        decision=entry.decision,
        reorder_applied=entry.reorder_applied,
        alias_rankings=entry.alias_rankings,
        alias_accuracies=entry.alias_accuracies,
        alias_assignments=entry.alias_assignments,
        reason=entry.reason,
        production_games_since_swap=entry.production_games_since_swap,
        b_games_since_swap=entry.b_games_since_swap,
        promotion_cycles_since_swap=entry.promotion_cycles_since_swap,
        event_id=event_id,
    )


def entry_of(report: PromotionReport, now: datetime) -> LedgerEntry:
    """Check a report and return the ledger entry it stands for.

    Raises:
        InvalidRequest: an unknown decision, a challenger that is none or named twice, or a moment that is none.
        UnknownModelSlot: an unknown family.
    """
    _require_challengers(report)
    return LedgerEntry(
        model_type=parse_family(report.model_type),
        decision=parse_decision(report.decision),
        created_at=now if report.created_ts_utc is None else parse_moment(report.created_ts_utc),
        z_statistic=report.z_statistic,
        p_value=report.p_value,
        production_wins=report.production_wins,
        production_total_games=report.production_total_games,
        b_wins=report.b_wins,
        b_total_games=report.b_total_games,
        production_games_since_swap=report.production_games_since_swap,
        b_games_since_swap=report.b_games_since_swap,
        promotion_cycles_since_swap=report.promotion_cycles_since_swap,
        reorder_applied=report.reorder_applied,
        alias_rankings=tuple(AliasRanking(**_fields(one)) for one in report.alias_rankings),
        alias_accuracies=tuple(AliasAccuracy(**_fields(one)) for one in report.alias_accuracies),
        alias_assignments=tuple(
            AliasAssignment(
                **_fields(one) | {"version": _text(one.version), "previous_version": _text(one.previous_version)}
            )
            for one in report.alias_assignments
        ),
        reason=report.reason,
        source=report.source,
    )


def event_totals(ledger: PromotionLedger, now: datetime, days: int) -> list[EventTotals]:
    """Count the decisions of the last days: each family, even without any, and last the sum."""
    start = now - timedelta(days=days)
    counted = Counter(ledger.decisions_between(start, now))
    families: list[str] = [*FAMILIES, *sorted({family for family, _ in counted} - set(FAMILIES))]
    rows = [_totals_row(family, counted, start, now) for family in families]
    summed = Counter[tuple[str, str]]()
    for (_, decision), count in counted.items():
        summed["ALL", decision] += count
    return [*rows, _totals_row("ALL", summed, start, now)]


def parse_decision(text: str) -> Decision:
    """Return the decision that `text` names.

    Raises:
        InvalidRequest: it names none.
    """
    for decision in DECISIONS:
        if text.strip().lower() == decision:
            return decision
    raise InvalidRequest(f"unknown decision {text[:40]!r}; known decisions: {', '.join(DECISIONS)}")


def parse_moment(text: str) -> datetime:
    """Return the moment written in ISO 8601, UTC where no zone is given.

    Raises:
        InvalidRequest: it is no such moment.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidRequest(f"{text[:40]!r} is no moment in ISO 8601, like 2026-11-01T12:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def optional_family(text: str | None) -> Family | None:
    """Return the family named by a filter, or None where there is no filter."""
    return None if text is None else parse_family(text)


def _require_challengers(report: PromotionReport) -> None:
    named = [ranking.alias for ranking in report.alias_rankings]
    unknown = sorted({alias for alias in named if alias not in CHALLENGERS})
    if unknown:
        raise InvalidRequest(f"alias_rankings names {', '.join(unknown)}; challengers are {', '.join(CHALLENGERS)}")
    if len(set(named)) != len(named):
        raise InvalidRequest("alias_rankings names a challenger twice")


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


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
