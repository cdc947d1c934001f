"""Replies about ledger entries and about exchanges of aliases. Pure functions."""

from typing import TypeVar

from litestar import Response

from rps_api.promotion.by_hand import Exchange
from rps_api.promotion.schemas import DemoteReply, LedgerRecord, PromoteReply
from rps_core.game.families import REGISTERED_NAMES, Alias
from rps_core.promotion.ledger_entry import AliasRanking, LedgerEntry
from rps_core.structs import struct_from

ReplyT = TypeVar("ReplyT", PromoteReply, DemoteReply)


def ledger_record(entry: LedgerEntry) -> LedgerRecord:
    """Return an entry with its derived fields."""
    ranked = sorted(entry.alias_rankings, key=lambda ranking: ranking.rank)
    by_rank = {ranking.rank: ranking for ranking in ranked}
    return struct_from(
        LedgerRecord,
        entry,
        created_ts_utc=entry.created_at.isoformat().replace("+00:00", "Z"),
        production_win_rate=_rate(entry.production_wins, entry.production_total_games),
        b_win_rate=_rate(entry.b_wins, entry.b_total_games),
        **{f"rank{rank}_summary": rank_summary(by_rank.get(rank)) for rank in (1, 2, 3)},
        step2_order=" > ".join(ranking.alias for ranking in ranked) or "-",
        step2_accuracy=", ".join(f"{ranking.alias}: {_percent(ranking)}" for ranking in ranked) or "-",
        step2_sources=", ".join(f"{ranking.alias} src={ranking.source_alias or ranking.alias}" for ranking in ranked)
        or "-",
    )


def rank_summary(ranking: AliasRanking | None) -> str | None:
    """Return a rank as text: ``B <- shadow1 (7 preds, 51.2%)``; None without a ranking."""
    if ranking is None:
        return None
    moved = ranking.source_alias not in {None, ranking.alias}
    name = f"{ranking.alias} <- {ranking.source_alias}" if moved else ranking.alias
    count = ranking.total_predictions
    parts = [f"{count} pred{'' if count == 1 else 's'}"] if count else []
    if ranking.accuracy is not None:
        parts.append(_percent(ranking))
    return f"{name} ({', '.join(parts)})" if parts else name


def answered(exchange: Exchange, reply: ReplyT) -> Response[ReplyT]:
    """Return the reply with its status: 202 until the Dagster run is done."""
    return Response(reply, status_code=200 if exchange.is_done else 202)


def promote_reply(exchange: Exchange, alias: Alias) -> PromoteReply:
    """Return the reply about a requested promotion."""
    slot = exchange.slots.get(alias)
    return PromoteReply(
        success=exchange.is_done,
        model_name=REGISTERED_NAMES[exchange.family],
        promoted_to=alias,
        version=slot.version if slot else None,
        previous_production=slot.previous_version if slot else None,
        run_id=exchange.run_id,
        message=exchange_message(exchange, alias),
    )


def demote_reply(exchange: Exchange) -> DemoteReply:
    """Return the reply about a requested demotion."""
    slot = exchange.slots.get("Production")
    return DemoteReply(
        success=exchange.is_done,
        model_name=REGISTERED_NAMES[exchange.family],
        demoted_from="Production",
        current_stage="B",
        version=slot.previous_version if slot else None,
        run_id=exchange.run_id,
        message=exchange_message(exchange, "Production"),
    )


def exchange_message(exchange: Exchange, alias: Alias) -> str:
    """Return a sentence about the outcome of an exchange."""
    name = f"{REGISTERED_NAMES[exchange.family]}@{alias}"
    if not exchange.is_done:
        return f"Dagster run {exchange.run_id} is queued or in progress; it will move {name}"
    slot = exchange.slots.get(alias)
    if slot is None:
        return f"{name} and B have the same version; nothing was moved"
    return f"{name} is now version {slot.version}; the promotion ledger has the reason"


def _percent(ranking: AliasRanking) -> str:
    return "n/a" if ranking.accuracy is None else f"{ranking.accuracy:.1%}"


def _rate(wins: int | None, total: int | None) -> float | None:
    return None if wins is None or not total else wins / total
